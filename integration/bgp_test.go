package integration

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// speaker describes a BGP router of another make in words that all of them know. It has one neighbour.
type speaker struct {
	as, remoteAS int
	local        string // own address
	remote       string // neighbour's
	announces    string // prefix
	password     string
	ttlSecurity  bool
	multihop     bool
	client       bool // the neighbour is its client of route reflection
	hold         int  // s; 9 unless set
}

// speakers are the makes, by name.
var speakers = map[string]func(*network, string, speaker) peer.Router{
	"frr": func(n *network, node string, s speaker) peer.Router {
		return peer.NewFRR(n.Node(node), s.frr(), "bgpd")
	},
	"bird":  func(n *network, node string, s speaker) peer.Router { return peer.NewBIRD(n.Node(node), s.bird()) },
	"gobgp": func(n *network, node string, s speaker) peer.Router { return peer.NewGoBGP(n.Node(node), s.gobgp()) },
}

func (s speaker) frr() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("router bgp %d\n bgp router-id %s\n no bgp ebgp-requires-policy\n no bgp network import-check", s.as, s.local)
	p(" neighbor %s remote-as %d\n neighbor %[1]s timers 3 %d\n neighbor %[1]s timers connect 1", s.remote, s.remoteAS, cmp.Or(s.hold, 9))
	if s.multihop {
		p(" neighbor %s update-source %s", s.remote, s.local)
	}
	if s.password != "" {
		p(" neighbor %s password %s", s.remote, s.password)
	}
	if s.ttlSecurity {
		p(" neighbor %s ttl-security hops 1", s.remote)
	}
	if s.multihop && s.as != s.remoteAS {
		p(" neighbor %s ebgp-multihop 5", s.remote)
	}
	p(" address-family ipv4 unicast\n  network %s", s.announces)
	if s.client {
		p("  neighbor %s route-reflector-client", s.remote)
	}
	p(" exit-address-family\nexit")
	return b.String()
}

func (s speaker) bird() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("router id %s;\nprotocol device { scan time 1; }\nprotocol static { ipv4; route %s blackhole; }", s.local, s.announces)
	p("protocol bgp hub { local %s as %d; neighbor %s as %d; hold time %d; connect retry time 1; connect delay time 1; error wait time 1, 2;", s.local, s.as, s.remote, s.remoteAS, cmp.Or(s.hold, 9))
	if s.password != "" {
		p(" password %q;", s.password)
	}
	if s.ttlSecurity {
		p(" ttl security on;")
	}
	if s.multihop {
		p(" multihop 5;")
	}
	if s.client {
		p(" rr client;")
	}
	p(" ipv4 { import all; export where source = RTS_STATIC; }; }")
	return b.String()
}

func (s speaker) gobgp() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("[global.config]\n as = %d\n router-id = %q\n local-address-list = [\"0.0.0.0\"]", s.as, s.local)
	p("[[neighbors]]\n [neighbors.config]\n  neighbor-address = %q\n  peer-as = %d\n  auth-password = %q", s.remote, s.remoteAS, s.password)
	p(" [neighbors.timers.config]\n  hold-time = %d\n  connect-retry = 5", cmp.Or(s.hold, 9))
	p(" [neighbors.transport.config]\n  local-address = %q", s.local)
	if s.ttlSecurity {
		p(" [neighbors.ttl-security.config]\n  enabled = true\n  ttl-min = 255")
	}
	if s.multihop {
		p(" [neighbors.ebgp-multihop.config]\n  enabled = true\n  multihop-ttl = 5")
	}
	if s.client {
		p(" [neighbors.route-reflector.config]\n  route-reflector-client = true\n  route-reflector-cluster-id = %q", s.local)
	}
	return b.String()
}

// speak starts a BGP router of a make.
func (n *network) speak(maker, node string, s speaker) {
	n.t.Helper()
	n.start(speakers[maker](n, node, s))
	if g, ok := n.routers[node].(*peer.GoBGP); ok { // it has no configuration for that
		n.wait(node+" takes what it is to announce", func() (bool, string) { // its API is there a moment before its BGP
			out, err := g.Show(n.ctx, "global", "rib", "add", s.announces)
			return err == nil, fmt.Sprint(out, err)
		})
	}
}

// knows tells whether a BGP router of another make has learnt a prefix, in the words of its table.
func (n *network) knows(node, prefix string) (bool, string) {
	var out string
	var err error
	switch r := n.routers[node].(type) {
	case *peer.FRR:
		out, err = r.Show(n.ctx, "show bgp ipv4 unicast "+prefix)
	case *peer.BIRD:
		out, err = r.Show(n.ctx, "show route all "+prefix)
	case *peer.GoBGP:
		out, err = r.Show(n.ctx, "global", "rib", prefix)
	}
	if err != nil {
		return false, err.Error()
	}
	return strings.Contains(out, prefix) && !strings.Contains(out, "not in table"), out
}

