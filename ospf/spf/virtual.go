package spf

import (
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Endpoint is the way to the other end of a virtual link: its corresponding
// routing table entry (RFC 2328 15).
type Endpoint struct {
	Cost     uint32
	Address  netip.Addr // of the other end; zero when its links on the way back have none
	NextHops nexthop.Set
}

// Endpoint returns the path through an area to a router, as of the last [Table.Run]; false when
// there is none. The router need not say that it is an area border router: one whose only way
// into the backbone is the virtual link may become one by it.
func (t *Table) Endpoint(transit, id packet.ID) (Endpoint, bool) {
	cost, hops, ok := t.Router(transit, id)
	if !ok {
		return Endpoint{}, false
	}
	i, _ := t.searchArea(transit)
	a := t.areas[i]
	v, _ := a.find(vertexKey{id: id})
	return Endpoint{Cost: cost, Address: a.towardsRoot(v), NextHops: hops}, true
}

// towardsRoot is the address of router v on a link that leads back to a parent on the
// tree (16.1 (4)), the lowest of several.
func (a *area) towardsRoot(v int32) (lowest netip.Addr) {
	for _, e := range a.vertices[v].edges {
		if !host(e.data) || !a.parent(e.to, v) {
			continue
		}
		if addr := e.data.Addr(); !lowest.IsValid() || addr.Less(lowest) {
			lowest = addr
		}
	}
	return lowest
}

// parent tells whether a shortest path to v leads through u.
func (a *area) parent(u, v int32) bool {
	dist, _, ok := a.reach(u)
	return ok && slices.ContainsFunc(a.vertices[u].edgesTo(v), func(e edge) bool {
		return far(dist, uint32(e.cost)) == a.tree.dist[v]
	})
}

// virtualHops returns the next hops across an own virtual link to w. RFC 2328 16.1.1 leaves them to 16.3;
// they are those of the path that the link stands for, and 16.3 betters them where it can.
func (t *Table) virtualHops(backbone *area, e edge, w *vertex) (set setID) {
	for _, l := range backbone.root.byLink[packet.RouterLink{ID: w.id, Data: e.data, Type: e.kind}] {
		set = t.sets.union(set, t.endpointHops(l))
	}
	return set
}

// endpointHops returns the next hops to the other end of a virtual link, 0 when it cannot be reached.
func (t *Table) endpointHops(l RootLink) setID {
	i, ok := t.searchArea(l.Transit)
	if !ok || l.Transit == 0 {
		return 0
	}
	a := t.areas[i]
	v, ok := a.find(vertexKey{id: l.Link.ID})
	if !ok {
		return 0
	}
	_, set, _ := a.reach(v)
	return set
}

// updateVirtualLinks asks for the backbone's tree to be grown when the paths of own virtual links
// are others than those that it has.
func (t *Table) updateVirtualLinks(backbone *area) {
	var sets []setID
	for _, l := range backbone.root.links {
		if l.Link.Type == packet.LinkVirtual {
			sets = append(sets, t.endpointHops(l))
		}
	}
	if !slices.Equal(sets, backbone.virtual) {
		backbone.virtual, backbone.pending = sets, true
	}
}

// backboneLast lists the areas in the order in which their trees are grown: those of transit
// areas give the backbone's virtual links their next hops.
func (t *Table) backboneLast() []*area {
	if len(t.areas) == 0 || t.areas[0].id != 0 {
		return t.areas
	}
	return append(slices.Clone(t.areas[1:]), t.areas[0])
}
