package announce

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func number(v uint32) *uint32 { return &v }

// Two upstreams, and a router of our own.
var (
	upA   = Neighbor{Prefix: pfx("192.0.2.1/32"), AS: 65001}
	upB   = Neighbor{Prefix: pfx("192.0.2.5/32"), AS: 65002}
	inner = Neighbor{Prefix: pfx("10.255.0.2/32"), AS: 64500, Internal: true}
	all   = []Neighbor{upA, upB, inner}
	net24 = pfx("198.51.100.0/24")
	low   = pfx("198.51.100.0/25")
)

func world(a, b bool) World { return World{Uplinks: map[string]bool{"isp-a": a, "isp-b": b}} }

func when(uplink string, up bool) *When { return &When{Uplink: uplink, Up: up} }

// told writes what a table announces, one line a prefix and neighbour.
func told(t *Table) string {
	t.Changes()
	var b strings.Builder
	for _, a := range t.Announced() {
		for _, to := range a.To {
			fmt.Fprintf(&b, "%s to %s", a.Prefix, to.Neighbor.Addr())
			d := to.Adjust
			if d.Prepend > 0 {
				fmt.Fprintf(&b, " prepend %d", d.Prepend)
			}
			if d.MED != nil {
				fmt.Fprintf(&b, " med %d", *d.MED)
			}
			if d.LocalPref != nil {
				fmt.Fprintf(&b, " local-preference %d", *d.LocalPref)
			}
			for _, c := range d.Communities {
				fmt.Fprintf(&b, " %s", c)
			}
			if d.NextHop.IsValid() {
				fmt.Fprintf(&b, " via %s", d.NextHop)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func wants(t *testing.T, table *Table, lines ...string) {
	t.Helper()
	want := strings.Join(append(lines, ""), "\n")
	if got := told(table); got != want {
		t.Errorf("told:\n%swant:\n%s", got, want)
	}
}

// An uplink dies, and what is told of a prefix follows.
func TestRulesFollowUplinks(t *testing.T) {
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{upA, upB}, Rules: []Rule{
		{Prefix: net24, Place: "1"},
		{Prefix: net24, When: when("isp-a", false), To: []netip.Prefix{upA.Prefix}, Withdraw: true, Place: "2"},
		{Prefix: net24, When: when("isp-b", true), To: []netip.Prefix{upB.Prefix}, Set: policy.Set{Prepend: 3, Add: []bgp.Community{bgp.NoExport}}, Place: "3"},
		{Prefix: low, When: when("isp-a", true), To: []netip.Prefix{upA.Prefix}, Set: policy.Set{MED: number(5)}, Place: "4"},
	}})
	wants(t, table, "198.51.100.0/24 to 192.0.2.5") // nothing is known to be up
	table.SetWorld(world(true, true))
	wants(t, table, "198.51.100.0/24 to 192.0.2.1", "198.51.100.0/24 to 192.0.2.5 prepend 3 no-export", "198.51.100.0/25 to 192.0.2.1 med 5")
	table.SetWorld(world(false, true))
	wants(t, table, "198.51.100.0/24 to 192.0.2.5 prepend 3 no-export")
	verdicts, _ := table.Verdicts(net24)
	if verdicts[0].Told || verdicts[0].Rule != "withdrawn by 2" || !verdicts[1].Told || verdicts[1].Rule != "1" {
		t.Errorf("%+v", verdicts)
	}
	verdicts, _ = table.Verdicts(low)
	if verdicts[0].Told || verdicts[0].Rule != "no rule of announce holds now" {
		t.Errorf("%+v", verdicts)
	}
	table.SetWorld(world(false, false))
	if c := table.Changes(); len(c) != 1 || c[0].Prefix != net24 || len(c[0].To) != 1 || c[0].Before.To[0].Adjust.Prepend != 3 {
		t.Errorf("%+v", c)
	}
}

// Each upstream draws the traffic of its half, and all of it while the other one is down; a hub that leaves says so
// with a MED, too.
func TestSplit(t *testing.T) {
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{upA, upB}, Rules: []Rule{
		{Prefix: net24, To: []netip.Prefix{upA.Prefix}, When: when("isp-a", true), Split: First},
		{Prefix: net24, To: []netip.Prefix{upB.Prefix}, When: when("isp-b", true), Split: Second},
		{Prefix: net24, To: []netip.Prefix{upB.Prefix}, When: &When{Hub: Drained}, Set: policy.Set{MED: number(9)}},
		{Prefix: pfx("203.0.113.1/32"), Split: First | Second, When: &When{Hub: Serving}}, // a host has no halves
	}})
	table.SetWorld(world(true, true))
	wants(t, table,
		"198.51.100.0/24 to 192.0.2.1", "198.51.100.0/24 to 192.0.2.5",
		"198.51.100.0/25 to 192.0.2.1", "198.51.100.128/25 to 192.0.2.5",
		"203.0.113.1/32 to 192.0.2.1", "203.0.113.1/32 to 192.0.2.5")
	w := world(false, true)
	w.Drained = true
	table.SetWorld(w)
	wants(t, table, "198.51.100.0/24 to 192.0.2.5 med 9 graceful-shutdown", "198.51.100.128/25 to 192.0.2.5 graceful-shutdown")
}

