package rib

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

// rank orders routes by what their gateways may be found over: only over routes of a
// lower rank. So no route is ever resolved over itself, the outcome does not depend on
// the order of events, and a BGP peer can not move the next hops of another one.
type rank uint8

const (
	ofDirect rank = iota // leads to a link
	ofStatic             // gateways found over direct routes
	ofBGP                // gateways found over these and direct routes
	ranks
)

func rankOf(p Protocol) rank {
	if p == BGP {
		return ofBGP
	}
	return ofStatic
}

// protocol is whose recursive routes have the rank.
func (r rank) protocol() Protocol {
	if r == ofBGP {
		return BGP
	}
	return Static
}

// Move says that a set of gateways leads elsewhere than before; it led somewhere
// and still does. It concerns all routes of the protocol over the set, which [Table.Changes] is silent about.
type Move struct {
	Protocol Protocol // Static or BGP
	Gateways Gateways
	NextHops nexthop.Set
}

// Reach is how an address is reached.
type Reach struct {
	Addr     netip.Addr
	NextHops nexthop.Set // complete; empty when it is not reached
	Metric   uint32      // of the route that leads there
	Reason   string      // why it is not reached
}

// gateway is one address that routes of a rank lead to.
type gateway struct {
	addr  netip.Addr
	rank  rank
	match int // length of the prefix that leads there, -1 for none
	reach Reach
	sets  map[*gatewaySet]struct{} // that hold it

	watched bool
}

// gatewaySet is what routes over the same gateways share.
type gatewaySet struct {
	gateways Gateways
	rank     rank
	routes   int
	nextHops nexthop.Set // complete; empty when no gateway is reached
	reason   string
}

type gatewayKey struct {
	addr netip.Addr
	rank rank
}

type gatewaySetKey struct {
	gateways Gateways
	rank     rank
}

// resolver finds the way to gateways, and finds it again when routes change.
type resolver struct {
	overDefault bool
	gateways    map[gatewayKey]*gateway
	sets        map[gatewaySetKey]*gatewaySet
	ordered     [ranks][]*gateway        // by address; nil: to be sorted again
	below       map[ipv4.Prefix]struct{} // prefixes that may lead elsewhere since the last update
	news        map[*gateway]struct{}    // for Reaches
	moved       map[*gatewaySet]struct{} // for Moves
}

func newResolver() resolver {
	return resolver{
		gateways: make(map[gatewayKey]*gateway),
		sets:     make(map[gatewaySetKey]*gatewaySet),
		below:    make(map[ipv4.Prefix]struct{}),
		news:     make(map[*gateway]struct{}),
		moved:    make(map[*gatewaySet]struct{}),
	}
}

// SetResolveOverDefault says whether a default route may lead to gateways. The zero
// Table says no, as routers commonly do: with a default route every address would count as reached.
func (t *Table) SetResolveOverDefault(yes bool) {
	if t.resolver.overDefault != yes {
		t.resolver.overDefault = yes
		t.resolver.below[ipv4.PrefixAround(netip.IPv4Unspecified(), 0)] = struct{}{}
	}
}

// Watch names all addresses that Reaches is to tell of, as gateways of BGP routes.
func (t *Table) Watch(addrs []netip.Addr) {
	wanted := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		if wanted[a] = true; !a.Is4() {
			continue
		}
		if g := t.gateway(a, ofBGP); !g.watched {
			g.watched = true
			t.resolver.news[g] = struct{}{}
		}
	}
	for _, g := range t.resolver.gateways {
		if g.watched && !wanted[g.addr] {
			g.watched = false
			delete(t.resolver.news, g)
			t.forget(g)
		}
	}
}

// Reaches tells of watched addresses that came within reach or got out of it, or whose
// metric has changed, since the last call, and of those that are watched since then; by address. Call it
// after [Table.Changes], which finds out.
func (t *Table) Reaches() []Reach {
	var list []Reach
	for g := range t.resolver.news {
		list = append(list, g.reach)
	}
	clear(t.resolver.news)
	slices.SortFunc(list, func(a, b Reach) int { return a.Addr.Compare(b.Addr) })
	return list
}

// Reach tells how a gateway of a BGP route is reached now.
func (t *Table) Reach(a netip.Addr) Reach {
	r, _ := t.find(a, ofBGP)
	return r
}

