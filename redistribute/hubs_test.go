package redistribute

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/rib"
)

// choice is the best of the paths that a router has learnt.
type choice struct {
	from       string
	internal   bool
	attributes *bgp.Attributes
}

// chosen is the decision process as far as it counts here: path length, eBGP before iBGP, name. Paths through
// the own autonomous system and next hops that are not reached do not count.
func (n *network) chosen(name string) map[netip.Prefix]choice {
	best := map[netip.Prefix]choice{}
	for _, from := range slices.Sorted(maps.Keys(systems)) {
		s := n.sessions[[2]string{from, name}]
		if s == nil || !s.up {
			continue
		}
		for p, a := range s.learned {
			c := choice{from, systems[from] == systems[name], a}
			if a.ASPath.Contains(systems[name]) {
				continue
			}
			if t := n.ribs[name]; t != nil && t.Reach(a.NextHop).NextHops.IsEmpty() {
				continue
			}
			old, ok := best[p]
			if !ok || cmp.Or(cmp.Compare(a.ASPath.Len(), old.attributes.ASPath.Len()), cmp.Compare(rank(c), rank(old))) < 0 {
				best[p] = c
			}
		}
	}
	return best
}

func rank(c choice) int {
	if c.internal {
		return 1
	}
	return 0
}

// fill brings the RIB of a hub in line with what it has heard.
func (n *network) fill(name string) {
	t := n.ribs[name]
	connected := []rib.Route{{Prefix: netip.PrefixFrom(loopbacks[name], 32), Local: true, NextHops: nexthop.NewSet(nexthop.Hop{Interface: "lo"})}}
	for _, to := range n.neighbors(name, append(slices.Clone(ospfLinks), bgpLinks...)) {
		connected = append(connected, rib.Route{Prefix: subnet(name, to), NextHops: nexthop.NewSet(nexthop.Hop{Interface: "to-" + to})})
	}
	t.Replace(rib.Connected, connected)
	var static []rib.Route
	for p := range n.owned(name) {
		static = append(static, rib.Route{Prefix: p, Distance: rib.DistanceStatic, Discard: true})
	}
	t.Replace(rib.Static, static)
	t.Replace(rib.OSPF, n.routes(name))
	t.Changes()
	var learnt []rib.Route
	for p, c := range n.chosen(name) {
		r := rib.Route{
			Prefix: p, Type: External, Distance: distances.EBGP,
			Gateways: rib.NewGateways(rib.Gateway{Addr: c.attributes.NextHop}),
		}
		if c.internal {
			r.Type, r.Distance = Internal, distances.IBGP
		}
		learnt = append(learnt, r)
	}
	t.Replace(rib.BGP, learnt)
	t.Changes()
	t.Moves()
}

// say tells OSPF and BGP what the RIB of a hub has for them.
func (n *network) say(name string) {
	rules := n.rules(Rules{})
	l := &lsa{networks: map[netip.Prefix]bool{netip.PrefixFrom(loopbacks[name], 32): true}, externals: map[netip.Prefix]uint32{}}
	for _, to := range n.neighbors(name, bgpLinks) { // passive interfaces
		l.networks[subnet(name, to)] = true
	}
	local := map[netip.Prefix]*bgp.Attributes{}
	for r := range n.ribs[name].All() {
		if r.Protocol == rib.Static {
			l.externals[r.Prefix] = 0
		}
		if rules.IntoOSPF(r) {
			l.externals[r.Prefix] = Tag(hubAS)
		}
		if r.Protocol != rib.Connected && rules.IntoBGP(r) {
			mark, _ := Mark(hubAS, r.Protocol)
			local[r.Prefix] = &bgp.Attributes{Large: []bgp.LargeCommunity{mark}}
		}
	}
	n.flood(name, l)
	n.announce(name, n.chosen(name), local)
}

