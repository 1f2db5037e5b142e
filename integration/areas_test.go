package integration

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
)

// borders are the makes of core, of the two border routers and of the router inside area 1.
type borders struct{ core, one, two, inside string }

func (b borders) String() string {
	return strings.Join([]string{b.core, b.one, b.two, b.inside}, "-")
}

var borderSeats = []borders{
	{"frr", "ecmpd", "ecmpd", "bird"},
	{"ecmpd", "frr", "bird", "ecmpd"},
	{"bird", "ecmpd", "frr", "frr"},
}

// newBorders builds the backbone with core, area 1 with the router inside, and two border routers
// between them. core announces 198.51.100.0/24; what inside announces is up to the test.
func newBorders(t *testing.T, b borders, kind areaKind, inside []external, costTwo int) *network {
	t.Helper()
	n := newNetwork(t)
	n.wire("core:a 10.1.0.1/30", "one:core 10.1.0.2/30")
	n.wire("core:b 10.1.0.5/30", "two:core 10.1.0.6/30")
	n.wire("inside:a 10.2.0.1/30", "one:inside 10.2.0.2/30")
	n.wire("inside:b 10.2.0.5/30", "two:inside 10.2.0.6/30")
	n.wire("core:net 172.16.0.1/24", "hostcore:eth0")
	n.wire("inside:net 172.17.0.1/24", "host1:eth0")
	n.wire("inside:net2 172.17.1.1/24", "host2:eth0")
	n.wire("inside:net3 192.168.9.1/24", "host3:eth0")
	kinds := map[string]areaKind{"0.0.0.1": kind}
	n.seat(b.core, "core", seat{id: "10.255.0.1", ports: []port{{name: "a"}, {name: "b", cost: costTwo}, {name: "net", passive: true, cost: 3}},
		externals: []external{{prefix: "198.51.100.0/24", metric: 20}}})
	for i, name := range []string{"one", "two"} {
		n.seat([]string{b.one, b.two}[i], name, seat{id: fmt.Sprintf("10.255.0.%d", 2+i), kinds: kinds,
			ports: []port{{name: "core"}, {name: "inside", area: "0.0.0.1"}}})
	}
	kind.ranges = nil
	n.seat(b.inside, "inside", seat{id: "10.255.0.4", kinds: map[string]areaKind{"0.0.0.1": kind}, externals: inside, ports: []port{
		{name: "a", area: "0.0.0.1"}, {name: "b", area: "0.0.0.1", cost: costTwo}, {name: "net", area: "0.0.0.1", passive: true, cost: 5},
		{name: "net2", area: "0.0.0.1", passive: true, cost: 7}, {name: "net3", area: "0.0.0.1", passive: true, cost: 9}}})
	return n
}

var areaNodes = []string{"core", "one", "two", "inside"}

// tables are what the nodes of a network hold: in their kernels, and by their own account.
type tables struct {
	kernel map[string]table
	ospf   map[string]ospfTable
}

// sameAsFRR wants the kernels of the network to hold, prefix by prefix, what FRR puts there when it has all
// seats, and every router to say of each route the type and the cost that FRR says. Which discard routes a make writes is its own
// affair, and so is what it says about ranges.
// Prefixes to skip are not compared at all, those with other metrics in kernels only.
func sameAsFRR(t *testing.T, want tables, n *network, skip, otherMetrics []string) {
	t.Helper()
	for _, node := range areaNodes {
		waitEqual(n, "kernel routes of "+node+" as FRR has them", forwarding(want.kernel[node], skip), func() (table, error) {
			got, err := n.kernel(node)
			return forwarding(got, skip), err
		})
		skip := slices.Concat(skip, otherMetrics)
		waitEqual(n, "OSPF routes of "+node+" as FRR has them", want.ospf[node].without(skip), func() (ospfTable, error) {
			got, err := n.ospfTable(node)
			return got.without(skip), err
		})
	}
}

// forwarding leaves out discard routes and what is not to be compared.
func forwarding(t table, skip []string) table {
	kept := table{}
	for p, legs := range t {
		ignored := len(legs) == 1 && !strings.Contains(legs[0], ".")
		for _, s := range skip {
			ignored = ignored || netip.MustParsePrefix(s) == p
		}
		if !ignored {
			kept[p] = legs
		}
	}
	return kept
}

// frrTables runs the network with FRR in all seats until every node routes what it must and
// nothing has changed for a while.
func frrTables(t *testing.T, kind areaKind, inside []external, costTwo int, needs map[string]string) tables {
	t.Helper()
	want := tables{map[string]table{}, map[string]ospfTable{}}
	n := newBorders(t, borders{"frr", "frr", "frr", "frr"}, kind, inside, costTwo)
	const rest = 8 * time.Second // longer than MinLSInterval and a pause of FRR's
	var last string
	var since time.Time
	n.wait("routes of FRR", func() (bool, string) {
		for _, node := range areaNodes {
			got, err := n.kernel(node)
			if err != nil {
				return false, err.Error()
			}
			want.kernel[node] = got
			if want.ospf[node], err = n.ospfTable(node); err != nil {
				return false, err.Error()
			}
			for _, p := range strings.Fields(needs[node]) {
				if len(got[netip.MustParsePrefix(p)]) == 0 {
					return false, fmt.Sprintf("no %s in %s's %v", p, node, got)
				}
			}
		}
		if now := fmt.Sprint(want); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > rest, "it changes still: " + last
	})
	return want
}

