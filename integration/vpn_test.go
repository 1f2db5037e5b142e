package integration

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

var (
	branchLANs = []netip.Prefix{netip.MustParsePrefix("10.10.1.0/24"), netip.MustParsePrefix("10.10.2.0/24")}
	vpnService = netip.MustParseAddrPort("10.10.2.10:7")
)

// vpn is the two-hub network of labs/twohubs with tunnels that a test makes
// itself:
//
//	        .-hub-a-.
//	branch-1         branch-2
//	   |    '-hub-b-'    |
//	 host-1            host-2
//
// Hub h and branch b (1 and 2) are joined by vpn<b> on the hub and vpn<h> on
// the branch. The hubs have the firewall and the routers the configuration of
// labs/twohubs.
type vpn struct {
	t        *testing.T
	ctx      context.Context
	lab      *lab.Lab
	hubs     []*lab.Node
	branches []*lab.Node
	hosts    []*lab.Node
	routers  map[*lab.Node]peer.Router
}

// newVPN makes the machines and the LANs behind the branches. The network is
// described when the test fails and gone when it ends.
func newVPN(t *testing.T, limit time.Duration) *vpn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	v := &vpn{t: t, ctx: ctx, lab: vpnLab(t), routers: map[*lab.Node]peer.Router{}}
	t.Cleanup(v.describe)
	v.hubs = []*lab.Node{v.add("hub-a"), v.add("hub-b")}
	v.branches = []*lab.Node{v.add("branch-1"), v.add("branch-2")}
	v.hosts = []*lab.Node{v.add("host-1"), v.add("host-2")}
	for i, lan := range branchLANs {
		gateway := lan.Addr().Next()
		address := gateway.As4()
		address[3] = 10
		must(t, v.lab.Connect(
			lab.End{Node: v.branches[i], Interface: "lan", Addresses: []netip.Prefix{netip.PrefixFrom(gateway, 24)}},
			lab.End{Node: v.hosts[i], Interface: "eth0", Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(address), 24)}}, 1500))
		must(t, v.hosts[i].AddRoute(netip.MustParsePrefix("0.0.0.0/0"), gateway))
	}
	for _, hub := range v.hubs {
		must(t, hub.Firewall(ctx, labFile(t, "hub-firewall.nft")))
	}
	echo, err := v.hosts[1].Echo(vpnService)
	must(t, err)
	t.Cleanup(func() { echo.Close() })
	return v
}

// vpnLab is a lab that ends with the test.
func vpnLab(t *testing.T) *lab.Lab {
	t.Helper()
	l, err := lab.New(lab.Options{Tag: tag})
	must(t, err)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// labFile reads a file of labs/twohubs.
func labFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile("labs/twohubs/" + strings.Join(path, "/"))
	must(t, err)
	return string(text)
}

func (v *vpn) add(name string) *lab.Node {
	v.t.Helper()
	n, err := v.lab.AddNode(name)
	must(v.t, err)
	return n
}

// seat puts a router of a make, "ecmpd", "frr" or "bird", on a node.
func (v *vpn) seat(n *lab.Node, make string) {
	v.t.Helper()
	switch make {
	case "frr":
		v.routers[n] = peer.NewFRR(n, labFile(v.t, n.Name(), "frr.conf"))
	case "bird":
		v.routers[n] = peer.NewBIRD(n, labFile(v.t, n.Name(), "bird.conf"))
	default:
		v.routers[n] = peer.NewEcmpd(n, binary, labFile(v.t, n.Name(), "ecmpd.yaml"))
	}
}

// start starts the routers and waits until they have converged.
func (v *vpn) start() {
	v.t.Helper()
	for _, n := range append(v.hubs, v.branches...) {
		must(v.t, v.routers[n].Start(v.ctx))
	}
	v.converge()
}

// converge waits until every router has its two neighbours, the branches two
// next hops to each other, and every hub knows its transit networks.
func (v *vpn) converge() {
	v.t.Helper()
	for i, n := range v.branches {
		must(v.t, peer.Wait(v.ctx, v.routers[n], 2, map[netip.Prefix]int{branchLANs[1-i]: 2}))
	}
	for _, n := range v.hubs {
		must(v.t, peer.Wait(v.ctx, v.routers[n], 2, map[netip.Prefix]int{branchLANs[0]: 1, branchLANs[1]: 1}))
		hub, ok := v.routers[n].(*peer.Ecmpd)
		if !ok {
			continue
		}
		must(v.t, lab.Wait(v.ctx, n.Name()+" leaves transit untracked", func() (bool, string) {
			rules, err := n.Run(v.ctx, "nft", "list", "table", "inet", "ecmpd")
			return err == nil && strings.Contains(rules, "10.10.1.0/24") && strings.Contains(rules, "10.10.2.0/24"),
				fmt.Sprint(rules, err, hub.Log())
		}))
	}
}

// load makes connections from host-1 to host-2, as many as the argument says,
// each of which carries so many bytes each way.
func (v *vpn) load(count int, firstPort uint16, payload int, timeout time.Duration) lab.LoadResult {
	v.t.Helper()
	result, err := lab.Load{From: v.hosts[0], To: vpnService, Count: count, FirstPort: firstPort, Payload: payload, Timeout: timeout}.Run(v.ctx)
	must(v.t, err)
	return result
}

// carried is what each hub has received from its tunnels.
func (v *vpn) carried() []lab.Counters {
	v.t.Helper()
	var list []lab.Counters
	for _, hub := range v.hubs {
		c, err := hub.Counters("vpn1", "vpn2")
		must(v.t, err)
		list = append(list, c)
	}
	return list
}

// describe prints the whole network when the test has failed.
func (v *vpn) describe() {
	if !v.t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, n := range v.lab.Nodes() {
		v.t.Log(describeNode(ctx, n, v.routers[n]))
	}
}

// describeNode tells what the kernel of a node holds and what its router, if
// it has one, says.
func describeNode(ctx context.Context, n *lab.Node, r peer.Router) string {
	var b strings.Builder
	for _, command := range []string{"ip address", "ip route", "nft list ruleset"} {
		out, err := n.Run(ctx, strings.Fields(command)...)
		fmt.Fprintf(&b, "%s# %s\n%s", n.Name(), command, out)
		if err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	if r != nil {
		neighbors, err := r.Neighbors(ctx)
		fmt.Fprintf(&b, "%s: neighbours %v %v\nlog:\n%s", n.Name(), neighbors, err, r.Log())
	}
	return b.String()
}
