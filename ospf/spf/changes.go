package spf

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"
)

// Changes returns what differs from the table at the last call, sorted by
// prefix. Leaves are applied here, to the trees that the last [Table.Run] left.
// A route that is what it was is not named.
func (t *Table) Changes() []Change {
	clear(t.changedRanges)
	clear(t.changedRouters)
	t.updateRanges()
	t.updateASBRs()
	for _, d := range t.dirty {
		if len(d.leaves) > 0 || d.route.internal() || t.activeRange(d.prefix) != nil {
			t.markForwardsIn(d.prefix)
		}
	}
	t.updateForwards()
	slices.SortFunc(t.dirty, func(a, b *dest) int { return cmp.Compare(a.prefix, b.prefix) })
	changes := slices.Grow([]Change(nil), len(t.dirty))
	for _, d := range t.dirty {
		d.dirty = false
		before := d.toRoute()
		d.route = t.calculate(d)
		now := d.toRoute()
		switch {
		case d.route.pathType == 0:
			if before.Type != 0 {
				changes = append(changes, Change{Prefix: before.Prefix, Route: before, Withdrawn: true})
			}
			if len(d.leaves) == 0 && d.externals == nil {
				delete(t.dests, d.prefix)
			}
		case now != before:
			changes = append(changes, Change{Prefix: now.Prefix, Route: now})
		}
	}
	if t.setsLimit == 0 {
		t.setsLimit = max(minSets, 4*t.sets.size())
	}
	t.dirty = nil // a burst leaves no list of its size behind
	return changes
}

// calculate returns the route to d.
func (t *Table) calculate(d *dest) path {
	o := t.internal(d)
	if !o.ok() {
		o = t.external(d) // RFC 2328 16.4 (6) (a)
		if r := t.toldRange(d.prefix); r != nil && !(o.nssa && o.area == r.area.id) {
			o = t.discard(r) // else the way to that network is the way to the rest
		}
	}
	o.hops = t.sets.value(o.set)
	return o.path
}

// Lookup returns the route to exactly prefix, as of the last [Table.Changes].
func (t *Table) Lookup(prefix netip.Prefix) (Route, bool) {
	p, ok := prefixFrom(prefix)
	if d := t.dests[p]; ok && d != nil && d.route.pathType != 0 {
		return d.toRoute(), true
	}
	return Route{}, false
}

// Routes yields all routes, sorted by prefix, as of the last [Table.Changes].
func (t *Table) Routes() iter.Seq[Route] {
	return func(yield func(Route) bool) {
		for _, p := range slices.Sorted(maps.Keys(t.dests)) {
			d := t.dests[p]
			if d != nil && d.route.pathType != 0 && !yield(d.toRoute()) {
				return
			}
		}
	}
}
