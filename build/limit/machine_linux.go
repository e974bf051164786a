package limit

import "os"

// freeMemory is Machine.Memory.
func freeMemory() int64 { return linuxMemory(os.DirFS("/")) }
