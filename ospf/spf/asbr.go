package spf

import (
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// scopedID is a router or an address as the AS sees it (nssa is 0), or as the
// LSAs of one NSSA do: type 7 does not leave its area (RFC 3101 2.5 (3)).
type scopedID struct{ id, nssa packet.ID }

// asbr is an AS boundary router that some LSA speaks of.
type asbr struct {
	scopedID
	claims    int         // router-LSAs of it with the E bit
	summaries []*summary  // ASBR-summary-LSAs about it
	externals []*external // that it advertises
	entry     offer       // preferred entry, as of the last Changes
	dirty     bool
}

func (t *Table) asbr(k scopedID) *asbr {
	b := t.asbrs[k]
	if b == nil {
		b = &asbr{scopedID: k}
		t.asbrs[k] = b
		t.markASBR(b)
	}
	return b
}

func (t *Table) markASBR(b *asbr) {
	if !b.dirty {
		b.dirty = true
		t.dirtyASBRs = append(t.dirtyASBRs, b)
	}
}

func (b *asbr) removeSummary(s *summary) {
	if i := slices.Index(b.summaries, s); i >= 0 {
		b.summaries = slices.Delete(b.summaries, i, i+1)
	}
}

// updateASBRs recalculates the entries that may have changed and marks the
// externals that depend on them.
func (t *Table) updateASBRs() {
	for _, b := range t.dirtyASBRs {
		b.dirty = false
		if entry := t.entryOf(b); entry != b.entry {
			b.entry = entry
			if b.nssa == 0 {
				t.changedRouters[b.id] = struct{}{}
			}
			for _, e := range b.externals {
				t.mark(t.dests[e.prefix()])
			}
		}
		if len(b.externals) == 0 && len(b.summaries) == 0 && b.claims == 0 {
			delete(t.asbrs, b.scopedID)
		}
	}
	clear(t.dirtyASBRs)
	t.dirtyASBRs = t.dirtyASBRs[:0]
}

// entryOf returns the routing table entry of b: in its NSSA, or the preferred one.
func (t *Table) entryOf(b *asbr) offer {
	if b.nssa == 0 {
		return t.asbrEntry(b.id, b.summaries)
	}
	if i, ok := t.searchArea(b.nssa); ok {
		return t.asbrInArea(t.areas[i], b.id, nil)
	}
	return offer{}
}

// asbrEntry returns the preferred one of the routing table entries, one for each
// area, for an AS boundary router (RFC 2328 16.4 (3)).
func (t *Table) asbrEntry(id packet.ID, summaries []*summary) offer {
	var best offer
	for _, a := range t.areas {
		if a.config.NoExternals {
			continue // RFC 2328 3.6: no AS boundary router is reached through a stub area
		}
		entry := t.asbrInArea(a, id, summaries)
		if entry.ok() && (!best.ok() || t.prefers(entry, best)) {
			best = entry
		}
	}
	return best
}

// prefers compares two entries for one AS boundary router: 16.4.1, then the least cost,
// then the largest area ID. Areas come in ascending order.
func (t *Table) prefers(a, b offer) bool {
	if x, y := t.preference(a.path), t.preference(b.path); x != y {
		return x > y
	}
	return a.cost <= b.cost
}

// preference is the rule of RFC 2328 16.4.1: intra-area paths using non-backbone areas
// are the most preferred, all others are equal.
func (t *Table) preference(p path) int {
	if !t.config.RFC1583Compat && p.pathType == IntraArea && p.area != 0 {
		return 1
	}
	return 0
}

// asbrInArea returns the entry for an AS boundary router that belongs to area a.
func (t *Table) asbrInArea(a *area, id packet.ID, summaries []*summary) offer {
	var o offer
	if v, ok := a.numbers[vertexKey{id: id}]; ok && a.vertices[v].flags&packet.RouterE != 0 {
		if dist, set, ok := a.reach(v); ok { // RFC 2328 16.1 (4)
			o = t.offer(IntraArea, leaf{area: a, v: v}, dist, set)
		}
	}
	intra := o.ok()
	for _, s := range summaries {
		if s.area != a || intra {
			continue
		}
		dist, set, ok := t.border(a, s.v) // 16.2 (4)
		cost := far(dist, s.cost)
		l := leaf{area: a, v: s.v}
		switch {
		case !ok || cost == unreachable:
		case o.better(cost): // 16.2 (5), (7)
			o = t.offer(InterArea, l, cost, set)
		case o.joins(cost):
			o = t.join(o, l, set)
		}
	}
	for _, s := range summaries {
		o = t.shortcut(o, s.area, s.v, s.cost)
	}
	return o
}
