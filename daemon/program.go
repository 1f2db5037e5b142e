package daemon

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a part of the address space, as /proc/PID/smaps describes it (proc(5)).
type mapping struct {
	from, to  uintptr
	mode      string // "r-xp"
	inode     uint64 // of the file behind it; 0: none
	anonymous int    // kB of it that are not the file's
}

// idle says that all of it is in the file as well. Pages of a file that were written and
// protected later, as the relocations of a linker are, exist here only.
func (m mapping) idle() bool {
	return m.inode != 0 && !strings.Contains(m.mode, "w") && m.anonymous == 0
}

// releaseProgram takes the pages of the program out of the process, about 10 MB. Code and tables that only the
// start needs, such as the parser of the configuration, would count as its memory until the system
// is short of it. What runs comes back from the page cache, with a minor fault for sixteen pages.
func releaseProgram() error {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer f.Close()
	var m mapping
	for lines := bufio.NewScanner(f); ; {
		more := lines.Scan()
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch {
		case more && strings.HasSuffix(name, ":"):
			if name == "Anonymous:" {
				_, err = fmt.Sscanf(value, "%d", &m.anonymous)
			}
		default: // the line of the next mapping, or the end
			if m.idle() {
				if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED); errno != 0 {
					return fmt.Errorf("madvise %x-%x: %w", m.from, m.to, errno)
				}
			}
			if !more {
				return lines.Err()
			}
			m = mapping{}
			_, err = fmt.Sscanf(lines.Text(), "%x-%x %s %s %s %d", &m.from, &m.to, &m.mode, new(string), new(string), &m.inode)
		}
		if err != nil {
			return fmt.Errorf("/proc/self/smaps: %q: %w", lines.Text(), err)
		}
	}
}
