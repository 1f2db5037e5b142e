package table

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/bgp"
)

const own = 65000

var start = time.Unix(1_700_000_000, 0)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// self has a cluster of its own.
var self = Self{AS: own, RouterID: netip.MustParseAddr("10.255.0.1"), ClusterID: netip.MustParseAddr("10.255.0.9")}

// ebgp and ibgp are neighbours 10.0.0.N with router id N.N.N.N.
func ebgp(n int, as uint32) bgp.Source {
	return bgp.Source{Address: addr(fmt.Sprintf("10.0.0.%d", n)), AS: as, RouterID: addr(fmt.Sprintf("%d.%d.%d.%d", n, n, n, n))}
}

func ibgp(n int) bgp.Source {
	s := ebgp(n, own)
	s.Internal = true
	return s
}

func said(hop string, as ...uint32) *bgp.Attributes {
	return &bgp.Attributes{NextHop: addr(hop), ASPath: bgp.PathOf(as...)}
}

func with(a *bgp.Attributes, change func(*bgp.Attributes)) *bgp.Attributes {
	b := *a
	change(&b)
	return &b
}

// Each step of the decision process decides when all before it are equal, and says so.
func TestDecision(t *testing.T) {
	base := said("192.0.2.1", 65001, 65009)
	type told struct {
		from bgp.Source
		a    *bgp.Attributes
	}
	cost := map[string]uint32{"192.0.2.1": 10, "192.0.2.2": 20}
	for _, c := range []struct {
		name   string
		better told
		worse  told
		why    string
	}{
		{"local preference", told{ebgp(2, 65001), with(base, func(a *bgp.Attributes) {
			a.LocalPref, a.HasLocalPref = 101, true
			a.ASPath = bgp.PathOf(65001, 65002, 65009)
		})},
			told{ebgp(1, 65001), base}, "lower local preference: 100, the best has 101"},
		{"path length", told{ebgp(2, 65001), with(base, func(a *bgp.Attributes) { a.Origin = bgp.Incomplete })},
			told{ebgp(1, 65001), said("192.0.2.1", 65001, 65002, 65009)}, "longer AS path: 3, the best has 2"},
		{"origin", told{ebgp(2, 65001), with(base, func(a *bgp.Attributes) { a.MED, a.HasMED = 50, true })},
			told{ebgp(1, 65001), with(base, func(a *bgp.Attributes) { a.Origin = bgp.EGP })}, "higher origin: egp, the best has igp"},
		{"MED", told{ibgp(2), base}, told{ebgp(1, 65001), with(base, func(a *bgp.Attributes) { a.MED, a.HasMED = 5, true })},
			"higher MED: 5, another path of the same neighbouring AS has 0"},
		{"eBGP", told{ebgp(2, 65001), with(base, func(a *bgp.Attributes) { a.NextHop = addr("192.0.2.2") })}, told{ibgp(1), base}, "learnt by iBGP, the best by eBGP"},
		{"cost", told{ebgp(2, 65001), base}, told{ebgp(1, 65001), with(base, func(a *bgp.Attributes) { a.NextHop = addr("192.0.2.2") })},
			"farther next hop: cost 20, the best has 10"},
		{"router id", told{ebgp(1, 65001), base}, told{ebgp(2, 65001), base}, "higher router id: 2.2.2.2, the best has 1.1.1.1"},
		{"originator id", told{ibgp(2), with(base, func(a *bgp.Attributes) { a.OriginatorID = addr("0.0.0.1") })}, told{ibgp(1), base},
			"higher router id: 1.1.1.1, the best has 0.0.0.1"},
		{"cluster list", told{ibgp(2), with(base, func(a *bgp.Attributes) { a.OriginatorID = addr("9.9.9.9") })},
			told{ibgp(1), with(base, func(a *bgp.Attributes) {
				a.OriginatorID, a.ClusterList = addr("9.9.9.9"), []netip.Addr{addr("8.8.8.8")}
			})}, "longer cluster list: 1, the best has 0"},
		{"address", told{ibgp(1), with(base, func(a *bgp.Attributes) { a.OriginatorID = addr("9.9.9.9") })},
			told{ibgp(2), with(base, func(a *bgp.Attributes) { a.OriginatorID = addr("9.9.9.9") })}, "higher neighbour address: 10.0.0.2, the best has 10.0.0.1"},
		{"reachable", told{ebgp(2, 65001), base}, told{ebgp(1, 65001), with(base, func(a *bgp.Attributes) { a.NextHop = addr("198.51.100.1") })}, "there is no route to its next hop"},
		{"loop", told{ebgp(2, 65001), base}, told{ebgp(1, 65001), said("192.0.2.1", 65001, own)}, "the AS path passes through the own autonomous system"},
		{"own path, reflected", told{ibgp(2), base}, told{ibgp(1), with(base, func(a *bgp.Attributes) { a.OriginatorID = self.RouterID })}, "this router is its originator"},
		{"own cluster", told{ibgp(2), base}, told{ibgp(1), with(base, func(a *bgp.Attributes) {
			a.ClusterList = []netip.Addr{addr("9.9.9.9"), self.ClusterID}
		})}, "the own cluster has reflected it"},
	} {
		for _, first := range []bool{true, false} {
			tab := New(self, bgp.Multipath{EBGP: 1, IBGP: 1}, nil, func(hop netip.Addr) (uint32, bool) { m, ok := cost[hop.String()]; return m, ok })
			order := []told{c.better, c.worse}
			if !first {
				order = []told{c.worse, c.better}
			}
			p := prefix("203.0.113.0/24")
			for _, o := range order {
				tab.Up(o.from)
				tab.Update(o.from.Address, start, o.a, []netip.Prefix{p}, nil)
			}
			list := tab.Paths(p)
			if len(list) != 2 || !list[0].Best || list[0].Source.Address != c.better.from.Address || list[1].Used || list[1].Reason != c.why {
				t.Errorf("%s (better first: %v): %+v", c.name, first, list)
			}
			changes := tab.Changes()
			if len(changes) != 1 || len(changes[0].Paths) != 1 || changes[0].Paths[0].Source.Address != c.better.from.Address {
				t.Errorf("%s: changes %v", c.name, changes)
			}
		}
	}
}

