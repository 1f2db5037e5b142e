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
	reported map[ipv4.Prefix]selection  // what Changes last reported, for prefixes touched since
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

func (t *Table) selection(k ipv4.Prefix) selection {
	c := t.routes[k]
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

// New returns an empty table that keeps at most maxPaths next hops a route;
// values below 1 count as 1.
func New(maxPaths int) *Table {
	return &Table{
		maxPaths: max(maxPaths, 1),
		routes:   make(map[ipv4.Prefix]*candidate),
		reported: make(map[ipv4.Prefix]selection),
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
			t.touch(k)
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
	t.touch(k)
	switch {
	case rec.discard:
		rec.nextHops = nexthop.Set{}
	case !r.Gateways.IsEmpty(): // shared before the old candidate lets go of it
		rec.nextHops, rec.over = nexthop.Set{}, t.share(r.Gateways, rankOf(r.Protocol))
	}
	t.cut(k, r.Protocol)
	t.insert(k, &candidate{record: rec})
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
		if !keep[k] && c.find(p) {
			t.withdraw(k, p)
		}
	}
}

// Changes returns the net difference of the best routes since the last call,
// sorted by prefix. What went and came back unchanged is not in it, nor are routes whose
// gateways lead elsewhere, see [Table.Moves]. Recursive routes follow the routes below them here.
func (t *Table) Changes() []Change {
	t.update()
	if len(t.reported) == 0 {
		return nil
	}
	changes := make([]Change, 0, len(t.reported))
	for _, k := range sortedKeys(t.reported) {
		told, now := t.reported[k], t.selection(k)
		if told == now {
			continue
		}
		before, _ := told.route(k)
		best, ok := now.route(k)
		if best == before {
			continue
		}
		changes = append(changes, Change{Prefix: k.Netip(), Route: best, Withdrawn: !ok})
	}
	// A fresh map, for a cleared one would keep the size of the largest burst.
	t.reported = make(map[ipv4.Prefix]selection)
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
	return t.selection(k).route(k)
}

// touch remembers what was reported for the prefix before its first change.
func (t *Table) touch(k ipv4.Prefix) {
	if _, ok := t.reported[k]; !ok {
		t.reported[k] = t.selection(k)
	}
}

func (t *Table) withdraw(k ipv4.Prefix, p Protocol) {
	if !t.routes[k].find(p) {
		return
	}
	t.touch(k)
	t.cut(k, p)
}

// insert puts the candidate at its place in the list of its prefix.
func (t *Table) insert(k ipv4.Prefix, c *candidate) {
	t.stir(k, c)
	head := t.routes[k]
	if head == nil {
		t.lengths[k.Bits()]++
	}
	if head == nil || c.compare(&head.record) < 0 {
		c.next = head
		t.routes[k] = c
		return
	}
	at := head
	for at.next != nil && at.next.compare(&c.record) < 0 {
		at = at.next
	}
	c.next, at.next = at.next, c
}

// cut takes the protocol's candidate out of the list of the prefix.
func (t *Table) cut(k ipv4.Prefix, p Protocol) {
	head := t.routes[k]
	switch {
	case head == nil:
	case head.protocol == p:
		t.release(k, head)
		if t.routes[k] = head.next; head.next == nil {
			delete(t.routes, k)
			t.lengths[k.Bits()]--
		}
	default:
		for c := head; c.next != nil; c = c.next {
			if c.next.protocol == p {
				t.release(k, c.next)
				c.next = c.next.next
				return
			}
		}
	}
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

func (c *candidate) find(p Protocol) bool {
	for ; c != nil; c = c.next {
		if c.protocol == p {
			return true
		}
	}
	return false
}
