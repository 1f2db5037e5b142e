package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestUnnumbered runs ecmpd and another make over two parallel links that have
// no network of their own, and a third router behind each:
//
//	net 172.16.1.0/24 - ecmpd = eth0, eth1 = other - net 172.16.2.0/24
//
// Both ends use one address of theirs for both links.
func TestUnnumbered(t *testing.T) {
	for maker := range makes {
		for _, data := range []string{"ifindex", "address"} { // of ecmpd's router-LSA
			for _, peer := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s-%s-peer=%v", maker, data, peer), func(t *testing.T) {
					t.Parallel()
					runUnnumbered(t, maker, data, peer)
				})
			}
		}
	}
}

// runUnnumbered gives the links a peer address or only a /32.
func runUnnumbered(t *testing.T, maker, data string, peer bool) {
	n := newNetwork(t)
	here, there := "10.255.0.1/32", "10.255.0.2/32"
	for i := range 2 {
		a, b := fmt.Sprintf("ecmpd:eth%d %s", i, here), fmt.Sprintf("other:eth%d %s", i, there)
		if peer {
			a, b = a+" peer=10.255.0.2", b+" peer=10.255.0.1"
		}
		n.wire(a, b)
	}
	n.wire("ecmpd:net 172.16.1.1/24", "host1:eth0")
	n.wire("other:net 172.16.2.1/24", "host2:eth0")
	for _, name := range []string{"ecmpd", "other"} {
		for _, p := range []string{"all", "eth0", "eth1"} {
			n.must(n.Node(name).Sysctl("net.ipv4.conf."+p+".rp_filter", "0"))
		}
	}
	ports := func(text string) []port {
		return []port{{name: "eth0", text: text}, {name: "eth1", text: text}, {name: "net", passive: true}}
	}
	text := ""
	if maker == "ecmpd" {
		text = ", link-data: " + data
	}
	n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: ports(", link-data: " + data)})
	n.seat(maker, "other", seat{id: "10.255.0.2", ports: ports(text)})
	n.full(2, "ecmpd", "other")
	n.waitKernel("ecmpd", "172.16.0.0/16", routes("172.16.2.0/24: 10.255.0.2 dev eth0, 10.255.0.2 dev eth1"))
	n.waitKernel("other", "172.16.0.0/16", routes("172.16.1.0/24: 10.255.0.1 dev eth0, 10.255.0.1 dev eth1"))
	n.waitSame("ecmpd", "other")

	// No leg is usable without onlink: the gateway lies in no network.
	for _, leg := range n.nexthops("ecmpd", "10.255.0.2") {
		if !peer && !strings.Contains(leg, "onlink") {
			t.Errorf("ecmpd's kernel nexthop without onlink: %s", leg)
		}
	}
	n.ping("ecmpd", "-I", "172.16.1.1", "172.16.2.1")

	// One of the links dies and returns.
	n.ip("other", "link set eth0 down")
	n.waitKernel("ecmpd", "172.16.0.0/16", routes("172.16.2.0/24: 10.255.0.2 dev eth1"))
	n.ping("ecmpd", "-I", "172.16.1.1", "172.16.2.1")
	n.ip("other", "link set eth0 up")
	n.waitKernel("ecmpd", "172.16.0.0/16", routes("172.16.2.0/24: 10.255.0.2 dev eth0, 10.255.0.2 dev eth1"))
}

// nexthops lists the kernel's nexthop objects with a gateway as text.
func (n *network) nexthops(node, gateway string) []string {
	n.t.Helper()
	var all []json.RawMessage
	n.must(json.Unmarshal([]byte(n.run(node, "ip", "-j", "nexthop")), &all))
	var list []string
	for _, raw := range all {
		if strings.Contains(string(raw), `"`+gateway+`"`) {
			list = append(list, string(raw))
		}
	}
	if len(list) == 0 {
		n.t.Errorf("%s has no nexthop object for %s", node, gateway)
	}
	return list
}
