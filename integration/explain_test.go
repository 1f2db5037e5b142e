package integration

import (
	endian "encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/api"
)

// What explain says of 500 random flows on a branch router is where their
// packets are seen, under policies 0 and 3, with equal and unequal weights.
func TestExplainAgreesWithPackets(t *testing.T) {
	for _, tt := range []struct {
		name, hash string
		weight     string
	}{{"policy-0", "l3", ""}, {"policy-3", "l4", ""}, {"policy-3-weights", "l4", "3"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := startTwoHubs(t, "twohubs-ecmpd", func(node, config string) string {
				if node != "branch-1" {
					return config
				}
				config = strings.Replace(config, "hash: l4", "hash: "+tt.hash, 1)
				if tt.weight == "" {
					return config
				}
				own := `        - {match: vpn2, interface-type: point-to-point, cost: 10, hello-interval: 1s, dead-interval: 4s, ecmp-weight: ` + tt.weight + "}\n"
				return strings.Replace(config, "      interfaces:\n", "      interfaces:\n"+own, 1)
			})
			n.converge()
			tap := n.tap("branch-1", "vpn1", "vpn2")
			flows := randomQueries(500)
			left := n.watch("host-1", flows, tap)
			counts, wrong := map[string]int{}, 0
			for i, q := range flows {
				e := n.explain("branch-1", q)
				counts[e.Forward.Interface]++
				if e.Forward.Interface != left[i+1] {
					if wrong++; wrong < 5 {
						t.Errorf("%+v: explained %q, seen on %q", q, e.Forward.Interface, left[i+1])
					}
				}
			}
			t.Logf("%d of %d wrong, shares %v", wrong, len(flows), counts)
			if counts["vpn1"] < 80 || counts["vpn2"] < 80 {
				t.Errorf("shares %v", counts)
			}
		})
	}
}

// TestExplain follows one flow on every router of the two-hub network.
func TestExplain(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", nil)
	n.converge()
	q := api.ExplainQuery{
		Source: host1, Destination: netip.MustParseAddr("10.10.2.10"), Protocol: unix.IPPROTO_TCP,
		SourcePort: 40000, DestinationPort: 443, In: "lan", Sample: 1000,
	}
	e := n.explain("branch-1", q)
	f := e.Forward
	if f.Tracked || !f.TrackedCertain || !strings.Contains(f.TrackedBy, "nothing in the rulesets asks") {
		t.Errorf("a branch without rules tracks nothing: %+v", f)
	}
	if f.Rule != "32766: from all lookup main" || f.Table != "main" || f.Route != "10.10.2.0/24" || f.Group == 0 ||
		len(f.Members) != 2 || f.Interface == "" || f.Via == "" || f.RouterID == "0.0.0.0" || len(f.DroppedBy) > 0 {
		t.Errorf("forward %+v", f)
	}
	if e.Reverse.In != f.Interface || e.Reverse.Interface != "lan" || e.Reverse.Source != f.Destination {
		t.Errorf("reverse %+v", e.Reverse)
	}
	if e.SameHub != "not proven" || !strings.Contains(e.SameHubWhy, "own hash") {
		t.Errorf("same hub: %s, %s", e.SameHub, e.SameHubWhy)
	}
	if s := e.Sample; s.Flows != 1000 || len(s.Members) != 2 || s.Members[0].Flows < 400 || s.Members[1].Flows < 400 {
		t.Errorf("sample %+v", s)
	}

	q.In, q.Sample = "", 0
	h := n.explain("hub-a", q).Forward
	if h.In != "vpn1" || h.Interface != "vpn2" || h.Tracked || !h.TrackedCertain || !strings.Contains(h.TrackedBy, "inet ecmpd prerouting") || len(h.DroppedBy) > 0 {
		t.Errorf("hub %+v", h)
	}
	server := q
	server.Destination = netip.MustParseAddr("192.168.77.10")
	if h = n.explain("hub-a", server).Forward; !h.Tracked || !h.TrackedCertain || h.Interface != "lan" || len(h.DroppedBy) > 0 {
		t.Errorf("tracked network %+v", h)
	}
	server.Protocol, server.DestinationPort = unix.IPPROTO_UDP, 53
	if h = n.explain("hub-a", server).Forward; len(h.DroppedBy) != 1 || h.DroppedBy[0].Rule != "policy" || !h.DroppedBy[0].Certain {
		t.Errorf("what the hub's firewall does not let in: %+v", h)
	}

	n.explainLocal(q)

	// With one hub left the other branch has no choice.
	n.run("hub-b", "ip", "link", "set", "vpn2", "down")
	n.wait("one way back", func() (bool, string) {
		e := n.explain("hub-a", q)
		return e.SameHub == "yes", e.SameHub + ": " + e.SameHubWhy
	})
	n.explainErrors()
}

