package integration

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab/peer"
)

// strictOutput is the second half of the firewall of a careful operator: the
// hub itself sends nothing that belongs to no connection.
const strictOutput = `
table inet filter {
	counter invalid_output {}
	chain output {
		type filter hook output priority 0; policy accept;
		ct state invalid counter name invalid_output drop
	}
}
`

// narrowMTU is that of the tunnels to branch-2, wgMTU that of those to
// branch-1, and the hosts have 1500: so a transfer from host-1 to host-2 has
// to learn of two bottlenecks, the second from the hubs.
const narrowMTU = 1300

// TestPathMTU sends 20 MB through narrow tunnels. The hub's own ICMP errors
// about untracked packets would be invalid in its output chain.
func TestPathMTU(t *testing.T) {
	t.Parallel()
	v := newNarrow(t)
	v.seatAll([2]string{"ecmpd", "ecmpd"})
	v.converge()
	v.transitKnown()
	carried := v.carried(func() {
		if result := v.load(4, 20000, 20<<20, 2*patient); result.Failed() > 0 {
			t.Errorf("%d of 4 transfers of 20 MB failed: %v", result.Failed(), result.FirstError())
		}
	})
	told := 0
	for i, hub := range v.hubs {
		if carried[i].RxBytes < 20<<20 {
			t.Errorf("%s carried %d bytes: the transfers do not test it", hub.Name(), carried[i].RxBytes)
		}
		if dropped := v.counter(hub.Name(), "invalid_output"); dropped > 0 {
			t.Errorf("the firewall of %s dropped %d packets that the hub sent itself", hub.Name(), dropped)
		}
		told += v.snmp(hub.Name(), "Icmp", "OutDestUnreachs")
	}
	// host-1 learns for its destination, not for each flow: one error will do.
	if told == 0 {
		t.Error("no hub sent an ICMP error: the transfers do not test it")
	}
}

// TestPathMTUNeedsOutputRule shows that the rule in ecmpd's output chain is
// what TestPathMTU stands on: with notrack in prerouting alone small
// connections pass, transfers stall, and the rule in addition lets them pass.
func TestPathMTUNeedsOutputRule(t *testing.T) {
	t.Parallel()
	v := newNarrow(t)
	byHand := v.labFile("notrack-by-hand.nft")
	for _, n := range v.hubs {
		v.start(peer.NewEcmpd(n, binary, withoutTransit(n.Name(), v.labFile(n.Name()+"/ecmpd.yaml"))))
		v.must(n.Firewall(v.ctx, byHand))
	}
	for _, n := range v.branches {
		v.start(peer.NewEcmpd(n, binary, v.labFile(n.Name()+"/ecmpd.yaml")))
	}
	v.converge()
	if result := v.load(40, 20000, 500, patient); result.Failed() > 0 {
		t.Fatalf("%d of 40 small connections failed: %v", result.Failed(), result.FirstError())
	}
	// On a busy machine transfers may not get as far as a segment of full size.
	port := uint16(21000)
	v.wait("the firewall of both hubs drops what the hub sends itself, and transfers stall for it", func() (bool, string) {
		stalled := v.load(8, port, 20<<20, 3*time.Second).Failed()
		port += 8
		a, b := v.counter("hub-a", "invalid_output"), v.counter("hub-b", "invalid_output")
		return stalled == 8 && a > 0 && b > 0, fmt.Sprintf("%d of 8 transfers stalled, %d and %d packets dropped", stalled, a, b)
	})
	for _, hub := range v.hubs {
		v.must(hub.Firewall(v.ctx, `table inet transit {
			chain output {
				type filter hook output priority -300;
				ip daddr { 10.10.0.0/16, 10.0.0.0/16 } icmp type destination-unreachable notrack
			}
		}`))
	}
	if result := v.load(4, 22000, 20<<20, 2*patient); result.Failed() > 0 {
		t.Errorf("with the rule %d of 4 transfers failed: %v", result.Failed(), result.FirstError())
	}
}

