package rib

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
)

// over makes gateways of "address" and "address weight" words.
func over(words ...string) Gateways {
	var list []Gateway
	for _, word := range words {
		text, weight, _ := strings.Cut(word, " ")
		g := Gateway{Addr: addr(text)}
		_, _ = fmt.Sscan(weight, &g.Weight)
		list = append(list, g)
	}
	return NewGateways(list...)
}

func bgpRoute(p string, gateways ...string) Route {
	return Route{Prefix: prefix(p), Protocol: BGP, Distance: DistanceIBGP, Gateways: over(gateways...)}
}

// reachedOver is the route as the table tells it.
func reachedOver(r Route, hops nexthop.Set) Route {
	r.NextHops = hops
	return r
}

func TestGateways(t *testing.T) {
	a := over("10.0.0.2 6", "10.0.0.1 4")
	if b := over("10.0.0.1 2", "10.0.0.2 1", "10.0.0.2 3"); a != b {
		t.Errorf("%v and %v differ", a, b)
	}
	if got := a.String(); got != "10.0.0.1 weight 2, 10.0.0.2 weight 3" || a.Len() != 2 {
		t.Error(got)
	}
	if !over().IsEmpty() || !NewGateways(Gateway{Addr: addr("2001:db8::1")}).IsEmpty() {
		t.Error("gateways out of nothing")
	}
	if over("10.0.0.1 7", "10.0.0.2 7") != over("10.0.0.1", "10.0.0.2") {
		t.Error("equal weights are not all alike")
	}
}

func TestRecursive(t *testing.T) {
	weighted := nexthop.NewSet(
		nexthop.Hop{Gateway: addr("10.9.0.1"), Interface: "vpn1", Weight: 3},
		nexthop.Hop{Gateway: addr("10.9.1.1"), Interface: "vpn2", Weight: 1})
	below := []Route{
		connectedRoute("192.0.2.0/24", "wan"),
		{Prefix: prefix("192.0.2.9/32"), Protocol: Connected, Local: true, NextHops: nexthop.NewSet(nexthop.Hop{Interface: "wan"})},
		ospfRoute("10.1.0.0/16", 20, "10.9.0.1 vpn1", "10.9.1.1 vpn2"),
		ospfRoute("10.1.2.3/32", 30, "10.9.2.1 vpn3"),
		{Prefix: prefix("10.2.0.0/16"), Protocol: OSPF, Distance: DistanceOSPF, NextHops: weighted},
		{Prefix: prefix("10.3.0.0/16"), Protocol: Static, Distance: DistanceStatic, Discard: true},
		{Prefix: prefix("10.4.0.0/16"), Protocol: Static, Distance: DistanceStatic, Gateways: over("10.1.2.3")},
		{Prefix: prefix("10.5.0.0/16"), Protocol: Static, Distance: DistanceStatic, Gateways: over("10.4.0.1")},
		{Prefix: prefix("10.6.0.0/16"), Protocol: BGP, Distance: DistanceEBGP, Gateways: over("192.0.2.1")},
		{Prefix: prefix("10.7.0.0/16"), Protocol: Static, Distance: DistanceStatic, Gateways: over("10.7.0.1")},
		{Prefix: prefix("0.0.0.0/0"), Protocol: WAN, Distance: DistanceWAN, NextHops: via("192.0.2.1 wan")},
	}
	for _, tt := range []struct {
		name     string
		gateways []string
		want     string // next hops, or the reason for none
	}{
		{"connected", []string{"192.0.2.1"}, "via 192.0.2.1 dev wan"},
		{"own address", []string{"192.0.2.9"}, "192.0.2.9 is this router's own"},
		{"ECMP", []string{"10.1.0.1"}, "via 10.9.0.1 dev vpn1, via 10.9.1.1 dev vpn2"},
		{"longest match", []string{"10.1.2.3"}, "via 10.9.2.1 dev vpn3"},
		{"ECMP over ECMP", []string{"10.1.0.1 2", "10.1.2.3"}, "via 10.9.0.1 dev vpn1, via 10.9.1.1 dev vpn2, via 10.9.2.1 dev vpn3"},
		{"weights are multiplied", []string{"10.2.0.1 2", "10.1.2.3 3"}, "via 10.9.0.1 dev vpn1 weight 3, via 10.9.1.1 dev vpn2, via 10.9.2.1 dev vpn3 weight 6"},
		{"one leg, two gateways", []string{"10.2.0.1", "10.1.0.1"}, "via 10.9.0.1 dev vpn1 weight 5, via 10.9.1.1 dev vpn2 weight 3"},
		{"some not reached", []string{"10.99.0.1", "10.1.2.3"}, "via 10.9.2.1 dev vpn3"},
		{"discard", []string{"10.3.0.1"}, "the route 10.3.0.0/16 to 10.3.0.1 drops packets"},
		{"over a recursive static route", []string{"10.4.0.1"}, "via 10.9.2.1 dev vpn3"},
		{"over a static route that is not reached", []string{"10.5.0.1"}, "only a default route leads to 10.5.0.1"},
		{"over BGP", []string{"10.6.0.1"}, "only a default route leads to 10.6.0.1"},
		{"over a route to itself", []string{"10.7.0.1"}, "only a default route leads to 10.7.0.1"},
		{"over the default route", []string{"10.99.0.1"}, "only a default route leads to 10.99.0.1"},
	} {
		for _, routes := range [][]Route{below, reversed(below)} {
			tab := New(16)
			r := bgpRoute("172.16.0.0/12", tt.gateways...)
			tab.Set(r)
			for _, b := range routes {
				tab.Set(b)
			}
			tab.Changes()
			got := tab.Candidates(r.Prefix)[0]
			if text := got.NextHops.String() + got.Unreached; text != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, text, tt.want)
			}
			if _, selected := tab.Best(r.Prefix); selected != (got.Unreached == "") {
				t.Errorf("%s: selected %v and unreached %q", tt.name, selected, got.Unreached)
			}
			if got := tab.Reach(r.Gateways.first()); len(tt.gateways) == 1 && got.NextHops.String()+got.Reason != tt.want {
				t.Errorf("%s: reach %v", tt.name, got)
			}
		}
	}
}

