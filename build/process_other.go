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

// usageOf knows nothing here: what a process reports of itself leaves its children out.
func usageOf(*os.ProcessState) usage { return usage{} }
