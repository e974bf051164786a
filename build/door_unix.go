//go:build unix

package build

import "syscall"

// doNotWait opens a pipe without waiting for somebody to write into it.
const doNotWait = syscall.O_NONBLOCK
