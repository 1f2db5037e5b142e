package integration

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
)

// branches wires hub1 and hub2 to br1, br2 and br3, with host1 … host3 in the
// branches' LANs:
//
//	hub<h>:vpn<b> 10.0.<hb>.1 --- 10.0.<hb>.2 br<b>:vpn<h>     10.10.<b>.0/24 behind br<b>
func (n *network) branches() {
	n.t.Helper()
	for b := 1; b <= 3; b++ {
		for h := 1; h <= 2; h++ {
			n.wire(fmt.Sprintf("hub%d:vpn%d 10.0.%d%d.1/30", h, b, h, b), fmt.Sprintf("br%d:vpn%d 10.0.%d%d.2/30", b, h, h, b))
		}
		n.wire(fmt.Sprintf("br%d:lan 10.10.%d.1/24", b, b), fmt.Sprintf("host%d:eth0 10.10.%d.10/24", b, b))
		n.ip(fmt.Sprintf("host%d", b), fmt.Sprintf("route add default via 10.10.%d.1", b))
	}
}

// startBranches starts all routers of such a network at the same time, and
// returns when each of them can be asked.
func (n *network) startBranches(hubs, br1, br2, br3 string) {
	n.t.Helper()
	var starting sync.WaitGroup
	errs := make(chan error, 5)
	start := func(maker, node string, s seat) {
		r := makes[maker](n, node, s)
		n.routers[node] = r
		starting.Go(func() { errs <- r.Start(n.ctx) })
	}
	for i, maker := range []string{br1, br2, br3} {
		s := seat{id: fmt.Sprintf("10.255.0.1%d", i+1), ports: []port{{name: "vpn1"}, {name: "vpn2"}, {name: "lan", passive: true}}}
		start(maker, fmt.Sprintf("br%d", i+1), s)
	}
	for h := 1; h <= 2; h++ {
		s := seat{id: fmt.Sprintf("10.255.0.%d", h), ports: []port{{name: "vpn1"}, {name: "vpn2"}, {name: "vpn3"}}}
		start(hubs, fmt.Sprintf("hub%d", h), s)
	}
	starting.Wait()
	for range 5 {
		n.must(<-errs)
	}
}

// branchRoutes are the routes to the LANs that a node of such a network has
// when the named branches are there.
func branchRoutes(node string, there ...int) table {
	t := table{}
	for _, b := range there {
		prefix := netip.MustParsePrefix(fmt.Sprintf("10.10.%d.0/24", b))
		switch kind, number := node[:len(node)-1], node[len(node)-1:]; {
		case kind == "hub":
			t[prefix] = []string{fmt.Sprintf("10.0.%s%d.2 dev vpn%d", number, b, b)}
		case number != fmt.Sprint(b):
			t[prefix] = []string{fmt.Sprintf("10.0.1%s.1 dev vpn1", number), fmt.Sprintf("10.0.2%s.1 dev vpn2", number)}
		}
	}
	return t
}

// TestColdStart starts hubs and branches of all makes together; all routes come.
// How long that may take is shown in sim.TestColdStart: here BIRD announces its
// adjacencies only MinLSInterval after its LAN, and FRR waits for RxmtInterval.
func TestColdStart(t *testing.T) {
	t.Parallel()
	for _, hubs := range []string{"ecmpd", "frr"} {
		t.Run(hubs+" hubs", func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.branches()
			n.startBranches(hubs, "ecmpd", "frr", "bird")
			start := time.Now()
			for _, node := range []string{"br1", "hub1", "hub2", "br2", "br3"} {
				n.waitKernel(node, "10.10.0.0/16", branchRoutes(node, 1, 2, 3))
				t.Logf("%s has all routes after %s", node, time.Since(start).Round(10*time.Millisecond))
			}
		})
	}
}

