package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// runDir holds the directories of all labs. It belongs to root, so the names
// in it cannot be taken by somebody else.
const runDir = "/run"

// Options say how a lab is named and how long it lives.
type Options struct {
	// Tag starts the names of everything the lab makes, for example
	// "ecmpd-demo". Letters, digits and dashes.
	Tag string
	// Keep lets the processes of the lab outlive this program. Otherwise
	// the kernel kills them when it ends, however it ends.
	Keep bool
}

// Lab is a network of namespaces. Its methods may be called from several
// goroutines.
type Lab struct {
	name string
	dir  string
	keep bool

	mu    sync.Mutex
	nodes []*Node
	links int // made so far
}

// New makes an empty lab. The caller owns it and calls Close.
func New(o Options) (*Lab, error) {
	if !validTag(o.Tag) {
		return nil, fmt.Errorf("lab tag %q: use letters, digits and dashes", o.Tag)
	}
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s-%d", o.Tag, os.Getpid())
		if i > 1 {
			name = fmt.Sprintf("%s.%d", name, i)
		}
		dir := filepath.Join(runDir, name)
		err := os.Mkdir(dir, 0o755)
		if errors.Is(err, os.ErrExist) {
			continue // another lab of this process
		}
		if err != nil {
			return nil, fmt.Errorf("make the lab's directory (are you root?): %w", err)
		}
		return &Lab{name: name, dir: dir, keep: o.Keep}, nil
	}
}

func validTag(tag string) bool {
	for _, r := range tag {
		if r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return tag != ""
}

// Name is the prefix of all the lab's namespaces: tag and process id.
func (l *Lab) Name() string { return l.name }

// Dir is the lab's directory, removed by Close.
func (l *Lab) Dir() string { return l.dir }

// Node finds a node by its name, nil when there is none.
func (l *Lab) Node(name string) *Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// Nodes lists the nodes in the order in which they were added.
func (l *Lab) Nodes() []*Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Node(nil), l.nodes...)
}

// Close kills what runs in the lab and removes its links, namespaces and
// files. It goes on after an error and may be called on a half-made lab and
// more than once.
func (l *Lab) Close() error {
	l.mu.Lock()
	nodes := l.nodes
	l.nodes = nil
	l.mu.Unlock()

	var errs []error
	for _, n := range nodes {
		n.killProcesses()
	}
	for _, n := range nodes {
		errs = append(errs, n.remove())
	}
	errs = append(errs, os.RemoveAll(l.dir))
	return errors.Join(errs...)
}
