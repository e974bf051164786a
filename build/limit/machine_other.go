//go:build !linux && !darwin && !windows

package limit

// freeMemory returns 0: the free memory is not known here.
func freeMemory() int64 { return 0 }
