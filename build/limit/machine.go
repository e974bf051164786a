package limit

import (
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// A Machine is what this process may use of the machine that it runs on.
type Machine struct {
	Processors int
	Memory     int64 // bytes that are free, of the system or of the container; 0 if that is not known
}

// linuxMemory is the memory that is free, in bytes: of the system, and of every control
// group that the process is in. A group's cache of files counts as free: the kernel gives
// it up. root is the file system.
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
		v1 := strings.Contains(","+parts[1]+",", ",memory,")
		if !v1 && parts[0] != "0" {
			continue
		}
		// A limit of a group above holds too. In a container the path may be that of the
		// machine around it, and only the top of the tree be there.
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			if room, limited := groupRoom(root, v1, dir); limited && (free == 0 || room < free) {
				free = max(room, 1)
			}
			if dir == "/" {
				break
			}
		}
	}
	return free
}

// groupRoom is the memory that one control group may still take, if it has a limit.
func groupRoom(root fs.FS, v1 bool, dir string) (room int64, limited bool) {
	base, limit, usage, cache := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
	if v1 {
		base, limit, usage, cache = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
	}
	most := number(root, path.Join(base, dir, limit))
	if most <= 0 || most >= 1<<60 { // "max", or the largest number there is
		return 0, false
	}
	used := number(root, path.Join(base, dir, usage)) - field(root, path.Join(base, dir, "memory.stat"), cache)
	return most - max(used, 0), true
}

// number is the number that a file consists of, 0 if it does not.
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

// field is the number behind a name in a file of such lines, 0 if there is none.
func field(root fs.FS, name, key string) int64 {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == key {
			if n, err := strconv.ParseInt(words[1], 10, 64); err == nil {
				return n
			}
		}
	}
	return 0
}
