//go:build unix

package door

import "syscall"

// DoNotWait opens a pipe without waiting for somebody to write into it.
const DoNotWait = syscall.O_NONBLOCK
