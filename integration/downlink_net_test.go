package integration

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// downlinkNet is a hub with a network of its own, which is behind no NAT, and two upstreams: what comes in goes where
// the hub's announcements draw it.
//
//	                                w1 10.1.0.2 ── isp-a (FRR) ── 10.3.0.0/24 ── a
//	host 198.51.100.2 ── lan  hub                                                   inet 192.0.2.1 (FRR)
//	     198.51.100.130             w2 10.2.0.2 ── isp-b (BIRD) ─ 10.4.0.0/24 ── b
type downlinkNet struct {
	*wanNet
}

// providers are the autonomous systems of the upstreams and of what is behind both.
type providers struct {
	a, b, inet int
	gobgp      bool // isp-b is a gobgpd, which leaves the kernel's routes to others
}

// startDownlink builds the network; announce is the hub's list of that name.
func startDownlink(t testing.TB, as providers, announce string) *downlinkNet {
	t.Helper()
	n := &downlinkNet{&wanNet{network: newNetwork(t)}}
	n.wire("hub:lan 198.51.100.1/24", "host:eth0 198.51.100.2/24 198.51.100.130/24")
	n.wire("hub:w1 10.1.0.2/24", "isp-a:hub 10.1.0.1/24")
	n.wire("hub:w2 10.2.0.2/24", "isp-b:hub 10.2.0.1/24")
	n.wire("isp-a:inet 10.3.0.1/24", "inet:a 10.3.0.2/24")
	n.wire("isp-b:inet 10.4.0.1/24", "inet:b 10.4.0.2/24")
	for _, node := range []string{"hub", "isp-a", "isp-b", "inet"} {
		n.must(n.Node(node).Sysctl("net.ipv4.ip_forward", "1"))
	}
	n.must(n.Node("inet").Sysctl("net.ipv4.fib_multipath_hash_policy", "1"))
	n.ip("inet", "address add 192.0.2.1/32 dev lo")
	n.ip("host", "route add default via 198.51.100.1")
	n.start(
		peer.NewFRR(n.Node("inet"), inetConfig(as), "bgpd"),
		peer.NewFRR(n.Node("isp-a"), edgeFRR(as), "bgpd"),
		n.edge(as),
		peer.NewEcmpd(n.Node("hub"), binary, n.hubConfig(as, announce)),
	)
	if g, ok := n.routers["isp-b"].(*peer.GoBGP); ok { // for the answers to the hub's probes
		_, err := g.Show(n.ctx, "global", "rib", "add", "10.2.0.0/24")
		n.must(err)
	}
	n.established()
	n.wait("both uplinks up", func() (bool, string) {
		w, err := show[api.WANBody](n.network, "hub", "wan")
		up := 0
		for _, u := range w.WAN.Uplinks {
			if u.Used && len(u.Targets) > 0 && u.Targets[0].RTTUsec > 0 {
				up++
			}
		}
		return up == 2, fmt.Sprintf("%+v %v", w.WAN, err)
	})
	n.who("host", ":80")
	return n
}

// inetConfig spreads what it sends over equal paths, through one system or two.
func inetConfig(as providers) string {
	return fmt.Sprintf(`router bgp %d
 bgp router-id 192.0.2.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp bestpath as-path multipath-relax
 timers bgp 3 9
 neighbor 10.3.0.1 remote-as %d
 neighbor 10.3.0.1 timers connect 1
 neighbor 10.4.0.1 remote-as %d
 neighbor 10.4.0.1 timers connect 1
 address-family ipv4 unicast
  network 192.0.2.1/32
  maximum-paths 4
  maximum-paths ibgp 4
 exit-address-family
exit`, as.inet, as.a, as.b)
}

func edgeFRR(as providers) string {
	return fmt.Sprintf(`router bgp %d
 bgp router-id 10.1.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 3 9
 neighbor 10.1.0.2 remote-as 64500
 neighbor 10.1.0.2 timers connect 1
 neighbor 10.1.0.2 advertisement-interval 0
 neighbor 10.3.0.2 remote-as %d
 neighbor 10.3.0.2 timers connect 1
 neighbor 10.3.0.2 advertisement-interval 0
 address-family ipv4 unicast
  network 10.1.0.0/24
  neighbor 10.3.0.2 next-hop-self
 exit-address-family
exit`, as.a, as.inet)
}

// edge is isp-b.
func (n *downlinkNet) edge(as providers) peer.Router {
	node := n.Node("isp-b")
	if !as.gobgp {
		return peer.NewBIRD(node, edgeBIRD(as))
	}
	n.ip("isp-b", "route add 192.0.2.1/32 via 10.4.0.2")
	n.ip("isp-b", "route add 198.51.100.0/24 via 10.2.0.2")
	return peer.NewGoBGP(node, edgeGoBGP(as))
}

func edgeGoBGP(as providers) string {
	text := fmt.Sprintf("[global.config]\n as = %d\n router-id = \"10.2.0.1\"\n", as.b)
	for address, remote := range map[string]int{"10.2.0.2": 64500, "10.4.0.2": as.inet} {
		text += fmt.Sprintf("[[neighbors]]\n [neighbors.config]\n  neighbor-address = %q\n  peer-as = %d\n [neighbors.timers.config]\n  hold-time = 9\n  connect-retry = 5\n", address, remote)
	}
	return text
}

