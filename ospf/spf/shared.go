package spf

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Shared is a prefix of whose flows this router sees a part only: there is a
// router whose equal-cost paths to the prefix lead through this router and past it.
type Shared struct {
	Prefix netip.Prefix
	Router packet.ID // that other router, the lowest of them
}

// OwnExternal is an AS-external-LSA of the router itself, which [Table.Install]
// leaves out (RFC 2328 16.4 (2)).
type OwnExternal struct {
	Metric uint32
	Type2  bool
}

// maxShared bounds the trees that one call of [Table.Shared] grows. Prefixes with the
// same announcers share one.
const maxShared = 16

// Shared lists what this router shares with others of the networks, in order: the prefixes
// inside them, and those of them that a prefix covers. Of several that cover a network
// the longest counts, the default route never does. own is asked for the externals
// of the router itself.
//
// It follows the paths towards the prefix: where links cost more one way than the
// other, the way back may differ from what it sees.
func (t *Table) Shared(networks []netip.Prefix, own func(netip.Prefix) (OwnExternal, bool)) []Shared {
	list := []Shared{}
	known := make(map[string]packet.ID)
	for _, w := range t.within(networks) {
		d := w.dest
		for _, a := range t.areas {
			root, attached := a.find(vertexKey{id: t.config.RouterID})
			ends := t.ends(a, d, own)
			if !attached || len(ends) == 0 {
				continue
			}
			key := endsKey(a.id, ends)
			router, ok := known[key]
			if !ok && len(known) < maxShared {
				router = a.dividing(root, ends)
				known[key] = router
			}
			if router != 0 {
				list = append(list, Shared{w.prefix, router})
				break
			}
		}
	}
	return list
}

// overlap is what a destination and a network have in common, the longer prefix of both.
type overlap struct {
	dest   *dest
	prefix netip.Prefix
}

// within lists what lies inside the networks, and the networks inside the longest that
// covers them.
func (t *Table) within(networks []netip.Prefix) []overlap {
	var list []overlap
	longest := make([]*dest, len(networks))
	for _, d := range t.dests {
		p := d.prefix.netip()
		if p.Bits() == 0 {
			continue
		}
		inside := false
		for i, n := range networks {
			switch {
			case n.Bits() <= p.Bits() && n.Contains(p.Addr()):
				inside = true
			case p.Contains(n.Addr()) && (longest[i] == nil || longest[i].prefix.bits() < p.Bits()):
				longest[i] = d
			}
		}
		if inside {
			list = append(list, overlap{d, p})
		}
	}
	for i, n := range networks {
		exact := func(w overlap) bool { return w.prefix == n }
		if longest[i] != nil && !slices.ContainsFunc(list, exact) {
			list = append(list, overlap{longest[i], n})
		}
	}
	slices.SortFunc(list, func(a, b overlap) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	return slices.Compact(list)
}

// end is a vertex behind which a prefix lies, at a cost.
type end struct {
	v    int32
	cost uint32
}

func endsKey(area packet.ID, ends []end) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(area))
	for _, e := range ends {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(e.v)), e.cost)
	}
	return string(b)
}

// ends lists where the routers of area a see the prefix: in the area, else behind
// its border routers, else at AS boundary routers (RFC 2328 11). A forwarding
// address counts as the router that advertises it.
func (t *Table) ends(a *area, d *dest, own func(netip.Prefix) (OwnExternal, bool)) []end {
	var ends []end
	for _, summaries := range []bool{false, true} {
		for _, l := range d.leaves {
			if l.area != a || l.summary != summaries {
				continue
			}
			if _, _, ok := a.reach(l.v); ok {
				ends = append(ends, end{l.v, l.cost})
			}
		}
		if len(ends) > 0 {
			return sortedEnds(ends)
		}
	}
	best := OwnExternal{Metric: packet.LSInfinity, Type2: true}
	add := func(router packet.ID, x OwnExternal) {
		v, ok := a.find(vertexKey{id: router})
		if !ok || a.tree.dist[v] == unreachable {
			return
		}
		// 16.4 (6) (b): type 1 before type 2, and of type 2 the lowest metric.
		if best.Type2 && (!x.Type2 || x.Metric < best.Metric) {
			best, ends = x, nil
		}
		switch {
		case !x.Type2:
			ends = append(ends, end{v, x.Metric})
		case best.Type2 && x.Metric == best.Metric:
			ends = append(ends, end{v, 0})
		}
	}
	for e := d.externals; e != nil; e = e.next {
		if nssa := e.asbr.nssa; nssa != a.id && (nssa != 0 || a.config.NoExternals) {
			continue // the area does not know it
		}
		add(e.asbr.id, OwnExternal{Metric: e.metric, Type2: e.type2})
	}
	if x, ok := own(d.prefix.netip()); ok {
		add(t.config.RouterID, x)
	}
	return sortedEnds(ends)
}

func sortedEnds(ends []end) []end {
	slices.SortFunc(ends, func(a, b end) int { return cmp.Or(cmp.Compare(a.v, b.v), cmp.Compare(a.cost, b.cost)) })
	return slices.Compact(ends)
}

// dividing returns the lowest router with equal-cost paths to the ends both through
// the root and past it, 0 when there is none.
func (a *area) dividing(root int32, ends []end) packet.ID {
	dist, order := a.towards(ends)
	through, past := make([]bool, len(a.vertices)), make([]bool, len(a.vertices))
	for _, e := range ends {
		if e.cost == dist[e.v] {
			past[e.v] = true
		}
	}
	var lowest packet.ID
	for _, v := range order {
		x := &a.vertices[v]
		for _, e := range x.edges {
			if dist[e.to] != unreachable && a.vertices[e.to].linksTo(v) && far(dist[e.to], uint32(e.cost)) == dist[v] {
				through[v] = through[v] || through[e.to]
				past[v] = past[v] || past[e.to]
			}
		}
		if v == root {
			through[v], past[v] = true, false
		}
		if through[v] && past[v] && !x.network && (lowest == 0 || x.id < lowest) {
			lowest = x.id
		}
	}
	return lowest
}

// towards returns each vertex's distance to the nearest end, and the vertices
// that reach one, nearest first. At equal distance a router goes before the
// networks, from which it costs nothing to reach it.
func (a *area) towards(ends []end) (dist []uint32, order []int32) {
	dist = slices.Repeat([]uint32{unreachable}, len(a.vertices))
	done := make([]bool, len(a.vertices))
	var heap candidates
	visit := func(v int32, d uint32) {
		if d < dist[v] {
			dist[v] = d
			heap.push(newCandidate(d, &a.vertices[v], v))
		}
	}
	for _, e := range ends {
		visit(e.v, e.cost)
	}
	for len(heap) > 0 {
		v := heap.pop().v
		if done[v] {
			continue
		}
		done[v] = true
		order = append(order, v)
		for _, e := range a.vertices[v].edges {
			if w := &a.vertices[e.to]; w.lsa {
				for _, back := range w.edgesTo(v) {
					visit(e.to, far(dist[v], uint32(back.cost)))
				}
			}
		}
	}
	slices.SortStableFunc(order, func(v, w int32) int {
		c := cmp.Compare(dist[v], dist[w])
		if c == 0 && a.vertices[v].network != a.vertices[w].network {
			c = 1
			if a.vertices[w].network {
				c = -1
			}
		}
		return c
	})
	return dist, order
}
