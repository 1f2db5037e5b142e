package ospf

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// candidate is one router in the election of RFC 2328 9.4: ourselves or a
// neighbour in state 2-Way or greater with a priority above 0.
type candidate struct {
	addr     netip.Addr
	id       packet.ID
	priority uint8
	dr, bdr  netip.Addr // whom it declares
}

// better orders candidates by priority, then router id (9.4 (2)).
func (c candidate) better(o candidate) bool {
	if c.priority != o.priority {
		return c.priority > o.priority
	}
	return c.id > o.id
}

// elect runs the election of DR and Backup DR (RFC 2328 9.4) and returns the
// interface state that follows.
func (i *iface) elect() ifState {
	oldDR, oldBDR := i.dr, i.bdr
	// (1) note the current values
	self := candidate{addr: i.address(), id: i.e.cfg.RouterID, priority: i.cfg.Priority, dr: oldDR, bdr: oldBDR}
	dr, bdr := electDR(i.candidates(self))
	// (4) a router whose own role changed repeats (2) and (3)
	if (dr == self.addr) != (oldDR == self.addr) || (bdr == self.addr) != (oldBDR == self.addr) {
		self.dr, self.bdr = dr, bdr
		dr, bdr = electDR(i.candidates(self))
	}
	i.dr, i.bdr = dr, bdr
	// (5) the new interface state
	state := ifDROther
	switch self.addr {
	case dr:
		state = ifDR
	case bdr:
		state = ifBackup
	}
	return state
}

// designatedChanged is 9.4 (7): whether an adjacency is wanted follows the new
// DR and Backup, and so do the LSAs that describe the network.
func (i *iface) designatedChanged() {
	i.area.rootDirty = true
	i.originateNetwork()
	for _, n := range i.neighbors {
		if n.state >= nbrTwoWay {
			n.event(adjOK, "DR election")
		}
	}
}

func (i *iface) candidates(self candidate) []candidate {
	var list []candidate
	if self.priority > 0 {
		list = append(list, self)
	}
	for _, n := range i.neighbors {
		if d, ok := n.election(); ok && d.priority > 0 {
			list = append(list, candidate{addr: n.addr, id: n.id, priority: d.priority, dr: d.dr, bdr: d.bdr})
		}
	}
	return list
}

// electDR is steps (2) and (3) of RFC 2328 9.4.
func electDR(list []candidate) (dr, bdr netip.Addr) {
	// (2) Backup: among those that do not declare themselves DR, one that
	// declares itself Backup wins over one that does not.
	var b *candidate
	declared := false
	for n := range list {
		c := &list[n]
		if c.dr == c.addr {
			continue
		}
		says := c.bdr == c.addr
		if b == nil || says && !declared || says == declared && c.better(*b) {
			b, declared = c, says
		}
	}
	// (3) DR: the best of those that declare themselves DR, else the Backup.
	var d *candidate
	for n := range list {
		c := &list[n]
		if c.dr == c.addr && (d == nil || c.better(*d)) {
			d = c
		}
	}
	dr, bdr = unspecified, unspecified
	if b != nil {
		bdr = b.addr
	}
	switch {
	case d != nil:
		dr = d.addr
	case b != nil:
		dr = bdr
	}
	return dr, bdr
}
