package limit

import "golang.org/x/sys/unix"

// freeMemory is Machine.Memory. macOS has no number for what is free that means it: what
// it calls so is little on every machine. Half of all there is will be.
func freeMemory() int64 {
	all, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(all / 2)
}