// Unreached returns the recursive routes that can not be used now, by prefix, as candidates
// that nothing selects.
func (t *Table) Unreached() []Route {
	any := false
	for _, s := range t.resolver.sets {
		any = any || s.nextHops.IsEmpty()
	}
	if !any {
		return nil
	}
	var routes []Route
	for _, k := range sortedKeys(t.routes) {
		for c := t.routes[k]; c != nil; c = c.next {
			if c.over != nil && c.over.nextHops.IsEmpty() {
				routes = append(routes, c.route(k))
			}
		}
	}
	return routes
}

// Moves returns the sets of gateways that lead elsewhere since the last call, in a
// repeatable order. Call it after [Table.Changes], which finds out.
func (t *Table) Moves() []Move {
	if len(t.resolver.moved) == 0 {
		return nil
	}
	var moves []Move
	for s := range t.resolver.moved {
		if s.routes > 0 && !s.nextHops.IsEmpty() {
			moves = append(moves, Move{Protocol: s.rank.protocol(), Gateways: s.gateways, NextHops: s.nextHops.Limit(t.maxPaths)})
		}
	}
	clear(t.resolver.moved)
	slices.SortFunc(moves, func(a, b Move) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Gateways.enc, b.Gateways.enc))
	})
	return moves
}

// share returns what routes of a rank over the gateways have in common, for one more of them.
func (t *Table) share(gateways Gateways, r rank) *gatewaySet {
	key := gatewaySetKey{gateways, r}
	s := t.resolver.sets[key]
	if s == nil {
		s = &gatewaySet{gateways: gateways, rank: r}
		t.resolver.sets[key] = s
		for g := range gateways.All() {
			t.gateway(g.Addr, r).sets[s] = struct{}{}
		}
		t.resolve(s)
	}
	s.routes++
	return s
}

// unshare takes a route off a set.
func (t *Table) unshare(s *gatewaySet) {
	if s.routes--; s.routes > 0 {
		return
	}
	delete(t.resolver.sets, gatewaySetKey{s.gateways, s.rank})
	delete(t.resolver.moved, s)
	for g := range s.gateways.All() {
		known := t.resolver.gateways[gatewayKey{g.Addr, s.rank}]
		delete(known.sets, s)
		t.forget(known)
	}
}

// forget lets go of a gateway that nobody asks for.
func (t *Table) forget(g *gateway) {
	if len(g.sets) == 0 && !g.watched {
		delete(t.resolver.gateways, gatewayKey{g.addr, g.rank})
		t.resolver.ordered[g.rank] = nil
	}
}

func (t *Table) gateway(a netip.Addr, r rank) *gateway {
	key := gatewayKey{a, r}
	g := t.resolver.gateways[key]
	if g == nil {
		g = &gateway{addr: a, rank: r, sets: make(map[*gatewaySet]struct{})}
		g.reach, g.match = t.find(a, r)
		t.resolver.gateways[key] = g
		t.resolver.ordered[r] = nil
	}
	return g
}

// find looks for the longest prefix with a route that a gateway of the rank may be
// found over; the first such route of the prefix counts.
func (t *Table) find(a netip.Addr, r rank) (Reach, int) {
	shortest := 1
	if t.resolver.overDefault {
		shortest = 0
	}
	for bits := 32; bits >= shortest && a.Is4(); bits-- {
		if t.lengths[bits] == 0 {
			continue
		}
		k := ipv4.PrefixAround(a, bits)
		for c := t.routes[k]; c != nil; c = c.next {
			if c.usable() && c.rank() < r {
				return c.reach(k, a), bits
			}
		}
	}
	if _, ok := t.Best(netip.PrefixFrom(netip.IPv4Unspecified(), 0)); ok && !t.resolver.overDefault {
		return Reach{Addr: a, Reason: fmt.Sprintf("only a default route leads to %s", a)}, -1
	}
	return Reach{Addr: a, Reason: fmt.Sprintf("no route to %s", a)}, -1
}

// reach is the way to a gateway over the candidate of a prefix.
func (c *candidate) reach(k ipv4.Prefix, a netip.Addr) Reach {
	switch {
	case c.discard:
		return Reach{Addr: a, Reason: fmt.Sprintf("the route %s to %s drops packets", k, a)}
	case c.local:
		return Reach{Addr: a, Reason: fmt.Sprintf("%s is this router's own", a)}
	}
	attached := false
	for h := range c.hops().All() {
		attached = attached || !h.Gateway.IsValid()
	}
	reach := Reach{Addr: a, NextHops: c.hops(), Metric: c.metric}
	if attached {
		reach.NextHops = reach.NextHops.Map(func(h nexthop.Hop) nexthop.Hop {
			if !h.Gateway.IsValid() {
				h.Gateway = a
			}
			return h
		})
	}
	return reach
}

