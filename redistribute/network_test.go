package redistribute

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/rib"
)

// A network of two hubs with real RIBs, and of what they exchange only as much as counts here:
//
//	  up1 ─── up2         AS 64601, AS 64602: BGP
//	   │       │
//	  hubA ── hubB        AS 65001: BGP, with each other too, and OSPF
//	    \     /
//	     branch           OSPF
//
// What routers tell each other arrives in any order, but for that of one BGP session.

const hubAS = 65001

type link struct{ a, b string }

var (
	ospfLinks = []link{{"hubA", "hubB"}, {"hubA", "branch"}, {"hubB", "branch"}}
	bgpLinks  = []link{{"hubA", "up1"}, {"hubB", "up2"}, {"up1", "up2"}}
	systems   = map[string]uint32{"hubA": hubAS, "hubB": hubAS, "up1": 64601, "up2": 64602}
	loopbacks = map[string]netip.Addr{"hubA": netip.MustParseAddr("10.255.0.1"), "hubB": netip.MustParseAddr("10.255.0.2")}
	distances = bgp.Distance{EBGP: 20, IBGP: 200}
)

// network is all routers and what is on its way between them.
type network struct {
	rng       *rand.Rand
	rules     func(Rules) exchange
	nextSelf  bool
	down      map[link]bool
	originate map[netip.Prefix]map[string]bool // by which routers, at their own
	lsas      map[string]*lsa
	seen      map[string]map[string]*lsa // by router, then originator
	ribs      map[string]*rib.Table      // of hubs
	sessions  map[[2]string]*session     // from, to
}

// exchange is [Rules], or something worse to compare with.
type exchange interface {
	IntoOSPF(rib.Route) bool
	IntoBGP(rib.Route) bool
}

// lsa is all that a router tells by OSPF.
type lsa struct {
	neighbors map[string]bool
	networks  map[netip.Prefix]bool
	externals map[netip.Prefix]uint32 // tags
}

func (l *lsa) equal(o *lsa) bool {
	return maps.Equal(l.neighbors, o.neighbors) && maps.Equal(l.networks, o.networks) && maps.Equal(l.externals, o.externals)
}

// session is one direction of a BGP session.
type session struct {
	up      bool
	sent    map[netip.Prefix]*bgp.Attributes
	queue   []netip.Prefix // to be told, as sent says then: a change that is outdated never leaves
	learned map[netip.Prefix]*bgp.Attributes
}

func newNetwork(seed uint64, rules func(Rules) exchange) *network {
	n := &network{
		rng: rand.New(rand.NewPCG(seed, 3)), rules: rules, down: map[link]bool{}, originate: map[netip.Prefix]map[string]bool{},
		lsas: map[string]*lsa{}, seen: map[string]map[string]*lsa{}, ribs: map[string]*rib.Table{}, sessions: map[[2]string]*session{},
	}
	n.nextSelf = seed%2 == 0
	for _, name := range []string{"hubA", "hubB", "branch"} {
		n.lsas[name], n.seen[name] = &lsa{}, map[string]*lsa{}
	}
	for _, l := range append(slices.Clone(bgpLinks), link{"hubA", "hubB"}) {
		n.sessions[[2]string{l.a, l.b}], n.sessions[[2]string{l.b, l.a}] = &session{}, &session{}
	}
	n.ribs["hubA"], n.ribs["hubB"] = rib.New(8), rib.New(8)
	n.settle("branch")
	n.settle("hubA")
	n.settle("hubB")
	return n
}

// neighbors are those over links that are up, in a fixed order.
func (n *network) neighbors(name string, links []link) (list []string) {
	for _, l := range links {
		if n.down[l] {
			continue
		}
		switch name {
		case l.a:
			list = append(list, l.b)
		case l.b:
			list = append(list, l.a)
		}
	}
	return list
}

// address is that of a router on the link to another.
func address(name, neighbor string) netip.Addr {
	for i, l := range append(slices.Clone(ospfLinks), bgpLinks...) {
		switch (link{name, neighbor}) {
		case l:
			return netip.AddrFrom4([4]byte{192, 0, 2, byte(4*i + 1)})
		case link{l.b, l.a}:
			return netip.AddrFrom4([4]byte{192, 0, 2, byte(4*i + 2)})
		}
	}
	panic("no link " + name + " " + neighbor)
}

