//go:build unix

package process

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// SetProcessGroup gives the child a process group of its own, which includes the compilers
// that the go command starts.
func SetProcessGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interruptGroup interrupts every process in the group of p.
func interruptGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGINT) }

// KillGroup kills every process in the group of p.
func KillGroup(p *os.Process) {
	if p != nil {
		_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // ESRCH, nothing left of it, is the usual answer
	}
}

// usageOf returns what an ended child and the children that it waited for have used. The
// memory is the most that any one of them used (getrusage(2), RUSAGE_CHILDREN).
func usageOf(state *os.ProcessState) Usage {
	used := Usage{CPU: state.UserTime() + state.SystemTime()}

	rusage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return used
	}
	used.Largest = int64(rusage.Maxrss) // bytes on Darwin, kilobytes elsewhere
	if runtime.GOOS != "darwin" && runtime.GOOS != "ios" {
		used.Largest *= 1024
	}
	return used
}
