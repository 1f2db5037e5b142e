package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// The oracle knows the network as it is built and computes every router's
// routes by an algorithm of its own: distances between all pairs of vertices
// (Floyd and Warshall), then a next hop is good when its cost and the distance from there
// add up to the distance from here.

const unreachable = 1 << 30

// vertex is a router or a connected part of a LAN that has a DR and no costs between its routers.
type vertex struct {
	router *Router
	prefix netip.Prefix // LAN part
}

// edge is one way from a vertex to another.
type edge struct {
	to      int
	cost    int
	port    *port      // from a router; nil from a LAN
	gateway netip.Addr // of a point-to-point neighbour
	through *graph     // of a virtual link: its transit area
}

// stub is a prefix at a vertex.
type stub struct {
	at     int
	prefix netip.Prefix
	cost   int
	port   *port // from a router
}

// graph is one area.
type graph struct {
	vertices []vertex
	edges    [][]edge
	stubs    []stub
	dist     [][]int
	index    map[*Router]int
}

// wantedRoute is a route in the oracle's words.
type wantedRoute struct {
	kind            spf.PathType
	area            packet.ID
	nssa            bool // external: known from an NSSA
	preferred       bool // external: by way of an intra-area path outside the backbone
	cost, type2Cost int
	hops            map[string]bool // see hopText; nil: discard
}

func hopText(iface string, gateway netip.Addr, id packet.ID) string {
	if !gateway.IsValid() {
		return "direct " + iface
	}
	return fmt.Sprintf("%v on %s (%v)", gateway, iface, id)
}

func (w wantedRoute) String() string {
	kind := w.kind
	if w.nssa {
		kind += spf.NSSA1 - spf.External1
	}
	return routeText(kind, w.cost, w.type2Cost, w.hops)
}

func routeText(kind spf.PathType, cost, type2 int, hops map[string]bool) string {
	if len(hops) == 0 {
		return fmt.Sprintf("%v cost %d discard", kind, cost)
	}
	list := make([]string, 0, len(hops))
	for h := range hops {
		list = append(list, h)
	}
	slices.Sort(list)
	return fmt.Sprintf("%v cost %d/%d via [%s]", kind, cost, type2, strings.Join(list, ", "))
}

// graphOf builds an area from what is up and connected.
func (n *Net) graphOf(area packet.ID) *graph {
	g := &graph{index: map[*Router]int{}}
	for _, r := range n.routers {
		if r.engine != nil {
			g.index[r] = g.add(vertex{router: r})
		}
	}
	for _, r := range n.routers {
		for _, p := range r.ports {
			if r.engine != nil && p.up && p.loopback && p.area == area {
				g.stubs = append(g.stubs, stub{g.index[r], p.addr, 0, p})
			}
		}
	}
	for _, s := range n.segments {
		if s.options.Area != area {
			continue
		}
		switch {
		case s.mesh():
			g.addMesh(s)
		case s.lan():
			g.addLAN(s)
		default:
			g.addLink(s)
		}
	}
	g.distances()
	return g
}

func (g *graph) add(v vertex) int {
	g.vertices = append(g.vertices, v)
	g.edges = append(g.edges, nil)
	return len(g.vertices) - 1
}

func (g *graph) addLink(s *Segment) {
	a, b := s.ports[0], s.ports[1]
	for _, p := range s.ports {
		if p.router.engine != nil && p.up {
			g.stubs = append(g.stubs, stub{g.index[p.router], p.addr.Masked(), int(p.cost), p})
		}
	}
	if a.router.engine == nil || b.router.engine == nil || !s.connected(a, b) {
		return
	}
	i, j := g.index[a.router], g.index[b.router]
	g.edges[i] = append(g.edges[i], edge{to: j, cost: int(a.cost), port: a, gateway: b.addr.Addr()})
	g.edges[j] = append(g.edges[j], edge{to: i, cost: int(b.cost), port: b, gateway: a.addr.Addr()})
}

// addMesh adds a link between every two routers that are adjacent with each other, or with a DR, and the address of each;
// of a network with a DR each has the subnet, too.
func (g *graph) addMesh(s *Segment) {
	for _, p := range s.ports {
		if p.router.engine == nil || !p.up {
			continue
		}
		g.stubs = append(g.stubs, stub{g.index[p.router], netip.PrefixFrom(p.addr.Addr(), 32), 0, p})
		if s.elects() {
			g.stubs = append(g.stubs, stub{g.index[p.router], s.prefix, int(p.cost), p})
		}
		for _, other := range s.ports {
			if other == p || other.router.engine == nil || !s.connected(p, other) || s.elects() && !s.electable(p.part) {
				continue
			}
			i := g.index[p.router]
			g.edges[i] = append(g.edges[i], edge{to: g.index[other.router], cost: int(p.costTo(other)), port: p, gateway: other.addr.Addr()})
		}
	}
}

