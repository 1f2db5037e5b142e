package integration

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// TestBGPNeighborKilled kills an upstream that has not said that it goes on to forward while it restarts:
// what it has told goes with it, long before a restart time is over, and comes back with it.
func TestBGPNeighborKilled(t *testing.T) {
	const learnt = "203.0.113.0/26"
	for _, maker := range []string{"frr", "bird"} {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("hub:p 10.0.1.1/24", "x:e 10.0.1.2/24")
			n.start(peer.NewEcmpd(n.Node("hub"), binary, `router-id: 10.255.0.1
bgp: {as: 65000, ebgp-requires-policy: false, neighbors: [{address: 10.0.1.2, remote-as: 65001, timers: {connect-retry: 1s}}]}
`))
			n.speak(maker, "x", speaker{as: 65001, remoteAS: 65000, local: "10.0.1.2", remote: "10.0.1.1", announces: learnt, hold: 9})
			n.waitHops("hub", learnt, 1)
			x := n.routers["x"].(interface{ Kill() })
			start := time.Now()
			x.Kill()
			n.wait("the route goes", func() (bool, string) {
				hops, err := n.Node("hub").NextHops(netip.MustParsePrefix(learnt))
				return err == nil && len(hops) == 0, fmt.Sprint(hops, err)
			})
			if took := time.Since(start); took > patient { // the restart time that both say is 120 s
				t.Errorf("the route stayed for %s", took)
			}
			n.must(n.routers["x"].Start(n.ctx))
			n.waitHops("hub", learnt, 1)
		})
	}
}

// TestBGPSilentNeighbor has everything from and to an upstream dropped: with BFD what it has told goes at once, and not
// with the hold time.
func TestBGPSilentNeighbor(t *testing.T) {
	t.Parallel()
	const learnt = "203.0.113.0/26"
	n := newNetwork(t)
	n.wire("hub:p 10.0.1.1/24", "x:e 10.0.1.2/24")
	n.start(peer.NewEcmpd(n.Node("hub"), binary, `router-id: 10.255.0.1
bgp: {as: 65000, ebgp-requires-policy: false, neighbors: [{address: 10.0.1.2, remote-as: 65001, bfd: {min-interval: 400ms}}]}
`))
	upstream := speaker{as: 65001, remoteAS: 65000, local: "10.0.1.2", remote: "10.0.1.1", announces: learnt, hold: 90}
	n.start(peer.NewFRR(n.Node("x"), upstream.frr()+`
router bgp 65001
 neighbor 10.0.1.1 bfd
exit
bfd
 peer 10.0.1.1
  receive-interval 400
  transmit-interval 400
`, "bgpd", "bfdd"))
	n.waitHops("hub", learnt, 1)
	n.wait("the BFD session", func() (bool, string) {
		body, err := show[api.BFD](n, "hub", "bfd")
		up := err == nil && len(body.BFD.Sessions) == 1 && body.BFD.Sessions[0].State == "Up"
		return up, fmt.Sprintf("%+v %v", body, err)
	})
	n.must(n.Node("x").Firewall(n.ctx, "table inet silence { chain in { type filter hook input priority 0; policy drop; }; chain out { type filter hook output priority 0; policy drop; }; }"))
	start := time.Now()
	n.wait("the route goes", func() (bool, string) {
		hops, err := n.Node("hub").NextHops(netip.MustParsePrefix(learnt))
		return err == nil && len(hops) == 0, fmt.Sprint(hops, err)
	})
	if took := time.Since(start); took > patient { // the hold time is 90 s
		t.Errorf("the route stayed for %s", took)
	} else {
		t.Logf("the route went after %s", took.Round(time.Millisecond))
	}
}
