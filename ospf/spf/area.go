package spf

import (
	"math"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// unreachable is the distance of what is not on the tree. Distances saturate there.
const unreachable = math.MaxUint32

// area is the graph of one area with the tree that was last grown on it.
type area struct {
	id        packet.ID
	vertices  []vertex // by number; numbers of vertices that went are used again
	numbers   map[vertexKey]int32
	free      []int32
	contested map[int32]struct{} // networks with several network-LSAs
	summaries map[packet.Key]*summary
	config    AreaConfig
	ranges    map[prefix]*addressRange
	externals map[externalKey]*external // type 7
	root      rootLinks
	tree      tree
	scratch   tree // the tree before, to be grown over
	heap      candidates
	transit   bool    // TransitCapability
	virtual   []setID // next hops of the own virtual links, as the tree has them
	pending   bool    // the tree is older than the graph
}

type vertexKey struct {
	id      packet.ID
	network bool
}

// vertex is a router or a transit network (RFC 2328 section 16.1). One without
// an LSA only stands for an ID that others link to.
type vertex struct {
	id        packet.ID // router id, or address of the designated router
	network   bool
	lsa       bool               // has an LSA; what follows is empty without
	flags     packet.RouterFlags // routers
	origin    packet.ID          // advertising router of the LSA
	edges     []edge             // ascending by to
	leaves    []vertexLeaf       // ascending by prefix: stub links, or the network itself
	claims    []claim            // networks: every network-LSA with this link state ID
	summaries []*summary         // routers: what they advertise as area border router
	refs      int                // edges to it and summaries by it
}

// edge is one link to another vertex.
type edge struct {
	to   int32
	data packet.ID // link data; 0 from a network
	cost uint16    // 0 from a network
	kind packet.LinkType
}

// vertexLeaf is a stub link of a router, or the prefix of a transit network.
type vertexLeaf struct {
	dest *dest
	cost uint32
}

// tree is a shortest-path tree, by vertex number.
type tree struct {
	dist []uint32
	hops []setID
	done []bool // only while it grows
}

func newArea(id packet.ID) *area {
	return &area{
		id:        id,
		numbers:   make(map[vertexKey]int32),
		contested: make(map[int32]struct{}),
		summaries: make(map[packet.Key]*summary),
		externals: make(map[externalKey]*external),
	}
}

// find returns the number of a vertex that has an LSA.
func (a *area) find(k vertexKey) (int32, bool) {
	v, ok := a.numbers[k]
	return v, ok && a.vertices[v].lsa
}

// number returns the number of a vertex, which it creates when it is new.
// Whoever keeps the number holds a reference.
func (a *area) number(k vertexKey) int32 {
	v, ok := a.numbers[k]
	if ok {
		return v
	}
	if n := len(a.free); n > 0 {
		v = a.free[n-1]
		a.free = a.free[:n-1]
	} else {
		v = int32(len(a.vertices))
		a.vertices = append(a.vertices, vertex{})
		a.tree.dist = append(a.tree.dist, 0)
		a.tree.hops = append(a.tree.hops, 0)
	}
	a.vertices[v] = vertex{id: k.id, network: k.network}
	a.tree.dist[v], a.tree.hops[v] = unreachable, 0
	a.numbers[k] = v
	return v
}

// release forgets vertex v when nothing needs it any more.
func (a *area) release(v int32) {
	if x := &a.vertices[v]; x.refs == 0 && !x.lsa {
		delete(a.numbers, vertexKey{x.id, x.network})
		*x = vertex{}
		a.tree.dist[v], a.tree.hops[v] = unreachable, 0
		a.free = append(a.free, v)
	}
}

func (a *area) ref(v int32) { a.vertices[v].refs++ }

func (a *area) unref(v int32) {
	a.vertices[v].refs--
	a.release(v)
}

// setEdges replaces the edges of v, whose ends were numbered just now, and reports
// whether they differ.
func (a *area) setEdges(v int32, edges []edge) bool {
	slices.SortFunc(edges, compareEdges)
	edges = slices.Compact(edges)
	old := a.vertices[v].edges
	if slices.Equal(old, edges) {
		return false
	}
	for _, e := range edges {
		a.ref(e.to)
	}
	a.vertices[v].edges = slices.Clip(edges)
	for _, e := range old {
		a.unref(e.to)
	}
	return true
}

func compareEdges(a, b edge) int {
	switch {
	case a.to != b.to:
		return int(a.to) - int(b.to)
	case a.kind != b.kind:
		return int(a.kind) - int(b.kind)
	case a.data != b.data:
		return a.data.Compare(b.data)
	}
	return int(a.cost) - int(b.cost)
}

// edgesTo returns the edges of x that end at v.
func (x *vertex) edgesTo(v int32) []edge {
	i, _ := slices.BinarySearchFunc(x.edges, v, func(e edge, v int32) int { return int(e.to) - int(v) })
	n := i
	for n < len(x.edges) && x.edges[n].to == v {
		n++
	}
	return x.edges[i:n]
}

// linksTo is the back-link check of RFC 2328 16.1 (2) (b): any link will do.
func (x *vertex) linksTo(v int32) bool {
	if len(x.edges) > 8 {
		_, ok := slices.BinarySearchFunc(x.edges, v, func(e edge, v int32) int { return int(e.to) - int(v) })
		return ok
	}
	for i := range x.edges {
		if x.edges[i].to == v {
			return true
		}
	}
	return false
}

// reach returns the distance and next hops of vertex v on the tree.
func (a *area) reach(v int32) (dist uint32, hops setID, ok bool) {
	dist = a.tree.dist[v]
	return dist, a.tree.hops[v], dist != unreachable && a.vertices[v].lsa
}

// far adds a metric to a distance; the sum saturates at unreachable.
func far(dist, metric uint32) uint32 {
	return uint32(min(uint64(dist)+uint64(metric), unreachable))
}
