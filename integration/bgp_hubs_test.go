package integration

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

var (
	hubFlaps = flag.Duration("hubs.flaps", 20*time.Second, "how long things come and go in TestHubsRedistributeBothWays")
	hubSeed  = flag.Uint64("hubs.seed", 1, "what comes and goes in TestHubsRedistributeBothWays")
)

// hubsNet are two hubs that redistribute both ways between OSPF and BGP.
//
//	up-a ────── up-b     BIRD, AS 65101, and FRR, AS 65102
//	 │  \      /  │
//	 │    ×       │      eBGP
//	 │  /      \  │
//	hub1 ───── hub2      AS 65000, iBGP between loopbacks
//	   \       /
//	    branch           BIRD, OSPF alone
type hubsNet struct {
	*network
	rng    *rand.Rand
	down   map[string]bool       // links, "node interface"
	silent map[string]bool       // prefixes that nobody originates now, "node prefix"
	owner  map[netip.Addr]string // nodes by the addresses of links
}

// Prefixes and where they begin: one at both upstreams.
var hubsOrigins = map[string][]string{
	"198.18.1.0/24": {"up-a"}, "198.18.2.0/24": {"up-b"}, "198.18.3.0/24": {"up-a", "up-b"},
	"10.50.0.0/24": {"branch"}, "10.50.1.0/24": {"branch"},
}

var hubsLinks = []string{
	"hub1 vpn0", "hub1 vpn1", "hub2 vpn2", "hub1 upa", "hub1 upb", "hub2 upa", "hub2 upb", "up-a x",
}

// Links, prefixes, sessions and hubs come and go. Whenever things are quiet, no packet goes round in circles by the
// kernels' routes, and what nobody originates is nowhere; when everything works, every node reaches everything, and
// tags and communities say what came from where.
func TestHubsRedistributeBothWays(t *testing.T) {
	t.Parallel()
	n := startHubs(t)
	n.healthy()
	for end, round := time.Now().Add(*hubFlaps), 1; round <= 4 || time.Now().Before(end); round++ {
		for range 2 + n.rng.IntN(5) {
			t.Logf("round %d: %s", round, n.disturb())
			n.must(lab.Pause(n.ctx, time.Duration(n.rng.IntN(700))*time.Millisecond))
		}
		if round%4 == 0 {
			n.repair()
			n.healthy()
		} else {
			n.sound()
		}
	}
}

func startHubs(t testing.TB) *hubsNet {
	t.Helper()
	n := &hubsNet{newNetwork(t), rand.New(rand.NewPCG(*hubSeed, 6)), map[string]bool{}, map[string]bool{}, map[netip.Addr]string{}}
	for _, w := range [][2]string{
		{"hub1:vpn0 10.9.0.1/30", "hub2:vpn0 10.9.0.2/30"}, {"hub1:vpn1 10.9.1.1/30", "branch:vpn1 10.9.1.2/30"}, {"hub2:vpn2 10.9.2.1/30", "branch:vpn2 10.9.2.2/30"},
		{"hub1:upa 10.8.1.1/30", "up-a:h1 10.8.1.2/30"}, {"hub1:upb 10.8.2.1/30", "up-b:h1 10.8.2.2/30"},
		{"hub2:upa 10.8.3.1/30", "up-a:h2 10.8.3.2/30"}, {"hub2:upb 10.8.4.1/30", "up-b:h2 10.8.4.2/30"},
		{"up-a:x 10.8.5.1/30", "up-b:x 10.8.5.2/30"}, {"branch:lan 10.50.0.1/24 10.50.1.1/24", "host:e 10.50.0.9/24"},
	} {
		n.wire(w[0], w[1])
		for _, end := range w {
			node, address, _ := strings.Cut(end, ":")
			n.owner[netip.MustParsePrefix(strings.Fields(address)[1]).Addr()] = node
		}
	}
	n.start(
		peer.NewBIRD(n.Node("up-a"), hubsBIRD),
		peer.NewFRR(n.Node("up-b"), hubsFRR, "bgpd"),
		peer.NewBIRD(n.Node("branch"), hubsBranch),
	)
	for i := 1; i <= 2; i++ {
		node := fmt.Sprint("hub", i)
		n.ip(node, fmt.Sprintf("address add 10.255.0.%d/32 dev lo", i))
		n.start(peer.NewEcmpd(n.Node(node), binary, fmt.Sprintf(`router-id: 10.255.0.%[1]d
ospf:
  areas:
    - area-id: 0
      interfaces:
        - {match: "vpn*", interface-type: point-to-point, hello-interval: 1s, dead-interval: 4s}
        - {match: [lo, "up*"], passive: true}
  redistribute: [{source: bgp}]
bgp:
  as: 65000
  ebgp-requires-policy: false
  multipath: {multiple-as: true}
  redistribute: [{source: ospf}]
  neighbors:
    - {address: 10.8.%[2]d.2, remote-as: 65101, timers: {hold-time: 6s, connect-retry: 1s}, graceful-restart: {restart-time: 10s}}
    - {address: 10.8.%[3]d.2, remote-as: 65102, timers: {hold-time: 6s, connect-retry: 1s}, graceful-restart: {restart-time: 10s}}
    - {address: 10.255.0.%[4]d, remote-as: 65000, local-address: 10.255.0.%[1]d, timers: {hold-time: 6s, connect-retry: 1s}, graceful-restart: {restart-time: 10s}}
`, i, 2*i-1, 2*i, 3-i)))
	}
	return n
}

