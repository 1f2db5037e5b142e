// Package rib chooses the best route of every prefix from all sources:
// connected networks, static routes of the configuration, foreign routes of the
// kernel, OSPF and BGP. It is pure: values in, changes out.
//
//   - route.go: a [Route] and its preference
//   - table.go: the [Table], which keeps candidates and reports net changes
//   - static.go: which static routes are active over the connected networks
//   - gateways.go, resolve.go, weights.go: recursive routes, which lead to gateways that
//     other routes lead to
//
// The lowest administrative distance wins, then the lowest metric, then the
// order of [Protocol]. A best route is reported with the first max-paths
// members of its next-hop set in the set's own order, so that two routers that
// see the same neighbours choose the same members.
//
// Routes over the same gateways share what these resolve to. When a route below changes,
// only the gateways that it leads to are looked at, and the outcome is one [Move] for
// each set of gateways, however many routes have it.
//
// Only IPv4 exists here, as in OSPFv2: a prefix of another family is ignored.
package rib

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

// Table holds the candidates of every prefix. It is not safe for concurrent
// use; one goroutine owns it.
type Table struct {
	maxPaths int
	routes   map[ipv4.Prefix]*candidate // most preferred first; never nil
	lengths  [33]int                    // prefixes by length: what a longest match has to try
	touched  []touch                    // since the last Changes
	resolver resolver
}

// candidate is a list: one element in the common case, at most one a protocol.
// Its record is never written again; a new route is a new candidate.
type candidate struct {
	record
	next *candidate
}

// selection is what a prefix had at some moment: its best candidate, nil for
// none, and the limit of next hops then.
type selection struct {
	best     *candidate
	maxPaths int
}

// selected is the selection among the candidates of a prefix.
func (t *Table) selected(c *candidate) selection {
	for c != nil && !c.usable() {
		c = c.next
	}
	return selection{c, t.maxPaths}
}

func (s selection) route(k ipv4.Prefix) (Route, bool) {
	if s.best == nil {
		return Route{}, false
	}
	r := s.best.route(k)
	r.NextHops = r.NextHops.Limit(s.maxPaths)
	return r, true
}

// touch is what a prefix resolved to before something about it changed.
type touch struct {
	prefix ipv4.Prefix
	before selection
}

// New returns an empty table that keeps at most maxPaths next hops a route;
// values below 1 count as 1.
func New(maxPaths int) *Table {
	return &Table{
		maxPaths: max(maxPaths, 1),
		routes:   make(map[ipv4.Prefix]*candidate),
		resolver: newResolver(),
	}
}

// SetMaxPaths changes the limit; routes that it shortens or lengthens come out
// of the next Changes, recursive ones of the next Moves.
func (t *Table) SetMaxPaths(n int) {
	n = max(n, 1)
	if n == t.maxPaths {
		return
	}
	for k, c := range t.routes {
		if c.nextHops.Limit(n) != c.nextHops.Limit(t.maxPaths) {
			t.touch(k, c)
		}
	}
	for _, s := range t.resolver.sets {
		if s.nextHops.Limit(n) != s.nextHops.Limit(t.maxPaths) {
			t.resolver.moved[s] = struct{}{}
		}
	}
	t.maxPaths = n
}

// Set adds the route, in place of the one that its protocol had for the prefix.
func (t *Table) Set(r Route) {
	k, ok := ipv4.PrefixOf(r.Prefix)
	if !ok {
		return
	}
	rec := record{
		typ:      r.Type,
		nextHops: r.NextHops,
		metric:   r.Metric,
		tag:      r.Tag,
		protocol: r.Protocol,
		distance: r.Distance,
		discard:  r.Discard,
		local:    r.Local,
	}
	head := t.routes[k]
	t.touch(k, head)
	switch {
	case rec.discard:
		rec.nextHops = nexthop.Set{}
	case !r.Gateways.IsEmpty(): // shared before the old candidate lets go of it
		rec.nextHops, rec.over = nexthop.Set{}, t.share(r.Gateways, rankOf(r.Protocol))
	}
	old := head.find(r.Protocol)
	if old != nil {
		t.release(k, old)
	}
	c := &candidate{record: rec}
	t.stir(k, c)
	t.change(k, head, head.without(old).with(c))
}

// Withdraw removes the protocol's route for the prefix, if there is one.
func (t *Table) Withdraw(prefix netip.Prefix, p Protocol) {
	if k, ok := ipv4.PrefixOf(prefix); ok {
		t.withdraw(k, p)
	}
}

// Replace makes routes the only ones of the protocol: what is not among them is
// withdrawn. The Protocol field of the routes is overwritten. Like everything
// else it shows in Changes only where a best route differs.
func (t *Table) Replace(p Protocol, routes []Route) {
	keep := make(map[ipv4.Prefix]bool, len(routes))
	for _, r := range routes {
		if k, ok := ipv4.PrefixOf(r.Prefix); ok {
			keep[k] = true
		}
		r.Protocol = p
		t.Set(r)
	}
	for k, c := range t.routes {
		if !keep[k] && c.find(p) != nil {
			t.withdraw(k, p)
		}
	}
}