// resolve finds out where a set leads, from what is known of its gateways.
func (t *Table) resolve(s *gatewaySet) {
	var list []reached
	s.reason = ""
	for g := range s.gateways.All() {
		known := t.resolver.gateways[gatewayKey{g.Addr, s.rank}].reach
		switch {
		case !known.NextHops.IsEmpty():
			list = append(list, reached{weight: g.Weight, hops: known.NextHops})
		case s.reason == "":
			s.reason = known.Reason
		}
	}
	if s.nextHops = (nexthop.Set{}); len(list) > 0 {
		s.nextHops, s.reason = multiply(list), ""
	}
}

// stir notes that gateways may be found elsewhere once the candidate came or went.
func (t *Table) stir(k ipv4.Prefix, c *candidate) {
	if c.rank() < ofBGP && len(t.resolver.gateways) > 0 {
		t.resolver.below[k] = struct{}{}
	}
}

// update finds the way again to the gateways that changed prefixes concern, rank by rank.
func (t *Table) update() {
	for r := ofStatic; r < ranks && len(t.resolver.below) > 0; r++ {
		sets := make(map[*gatewaySet]struct{})
		for g := range t.concerned(r) {
			reach, match := t.find(g.addr, r)
			if g.match = match; reach == g.reach {
				continue
			}
			if g.watched && (reach.Metric != g.reach.Metric || reach.NextHops.IsEmpty() != g.reach.NextHops.IsEmpty()) {
				t.resolver.news[g] = struct{}{}
			}
			g.reach = reach
			maps.Copy(sets, g.sets)
		}
		t.renew(sets)
	}
	t.resolver.below = make(map[ipv4.Prefix]struct{})
}

// concerned are the gateways of a rank that a changed prefix holds, unless a longer
// one leads there.
func (t *Table) concerned(r rank) map[*gateway]struct{} {
	list := t.resolver.ordered[r]
	if list == nil {
		for _, g := range t.resolver.gateways {
			if g.rank == r {
				list = append(list, g)
			}
		}
		slices.SortFunc(list, func(a, b *gateway) int { return a.addr.Compare(b.addr) })
		t.resolver.ordered[r] = list
	}
	found := make(map[*gateway]struct{})
	if len(list) == 0 {
		return found
	}
	for k := range t.resolver.below {
		p := k.Netip()
		at, _ := slices.BinarySearchFunc(list, p.Addr(), func(g *gateway, a netip.Addr) int { return g.addr.Compare(a) })
		for ; at < len(list) && p.Contains(list[at].addr); at++ {
			if list[at].match <= p.Bits() {
				found[list[at]] = struct{}{}
			}
		}
	}
	return found
}

// renew resolves sets again. Routes are touched where a set came within reach or
// got out of it; one that leads elsewhere is remembered for Moves.
func (t *Table) renew(sets map[*gatewaySet]struct{}) {
	type outcome struct {
		nextHops nexthop.Set
		reason   string
	}
	turned := make(map[*gatewaySet]outcome)    // what they become once their routes are touched
	affected := make(map[*gatewaySet]struct{}) // whose routes others may be found over
	for s := range sets {
		before := outcome{s.nextHops, s.reason}
		t.resolve(s)
		switch {
		case s.nextHops == before.nextHops:
		case s.nextHops.IsEmpty() != before.nextHops.IsEmpty():
			turned[s] = outcome{s.nextHops, s.reason}
			s.nextHops, s.reason = before.nextHops, before.reason
			affected[s] = struct{}{}
		default:
			t.resolver.moved[s] = struct{}{}
			if s.rank < ofBGP {
				affected[s] = struct{}{}
			}
		}
	}
	if len(affected) == 0 {
		return
	}
	for k, head := range t.routes {
		for c := head; c != nil; c = c.next {
			if _, ok := affected[c.over]; !ok || c.over == nil {
				continue
			}
			if _, ok := turned[c.over]; ok {
				t.touch(k, head)
			}
			if c.over.rank < ofBGP {
				t.resolver.below[k] = struct{}{}
			}
		}
	}
	for s, o := range turned {
		s.nextHops, s.reason = o.nextHops, o.reason
	}
}
