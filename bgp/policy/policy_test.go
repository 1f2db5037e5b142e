package policy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/bgp"
)

func number(v uint32) *uint32 { return &v }

func large(a, b, c uint32) bgp.LargeCommunity {
	return bgp.LargeCommunity{Global: a, Local1: b, Local2: c}
}

func path(t *testing.T, text string) ASPath {
	t.Helper()
	p, err := ParseASPath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMatch(t *testing.T) {
	route := Route{
		Prefix: netip.MustParsePrefix("198.51.100.0/24"), Neighbor: netip.MustParseAddr("192.0.2.1"), Source: Learnt, Tag: 7,
		Attributes: &bgp.Attributes{ASPath: bgp.PathOf(65001, 65002), Communities: []bgp.Community{65001<<16 | 3}, Large: []bgp.LargeCommunity{large(65001, 1, 2)}},
	}
	block := netip.MustParsePrefix("198.51.0.0/16")
	for _, c := range []struct {
		name string
		m    Match
		want bool
	}{
		{"nothing asked", Match{}, true},
		{"length inside", Match{Prefixes: []Range{{block, 20, 24}}}, true},
		{"too long", Match{Prefixes: []Range{{block, 16, 23}}}, false},
		{"too short", Match{Prefixes: []Range{{block, 25, 32}}}, false},
		{"elsewhere", Match{Prefixes: []Range{{netip.MustParsePrefix("10.0.0.0/8"), 8, 32}}}, false},
		{"one of two", Match{Prefixes: []Range{{netip.MustParsePrefix("10.0.0.0/8"), 8, 32}, {block, 16, 24}}}, true},
		{"first AS", Match{ASPath: []ASPath{path(t, "^65001_")}}, true},
		{"not the first AS", Match{ASPath: []ASPath{path(t, "^65002_")}}, false},
		{"last AS", Match{ASPath: []ASPath{path(t, "_65002$")}}, true},
		{"part of a number", Match{ASPath: []ASPath{path(t, "_5002_")}}, false},
		{"community", Match{Communities: []bgp.Community{65001<<16 | 3}}, true},
		{"no such community", Match{Communities: []bgp.Community{65001<<16 | 4}}, false},
		{"large community", Match{LargeCommunities: []bgp.LargeCommunity{large(65001, 1, 2)}}, true},
		{"neighbour", Match{Neighbors: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, true},
		{"another neighbour", Match{Neighbors: []netip.Prefix{netip.MustParsePrefix("192.0.3.0/24")}}, false},
		{"source", Match{Sources: []Source{OSPF}}, false},
		{"tag", Match{Tags: []uint32{7}}, true},
		{"all but one", Match{Tags: []uint32{7}, Sources: []Source{Static}}, false},
	} {
		if got := c.m.Matches(&route); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
	if _, err := ParseASPath("(65001"); err == nil || !strings.Contains(err.Error(), "(65001") {
		t.Errorf("%v", err)
	}
}

// The first rule that matches decides, and what it sets is set on a copy.
func TestImport(t *testing.T) {
	p := Policy{Name: "in", Rules: []Rule{
		{Place: "rule 1", Match: Match{Communities: []bgp.Community{bgp.Blackhole}}},
		{Place: "rule 2", Match: Match{ASPath: []ASPath{path(t, "^65001_")}}, Accept: true, Set: Set{
			LocalPref: number(200), MED: number(5), Prepend: 1, Add: []bgp.Community{9}, Remove: []bgp.Community{8}, RemoveLarge: []bgp.LargeCommunity{large(1, 1, 1)},
		}},
	}}
	route := Route{Attributes: &bgp.Attributes{ASPath: bgp.PathOf(65001), Communities: []bgp.Community{8, 7}, Large: []bgp.LargeCommunity{large(1, 1, 1), large(2, 2, 2)}}}
	a, why := p.Import(&route)
	if why != "" || a.Preference() != 200 || a.MED != 5 || a.ASPath.String() != "65001 65001" || len(a.Communities) != 2 || a.Communities[0] != 7 || a.Communities[1] != 9 || len(a.Large) != 1 {
		t.Errorf("%v %q", a, why)
	}
	if len(route.Attributes.Communities) != 2 || route.Attributes.HasLocalPref || route.Attributes.ASPath.Len() != 1 {
		t.Errorf("the attributes of the neighbour changed: %v", route.Attributes)
	}
	route.Attributes = &bgp.Attributes{ASPath: bgp.PathOf(65001), Communities: []bgp.Community{bgp.Blackhole}}
	if a, why := p.Import(&route); a != nil || why != "rejected by rule 1" {
		t.Errorf("%v %q", a, why)
	}
	route.Attributes = &bgp.Attributes{ASPath: bgp.PathOf(65009)}
	if a, why := p.Import(&route); a != nil || !strings.Contains(why, "policy in") {
		t.Errorf("%v %q", a, why)
	}
	p.Accept = true
	if a, _ := p.Import(&route); a != route.Attributes {
		t.Errorf("%v", a)
	}
	if adjust, why, accept := p.Export(&route); !accept || why != "default of policy in" || !adjust.Equal(bgp.Adjustment{}) {
		t.Errorf("%v %q %t", adjust, why, accept)
	}
}

// A path from inside the own system that begins there has nobody to repeat.
func TestImportPrependsNobody(t *testing.T) {
	p := Policy{Rules: []Rule{{Accept: true, Set: Set{Prepend: 2}}}}
	if a, why := p.Import(&Route{Attributes: &bgp.Attributes{}}); why != "" || a.ASPath.Len() != 0 {
		t.Errorf("%v %q", a.ASPath, why)
	}
}

func TestHonourShutdown(t *testing.T) {
	stays := &bgp.Attributes{LocalPref: 200, HasLocalPref: true, Communities: []bgp.Community{bgp.NoExport}}
	if HonourShutdown(stays) != stays {
		t.Error("a path that stays is changed")
	}
	leaves := &bgp.Attributes{LocalPref: 200, HasLocalPref: true, Communities: []bgp.Community{bgp.NoExport, bgp.GracefulShutdown}}
	if a := HonourShutdown(leaves); a.Preference() != 0 || leaves.Preference() != 200 || len(a.Communities) != 2 {
		t.Error(a, leaves)
	}
}

func TestRangeCovers(t *testing.T) {
	r := func(p string, ge, le int) Range { return Range{netip.MustParsePrefix(p), ge, le} }
	for _, c := range []struct {
		a, b Range
		want bool
	}{
		{r("10.0.0.0/8", 8, 32), r("10.1.0.0/16", 16, 24), true},
		{r("10.0.0.0/8", 8, 16), r("10.1.0.0/16", 16, 24), false},
		{r("10.1.0.0/16", 16, 24), r("10.0.0.0/8", 16, 24), false},
		{r("0.0.0.0/0", 0, 32), r("0.0.0.0/0", 0, 0), true},
	} {
		if got := c.a.Covers(c.b); got != c.want {
			t.Errorf("%v covers %v: %t", c.a, c.b, got)
		}
	}
}

func TestMatchCovers(t *testing.T) {
	ten, in10 := []Range{{netip.MustParsePrefix("10.0.0.0/8"), 8, 24}}, []Range{{netip.MustParsePrefix("10.1.0.0/16"), 16, 24}}
	for _, c := range []struct {
		name         string
		outer, inner Match
		want         bool
	}{
		{"everything", Match{}, Match{Tags: []uint32{1}}, true},
		{"not everything", Match{Tags: []uint32{1}}, Match{}, false},
		{"prefixes", Match{Prefixes: ten}, Match{Prefixes: in10, Tags: []uint32{1}}, true},
		{"longer prefixes", Match{Prefixes: in10}, Match{Prefixes: ten}, false},
		{"one of two lists", Match{Prefixes: ten, Tags: []uint32{1}}, Match{Prefixes: in10}, false},
		{"communities", Match{Communities: []bgp.Community{1, 2}}, Match{Communities: []bgp.Community{2}}, true},
		{"another community", Match{Communities: []bgp.Community{1}}, Match{Communities: []bgp.Community{1, 2}}, false},
		{"a large one is none", Match{Communities: []bgp.Community{1}}, Match{LargeCommunities: []bgp.LargeCommunity{large(0, 0, 1)}}, false},
		{"neighbours", Match{Neighbors: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, Match{Neighbors: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}, true},
		{"same expression", Match{ASPath: []ASPath{path(t, "^65001_")}}, Match{ASPath: []ASPath{path(t, "^65001_")}}, true},
		{"another expression", Match{ASPath: []ASPath{path(t, "^65001_")}}, Match{ASPath: []ASPath{path(t, "^65001_65002$")}}, false},
	} {
		if got := c.outer.Covers(&c.inner); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
