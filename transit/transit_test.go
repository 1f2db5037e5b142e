package transit

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func pfxs(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		out = append(out, pfx(s))
	}
	return out
}

func via(interfaces ...string) nexthop.Set {
	var hops []nexthop.Hop
	for i, name := range interfaces {
		hops = append(hops, nexthop.Hop{Interface: name, Gateway: netip.AddrFrom4([4]byte{10, 9, byte(i), 2})})
	}
	return nexthop.NewSet(hops...)
}

// hub is a hub with two tunnels and a passive LAN.
var hub = []Interface{
	{Name: "vpn1", PointToPoint: true, HasNeighbor: true, Networks: pfxs("10.9.1.0/30")},
	{Name: "vpn2", PointToPoint: true, HasNeighbor: true, Networks: pfxs("10.9.2.1/32", "10.9.2.2/32")},
	{Name: "lan", Passive: true, Networks: pfxs("192.168.1.0/24")},
}

func TestCompute(t *testing.T) {
	notrack := Config{Mode: Notrack}
	for _, tt := range []struct {
		name       string
		config     Config
		routes     []Route
		interfaces []Interface
		local      []netip.Addr
		prefixes   []netip.Prefix
		holes      []Hole
	}{
		{name: "no routes", config: notrack},
		{
			name: "OSPF routes aggregate exactly", config: notrack,
			routes: []Route{
				{pfx("10.10.2.0/24"), OSPF, via("vpn1")}, {pfx("10.10.3.0/24"), OSPF, via("vpn1", "vpn2")},
				{pfx("10.10.5.0/24"), OSPF, via("vpn2")},
			},
			interfaces: []Interface{{Name: "vpn1"}, {Name: "vpn2"}},
			prefixes:   pfxs("10.10.2.0/23", "10.10.5.0/24"),
		},
		{
			name: "point-to-point networks count only with a neighbour, whatever their own route says", config: notrack,
			interfaces: []Interface{hub[0], hub[1], hub[2], {Name: "vpn3", PointToPoint: true, Networks: pfxs("10.9.3.0/30")},
				{Name: "eth0", HasNeighbor: true, Networks: pfxs("10.8.0.0/24")}},
			routes:   []Route{{pfx("10.9.1.0/30"), Connected, nexthop.Set{}}, {pfx("10.9.3.0/30"), Connected, nexthop.Set{}}},
			local:    []netip.Addr{netip.MustParseAddr("10.9.1.1"), netip.MustParseAddr("192.168.1.1")},
			prefixes: pfxs("10.9.1.0/30", "10.9.2.1/32", "10.9.2.2/32"),
			holes:    []Hole{{pfx("10.9.1.1/32"), reasonLocal}},
		},
		{
			name: "a default route is never transit", config: notrack, interfaces: hub[:1],
			routes:   []Route{{pfx("0.0.0.0/0"), OSPF, via("vpn1")}},
			prefixes: pfxs("10.9.1.0/30"),
			holes:    []Hole{{pfx("0.0.0.0/0"), reasonDefault}},
		},
		{
			name: "next hops that leave OSPF, or through a passive interface", config: notrack, interfaces: hub[2:],
			routes: []Route{{pfx("10.1.0.0/16"), OSPF, via("wan")}, {pfx("10.2.0.0/16"), OSPF, via("lan")}, {pfx("10.3.0.0/16"), OSPF, nexthop.Set{}}},
		},
		{
			name: "holes, and transit again inside a hole", config: notrack, interfaces: []Interface{{Name: "vpn1"}},
			routes: []Route{
				{pfx("10.0.0.0/22"), OSPF, via("vpn1")}, {pfx("10.0.1.0/24"), Connected, nexthop.Set{}},
				{pfx("10.0.1.128/25"), OSPF, via("vpn1")}, {pfx("10.0.2.0/24"), Kernel, via("vpn1")}, {pfx("10.0.3.0/30"), Static, via("vpn1")},
				{pfx("10.0.3.16/28"), BGP, via("vpn1")},
			},
			prefixes: pfxs("10.0.0.0/24", "10.0.1.128/25", "10.0.3.4/30", "10.0.3.8/29", "10.0.3.32/27", "10.0.3.64/26", "10.0.3.128/25"),
			holes:    []Hole{{pfx("10.0.1.0/24"), reasonConnected}, {pfx("10.0.2.0/24"), reasonKernel}, {pfx("10.0.3.0/30"), reasonStatic}, {pfx("10.0.3.16/28"), reasonBGP}},
		},
		{
			name: "tracked and own addresses stay in the set and show as holes", interfaces: []Interface{{Name: "vpn1"}},
			config:   Config{Mode: Notrack, Tracked: pfxs("10.1.2.0/25", "10.1.2.128/25", "192.168.77.0/24")},
			routes:   []Route{{pfx("10.1.0.0/16"), OSPF, via("vpn1")}},
			local:    []netip.Addr{netip.MustParseAddr("10.1.0.1")},
			prefixes: pfxs("10.1.0.0/16"),
			holes:    []Hole{{pfx("10.1.0.1/32"), reasonLocal}, {pfx("10.1.2.0/24"), reasonTracked}},
		},
		{
			name: "an attached network that several hubs serve", interfaces: hub[2:],
			config:   Config{Mode: Notrack, Also: pfxs("192.168.0.0/16")},
			routes:   []Route{{pfx("192.168.1.0/24"), Connected, nexthop.Set{}}},
			prefixes: pfxs("192.168.1.0/24"),
		},
		{
			name: "multicast, loopback and link-local ranges are never covered", config: notrack, interfaces: []Interface{{Name: "vpn1"}},
			routes:   []Route{{pfx("224.0.0.0/3"), OSPF, via("vpn1")}},
			prefixes: aggregateWithout(pfx("240.0.0.0/4"), pfx("255.255.255.255/32")),
			holes:    []Hole{{pfx("224.0.0.0/4"), reasonReserved}, {pfx("255.255.255.255/32"), reasonReserved}},
		},
		{name: "off", config: Config{}, routes: []Route{{pfx("10.1.0.0/16"), OSPF, via("vpn1")}}, interfaces: hub},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Compute(tt.config, tt.routes, tt.interfaces, tt.local)
			if !slices.Equal(got.Prefixes, tt.prefixes) {
				t.Errorf("prefixes %v, want %v", got.Prefixes, tt.prefixes)
			}
			if !slices.Equal(got.Holes, tt.holes) {
				t.Errorf("holes %v, want %v", got.Holes, tt.holes)
			}
		})
	}
}