// explainLocal asks about packets for a router and of the router: they meet its input
// and output chains, and no group.
func (n *twoHubs) explainLocal(q api.ExplainQuery) {
	n.t.Helper()
	own := netip.MustParseAddr("10.0.11.1")
	n.run("hub-a", "nft", "add table inet router; add chain inet router input { type filter hook input priority 0; }; "+
		"add chain inet router output { type filter hook output priority 0; }; "+
		"add rule inet router input tcp dport 443 drop; add rule inet router output udp dport 443 ip daddr "+host1.String()+" drop")
	defer n.run("hub-a", "nft", "delete", "table", "inet", "router")
	dropped := func(d api.Direction, chain string) bool {
		return d.Tracked && d.TrackedCertain && len(d.DroppedBy) == 1 && d.DroppedBy[0].Certain && d.DroppedBy[0].Chain == chain
	}
	q.Destination = own
	if h := n.explain("hub-a", q).Forward; !dropped(h, "input") {
		n.t.Errorf("for the router %+v", h)
	}
	q.Source, q.Destination, q.Protocol = own, host1, unix.IPPROTO_UDP
	h := n.explain("hub-a", q).Forward
	if !dropped(h, "output") || h.In != "" || len(h.Members) != 1 {
		n.t.Errorf("of the router %+v", h)
	}
}

// explainErrors wants exit codes, and no member under hash policy 1.
func (n *twoHubs) explainErrors() {
	n.t.Helper()
	b := n.ecmpd("branch-1")
	command := func(args string) (int, string) {
		out, err := n.Node("branch-1").Run(n.ctx, append([]string{b.Binary(), "explain", "--socket", b.Socket()}, strings.Fields(args)...)...)
		if exit := new(exec.ExitError); err != nil && errors.As(err, &exit) {
			return exit.ExitCode(), err.Error()
		}
		return 0, out
	}
	for args, want := range map[string]int{
		"10.10.1.10 10.10.2.10 tcp 40000 443":                  0,
		"10.10.1.10 203.0.113.1 tcp 40000 443":                 4,
		"10.10.1.10 10.10.2.10 --in vpn9":                      4,
		"10.10.1.10 here":                                      2,
		"10.10.1.10 10.10.2.10 tcp 1":                          2,
		"10.10.1.10 10.10.2.10 tcp 40000 443 --in lan -o json": 0,
	} {
		if code, text := command(args); code != want {
			n.t.Errorf("explain %s: exit code %d, want %d: %s", args, code, want, text)
		}
	}
	if err := n.Node("branch-1").Sysctl("net.ipv4.fib_multipath_hash_policy", "1"); err != nil {
		n.t.Fatal(err)
	}
	n.wait("branch-1 has both hubs", func() (bool, string) {
		var body api.Explain
		_, text := command("10.10.1.10 10.0.12.2 tcp 1 2 -o json")
		err := json.Unmarshal([]byte(text), &body)
		return err == nil && len(body.Forward.Members) == 1, text
	})
	n.run("hub-b", "ip", "link", "set", "vpn2", "up")
	n.wait("no member under policy 1", func() (bool, string) {
		e := n.explain("branch-1", api.ExplainQuery{Source: host1, Destination: netip.MustParseAddr("10.10.2.10"), Protocol: 6, SourcePort: 1, DestinationPort: 2, Sample: 10})
		ok := len(e.Forward.Members) == 2 && e.Forward.Interface == "" && e.Forward.Via == "" &&
			strings.Contains(e.Forward.Why, "own hash") && e.Sample.Flows == 0 && e.SameHub == "not proven"
		return ok, e.Forward.Why
	})
}

