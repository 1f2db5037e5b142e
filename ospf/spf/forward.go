package spf

import (
	"cmp"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// forward is a forwarding address with the externals that use it.
type forward struct {
	scopedID
	externals []*external
	entry     offer // the path to it, as of the last Changes
	dirty     bool
}

func (t *Table) useForward(e *external) {
	k := scopedID{e.forward, e.asbr.nssa}
	f := t.forwards[k]
	if f == nil {
		f = &forward{scopedID: k}
		t.forwards[k] = f
		t.forwardsChanged = true
		t.markForward(f)
	}
	e.forwardPos = uint32(len(f.externals))
	f.externals = append(f.externals, e)
}

func (t *Table) disuseForward(e *external) {
	f := t.forwards[scopedID{e.forward, e.asbr.nssa}]
	last := len(f.externals) - 1
	f.externals[e.forwardPos] = f.externals[last]
	f.externals[e.forwardPos].forwardPos = e.forwardPos
	f.externals[last] = nil
	if f.externals = f.externals[:last]; last == 0 {
		delete(t.forwards, f.scopedID)
		t.forwardsChanged = true
	}
}

func (t *Table) markForward(f *forward) {
	if !f.dirty {
		f.dirty = true
		t.dirtyForwards = append(t.dirtyForwards, f)
	}
}

// markForwardsIn looks again at the forwarding addresses inside p.
func (t *Table) markForwardsIn(p prefix) {
	if len(t.forwards) == 0 {
		return
	}
	if t.forwardsChanged {
		t.forwardsChanged = false
		t.sortedForwards = t.sortedForwards[:0]
		for _, f := range t.forwards {
			t.sortedForwards = append(t.sortedForwards, f)
		}
		slices.SortFunc(t.sortedForwards, func(a, b *forward) int { return cmp.Compare(a.id, b.id) })
	}
	i, _ := slices.BinarySearchFunc(t.sortedForwards, p.addr(), func(f *forward, a packet.ID) int {
		return cmp.Compare(f.id, a)
	})
	for _, f := range t.sortedForwards[i:] {
		if f.id > p.last() {
			break
		}
		t.markForward(f)
	}
}

// updateForwards recalculates the paths that may have changed and marks the
// externals that depend on them.
func (t *Table) updateForwards() {
	for _, f := range t.dirtyForwards {
		f.dirty = false
		if entry := t.forwardEntry(f.scopedID); entry != f.entry {
			f.entry = entry
			for _, e := range f.externals {
				t.mark(t.dests[e.prefix()])
			}
		}
	}
	clear(t.dirtyForwards)
	t.dirtyForwards = t.dirtyForwards[:0]
}

// forwardEntry looks a forwarding address up: the longest match must be an intra-area or
// inter-area route through an area that carries the LSA (RFC 2328 16.4 (3), RFC 3101 2.5 (3)).
func (t *Table) forwardEntry(to scopedID) offer {
	addr := to.id
	if !host(addr) || t.ownAddress(addr) {
		return offer{}
	}
	for bits := 32; bits >= 0; bits-- {
		d := t.dests[prefix(addr&packet.MaskOf(bits))<<8|prefix(bits)]
		if d == nil {
			continue
		}
		if o := t.internal(d); o.ok() {
			if !t.carries(o, to.nssa) {
				return offer{}
			}
			return t.forwardThrough(o, addr)
		}
	}
	return offer{}
}

// carries tells whether externals of an NSSA, or of the AS when nssa is 0, may be
// forwarded along the path.
func (t *Table) carries(o offer, nssa packet.ID) bool {
	if nssa != 0 {
		return o.pathType == IntraArea && o.area == nssa
	}
	i, ok := t.searchArea(o.area)
	return ok && !t.areas[i].config.NoExternals && !o.discard
}

// forwardThrough makes the forwarding address the gateway where the network
// that it lies in is attached.
func (t *Table) forwardThrough(o offer, addr packet.ID) offer {
	if !t.sets.attached(o.set) {
		return o
	}
	router := t.routerAt(addr)
	o.set = t.sets.through(o.set, func(dst []hop, h hop) []hop {
		h.RouterID, h.Gateway, h.attached = router.Addr(), addr.Addr(), false
		return append(dst, h)
	})
	return o
}

// routerAt returns the router id of the neighbour with address addr, or 0.
func (t *Table) routerAt(addr packet.ID) packet.ID {
	var found packet.ID
	for _, a := range t.areas {
		found = max(found, a.neighbourAt(addr, t.config.RouterID))
	}
	return found
}

func (a *area) neighbourAt(addr, self packet.ID) packet.ID {
	gateway := addr.Addr()
	for _, l := range a.root.links {
		if l.Link.Type == packet.LinkPointToPoint && l.Gateway == gateway {
			return l.Link.ID
		}
		if l.Link.Type != packet.LinkTransit {
			continue
		}
		n, ok := a.find(vertexKey{id: l.Link.ID, network: true})
		if !ok {
			continue
		}
		for _, e := range a.vertices[n].edges {
			w := &a.vertices[e.to]
			for _, back := range w.edgesTo(n) {
				if back.data == addr && w.id != self {
					return w.id
				}
			}
		}
	}
	return 0
}

// ownAddress reports whether addr is known to be an address of the router itself.
func (t *Table) ownAddress(addr packet.ID) bool {
	return slices.ContainsFunc(t.areas, func(a *area) bool { return a.root.addresses[addr] })
}
