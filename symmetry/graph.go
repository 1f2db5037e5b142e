package symmetry

import (
	"container/heap"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

const unreachable = math.MaxUint32

// graph is an area as its LSAs describe it. Routers come first, by their ids.
type graph struct {
	vertices []vertex
}

// vertex is a router or a transit network (RFC 2328 16.1).
type vertex struct {
	id      packet.ID
	network bool
	edges   []edge
	into    []edge // the same edges from their other end: to is where they come from
	info    *packet.Multipath
	origin  bool // announces networks beside those of its links
}

// edge is a link that both ends know of (16.1 (2)(b)).
type edge struct {
	to   int
	cost uint32
	link packet.RouterLink // of a router
}

// collected is what the LSAs hold before the links are checked.
type collected struct {
	routers  map[packet.ID]packet.RouterLSA
	networks map[packet.ID]packet.NetworkLSA // by the address of the DR
	infos    map[packet.ID]packet.Multipath
}

func collect(lsas iter.Seq[[]byte]) collected {
	c := collected{map[packet.ID]packet.RouterLSA{}, map[packet.ID]packet.NetworkLSA{}, map[packet.ID]packet.Multipath{}}
	for raw := range lsas {
		h, err := packet.DecodeLSAHeader(raw)
		if err != nil {
			continue
		}
		switch h.Type {
		case packet.LSRouter:
			if r, err := packet.DecodeRouterLSA(raw); err == nil {
				c.routers[h.Adv] = r
			}
		case packet.LSNetwork:
			if n, err := packet.DecodeNetworkLSA(raw); err == nil {
				c.networks[h.ID] = n
			}
		case packet.LSOpaqueArea:
			if m, ok := packet.DecodeMultipath(raw); ok && h.ID == packet.RouterInfoID {
				c.infos[h.Adv] = m
			}
		}
	}
	return c
}

func newGraph(lsas iter.Seq[[]byte]) *graph {
	c := collect(lsas)
	g := &graph{}
	routers, networks := make(map[packet.ID]int, len(c.routers)), make(map[packet.ID]int, len(c.networks))
	ids := slices.Sorted(maps.Keys(c.routers))
	for _, id := range ids {
		v := vertex{id: id, origin: originates(c.routers[id])}
		if m, ok := c.infos[id]; ok {
			v.info = &m
		}
		routers[id] = len(g.vertices)
		g.vertices = append(g.vertices, v)
	}
	for _, id := range slices.Sorted(maps.Keys(c.networks)) {
		networks[id] = len(g.vertices)
		g.vertices = append(g.vertices, vertex{id: id, network: true})
	}
	for _, id := range ids {
		for _, l := range c.routers[id].Links {
			switch l.Type {
			case packet.LinkPointToPoint:
				if other, ok := c.routers[l.ID]; ok && leadsTo(other, packet.LinkPointToPoint, id) {
					g.join(routers[id], routers[l.ID], uint32(l.Metric), l)
				}
			case packet.LinkTransit:
				if n, ok := c.networks[l.ID]; ok && slices.Contains(n.Routers, id) {
					g.join(routers[id], networks[l.ID], uint32(l.Metric), l)
					g.join(networks[l.ID], routers[id], 0, packet.RouterLink{})
				}
			}
		}
	}
	return g
}

func (g *graph) join(from, to int, cost uint32, l packet.RouterLink) {
	g.vertices[from].edges = append(g.vertices[from].edges, edge{to, cost, l})
	g.vertices[to].into = append(g.vertices[to].into, edge{from, cost, l})
}

func leadsTo(r packet.RouterLSA, t packet.LinkType, id packet.ID) bool {
	return slices.ContainsFunc(r.Links, func(l packet.RouterLink) bool { return l.Type == t && l.ID == id })
}

// originates tells whether a router announces networks that are not those of
// its links to other routers: it has something behind it.
func originates(r packet.RouterLSA) bool {
	if r.Flags&packet.RouterE != 0 {
		return true
	}
	return slices.ContainsFunc(r.Links, func(s packet.RouterLink) bool {
		return s.Type == packet.LinkStub && !slices.ContainsFunc(r.Links, func(l packet.RouterLink) bool {
			return l.Type != packet.LinkStub && l.Data&s.Data == s.ID
		})
	})
}

// origins lists the routers with something behind them by their id.
func (g *graph) origins() (list []int) {
	for v := range g.vertices {
		if g.vertices[v].origin {
			list = append(list, v)
		}
	}
	return list
}

// distancesTo is Dijkstra's algorithm against the direction of the links: the
// cost from every vertex to one.
func (g *graph) distancesTo(to int) []uint32 {
	dist := make([]uint32, len(g.vertices))
	for v := range dist {
		dist[v] = unreachable
	}
	dist[to] = 0
	q := queue{{to, 0}}
	for len(q) > 0 {
		next := heap.Pop(&q).(candidate)
		if next.cost > dist[next.vertex] {
			continue
		}
		for _, e := range g.vertices[next.vertex].into {
			cost := uint64(next.cost) + uint64(e.cost)
			if cost < uint64(dist[e.to]) { // which leaves out what does not fit
				dist[e.to] = uint32(cost)
				heap.Push(&q, candidate{e.to, uint32(cost)})
			}
		}
	}
	return dist
}

// costOver is the cost from a router over one of its neighbours.
func (g *graph) costOver(from, neighbour int, distances []uint32) (cost uint64, ok bool) {
	cost = math.MaxUint64
	for _, h := range g.hops(from) {
		if h.router == neighbour && distances[neighbour] != unreachable {
			cost, ok = min(cost, uint64(h.cost)+uint64(distances[neighbour])), true
		}
	}
	return cost, ok
}

type candidate struct {
	vertex int
	cost   uint32
}

// queue is a heap of candidates, the nearest first.
type queue []candidate

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].cost < q[j].cost }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(candidate)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
