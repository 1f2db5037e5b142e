package spf

import "github.com/ecmpd/ecmpd/ospf/packet"

// Transit is the TransitCapability of an area (RFC 2328 section 6): a router in
// it is the endpoint of a virtual link through it (16.1 (2)).
func (t *Table) Transit(area packet.ID) bool {
	i, ok := t.searchArea(area)
	return ok && t.areas[i].transit
}

// updateTransit derives TransitCapability from the routers on the tree.
func (t *Table) updateTransit(a *area) {
	before := a.transit
	a.transit = false
	for v := range a.vertices {
		if a.vertices[v].flags&packet.RouterV != 0 && a.tree.dist[v] != unreachable {
			a.transit = true
			break
		}
	}
	if a.transit != before {
		t.markSummaries(a)
	}
}

// shortcut takes a path of the backbone through a transit area where that is as
// good or better (RFC 2328 16.3): traffic on a virtual link passes through the area,
// and its border routers must not send it another way. Area and type of the path stay.
func (t *Table) shortcut(o offer, a *area, v int32, metric uint32) offer {
	if !t.abr || !a.transit || !o.ok() || o.area != 0 || o.discard {
		return o
	}
	dist, set, ok := a.reach(v)
	cost := far(dist, metric)
	if !ok || a.vertices[v].flags&packet.RouterB == 0 || cost == unreachable {
		return o // (3)
	}
	switch { // (4)
	case cost < o.cost:
		o.cost, o.set = cost, set
	case cost == o.cost:
		o.set = t.sets.union(o.set, set)
	}
	o.local = t.sets.attached(o.set)
	return o
}