// newNarrow is the two-hub network with a tunnel of its own MTU to each
// branch and hubs that drop invalid packets of their own.
func newNarrow(t *testing.T) *vpn {
	v := newVPN(t)
	for h, hub := range v.hubs {
		v.must(hub.Firewall(v.ctx, strictOutput))
		for b, mtu := range []int{wgMTU, narrowMTU} {
			net := fmt.Sprintf("10.0.%d%d.", h+1, b+1)
			v.must(v.Connect(v.end(fmt.Sprintf("%s:vpn%d %s1/30", hub.Name(), b+1, net)),
				v.end(fmt.Sprintf("%s:vpn%d %s2/30", v.branches[b].Name(), h+1, net)), mtu))
		}
	}
	return v
}

// counter reads a named counter of the firewall of a node, in packets.
func (n *network) counter(node, name string) int {
	n.t.Helper()
	var body struct {
		Nftables []struct {
			Counter struct {
				Name    string `json:"name"`
				Packets int    `json:"packets"`
			} `json:"counter"`
		} `json:"nftables"`
	}
	n.must(json.Unmarshal([]byte(n.run(node, "nft", "-j", "list", "counters")), &body))
	for _, e := range body.Nftables {
		if e.Counter.Name == name {
			return e.Counter.Packets
		}
	}
	n.t.Fatalf("%s has no counter %s", node, name)
	return 0
}

// snmp reads one of the counters of the protocols, such as "Ip", "ReasmOKs".
func (n *network) snmp(node, protocol, name string) int {
	n.t.Helper()
	out := n.run(node, "nstat", "-asz", "--json", protocol+name)
	var body struct {
		Kernel map[string]int `json:"kernel"`
	}
	n.must(json.Unmarshal([]byte(out), &body))
	value, ok := body.Kernel[protocol+name]
	if !ok {
		n.t.Fatalf("%s has no counter %s%s: %s", node, protocol, name, out)
	}
	return value
}

// quickRetransmit is what a port of each make needs so that a test need not
// wait: BIRD sends its first description only with its retransmission timer,
// and FRR its second request when the first was answered during Exchange.
var quickRetransmit = map[string]string{"ecmpd": "", "frr": " ip ospf retransmit-interval 1\n", "bird": "retransmit 2; "}

// TestDatabaseLargerThanMTU fills a database until its description takes many
// packets, and its LSAs more, before the neighbour starts, on a link whose MTU
// is 1300 at both ends.
func TestDatabaseLargerThanMTU(t *testing.T) {
	const prefixes = 500
	for maker, text := range quickRetransmit {
		link := []port{{name: "eth0", text: text}}
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.must(n.Connect(n.end("a:eth0 10.0.0.1/30"), n.end("b:eth0 10.0.0.2/30"), narrowMTU))
			n.must(n.Connect(n.end("a:eth1 10.0.1.1/30"), n.end("c:eth0 10.0.1.2/30"), narrowMTU))
			var routes strings.Builder
			for i := range prefixes {
				fmt.Fprintf(&routes, "route add blackhole 172.16.%d.%d/30\n", i/64, i%64*4)
			}
			_, err := n.Node("a").RunInput(n.ctx, routes.String(), "ip", "-batch", "-")
			n.must(err)
			n.seat("ecmpd", "a", seat{id: "10.255.0.2", ports: []port{{name: "eth*"}},
				text: "  redistribute:\n    - {source: kernel, prefixes: [172.16.0.0/16 le 32]}\n"})
			n.wait("a announces its routes", func() (bool, string) {
				db, err := n.routers["a"].Database(n.ctx)
				return len(db) >= prefixes, fmt.Sprint(len(db), " LSAs ", err)
			})
			// a is master towards b and slave towards c (RFC 2328 10.6).
			n.seat(maker, "b", seat{id: "10.255.0.1", ports: link})
			n.seat(maker, "c", seat{id: "10.255.0.3", ports: link})
			n.full(2, "a")
			n.waitSame("a", "b", "c")
			for _, name := range []string{"b", "c"} {
				n.must(peer.Wait(n.ctx, n.routers[name], 1, map[netip.Prefix]int{netip.MustParsePrefix("172.16.7.204/30"): 1}))
			}
		})
	}
}

