// Package symmetry says whether both directions of the flows between two
// routers pass the same routers in between, as stateful hubs need it.
//
// Everything is computed from the link state database of one area: the shortest
// paths of both directions, and what each router on them says about its hash in
// its router information LSA (RFC 7770). Flows are looked at as the kernel does:
// a flow is one number of 31 bits, each router cuts the range of these numbers
// into its next hops in proportion to their weights, and routers with the same
// seed see the same number. Both directions of a flow have the same one, so they
// meet the same routers when, for every number, one path is the other in
// reverse. A router that says nothing proves nothing.
//
// Files: symmetry.go is the vocabulary and the judgement, graph.go the area's
// routers and distances, path.go the ways of the flows, key.go what routers share.
package symmetry

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Verdict is what is known about a pair.
type Verdict string

// Verdicts.
const (
	Symmetric  Verdict = "yes"
	Asymmetric Verdict = "no"
	Unproven   Verdict = "unproven" // a router does not say how it hashes
)

// Pair is two routers that announce networks, with flows that a hash spreads in
// at least one direction, or that come back another way.
type Pair struct {
	A, B    packet.ID // A is the lower one
	Verdict Verdict
	Through []packet.ID // routers in between in either direction, sorted
	Why     []string    // what is in the way; empty when nothing is
}

// Report is the outcome for one area.
type Report struct {
	Pairs []Pair // by A, then B
	// Truncated says that there are more pairs than are listed.
	Truncated bool
}

// Bounds of a report: pairs that it lists, and distances that it computes.
const (
	maxPairs     = 20_000
	maxDistances = 1 << 22
)

// Compute judges the pairs of one area, whose LSAs are complete, well formed
// and not at MaxAge. Where about is not 0, only its pairs are looked at.
func Compute(lsas iter.Seq[[]byte], about packet.ID) Report {
	g := newGraph(lsas)
	ends := g.origins()
	r := Report{Pairs: []Pair{}}
	if limit := maxDistances / max(1, len(g.vertices)); len(ends) > limit {
		ends, r.Truncated = ends[:limit], true
	}
	trees := make(map[int]*tree, len(ends))
	for _, v := range ends {
		trees[v] = g.treeTo(v)
	}
	for i, a := range ends {
		for _, b := range ends[i+1:] {
			if about != 0 && g.vertices[a].id != about && g.vertices[b].id != about {
				continue
			}
			p, spread := g.judge(trees[a], trees[b])
			switch {
			case !spread:
			case len(r.Pairs) == maxPairs:
				r.Truncated = true
				return r
			default:
				r.Pairs = append(r.Pairs, p)
			}
		}
	}
	return r
}

// judge compares both directions between a and b; spread is false when there is
// one path and no choice.
func (g *graph) judge(toA, toB *tree) (p Pair, spread bool) {
	a, b := toA.root, toB.root
	if toB.cost[a] == unreachable || toA.cost[b] == unreachable {
		return Pair{}, false
	}
	there, back := g.walk(a, toB), g.walk(b, toA)
	deciders := unite(there.deciders(), back.deciders())
	if len(deciders) == 0 && mirrored(there.stretches, back.stretches) {
		return Pair{}, false
	}
	p = Pair{A: g.vertices[a].id, B: g.vertices[b].id, Verdict: Symmetric, Through: []packet.ID{}, Why: []string{}}
	for _, v := range unite(there.between(), back.between()) {
		p.Through = append(p.Through, g.vertices[v].id)
	}
	unknown, faults := g.hashes(deciders)
	faults = append(faults, g.differences(toA, toB, there, back)...)
	switch {
	case there.tooMany || back.tooMany:
		unknown = append(unknown, "too many paths to follow")
	case len(unknown)+len(faults) == 0 && !mirrored(there.stretches, back.stretches):
		faults = append(faults, g.sharesDiffer(there, back))
	}
	switch {
	case len(faults) > 0:
		p.Verdict = Asymmetric
	case len(unknown) > 0:
		p.Verdict = Unproven
	}
	p.Why = append(append(p.Why, faults...), unknown...)
	return p, true
}

