package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

var server = netip.MustParseAddrPort("192.168.77.10:7")

// TestTracked follows the tracked network of the servers through the places
// where it can be: behind one hub every connection works and is tracked; on both
// hubs at once it cannot work, and both say so until one is the better way or
// the network is transit. The hubs redistribute it, so that its links are
// no OSPF interfaces.
func TestTracked(t *testing.T) {
	t.Parallel()
	configs := map[string]string{}
	n := startTwoHubs(t, "twohubs-ecmpd", func(node, config string) string {
		if strings.HasPrefix(node, "hub") {
			config = strings.Replace(config, "        - match: lan\n          passive: true\n", "  redistribute:\n    - source: connected\n", 1)
			configs[node] = config
		}
		return config
	})
	n.converge()
	n.serve("server", server)
	hubs := []string{"hub-a", "hub-b"}

	n.warned(hubs, "")
	n.serverConnections(patient, func(failed int) bool { return failed == 0 }, "behind one hub: none")
	if list := n.entries("hub-a", host1, server.Addr()); len(list) < 40 {
		t.Errorf("hub-a tracks %d of 40 connections", len(list))
	}

	n.attachServers()
	n.warned(hubs, serverLAN.String())
	n.serverConnections(impatient, func(failed int) bool { return failed > 0 }, "on both hubs, tracked: some")
	for _, hub := range hubs {
		n.wait(hub+" logs it", func() (bool, string) {
			log := n.ecmpd(hub).Log()
			return strings.Count(log, "tracked network: ") == 1, log
		})
	}

	// One of the hubs is the better way.
	n.reload("hub-b", strings.Replace(configs["hub-b"], "source: connected", "source: connected\n      metric: 30", 1))
	n.warned(hubs, "")
	n.awaitServers(1)
	n.serverConnections(patient, func(failed int) bool { return failed == 0 }, "on both hubs, one preferred: none")

	// The network is transit.
	for _, hub := range hubs {
		n.reload(hub, strings.Replace(configs[hub], "tracked:", "also:", 1))
	}
	n.warned(hubs, "")
	n.awaitServers(2)
	for _, hub := range hubs {
		n.wait(hub+" takes the servers as transit", func() (bool, string) {
			tr := n.transit(hub)
			return tr.InSync && covers(tr.Prefixes, serverLAN) && len(tr.Tracked) == 0, fmt.Sprintf("%+v", tr)
		})
	}
	n.serverConnections(patient, func(failed int) bool { return failed == 0 }, "on both hubs, transit: none")

	// A network behind a branch is on the way through both hubs.
	for _, hub := range hubs {
		n.reload(hub, strings.Replace(configs[hub], serverLAN.String(), lan2.String(), 1))
	}
	n.warned(hubs, lan2.String())
}

// warned waits until the hubs warn of exactly this prefix, or of none.
func (n *twoHubs) warned(hubs []string, prefix string) {
	n.t.Helper()
	for _, hub := range hubs {
		n.wait(fmt.Sprintf("%s warns of %q", hub, prefix), func() (bool, string) {
			list := n.transit(hub).Warnings
			if prefix == "" {
				return len(list) == 0, fmt.Sprint(list)
			}
			return len(list) == 1 && list[0].Prefix == prefix, fmt.Sprint(list)
		})
	}
}

// attachServers joins the servers' network to hub-b as well. The server keeps
// hub-a as its gateway.
func (n *twoHubs) attachServers() {
	n.t.Helper()
	host := n.Node("server")
	second := lab.End{Node: n.Node("hub-b"), Interface: "lan", Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.77.2/24")}}
	for _, step := range []func() error{
		func() error { return host.AddBridge("br") },
		func() error { return n.Connect(second, lab.End{Node: host, Interface: "eth2"}, 0) },
		func() error { return host.Attach("eth1", "br") },
		func() error { return host.Attach("eth2", "br") },
	} {
		if err := step(); err != nil {
			n.t.Fatal(err)
		}
	}
	n.run("server", "ip", "address", "flush", "dev", "eth1")
	n.run("server", "ip", "address", "add", "192.168.77.10/24", "dev", "br")
	n.run("server", "ip", "route", "replace", "default", "via", "192.168.77.1")
	n.awaitServers(2)
}

// awaitServers waits until branch-1 has so many ways to the servers.
func (n *twoHubs) awaitServers(count int) {
	n.t.Helper()
	n.wait(fmt.Sprintf("%d ways to the servers", count), func() (bool, string) {
		hops, err := n.Node("branch-1").NextHops(serverLAN)
		return err == nil && len(hops) == count, fmt.Sprint(hops, err)
	})
}

func (n *twoHubs) serverConnections(timeout time.Duration, right func(failed int) bool, want string) {
	n.t.Helper()
	if result, _ := n.connect(server, 40, timeout); !right(result.Failed()) {
		n.t.Errorf("%d of 40 connections failed, want %s (the first with %v)", result.Failed(), want, result.FirstError())
	}
}
