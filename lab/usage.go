package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of proc(5)'s processor times on Linux.
const clockTick = time.Second / 100

// Usage is what the processes inside a node have used, those that still run.
type Usage struct {
	CPU time.Duration // since their start, in steps of 10 ms
	// Resident memory in bytes; Proportional counts a page that several
	// processes share once.
	Resident, Proportional int
}

// Usage adds up the processes that run in the node.
func (n *Node) Usage() (Usage, error) {
	var sum Usage
	var namespace unix.Stat_t
	if err := unix.Stat(filepath.Join(netnsDir, n.Namespace()), &namespace); err != nil {
		return sum, fmt.Errorf("%s: %w", n.name, err)
	}
	for _, pid := range processesWith(namespace) {
		u, err := processUsage(fmt.Sprintf("/proc/%d/", pid))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return sum, fmt.Errorf("%s: process %d: %w", n.name, pid, err)
		}
		sum.CPU += u.CPU
		sum.Resident += u.Resident
		sum.Proportional += u.Proportional
	}
	return sum, nil
}

func processUsage(dir string) (u Usage, err error) {
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return u, err
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the name may hold anything
	f := strings.Fields(string(after))           // from field 3 on
	if len(f) < 13 {
		return u, fmt.Errorf("cannot read %q", stat)
	}
	for _, ticks := range f[11:13] { // utime and stime
		n, err := strconv.Atoi(ticks)
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(n) * clockTick
	}
	rollup, err := os.ReadFile(dir + "smaps_rollup")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(rollup)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "Rss":
			u.Resident = kilobytes << 10
		case "Pss":
			u.Proportional = kilobytes << 10
		}
	}
	return u, nil
}

// Crashed tells which long-lived process of the node has ended, and how; nil
// when all run.
func (n *Node) Crashed() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.processes {
		if err := p.Err(); err != nil {
			return err
		}
	}
	return nil
}