func (g Gateways) first() netip.Addr {
	for gateway := range g.All() {
		return gateway.Addr
	}
	return netip.Addr{}
}

// Watched addresses are told of when they come within reach, get out of it or are
// farther away, not when the way there is another one.
func TestReaches(t *testing.T) {
	tab := New(16)
	igp := ospfRoute("10.1.0.0/16", 20, "10.9.0.1 vpn1")
	tab.Set(igp)
	expect := func(want string) {
		t.Helper()
		tab.Changes()
		var words []string
		for _, r := range tab.Reaches() {
			words = append(words, fmt.Sprintf("%s %d %q", r.Addr, r.Metric, r.Reason))
		}
		if got := strings.Join(words, ", "); got != want {
			t.Errorf("reaches %s, want %s", got, want)
		}
	}
	tab.Watch([]netip.Addr{addr("10.1.0.1"), addr("10.2.0.1")})
	expect(`10.1.0.1 20 "", 10.2.0.1 0 "no route to 10.2.0.1"`)
	expect("")
	igp.NextHops = via("10.9.1.1 vpn2")
	tab.Set(igp)
	expect("")
	igp.Metric = 30
	tab.Set(igp)
	expect(`10.1.0.1 30 ""`)
	tab.Watch([]netip.Addr{addr("10.1.0.1"), addr("10.1.0.2")})
	expect(`10.1.0.2 30 ""`)
	tab.Set(bgpRoute("20.0.0.0/8", "10.1.0.1", "10.1.0.2"))
	tab.Withdraw(igp.Prefix, OSPF)
	expect(`10.1.0.1 0 "no route to 10.1.0.1", 10.1.0.2 0 "no route to 10.1.0.2"`)
	tab.Set(igp)
	tab.Replace(BGP, nil)
	tab.Watch(nil)
	expect("")
	if r := &tab.resolver; len(r.sets)+len(r.gateways)+len(r.news) != 0 {
		t.Errorf("left of what is not watched: %d gateways", len(r.gateways))
	}
}

