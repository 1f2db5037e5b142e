package rib

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

// via builds a set of "gateway interface" legs.
func via(legs ...string) nexthop.Set {
	var hops []nexthop.Hop
	for _, leg := range legs {
		gateway, link, _ := strings.Cut(leg, " ")
		hops = append(hops, nexthop.Hop{Gateway: addr(gateway), Interface: link})
	}
	return nexthop.NewSet(hops...)
}

func ospfRoute(p string, metric uint32, legs ...string) Route {
	return Route{
		Prefix: prefix(p), Protocol: OSPF, Type: "intra-area",
		Distance: DistanceOSPF, Metric: metric, NextHops: via(legs...),
	}
}

func connectedRoute(p, link string) Route {
	hops := nexthop.NewSet(nexthop.Hop{Interface: link})
	return Route{Prefix: prefix(p), Protocol: Connected, NextHops: hops}
}

func wantChanges(t *testing.T, tab *Table, want ...Change) {
	t.Helper()
	if got := tab.Changes(); !slices.Equal(got, want) {
		t.Errorf("changes:\n got %v\nwant %v", got, want)
	}
}

func TestPreference(t *testing.T) {
	p := prefix("10.0.0.0/24")
	blackhole := Route{Prefix: p, Protocol: Static, Distance: DistanceStatic, Discard: true}
	never := ospfRoute("10.0.0.0/24", 1, "10.9.0.1 vpn1")
	never.Distance = DistanceNever
	kernel := Route{Prefix: p, Protocol: Kernel, Distance: 0, Metric: 100, NextHops: via("10.9.0.1 eth0")}
	sameAsKernel := connectedRoute("10.0.0.0/24", "lan")
	sameAsKernel.Metric = 100
	dearOSPF := ospfRoute("10.0.0.0/24", 1, "10.9.0.1 vpn1")
	cheapKernel := kernel
	cheapKernel.Distance, cheapKernel.Metric = DistanceOSPF, 2

	tests := []struct {
		name   string
		routes []Route
		want   Protocol // 0: none
	}{
		{"alone", []Route{dearOSPF}, OSPF},
		{"distance before metric", []Route{dearOSPF, kernel}, Kernel},
		{"metric at equal distance", []Route{cheapKernel, dearOSPF}, OSPF},
		{"protocol when all else is equal", []Route{kernel, sameAsKernel}, Connected},
		{"blackhole before OSPF", []Route{dearOSPF, blackhole}, Static},
		{"distance 255 is never selected", []Route{never}, 0},
		{"distance 255 beside another", []Route{never, blackhole}, Static},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, routes := range [][]Route{tt.routes, reversed(tt.routes)} {
				tab := New(16)
				for _, r := range routes {
					tab.Set(r)
				}
				got, ok := tab.Best(p)
				if ok != (tt.want != 0) || got.Protocol != tt.want {
					t.Errorf("best of %v = %v, want %v", routes, got, tt.want)
				}
				if n := len(tab.Candidates(p)); n != len(routes) {
					t.Errorf("%d candidates, want %d", n, len(routes))
				}
			}
		})
	}
}

func reversed(routes []Route) []Route {
	r := slices.Clone(routes)
	slices.Reverse(r)
	return r
}

func TestChangesAreNet(t *testing.T) {
	tab := New(16)
	ospf := ospfRoute("10.10.4.0/24", 20, "10.9.0.1 vpn1", "10.9.1.1 vpn2")
	static := Route{Prefix: ospf.Prefix, Protocol: Static, Distance: DistanceStatic, Discard: true}
	other := ospfRoute("10.10.3.0/24", 20, "10.9.0.1 vpn1")

	tab.Set(ospf)
	tab.Set(other)
	wantChanges(t, tab, Change{Prefix: other.Prefix, Route: other}, Change{Prefix: ospf.Prefix, Route: ospf})
	wantChanges(t, tab)

	tab.Withdraw(ospf.Prefix, OSPF)
	tab.Set(ospf)
	wantChanges(t, tab) // came back as it was

	tab.Set(static)
	wantChanges(t, tab, Change{Prefix: ospf.Prefix, Route: static})
	ospf.Metric = 30
	tab.Set(ospf)
	wantChanges(t, tab) // hidden behind the static route

	tab.Withdraw(ospf.Prefix, Static)
	wantChanges(t, tab, Change{Prefix: ospf.Prefix, Route: ospf})
	tab.Withdraw(ospf.Prefix, Static) // a second time does no harm
	tab.Withdraw(ospf.Prefix, OSPF)
	wantChanges(t, tab, Change{Prefix: ospf.Prefix, Withdrawn: true})

	tab.Set(ospf)
	tab.Withdraw(ospf.Prefix, OSPF)
	wantChanges(t, tab) // nobody has seen it
	if tab.Len() != 1 {
		t.Errorf("%d prefixes left, want 1", tab.Len())
	}
}

