//go:build unix

package main

import "syscall"

// withoutCore keeps the memory of this process, and of its children, out of core files.
func withoutCore() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		return // a core file is what the machine is set up for then
	}

	limit.Cur = 0
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit) // to lower it is always allowed
}