// What rules say together: the first that sets a value counts, communities add up.
func TestRulesJoin(t *testing.T) {
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{upA}, Networks: []Network{{net24, "networks"}}, Rules: []Rule{
		{Prefix: net24, Set: policy.Set{Prepend: 1, Add: []bgp.Community{1}}},
		{Prefix: net24, Set: policy.Set{Prepend: 5, MED: number(7), LocalPref: number(90), Add: []bgp.Community{1, 2}}},
	}})
	wants(t, table, "198.51.100.0/24 to 192.0.2.1 prepend 1 med 7 local-preference 90 0:1 0:2")
}

func TestExportPolicy(t *testing.T) {
	accepting, open := upA, upB
	accepting.Export = &policy.Policy{Name: "out", Rules: []policy.Rule{
		{Place: "rule 1", Match: policy.Match{Prefixes: []policy.Range{{Prefix: low, Ge: 25, Le: 25}}}},
		{Place: "rule 2", Match: policy.Match{Sources: []policy.Source{policy.Network, policy.Announced}}, Accept: true, Set: policy.Set{Prepend: 2}},
	}}
	open.Open = true
	table := NewTable()
	c := Config{AS: 64500, Neighbors: []Neighbor{accepting, upB, inner}, Networks: []Network{{net24, "networks"}, {low, "networks"}}}
	table.Configure(c)
	wants(t, table, "198.51.100.0/24 to 192.0.2.1 prepend 2", "198.51.100.0/24 to 10.255.0.2", "198.51.100.0/25 to 10.255.0.2")
	verdicts, _ := table.Verdicts(low)
	if verdicts[0].Rule != "rejected by rule 1" || !strings.Contains(verdicts[1].Rule, "RFC 8212") {
		t.Errorf("%+v", verdicts)
	}
	c.Neighbors = []Neighbor{open}
	c.Rules = []Rule{{Prefix: low, Place: "r"}}
	table.Configure(c)
	wants(t, table, "198.51.100.0/24 to 192.0.2.5", "198.51.100.0/25 to 192.0.2.5")
	c.Neighbors = []Neighbor{upB} // a rule says whom it is for: it is a policy (RFC 8212)
	table.Configure(c)
	wants(t, table, "198.51.100.0/25 to 192.0.2.5")
}

func learnt(p netip.Prefix, from *bgp.Source, a bgp.Attributes) bgp.Path {
	a.NextHop = from.Address
	return bgp.Path{Prefix: p, Source: from, Attributes: &a}
}

