//go:build !unix

package build

import (
	"os"
	"os/exec"
)

// Windows cannot send an interrupt to one process group without a console of its
// own, so a cancelled child is killed at once there. What it leaves behind is in
// its temporary directory, which the lane removes.
func setProcessGroup(*exec.Cmd) {}

func interruptGroup(p *os.Process) error { return p.Kill() }

func killGroup(*os.Process) {}

// largestProcess is not known here: what a process reports of itself leaves its children out.
func largestProcess(*os.ProcessState) int64 { return 0 }