func TestMaxPathsKeepsTheFirst(t *testing.T) {
	tab := New(2)
	full := ospfRoute("10.0.0.0/8", 1, "10.9.0.3 vpn3", "10.9.0.1 vpn1", "10.9.0.2 vpn2")
	two := ospfRoute("10.0.0.0/8", 1, "10.9.0.1 vpn1", "10.9.0.2 vpn2")
	one := ospfRoute("10.0.0.0/8", 1, "10.9.0.1 vpn1")
	narrow := ospfRoute("11.0.0.0/8", 1, "10.9.0.1 vpn1")

	tab.Set(full)
	tab.Set(narrow)
	wantChanges(t, tab, Change{Prefix: two.Prefix, Route: two}, Change{Prefix: narrow.Prefix, Route: narrow})
	if got := tab.Candidates(full.Prefix); !slices.Equal(got, []Route{full}) {
		t.Errorf("candidates %v, want the complete set", got)
	}
	// A member beyond the limit is not a change.
	tab.Set(ospfRoute("10.0.0.0/8", 1, "10.9.0.1 vpn1", "10.9.0.2 vpn2", "10.9.0.4 vpn4"))
	wantChanges(t, tab)
	tab.Set(full)
	tab.SetMaxPaths(0) // counts as 1
	wantChanges(t, tab, Change{Prefix: one.Prefix, Route: one})
	tab.SetMaxPaths(64)
	wantChanges(t, tab, Change{Prefix: full.Prefix, Route: full})
	tab.SetMaxPaths(1)
	tab.SetMaxPaths(3)
	wantChanges(t, tab)
}

func TestLookup(t *testing.T) {
	tab := New(16)
	never := ospfRoute("10.1.2.3/32", 1, "10.9.0.9 vpn9")
	never.Distance = DistanceNever
	for _, r := range []Route{
		ospfRoute("0.0.0.0/0", 1, "10.9.0.1 vpn1"),
		ospfRoute("10.1.0.0/16", 1, "10.9.0.2 vpn2"),
		ospfRoute("10.1.2.0/24", 1, "10.9.0.3 vpn3"),
		never,
	} {
		tab.Set(r)
	}
	for a, want := range map[string]string{
		"10.1.2.3": "10.1.2.0/24", "10.1.3.1": "10.1.0.0/16", "192.0.2.1": "0.0.0.0/0", "255.255.255.255": "0.0.0.0/0",
	} {
		if r, ok := tab.Lookup(addr(a)); !ok || r.Prefix != prefix(want) {
			t.Errorf("lookup %s = %v, want %s", a, r, want)
		}
	}
	tab.Withdraw(prefix("0.0.0.0/0"), OSPF)
	for _, a := range []netip.Addr{addr("192.0.2.1"), addr("2001:db8::1"), {}} {
		if r, ok := tab.Lookup(a); ok {
			t.Errorf("lookup %s = %v, want none", a, r)
		}
	}
}

func TestForeignFamiliesAreIgnored(t *testing.T) {
	tab := New(16)
	for _, p := range []netip.Prefix{{}, prefix("2001:db8::/32"), prefix("::ffff:10.0.0.0/104")} {
		tab.Set(Route{Prefix: p, Protocol: Kernel})
		tab.Withdraw(p, Kernel)
		if _, ok := tab.Best(p); ok || tab.Candidates(p) != nil || tab.Len() != 0 {
			t.Errorf("%v got into the table", p)
		}
	}
	wantChanges(t, tab)
	tab.Set(ospfRoute("10.1.2.3/8", 1, "10.9.0.1 vpn1"))
	if _, ok := tab.Best(prefix("10.0.0.0/8")); !ok {
		t.Error("host bits are part of the key")
	}
}