// What is told of what was learnt (RFC 4271 9.2, RFC 1997, RFC 4456).
func TestLearnt(t *testing.T) {
	a, b, client := upA, upB, inner
	a.Open, b.Open = true, true
	client.Prefix, client.Client = pfx("10.255.0.3/32"), true
	fromA := &bgp.Source{Address: a.Prefix.Addr(), AS: 65001, RouterID: netip.MustParseAddr("1.1.1.1")}
	fromInner := &bgp.Source{Address: inner.Prefix.Addr(), AS: 64500, RouterID: netip.MustParseAddr("2.2.2.2"), Internal: true}
	cluster := netip.MustParseAddr("9.9.9.9")
	for _, c := range []struct {
		name string
		from *bgp.Source
		a    bgp.Attributes
		want []string
	}{
		{"from outside", fromA, bgp.Attributes{ASPath: bgp.PathOf(65001), MED: 9, HasMED: true},
			[]string{"to 192.0.2.5 med 0", "to 10.255.0.2 via 192.0.2.1", "to 10.255.0.3 via 192.0.2.1"}},
		{"no-export", fromA, bgp.Attributes{ASPath: bgp.PathOf(65001), Communities: []bgp.Community{bgp.NoExport}},
			[]string{"to 10.255.0.2 via 192.0.2.1", "to 10.255.0.3 via 192.0.2.1"}},
		{"no-advertise", fromA, bgp.Attributes{ASPath: bgp.PathOf(65001), Communities: []bgp.Community{bgp.NoAdvertise}}, nil},
		{"through the neighbour's system", fromA, bgp.Attributes{ASPath: bgp.PathOf(65001, 65002)},
			[]string{"to 10.255.0.2 via 192.0.2.1", "to 10.255.0.3 via 192.0.2.1"}},
		{"from inside", fromInner, bgp.Attributes{ASPath: bgp.PathOf(65009)},
			[]string{"to 192.0.2.1", "to 192.0.2.5", "to 10.255.0.3 via 10.255.0.2"}},
	} {
		table := NewTable()
		table.Configure(Config{AS: 64500, ClusterID: cluster, Neighbors: []Neighbor{a, b, inner, client}})
		table.Learn(learnt(net24, c.from, c.a))
		var want string
		for _, line := range c.want {
			want += net24.String() + " " + line + "\n"
		}
		if got := told(table); got != want {
			t.Errorf("%s:\n%swant:\n%s", c.name, got, want)
		}
		if c.from.Internal {
			if out := table.Announced()[0].Attributes; out.OriginatorID != c.from.RouterID || !slices.Equal(out.ClusterList, []netip.Addr{cluster}) || out.NextHop.IsValid() {
				t.Errorf("%s: %+v", c.name, out)
			}
		}
		table.Offer(Route{Prefix: net24, Source: policy.OSPF}) // what is not used is not told
		wants(t, table)
	}
}

func TestAggregate(t *testing.T) {
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{inner}, Redistribute: []Redistribute{{Source: policy.OSPF, MED: number(3)}},
		Aggregates: []Aggregate{{Prefix: net24, SummaryOnly: true, Place: "aggregates"}}})
	wants(t, table)
	table.Offer(Route{Prefix: low, Source: policy.OSPF})
	table.Offer(Route{Prefix: pfx("198.51.100.128/25"), Source: policy.Static})
	wants(t, table, "198.51.100.0/24 to 10.255.0.2")
	if a := table.Announced()[0].Attributes; !a.Aggregated {
		t.Error("it does not say that paths were left out: ", a)
	}
	table.Retract(pfx("198.51.100.128/25"))
	wants(t, table, "198.51.100.0/24 to 10.255.0.2")
	table.Retract(low)
	wants(t, table)
}

func TestDrained(t *testing.T) {
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{upA, inner}, Rules: []Rule{{Prefix: net24, Set: policy.Set{LocalPref: number(200)}}}})
	wants(t, table, "198.51.100.0/24 to 192.0.2.1 local-preference 200", "198.51.100.0/24 to 10.255.0.2 local-preference 200")
	table.SetWorld(World{Drained: true})
	wants(t, table, "198.51.100.0/24 to 192.0.2.1 local-preference 200 graceful-shutdown", "198.51.100.0/24 to 10.255.0.2 local-preference 0 graceful-shutdown")
	table.SetWorld(World{})
	wants(t, table, "198.51.100.0/24 to 192.0.2.1 local-preference 200", "198.51.100.0/24 to 10.255.0.2 local-preference 200")
}

