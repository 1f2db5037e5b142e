package symmetry

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// hop is one way from a router to a neighbour.
type hop struct {
	router int
	weight uint32
	cost   uint32
}

// tree is how everybody reaches one router.
type tree struct {
	root int
	cost []uint32      // by vertex
	sets map[int][]hop // of the routers that were asked for
}

func (g *graph) treeTo(root int) *tree {
	return &tree{root, g.distancesTo(root), map[int][]hop{}}
}

// hops lists all ways to neighbours, over links and transit networks.
func (g *graph) hops(from int) (list []hop) {
	v := &g.vertices[from]
	for _, e := range v.edges {
		w := v.weight(e.link)
		if !g.vertices[e.to].network {
			list = append(list, hop{e.to, w, e.cost})
			continue
		}
		for _, n := range g.vertices[e.to].edges {
			if n.to != from {
				list = append(list, hop{n.to, w, e.cost})
			}
		}
	}
	return list
}

// weight is what the router says of the link; 1 where it says nothing.
func (v *vertex) weight(l packet.RouterLink) uint32 {
	if v.info != nil {
		for _, w := range v.info.Weights {
			if w.ID == l.ID && w.Data == l.Data && w.Type == l.Type && w.Weight > 0 {
				return uint32(w.Weight)
			}
		}
	}
	return 1
}

// set is the equal-cost set towards the root of the tree, in the order of the
// kernel: by router id, at most max-paths members.
func (g *graph) set(from int, to *tree) []hop {
	if set, ok := to.sets[from]; ok {
		return set
	}
	members := slices.DeleteFunc(g.hops(from), func(h hop) bool {
		return to.cost[h.router] == unreachable || uint64(h.cost)+uint64(to.cost[h.router]) != uint64(to.cost[from])
	})
	slices.SortStableFunc(members, func(a, b hop) int {
		return cmp.Compare(g.vertices[a.router].id, g.vertices[b.router].id)
	})
	if m := g.vertices[from].info; m != nil && m.MaxPaths > 0 && int(m.MaxPaths) < len(members) {
		members = members[:m.MaxPaths]
	}
	to.sets[from] = slices.Clone(members)
	return to.sets[from]
}

// hashEnd is the number after the highest hash.
const hashEnd = 1 << 31

// stretch is the flows with hashes below end and not below the stretch before:
// the routers that they pass between the ends.
type stretch struct {
	end     uint64
	between []int
}

// ways are all flows from one router to another.
type ways struct {
	stretches []stretch
	sets      map[int][]hop // of the routers on the way
	tooMany   bool          // paths to follow
}

// Bounds of one direction.
const (
	maxStretches = 4096
	maxHops      = 64
)

// walk follows every flow from a router to the root of the tree.
func (g *graph) walk(from int, to *tree) ways {
	w := ways{sets: map[int][]hop{}}
	g.follow(&w, from, to, 0, hashEnd, nil)
	return w
}

// follow takes the flows of a range of hashes from a router on.
func (g *graph) follow(w *ways, at int, to *tree, begin, end uint64, between []int) {
	if at == to.root {
		w.stretches = append(w.stretches, stretch{end, slices.Clone(between[:len(between)-1])})
		return
	}
	if w.tooMany || len(w.stretches) == maxStretches || len(between) == maxHops {
		w.tooMany = true
		return
	}
	set := g.set(at, to)
	w.sets[at] = set
	var total, sum uint64
	for _, h := range set {
		total += uint64(h.weight)
	}
	low := begin
	for _, h := range set {
		sum += uint64(h.weight)
		// The kernel's bound of the member, rounded to the nearest.
		high := min(end, (sum*hashEnd+total/2)/total)
		if high > low {
			g.follow(w, h.router, to, low, high, append(between, h.router))
			low = high
		}
	}
}

// deciders lists the routers that have a choice of routers, sorted.
func (w ways) deciders() (list []int) {
	for r, members := range w.sets {
		if slices.ContainsFunc(members, func(h hop) bool { return h.router != members[0].router }) {
			list = append(list, r)
		}
	}
	slices.Sort(list)
	return list
}

// between lists the routers in between, sorted.
func (w ways) between() []int {
	all := map[int]bool{}
	for _, s := range w.stretches {
		for _, r := range s.between {
			all[r] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// mirrored tells whether every flow comes back the way it went.
func mirrored(there, back []stretch) bool {
	for len(there) > 0 && len(back) > 0 {
		a, b := there[0], back[0]
		reverse := slices.Clone(b.between)
		slices.Reverse(reverse)
		if !slices.Equal(a.between, reverse) {
			return false
		}
		if a.end <= b.end {
			there = there[1:]
		}
		if b.end <= a.end {
			back = back[1:]
		}
	}
	return len(there) == 0 && len(back) == 0
}