func subnet(name, neighbor string) netip.Prefix {
	return netip.PrefixFrom(address(name, neighbor), 30).Masked()
}

// routes is what OSPF makes of the LSAs that a router has: intra-area routes, and externals of type 2
// with equal metrics, of which the nearest border routers count.
func (n *network) routes(name string) (list []rib.Route) {
	view := maps.Clone(n.seen[name])
	view[name] = &lsa{neighbors: n.adjacent(name)}
	distance, hops := map[string]int{name: 0}, map[string][]nexthop.Hop{}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for to := range view[at].neighbors {
			if view[to] == nil || !view[to].neighbors[at] {
				continue
			}
			if _, known := distance[to]; !known {
				distance[to] = distance[at] + 1
				queue = append(queue, to)
			}
			if distance[to] == distance[at]+1 {
				if hops[to] = append(hops[to], hops[at]...); at == name {
					hops[to] = append(hops[to], nexthop.Hop{Gateway: address(to, name), Interface: "to-" + to})
				}
			}
		}
	}
	best := map[netip.Prefix]rib.Route{}
	offer := func(p netip.Prefix, kind string, metric uint32, at string, tag uint32) {
		r := rib.Route{Prefix: p, Protocol: rib.OSPF, Type: kind, Distance: rib.DistanceOSPF, Metric: metric, Tag: tag, NextHops: nexthop.NewSet(hops[at]...)}
		switch old, ok := best[p]; {
		case !ok || old.Metric > metric:
			best[p] = r
		case old.Metric == metric && tag <= old.Tag: // equal ones differ in nothing that counts
			r.NextHops = nexthop.Union(old.NextHops, r.NextHops)
			best[p] = r
		}
	}
	for at, d := range distance {
		if at == name {
			continue
		}
		for p := range view[at].networks {
			offer(p, "intra-area", uint32(d), at, 0)
		}
		for p, tag := range view[at].externals {
			offer(p, "external-2", uint32(1000+d), at, tag)
		}
	}
	for _, r := range best {
		list = append(list, r)
	}
	return list
}

// settle makes a router draw its conclusions and say what has changed.
func (n *network) settle(name string) {
	switch name {
	case "hubA", "hubB":
		for range 4 { // what BGP chooses depends on the RIB, and the other way round
			n.fill(name)
		}
		n.say(name)
	case "up1", "up2":
		n.announce(name, n.chosen(name), nil)
	default:
		n.flood(name, &lsa{networks: n.owned(name)})
	}
}

// owned are the prefixes that a router originates.
func (n *network) owned(name string) map[netip.Prefix]bool {
	own := map[netip.Prefix]bool{}
	for p, by := range n.originate {
		if by[name] {
			own[p] = true
		}
	}
	return own
}

func (n *network) flood(name string, l *lsa) {
	l.neighbors = n.adjacent(name)
	for to := range l.neighbors {
		l.networks[subnet(name, to)] = true
	}
	if !l.equal(n.lsas[name]) {
		n.lsas[name] = l
	}
}

func (n *network) adjacent(name string) map[string]bool {
	to := map[string]bool{}
	for _, neighbor := range n.neighbors(name, ospfLinks) {
		to[neighbor] = true
	}
	return to
}

// String is for failures.
func (n *network) String() string {
	text := fmt.Sprintf("links down %v, prefixes of %v\n", n.down, n.originate)
	for _, name := range []string{"hubA", "hubB"} {
		for r := range n.ribs[name].All() {
			text += fmt.Sprintf("%s: %s %s %s tag %x: %s\n", name, r.Prefix, r.Protocol, r.Type, r.Tag, r.NextHops)
		}
	}
	for _, r := range n.routes("branch") {
		text += fmt.Sprintf("branch: %s %s tag %x: %s\n", r.Prefix, r.Type, r.Tag, r.NextHops)
	}
	for _, name := range []string{"up1", "up2"} {
		for p, c := range n.chosen(name) {
			text += fmt.Sprintf("%s: %s by %s %v\n", name, p, c.from, c.attributes)
		}
	}
	return text
}