// Whatever happened before, what is told is what a new table tells of the same, and the changes add up to it.
func TestNoHistory(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 8))
		prefixes := []netip.Prefix{net24, low, pfx("198.51.100.128/25"), pfx("198.51.0.0/16"), pfx("203.0.113.0/24")}
		pick := func() netip.Prefix { return prefixes[rng.IntN(len(prefixes))] }
		config := func() Config {
			c := Config{AS: 64500, Neighbors: slices.Clone(all)}
			for i := range c.Neighbors {
				c.Neighbors[i].Open = rng.IntN(2) == 0
			}
			for range rng.IntN(3) {
				c.Networks = append(c.Networks, Network{pick(), "n"})
			}
			for range rng.IntN(3) {
				c.Aggregates = append(c.Aggregates, Aggregate{pick(), rng.IntN(2) == 0, "a"})
			}
			if rng.IntN(2) == 0 {
				c.Redistribute = []Redistribute{{Source: policy.OSPF}}
			}
			for range rng.IntN(6) {
				r := Rule{Prefix: pick(), Withdraw: rng.IntN(4) == 0, Split: Halves(rng.IntN(4)), Set: policy.Set{Prepend: rng.IntN(3)}}
				if rng.IntN(3) > 0 {
					r.When = when([]string{"", "isp-a", "isp-b"}[rng.IntN(3)], rng.IntN(2) == 0)
					r.When.Hub = Hub(rng.IntN(3))
				}
				if rng.IntN(3) == 0 {
					r.To = []netip.Prefix{all[rng.IntN(len(all))].Prefix}
				}
				c.Rules = append(c.Rules, r)
			}
			return c
		}
		from := &bgp.Source{Address: upA.Prefix.Addr(), AS: 65001}
		table, heard := NewTable(), map[netip.Prefix]bgp.Announcement{}
		var c Config
		var w World
		routes, paths := map[netip.Prefix]Route{}, map[netip.Prefix]bgp.Path{}
		for range 30 {
			switch p := pick(); rng.IntN(6) {
			case 0:
				c = config()
				table.Configure(c)
			case 1:
				w = world(rng.IntN(2) == 0, rng.IntN(2) == 0)
				w.Drained = rng.IntN(4) == 0
				table.SetWorld(w)
			case 2:
				routes[p] = Route{Prefix: p, Source: []policy.Source{policy.OSPF, policy.Static}[rng.IntN(2)], Metric: rng.Uint32N(3)}
				table.Offer(routes[p])
			case 3:
				delete(routes, p)
				table.Retract(p)
			case 4:
				paths[p] = learnt(p, from, bgp.Attributes{ASPath: bgp.PathOf(65001, rng.Uint32N(3))})
				table.Learn(paths[p])
			case 5:
				delete(paths, p)
				table.Learn(bgp.Path{Prefix: p})
			}
			if rng.IntN(2) == 0 {
				continue
			}
			for _, change := range table.Changes() {
				if before := heard[change.Prefix]; len(before.To) != len(change.Before.To) {
					t.Fatalf("seed %d: before %+v, was %+v", seed, change.Before, before)
				}
				heard[change.Prefix] = change.Announcement
			}
			fresh := NewTable()
			fresh.Configure(c)
			fresh.SetWorld(w)
			for _, r := range routes {
				fresh.Offer(r)
			}
			for _, l := range paths {
				fresh.Learn(l)
			}
			want := told(fresh)
			if got := told(table); got != want {
				t.Fatalf("seed %d: told\n%swant\n%s", seed, got, want)
			}
			for _, a := range table.Announced() {
				if h := heard[a.Prefix]; !h.Equal(&a) {
					t.Fatalf("seed %d: heard %+v, told %+v", seed, h, a)
				}
			}
		}
	}
}

// Before the states of all uplinks that rules name are known, nothing should be said that changes at once.
func TestWaits(t *testing.T) {
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: all, Rules: []Rule{{Prefix: net24}}})
	if table.Waits() {
		t.Error("without a condition")
	}
	table.Configure(Config{AS: 64500, Neighbors: all, Rules: []Rule{{Prefix: net24, When: when("isp-b", false)}}})
	for _, c := range []struct {
		world World
		want  bool
	}{{World{}, true}, {World{Uplinks: map[string]bool{"isp-a": true}}, true}, {world(true, false), false}} {
		table.SetWorld(c.world)
		if got := table.Waits(); got != c.want {
			t.Errorf("%v: %t", c.world.Uplinks, got)
		}
	}
}
