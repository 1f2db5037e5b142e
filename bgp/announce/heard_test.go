package announce

import (
	"net/netip"
	"testing"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

// What is shown of an announcement is what arrives at the neighbour.
func TestHeard(t *testing.T) {
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{upA, upB, inner}, Rules: []Rule{
		{Prefix: net24, Place: "first", Set: policy.Set{LocalPref: number(80), Add: []bgp.Community{bgp.NoExport}}},
		{Prefix: net24, When: when("isp-b", true), To: []netip.Prefix{upB.Prefix}, Set: policy.Set{Prepend: 2, MED: number(5)}},
		{Prefix: net24, When: when("isp-a", false), To: []netip.Prefix{upA.Prefix}, Withdraw: true, Place: "third"},
	}})
	table.SetWorld(world(true, true))
	heard := func(i int) string {
		t.Helper()
		h := table.Heard(net24)[i]
		if h.Attributes == nil {
			return "not told: " + h.Rule
		}
		return h.Attributes.ASPath.String() + " " + h.Attributes.String()
	}
	for i, want := range []string{
		"64500 [{Origin: i} {Communities: no-export}]",
		"64500 64500 64500 [{Origin: i} {Med: 5} {Communities: no-export}]",
		" [{Origin: i} {LocalPref: 80} {Communities: no-export}]",
	} {
		if got := heard(i); got != want {
			t.Errorf("neighbour %d hears %q, want %q", i, got, want)
		}
	}
	table.SetWorld(world(false, true))
	if got := heard(0); got != "not told: withdrawn by third" {
		t.Errorf("%q", got)
	}
	if got := table.Heard(low); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// What an export policy makes of what was learnt: the own next hop, and without communities that the path or a rule bears.
func TestHeardExport(t *testing.T) {
	const mark, more, rules = bgp.Community(65001<<16 | 7), bgp.Community(65001<<16 | 8), bgp.Community(64500<<16 | 1)
	mine := bgp.LargeCommunity{Global: 64500, Local1: 236, Local2: 4}
	in := inner
	in.Export = &policy.Policy{Name: "out", Rules: []policy.Rule{{Accept: true, Set: policy.Set{
		NextHop: netip.IPv4Unspecified(), Remove: []bgp.Community{mark, rules}, Add: []bgp.Community{9}, RemoveLarge: []bgp.LargeCommunity{mine},
	}}}}
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{upA, in}, Rules: []Rule{{Prefix: net24, Set: policy.Set{Add: []bgp.Community{rules, bgp.NoExport}}}}})
	from := &bgp.Source{Address: upA.Prefix.Addr(), AS: 65001}
	table.Learn(learnt(net24, from, bgp.Attributes{ASPath: bgp.PathOf(65001), Communities: []bgp.Community{mark, more}, Large: []bgp.LargeCommunity{mine}}))
	a := table.Heard(net24)[1].Attributes
	if want := "[{Origin: i} {Communities: 65001:8, no-export, 0:9}]"; a == nil || a.NextHop.IsValid() || a.String() != want {
		t.Errorf("%v, want %s and the own next hop", a, want)
	}
	in.Export.Rules[0].Set = policy.Set{NextHop: netip.MustParseAddr("10.255.0.9")}
	table.Configure(table.cfg)
	if a := table.Heard(net24)[1].Attributes; a.NextHop != in.Export.Rules[0].Set.NextHop {
		t.Errorf("%v", a)
	}
}

// A client of a route server hears what other clients say as they say it, and nothing else (RFC 7947 2.2).
func TestHeardRouteServer(t *testing.T) {
	a, b, other := upA, upB, inner
	a.RouteServer, b.RouteServer = true, true
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{a, b, other}, Networks: []Network{{low, "networks"}}, Rules: []Rule{{Prefix: net24, Set: policy.Set{Prepend: 3}}}})
	said := bgp.Attributes{ASPath: bgp.PathOf(65001), MED: 7, HasMED: true, LocalPref: 9}
	table.Learn(learnt(net24, &bgp.Source{Address: a.Prefix.Addr(), AS: 65001}, said))
	heard := table.Heard(net24)
	if h := heard[1].Attributes; heard[0].Told || h == nil || h.ASPath.String() != "65001" || h.MED != 7 || h.NextHop != a.Prefix.Addr() {
		t.Errorf("clients hear %+v", heard)
	}
	if h := heard[2].Attributes; h == nil || h.ASPath.String() != "64500 64500 64500 65001" {
		t.Errorf("others hear %+v", h)
	}
	if heard := table.Heard(low); heard[0].Told || heard[1].Told || !heard[2].Told {
		t.Errorf("what begins here: %+v", heard)
	}
}