func edgeBIRD(as providers) string {
	const timers = "hold time 9; connect retry time 1; connect delay time 1; error wait time 1, 2;"
	return fmt.Sprintf(`router id 10.2.0.1;
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol kernel { ipv4 { export all; }; }
protocol bgp hub { local 10.2.0.1 as %[1]d; neighbor 10.2.0.2 as 64500; %[3]s ipv4 { import all; export all; }; }
protocol bgp inet { local 10.4.0.1 as %[1]d; neighbor 10.4.0.2 as %[2]d; %[3]s ipv4 { import all; export all; next hop self; }; }
`, as.b, as.inet, timers)
}

func (n *downlinkNet) hubConfig(as providers, announce string) string {
	return fmt.Sprintf(`router-id: 10.255.0.1
wan:
  uplinks:
    - {name: isp-a, interface: w1, gateway: 10.1.0.1, check: {targets: [icmp 192.0.2.1], interval: 500ms, down-after: 6, up-after: 2, hold-up: 500ms}}
    - {name: isp-b, interface: w2, gateway: 10.2.0.1, check: {targets: [icmp 192.0.2.1], interval: 500ms, down-after: 6, up-after: 2, hold-up: 500ms}}
bgp:
  as: 64500
  neighbors:
    - {address: 10.1.0.1, remote-as: %d, timers: {connect-retry: 1s}}
    - {address: 10.2.0.1, remote-as: %d, timers: {connect-retry: 1s}}
  announce:
%s`, as.a, as.b, announce)
}

// established waits for the hub's sessions.
func (n *downlinkNet) established() {
	n.t.Helper()
	n.wait("the hub's sessions", func() (bool, string) {
		list, err := n.bgpNeighbors("hub")
		up := 0
		for _, s := range list {
			if strings.Contains(s, "Established") {
				up++
			}
		}
		return up == 2, fmt.Sprint(list, err)
	})
}

// reload has the hub announce by other rules.
func (n *downlinkNet) reload(as providers, announce string) {
	n.t.Helper()
	r := n.ecmpd("hub")
	n.must(r.Reload(n.hubConfig(as, announce)))
	n.order("reload")
}

// order has the hub do something.
func (n *downlinkNet) order(command ...string) {
	n.t.Helper()
	n.run("hub", append(append([]string{binary}, command...), "--socket", n.ecmpd("hub").Socket())...)
}

// ways waits until the kernel of the Internet sends a prefix these ways, "a", "b" or "a b"; "" is not at all. The routers
// on them have to send it to the hub: each makes tell before their own kernel knows.
func (n *downlinkNet) ways(prefix, want string) {
	n.t.Helper()
	defer func() {
		for _, way := range strings.Fields(want) {
			if _, ok := n.routers["isp-"+way].(*peer.GoBGP); ok {
				continue // leaves the kernel alone
			}
			n.wait(fmt.Sprintf("isp-%s sends %s to the hub", way, prefix), func() (bool, string) {
				hops, err := n.Node("isp-" + way).NextHops(netip.MustParsePrefix(prefix))
				return err == nil && len(hops) == 1 && hops[0].Interface == "hub", fmt.Sprint(hops, err)
			})
		}
	}()
	n.wait(fmt.Sprintf("%s by %q", prefix, want), func() (bool, string) {
		got, err := n.waysNow(prefix)
		return err == nil && got == want, fmt.Sprintf("%q %v", got, err)
	})
}

func (n *downlinkNet) waysNow(prefix string) (string, error) {
	hops, err := n.Node("inet").NextHops(netip.MustParsePrefix(prefix))
	var names []string
	for _, h := range hops {
		names = append(names, h.Interface)
	}
	slices.Sort(names)
	return strings.Join(names, " "), err
}

// counted is what a counter of nftables counted.
var counted = regexp.MustCompile(`packets (\d+)`)

// inbound opens connections from the Internet to an address of the host, and tells how many came in through each upstream. One
// whose SYN was sent again counts twice.
func (n *downlinkNet) inbound(to string, count int) (a, b int) {
	n.t.Helper()
	const table = "table ip count { chain c { type filter hook forward priority 0; tcp dport 80 tcp flags & (syn | ack) == syn counter; }; }"
	edges := []string{"isp-a", "isp-b"}
	for _, e := range edges {
		n.must(n.Node(e).Firewall(n.ctx, table))
	}
	for range count {
		l, err := n.call("inet", "192.0.2.1", to+":80")
		n.must(err)
		l.hangUp()
	}
	var got [2]int
	for i, e := range edges {
		m := counted.FindStringSubmatch(n.run(e, "nft", "list", "table", "ip", "count"))
		got[i], _ = strconv.Atoi(m[1])
		n.run(e, "nft", "delete", "table", "ip", "count")
	}
	return got[0], got[1]
}

// kill makes everything beyond an upstream's router vanish; its link, its address and its BGP session stay.
func (n *downlinkNet) kill(edge string) {
	n.t.Helper()
	n.must(n.Node(edge).Firewall(n.ctx, "table ip dead { chain c { type filter hook forward priority 1; policy drop; }; }"))
}

func (n *downlinkNet) revive(edge string) {
	n.t.Helper()
	n.run(edge, "nft", "delete", "table", "ip", "dead")
}
