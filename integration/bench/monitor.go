package main

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/lab"
)

const monitorBuffer = 256 << 20 // bytes: a million events may wait

// monitor follows the kernel of a node by its notifications, each with the
// time at which it was read: routes, nexthop objects, groups and links. It sees what any
// daemon does, whatever the daemon says of itself.
type monitor struct {
	fd   int
	stop chan struct{}
	busy sync.WaitGroup

	mu       sync.Mutex
	err      error // events were lost
	routes   map[netip.Prefix]*route
	nexthops map[uint32]*nexthop
	links    map[int]linkEvent
	events   int
	last     time.Time // the last change of a route or a nexthop object
	avoided  int       // interface that avoid was asked about
}

// route is one IPv4 route of the main table.
type route struct {
	oifs    []int // of its legs, when it has no nexthop object
	nexthop uint32
	at      time.Time // its last event
	clean   time.Time // when it stopped to use the avoided interface by an event of its own
}

// nexthop is a nexthop object or group.
type nexthop struct {
	oif   int
	group []uint32
	clean time.Time
}

type linkEvent struct {
	up bool
	at time.Time // since when
}

func watch(node *lab.Node) (*monitor, error) {
	m := &monitor{
		stop: make(chan struct{}), routes: map[netip.Prefix]*route{}, nexthops: map[uint32]*nexthop{}, links: map[int]linkEvent{},
	}
	err := node.Do(func() (err error) {
		m.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		if err := unix.Bind(m.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, monitorBuffer); err != nil {
			return err
		}
		for _, group := range []int{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_NEXTHOP} {
			if err := unix.SetsockoptInt(m.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group); err != nil {
				return err
			}
		}
		return unix.SetsockoptTimeval(m.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000})
	})
	if err != nil {
		return nil, fmt.Errorf("watch the kernel of %s: %w", node.Name(), err)
	}
	m.busy.Go(m.read)
	return m, nil
}

func (m *monitor) close() {
	close(m.stop)
	m.busy.Wait()
	unix.Close(m.fd)
}

func (m *monitor) read() {
	buffer := make([]byte, 1<<16)
	for {
		select {
		case <-m.stop:
			return
		default:
		}
		n, _, err := unix.Recvfrom(m.fd, buffer, 0)
		now := time.Now()
		switch err {
		case nil:
			m.mu.Lock()
			m.take(buffer[:n], now)
			m.mu.Unlock()
		case unix.EAGAIN, unix.EINTR:
		default:
			m.mu.Lock()
			m.err = fmt.Errorf("kernel events: %w", err)
			m.mu.Unlock()
		}
	}
}

// add takes a route as it now is, or its end (nil).
func (m *monitor) add(p netip.Prefix, r *route, now time.Time) {
	m.events++
	m.last = now
	if r == nil {
		delete(m.routes, p)
		return
	}
	r.at = now
	if was := m.routes[p]; was != nil && !m.uses(was, m.avoided) {
		r.clean = m.cleanSince(was) // a route that left with its group has left, whatever follows
	}
	if m.uses(r, m.avoided) {
		r.clean = time.Time{}
	} else if r.clean.IsZero() {
		r.clean = now
	}
	m.routes[p] = r
}

// addNexthop takes a nexthop object as it now is, or its end (nil).
func (m *monitor) addNexthop(id uint32, nh *nexthop, now time.Time) {
	m.last = now
	if nh == nil {
		delete(m.nexthops, id)
		return
	}
	was := m.nexthops[id]
	if m.nexthops[id] = nh; was == nil {
		return // routes that come to a new one have their own time
	}
	nh.clean = was.clean
	if m.nexthopUses(nh, m.avoided) {
		nh.clean = time.Time{}
	} else if nh.clean.IsZero() {
		nh.clean = now
	}
}

func (m *monitor) uses(r *route, oif int) bool {
	if r.nexthop != 0 {
		return m.nexthopUses(m.nexthops[r.nexthop], oif)
	}
	for _, o := range r.oifs {
		if o == oif {
			return true
		}
	}
	return false
}

func (m *monitor) nexthopUses(nh *nexthop, oif int) bool {
	if nh == nil {
		return false
	}
	for _, id := range nh.group {
		if m.nexthopUses(m.nexthops[id], oif) {
			return true
		}
	}
	return len(nh.group) == 0 && nh.oif == oif
}

// snapshot is what a monitor has seen so far.
type snapshot struct {
	events int       // of routes
	last   time.Time // of routes and nexthop objects
	err    error
}

func (m *monitor) snapshot() snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return snapshot{events: m.events, last: m.last, err: m.err}
}

// count tells how many routes there are inside a prefix. It looks at all of
// them, so it is not for while something is being measured.
func (m *monitor) count(within netip.Prefix) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.routes {
		if within.Contains(p.Addr()) {
			n++
		}
	}
	return n
}

// routeAt tells since when a route has been as it is.
func (m *monitor) routeAt(p netip.Prefix) (at time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.routes[p]
	if r == nil {
		return at, false
	}
	return r.at, true
}

// avoid begins to look at which routes use an interface.
func (m *monitor) avoid(oif int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.avoided = oif
	for _, nh := range m.nexthops {
		nh.clean = time.Time{}
	}
	for _, r := range m.routes {
		r.clean = time.Time{}
	}
}

// left tells how many routes inside a prefix still use the avoided interface,
// and for the others when they stopped: by a change of the route or of the group that it
// points to.
func (m *monitor) left(within netip.Prefix) (using int, left []time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, r := range m.routes {
		if !within.Contains(p.Addr()) {
			continue
		}
		if m.uses(r, m.avoided) {
			using++
		} else if at := m.cleanSince(r); !at.IsZero() {
			left = append(left, at)
		}
	}
	return using, left
}

// cleanSince tells when a route that does not use the avoided interface stopped
// to: with a change of its own or with one of its group.
func (m *monitor) cleanSince(r *route) time.Time {
	if nh := m.nexthops[r.nexthop]; nh != nil && nh.clean.After(r.clean) {
		return nh.clean
	}
	return r.clean
}

// linkDown tells when a link lost its carrier, zero when it has not.
func (m *monitor) linkDown(index int) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, ok := m.links[index]; ok && !l.up {
		return l.at
	}
	return time.Time{}
}