const hubsBIRD = `router id 10.8.5.1;
protocol device { scan time 1; }
protocol direct { ipv4; interface "h*", "x"; }
protocol kernel { ipv4 { export all; }; }
protocol static own1 { ipv4; route 198.18.1.0/24 blackhole; }
protocol static own3 { ipv4; route 198.18.3.0/24 blackhole; }
template bgp any { hold time 6; connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import all; export where source ~ [ RTS_BGP, RTS_STATIC ]; }; }
protocol bgp hub1 from any { local 10.8.1.2 as 65101; neighbor 10.8.1.1 as 65000; }
protocol bgp hub2 from any { local 10.8.3.2 as 65101; neighbor 10.8.3.1 as 65000; }
protocol bgp upb from any { local 10.8.5.1 as 65101; neighbor 10.8.5.2 as 65102; }
`

// Without nexthop objects: zebra 8.4 loses some when links come and go ("Nexthop id does not exist", "Route install
// failed"), and does not try again.
const hubsFRR = `no zebra nexthop kernel enable
router bgp 65102
 bgp router-id 10.8.5.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 timers bgp 2 6
 neighbor up peer-group
 neighbor up timers connect 1
 neighbor up advertisement-interval 0
 neighbor 10.8.2.1 remote-as 65000
 neighbor 10.8.2.1 peer-group up
 neighbor 10.8.4.1 remote-as 65000
 neighbor 10.8.4.1 peer-group up
 neighbor 10.8.5.1 remote-as 65101
 neighbor 10.8.5.1 peer-group up
 address-family ipv4 unicast
  network 198.18.2.0/24
  network 198.18.3.0/24
 exit-address-family
exit`

const hubsBranch = `router id 10.255.0.9;
protocol device { scan time 1; }
protocol kernel { ipv4 { export all; }; merge paths on; }
protocol ospf v2 { ecmp on; ipv4 { import all; }; area 0 {
  interface "vpn*" { type ptp; hello 1; dead 4; };
  interface "lan" { stub; }; }; }
`

// disturb has something come or go, and says what.
func (n *hubsNet) disturb() string {
	n.t.Helper()
	switch n.rng.IntN(8) {
	case 0, 1, 2, 3:
		l := hubsLinks[n.rng.IntN(len(hubsLinks))]
		n.setLink(l, n.down[l])
		return fmt.Sprintf("%s down: %t", l, n.down[l])
	case 4, 5:
		all := []string{"up-a 198.18.1.0/24", "up-a 198.18.3.0/24", "up-b 198.18.2.0/24", "up-b 198.18.3.0/24", "branch 10.50.1.0/24"}
		o := all[n.rng.IntN(len(all))]
		n.setOrigin(o, n.silent[o])
		return fmt.Sprintf("%s gone: %t", o, n.silent[o])
	case 6:
		if n.rng.IntN(2) == 0 {
			s := []string{"hub1", "hub2", "upb"}[n.rng.IntN(3)]
			n.run("up-a", "birdc", "-s", n.Node("up-a").Dir()+"/bird.ctl", "restart", s)
			return "session of up-a restarts: " + s
		}
		_, err := n.frr("up-b").Show(n.ctx, "clear bgp *")
		n.must(err)
		return "sessions of up-b restart"
	}
	hub, how := fmt.Sprint("hub", 1+n.rng.IntN(2)), "killed"
	if n.rng.IntN(2) == 0 {
		n.routers[hub].Kill()
	} else {
		how = "stopped"
		n.must(n.routers[hub].Stop(n.ctx))
	}
	n.must(lab.Pause(n.ctx, time.Duration(n.rng.IntN(1500))*time.Millisecond))
	n.must(n.routers[hub].Start(n.ctx))
	return hub + " " + how + " and started"
}

func (n *hubsNet) setLink(link string, up bool) {
	n.t.Helper()
	node, ifname, _ := strings.Cut(link, " ")
	n.must(n.Node(node).SetLink(ifname, up))
	n.down[link] = !up
}