func (n *twoHubs) explain(name string, q api.ExplainQuery) (e api.Explain) {
	n.t.Helper()
	n.get(name, api.PathExplain+"?"+q.Values().Encode(), &e)
	return e
}

func randomQueries(n int) []api.ExplainQuery {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]api.ExplainQuery, n)
	for i := range out {
		out[i] = api.ExplainQuery{
			Source:      netip.AddrFrom4([4]byte{10, 10, 1, byte(20 + r.IntN(200))}),
			Destination: netip.AddrFrom4([4]byte{10, 10, 2, byte(20 + r.IntN(200))}),
			Protocol:    []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP}[i%2], In: "lan",
			SourcePort: uint16(r.Uint32()), DestinationPort: uint16(r.Uint32()),
		}
	}
	return out
}

// watch sends one packet of each flow from a node and returns where each left:
// number, from 1, which is the IP identification → interface. What was lost on
// the way to the tap is sent again.
func (n *twoHubs) watch(from string, flows []api.ExplainQuery, tap tap) map[int]string {
	n.t.Helper()
	out := map[int]string{}
	var sent time.Time
	n.wait("packets", func() (bool, string) {
		tap.read(out)
		if len(out) < len(flows) && time.Since(sent) > time.Second {
			sent = time.Now()
			n.send(from, flows, func(number int) bool { return out[number] == "" })
		}
		return len(out) >= len(flows), fmt.Sprintf("%d of %d", len(out), len(flows))
	})
	return out
}

// send sends one packet of each flow whose number is wanted.
func (n *twoHubs) send(node string, flows []api.ExplainQuery, wanted func(number int) bool) {
	n.t.Helper()
	err := n.Node(node).Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for i, q := range flows {
			if !wanted(i + 1) {
				continue
			}
			if err := unix.Sendto(fd, datagram(q, i+1), 0, &unix.SockaddrInet4{Addr: q.Destination.As4()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// datagram is a packet of the flow for a raw socket, which adds the checksum.
func datagram(q api.ExplainQuery, number int) []byte {
	b := make([]byte, 40)
	b[0], b[8], b[9] = 0x45, 64, q.Protocol
	endian.BigEndian.PutUint16(b[2:], uint16(len(b)))
	endian.BigEndian.PutUint16(b[4:], uint16(number))
	src, dst := q.Source.As4(), q.Destination.As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	endian.BigEndian.PutUint16(b[20:], q.SourcePort)
	endian.BigEndian.PutUint16(b[22:], q.DestinationPort)
	if q.Protocol == unix.IPPROTO_UDP {
		endian.BigEndian.PutUint16(b[24:], 20)
	} else {
		b[32], b[33] = 5<<4, 2 // SYN
	}
	return b
}

// tap listens to what leaves through interfaces, as tcpdump does.
type tap map[string]int

func (n *twoHubs) tap(node string, names ...string) tap {
	n.t.Helper()
	out := tap{}
	for _, name := range names {
		err := n.Node(node).Do(func() error {
			link, err := net.InterfaceByName(name)
			if err != nil {
				return err
			}
			const all = 0x0300 // ETH_P_ALL in network order: what goes out is seen by it alone
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, all)
			if err != nil {
				return err
			}
			out[name] = fd
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
				return err
			}
			return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index})
		})
		if err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(func() { unix.Close(out[name]) })
	}
	return out
}

// read notes the packets between the branch LANs that were heard: number → interface.
func (p tap) read(into map[int]string) {
	buf := make([]byte, 2000)
	for name, fd := range p {
		for {
			size, from, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
			if err != nil {
				break
			}
			sent := from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING
			if sent && size >= 40 && string(buf[12:15]) == "\x0a\x0a\x01" && string(buf[16:19]) == "\x0a\x0a\x02" {
				into[int(endian.BigEndian.Uint16(buf[4:]))] = name
			}
		}
	}
}
