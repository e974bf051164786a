package limit

import "golang.org/x/sys/unix"

// freeMemory returns half of the physical memory. What macOS calls free is little on every
// machine, because it uses the rest for caches.
func freeMemory() int64 {
	all, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(all / 2)
}
