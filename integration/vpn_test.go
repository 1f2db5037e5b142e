package integration

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// vpn is the two-hub network of labs/twohubs with tunnels that the test makes
// itself:
//
//	      .-hub-a-.
//	branch-1     branch-2
//	  |   '-hub-b-'   |
//	host-1          host-2
//
// Hub h and branch b (1 and 2) are joined by vpn<b> on the hub and vpn<h> on
// the branch. Firewall and configuration are those of labs/twohubs.
type vpn struct {
	*network
	hubs, branches []*lab.Node
}

// newVPN makes the machines, the LANs behind the branches, the firewalls of
// the hubs and the echo server on host-2.
func newVPN(t *testing.T) *vpn {
	t.Helper()
	v := &vpn{network: newNetwork(t)}
	for _, name := range []string{"hub-a", "hub-b"} {
		v.hubs = append(v.hubs, v.end(name).Node)
		v.must(v.Node(name).Firewall(v.ctx, v.labFile("hub-firewall.nft")))
	}
	v.wire("branch-1:lan 10.10.1.1/24", "host-1:eth0 10.10.1.10/24")
	v.wire("branch-2:lan 10.10.2.1/24", "host-2:eth0 10.10.2.10/24")
	v.ip("host-1", "route add default via 10.10.1.1")
	v.ip("host-2", "route add default via 10.10.2.1")
	v.branches = []*lab.Node{v.Node("branch-1"), v.Node("branch-2")}
	echo, err := v.Node("host-2").Echo(service)
	v.must(err)
	t.Cleanup(func() { echo.Close() })
	return v
}

// labFile reads a file of labs/twohubs.
func (v *vpn) labFile(path string) string {
	v.t.Helper()
	text, err := os.ReadFile("labs/twohubs/" + path)
	v.must(err)
	return string(text)
}

// seatAll starts the routers: ecmpd on the hubs, the given makes on the
// branches.
func (v *vpn) seatAll(branches [2]string) {
	v.t.Helper()
	for _, n := range v.hubs {
		v.start(peer.NewEcmpd(n, binary, v.labFile(n.Name()+"/ecmpd.yaml")))
	}
	for i, n := range v.branches {
		switch branches[i] {
		case "frr":
			v.hashFlows(n)
			v.start(peer.NewFRR(n, v.labFile(n.Name()+"/frr.conf")))
		case "bird":
			v.hashFlows(n)
			v.start(peer.NewBIRD(n, v.labFile(n.Name()+"/bird.conf")))
		default:
			v.start(peer.NewEcmpd(n, binary, v.labFile(n.Name()+"/ecmpd.yaml")))
		}
	}
}

// hashFlows sets what ecmpd sets itself: each flow picks its path.
func (v *vpn) hashFlows(n *lab.Node) {
	v.t.Helper()
	v.must(n.Sysctl("net.ipv4.fib_multipath_hash_policy", "3"))
	v.must(n.Sysctl("net.ipv4.fib_multipath_hash_fields", "55"))
}

// converge waits until every router has its two neighbours and the branches
// have two next hops to each other.
func (v *vpn) converge() {
	v.t.Helper()
	for i, n := range v.branches {
		other := []netip.Prefix{lan2, lan1}[i]
		v.must(peer.Wait(v.ctx, v.routers[n.Name()], 2, map[netip.Prefix]int{other: 2}))
	}
	for _, n := range v.hubs {
		v.must(peer.Wait(v.ctx, v.routers[n.Name()], 2, map[netip.Prefix]int{lan1: 1, lan2: 1}))
	}
}

// transitKnown waits until the hubs leave the traffic of both LANs untracked.
func (v *vpn) transitKnown() {
	v.t.Helper()
	for _, n := range v.hubs {
		v.wait(n.Name()+" has its transit sets", func() (bool, string) {
			body, err := show[api.TransitBody](v.network, n.Name(), "transit")
			tr := body.Transit
			return err == nil && tr.InSync && covers(tr.Prefixes, lan1) && covers(tr.Prefixes, lan2), fmt.Sprintf("%+v %v", tr, err)
		})
	}
}

// load makes connections from host-1 to host-2 that carry so many bytes each
// way.
func (v *vpn) load(count int, firstPort uint16, payload int, timeout time.Duration) lab.LoadResult {
	v.t.Helper()
	result, err := lab.Load{From: v.Node("host-1"), To: service, Count: count, FirstPort: firstPort, Payload: payload, Timeout: timeout}.Run(v.ctx)
	v.must(err)
	return result
}

// carried counts what each hub receives from its tunnels meanwhile.
func (v *vpn) carried(meanwhile func()) [2]lab.Counters {
	v.t.Helper()
	read := func() (c [2]lab.Counters) {
		for i, hub := range v.hubs {
			var err error
			c[i], err = hub.Counters("vpn1", "vpn2")
			v.must(err)
		}
		return c
	}
	before := read()
	meanwhile()
	after := read()
	return [2]lab.Counters{after[0].Sub(before[0]), after[1].Sub(before[1])}
}
