package limit

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// freeMemory is Machine.Memory: the physical memory that is available, in
// MEMORYSTATUSEX (learn.microsoft.com, GlobalMemoryStatusEx).
func freeMemory() int64 {
	status := struct {
		length, load                                                                  uint32
		totalPhys, availPhys, totalPage, availPage, totalVirtual, availVirtual, extra uint64
	}{}
	status.length = uint32(unsafe.Sizeof(status))
	ok, _, _ := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx").Call(uintptr(unsafe.Pointer(&status)))
	if ok == 0 {
		return 0
	}
	return int64(status.availPhys)
}
