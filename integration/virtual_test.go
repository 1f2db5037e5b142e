package integration

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// virtualSeats are the makes of the two ends of a virtual link, and of the routers between them.
type virtualSeats struct{ one, two, between string }

// newVirtual builds a backbone that ends at router one, area 1 with two equal ways to router two, and area 2
// behind that, which has the backbone by a virtual link alone.
func newVirtual(t *testing.T, s virtualSeats, other string) *network {
	t.Helper()
	n := newNetwork(t)
	n.wire("core:a 10.0.0.1/30", "one:core 10.0.0.2/30")
	n.wire("one:x 10.1.0.1/30", "midx:one 10.1.0.2/30")
	n.wire("one:y 10.1.0.5/30", "midy:one 10.1.0.6/30")
	n.wire("midx:two 10.1.0.9/30", "two:x 10.1.0.10/30")
	n.wire("midy:two 10.1.0.13/30", "two:y 10.1.0.14/30")
	n.wire("two:leaf 10.2.0.1/30", "leaf:a 10.2.0.2/30")
	n.wire("core:net 172.16.0.1/24", "hostcore:eth0 172.16.0.2/24")
	n.wire("leaf:net 172.18.0.1/24", "hostleaf:eth0 172.18.0.2/24")
	n.ip("hostcore", "route add default via 172.16.0.1")
	n.ip("hostleaf", "route add default via 172.18.0.1")
	const area1, area2 = "0.0.0.1", "0.0.0.2"
	inner := func(name string) port { // BIRD 2.0.12 finds the address of the other end on LANs only
		return port{name: name, area: area1, priority: 1, lan: s.one == "bird" || s.two == "bird"}
	}
	n.seat(other, "core", seat{id: "10.255.0.1", ports: []port{{name: "a"}, {name: "net", passive: true, cost: 3}},
		externals: []external{{prefix: "198.51.100.0/24", metric: 20}}})
	n.seat(s.one, "one", seat{id: "10.255.0.2", ports: []port{{name: "core"}, inner("x"), inner("y")},
		virtual: []virtualLink{{area1, "10.255.0.5", "vsecret"}}})
	n.seat(s.two, "two", seat{id: "10.255.0.5", ports: []port{inner("x"), inner("y"), {name: "leaf", area: area2}},
		virtual: []virtualLink{{area1, "10.255.0.2", "vsecret"}}})
	var inside []external
	if s.two != "frr" { // FRR 8.4 tells the backbone of no AS boundary router across a virtual link
		inside = append(inside, external{prefix: "203.0.113.0/24", metric: 20})
	}
	n.seat(other, "leaf", seat{id: "10.255.0.6", ports: []port{{name: "a", area: area2}, {name: "net", area: area2, passive: true, cost: 5}},
		externals: inside})
	// FRR 8.4 may crash when the other end talks to it before it has read all of its configuration.
	n.seat(s.between, "midx", seat{id: "10.255.0.3", ports: []port{inner("one"), inner("two")}})
	n.seat(other, "midy", seat{id: "10.255.0.4", ports: []port{inner("one"), inner("two")}})
	return n
}

// virtualNeeds is what each node has to route at least.
var virtualNeeds = map[string]string{
	"core": "172.18.0.0/24", "leaf": "172.16.0.0/24 198.51.100.0/24",
	"one": virtualAll, "midx": virtualAll, "midy": virtualAll, "two": virtualAll,
}

const virtualAll = "172.16.0.0/24 172.18.0.0/24 198.51.100.0/24"

// A virtual link between any two makes carries the backbone through an area: all kernels hold what
// they hold when both ends are FRR.
func TestVirtualLinks(t *testing.T) {
	t.Parallel()
	inside := netip.MustParsePrefix("203.0.113.0/24")
	want := map[string]table{}
	all := newVirtual(t, virtualSeats{"frr", "frr", "frr"}, "frr")
	all.settled(want)
	for _, s := range []virtualSeats{{"ecmpd", "ecmpd", "frr"}, {"ecmpd", "frr", "bird"}, {"frr", "ecmpd", "ecmpd"}, {"ecmpd", "bird", "ecmpd"}, {"bird", "ecmpd", "frr"}} {
		t.Run(fmt.Sprintf("%s-%s", s.one, s.two), func(t *testing.T) {
			t.Parallel()
			n := newVirtual(t, s, "ecmpd")
			for node := range virtualNeeds {
				waitEqual(n, "kernel routes of "+node+" as FRR has them", distinct(want[node]), func() (table, error) {
					n.reviveFRR()
					got, err := n.kernel(node)
					delete(got, inside)
					return distinct(got), err
				})
			}
			if s.one == "ecmpd" && s.two == "ecmpd" {
				n.pathChanges()
			}
			if s.two != "frr" {
				n.waitKernel("core", inside.String(), routes(inside.String()+": 10.0.0.2 dev a"))
			}
		})
	}
}

