package fib

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/nexthop"
)

// through is a hub that packets come into by v2, whose far end is w2.
type through struct {
	*hub
	names    map[int]string // of links, by index
	resolver *Resolver
	in       int // index of v2
	inject   int // socket on w2
	capture  map[string]int
	toHub    net.HardwareAddr
}

func newThrough(t *testing.T) *through {
	h := newHub(t)
	h.ip("link add v2 type veth peer name w2", "link set w2 up", "link set v2 up", "addr add 10.0.2.1/24 dev v2",
		"neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent",
		"neigh add 10.0.1.2 lladdr 02:00:00:00:01:02 dev v1 nud permanent",
		"route add 10.10.0.0/16 dev v2")
	h.setting("ip_forward", "1")
	h.setting("fib_multipath_hash_seed", "77")
	h.setting("fib_multipath_hash_fields", "55")
	for _, name := range []string{"all", "v2"} {
		h.setting("conf."+name+".rp_filter", "0")
	}
	n := &through{hub: h, capture: map[string]int{"v0": h.socket("w0"), "v1": h.socket("w1")}, inject: h.socket("w2")}
	v2, err := net.InterfaceByName("v2")
	if err != nil {
		t.Fatal(err)
	}
	n.in, n.toHub, n.names = v2.Index, v2.HardwareAddr, map[int]string{}
	for _, name := range []string{"v0", "v1"} {
		link, err := net.InterfaceByName(name)
		if err != nil {
			t.Fatal(err)
		}
		n.names[link.Index] = name
	}
	if n.resolver, err = OpenResolver(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.resolver.Close)
	return n
}

// setting writes a kernel setting by way of the namespace's name: a sub-test runs
// on a thread that is not inside.
func (h *hub) setting(name, value string) {
	h.Helper()
	h.ip("netns exec " + h.name + " sysctl -qw net.ipv4." + name + "=" + value)
}

// socket opens a packet socket for IPv4 on a link.
func (h *hub) socket(name string) int {
	h.Helper()
	link, err := net.InterfaceByName(name)
	if err != nil {
		h.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { unix.Close(fd) })
	const ipv4 = 0x0008 // ETH_P_IP in network order
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ipv4, Ifindex: link.Index}); err != nil {
		h.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 1000}); err != nil {
		h.Fatal(err)
	}
	return fd
}

// frame is a flow's packet on its way into v2; the flow's number is its IP
// identification.
func (n *through) frame(f Flow, number int) []byte {
	src, dst := f.Source.As4(), f.Destination.As4()
	payload := make([]byte, 20)
	binary.BigEndian.PutUint16(payload, f.SourcePort)
	binary.BigEndian.PutUint16(payload[2:], f.DestinationPort)
	payload[12], payload[13] = 5<<4, 2 // TCP: SYN
	switch f.Protocol {
	case unix.IPPROTO_UDP:
		payload = payload[:8]
		payload[5] = 8
	case unix.IPPROTO_ICMP:
		payload = []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}
	}
	ip := []byte{0x45, 0, 0, byte(20 + len(payload)), byte(number >> 8), byte(number), 0, 0, 64, f.Protocol, 0, 0}
	ip = append(append(ip, src[:]...), dst[:]...)
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
	frame := append(append([]byte{}, n.toHub...), 2, 0, 0, 0, 9, 9, 8, 0)
	return append(append(frame, ip...), payload...)
}

// left sends one packet of each flow and tells through which link each left.
func (n *through) left(flows []Flow) map[int]string {
	out := map[int]string{}
	read := func() {
		buf := make([]byte, 2000)
		for name, fd := range n.capture {
			for {
				size, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
				if err != nil {
					break
				}
				if size > 34 && buf[26] == 10 && buf[27] == 10 {
					out[int(binary.BigEndian.Uint16(buf[18:]))] = name
				}
			}
		}
	}
	for i, f := range flows {
		if err := unix.Send(n.inject, n.frame(f, i), 0); err != nil {
			n.Fatal(err)
		}
		if i%20 == 0 {
			read()
		}
	}
	for deadline := time.Now().Add(5 * time.Second); len(out) < len(flows) && time.Now().Before(deadline); {
		read()
	}
	return out
}

func randomFlows(n int, in int, protocols ...uint8) []Flow {
	r := rand.New(rand.NewPCG(7, 7))
	flows := make([]Flow, n)
	for i := range flows {
		flows[i] = Flow{
			Source:      netip.AddrFrom4([4]byte{10, 10, byte(r.Uint32()), byte(r.UintN(254) + 1)}),
			Destination: netip.AddrFrom4([4]byte{10, 20, byte(r.Uint32()), byte(r.UintN(254) + 1)}),
			Protocol:    protocols[i%len(protocols)], SourcePort: uint16(r.Uint32()), DestinationPort: uint16(r.Uint32()), In: in,
		}
	}
	return flows
}

