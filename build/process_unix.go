//go:build unix

package build

import (
	"os"
	"os/exec"
	"runtime"
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

// largestProcess is the most memory that any one process of an ended child had, the child
// or those it waited for, in bytes (getrusage(2), RUSAGE_CHILDREN).
func largestProcess(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss) // bytes there, kilobytes elsewhere
	}
	return int64(usage.Maxrss) * 1024
}
