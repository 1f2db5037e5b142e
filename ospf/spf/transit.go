package spf

import "github.com/ecmpd/ecmpd/ospf/packet"

// Transit is the TransitCapability of an area (RFC 2328 section 6): a router in
// it is the endpoint of a virtual link through it (16.1 (2)).
func (t *Table) Transit(area packet.ID) bool {
	i, ok := t.searchArea(area)
	return ok && t.areas[i].transit
}

// updateTransit derives TransitCapability from the routers on the tree.
func (a *area) updateTransit() {
	a.transit = false
	for v := range a.vertices {
		if a.vertices[v].flags&packet.RouterV != 0 && a.tree.dist[v] != unreachable {
			a.transit = true
			return
		}
	}
}
