package integration

import (
	"context"
	"errors"
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

// TestHubReturns kills and revives a stateful hub under established
// connections. With mode auto all of them survive both, with mode off those that
// change the hub are lost; connections that begin after convergence succeed in
// either mode.
func TestHubReturns(t *testing.T) {
	off, auto := symmetric("l4", "off"), symmetric("l4", "auto")
	for name, c := range map[string]struct {
		start       func(t *testing.T) *twoHubs
		die, revive func(n *twoHubs)
	}{
		"off, carrier loss and a new daemon":  {stateful("twohubs-ecmpd", off), (*twoHubs).cutHubA, (*twoHubs).reviveHubA},
		"auto, carrier loss and a new daemon": {stateful("twohubs-ecmpd", auto), (*twoHubs).cutHubA, (*twoHubs).reviveHubA},
		"auto, silent death":                  {stateful("twohubs-ecmpd", auto), (*twoHubs).muteHubA, (*twoHubs).reviveHubA},
		"auto, carrier loss only":             {stateful("twohubs-ecmpd", auto), func(n *twoHubs) { n.carry(false) }, func(n *twoHubs) { n.carry(true) }},
		"auto, one branch is FRR":             {stateful("twohubs-branch-2-frr", auto), (*twoHubs).muteHubA, (*twoHubs).reviveHubA},
		"auto, three hubs":                    {threeHubs(auto), (*twoHubs).cutHubA, (*twoHubs).reviveHubA},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			isAuto := strings.HasPrefix(name, "auto")
			n := c.start(t)
			ways := len(n.hubs())
			const each = 40
			timeout := map[bool]time.Duration{true: patient, false: 15 * time.Second}[isAuto] // all survive, or some do not
			flows := n.openFlows(each)
			c.die(n)
			n.waitWays(ways - 1)
			died := alive(n, flows, timeout)
			t.Logf("hub-a dies: %d of %d established connections survive", died, each)
			n.allSucceed(200)
			flows = append(flows, n.openFlows(each)...)
			if isAuto {
				n.beyondWindow(flows)
			}
			c.revive(n)
			n.waitWays(ways)
			n.allSucceed(200)
			returned := alive(n, flows, timeout)
			t.Logf("hub-a returns: %d of %d survive", returned, 2*each)
			switch {
			case isAuto && (died < each || returned < 2*each):
				t.Errorf("%d of %d and %d of %d connections survived", died, each, returned, 2*each)
			case !isAuto && died == each:
				t.Error("all connections survive without mode auto: the test proves nothing")
			}
			if isAuto && n.isEcmpd("branch-2") { // the last forgetting may have come after its return
				n.waitRemembers()
				n.allSucceed(200)
				if list, share := len(n.entries("hub-a", host1, service.Addr())), 200/ways; list < share/2 {
					t.Errorf("hub-a tracks %d of about %d connections that began after its return", list, share)
				}
			}
		})
	}
}

// stateful gives startStateful, waiting until the branches are symmetric where both
// say how they hash.
func stateful(name string, edit func(node, config string) string) func(t *testing.T) *twoHubs {
	return func(t *testing.T) *twoHubs {
		n := startStateful(t, name, edit)
		if n.isEcmpd("branch-2") {
			n.waitSymmetric("branch-1", "yes", "")
		}
		return n
	}
}

// threeHubs has hub-c beside the other two.
func threeHubs(edit func(node, config string) string) func(t *testing.T) *twoHubs {
	return func(t *testing.T) *twoHubs {
		n := startStateful(t, "twohubs-ecmpd", edit)
		hub, err := n.AddNode("hub-c")
		if err != nil {
			t.Fatal(err)
		}
		for i, branch := range []string{"branch-1", "branch-2"} {
			link := func(node *lab.Node, name string, host int) lab.End {
				address := netip.MustParsePrefix(fmt.Sprintf("10.0.3%d.%d/30", i+1, host))
				return lab.End{Node: node, Interface: name, Addresses: []netip.Prefix{address}}
			}
			if err := n.Connect(link(hub, tunnels[i], 1), link(n.Node(branch), "vpn3", 2), 1420); err != nil {
				t.Fatal(err)
			}
		}
		n.run("hub-c", "nft", "-f", "labs/twohubs/hub-firewall.nft")
		n.run("hub-c", "sysctl", "-w", "net.ipv4.ip_forward=1", "net.netfilter.nf_conntrack_tcp_loose=0")
		config, err := os.ReadFile(n.ecmpd("hub-b").ConfigFile())
		if err != nil {
			t.Fatal(err)
		}
		router := peer.NewEcmpd(hub, binary, strings.Replace(string(config), "router-id: 10.255.0.2", "router-id: 10.255.0.3", 1))
		n.Routers["hub-c"], n.Seats["hub-c"] = router, n.Seats["hub-b"]
		if err := router.Start(n.ctx); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(router.Kill)
		n.waitWays(3)
		return n
	}
}

