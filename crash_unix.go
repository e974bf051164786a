//go:build unix

package main

import "syscall"

// withoutCore stops this process and its children from writing core files.
func withoutCore() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		return // the limit of the machine stays
	}

	limit.Cur = 0
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit) // lowering it is always allowed
}