func TestResolveOverDefault(t *testing.T) {
	tab := New(16)
	r := bgpRoute("172.16.0.0/12", "10.99.0.1")
	def := Route{Prefix: prefix("0.0.0.0/0"), Protocol: WAN, Distance: DistanceWAN, NextHops: via("192.0.2.1 wan")}
	tab.Set(def)
	tab.Set(r)
	wantChanges(t, tab, Change{Prefix: def.Prefix, Route: def})
	tab.SetResolveOverDefault(true)
	wantChanges(t, tab, Change{Prefix: r.Prefix, Route: reachedOver(r, def.NextHops)})
	tab.SetResolveOverDefault(false)
	wantChanges(t, tab, Change{Prefix: r.Prefix, Withdrawn: true})
}

// A change below is one move for all routes over the gateways; only coming within
// reach and getting out of it concerns every route.
func TestMoves(t *testing.T) {
	const n = 1000
	tab := New(16)
	igp := ospfRoute("10.1.0.0/16", 20, "10.9.0.1 vpn1", "10.9.1.1 vpn2")
	lower := ospfRoute("20.0.0.0/24", 20, "10.9.3.1 vpn4")
	tab.Set(igp)
	tab.Set(lower)
	for _, r := range many(n) {
		tab.Set(Route{Prefix: r.Prefix, Protocol: BGP, Distance: DistanceEBGP, Gateways: over("10.1.0.1", "10.1.0.2")})
	}
	if got := len(tab.Changes()); got != n+1 {
		t.Fatalf("%d changes at first", got)
	}
	if moves := tab.Moves(); len(moves) != 0 {
		t.Fatalf("moves at first: %v", moves)
	}
	igp.NextHops = via("10.9.1.1 vpn2")
	tab.Set(igp)
	tab.Set(ospfRoute("10.0.0.0/8", 20, "10.9.2.1 vpn3")) // shorter: concerns none
	wantChanges(t, tab, Change{Prefix: prefix("10.0.0.0/8"), Route: ospfRoute("10.0.0.0/8", 20, "10.9.2.1 vpn3")}, Change{Prefix: igp.Prefix, Route: igp})
	if moves, want := tab.Moves(), []Move{{BGP, over("10.1.0.1", "10.1.0.2"), igp.NextHops}}; !slices.Equal(moves, want) {
		t.Errorf("moves %v, want %v", moves, want)
	}
	if r, _ := tab.Best(prefix("20.0.5.0/24")); r.NextHops != igp.NextHops {
		t.Errorf("the table says %v", r)
	}
	tab.Withdraw(prefix("10.0.0.0/8"), OSPF)
	tab.Withdraw(igp.Prefix, OSPF)
	if got := len(tab.Changes()); got != n+2 {
		t.Errorf("%d changes when the gateways got out of reach", got)
	}
	if r, ok := tab.Best(lower.Prefix); !ok || r.Protocol != OSPF {
		t.Errorf("what is there without BGP: %v", r)
	}
	if moves := tab.Moves(); len(moves) != 0 {
		t.Errorf("moves out of reach: %v", moves)
	}
	tab.Set(igp)
	if got := len(tab.Changes()); got != n+1 {
		t.Errorf("%d changes when the gateways came back", got)
	}
	tab.Replace(BGP, nil)
	tab.Changes()
	if r := &tab.resolver; len(r.sets)+len(r.gateways)+len(r.moved)+len(r.below) != 0 {
		t.Errorf("left of routes that are gone: %d sets, %d gateways", len(r.sets), len(r.gateways))
	}
}

