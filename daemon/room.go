package daemon

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// databaseRoom is how many LSAs a database may hold where the configuration does not say: one for
// each 4 kB of memory. All in all an LSA takes about 600 bytes here and in the kernel, so that a
// flood of them is refused before it has taken a sixth of the machine.
func databaseRoom(memory uint64) int {
	const share, least, most = 4096, 100_000, 1_100_000
	return int(min(max(memory/share, least), most))
}

// memory is what this process may use, in bytes: what the machine has, or less if a limit of its
// cgroup, or of one above, says so. It is 0 when the kernel does not tell.
func memory() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	total := uint64(info.Totalram) * uint64(info.Unit)
	own, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(own)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok { // version 2, cgroups(7)
			total = min(total, memoryLimit("/sys/fs/cgroup", path, total))
		}
	}
	return total
}

// memoryLimit is the smallest memory.max of a cgroup and those above it; total when there is none.
func memoryLimit(root, path string, total uint64) uint64 {
	for path = filepath.Clean("/" + path); ; path = filepath.Dir(path) {
		text, _ := os.ReadFile(filepath.Join(root, path, "memory.max"))
		if limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64); err == nil { // "max" is none
			total = min(total, limit)
		}
		if path == "/" {
			return total
		}
	}
}
