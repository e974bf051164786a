//go:build unix

package build

import (
	"os"
	"os/exec"
	"syscall"
)

// setProcessGroup gives the child a group of its own, so that the compilers that
// the go command starts are reached together with it.
func setProcessGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interruptGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGINT) }

func killGroup(p *os.Process) {
	if p != nil {
		_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // ESRCH, nothing left of it, is the usual answer
	}
}