// aggregateWithout is p less one host route inside it, built the slow way.
func aggregateWithout(p, host netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for p.Bits() < 32 {
		low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
		first, last := span(p)
		high := netip.PrefixFrom(addr(first+(last-first)/2+1), p.Bits()+1)
		if low.Contains(host.Addr()) {
			low, high = high, low
		}
		out, p = append(out, low), high
	}
	slices.SortFunc(out, comparePrefix)
	return out
}

func TestEntrances(t *testing.T) {
	got := Compute(Config{Mode: Notrack}, nil, hub, nil).Interfaces
	if want := []string{"vpn1", "vpn2"}; !slices.Equal(got, want) {
		t.Errorf("interfaces %v, want %v", got, want)
	}
	got = Compute(Config{Mode: Notrack, Also: pfxs("192.168.1.0/24")}, nil, hub, nil).Interfaces
	if want := []string{"lan", "vpn1", "vpn2"}; !slices.Equal(got, want) {
		t.Errorf("interfaces with a shared LAN %v, want %v", got, want)
	}
}

func TestStateJSON(t *testing.T) {
	got, err := json.Marshal(Compute(Config{}, nil, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"mode":"off","prefixes":[],"interfaces":[],"tracked":[],"local":[],"holes":[]}`; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got, _ = json.Marshal(Compute(Config{Mode: Notrack}, []Route{
		{pfx("10.0.0.0/8"), OSPF, via("vpn1")}, {pfx("10.1.0.0/16"), Connected, nexthop.Set{}},
	}, hub[:1], nil).Holes)
	if want := `[{"prefix":"10.1.0.0/16","reason":"connected network"}]`; string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestLongestMatchOracle compares membership with a longest match done address by address.
func TestLongestMatchOracle(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		routes, interfaces := randomHub(rng)
		state := Compute(Config{Mode: Notrack}, routes, interfaces, nil)
		checkCanonical(t, state.Prefixes)
		for _, a := range probes(rng, routes, state) {
			want := oracle(routes, interfaces, a)
			got := slices.ContainsFunc(state.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
			if got != want {
				t.Fatalf("seed %d: %v transit=%v, want %v\nroutes %v\nprefixes %v", seed, a, got, want, routes, state.Prefixes)
			}
		}
		shuffled := slices.Clone(routes)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again := Compute(Config{Mode: Notrack}, shuffled, interfaces, nil)
		if !slices.Equal(again.Prefixes, state.Prefixes) || !slices.Equal(again.Holes, state.Holes) {
			t.Fatalf("seed %d: the order of routes changed the outcome", seed)
		}
	}
}

// randomHub makes up to 40 routes that nest and touch, in a space of a few bits.
func randomHub(rng *rand.Rand) ([]Route, []Interface) {
	interfaces := []Interface{{Name: "vpn1", PointToPoint: true, HasNeighbor: true}, {Name: "vpn2"}, {Name: "lan", Passive: true}}
	sets := []nexthop.Set{via("vpn1"), via("vpn1", "vpn2"), via("vpn1", "lan"), via("wan")}
	random := func() netip.Prefix {
		bits := rng.IntN(33)
		if rng.IntN(4) > 0 {
			bits = 20 + rng.IntN(13)
		}
		base := uint32(10<<24) | rng.Uint32N(1<<12)
		if rng.IntN(8) == 0 {
			base = rng.Uint32()
		}
		return netip.PrefixFrom(addr(base), bits).Masked()
	}
	var routes []Route
	for range rng.IntN(40) {
		kind := OSPF
		if rng.IntN(3) == 0 {
			kind = Kind(rng.IntN(4))
		}
		routes = append(routes, Route{random(), kind, sets[rng.IntN(len(sets))]})
	}
	for range rng.IntN(3) {
		interfaces[0].Networks = append(interfaces[0].Networks, random())
	}
	return routes, interfaces
}

func oracle(routes []Route, interfaces []Interface, a netip.Addr) bool {
	for _, p := range reserved {
		if p.Contains(a) {
			return false // no random route reaches inside a reserved range more specifically, see probes
		}
	}
	best, transit := 0, false
	for _, r := range routes {
		if r.Prefix.Bits() < best || r.Prefix.Bits() == 0 || !r.Prefix.Contains(a) {
			continue
		}
		ok := r.Kind == OSPF
		for _, h := range r.NextHops.Hops() {
			ok = ok && (h.Interface == "vpn1" || h.Interface == "vpn2")
		}
		if r.Prefix.Bits() == best {
			ok = ok && transit
		}
		best, transit = r.Prefix.Bits(), ok
	}
	for _, n := range interfaces[0].Networks {
		if n.Bits() > 0 && n.Bits() >= best && n.Contains(a) {
			best, transit = n.Bits(), true
		}
	}
	return transit
}

// probes are random addresses and both sides of every border, outside the reserved ranges.
func probes(rng *rand.Rand, routes []Route, s State) []netip.Addr {
	var all []netip.Addr
	for range 50 {
		all = append(all, addr(rng.Uint32()), addr(10<<24|rng.Uint32N(1<<13)))
	}
	edges := slices.Clone(s.Prefixes)
	for _, r := range routes {
		edges = append(edges, r.Prefix)
	}
	for _, p := range edges {
		first, last := span(p)
		all = append(all, addr(first-1), addr(first), addr(last), addr(last+1))
	}
	return slices.DeleteFunc(all, func(a netip.Addr) bool {
		return slices.ContainsFunc(reserved[:], func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// checkCanonical wants prefixes sorted, disjoint and not mergeable.
func checkCanonical(t *testing.T, prefixes []netip.Prefix) {
	t.Helper()
	for i := 1; i < len(prefixes); i++ {
		a, b := prefixes[i-1], prefixes[i]
		if comparePrefix(a, b) >= 0 || a.Overlaps(b) {
			t.Fatalf("%v and %v are out of order or overlap", a, b)
		}
		if a.Bits() == b.Bits() && netip.PrefixFrom(b.Addr(), b.Bits()-1).Masked() == netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked() {
			t.Fatalf("%v and %v could be one prefix", a, b)
		}
	}
}

func BenchmarkCompute100k(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	sets := []nexthop.Set{via("vpn1"), via("vpn1", "vpn2"), via("vpn2")}
	routes := make([]Route, 100_000)
	for i := range routes {
		routes[i] = Route{netip.PrefixFrom(addr(10<<24|rng.Uint32N(1<<24)), 20+rng.IntN(10)).Masked(), OSPF, sets[rng.IntN(3)]}
		if rng.IntN(50) == 0 {
			routes[i].Kind = Static
		}
	}
	for b.Loop() {
		Compute(Config{Mode: Notrack}, routes, hub, nil)
	}
}
