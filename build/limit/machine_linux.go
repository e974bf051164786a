package limit

import "os"

// freeMemory returns the memory that is free, in bytes.
func freeMemory() int64 { return linuxMemory(os.DirFS("/")) }
