package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const netnsDir = "/run/netns"

// SweepStale removes what labs with this tag left behind whose program no
// longer lives, because it crashed or because it kept its network on purpose:
// processes, namespaces and files. It returns the names of these labs.
func SweepStale(tag string) ([]string, error) {
	if !validTag(tag) {
		return nil, fmt.Errorf("lab tag %q: use letters, digits and dashes", tag)
	}
	pattern := regexp.MustCompile("^(" + regexp.QuoteMeta(tag) + `-([0-9]+)(?:\.[0-9]+)?)(?:$|-)`)
	var swept []string
	stale := func(name string) bool {
		m := pattern.FindStringSubmatch(name)
		if m == nil || processLives(m[2]) {
			return false
		}
		if !slices.Contains(swept, m[1]) {
			swept = append(swept, m[1])
		}
		return true
	}
	var errs []error
	for _, name := range entries(netnsDir) {
		if stale(name) {
			killInside(name)
			errs = append(errs, removeNamespace(name))
		}
	}
	for _, name := range entries(runDir) {
		if stale(name) {
			errs = append(errs, os.RemoveAll(filepath.Join(runDir, name)))
		}
	}
	return swept, errors.Join(errs...)
}

func entries(dir string) []string {
	list, _ := os.ReadDir(dir) // a missing directory has no entries
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names
}

func processLives(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}

// removeNamespace takes a name away from `ip netns`. The kernel frees the
// namespace and its links when the last process and socket in it are gone.
func removeNamespace(name string) error {
	path := filepath.Join(netnsDir, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("unmount namespace %s: %w", name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove namespace %s: %w", name, err)
	}
	return nil
}

// killInside kills every other process in the named namespace and waits until
// they are gone, at most two seconds.
func killInside(name string) {
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); {
		pids := processesInside(name)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func processesInside(name string) []int {
	var want, home unix.Stat_t
	if unix.Stat(filepath.Join(netnsDir, name), &want) != nil || unix.Stat("/proc/self/ns/net", &home) != nil {
		return nil
	}
	if want.Dev != home.Dev || want.Ino == home.Ino {
		return nil // a file that was never mounted, or our own namespace
	}
	return processesWith(want)
}

// processesWith lists the processes but this one whose network namespace is the given file.
func processesWith(want unix.Stat_t) []int {
	var pids []int
	for _, entry := range entries("/proc") {
		pid, err := strconv.Atoi(entry)
		if err != nil || pid == os.Getpid() {
			continue
		}
		var st unix.Stat_t
		if unix.Stat("/proc/"+entry+"/ns/net", &st) == nil && st.Ino == want.Ino && st.Dev == want.Dev {
			pids = append(pids, pid)
		}
	}
	return pids
}