// hashes tells which of the routers say nothing of their hash, and what keeps
// the others from hashing alike.
func (g *graph) hashes(deciders []int) (unknown, faults []string) {
	var first *vertex
	for _, d := range deciders {
		v := &g.vertices[d]
		switch m := v.info; {
		case m == nil:
			unknown = append(unknown, fmt.Sprintf("%s does not say how it hashes: a foreign router, or one that floods no opaque LSAs", v.id))
		case !m.Able:
			faults = append(faults, fmt.Sprintf("the kernel of %s is older than 6.11: its hash has no seed that could be shared", v.id))
		case !m.Shared:
			faults = append(faults, fmt.Sprintf("%s hashes with a seed of its own: ecmp.hash is not symmetric there", v.id))
		case m.Resilient:
			faults = append(faults, fmt.Sprintf("%s has resilient groups, whose choice depends on what has been before", v.id))
		case m.Policy != 0 && m.Policy != 3:
			faults = append(faults, fmt.Sprintf("%s hashes by policy %d, which is not the same in both directions", v.id, m.Policy))
		case first == nil:
			first = v
		case m.Fingerprint != first.info.Fingerprint:
			faults = append(faults, fmt.Sprintf("other seed: %s and %s have different symmetric-key", first.id, v.id))
		case m.Policy != first.info.Policy || m.Fields != first.info.Fields:
			faults = append(faults, fmt.Sprintf("%s hashes %s, %s hashes %s: symmetric-level differs", first.id, level(first.info), v.id, level(m)))
		}
	}
	return unknown, faults
}

// level names what is hashed.
func level(m *packet.Multipath) string {
	switch {
	case m.Policy == 0:
		return "l3"
	case m.Fields == 0x37:
		return "l4"
	}
	return fmt.Sprintf("policy %d with fields 0x%x", m.Policy, m.Fields)
}

// differences names the routers that only one direction passes, and why.
func (g *graph) differences(toA, toB *tree, there, back ways) (faults []string) {
	one, other := there.between(), back.between()
	for _, v := range unite(one, other) {
		switch {
		case !slices.Contains(other, v):
			faults = append(faults, g.missing(toB.root, v, toA, back, there))
		case !slices.Contains(one, v):
			faults = append(faults, g.missing(toA.root, v, toB, there, back))
		}
	}
	return slices.Compact(faults)
}

// missing says why the way from one router to another does not pass via, which
// the way back does.
func (g *graph) missing(from, via int, to *tree, way, back ways) string {
	source, target := g.vertices[from].id, g.vertices[to.root].id
	if cost, ok := g.costOver(from, via, to.cost); ok && cost > uint64(to.cost[from]) {
		return fmt.Sprintf("unequal costs: %s reaches %s at cost %d, through %s at %d", source, target, to.cost[from], g.vertices[via].id, cost)
	}
	return fmt.Sprintf("different member count: %s to %s through %d routers, back through %d and %s",
		source, target, len(way.between()), len(back.between()), g.vertices[via].id)
}

// sharesDiffer says which weights are not mirrored.
func (g *graph) sharesDiffer(there, back ways) string {
	var b strings.Builder
	b.WriteString("unmirrored weights:")
	for _, w := range []ways{there, back} {
		for _, d := range w.deciders() {
			fmt.Fprintf(&b, " %s has", g.vertices[d].id)
			for _, m := range w.sets[d] {
				fmt.Fprintf(&b, " %s:%d", g.vertices[m.router].id, m.weight)
			}
			b.WriteString(",")
		}
	}
	return strings.TrimSuffix(b.String(), ",")
}

// unite returns the elements of both sorted lists, sorted, each once.
func unite(a, b []int) []int {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
