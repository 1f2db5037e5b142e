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
	Cost uint32
	Ways []Way // by address; none when the other end's links on the way back have no address
}

// Way is an address of the other end, with those next hops of the path that lead to it.
type Way struct {
	Address  netip.Addr
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
	v, _ := t.areas[i].find(vertexKey{id: id})
	return Endpoint{Cost: cost, Ways: t.ways(t.areas[i], v, hops)}, true
}

// ways lists the addresses of router v on links that lead back to a parent on the tree (16.1 (4)).
// Those next hops belong to an address that have it as gateway, else those to that parent: a packet that
// left by another one would not be on its way to the address.
func (t *Table) ways(a *area, v int32, hops nexthop.Set) []Way {
	var list []Way
	for _, e := range a.vertices[v].edges {
		if !host(e.data) || !a.parent(e.to, v) {
			continue
		}
		w := Way{Address: e.data.Addr()}
		w.NextHops = hops.Without(func(l nexthop.Leg) bool { return l.Gateway != w.Address })
		if w.NextHops.IsEmpty() {
			w.NextHops = t.sets.value(a.tree.hops[e.to])
		}
		if !w.NextHops.IsEmpty() { // empty: of parallel links to a neighbour, one that is not used
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b Way) int { return a.Address.Compare(b.Address) })
	return list
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