func TestReplace(t *testing.T) {
	tab := New(16)
	lan, wan := connectedRoute("10.1.0.0/24", "lan"), connectedRoute("10.2.0.0/24", "wan")
	ospf := ospfRoute("10.1.0.0/24", 10, "10.9.0.1 vpn1")
	tab.Set(ospf)
	tab.Replace(Connected, []Route{lan, wan})
	wantChanges(t, tab, Change{Prefix: lan.Prefix, Route: lan}, Change{Prefix: wan.Prefix, Route: wan})
	tab.Replace(Connected, []Route{lan, wan})
	wantChanges(t, tab)
	tab.Replace(Connected, []Route{wan})
	wantChanges(t, tab, Change{Prefix: ospf.Prefix, Route: ospf})
	tab.Replace(Connected, nil)
	wantChanges(t, tab, Change{Prefix: wan.Prefix, Withdrawn: true})
}

// model is the table written as its definition: a list of routes, searched.
type model struct {
	maxPaths int
	routes   []Route
	reported []Route
}

func (m *model) withdraw(p netip.Prefix, proto Protocol) {
	m.routes = slices.DeleteFunc(m.routes, func(r Route) bool { return r.Prefix == p && r.Protocol == proto })
}

func (m *model) best() []Route {
	selected := map[netip.Prefix]Route{}
	for _, r := range m.routes {
		b, ok := selected[r.Prefix]
		better := !ok || r.Distance < b.Distance || r.Distance == b.Distance &&
			(r.Metric < b.Metric || r.Metric == b.Metric && r.Protocol < b.Protocol)
		if r.Distance != 255 && better {
			selected[r.Prefix] = r
		}
	}
	var routes []Route
	for _, r := range selected {
		hops := r.NextHops.Hops()
		r.NextHops = nexthop.NewSet(hops[:min(len(hops), m.maxPaths)]...)
		routes = append(routes, r)
	}
	slices.SortFunc(routes, func(a, b Route) int { return comparePrefix(a.Prefix, b.Prefix) })
	return routes
}

func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

func (m *model) changes() []Change {
	now := m.best()
	var changes []Change
	for _, r := range now {
		if !slices.Contains(m.reported, r) {
			changes = append(changes, Change{Prefix: r.Prefix, Route: r})
		}
	}
	for _, old := range m.reported {
		if !slices.ContainsFunc(now, func(r Route) bool { return r.Prefix == old.Prefix }) {
			changes = append(changes, Change{Prefix: old.Prefix, Withdrawn: true})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return comparePrefix(a.Prefix, b.Prefix) })
	m.reported = now
	return changes
}

func (m *model) lookup(a netip.Addr) (best Route, ok bool) {
	for _, r := range m.best() {
		if r.Prefix.Contains(a) && (!ok || r.Prefix.Bits() > best.Prefix.Bits()) {
			best, ok = r, true
		}
	}
	return best, ok
}

func TestAgainstModel(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tab, m := New(2), &model{maxPaths: 2}
		for step := range 400 {
			mutate(rng, tab, m)
			a := randomAddr(rng)
			got, ok := tab.Lookup(a)
			want, wantOK := m.lookup(a)
			if got != want || ok != wantOK {
				t.Fatalf("seed %d step %d: lookup %v = %v, want %v", seed, step, a, got, want)
			}
			if got, want := slices.Collect(tab.All()), m.best(); !slices.Equal(got, want) {
				t.Fatalf("seed %d step %d: all\n got %v\nwant %v", seed, step, got, want)
			}
			if rng.IntN(5) > 0 {
				continue
			}
			if got, want := tab.Changes(), m.changes(); !slices.Equal(got, want) {
				t.Fatalf("seed %d step %d: changes\n got %v\nwant %v", seed, step, got, want)
			}
		}
	}
}