// What the kernel answers about 500 flows is where their packets go, with plain
// groups and weights, by objects and by hops in the route itself.
func TestResolveAgreesWithPackets(t *testing.T) {
	n := newThrough(t)
	prefix := netip.MustParsePrefix("10.20.0.0/16")
	for _, group := range []struct {
		name string
		make func()
	}{
		{"plain", func() { n.set(prefix.String(), setAB); n.sync() }},
		{"weights", func() { n.set(prefix.String(), nexthop.NewSet(hop(legA, 1), hop(legB, 3))); n.sync() }},
		{"route", func() {
			n.table.Delete(prefix)
			n.sync()
			n.ip("route add 10.20.0.0/16 nexthop via 10.0.0.2 weight 2 nexthop via 10.0.1.2 weight 1")
		}},
	} {
		group.make()
		for _, policy := range []string{"0", "3"} {
			t.Run(group.name+"/policy-"+policy, func(t *testing.T) {
				n.setting("fib_multipath_hash_policy", policy)
				flows := randomFlows(500, n.in, unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_ICMP)
				left := n.left(flows)
				share, wrong := map[string]int{}, 0
				for i, f := range flows {
					d, err := n.resolver.Resolve(f)
					if err != nil {
						t.Fatal(err)
					}
					link := n.names[d.Ifindex]
					share[link]++
					if left[i] != link {
						if wrong++; wrong < 5 {
							t.Errorf("%+v: the kernel says %q, the packet left through %q", f, link, left[i])
						}
					}
					if d.Prefix != prefix || d.Table != 254 || d.Type != unix.RTN_UNICAST || !d.Gateway.IsValid() {
						t.Fatalf("%+v: %+v", f, d)
					}
					if (d.Group != 0) != (group.name != "route") || d.Group == 0 && d.Hops != 2 {
						t.Fatalf("group or hops: %+v", d)
					}
				}
				t.Logf("of 500: %d wrong, shares %v", wrong, share)
				if share["v0"] < 60 || share["v1"] < 60 {
					t.Errorf("shares %v", share)
				}
			})
		}
	}
}

func TestResolveRefusals(t *testing.T) {
	n := newThrough(t)
	f := Flow{Source: netip.MustParseAddr("10.10.0.1"), Destination: netip.MustParseAddr("10.20.0.1"), Protocol: unix.IPPROTO_TCP, In: n.in}
	if _, err := n.resolver.Resolve(f); !errors.Is(err, ErrNoRoute) {
		t.Errorf("no route: %v", err)
	}
	n.ip("route add blackhole 10.20.0.0/16")
	if _, err := n.resolver.Resolve(f); !errors.Is(err, ErrNoRoute) {
		t.Errorf("blackhole: %v", err)
	}
	n.ip("route del blackhole 10.20.0.0/16", "route add 10.20.0.0/16 via 10.0.0.2", "route del 10.10.0.0/16", "route add 10.10.0.0/16 via 10.0.1.2")
	n.setting("conf.v2.rp_filter", "1")
	if _, err := n.resolver.Resolve(f); !errors.Is(err, ErrSource) {
		t.Errorf("strict rp_filter: %v", err)
	}
	f.Destination = netip.MustParseAddr("10.0.0.1")
	n.setting("conf.v2.rp_filter", "0")
	if d, err := n.resolver.Resolve(f); err != nil || d.Type != unix.RTN_LOCAL {
		t.Errorf("own address: %+v, %v", d, err)
	}
	f.In = 0
	f.Source, f.Destination = netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.20.0.1")
	if d, err := n.resolver.Resolve(f); err != nil || d.Gateway.String() != "10.0.0.2" {
		t.Errorf("own packet: %+v, %v", d, err)
	}
}

// The rule that is named is the one that decided.
func TestRuleOf(t *testing.T) {
	n := newThrough(t)
	n.ip("route add 10.20.0.0/16 via 10.0.0.2", "route add 10.20.0.0/16 via 10.0.1.2 table 77", "route add default via 10.0.1.2 table 78",
		"rule add pref 100 from 10.10.5.0/24 lookup 77", "rule add pref 110 iif v2 ipproto tcp dport 443 lookup 77",
		"rule add pref 120 fwmark 5 lookup 77", "rule add pref 130 lookup main suppress_prefixlength 0",
		"rule add pref 140 not to 10.20.0.0/16 lookup 78", "rule add pref 150 tos 0x10 lookup 77")
	rules, err := n.resolver.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		source, destination string
		port                uint16
		want                string
	}{
		{"10.10.5.1", "10.20.0.1", 80, "100: from 10.10.5.0/24 lookup 77"},
		{"10.10.6.1", "10.20.0.1", 443, "110: from all iif v2 ipproto 6 dport 443-443 lookup 77"},
		{"10.10.6.1", "10.20.0.1", 80, "130: from all lookup main suppress_prefixlength 0"},
		{"10.10.6.1", "172.16.0.1", 80, "140: not from all to 10.20.0.0/16 lookup 78"},
		{"10.10.6.1", "10.0.0.1", 80, "0: from all lookup local"},
	} {
		f := Flow{Source: netip.MustParseAddr(tt.source), Destination: netip.MustParseAddr(tt.destination), Protocol: 6, SourcePort: 1, DestinationPort: tt.port, In: n.in}
		d, err := n.resolver.Resolve(f)
		if err != nil {
			t.Errorf("%+v: %v", f, err)
			continue
		}
		r, certain, ok := RuleOf(rules, f, "v2", d)
		if r.String() != tt.want || !certain || !ok {
			t.Errorf("%s → %s:%d: %q certain %v, want %q\nof %s", tt.source, tt.destination, tt.port, r, certain, tt.want, lines(rules))
		}
	}
}

func lines(rules []Rule) string {
	var b strings.Builder
	for _, r := range rules {
		fmt.Fprintf(&b, "%s\n", r)
	}
	return b.String()
}