// reviveFRR starts FRR again where it has crashed: 8.4 does now and then with a virtual link.
func (n *network) reviveFRR() {
	n.t.Helper()
	for name, r := range n.routers {
		f, ok := r.(*peer.FRR)
		if !ok {
			continue
		}
		crashed, err := f.Revive(n.ctx)
		if len(crashed) > 0 {
			n.t.Logf("FRR on %s has crashed and was started again: %v", name, crashed)
		}
		n.must(err)
	}
}

// pathChanges makes one of the two ways through the transit area dear at both ends and takes the other one away: the
// backbone's routes follow, traffic across it loses nothing by the change of cost, and no adjacency falls but those of the link.
func (n *network) pathChanges() {
	n.t.Helper()
	service := netip.MustParseAddrPort("172.18.0.2:7000")
	echo, err := n.Node("hostleaf").Echo(service)
	n.must(err)
	defer echo.Close()
	stream, err := lab.Probe{From: n.Node("hostcore"), To: service, Flows: 8, FirstPort: 40000, Interval: 5 * time.Millisecond}.Start()
	n.must(err)
	defer stream.Stop()
	n.wait("all probes answered", func() (bool, string) { return stream.Answered(300 * time.Millisecond), "" })
	stream.Mark()
	before := n.changes("one") + n.changes("two")
	const across = "172.18.0.0/24"
	for _, name := range []string{"one", "two"} {
		text, err := os.ReadFile(n.ecmpd(name).ConfigFile())
		n.must(err)
		n.must(n.ecmpd(name).Reload(strings.Replace(string(text), `{match: "x", interface-type: point-to-point, cost: 10`, `{match: "x", interface-type: point-to-point, cost: 50`, 1)))
	}
	n.waitKernel("one", across, routes(across+": 10.1.0.6 dev y"))
	n.waitKernel("two", "172.16.0.0/24", routes("172.16.0.0/24: 10.1.0.13 dev y"))
	n.wait("all probes answered", func() (bool, string) { return stream.Answered(300 * time.Millisecond), "" })
	if after := n.changes("one") + n.changes("two"); after != before {
		n.t.Errorf("%d changes of neighbours by the cost of the path", after-before)
	}
	if r := stream.Stop(); r.Lost > 0 {
		n.t.Errorf("%d of %d probes lost, longest gap %s", r.Lost, r.Sent, r.LongestGap)
	}
	n.ip("one", "link set y down")
	n.waitKernel("one", across, routes(across+": 10.1.0.2 dev x"))
	n.waitKernel("two", "172.16.0.0/24", routes("172.16.0.0/24: 10.1.0.9 dev x"))
	neighbours, err := n.routers["one"].Neighbors(n.ctx)
	n.must(err)
	if !slices.ContainsFunc(neighbours, func(x peer.Neighbor) bool {
		return x.Interface == "vlink-0.0.0.1-10.255.0.5" && x.State == "Full"
	}) {
		n.t.Errorf("the virtual link did not outlive its path: %v", neighbours)
	}
}

// distinct names each leg once: FRR 8.4 gives the kernel some of several paths through a transit area twice.
func distinct(t table) table {
	once := table{}
	for p, legs := range forwarding(t, nil) {
		once[p] = slices.Compact(slices.Clone(legs))
	}
	return once
}

// settled waits until every node routes what it needs and nothing has changed for a while.
func (n *network) settled(tables map[string]table) {
	n.t.Helper()
	const rest = 8 * time.Second // longer than MinLSInterval and a pause of FRR's
	var last string
	var since time.Time
	n.wait("routes at rest", func() (bool, string) {
		n.reviveFRR()
		for node, needs := range virtualNeeds {
			got, err := n.kernel(node)
			if err != nil {
				return false, err.Error()
			}
			tables[node] = got
			for _, p := range strings.Fields(needs) {
				if len(got[netip.MustParsePrefix(p)]) == 0 {
					return false, fmt.Sprintf("no %s in %s's %v", p, node, got)
				}
			}
		}
		if now := fmt.Sprint(tables); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > rest, "it changes still: " + last
	})
}
