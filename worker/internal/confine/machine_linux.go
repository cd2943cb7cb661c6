package confine

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is the memory, in bytes, that this process may use: the machine's, or less where one of the
// cgroups it is in has a limit. 0: unknown.
func Machine() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	memory := int64(info.Totalram) * int64(info.Unit) // #nosec G115 -- no machine has 2⁶³ bytes
	if path, err := ownCgroup("0"); err == nil {
		memory = lowest(memory, cgroupRoot, path, "memory.max")
	}
	if path, err := ownCgroup("memory"); err == nil { // version 1
		memory = lowest(memory, filepath.Join(cgroupRoot, "memory"), path, "memory.limit_in_bytes")
	}
	return memory
}

// lowest is the lowest limit on the way from a cgroup up to the root of its hierarchy.
func lowest(memory int64, root, path, file string) int64 {
	for ; ; path = filepath.Dir(path) {
		text, err := os.ReadFile(filepath.Join(root, path, file))
		if limit, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil {
			memory = min(memory, limit)
		}
		if path == "/" || path == "." {
			return memory
		}
	}
}
