package spf

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// addressRange is a configured address range of an area (RFC 2328 C.2) with the
// costs of the networks in it.
type addressRange struct {
	area   *area
	prefix prefix
	costs  map[uint32]int // how many components have each cost
	cost   uint32         // of the range; of no meaning without components
	told   bool           // it stands for externals of an NSSA (RFC 3101 3.2)
}

// component is the part that a network takes in a range.
type component struct {
	of   *addressRange
	cost uint32
}

// active reports whether a network of the range is reachable by an intra-area path (11.1).
func (r *addressRange) active() bool { return len(r.costs) > 0 }

// setRanges replaces the ranges of an area. Everything is looked at again: that
// happens with a new configuration only.
func (t *Table) setRanges(a *area, ranges []netip.Prefix) {
	if len(ranges) == 0 && len(a.ranges) == 0 {
		return
	}
	for p, r := range a.ranges {
		t.mark(t.dest(p))
		t.changedRanges[r] = struct{}{}
	}
	maps.DeleteFunc(t.components, func(_ *dest, c component) bool { return c.of.area == a })
	a.ranges = make(map[prefix]*addressRange, len(ranges))
	for _, n := range ranges {
		if p, ok := prefixFrom(n); ok {
			a.ranges[p] = &addressRange{area: a, prefix: p, costs: make(map[uint32]int)}
		}
	}
	for _, d := range t.dests {
		t.mark(d)
	}
}

// ranged reports whether any area has ranges.
func (t *Table) ranged() bool {
	return slices.ContainsFunc(t.areas, func(a *area) bool { return len(a.ranges) > 0 })
}

// updateRanges settles which networks lie in which ranges, and looks again at the
// range where that makes a difference.
func (t *Table) updateRanges() {
	if !t.ranged() && len(t.components) == 0 {
		return
	}
	for i := 0; i < len(t.dirty); i++ { // it grows on the way
		d := t.dirty[i]
		var now component
		if o := t.intraArea(d); o.ok() {
			now = component{t.rangeOf(o.area, d.prefix), o.cost}
		}
		before := t.components[d]
		if now == before {
			continue
		}
		if before.of != nil {
			delete(t.components, d)
			if before.of.costs[before.cost]--; before.of.costs[before.cost] == 0 {
				delete(before.of.costs, before.cost)
			}
			t.updateRange(before.of)
		}
		if now.of != nil {
			t.components[d] = now
			now.of.costs[now.cost]++
			t.updateRange(now.of)
		}
	}
}

// updateRange derives the cost of a range from its components: the largest one
// (12.4.3), or the smallest as RFC 1583 had it.
func (t *Table) updateRange(r *addressRange) {
	costs := slices.Collect(maps.Keys(r.costs))
	switch {
	case len(costs) == 0:
		r.cost = 0
	case t.config.RFC1583Compat:
		r.cost = slices.Min(costs)
	default:
		r.cost = slices.Max(costs)
	}
	t.changedRanges[r] = struct{}{}
	t.mark(t.dest(r.prefix))
}

// rangeOf returns the most specific range of the area that holds p, or nil.
func (t *Table) rangeOf(id packet.ID, p prefix) *addressRange {
	i, ok := t.searchArea(id)
	if !ok || len(t.areas[i].ranges) == 0 {
		return nil
	}
	for bits := p.bits(); bits >= 0; bits-- {
		if r := t.areas[i].ranges[prefix(p.addr()&packet.MaskOf(bits))<<8|prefix(bits)]; r != nil {
			return r
		}
	}
	return nil
}

// SetTranslated says which ranges of an NSSA the router announces in place of the externals in them (RFC 3101 3.2): they are
// discard entries as active ones are, but for those that are networks themselves. It reports whether that has changed.
func (t *Table) SetTranslated(area packet.ID, ranges []netip.Prefix) (changed bool) {
	i, ok := t.searchArea(area)
	if !ok {
		return false
	}
	for p, r := range t.areas[i].ranges {
		if told := slices.Contains(ranges, p.netip()); told != r.told {
			r.told, changed = told, true
			t.mark(t.dest(p))
		}
	}
	return changed
}

// activeRange returns the range that is p and active, or nil. No two areas share one.
func (t *Table) activeRange(p prefix) *addressRange {
	return t.findRange(p, (*addressRange).active)
}

// toldRange returns the range that is p and stands for externals, or nil.
func (t *Table) toldRange(p prefix) *addressRange {
	return t.findRange(p, func(r *addressRange) bool { return r.told })
}

func (t *Table) findRange(p prefix, is func(*addressRange) bool) *addressRange {
	if !t.abr {
		return nil
	}
	for _, a := range t.areas {
		if r := a.ranges[p]; r != nil && is(r) {
			return r
		}
	}
	return nil
}

// discard is the discard entry of a range (11.1).
func (t *Table) discard(r *addressRange) offer {
	return offer{path: path{pathType: InterArea, discard: true, area: r.area.id, cost: r.cost, advertiser: t.config.RouterID}}
}

// Range tells the cost of an address range of the area (RFC 2328 section
// 12.4.3), as of the last [Table.Changes], and whether it is active.
func (t *Table) Range(area packet.ID, p netip.Prefix) (cost uint32, active bool) {
	i, ok := t.searchArea(area)
	k, valid := prefixFrom(p)
	if !ok || !valid {
		return 0, false
	}
	r := t.areas[i].ranges[k]
	if r == nil || !t.abr || !r.active() {
		return 0, false
	}
	return r.cost, true
}

// ChangedRanges returns the address ranges whose cost or activity may have changed in the
// last [Table.Changes], sorted.
func (t *Table) ChangedRanges() []netip.Prefix {
	var list []prefix
	for r := range t.changedRanges {
		list = append(list, r.prefix)
	}
	slices.SortFunc(list, func(a, b prefix) int { return cmp.Compare(a, b) })
	list = slices.Compact(list)
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = p.netip()
	}
	return out
}