// hubs are the hubs of this network.
func (n *twoHubs) hubs() (names []string) {
	for name := range n.Routers {
		if strings.HasPrefix(name, "hub") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// openFlows opens connections that are in use until the test ends.
func (n *twoHubs) openFlows(count int) (flows []*longFlow) {
	n.t.Helper()
	for range count {
		f, err := openFlow(n.Node("host-1"), service, 50*time.Millisecond)
		if err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(func() {
			_ = f.conn.Close() // or the end of a dead one takes its time
			_ = f.end()
		})
		flows = append(flows, f)
	}
	return flows
}

// alive counts the connections that make progress in time, which has to leave room for retransmissions.
func alive(n *twoHubs, flows []*longFlow, timeout time.Duration) (count int) {
	n.t.Helper()
	before := make([]int64, len(flows))
	for i, f := range flows {
		before[i] = f.beats.Load()
	}
	ctx, cancel := context.WithTimeout(n.ctx, timeout)
	defer cancel()
	err := lab.Wait(ctx, "progress", func() (bool, string) {
		count = 0
		for i, f := range flows {
			if f.beats.Load() >= before[i]+5 {
				count++
			}
		}
		return count == len(flows), ""
	})
	if err != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		n.t.Fatal(err)
	}
	return count
}

// waitWays waits until the branches reach each other by so many next hops, and
// the hubs behind these, which are the last ones, reach them.
func (n *twoHubs) waitWays(ways int) {
	n.t.Helper()
	for branch, to := range map[string]netip.Prefix{"branch-1": lan2, "branch-2": lan1} {
		if err := peer.Wait(n.ctx, n.Routers[branch], ways, map[netip.Prefix]int{to: ways}); err != nil {
			n.t.Fatal(err)
		}
	}
	hubs := n.hubs()
	for _, hub := range hubs[len(hubs)-ways:] {
		if err := peer.Wait(n.ctx, n.Routers[hub], 2, map[netip.Prefix]int{lan1: 1, lan2: 1}); err != nil {
			n.t.Fatal(err)
		}
	}
}

// waitRemembers waits until hubs in mode auto remember what begins: after a change
// they first forget.
func (n *twoHubs) waitRemembers() {
	n.t.Helper()
	for _, hub := range n.hubs() {
		n.wait(hub+" remembers which connections begin", func() (bool, string) {
			table := n.nft(hub)
			return strings.Contains(table, `comment "SYN: remember"`), table
		})
	}
}

// carry takes the carrier of hub-a's tunnels away, or gives it back.
func (n *twoHubs) carry(up bool) {
	n.t.Helper()
	for _, name := range tunnels {
		if err := n.Node("hub-a").SetLink(name, up); err != nil {
			n.t.Fatal(err)
		}
	}
}

// reviveHubA gives hub-a back what cutHubA or muteHubA took.
func (n *twoHubs) reviveHubA() {
	n.t.Helper()
	n.carry(true)
	if err := n.Node("hub-a").Sysctl("net.ipv4.ip_forward", "1"); err != nil {
		n.t.Fatal(err)
	}
	if err := n.ecmpd("hub-a").Start(n.ctx); err != nil {
		n.t.Fatal(err)
	}
}

// TestAutoTracks looks at what mode auto tracks: TCP that began here, and
// nothing else. A connection that the operator's rules do not let begin does not.
func TestAutoTracks(t *testing.T) {
	t.Parallel()
	n := startStateful(t, "twohubs-ecmpd", symmetric("l4", "auto"))
	n.waitSymmetric("branch-1", "yes", "")
	n.waitRemembers()
	n.allSucceed(200)
	if tracked := n.tracked(); tracked < 200 {
		t.Errorf("%d of 200 connections are tracked", tracked)
	}
	n.straysPass()
	for _, hub := range bothHubs {
		n.run(hub, "nft", "insert", "rule", "inet", "filter", "forward", "tcp", "dport", "8", "ct", "state", "new", "drop")
	}
	closed := service.Addr()
	n.serve("host-2", netip.AddrPortFrom(closed, 8))
	if result, _ := n.connect(netip.AddrPortFrom(closed, 8), 20, impatient); result.Failed() != 20 {
		t.Errorf("%d of 20 connections that the operator forbids were made", 20-result.Failed())
	}
}

// TestAutoForeign has branches that hash with a seed of their own: half of the
// answers meet the other hub, and no connection is lost.
func TestAutoForeign(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"twohubs-hubs-ecmpd-branches-frr", "twohubs-mixed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startStateful(t, name, symmetric("l4", "auto"))
			n.allSucceed(400)
		})
	}
}

// TestAutoMoves moves connections from one hub to the other and back without
// anybody leaving the network: what hub-a remembers of them is out of date by then.
func TestAutoMoves(t *testing.T) {
	t.Parallel()
	n := startStateful(t, "twohubs-ecmpd", symmetric("l4", "auto"))
	n.waitSymmetric("branch-1", "yes", "")
	n.waitRemembers()
	const each = 40
	flows := n.openFlows(each)
	if tracked := n.tracked(); tracked < each {
		t.Errorf("%d of %d connections are tracked", tracked, each)
	}
	order := func(command string) { n.run("hub-a", binary, command, "--socket", n.ecmpd("hub-a").Socket()) }
	order("drain")
	n.turnedAway()
	n.beyondWindow(flows)
	order("undrain")
	n.converge()
	if survive := alive(n, flows, patient); survive < each {
		t.Errorf("%d of %d connections survive the way to hub-b and back", survive, each)
	}
	n.allSucceed(200)
}

// beyondWindow waits until each connection has sent more than a hub that has not seen
// it would take for the same connection.
func (n *twoHubs) beyondWindow(flows []*longFlow) {
	n.t.Helper()
	const window = 256 << 10
	before := make([]int64, len(flows))
	for i, f := range flows {
		before[i] = f.beats.Load()
	}
	n.wait("every connection sends a window", func() (bool, string) {
		for i, f := range flows {
			if sent := (f.beats.Load() - before[i]) * int64(f.size); sent < window {
				return false, fmt.Sprintf("%d bytes", sent)
			}
		}
		return true, ""
	})
}
