//go:build unix

package main

import "syscall"

// disableCoreDumps stops this process and its children from writing core files.
func disableCoreDumps() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		return // keep the limit of the machine
	}

	limit.Cur = 0
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit) // lowering it is always allowed
}