// wireWatch counts OSPF packets before the kernel puts fragments together.
const wireWatch = `
table ip watch {
	counter ospf {}
	counter fragments {}
	counter dont_fragment {}
	chain wire {
		type filter hook prerouting priority -450;
		ip protocol 89 counter name ospf
		ip protocol 89 ip frag-off & 0x3fff != 0 counter name fragments
		ip protocol 89 ip frag-off & 0x4000 != 0 counter name dont_fragment
	}
}
`

// TestRouterLSALargerThanMTU gives a hub so many tunnels that its router-LSA
// fits into no packet of theirs. An LSA is not split (RFC 2328 A.1): IP
// fragments carry it, to each make and, by way of it, to another ecmpd.
//
//	      .-frr---end-1
//	hub--+--bird--end-2
//	      '=far            65 tunnels
func TestRouterLSALargerThanMTU(t *testing.T) {
	t.Parallel()
	const tunnels = 65 // 24 bytes each
	n := newNetwork(t)
	wire := func(a, b string) { n.must(n.Connect(n.end(a), n.end(b), narrowMTU)) }
	for i := range tunnels {
		wire(fmt.Sprintf("hub:vpn%d 10.0.%d.1/30", i, i), fmt.Sprintf("far:vpn%d 10.0.%d.2/30", i, i))
	}
	wire("hub:vpn-frr 10.1.1.1/30", "frr:vpn1 10.1.1.2/30")
	wire("hub:vpn-bird 10.1.2.1/30", "bird:vpn1 10.1.2.2/30")
	wire("frr:vpn2 10.1.3.1/30", "end-1:vpn1 10.1.3.2/30")
	wire("bird:vpn2 10.1.4.1/30", "end-2:vpn1 10.1.4.2/30")
	all := []string{"hub", "far", "frr", "bird", "end-1", "end-2"}
	for _, name := range all {
		n.must(n.Node(name).Firewall(n.ctx, wireWatch))
	}
	ports := func(maker string) []port {
		return []port{{name: "vpn1", text: quickRetransmit[maker]}, {name: "vpn2", text: quickRetransmit[maker]}}
	}
	n.seat("ecmpd", "hub", seat{id: "10.255.0.1", ports: []port{{name: "vpn*"}}})
	n.seat("ecmpd", "far", seat{id: "10.255.0.2", ports: []port{{name: "vpn*"}}})
	n.full(tunnels, "hub", "far")
	// The others begin with the large LSA in their exchange.
	n.seat("ecmpd", "end-1", seat{id: "10.255.0.5", ports: []port{{name: "vpn1"}}})
	n.seat("ecmpd", "end-2", seat{id: "10.255.0.6", ports: []port{{name: "vpn1"}}})
	n.seat("frr", "frr", seat{id: "10.255.0.3", ports: ports("frr")})
	n.seat("bird", "bird", seat{id: "10.255.0.4", ports: ports("bird")})
	n.full(tunnels+2, "hub")
	n.waitSame(all...)
	for _, name := range []string{"end-1", "end-2"} {
		n.must(peer.Wait(n.ctx, n.routers[name], 1, map[netip.Prefix]int{netip.MustParsePrefix("10.0.64.0/30"): 1}))
	}
	for _, name := range all[1:] {
		if n.counter(name, "fragments") == 0 {
			t.Errorf("no OSPF packet reached %s in fragments: the router-LSA is too small for this test", name)
		}
	}
	for _, name := range []string{"far", "frr", "bird"} { // neighbours of an ecmpd
		if got := n.counter(name, "dont_fragment"); got > 0 {
			t.Errorf("%d of %d OSPF packets that reached %s forbid fragments", got, n.counter(name, "ospf"), name)
		}
	}
}
