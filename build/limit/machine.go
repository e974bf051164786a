package limit

import (
	"io/fs"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// A Machine is what this process may use of the machine that it runs on.
type Machine struct {
	Processors int
	Memory     int64 // bytes that are free, of the system or of the container; 0 if that is not known
}

// ThisMachine describes the machine. Its processors are those that the Go scheduler uses,
// which knows the limits of a container.
func ThisMachine() Machine {
	return Machine{
		Processors: runtime.GOMAXPROCS(0),
		Memory:     freeMemory(),
	}
}

// linuxMemory returns the memory that is free, in bytes: of the system, and of every control
// group that the process is in. A group's cache of files counts as free, because the kernel
// reclaims it. root is the file system.
//
// Sources: proc_meminfo(5); Linux, Documentation/admin-guide/cgroup-v2.rst and
// cgroup-v1/memory.rst.
func linuxMemory(root fs.FS) int64 {
	free := field(root, "proc/meminfo", "MemAvailable:") * 1024
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return free
	}

	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(parts) != 3 {
			continue
		}
		isV1 := strings.Contains(","+parts[1]+",", ",memory,")
		isV2 := parts[0] == "0"
		if !isV1 && !isV2 {
			continue
		}

		// The limits of the groups above hold too. In a container the path may be the one on
		// the host, of which only the top of the tree can be seen.
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			room, limited := groupMemory(root, isV1, dir)
			if limited && (free == 0 || room < free) {
				free = max(room, 1)
			}
			if dir == "/" {
				break
			}
		}
	}
	return free
}

// groupMemory returns the memory that one control group may still use, if it has a limit.
func groupMemory(root fs.FS, isV1 bool, dir string) (free int64, limited bool) {
	base := "sys/fs/cgroup"
	limit := "memory.max"
	usage := "memory.current"
	cache := "inactive_file"
	if isV1 {
		base = "sys/fs/cgroup/memory"
		limit = "memory.limit_in_bytes"
		usage = "memory.usage_in_bytes"
		cache = "total_inactive_file"
	}

	most := number(root, path.Join(base, dir, limit))
	if most <= 0 || most >= 1<<60 { // "max", or the largest number there is
		return 0, false
	}

	used := number(root, path.Join(base, dir, usage))
	cached := field(root, path.Join(base, dir, "memory.stat"), cache)
	return most - max(used-cached, 0), true
}

// number returns the number in a file that consists of one, else 0.
func number(root fs.FS, name string) int64 {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// field returns the number after a key in a file with lines "KEY NUMBER", 0 if there is
// none.
func field(root fs.FS, name, key string) int64 {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}

	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != key {
			continue
		}
		n, err := strconv.ParseInt(words[1], 10, 64)
		if err == nil {
			return n
		}
	}
	return 0
}