// MEDs are compared among paths of one neighbouring system, whatever the order in which they come.
func TestMEDIsDeterministic(t *testing.T) {
	p := prefix("203.0.113.0/24")
	a := with(said("192.0.2.1", 65001), func(a *bgp.Attributes) { a.MED, a.HasMED = 10, true })
	b := with(said("192.0.2.2", 65002), func(a *bgp.Attributes) { a.MED, a.HasMED = 5, true })
	c := with(said("192.0.2.3", 65001), func(a *bgp.Attributes) { a.MED, a.HasMED = 1, true })
	tell := map[int]struct {
		from bgp.Source
		a    *bgp.Attributes
	}{1: {ebgp(1, 65001), a}, 2: {ebgp(2, 65002), b}, 3: {ebgp(3, 65001), c}}
	for _, order := range [][]int{{1, 2, 3}, {3, 2, 1}, {2, 1, 3}, {2, 3, 1}, {1, 3, 2}, {3, 1, 2}} {
		tab := New(self, bgp.Multipath{}, nil, nil)
		for _, n := range order {
			tab.Up(tell[n].from)
			tab.Update(tell[n].from.Address, start, tell[n].a, []netip.Prefix{p}, nil)
		}
		if best := tab.Changes()[0].Paths[0].Source.Address; best != addr("10.0.0.2") {
			t.Errorf("order %v: %s is best", order, best)
		}
	}
}

// used names the neighbours of a change: 1+2.
func used(c Change) string {
	var words []string
	for _, p := range c.Paths {
		_, n, _ := strings.Cut(p.Source.Address.String(), "10.0.0.")
		words = append(words, n)
	}
	return strings.Join(words, "+")
}

