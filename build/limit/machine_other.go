//go:build !linux && !darwin && !windows

package limit

// freeMemory is Machine.Memory, which is not known here.
func freeMemory() int64 { return 0 }
