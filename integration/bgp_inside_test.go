package integration

import (
	"fmt"
	"testing"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// bgpPath is what counts of the best path that an ecmpd has to a prefix; empty without one.
func (n *network) bgpPath(node, prefix string) string {
	rib, err := show[api.BGPPaths](n, node, "bgp", "rib")
	if err != nil {
		return err.Error()
	}
	for _, p := range rib.Paths {
		if p.Network == prefix && p.Best {
			return fmt.Sprintf("%s by %s, local preference %d, %s", p.ASPath, p.Peer, p.LocalPref, p.Communities)
		}
	}
	return ""
}

// TestBGPInside has a hub make a path longer that its upstream tells: the other hub of the system still takes it. Then
// the upstream is about to leave, and the hub itself, and each time the other hub prefers its own upstream in time.
func TestBGPInside(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("up-a:e 192.0.2.1/30", "hub-a:up 192.0.2.2/30")
	n.wire("up-b:e 192.0.2.5/30", "hub-b:up 192.0.2.6/30")
	n.wire("hub-a:in 10.0.0.1/30", "hub-b:in 10.0.0.2/30")
	hub := func(name, id, other, up string, as int, preference int) {
		n.start(peer.NewEcmpd(n.Node(name), binary, fmt.Sprintf(`router-id: %s
bgp:
  as: 64500
  policies:
    - name: from-upstream
      rules: [{action: accept, set: {prepend: 1, local-preference: %d}}]
  neighbors:
    - {address: %s, remote-as: %d, import: from-upstream, timers: {connect-retry: 1s}}
    - {address: %s, remote-as: 64500, next-hop-self: true, timers: {connect-retry: 1s}}
`, id, preference, up, as, other)))
	}
	hub("hub-a", "10.255.0.1", "10.0.0.2", "192.0.2.1", 65001, 200)
	hub("hub-b", "10.255.0.2", "10.0.0.1", "192.0.2.5", 65002, 150)
	n.speak("gobgp", "up-a", speaker{as: 65001, remoteAS: 64500, local: "192.0.2.1", remote: "192.0.2.2", announces: "203.0.113.0/24"})
	n.speak("bird", "up-b", speaker{as: 65002, remoteAS: 64500, local: "192.0.2.5", remote: "192.0.2.6", announces: "203.0.113.0/24"})
	best := func(when, want string) {
		t.Helper()
		n.wait(when, func() (bool, string) {
			got := n.bgpPath("hub-b", "203.0.113.0/24")
			return got == want, fmt.Sprintf("hub-b has %q, want %q", got, want)
		})
	}
	const byA, byB = "65001 65001 by 10.0.0.1, local preference 200, []", "65002 65002 by 192.0.2.5, local preference 150, []"
	best("the path of hub-a is longer, and there", byA)
	announce := func(words ...string) {
		_, err := n.routers["up-a"].(*peer.GoBGP).Show(n.ctx, append([]string{"global", "rib", "add", "203.0.113.0/24"}, words...)...)
		n.must(err)
	}
	announce("community", "65535:0")
	best("its upstream is about to leave", byB)
	announce()
	best("its upstream stays", byA)
	order := func(command string) { n.run("hub-a", binary, command, "--socket", n.ecmpd("hub-a").Socket()) }
	order("drain")
	best("hub-a is about to leave", byB)
	order("undrain")
	best("hub-a stays", byA)
}