// Whatever the order of events, changes and moves add up to what the routes say at the
// end; and what they say is written here a second time, without any memory.
func TestRecursiveAgainstModel(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		tab, m := New(4), &model{maxPaths: 4}
		told := map[netip.Prefix]Route{}
		for step := range 300 {
			mutateRecursive(rng, tab, m)
			if rng.IntN(4) > 0 {
				continue
			}
			for _, c := range tab.Changes() {
				if told[c.Prefix] = c.Route; c.Withdrawn {
					delete(told, c.Prefix)
				}
			}
			for _, move := range tab.Moves() {
				for p, r := range told {
					if r.Protocol == move.Protocol && r.Gateways == move.Gateways {
						r.NextHops = move.NextHops
						told[p] = r
					}
				}
			}
			want := m.selected()
			if !maps.Equal(told, want) {
				t.Fatalf("seed %d step %d:\n got %v\nwant %v", seed, step, told, want)
			}
			if got := slices.Collect(tab.All()); len(got) != len(want) {
				t.Fatalf("seed %d step %d: the table has %v\nwant %v", seed, step, got, want)
			}
		}
	}
}

func mutateRecursive(rng *rand.Rand, tab *Table, m *model) {
	protocols := []Protocol{Connected, Static, OSPF, BGP}
	r := Route{Prefix: randomPrefix(rng), Protocol: protocols[rng.IntN(4)], Metric: uint32(rng.IntN(2))}
	m.withdraw(r.Prefix, r.Protocol)
	if rng.IntN(3) == 0 {
		tab.Withdraw(r.Prefix, r.Protocol)
		return
	}
	r.Distance = map[Protocol]uint8{Connected: 0, Static: 1, OSPF: 110, BGP: []uint8{20, 200}[rng.IntN(2)]}[r.Protocol]
	if r.Protocol == BGP || r.Protocol == Static && rng.IntN(2) == 0 {
		var list []Gateway
		for range 1 + rng.IntN(2) {
			list = append(list, Gateway{randomAddr(rng), uint32(rng.IntN(300))})
		}
		r.Gateways = NewGateways(list...)
	} else {
		r.NextHops = via(fmt.Sprintf("10.9.0.%d vpn1", rng.IntN(3)), fmt.Sprintf("10.9.1.%d vpn2", rng.IntN(3)))
	}
	tab.Set(r)
	m.routes = append(m.routes, r)
}

// selected is the outcome for every prefix, by definition.
func (m *model) selected() map[netip.Prefix]Route {
	flat := &model{maxPaths: m.maxPaths}
	for _, r := range m.routes {
		if r.Gateways.IsEmpty() {
			flat.routes = append(flat.routes, r)
		} else if r.NextHops = m.leadsTo(r.Gateways, r.Protocol); !r.NextHops.IsEmpty() {
			flat.routes = append(flat.routes, r)
		}
	}
	out := map[netip.Prefix]Route{}
	for _, r := range flat.best() {
		if r.Gateways.IsEmpty() || !r.NextHops.IsEmpty() {
			out[r.Prefix] = r
		}
	}
	return out
}

func (m *model) leadsTo(gateways Gateways, p Protocol) nexthop.Set {
	var list []reached
	for g := range gateways.All() {
		var found *Route
		for _, r := range m.routes {
			switch {
			case !r.Prefix.Contains(g.Addr), r.Prefix.Bits() == 0, r.Protocol == BGP:
				continue
			case !r.Gateways.IsEmpty() && p != BGP:
				continue
			case !r.Gateways.IsEmpty():
				if r.NextHops = m.leadsTo(r.Gateways, r.Protocol); r.NextHops.IsEmpty() {
					continue
				}
			}
			if found == nil || r.Prefix.Bits() > found.Prefix.Bits() || r.Prefix == found.Prefix && r.Distance < found.Distance {
				found = &r
			}
		}
		if found != nil {
			list = append(list, reached{g.Weight, found.NextHops})
		}
	}
	if len(list) == 0 {
		return nexthop.Set{}
	}
	return multiply(list)
}