func TestMultipath(t *testing.T) {
	p := prefix("203.0.113.0/24")
	for _, c := range []struct {
		name string
		m    bgp.Multipath
		want string
		why  string // of the last path
	}{
		{"one", bgp.Multipath{EBGP: 1, IBGP: 4}, "1", "as good"},
		{"same system", bgp.Multipath{EBGP: 4}, "1+2", "as good, but through AS 65002, the best through AS 65001 (multipath.multiple-as)"},
		{"several systems", bgp.Multipath{EBGP: 4, MultipleAS: true}, "1+2+3", ""},
		{"limit", bgp.Multipath{EBGP: 2, MultipleAS: true}, "1+2", "as good, but there are 2 paths already (multipath)"},
	} {
		tab := New(self, c.m, nil, nil)
		for n, as := range map[int]uint32{1: 65001, 2: 65001, 3: 65002} {
			s := ebgp(n, as)
			tab.Up(s)
			tab.Update(s.Address, start, said("192.0.2.1", as), []netip.Prefix{p}, nil)
		}
		longer := ebgp(4, 65001)
		tab.Up(longer)
		tab.Update(longer.Address, start, said("192.0.2.1", 65001, 65002), []netip.Prefix{p}, nil)
		if got := used(tab.Changes()[0]); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		for _, v := range tab.Paths(p) {
			if v.Source.Address == addr("10.0.0.3") && c.why != "" && c.want != "1" && v.Reason != c.why {
				t.Errorf("%s: %s", c.name, v.Reason)
			}
			if v.Source.Address == addr("10.0.0.4") && v.Reason != "longer AS path: 2, the best has 1" {
				t.Errorf("%s: %s", c.name, v.Reason)
			}
		}
	}
}

// Changes are net: what went and came back, or is said again, is none.
func TestChangesAreNet(t *testing.T) {
	tab := New(self, bgp.Multipath{EBGP: 2}, nil, nil)
	a, b, p := ebgp(1, 65001), ebgp(2, 65001), prefix("203.0.113.0/24")
	for i, s := range []struct {
		do   func()
		want string // "-" withdrawn, "" no change
	}{
		{func() { tab.Up(a); tab.Update(a.Address, start, said("192.0.2.1", 65001), []netip.Prefix{p}, nil) }, "1"},
		{func() { tab.Update(a.Address, start, said("192.0.2.1", 65001), []netip.Prefix{p}, nil) }, ""},
		{func() { tab.Update(b.Address, start, said("192.0.2.2", 65001), []netip.Prefix{p}, nil) }, ""}, // no session
		{func() { tab.Up(b); tab.Update(b.Address, start, said("192.0.2.2", 65001), []netip.Prefix{p}, nil) }, "1+2"},
		{func() {
			tab.Update(a.Address, start, nil, nil, []netip.Prefix{p, prefix("10.9.9.0/24")})
			tab.Update(a.Address, start, said("192.0.2.1", 65001), []netip.Prefix{p}, nil)
		}, ""},
		{func() { tab.Update(b.Address, start, said("192.0.2.7", 65001), []netip.Prefix{p}, nil) }, "1+2"},
		{func() { tab.Down(a.Address, start, 0) }, "2"},
		{func() { tab.Down(b.Address, start, 0) }, "-"},
		{func() { tab.Down(b.Address, start, 0) }, ""},
	} {
		s.do()
		got := ""
		for _, c := range tab.Changes() {
			if got = used(c); got == "" {
				got = "-"
			}
		}
		if got != s.want {
			t.Errorf("step %d: %q, want %q", i, got, s.want)
		}
	}
	if tab.Len() != 0 || len(tab.NextHops()) != 0 {
		t.Errorf("%d prefixes, next hops %v left", tab.Len(), tab.NextHops())
	}
}

