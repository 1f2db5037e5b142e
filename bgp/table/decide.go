package table

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
)

// decision is the choice among the paths of one prefix. Its slices are used again.
type decision struct {
	left  []int    // indexes of paths that no step has ruled out
	used  []int    // the best path and those that are as good
	lost  []loss   // what ruled a path out, by index
	costs []uint32 // of the next hops, by index
}

// loss is a step that a path lost in; the words are only made for people.
type loss struct {
	step step
	ours uint64 // what the path had, and
	best uint64 // what the better one had
}

// step is a step of the decision process.
type step uint8

// Steps, in their order.
const (
	none step = iota
	rejected
	unreachable
	preference
	pathLength
	origin
	med
	external
	cost
	identifier
	clusters
	address
	otherAS // the path is as good, but not through the same autonomous system
	enough  // there are as many paths as there may be
)

// decide runs the decision process over an entry.
func (d *decision) decide(t *Table, e *entry) {
	n := len(e.paths)
	d.left, d.used = d.left[:0], d.used[:0]
	d.lost = slices.Grow(d.lost[:0], n)[:n]
	d.costs = slices.Grow(d.costs[:0], n)[:n]
	clear(d.lost)
	for i := range e.paths {
		q := &e.paths[i]
		if q.accepted == nil {
			d.lost[i].step = rejected
			continue
		}
		c, ok := t.reach(q.accepted.NextHop)
		if !ok { // RFC 4271 9.1.2 (an unresolvable next hop excludes the route)
			d.lost[i].step = unreachable
			continue
		}
		d.costs[i] = c
		d.left = append(d.left, i)
	}
	if len(d.left) == 0 {
		return
	}
	p := e.paths
	// RFC 4271 9.1.1 (the degree of preference), negated: the highest wins
	d.lowest(preference, func(i int) uint64 { return uint64(^p[i].accepted.Preference()) })
	d.lowest(pathLength, func(i int) uint64 { return uint64(p[i].accepted.ASPath.Len()) }) // 9.1.2.2 (a)
	d.lowest(origin, func(i int) uint64 { return uint64(p[i].accepted.Origin) })           // (b)
	d.lowestMED(p)                                                                         // (c)
	d.lowest(external, func(i int) uint64 { return flag(p[i].source.Internal) })           // (d)
	d.lowest(cost, func(i int) uint64 { return uint64(d.costs[i]) })                       // (e)
	d.used = append(d.used, d.left...)
	d.lowest(identifier, func(i int) uint64 { return routerID(&p[i]) })                      // (f), RFC 4456 9
	d.lowest(clusters, func(i int) uint64 { return uint64(len(p[i].accepted.ClusterList)) }) // RFC 4456 9
	d.lowest(address, func(i int) uint64 { return number(p[i].source.Address) })             // (g)
	d.together(t.multipath, p, d.left[0])
}

// lowest rules out what does not have the lowest value.
func (d *decision) lowest(s step, value func(int) uint64) {
	if len(d.left) == 1 {
		return
	}
	best := value(d.left[0])
	for _, i := range d.left[1:] {
		best = min(best, value(i))
	}
	d.left = slices.DeleteFunc(d.left, func(i int) bool {
		v := value(i)
		if v > best {
			d.lost[i] = loss{s, v, best}
		}
		return v > best
	})
}

// lowestMED rules out what has a higher MED than another path from the same neighbouring system (RFC 4271
// 9.1.2.2 (c)); without one it is 0.
func (d *decision) lowestMED(p []path) {
	if len(d.left) == 1 {
		return
	}
	var worse []int
	for _, i := range d.left {
		for _, j := range d.left {
			a, b := p[i].accepted, p[j].accepted
			if neighbor(&p[i]) == neighbor(&p[j]) && a.MED > b.MED {
				if d.lost[i].step == none || uint64(b.MED) < d.lost[i].best {
					d.lost[i] = loss{med, uint64(a.MED), uint64(b.MED)}
				}
				worse = append(worse, i)
			}
		}
	}
	d.left = slices.DeleteFunc(d.left, func(i int) bool { return slices.Contains(worse, i) })
}

// neighbor is the neighbouring system; paths of the own one are compared with each other.
func neighbor(p *path) uint32 { return p.accepted.ASPath.Neighbor() }

// together makes the best path and what is as good the set that is used.
func (d *decision) together(m bgp.Multipath, p []path, best int) {
	limit := m.EBGP
	if p[best].source.Internal {
		limit = m.IBGP
	}
	candidates := slices.Clone(d.used)
	d.used = append(d.used[:0], best)
	for _, i := range candidates {
		switch {
		case i == best:
		case max(limit, 1) == 1: // the step that it lost in says why
		case !m.MultipleAS && neighbor(&p[i]) != neighbor(&p[best]):
			d.lost[i] = loss{otherAS, uint64(neighbor(&p[i])), uint64(neighbor(&p[best]))}
		case len(d.used) >= limit:
			d.lost[i] = loss{step: enough, best: uint64(limit)}
		default:
			d.lost[i] = loss{}
			d.used = append(d.used, i)
		}
	}
}

// differs tells whether the choice is another one than was reported.
func (d *decision) differs(e *entry) bool {
	return !slices.EqualFunc(d.used, e.chosen, func(i int, c choice) bool {
		q := &e.paths[i]
		return q.source.Address == c.source.Address && q.source.Internal == c.source.Internal && q.accepted.Equal(c.attributes)
	})
}

// String says why a path is not used.
func (l loss) String() string {
	switch l.step {
	case unreachable:
		return "there is no route to its next hop"
	case preference:
		return fmt.Sprintf("lower local preference: %d, the best has %d", ^uint32(l.ours), ^uint32(l.best))
	case pathLength:
		return fmt.Sprintf("longer AS path: %d, the best has %d", l.ours, l.best)
	case origin:
		return fmt.Sprintf("higher origin: %s, the best has %s", bgp.Origin(l.ours), bgp.Origin(l.best))
	case med:
		return fmt.Sprintf("higher MED: %d, another path of the same neighbouring AS has %d", l.ours, l.best)
	case external:
		return "learnt by iBGP, the best by eBGP"
	case cost:
		return fmt.Sprintf("farther next hop: cost %d, the best has %d", l.ours, l.best)
	case identifier:
		return fmt.Sprintf("higher router id: %s, the best has %s", dotted(l.ours), dotted(l.best))
	case clusters:
		return fmt.Sprintf("longer cluster list: %d, the best has %d", l.ours, l.best)
	case address:
		return fmt.Sprintf("higher neighbour address: %s, the best has %s", dotted(l.ours), dotted(l.best))
	case otherAS:
		return fmt.Sprintf("as good, but through AS %d, the best through AS %d (multipath.multiple-as)", l.ours, l.best)
	case enough:
		return fmt.Sprintf("as good, but there are %d paths already (multipath)", l.best)
	}
	return ""
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// routerID is the identifier of the neighbour, or of the router whose route was reflected (RFC 4456 9).
func routerID(p *path) uint64 {
	if id := p.accepted.OriginatorID; id.Is4() {
		return number(id)
	}
	return number(p.source.RouterID)
}

// bestFirst orders what is shown.
func bestFirst(a, b View) int {
	return cmp.Or(cmp.Compare(flag(!a.Best), flag(!b.Best)), cmp.Compare(flag(!a.Used), flag(!b.Used)))
}