// TestColdStartKeepsRoutes crashes a hub and its FRR branch and starts them
// together. What the hub's kernel holds of the earlier run leaves after
// convergence, at most two dead intervals after the start. FRR announces its LAN
// and the adjacency within MinLSArrival, and would send that again only after five
// or ten seconds: the route is alive all the same, and is not away for a moment.
func TestColdStartKeepsRoutes(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("hub:vpn1 10.0.1.1/30", "br:vpn1 10.0.1.2/30")
	n.wire("br:lan 10.10.1.1/24", "host:eth0 10.10.1.10/24")
	hub := n.seat("ecmpd", "hub", seat{id: "10.255.0.1", ports: []port{{name: "vpn1"}}})
	br := n.seat("frr", "br", seat{id: "10.255.0.11", ports: []port{{name: "vpn1"}, {name: "lan", passive: true}}})
	want := routes("10.10.1.0/24: 10.0.1.2 dev vpn1")
	n.waitKernel("hub", "10.10.0.0/16", want)

	hub.Kill()
	br.Kill()
	monitor, err := n.Node("hub").Start("monitor", "ip", "-ts", "-o", "monitor", "route")
	n.must(err)
	n.start(hub, br)
	n.wait("hub converged", func() (bool, string) {
		s, err := show[api.Status](n, "hub", "status")
		return err == nil && s.Converged, fmt.Sprintf("%+v, %v", s, err)
	})
	n.full(1, "hub", "br")
	n.waitKernel("hub", "10.10.0.0/16", want)
	for line := range strings.Lines(n.heard("hub", monitor)) {
		if strings.Contains(line, "Deleted 10.10.1.0/24") {
			t.Errorf("the route was away: %s", line)
		}
	}
}

// heard is what a monitor of a node's routes has written, until now.
func (n *network) heard(node string, p *lab.Process) (text string) {
	n.t.Helper()
	const last = "203.0.113.0/24"
	n.run(node, "ip", "route", "add", "blackhole", last)
	n.wait("the kernel of "+node+" has told everything", func() (bool, string) {
		b, err := os.ReadFile(p.LogFile())
		n.must(err)
		text = string(b)
		return strings.Contains(text, last), text
	})
	return text
}

// TestBranchDies kills the daemons of an FRR branch under load between the other
// branches, which loses nothing, and starts them again.
func TestBranchDies(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.branches()
	n.startBranches("ecmpd", "ecmpd", "frr", "bird")
	n.awaitRoutes(1, 2, 3)

	to := netip.MustParseAddrPort("10.10.3.10:7")
	echo, err := n.Node("host3").Echo(to)
	n.must(err)
	defer echo.Close()
	stream, err := lab.Probe{From: n.Node("host1"), To: to, Flows: 20, FirstPort: 40000, Interval: 20 * time.Millisecond}.Start()
	n.must(err)
	defer stream.Stop()
	n.wait("all probes answered", func() (bool, string) { return stream.Answered(300 * time.Millisecond), "" })
	stream.Mark()

	killed := time.Now()
	n.routers["br2"].Kill()
	n.awaitRoutes(1, 3)
	if gone := time.Since(killed); gone < time.Second || gone > patient { // LSAs would live for an hour
		t.Errorf("the routes to the dead branch left after %s", gone)
	}
	n.must(n.routers["br2"].Start(n.ctx))
	n.awaitRoutes(1, 2, 3)
	if r := stream.Stop(); r.Lost > 0 {
		t.Errorf("%d of %d probes between the other branches lost, longest gap %s, seconds after the death: %s",
			r.Lost, r.Sent, r.LongestGap, seconds(killed, r.LostAt))
	}
}

// awaitRoutes waits until all routers but those of dead branches have the routes
// to the named branches' LANs and to no others.
func (n *network) awaitRoutes(there ...int) {
	n.t.Helper()
	nodes := []string{"hub1", "hub2"}
	for _, b := range there {
		nodes = append(nodes, fmt.Sprintf("br%d", b))
	}
	for _, node := range nodes {
		n.waitKernel(node, "10.10.0.0/16", branchRoutes(node, there...))
	}
}

// seconds lists instants as seconds after another, to a tenth and each once.
func seconds(since time.Time, list []time.Time) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, at := range list {
		s := fmt.Sprintf(" %.1f", at.Sub(since).Seconds())
		if !seen[s] {
			seen[s] = true
			b.WriteString(s)
		}
	}
	return b.String()
}
