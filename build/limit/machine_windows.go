package limit

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// A memoryStatus is MEMORYSTATUSEX (learn.microsoft.com, GlobalMemoryStatusEx).
type memoryStatus struct {
	length       uint32
	load         uint32
	totalPhys    uint64
	availPhys    uint64
	totalPage    uint64
	availPage    uint64
	totalVirtual uint64
	availVirtual uint64
	extra        uint64
}

// freeMemory returns the physical memory that is available, in bytes.
func freeMemory() int64 {
	var status memoryStatus
	status.length = uint32(unsafe.Sizeof(status))

	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	ok, _, _ := call.Call(uintptr(unsafe.Pointer(&status)))
	if ok == 0 {
		return 0
	}
	return int64(status.availPhys)
}
