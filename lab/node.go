package lab

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Node is one machine of the lab: a network namespace and a hostname.
type Node struct {
	lab  *Lab
	name string
	ns   netns.NsHandle
	uts  netns.NsHandle
	nl   *netlink.Handle // its sockets live in the namespace

	mu        sync.Mutex
	processes []*Process
}

// AddNode makes a namespace called <lab>-<name> with name as its hostname. The
// loopback is up, packets are forwarded, reverse-path filtering is loose and
// the multipath hash seed is the node's own: it follows from its name, so a
// run can be repeated.
func (l *Lab) AddNode(name string) (*Node, error) {
	n := &Node{lab: l, name: name, ns: netns.None(), uts: netns.None()}
	if err := n.create(); err != nil {
		return nil, errors.Join(fmt.Errorf("node %s: %w", name, err), n.remove())
	}
	l.mu.Lock()
	l.nodes = append(l.nodes, n)
	l.mu.Unlock()
	return n, nil
}

func (n *Node) create() error {
	if err := os.MkdirAll(n.Dir(), 0o755); err != nil {
		return err
	}
	if err := onOwnThread(n.newNamespaces); err != nil {
		return fmt.Errorf("make namespace %s: %w", n.Namespace(), err)
	}
	var err error
	if n.nl, err = netlink.NewHandleAt(n.ns, unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	if err := n.SetLink("lo", true); err != nil {
		return err
	}
	seed := fnv.New32a()
	seed.Write([]byte(n.name))
	if err := n.Sysctl("net.ipv4.fib_multipath_hash_seed", fmt.Sprint(seed.Sum32()|1)); err != nil {
		return fmt.Errorf("the lab needs a multipath hash seed per namespace, which came with Linux 6.11: %w", err)
	}
	for _, s := range [][2]string{
		{"net.ipv4.ip_forward", "1"},
		{"net.ipv4.conf.all.forwarding", "1"},
		{"net.ipv4.conf.default.forwarding", "1"},
		{"net.ipv4.conf.all.rp_filter", "2"},
		{"net.ipv4.conf.default.rp_filter", "2"},
	} {
		if err := n.Sysctl(s[0], s[1]); err != nil {
			return err
		}
	}
	return nil
}

// newNamespaces moves the calling thread into fresh namespaces and pins the
// network one under /run/netns, where `ip netns` looks.
func (n *Node) newNamespaces() error {
	var err error
	if n.ns, err = netns.NewNamed(n.Namespace()); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("unshare the hostname: %w", err)
	}
	if err := unix.Sethostname([]byte(n.name)); err != nil {
		return fmt.Errorf("set the hostname: %w", err)
	}
	n.uts, err = netns.GetFromPath("/proc/thread-self/ns/uts")
	return err
}

// Name is the node's name and hostname.
func (n *Node) Name() string { return n.name }

// Namespace is the name that `ip netns` knows.
func (n *Node) Namespace() string { return n.lab.name + "-" + n.name }

// Dir is a directory for the node's files, removed with the lab.
func (n *Node) Dir() string { return filepath.Join(n.lab.dir, n.name) }

// Do calls f on a thread inside the node: sockets that f opens belong to the
// node, also after f has returned. f must not start goroutines that need to be
// inside as well, and must not call testing's FailNow.
func (n *Node) Do(f func() error) error {
	return onOwnThread(func() error {
		if err := n.enter(); err != nil {
			return err
		}
		return f()
	})
}

func (n *Node) enter() error {
	if err := unix.Setns(int(n.ns), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", n.Namespace(), err)
	}
	if err := unix.Setns(int(n.uts), unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("enter the hostname of %s: %w", n.name, err)
	}
	return nil
}

// onOwnThread calls f on a thread that nobody else uses meanwhile and takes
// the thread back to where it came from. A thread that cannot go back dies.
func onOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := threadNamespaces()
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		err = f()
		if home.restore() == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

type namespaces struct{ net, uts netns.NsHandle }

func threadNamespaces() (namespaces, error) {
	net, err := netns.GetFromPath("/proc/thread-self/ns/net")
	if err != nil {
		return namespaces{}, err
	}
	uts, err := netns.GetFromPath("/proc/thread-self/ns/uts")
	if err != nil {
		return namespaces{}, errors.Join(err, net.Close())
	}
	return namespaces{net, uts}, nil
}

func (home *namespaces) restore() error {
	err := errors.Join(
		unix.Setns(int(home.net), unix.CLONE_NEWNET),
		unix.Setns(int(home.uts), unix.CLONE_NEWUTS))
	return errors.Join(err, home.net.Close(), home.uts.Close())
}

// Sysctl sets a kernel parameter of the node, written with dots as in
// sysctl(8).
func (n *Node) Sysctl(key, value string) error {
	return n.Do(func() error {
		if err := os.WriteFile(sysctlPath(key), []byte(value), 0); err != nil {
			return fmt.Errorf("sysctl %s=%s on %s: %w", key, value, n.name, err)
		}
		return nil
	})
}

// ReadSysctl reads a kernel parameter of the node.
func (n *Node) ReadSysctl(key string) (string, error) {
	var value []byte
	err := n.Do(func() (err error) {
		value, err = os.ReadFile(sysctlPath(key))
		return err
	})
	return strings.TrimSpace(string(value)), err
}

// sysctlPath follows sysctl(8): dots and slashes change places, so that an
// interface name with a dot can be written with a slash.
func sysctlPath(key string) string {
	return "/proc/sys/" + strings.NewReplacer(".", "/", "/", ".").Replace(key)
}

// Firewall loads an nftables ruleset into the node.
func (n *Node) Firewall(ctx context.Context, ruleset string) error {
	_, err := n.RunInput(ctx, ruleset, "nft", "-f", "-")
	return err
}

// remove takes the node apart. It is called on half-made nodes as well.
func (n *Node) remove() error {
	var errs []error
	if n.nl != nil {
		// Deleted explicitly: the namespace itself lives on as long as
		// a socket of it is open somewhere.
		errs = append(errs, n.deleteLinks())
		n.nl.Close()
		n.nl = nil
	}
	errs = append(errs, removeNamespace(n.Namespace()))
	for _, h := range []*netns.NsHandle{&n.ns, &n.uts} {
		if h.IsOpen() {
			errs = append(errs, h.Close())
		}
	}
	return errors.Join(errs...)
}