// bgpNeighbors reads the sessions of an ecmpd as "peer state accepted": FRR says what it has heard to who said it, too.
func (n *network) bgpNeighbors(node string) ([]string, error) {
	body, err := show[api.BGPBody](n, node, "bgp", "neighbor")
	var list []string
	for _, b := range body.BGP.Neighbors {
		list = append(list, fmt.Sprintf("%s %s %d", b.Peer, b.State, b.Accepted))
	}
	return list, err
}

// waitBGP waits until an ecmpd has exactly these sessions.
func (n *network) waitBGP(node string, want ...string) {
	n.t.Helper()
	slices.Sort(want)
	waitEqual(n, "BGP sessions of "+node, want, func() ([]string, error) { return n.bgpNeighbors(node) })
}

// waitHops waits until a node's kernel has so many next hops for a prefix.
func (n *network) waitHops(node, prefix string, count int) {
	n.t.Helper()
	n.wait(fmt.Sprintf("%d next hops of %s on %s", count, prefix, node), func() (bool, string) {
		hops, err := n.Node(node).NextHops(netip.MustParsePrefix(prefix))
		return err == nil && len(hops) == count, fmt.Sprintf("%v %v", hops, err)
	})
}

// Each make learns from ecmpd and ecmpd from it: plain eBGP, with MD5, with TTL security, and iBGP between
// loopbacks that static routes join.
func TestBGPMakes(t *testing.T) {
	for _, maker := range []string{"frr", "bird", "gobgp"} {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			for i := 1; i <= 4; i++ {
				n.wire(fmt.Sprintf("hub:p%d 10.0.%d.1/24", i, i), fmt.Sprintf("x%d:e 10.0.%d.2/24", i, i))
			}
			n.ip("hub", "address add 10.255.0.1/32 dev lo")
			n.ip("x4", "address add 10.255.0.4/32 dev lo")
			n.ip("x4", "route add 10.255.0.1/32 via 10.0.4.1")
			n.start(peer.NewEcmpd(n.Node("hub"), binary, `router-id: 10.255.0.1
static: [{prefix: 10.255.0.4/32, next-hops: [{via: 10.0.4.2}]}]
bgp:
  as: 65000
  ebgp-requires-policy: false
  networks: [198.51.100.0/24]
  neighbors:
    - {address: 10.0.1.2, remote-as: 65001}
    - {address: 10.0.2.2, remote-as: 4200000002, password: a-secret}
    - {address: 10.0.3.2, remote-as: 65003, ttl-security: 1}
    - {address: 10.255.0.4, remote-as: 65000, local-address: 10.255.0.1}
`))
			n.speak(maker, "x1", speaker{as: 65001, remoteAS: 65000, local: "10.0.1.2", remote: "10.0.1.1", announces: "203.0.113.0/26"})
			n.speak(maker, "x2", speaker{as: 4200000002, remoteAS: 65000, local: "10.0.2.2", remote: "10.0.2.1", announces: "203.0.113.64/26", password: "a-secret"})
			n.speak(maker, "x3", speaker{as: 65003, remoteAS: 65000, local: "10.0.3.2", remote: "10.0.3.1", announces: "203.0.113.128/26", ttlSecurity: true})
			n.speak(maker, "x4", speaker{as: 65000, remoteAS: 65000, local: "10.255.0.4", remote: "10.255.0.1", announces: "203.0.113.192/26", multihop: true})
			n.waitBGP("hub", "10.0.1.2 Established 1", "10.0.2.2 Established 1", "10.0.3.2 Established 1", "10.255.0.4 Established 1")
			for i, prefix := range []string{"203.0.113.0/26", "203.0.113.64/26", "203.0.113.128/26", "203.0.113.192/26"} {
				n.waitHops("hub", prefix, 1)
				node := fmt.Sprintf("x%d", i+1)
				n.wait(node+" learns", func() (bool, string) { return n.knows(node, "198.51.100.0/24") })
			}
		})
	}
}

// A configured neighbour inside the prefix of dynamic ones is told what is for itself, not what is for them.
func TestBGPNeighborInsideDynamic(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("hub:p1 10.0.1.1/24", "x1:e 10.0.1.2/24")
	n.start(peer.NewEcmpd(n.Node("hub"), binary, `router-id: 10.255.0.1
bgp:
  as: 65000
  networks: [198.51.100.0/24]
  neighbors: [{address: 10.0.1.2, remote-as: 65001}]
  dynamic-neighbors: [{prefix: 10.0.1.0/24, remote-as: 65009, ebgp-requires-policy: false}]
  announce: [{prefix: 192.0.2.0/24, to: 10.0.1.2}]
`))
	n.speak("frr", "x1", speaker{as: 65001, remoteAS: 65000, local: "10.0.1.2", remote: "10.0.1.1", announces: "203.0.113.0/26"})
	n.wait("x1 learns", func() (bool, string) { return n.knows("x1", "192.0.2.0/24") })
	if has, out := n.knows("x1", "198.51.100.0/24"); has {
		t.Errorf("x1 was told of it:\n%s", out)
	}
}