// An area border router of any make is worth as much as another: normal areas with ranges, stub areas, totally
// stubby ones.
func TestAreas(t *testing.T) {
	t.Parallel()
	ranges := []areaRange{{prefix: "172.16.0.0/12"}, {prefix: "192.168.0.0/16", hidden: true}}
	for _, c := range []struct {
		name string
		kind areaKind
		core string // what core must route, and
		in   string // what the router inside must
	}{
		{"ranges", areaKind{ranges: ranges}, "172.16.0.0/12 10.2.0.0/30", "172.16.0.0/24 198.51.100.0/24"},
		{"stub", areaKind{kind: "stub", defaultCost: 7}, "172.17.0.0/24 172.17.1.0/24", "172.16.0.0/24 0.0.0.0/0"},
		{"totally-stubby", areaKind{kind: "stub", noSummary: true, defaultCost: 7}, "172.17.0.0/24", "0.0.0.0/0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := frrTables(t, c.kind, nil, 10, map[string]string{"core": c.core, "inside": c.in, "one": "172.17.0.0/24 172.16.0.0/24", "two": "172.17.0.0/24 172.16.0.0/24"})
			for _, b := range borderSeats {
				t.Run(b.String(), func(t *testing.T) {
					n := newBorders(t, b, c.kind, nil, 10)
					sameAsFRR(t, want, n, nil, nil)
					if b.one == "ecmpd" && c.name == "ranges" {
						n.discards("one", "172.16.0.0/12", true)
						n.dearRange()
						n.routers["inside"].Kill()
						n.discards("one", "172.16.0.0/12", false)
						n.waitKernel("core", "172.16.0.0/12", table{})
					}
					if b.core == "ecmpd" && c.name == "ranges" {
						r, err := n.ospfRoute("core", "172.16.0.0/12")
						n.must(err)
						if r.Type != "inter-area" || r.Cost != 10+10+7 || len(r.NextHops) != 2 {
							t.Errorf("172.16.0.0/12 is %+v", r)
						}
					}
				})
			}
		})
	}
}

// dearRange gives the range of border router one a fixed cost: core turns to the other one, and no adjacency falls.
func (n *network) dearRange() {
	n.t.Helper()
	changes := func() uint64 {
		s, err := show[api.Status](n, "one", "status")
		n.must(err)
		return s.OSPF.NeighborChanges
	}
	before := changes()
	text, err := os.ReadFile(n.ecmpd("one").ConfigFile())
	n.must(err)
	n.must(n.ecmpd("one").Reload(strings.Replace(string(text), "172.16.0.0/12, advertise: true", "172.16.0.0/12, advertise: true, cost: 500", 1)))
	n.waitKernel("core", "172.16.0.0/12", routes("172.16.0.0/12: 10.1.0.6 dev b"))
	if after := changes(); after != before {
		n.t.Errorf("%d changes of neighbours by a reload of a range", after-before)
	}
}

// discards waits until the kernel has, or has not, a blackhole.
func (n *network) discards(node, prefix string, want bool) {
	n.t.Helper()
	n.wait(fmt.Sprintf("blackhole %s on %s: %v", prefix, node, want), func() (bool, string) {
		out, err := n.Node(node).Run(n.ctx, "ip", "-4", "route", "show", "type", "blackhole")
		if err != nil {
			return false, err.Error()
		}
		return strings.Contains(out, prefix) == want, out
	})
}

// An NSSA with two border routers: what its AS boundary router announces reaches the
// backbone by the translator, and who that is makes no difference.
func TestNSSA(t *testing.T) {
	t.Parallel()
	kind := areaKind{kind: "nssa", defaultCost: 7}
	announced := []external{{prefix: "203.0.113.0/24", metric: 5, type1: true}, {prefix: "203.0.113.0/25", metric: 6}}
	const default4 = "0.0.0.0/0" // FRR 8.4 announces it only when told to; 2.7 says that one must
	want := frrTables(t, kind, announced, 100, map[string]string{"core": "203.0.113.0/24 203.0.113.0/25 172.17.0.0/24", "inside": "172.16.0.0/24",
		"one": "203.0.113.0/24 203.0.113.0/25", "two": "203.0.113.0/24 203.0.113.0/25"})
	for _, b := range borderSeats {
		t.Run(b.String(), func(t *testing.T) {
			n := newBorders(t, b, kind, announced, 100)
			var metrics []string
			if b.inside != "frr" { // FRR 8.4 forgets the metrics of its route map in type 7 LSAs, and names another forwarding address
				metrics = []string{"203.0.113.0/24", "203.0.113.0/25"}
			}
			sameAsFRR(t, want, n, []string{default4}, metrics)
			if b.one == "ecmpd" && b.two == "ecmpd" { // FRR's would be a summary, which stands before type 7
				n.wait("the default route inside", func() (bool, string) {
					got, err := n.kernel("inside")
					return err == nil && strings.Contains(strings.Join(got[netip.MustParsePrefix(default4)], " "), "10.2.0.2 "), fmt.Sprint(got, err)
				})
			}
		})
	}
}
