//go:build !unix

package process

import (
	"os"
	"os/exec"
)

// Windows cannot send an interrupt to one process group without a console of its
// own, so a cancelled child is killed at once there. What it leaves behind is in
// its temporary directory, which the lane removes.
func SetProcessGroup(*exec.Cmd) {}

func interruptGroup(p *os.Process) error { return p.Kill() }

func KillGroup(*os.Process) {}

// usageOf knows nothing here: what a process reports of itself leaves its children out.
func usageOf(*os.ProcessState) Usage { return Usage{} }