// announce queues what a router has to tell its BGP neighbours now: what is its own, else the best of what it
// has learnt, which is not passed on from iBGP to iBGP.
func (n *network) announce(name string, learnt map[netip.Prefix]choice, local map[netip.Prefix]*bgp.Attributes) {
	if local == nil {
		local = map[netip.Prefix]*bgp.Attributes{}
		for p := range n.owned(name) {
			local[p] = &bgp.Attributes{}
		}
	}
	for pair, s := range n.sessions {
		if pair[0] != name || !s.up {
			continue
		}
		to, internal := pair[1], systems[pair[1]] == systems[name]
		want := map[netip.Prefix]*bgp.Attributes{}
		for p, c := range learnt {
			if c.from != to && !(c.internal && internal) {
				want[p] = n.told(c.attributes, name, to, internal)
			}
		}
		for p, a := range local {
			want[p] = n.told(a, name, to, internal)
		}
		for _, p := range slices.SortedFunc(maps.Keys(s.sent), netip.Prefix.Compare) {
			if want[p] == nil {
				delete(s.sent, p)
				s.enqueue(p)
			}
		}
		for _, p := range slices.SortedFunc(maps.Keys(want), netip.Prefix.Compare) {
			if a := want[p]; s.sent[p] == nil || !s.sent[p].Equal(a) {
				s.sent[p] = a
				s.enqueue(p)
			}
		}
	}
}

func (s *session) enqueue(p netip.Prefix) {
	if !slices.Contains(s.queue, p) {
		s.queue = append(s.queue, p)
	}
}

// told is what a path says to one neighbour.
func (n *network) told(a *bgp.Attributes, name, to string, internal bool) *bgp.Attributes {
	out := *a
	if internal {
		if n.nextSelf || !a.NextHop.IsValid() {
			out.NextHop = loopbacks[name]
		}
		return &out
	}
	path := []uint32{systems[name]}
	for _, s := range a.ASPath {
		path = append(path, s.AS...)
	}
	out.ASPath, out.NextHop = bgp.PathOf(path...), address(name, to)
	return &out
}

// reachable tells whether a BGP session can be: over its link, or over OSPF between the hubs.
func (n *network) reachable(from, to string) bool {
	if systems[from] != systems[to] {
		return slices.Contains(n.neighbors(from, bgpLinks), to)
	}
	r, ok := n.ribs[from].Lookup(loopbacks[to])
	return ok && r.Protocol == rib.OSPF
}

// step lets one thing arrive, or one session notice that it is up or down; false when all is quiet.
func (n *network) step() bool {
	var things []func()
	for _, to := range slices.Sorted(maps.Keys(n.lsas)) {
		for _, from := range slices.Sorted(maps.Keys(n.lsas)) {
			if from != to && n.seen[to][from] != n.lsas[from] && n.connected(from, to) {
				things = append(things, func() { n.seen[to][from] = n.lsas[from]; n.settle(to) })
			}
		}
	}
	for _, a := range slices.Sorted(maps.Keys(systems)) {
		for _, b := range slices.Sorted(maps.Keys(systems)) {
			s, back := n.sessions[[2]string{a, b}], n.sessions[[2]string{b, a}]
			if s == nil {
				continue
			}
			if want := n.reachable(a, b) && n.reachable(b, a); a < b && want != s.up {
				things = append(things, func() {
					for _, one := range []*session{s, back} {
						*one = session{up: want, sent: map[netip.Prefix]*bgp.Attributes{}, learned: map[netip.Prefix]*bgp.Attributes{}}
					}
					n.settle(a)
					n.settle(b)
				})
			}
			if len(s.queue) > 0 {
				things = append(things, func() {
					p := s.queue[0]
					s.queue = s.queue[1:]
					if s.learned[p] = s.sent[p]; s.sent[p] == nil {
						delete(s.learned, p)
					}
					n.settle(b)
				})
			}
		}
	}
	if len(things) == 0 {
		return false
	}
	things[n.rng.IntN(len(things))]()
	return true
}

// connected tells whether OSPF routers are, over links that are up.
func (n *network) connected(a, b string) bool {
	for _, to := range n.neighbors(a, ospfLinks) {
		if to == b || slices.Contains(n.neighbors(to, ospfLinks), b) {
			return true
		}
	}
	return false
}
