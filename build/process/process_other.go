//go:build !unix

package process

import (
	"os"
	"os/exec"
)

// SetProcessGroup does nothing. Windows cannot send an interrupt to one process group
// without a console of its own, so a cancelled child is killed at once. What it leaves
// behind is in its temporary directory, which the lane removes.
func SetProcessGroup(*exec.Cmd) {}

// interruptGroup kills p.
func interruptGroup(p *os.Process) error { return p.Kill() }

// KillGroup does nothing.
func KillGroup(*os.Process) {}

// usageOf returns nothing, because what a process reports does not include its children.
func usageOf(*os.ProcessState) Usage { return Usage{} }
