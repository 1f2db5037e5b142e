package spf

import (
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// grow builds the shortest-path tree of area a (RFC 2328 16.1, first stage) and
// returns the number of vertices on it. Afterwards scratch holds the tree before.
func (t *Table) grow(a *area) (vertices int) {
	a.tree, a.scratch = a.scratch, a.tree
	a.tree.reset(len(a.vertices))
	root, ok := a.find(vertexKey{id: t.config.RouterID})
	if !ok {
		return 0
	}
	// 16.1 (1)
	a.tree.dist[root] = 0
	a.heap = append(a.heap[:0], newCandidate(0, &a.vertices[root], root))
	for len(a.heap) > 0 {
		c := a.heap.pop() // 16.1 (3)
		if a.tree.done[c.v] {
			continue
		}
		a.tree.done[c.v] = true
		vertices++
		for _, e := range a.vertices[c.v].edges { // 16.1 (2)
			t.relax(a, c.v, e, c.v == root)
		}
	}
	return vertices
}

// relax examines the link e of vertex v, which was just added to the tree.
func (t *Table) relax(a *area, v int32, e edge, root bool) {
	if a.tree.done[e.to] {
		return // 16.1 (2) (c)
	}
	dist := far(a.tree.dist[v], uint32(e.cost)) // 16.1 (2) (d)
	if dist > a.tree.dist[e.to] || dist == unreachable {
		return
	}
	w := &a.vertices[e.to]
	if !w.lsa || !w.linksTo(v) {
		return // 16.1 (2) (b)
	}
	hops := t.nextHops(a, v, e, root)
	if hops == 0 {
		return // nobody knows the way: the link is not usable
	}
	if dist == a.tree.dist[e.to] {
		a.tree.hops[e.to] = t.sets.union(a.tree.hops[e.to], hops)
		return
	}
	a.tree.dist[e.to], a.tree.hops[e.to] = dist, hops
	a.heap.push(newCandidate(dist, w, e.to))
}

// nextHops returns the next hops to the end of link e by way of its start v (RFC 2328 16.1.1).
func (t *Table) nextHops(a *area, v int32, e edge, root bool) setID {
	w := &a.vertices[e.to]
	if root { // the first case: the parent is the root
		if e.kind == packet.LinkVirtual {
			return t.virtualHops(a, e, w)
		}
		return t.sets.make(a.root.hops(e, w))
	}
	hops := a.tree.hops[v]
	if !a.vertices[v].network {
		return hops // an intervening router
	}
	// The second case: a network that the root is attached to. Its other
	// next hops, if any, lead through an intervening router.
	return t.sets.through(hops, func(dst []hop, h hop) []hop {
		for _, back := range w.edgesTo(v) {
			if host(back.data) {
				h := hop{Hop: h.Hop}
				h.RouterID, h.Gateway = w.id.Addr(), back.data.Addr()
				dst = append(dst, h)
			}
		}
		return dst
	})
}

func (r *tree) reset(n int) {
	r.dist = slices.Grow(r.dist[:0], n)[:n]
	r.hops = slices.Grow(r.hops[:0], n)[:n]
	r.done = slices.Grow(r.done[:0], n)[:n]
	for i := range r.dist {
		r.dist[i] = unreachable
	}
	clear(r.hops)
	clear(r.done)
}

// markMoved looks again at everything that hangs on a vertex whose distance or
// next hops are not what they were.
func (t *Table) markMoved(a *area) {
	now, before := &a.tree, &a.scratch
	for v := range a.vertices {
		if now.dist[v] == before.dist[v] && now.hops[v] == before.hops[v] {
			continue
		}
		t.markLeaves(a, int32(v))
		if !a.vertices[v].network {
			t.markRouter(a, int32(v))
		}
	}
}