// randomAddr draws from few addresses, so that prefixes meet and nest.
func randomAddr(rng *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(rng.IntN(2)) << 7, 0, byte(rng.IntN(3))})
}

func randomPrefix(rng *rand.Rand) netip.Prefix {
	lengths := []int{0, 8, 9, 24, 31, 32}
	return netip.PrefixFrom(randomAddr(rng), lengths[rng.IntN(len(lengths))]).Masked()
}

func randomRoute(rng *rand.Rand) Route {
	r := Route{
		Prefix:   randomPrefix(rng),
		Protocol: Protocol(1 + rng.IntN(4)),
		Distance: []uint8{0, 1, 110, 255}[rng.IntN(4)],
		Metric:   uint32(rng.IntN(3)),
		Discard:  rng.IntN(5) == 0,
	}
	if !r.Discard {
		var hops []nexthop.Hop
		for range 1 + rng.IntN(4) {
			hops = append(hops, nexthop.Hop{Gateway: randomAddr(rng), Interface: "vpn1"})
		}
		r.NextHops = nexthop.NewSet(hops...)
	}
	return r
}

// mutate does the same random thing to both.
func mutate(rng *rand.Rand, tab *Table, m *model) {
	switch n := rng.IntN(40); {
	case n == 0:
		m.maxPaths = 1 + rng.IntN(4)
		tab.SetMaxPaths(m.maxPaths)
	case n == 1:
		p, routes := Protocol(1+rng.IntN(4)), []Route(nil)
		m.routes = slices.DeleteFunc(m.routes, func(r Route) bool { return r.Protocol == p })
		for range rng.IntN(6) {
			r := randomRoute(rng)
			r.Protocol = p
			routes = append(routes, r)
			m.withdraw(r.Prefix, p)
			m.routes = append(m.routes, r)
		}
		tab.Replace(p, routes)
	case n < 18:
		p, proto := randomPrefix(rng), Protocol(1+rng.IntN(4))
		tab.Withdraw(p, proto)
		m.withdraw(p, proto)
	default:
		r := randomRoute(rng)
		tab.Set(r)
		m.withdraw(r.Prefix, r.Protocol)
		m.routes = append(m.routes, r)
	}
}

// many yields n OSPF routes over one set, as two ASBRs announce them.
func many(n int) []Route {
	routes := make([]Route, n)
	hops := via("10.9.0.1 vpn1", "10.9.1.1 vpn2")
	for i := range routes {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{20 + byte(i>>16), byte(i >> 8), byte(i), 0}), 24)
		routes[i] = Route{Prefix: p, Protocol: OSPF, Type: "external-2", Distance: DistanceOSPF, Metric: 20, NextHops: hops}
	}
	return routes
}

func TestMemoryOfManyRoutes(t *testing.T) {
	const n, limit = 100_000, 150 // bytes a route
	routes := many(n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tab := New(16)
	for _, r := range routes {
		tab.Set(r)
	}
	tab.Changes()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / n; each > limit {
		t.Errorf("%d bytes a route, want at most %d", each, limit)
	}
	runtime.KeepAlive(tab)
	runtime.KeepAlive(routes)
}

func BenchmarkSetChanges100k(b *testing.B) {
	routes := many(100_000)
	b.ReportAllocs()
	for b.Loop() {
		tab := New(16)
		for _, r := range routes {
			tab.Set(r)
		}
		if n := len(tab.Changes()); n != len(routes) {
			b.Fatal(n)
		}
	}
}

func BenchmarkOneChangeIn100k(b *testing.B) {
	routes := many(100_000)
	tab := New(16)
	for _, r := range routes {
		tab.Set(r)
	}
	tab.Changes()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := routes[i%len(routes)]
		r.Metric = uint32(i) + 21
		tab.Set(r)
		if n := len(tab.Changes()); n != 1 {
			b.Fatal(n)
		}
	}
}

func BenchmarkLookup100k(b *testing.B) {
	tab := New(16)
	for _, r := range many(100_000) {
		tab.Set(r)
	}
	a := addr("20.77.3.9")
	for b.Loop() {
		if _, ok := tab.Lookup(a); !ok {
			b.Fatal("no route")
		}
	}
}
