package spf

import (
	"cmp"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// claim is a network-LSA: its originator claims to be the designated router
// of the network that the link state ID names.
type claim struct {
	origin  packet.ID
	mask    packet.ID
	routers []packet.ID // ascending
}

// prefixCost is a leaf on its way into the graph.
type prefixCost struct {
	prefix prefix
	cost   uint32
}

// installRouter takes in a router-LSA.
func (t *Table) installRouter(a *area, h packet.LSAHeader, raw []byte) Effect {
	if h.ID != h.Adv {
		return None // not a vertex: the lookup in 16.1 (2) is by both
	}
	lsa, err := packet.DecodeRouterLSA(raw)
	if err != nil {
		return t.removeRouter(a, h.Adv)
	}
	v := a.number(vertexKey{id: h.Adv})
	edges, leaves := a.links(lsa)
	effect := None
	if a.setEdges(v, edges) || !a.vertices[v].lsa {
		effect = Topology
	}
	x := &a.vertices[v]
	x.lsa, x.origin = true, h.Adv
	if t.setFlags(a, v, lsa.Flags) {
		t.markRouter(a, v)
		effect = max(effect, Leaf)
	}
	if t.setLeaves(a, v, leaves) {
		effect = max(effect, Leaf)
	}
	return a.affected(effect)
}

// links sorts the links of a router-LSA into edges and stub networks.
func (a *area) links(lsa packet.RouterLSA) ([]edge, []prefixCost) {
	edges := make([]edge, 0, len(lsa.Links))
	var leaves []prefixCost
	for _, l := range lsa.Links {
		e := edge{data: l.Data, cost: l.Metric, kind: l.Type}
		switch l.Type {
		case packet.LinkStub: // RFC 2328 16.1 (2) (a)
			if p, ok := makePrefix(l.ID, l.Data); ok && p.routable() {
				leaves = append(leaves, prefixCost{p, uint32(l.Metric)})
			}
			continue
		case packet.LinkVirtual:
			if a.id != 0 {
				continue // virtual links belong to the backbone (15)
			}
			e.to = a.number(vertexKey{id: l.ID})
		case packet.LinkPointToPoint:
			e.to = a.number(vertexKey{id: l.ID})
		case packet.LinkTransit:
			e.to = a.number(vertexKey{id: l.ID, network: true})
		default:
			continue
		}
		edges = append(edges, e)
	}
	return edges, leaves
}

// setFlags notes what router v says of itself, and reports whether it differs.
func (t *Table) setFlags(a *area, v int32, flags packet.RouterFlags) bool {
	x := &a.vertices[v]
	flags &= packet.RouterB | packet.RouterE | packet.RouterV | packet.RouterNt
	changed := flags ^ x.flags
	x.flags = flags
	if changed&packet.RouterE != 0 {
		b := t.asbr(scopedID{id: x.id})
		if flags&packet.RouterE != 0 {
			b.claims++
		} else {
			b.claims--
		}
		t.markASBR(b)
	}
	if changed&packet.RouterV != 0 {
		t.updateTransit(a)
	}
	return changed != 0
}

func (t *Table) removeRouter(a *area, id packet.ID) Effect {
	v, ok := a.find(vertexKey{id: id})
	if !ok {
		return None
	}
	t.setLeaves(a, v, nil)
	t.markRouter(a, v)
	t.setFlags(a, v, 0)
	x := &a.vertices[v]
	x.lsa = false
	x.refs++ // edges to itself must not release it half-way
	a.setEdges(v, nil)
	a.unref(v)
	return a.affected(Topology)
}

// installNetwork takes in a network-LSA.
func (t *Table) installNetwork(a *area, h packet.LSAHeader, raw []byte) Effect {
	lsa, err := packet.DecodeNetworkLSA(raw)
	if err != nil {
		return t.removeNetwork(a, h.Key())
	}
	slices.Sort(lsa.Routers)
	c := claim{origin: h.Adv, mask: lsa.Mask, routers: slices.Compact(lsa.Routers)}
	v := a.number(vertexKey{id: h.ID, network: true})
	x := &a.vertices[v]
	if i := x.claimBy(h.Adv); i < 0 {
		x.claims = append(x.claims, c)
	} else {
		x.claims[i] = c
	}
	return t.useClaim(a, v)
}

func (t *Table) removeNetwork(a *area, k packet.Key) Effect {
	v, ok := a.find(vertexKey{id: k.ID, network: true})
	if !ok {
		return None
	}
	x := &a.vertices[v]
	i := x.claimBy(k.Adv)
	if i < 0 {
		return None
	}
	x.claims = slices.Delete(x.claims, i, i+1)
	return t.useClaim(a, v)
}

func (x *vertex) claimBy(origin packet.ID) int {
	return slices.IndexFunc(x.claims, func(c claim) bool { return c.origin == origin })
}

// useClaim makes the right one of its network-LSAs the LSA of vertex v.
func (t *Table) useClaim(a *area, v int32) Effect {
	x := &a.vertices[v]
	delete(a.contested, v)
	if len(x.claims) == 0 {
		t.setLeaves(a, v, nil)
		x.lsa = false
		x.refs++
		a.setEdges(v, nil)
		a.unref(v)
		return a.affected(Topology)
	}
	if len(x.claims) > 1 {
		a.contested[v] = struct{}{}
	}
	best := x.claims[0]
	for _, c := range x.claims[1:] {
		if l, m := a.linksToNetwork(c.origin, v), a.linksToNetwork(best.origin, v); l != m && l || l == m && c.origin > best.origin {
			best = c
		}
	}
	return a.affected(t.applyClaim(a, v, best))
}

// linksToNetwork reports whether the router-LSA of id has a link to network v.
func (a *area) linksToNetwork(id packet.ID, v int32) bool {
	router, ok := a.find(vertexKey{id: id})
	return ok && a.vertices[router].linksTo(v)
}

func (t *Table) applyClaim(a *area, v int32, c claim) Effect {
	edges := make([]edge, len(c.routers))
	for i, id := range c.routers {
		edges[i].to = a.number(vertexKey{id: id})
	}
	effect := None
	if a.setEdges(v, edges) || !a.vertices[v].lsa {
		effect = Topology
	}
	x := &a.vertices[v]
	var leaves []prefixCost
	p, ok := makePrefix(x.id, c.mask)
	if bits := p.bits(); ok && bits > 0 && bits < 32 && p.routable() { // /32: RFC 6860 section 2
		leaves = []prefixCost{{p, 0}}
	}
	if t.setLeaves(a, v, leaves) || x.origin != c.origin {
		effect = max(effect, Leaf)
	}
	if x.lsa && x.origin != c.origin {
		t.markLeaves(a, v) // the advertiser shows in the route
	}
	x.lsa, x.origin = true, c.origin
	return effect
}

// affected notes that the tree is out of date.
func (a *area) affected(e Effect) Effect {
	a.pending = a.pending || e == Topology
	return e
}

// setLeaves replaces the leaves of v and reports whether they differ. Of
// several stub links to one prefix the cheapest stays.
func (t *Table) setLeaves(a *area, v int32, leaves []prefixCost) bool {
	slices.SortFunc(leaves, func(a, b prefixCost) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return cmp.Compare(a.cost, b.cost)
	})
	leaves = slices.CompactFunc(leaves, func(a, b prefixCost) bool { return a.prefix == b.prefix })
	old := a.vertices[v].leaves
	if slices.EqualFunc(old, leaves, func(o vertexLeaf, l prefixCost) bool {
		return o.dest.prefix == l.prefix && o.cost == l.cost
	}) {
		return false
	}
	next := make([]vertexLeaf, 0, len(leaves))
	for len(old) > 0 || len(leaves) > 0 {
		switch {
		case len(leaves) == 0 || len(old) > 0 && old[0].dest.prefix < leaves[0].prefix: // gone
			t.removeLeaf(old[0].dest, leaf{a, v, old[0].cost, false})
			old = old[1:]
		case len(old) == 0 || leaves[0].prefix < old[0].dest.prefix: // new
			d := t.dest(leaves[0].prefix)
			t.addLeaf(d, leaf{a, v, leaves[0].cost, false})
			next = append(next, vertexLeaf{d, leaves[0].cost})
			leaves = leaves[1:]
		default: // stays
			d := old[0].dest
			if old[0].cost != leaves[0].cost {
				t.removeLeaf(d, leaf{a, v, old[0].cost, false})
				t.addLeaf(d, leaf{a, v, leaves[0].cost, false})
			}
			next = append(next, vertexLeaf{d, leaves[0].cost})
			old, leaves = old[1:], leaves[1:]
		}
	}
	a.vertices[v].leaves = next
	return true
}
