package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/lab/peer"
)

// Policies in a network, with each make as the upstream and as the router inside: what is told inside has the hub's own
// next hop, and marks of before are gone.
//
//	upstream AS 65001 ── hub AS 65000 ── inside AS 65000
func TestBGPExportPolicy(t *testing.T) {
	for _, makes := range [][2]string{{"frr", "bird"}, {"bird", "gobgp"}, {"gobgp", "frr"}} {
		t.Run(makes[0]+" to "+makes[1], func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("hub:u 10.0.1.1/24", "upstream:e 10.0.1.2/24")
			n.wire("hub:i 10.0.2.1/24", "inside:e 10.0.2.2/24")
			n.start(peer.NewEcmpd(n.Node("hub"), binary, `router-id: 10.255.0.1
bgp:
  as: 65000
  networks: [198.51.100.0/24]
  policies:
    - name: taken
      rules: [{action: accept, set: {community: ["65000:1", "65000:2"], large-community: ["65000:1:1", "65000:1:2"]}}]
    - name: inside
      rules: [{action: accept, set: {next-hop: self, remove-community: "65000:1", remove-large-community: "65000:1:1", community: "65000:3"}}]
  neighbors:
    - {address: 10.0.1.2, remote-as: 65001, import: taken, export: [198.51.100.0/24], timers: {connect-retry: 1s}}
    - {address: 10.0.2.2, remote-as: 65000, export: inside, timers: {connect-retry: 1s}}
`))
			n.speak(makes[0], "upstream", speaker{as: 65001, remoteAS: 65000, local: "10.0.1.2", remote: "10.0.1.1", announces: "203.0.113.0/26"})
			n.speak(makes[1], "inside", speaker{as: 65000, remoteAS: 65000, local: "10.0.2.2", remote: "10.0.2.1", announces: "203.0.113.64/26"})
			n.wait("inside learns by policy", func() (bool, string) {
				_, out := n.knows("inside", "203.0.113.0/26")
				text := strings.NewReplacer("(", "", ")", "", ", ", ":", ",", ":").Replace(out)
				has := func(words ...string) bool {
					for _, w := range words {
						if !strings.Contains(text, w) {
							return false
						}
					}
					return true
				}
				return has("10.0.2.1", "65000:2", "65000:3", "65000:1:2") && !has("10.0.1.2") && !has("65000:1:1") &&
					!strings.Contains(strings.ReplaceAll(text, "65000:1:2", ""), "65000:1"), out
			})
			n.wait("upstream learns", func() (bool, string) { return n.knows("upstream", "198.51.100.0/24") })
		})
	}
}

// Clients of a route server hear each other with paths and next hops of their own, and not what the server announces.
func TestBGPRouteServer(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.lan("ix", "server:e 10.0.1.1/24", "a:e 10.0.1.2/24", "b:e 10.0.1.3/24")
	n.start(peer.NewEcmpd(n.Node("server"), binary, `router-id: 10.255.0.1
bgp:
  as: 65000
  ebgp-requires-policy: false
  networks: [198.51.100.0/24]
  neighbors:
    - {address: 10.0.1.2, remote-as: 65001, route-server-client: true, timers: {connect-retry: 1s}}
    - {address: 10.0.1.3, remote-as: 65002, route-server-client: true, timers: {connect-retry: 1s}}
`))
	n.speak("bird", "a", speaker{as: 65001, remoteAS: 65000, local: "10.0.1.2", remote: "10.0.1.1", announces: "203.0.113.0/26"})
	n.speak("bird", "b", speaker{as: 65002, remoteAS: 65000, local: "10.0.1.3", remote: "10.0.1.1", announces: "203.0.113.64/26"})
	for node, c := range map[string][3]string{"a": {"203.0.113.64/26", "65002", "10.0.1.3"}, "b": {"203.0.113.0/26", "65001", "10.0.1.2"}} {
		n.wait(node+" learns", func() (bool, string) {
			_, out := n.knows(node, c[0])
			return strings.Contains(out, fmt.Sprintf("BGP.as_path: %s\n", c[1])) && strings.Contains(out, "BGP.next_hop: "+c[2]), out
		})
		if has, out := n.knows(node, "198.51.100.0/24"); has {
			t.Errorf("%s was told what the server announces: %s", node, out)
		}
	}
}
