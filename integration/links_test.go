package integration

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
)

// TestLinksChange changes the links of branch-1 and hub-a while the daemons
// run: names, indices, addresses, MTU. After each change both tunnels are in
// use again.
func TestLinksChange(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", nil)
	n.converge()
	for _, c := range []struct {
		name   string
		change func(n *twoHubs)
		via    string // branch-1's first next hop afterwards
		ifname string
	}{
		{"renamed", func(n *twoHubs) {
			n.run("branch-1", "ip", "link", "set", "vpn1", "down")
			n.run("branch-1", "ip", "link", "set", "vpn1", "name", "vpn9")
			n.run("branch-1", "ip", "link", "set", "vpn9", "up")
		}, "10.0.11.1", "vpn9"},
		{"renamed back while up", func(n *twoHubs) {
			n.run("branch-1", "ip", "link", "set", "vpn9", "name", "vpn1")
		}, "10.0.11.1", "vpn1"},
		{"deleted and made again", func(n *twoHubs) {
			n.run("branch-1", "ip", "link", "delete", "vpn1")
			n.wait("branch-1 uses the other tunnel", func() (bool, string) {
				hops, err := n.Node("branch-1").NextHops(lan2)
				return err == nil && len(hops) == 1, fmt.Sprint(hops, err)
			})
			n.tunnel("10.0.11.")
		}, "10.0.11.1", "vpn1"},
		{"address changed", func(n *twoHubs) {
			for node, host := range map[string]string{"hub-a": "1", "branch-1": "2"} {
				n.run(node, "ip", "address", "delete", "10.0.11."+host+"/30", "dev", "vpn1")
				n.run(node, "ip", "address", "add", "10.0.111."+host+"/30", "dev", "vpn1")
			}
		}, "10.0.111.1", "vpn1"},
		{"MTU changed", func(n *twoHubs) {
			for _, node := range []string{"hub-a", "branch-1"} {
				n.run(node, "ip", "link", "set", "vpn1", "mtu", "1300")
			}
			n.wait("OSPF knows the MTU", func() (bool, string) {
				i := n.iface("branch-1", "vpn1")
				return i.MTU == 1300, fmt.Sprintf("%+v", i)
			})
		}, "10.0.111.1", "vpn1"},
		{"down and up", func(n *twoHubs) {
			n.run("hub-a", "ip", "link", "set", "vpn1", "down")
			n.run("hub-a", "ip", "link", "set", "vpn1", "up")
		}, "10.0.111.1", "vpn1"},
	} {
		n.sub(t, c.name, func(n *twoHubs) {
			start := time.Now()
			c.change(n)
			// A renamed link keeps its routes: only the adjacency tells that ecmpd has followed.
			n.wait("branch-1 is adjacent on "+c.ifname, func() (bool, string) {
				i := n.iface("branch-1", c.ifname)
				return i.AdjacentCount == 1, fmt.Sprintf("%+v", i)
			})
			want := lab.NextHop{Via: netip.MustParseAddr(c.via), Interface: c.ifname}
			n.wait("both tunnels in use", func() (bool, string) {
				hops, err := n.Node("branch-1").NextHops(lan2)
				return err == nil && len(hops) == 2 && (hops[0] == want || hops[1] == want), fmt.Sprint(hops, err)
			})
			n.t.Logf("both tunnels in use after %s", time.Since(start).Round(time.Millisecond))
			n.wait("hub-a forwards to both LANs", func() (bool, string) {
				a, err1 := n.Node("hub-a").NextHops(lan1)
				b, err2 := n.Node("hub-a").NextHops(lan2)
				tr := n.transit("hub-a")
				return len(a) == 1 && len(b) == 1 && tr.InSync && len(tr.Interfaces) == 2, fmt.Sprint(a, b, err1, err2, tr)
			})
			carried := n.allSucceed(100)
			if carried[0] == 0 || carried[1] == 0 {
				n.t.Errorf("hub-a carried %d packets and hub-b %d", carried[0], carried[1])
			}
			n.wait("equal databases", n.equalDatabases)
		})
	}
}

// tunnel joins hub-a:vpn1 and branch-1:vpn1 anew.
func (n *twoHubs) tunnel(network string) {
	n.t.Helper()
	end := func(node, host string) lab.End {
		return lab.End{Node: n.Node(node), Interface: "vpn1", Addresses: []netip.Prefix{netip.MustParsePrefix(network + host + "/30")}}
	}
	if err := n.Connect(end("branch-1", "2"), end("hub-a", "1"), 1420); err != nil {
		n.t.Fatal(err)
	}
}

// iface is an OSPF interface; the zero value when there is none of the name.
func (n *twoHubs) iface(router, name string) api.Interface {
	n.t.Helper()
	var body api.Interfaces
	n.get(router, api.PathInterfaces, &body)
	for _, i := range body.Interfaces {
		if i.Interface == name {
			return i
		}
	}
	return api.Interface{}
}