// setOrigin has a node originate a prefix, or no longer.
func (n *hubsNet) setOrigin(origin string, there bool) {
	n.t.Helper()
	n.silent[origin] = !there
	pick := func(yes, no string) string {
		if there {
			return yes
		}
		return no
	}
	switch node, prefix, _ := strings.Cut(origin, " "); node {
	case "branch":
		n.ip(node, "address "+pick("add", "del")+" 10.50.1.1/24 dev lan")
	case "up-b":
		n.must(n.frr(node).Configure(n.ctx, "router bgp 65102", "address-family ipv4 unicast", pick("", "no ")+"network "+prefix))
	case "up-a":
		n.run(node, "birdc", "-s", n.Node(node).Dir()+"/bird.ctl", pick("enable", "disable"), "own"+prefix[len("198.18."):len("198.18.1")])
	}
}

// repair brings everything back.
func (n *hubsNet) repair() {
	n.t.Helper()
	for _, l := range hubsLinks {
		if n.down[l] {
			n.setLink(l, true)
		}
	}
	for origin, silent := range n.silent {
		if silent {
			n.setOrigin(origin, true)
		}
	}
}

// sound waits until no route leads in circles and none is stale.
func (n *hubsNet) sound() {
	n.t.Helper()
	n.wait("no loop and no stale route", func() (bool, string) {
		wrong := n.wrong(false)
		return len(wrong) == 0, strings.Join(wrong, "\n")
	})
}

// healthy waits until everything is reached from everywhere, and looks at the marks.
func (n *hubsNet) healthy() {
	n.t.Helper()
	n.wait("everything reached", func() (bool, string) {
		wrong := append(n.wrong(true), n.marks()...)
		return len(wrong) == 0, strings.Join(wrong, "\n")
	})
}

// wrong lists what is wrong with the kernels' routes and with what the hubs have chosen.
func (n *hubsNet) wrong(reached bool) (list []string) {
	for text, places := range hubsOrigins {
		at := slices.DeleteFunc(slices.Clone(places), func(node string) bool { return n.silent[node+" "+text] })
		hops := map[string][]string{} // next nodes
		for _, node := range []string{"hub1", "hub2", "up-a", "up-b", "branch"} {
			if slices.Contains(at, node) {
				continue
			}
			legs, err := n.Node(node).NextHops(netip.MustParsePrefix(text))
			if err != nil {
				return []string{err.Error()}
			}
			for _, l := range legs {
				hops[node] = append(hops[node], n.owner[l.Via])
			}
			if len(at) == 0 && len(legs) > 0 {
				list = append(list, fmt.Sprintf("%s: nobody originates it, and %s has it via %s", text, node, hops[node]))
			}
			if reached && len(legs) == 0 {
				list = append(list, fmt.Sprintf("%s has no route to %s", node, text))
			}
		}
		for node := range hops {
			if circle := follow(hops, []string{node}); circle != nil {
				list = append(list, fmt.Sprintf("%s goes round: %s", text, circle))
			}
		}
		if len(at) == 0 {
			list = append(list, n.chosen(text)...)
		}
	}
	slices.Sort(list)
	return list
}

// follow goes every way that packets can take, and returns one that leads in a circle; nil when there is none.
func follow(hops map[string][]string, way []string) []string {
	for _, next := range hops[way[len(way)-1]] {
		longer := append(slices.Clone(way), next)
		if slices.Contains(way, next) {
			return longer
		}
		if circle := follow(hops, longer); circle != nil {
			return circle
		}
	}
	return nil
}

// chosen lists the hubs that would use a prefix that nobody originates. A path that is kept for a neighbour that restarts
// is none of these while there is no way to its next hop.
func (n *hubsNet) chosen(prefix string) (list []string) {
	for _, hub := range []string{"hub1", "hub2"} {
		body, err := show[api.BGPPaths](n.network, hub, "bgp", "rib", prefix)
		if err == nil && slices.ContainsFunc(body.Paths, func(p api.BGPPath) bool { return p.Best || p.Used }) {
			list = append(list, fmt.Sprintf("%s: nobody originates it, and %s has chosen one of %+v", prefix, hub, body.Paths))
		}
	}
	return list
}

// marks lists what routes ought to say of where they came from, and do not.
func (n *hubsNet) marks() (list []string) {
	const fromOSPF, fromBGP = "65000:236:4", "0xe000fde8"
	marked, err := n.frr("up-b").Show(n.ctx, "show bgp ipv4 unicast large-community "+fromOSPF)
	if err != nil || !strings.Contains(marked, "10.50.0.0/24") || strings.Contains(marked, "198.18.") {
		list = append(list, fmt.Sprintf("up-b: what came from OSPF: %s %v", marked, err))
	}
	for _, p := range []string{"198.18.1.0/24", "198.18.2.0/24", "198.18.3.0/24"} {
		out, err := n.bird("branch").Show(n.ctx, "show route all "+p)
		if err != nil || strings.Count(out, "OSPF.tag:") == 0 || strings.Count(out, "OSPF.tag:") != strings.Count(strings.ToLower(out), fromBGP) {
			list = append(list, fmt.Sprintf("branch: tags of %s: %s %v", p, out, err))
		}
	}
	return list
}
