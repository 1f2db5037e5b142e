// Package sysctl reads and writes the few kernel settings that ecmpd may change,
// remembers what they were, and puts them back.
package sysctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrReadOnly is wrapped when the kernel setting may not be written here.
var ErrReadOnly = errors.New("kernel settings are read-only here")

// stateFile holds the values that Settings found, in the state directory.
const stateFile = "sysctl.json"

// Settings writes settings below /proc/sys and keeps the values it found. Its
// methods may be called from several goroutines.
type Settings struct {
	root string // /proc/sys
	dir  string

	mu  sync.Mutex
	old map[string]string
}

// Open loads the values that earlier runs found, from dir. A file that cannot be
// read is an error and Settings is still usable: it starts with no old values.
func Open(dir string) (*Settings, error) { return open("/proc/sys", dir) }

func open(root, dir string) (*Settings, error) {
	s := &Settings{root: root, dir: dir, old: map[string]string{}}
	path := filepath.Join(dir, stateFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("old kernel settings: %w", err)
	}
	if err := json.Unmarshal(b, &s.old); err != nil || s.old == nil {
		s.old = map[string]string{}
		return s, fmt.Errorf("old kernel settings in %s are damaged and cannot be restored; delete the file: %w", path, err)
	}
	return s, nil
}

// Get reads a setting such as "net.ipv4.ip_forward". Interface names with dots
// are written with slashes: "net/ipv4/conf/eth0.5/rp_filter".
func (s *Settings) Get(name string) (string, error) {
	path, err := s.path(name)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read kernel setting %s: %w", name, err)
	}
	return strings.Join(strings.Fields(string(b)), " "), nil
}

// Set writes the value if the setting differs and returns what it was before.
// The first old value of a setting is kept in the state directory before the
// setting changes. ErrReadOnly says that the setting may not be written.
func (s *Settings) Set(name, value string) (old string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err = s.Get(name)
	if err != nil || old == value {
		return old, err
	}
	if _, kept := s.old[name]; !kept {
		s.old[name] = old
		if err := s.save(); err != nil {
			delete(s.old, name)
			return old, fmt.Errorf("kernel setting %s stays %q: %w", name, old, err)
		}
	}
	return old, s.write(name, value)
}

func (s *Settings) write(name, value string) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(value + "\n")
		err = errors.Join(err, f.Close())
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("set kernel setting %s to %s: %w; set it outside the container, or give it a writable /proc/sys: %w",
			name, value, ErrReadOnly, err)
	}
	return fmt.Errorf("set kernel setting %s to %s: %w", name, value, err)
}

// Restore puts every old value back, forgets those that succeeded and returns
// their names. It goes on after errors and joins them. A setting that is no longer
// there (its interface went) is forgotten.
func (s *Settings) Restore() (restored []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var problems []error
	for _, name := range s.names() {
		have, err := s.Get(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			delete(s.old, name)
			continue
		case err == nil && have != s.old[name]:
			err = s.write(name, s.old[name])
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		delete(s.old, name)
		restored = append(restored, name)
	}
	return restored, errors.Join(append(problems, s.save())...)
}

func (s *Settings) names() []string {
	names := make([]string, 0, len(s.old))
	for n := range s.old {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// save replaces the state file atomically; with nothing to keep it goes.
func (s *Settings) save() error {
	path := filepath.Join(s.dir, stateFile)
	if len(s.old) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep old kernel settings: %w", err)
		}
		return nil
	}
	b, err := json.MarshalIndent(s.old, "", "  ")
	if err == nil {
		err = os.MkdirAll(s.dir, 0o755)
	}
	if err == nil {
		err = replaceFile(path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep old kernel settings: %w", err)
	}
	return nil
}

// replaceFile writes b to path so that a crash leaves the old or the new content.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// path finds the setting's file and refuses names that lead elsewhere.
func (s *Settings) path(name string) (string, error) {
	rel := name
	if !strings.Contains(name, "/") {
		rel = strings.ReplaceAll(name, ".", "/")
	}
	if !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%q is no name of a kernel setting", name)
	}
	return filepath.Join(s.root, rel), nil
}