// addLAN adds a transit network for each part that has a possible DR and a
// second router, and stubs for routers on their own.
func (g *graph) addLAN(s *Segment) {
	for part := range 2 {
		members := s.members(part)
		if len(members) < 2 || !s.electable(part) {
			for _, p := range members {
				g.stubs = append(g.stubs, stub{g.index[p.router], s.prefix, int(p.cost), p})
			}
			continue
		}
		lan := g.add(vertex{prefix: s.prefix})
		g.stubs = append(g.stubs, stub{at: lan, prefix: s.prefix})
		for _, p := range members {
			i := g.index[p.router]
			g.edges[i] = append(g.edges[i], edge{to: lan, cost: int(p.cost), port: p})
			g.edges[lan] = append(g.edges[lan], edge{to: i, port: p})
		}
	}
	if s.cut { // everybody is on his own
		for part := range 2 {
			for _, p := range s.ports {
				if p.part == part && p.up && p.router.engine != nil {
					g.stubs = append(g.stubs, stub{g.index[p.router], s.prefix, int(p.cost), p})
				}
			}
		}
	}
}

// members lists the working ports of one part of a LAN.
func (s *Segment) members(part int) []*port {
	var list []*port
	for _, p := range s.ports {
		if !s.cut && p.part == part && p.up && p.router.engine != nil {
			list = append(list, p)
		}
	}
	return list
}

// electable tells whether a part of a LAN has a router that may be DR; without
// one there are no adjacencies.
func (s *Segment) electable(part int) bool {
	return slices.ContainsFunc(s.members(part), func(p *port) bool { return p.priority > 0 })
}

// distances computes all pairs.
func (g *graph) distances() {
	n := len(g.vertices)
	g.dist = make([][]int, n)
	for i := range g.dist {
		g.dist[i] = make([]int, n)
		for j := range g.dist[i] {
			g.dist[i][j] = unreachable
		}
		g.dist[i][i] = 0
		for _, e := range g.edges[i] {
			g.dist[i][e.to] = min(g.dist[i][e.to], e.cost)
		}
	}
	for k := range n {
		for i := range n {
			if g.dist[i][k] == unreachable {
				continue
			}
			for j := range n {
				g.dist[i][j] = min(g.dist[i][j], g.dist[i][k]+g.dist[k][j])
			}
		}
	}
}

// hops lists the next hops from a router to a vertex.
func (g *graph) hops(from, to int) map[string]bool {
	hops := map[string]bool{}
	for _, e := range g.edges[from] {
		if e.through != nil { // routers have the same number in all graphs
			if e.cost+g.dist[e.to][to] == g.dist[from][to] {
				maps.Copy(hops, e.through.hops(from, e.to))
			}
			continue
		}
		if w := g.vertices[e.to].router; w != nil {
			if e.cost+g.dist[e.to][to] == g.dist[from][to] {
				hops[hopText(e.port.name, e.gateway, w.ID)] = true
			}
			continue
		}
		if e.to == to && e.cost == g.dist[from][to] {
			hops[hopText(e.port.name, netip.Addr{}, 0)] = true
		}
		for _, m := range g.edges[e.to] {
			if m.to != from && e.cost+g.dist[m.to][to] == g.dist[from][to] {
				hops[hopText(e.port.name, m.port.addr.Addr(), m.port.router.ID)] = true
			}
		}
	}
	return hops
}

// better puts a candidate into the table: lower cost wins, equal cost unites.
func better(table map[netip.Prefix]wantedRoute, p netip.Prefix, w wantedRoute) {
	old, ok := table[p]
	switch order := compareRoutes(w, old); {
	case !ok || order < 0:
		table[p] = w
	case order == 0:
		for h := range w.hops {
			old.hops[h] = true
		}
		old.nssa = old.nssa || w.nssa
		old.area = max(old.area, w.area) // one area stands for all
		table[p] = old
	}
}

// compareRoutes is negative when a is preferred (RFC 2328 11, 16.4).
func compareRoutes(a, b wantedRoute) int {
	less := func(b bool) int { return map[bool]int{true: -1}[b] }
	for _, d := range []int{int(a.kind) - int(b.kind), a.type2Cost - b.type2Cost,
		less(a.preferred) - less(b.preferred), a.cost - b.cost} {
		if d != 0 {
			return d
		}
	}
	return 0
}

// areas lists the area ids that are in use.
func (n *Net) areas() []packet.ID {
	list := []packet.ID{0}
	for _, s := range n.segments {
		if !slices.Contains(list, s.options.Area) {
			list = append(list, s.options.Area)
		}
	}
	return list
}
