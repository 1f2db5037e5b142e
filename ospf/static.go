package ospf

import (
	"net/netip"
	"slices"
	"time"
)

// static is what is configured of the neighbour with an address, nil when nothing is.
func (i *iface) static(addr netip.Addr) *StaticNeighbor {
	for s := range i.cfg.Static {
		if i.cfg.Static[s].Address == addr {
			return &i.cfg.Static[s]
		}
	}
	return nil
}

// matchStatic lists the configured neighbours where Hellos do not find them (C.5, C.6), and no longer
// those that are not configured any more. They are there in state Down, without a router id.
func (i *iface) matchStatic() {
	if !i.listens() || !i.unicast() {
		return
	}
	for _, n := range slices.Clone(i.neighbors) {
		if n.id != 0 { // it was heard
			continue
		}
		if s := i.static(n.addr); s != nil {
			n.priority = s.Priority
		} else {
			n.unlist()
		}
	}
	for _, s := range i.cfg.Static {
		if s.Address != i.address() {
			i.list(s, i.e.now)
		}
	}
}

// list enters a configured neighbour, unless it is there; it is polled from an instant on.
func (i *iface) list(s StaticNeighbor, at time.Time) {
	if slices.ContainsFunc(i.neighbors, func(n *neighbor) bool { return n.addr == s.Address }) {
		return
	}
	n := i.newNeighbor(0, s.Address)
	n.priority, n.why = s.Priority, "no hello from it; it is sent one every "+s.PollInterval.String()
	i.e.timers.set(&n.poll, at)
}

// unlist takes a neighbour that is not there off the list.
func (n *neighbor) unlist() {
	n.i.e.timers.stop(&n.poll)
	n.i.e.timers.stop(&n.inactivity)
	n.i.neighbors = slices.DeleteFunc(n.i.neighbors, func(o *neighbor) bool { return o == n })
}

// unlistAll does so with those that were not heard, when the interface goes down.
func (i *iface) unlistAll() {
	for _, n := range slices.Clone(i.neighbors) {
		if n.id == 0 {
			n.unlist()
		}
	}
}

// pollDue sends a Hello to a neighbour that is Down (9.5.1, C.5).
func (n *neighbor) pollDue() {
	i := n.i
	s := i.static(n.addr)
	if s == nil {
		return
	}
	i.e.timers.set(&n.poll, i.e.now.Add(s.PollInterval))
	if i.greets(n) {
		i.sendHelloTo(n.addr)
	}
}

// greets tells whether periodic Hellos go to a neighbour where each one is addressed by itself (9.5, 9.5.1). A
// router that can not be DR polls those that can, too, while it knows of no DR: they need not have it on their lists then.
func (i *iface) greets(n *neighbor) bool {
	switch {
	case i.kind() == TypePointToMultipoint:
		return true
	case i.cfg.Priority > 0:
		return n.priority > 0 || i.state == ifDR || i.state == ifBackup
	}
	return n.addr == i.dr || n.addr == i.bdr || i.dr == unspecified && n.state == nbrDown && n.priority > 0
}

// startNeighbors raises Start on an NBMA network: for those that can be DR when the interface comes up (9.3,
// InterfaceUp), for the others when we have become DR or Backup (9.4 (6)).
func (i *iface) startNeighbors(from ifState) {
	if i.kind() != TypeNonBroadcast {
		return
	}
	became := (i.state == ifDR || i.state == ifBackup) && from != ifDR && from != ifBackup
	for _, n := range i.neighbors {
		if i.state == ifWaiting && n.priority > 0 || became && n.priority == 0 {
			n.event(start, "interface is "+i.state.String())
		}
	}
}

// costTo is the cost of the way to a neighbour (RFC 6845).
func (i *iface) costTo(n *neighbor) uint16 {
	if s := i.static(n.addr); s != nil && s.Cost > 0 && !i.pair() && !i.e.stubRouter() {
		return s.Cost
	}
	return i.cost()
}
