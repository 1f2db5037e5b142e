// Package link gives the kernel's links and IPv4 addresses as immutable
// snapshots.
//
// Events are a reason to look. After the first event of a burst everything is
// dumped at once, and while events go on dumps are spaced by a multiple of what
// the last one took. So a thousand new interfaces cost a few dumps, and a lost
// event (ENOBUFS) costs one more. What the last snapshot says is true whatever
// was renamed, deleted, made again or moved in between. One thing cannot wait for
// a dump among a thousand links: an event that says a link went down is put into
// a copy of the last snapshot and delivered first; the dump follows.
//
// Files: link.go (values), watch_linux.go (events), dump_linux.go (netlink),
// speed_linux.go (ethtool).
package link

import "net/netip"

// Link is one interface of the network namespace.
type Link struct {
	Index int
	Name  string
	MTU   int
	Speed int // Mbit/s, as the driver says; 0: unknown, and on links that are tunnels or down
	// Up: administratively up and running, so with carrier. Tunnels that do not
	// tell (operational state unknown) count as running.
	Up           bool
	PointToPoint bool
	Loopback     bool
	ARP          bool // neighbours are found by ARP
	Addrs        []Addr
}

// Addr is an IPv4 address of a link.
type Addr struct {
	// Addr is the local address with the prefix length; on a link with a peer
	// address the length belongs to the peer.
	Addr netip.Prefix
	// Peer is the address of the other end, the zero Addr when none was given.
	Peer      netip.Addr
	Secondary bool
}

// Snapshot is the state of all links at one time, by index. It is shared and
// must not be changed.
type Snapshot struct {
	Links []Link
}

// ByName returns the link of that name.
func (s Snapshot) ByName(name string) (Link, bool) {
	for _, l := range s.Links {
		if l.Name == name {
			return l, true
		}
	}
	return Link{}, false
}

// ByIndex returns the link with that interface index.
func (s Snapshot) ByIndex(index int) (Link, bool) {
	for _, l := range s.Links {
		if l.Index == index {
			return l, true
		}
	}
	return Link{}, false
}
