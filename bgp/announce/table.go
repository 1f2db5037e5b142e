package announce

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

// Route is a selected route of the RIB that is none of BGP.
type Route struct {
	Prefix netip.Prefix
	Source policy.Source
	Metric uint32
	Tag    uint32
	Mark   []bgp.LargeCommunity // says where it comes from
}

// Table holds all that may be announced. One goroutine owns it.
type Table struct {
	cfg     Config
	world   World
	routes  map[netip.Prefix]Route
	learnt  map[netip.Prefix]bgp.Path // the best paths
	rules   map[netip.Prefix][]*Rule
	except  map[netip.Prefix][]netip.Prefix        // neighbours inside prefixes of others
	parts   map[netip.Prefix]map[netip.Prefix]bool // of active aggregates: what is more specific
	touched map[netip.Prefix]struct{}
	told    map[netip.Prefix]bgp.Announcement
	passed  passed
}

// passed is what the last learnt path was told on as.
type passed struct {
	in, out *bgp.Attributes
	from    *bgp.Source
}

// NewTable returns a table that announces nothing.
func NewTable() *Table {
	return &Table{
		routes: map[netip.Prefix]Route{}, learnt: map[netip.Prefix]bgp.Path{}, rules: map[netip.Prefix][]*Rule{},
		parts: map[netip.Prefix]map[netip.Prefix]bool{}, touched: map[netip.Prefix]struct{}{}, told: map[netip.Prefix]bgp.Announcement{},
	}
}

// Configure takes another configuration over. It must not be changed any more.
func (t *Table) Configure(c Config) {
	t.touchAll()
	t.passed = passed{}
	t.cfg, t.rules = c, map[netip.Prefix][]*Rule{}
	for i := range t.cfg.Rules {
		for _, r := range t.cfg.Rules[i].spread() {
			t.rules[r.Prefix] = append(t.rules[r.Prefix], r)
		}
	}
	t.except = map[netip.Prefix][]netip.Prefix{}
	for _, outer := range c.Neighbors {
		for _, n := range c.Neighbors {
			if n.Prefix != outer.Prefix && outer.Prefix.Bits() <= n.Prefix.Bits() && outer.Prefix.Contains(n.Prefix.Addr()) {
				t.except[outer.Prefix] = append(t.except[outer.Prefix], n.Prefix)
			}
		}
	}
	clear(t.parts)
	t.touchAll()
}

// SetWorld takes another state of the world over.
func (t *Table) SetWorld(w World) {
	before := t.world
	t.world = w
	if before.Drained != w.Drained {
		t.touchAll()
		return
	}
	for p, rules := range t.rules {
		if slices.ContainsFunc(rules, func(r *Rule) bool {
			return r.When.holds(&before) != r.When.holds(&w)
		}) {
			t.touch(p)
		}
	}
}

// Waits tells whether a rule looks at an uplink whose state nobody has said yet: what is announced then would not last.
func (t *Table) Waits() bool {
	for i := range t.cfg.Rules {
		if w := t.cfg.Rules[i].When; w != nil && w.Uplink != "" {
			if _, known := t.world.Uplinks[w.Uplink]; !known {
				return true
			}
		}
	}
	return false
}

// Offer says that the RIB has selected a route.
func (t *Table) Offer(r Route) {
	t.routes[r.Prefix] = r
	t.touch(r.Prefix)
}

// Retract says that the RIB has no route of another protocol than BGP any more.
func (t *Table) Retract(p netip.Prefix) {
	if _, there := t.routes[p]; there {
		delete(t.routes, p)
		t.touch(p)
	}
}

// Learn says which path of BGP is the best; without attributes none is.
func (t *Table) Learn(p bgp.Path) {
	if p.Attributes == nil {
		delete(t.learnt, p.Prefix)
	} else {
		t.learnt[p.Prefix] = p
	}
	t.touch(p.Prefix)
}

func (t *Table) touch(p netip.Prefix) { t.touched[p] = struct{}{} }

func (t *Table) touchAll() {
	for p := range t.told {
		t.touch(p)
	}
	for p := range t.routes {
		t.touch(p)
	}
	for p := range t.learnt {
		t.touch(p)
	}
	for p := range t.rules {
		t.touch(p)
	}
	for _, n := range t.cfg.Networks {
		t.touch(n.Prefix)
	}
	for _, a := range t.cfg.Aggregates {
		t.touch(a.Prefix)
	}
}

// Change is what is to be said anew: an announcement, or of a prefix that nobody is told any more one without targets.
type Change struct {
	bgp.Announcement
	Before bgp.Announcement // zero: it was not announced
}

// Changes returns what differs from what the last call left behind, in no order.
func (t *Table) Changes() (list []Change) {
	t.gather()
	for p := range t.touched {
		now, before := t.announcement(p), t.told[p]
		if len(now.To) == 0 {
			delete(t.told, p)
			now = bgp.Announcement{Prefix: p}
		} else {
			t.told[p] = now
		}
		if len(now.To)+len(before.To) > 0 && (len(before.To) == 0 || len(now.To) == 0 || !now.Equal(&before)) {
			list = append(list, Change{now, before})
		}
	}
	clear(t.touched)
	return list
}

// Announced returns all that is announced, as of the last call of Changes.
func (t *Table) Announced() []bgp.Announcement {
	list := make([]bgp.Announcement, 0, len(t.told))
	for _, a := range t.told {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b bgp.Announcement) int { return compare(a.Prefix, b.Prefix) })
	return list
}

// Len is how many prefixes are announced to anybody.
func (t *Table) Len() int { return len(t.told) }

// Count is how many a neighbour is told.
func (t *Table) Count(neighbor netip.Addr) (n int) {
	for _, a := range t.told {
		if slices.ContainsFunc(a.To, func(to bgp.Target) bool {
			return slices.ContainsFunc(to.Addresses(), func(p netip.Prefix) bool { return p.Contains(neighbor) })
		}) {
			n++
		}
	}
	return n
}

func compare(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// gather notes which touched prefixes are parts of aggregates, which can be parts of others.
func (t *Table) gather() {
	if len(t.cfg.Aggregates) == 0 {
		return
	}
	for queue := slices.Collect(maps.Keys(t.touched)); len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		_, there := t.origin(p)
		for _, a := range t.cfg.Aggregates {
			if a.Prefix.Bits() < p.Bits() && a.Prefix.Contains(p.Addr()) && t.part(a.Prefix, p, there) {
				t.touch(a.Prefix)
				queue = append(queue, a.Prefix)
			}
		}
	}
}

// part says whether a prefix is there that is part of an aggregate, and tells whether the aggregate came or went with it.
func (t *Table) part(aggregate, p netip.Prefix, there bool) (turned bool) {
	parts := t.parts[aggregate]
	switch {
	case there && parts == nil:
		t.parts[aggregate] = map[netip.Prefix]bool{p: true}
		return true
	case there:
		parts[p] = true
	case parts[p]:
		if delete(parts, p); len(parts) == 0 {
			delete(t.parts, aggregate)
			return true
		}
	}
	return false
}