// Stale paths are used until they are said again, the neighbour has said everything, or the time is over.
func TestStale(t *testing.T) {
	a := ebgp(1, 65001)
	p, q := prefix("203.0.113.0/24"), prefix("198.51.100.0/24")
	fill := func() *Table {
		tab := New(self, bgp.Multipath{}, nil, nil)
		tab.Up(a)
		tab.Update(a.Address, start, said("192.0.2.1", 65001), []netip.Prefix{p, q}, nil)
		tab.Changes()
		tab.Lost(start, time.Minute)
		if n, until := tab.Stale(); n != 2 || !until.Equal(start.Add(time.Minute)) || !tab.Deadline().Equal(until) || len(tab.Changes()) != 0 {
			t.Fatalf("%d stale until %s", n, until)
		}
		return tab
	}
	tab := fill()
	tab.Up(a)
	tab.Update(a.Address, start, said("192.0.2.1", 65001), []netip.Prefix{p}, nil)
	if c := tab.Changes(); len(c) != 0 {
		t.Errorf("said again: %v", c)
	}
	tab.EndOfRIB(a.Address)
	if c := tab.Changes(); len(c) != 1 || c[0].Prefix != q || len(c[0].Paths) != 0 || !tab.Deadline().IsZero() {
		t.Errorf("end of RIB: %v, deadline %s", c, tab.Deadline())
	}
	tab = fill()
	tab.Expire(start.Add(time.Minute - 1))
	if c := tab.Changes(); len(c) != 0 {
		t.Errorf("too early: %v", c)
	}
	tab.Expire(start.Add(time.Minute))
	if c := tab.Changes(); len(c) != 2 || tab.Len() != 0 {
		t.Errorf("expired: %v", c)
	}
	tab = fill()
	tab.Retain(func(netip.Addr) bool { return false })
	if c := tab.Changes(); len(c) != 2 {
		t.Errorf("not configured any more: %v", c)
	}
}

func TestFilter(t *testing.T) {
	strict := func(_ *bgp.Source, p netip.Prefix, a *bgp.Attributes) (*bgp.Attributes, string) {
		if p.Bits() > 24 {
			return nil, "too long"
		}
		return with(a, func(a *bgp.Attributes) { a.LocalPref, a.HasLocalPref = 50, true }), ""
	}
	a, p, q := ebgp(1, 65001), prefix("203.0.113.0/24"), prefix("203.0.113.0/25")
	tab := New(self, bgp.Multipath{}, strict, nil)
	tab.Up(a)
	tab.Update(a.Address, start, said("192.0.2.1", 65001), []netip.Prefix{p, q}, nil)
	if c := tab.Changes(); len(c) != 1 || c[0].Paths[0].Attributes.LocalPref != 50 {
		t.Errorf("changes %v", c)
	}
	if r, n, _ := tab.Count(a.Address); r != 2 || n != 1 {
		t.Errorf("%d received, %d accepted", r, n)
	}
	if v := tab.Paths(q); len(v) != 1 || !v[0].Rejected || v[0].Reason != "too long" {
		t.Errorf("%+v", v)
	}
	tab.Configure(self, bgp.Multipath{}, func(_ *bgp.Source, _ netip.Prefix, a *bgp.Attributes) (*bgp.Attributes, string) { return a, "" })
	if c := tab.Changes(); len(c) != 2 || c[0].Paths[0].Attributes.HasLocalPref {
		t.Errorf("another policy: %v", c)
	}
}

func TestNextHopChanged(t *testing.T) {
	down := false
	a, p := ebgp(1, 65001), prefix("203.0.113.0/24")
	tab := New(self, bgp.Multipath{}, nil, func(netip.Addr) (uint32, bool) { return 0, !down })
	tab.Up(a)
	tab.Update(a.Address, start, said("192.0.2.1", 65001), []netip.Prefix{p}, nil)
	tab.Changes()
	down = true
	tab.NextHopChanged(map[netip.Addr]bool{addr("192.0.2.9"): true})
	if c := tab.Changes(); len(c) != 0 {
		t.Errorf("another next hop: %v", c)
	}
	tab.NextHopChanged(map[netip.Addr]bool{addr("192.0.2.1"): true})
	if c := tab.Changes(); len(c) != 1 || len(c[0].Paths) != 0 {
		t.Errorf("next hop lost: %v", c)
	}
}

func BenchmarkUpdate(b *testing.B) {
	const prefixes = 200_000
	var list []netip.Prefix
	for i := range prefixes {
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 0}), 24))
	}
	b.ReportAllocs()
	for b.Loop() {
		tab := New(self, bgp.Multipath{EBGP: 4, MultipleAS: true}, nil, nil)
		for n, as := range map[int]uint32{1: 65001, 2: 65002} {
			s := ebgp(n, as)
			tab.Up(s)
			for i := 0; i < prefixes; i += 10 {
				tab.Update(s.Address, start, said("192.0.2.1", as, uint32(100_000+i)), list[i:i+10], nil)
			}
		}
		if c := tab.Changes(); len(c) != prefixes || len(c[0].Paths) != 2 {
			b.Fatal(len(c))
		}
	}
}