// Changes returns the net difference of the best routes since the last call,
// sorted by prefix. What went and came back unchanged is not in it, nor are routes whose
// gateways lead elsewhere, see [Table.Moves]. Recursive routes follow the routes below them here.
func (t *Table) Changes() []Change {
	t.update()
	if len(t.touched) == 0 {
		return nil
	}
	byPrefix := func(a, b touch) int { return cmp.Compare(a.prefix, b.prefix) }
	if !slices.IsSortedFunc(t.touched, byPrefix) { // a burst of the protocol comes in order
		slices.SortStableFunc(t.touched, byPrefix)
	}
	changes := make([]Change, 0, len(t.touched))
	for i, told := range t.touched {
		k := told.prefix
		if i > 0 && t.touched[i-1].prefix == k {
			continue // what was reported is what was there before the first change
		}
		now := t.selected(t.routes[k])
		if told.before == now {
			continue
		}
		before, _ := told.before.route(k)
		best, ok := now.route(k)
		if best == before {
			continue
		}
		changes = append(changes, Change{Prefix: k.Netip(), Route: best, Withdrawn: !ok})
	}
	t.touched = nil // a burst leaves no list of its size behind
	return changes
}

// Best returns the selected route of exactly this prefix.
func (t *Table) Best(prefix netip.Prefix) (Route, bool) {
	k, ok := ipv4.PrefixOf(prefix)
	if !ok {
		return Route{}, false
	}
	return t.best(k)
}

// Lookup returns the selected route that a packet to the address takes: the
// longest match.
func (t *Table) Lookup(a netip.Addr) (Route, bool) {
	if !a.Is4() {
		return Route{}, false
	}
	for bits := 32; bits >= 0; bits-- {
		if t.lengths[bits] == 0 {
			continue
		}
		if r, ok := t.best(ipv4.PrefixAround(a, bits)); ok {
			return r, true
		}
	}
	return Route{}, false
}

// All yields the selected routes, ordered by address and then by length. The
// table must not be changed while it runs.
func (t *Table) All() iter.Seq[Route] {
	return func(yield func(Route) bool) {
		for _, k := range sortedKeys(t.routes) {
			if r, ok := t.best(k); ok && !yield(r) {
				return
			}
		}
	}
}

// Candidates returns every route of the prefix, the most preferred first, with
// its complete next-hop set: max-paths does not shorten it.
func (t *Table) Candidates(prefix netip.Prefix) []Route {
	k, ok := ipv4.PrefixOf(prefix)
	if !ok {
		return nil
	}
	var routes []Route
	for c := t.routes[k]; c != nil; c = c.next {
		routes = append(routes, c.route(k))
	}
	return routes
}

// Len is the number of prefixes with at least one candidate.
func (t *Table) Len() int { return len(t.routes) }

func (t *Table) best(k ipv4.Prefix) (Route, bool) {
	return t.selected(t.routes[k]).route(k)
}

// touch remembers what the prefix, whose candidates are head, resolves to before it changes.
func (t *Table) touch(k ipv4.Prefix, head *candidate) {
	t.touched = append(t.touched, touch{k, t.selected(head)})
}

func (t *Table) withdraw(k ipv4.Prefix, p Protocol) {
	head := t.routes[k]
	old := head.find(p)
	if old == nil {
		return
	}
	t.touch(k, head)
	t.release(k, old)
	t.change(k, head, head.without(old))
}

// change gives a prefix other candidates; nil is none.
func (t *Table) change(k ipv4.Prefix, old, head *candidate) {
	if head == nil {
		delete(t.routes, k)
		t.lengths[k.Bits()]--
		return
	}
	if old == nil {
		t.lengths[k.Bits()]++
	}
	t.routes[k] = head
}

// with puts n at its place in the list.
func (c *candidate) with(n *candidate) *candidate {
	if c == nil || n.compare(&c.record) < 0 {
		n.next = c
		return n
	}
	at := c
	for at.next != nil && at.next.compare(&n.record) < 0 {
		at = at.next
	}
	n.next, at.next = at.next, n
	return c
}

// without takes a candidate out of the list; nil is none.
func (c *candidate) without(old *candidate) *candidate {
	switch {
	case old == nil:
		return c
	case c == old:
		return c.next
	}
	for at := c; at.next != nil; at = at.next {
		if at.next == old {
			at.next = old.next
			break
		}
	}
	return c
}

// release lets go of what a candidate that leaves has of others.
func (t *Table) release(k ipv4.Prefix, c *candidate) {
	t.stir(k, c)
	if c.over != nil {
		t.unshare(c.over)
	}
}

func sortedKeys[V any](m map[ipv4.Prefix]V) []ipv4.Prefix {
	return slices.Sorted(maps.Keys(m))
}

// find returns the protocol's candidate, nil when there is none.
func (c *candidate) find(p Protocol) *candidate {
	for c != nil && c.protocol != p {
		c = c.next
	}
	return c
}
