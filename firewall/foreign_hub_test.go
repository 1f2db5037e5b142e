package firewall

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// extras are what operators put at the head of their chain: as iptables has it
// and as nft has it.
var extras = []struct{ name, iptables, nft string }{
	{"as it is", "", ""},
	{"invalid dropped", "-m conntrack --ctstate INVALID -j DROP", "ct state invalid drop"},
	{"untracked dropped", "-m conntrack --ctstate INVALID,UNTRACKED -j DROP", "ct state invalid,untracked drop"},
	{"untracked accepted", "-m conntrack --ctstate UNTRACKED -j ACCEPT", "ct state untracked accept"},
}

// TestFollowAgreesWithPackets loads rulesets of other people's making, with and
// without a rule for untracked packets, and compares for 200 random flows what
// Follow says with what becomes of a packet. None of these rulesets asks anything that
// cannot be known, so every answer is certain.
func TestFollowAgreesWithPackets(t *testing.T) {
	n := newHub(t, "follow")
	tap := newTap(t, n)
	for _, shape := range []string{"docker.iptables", "ufw.iptables", "plain.iptables", "firewalld.nft", "operator.nft"} {
		for _, extra := range extras {
			loaders := []string{"nft"}
			if strings.HasSuffix(shape, ".iptables") {
				loaders = []string{"iptables-nft", "iptables-legacy"}
			}
			for _, loader := range loaders {
				t.Run(shape+"/"+extra.name+"/"+loader, func(t *testing.T) {
					n.load(t, loader, shape, extra.iptables, extra.nft)
					defer n.unload(t)
					mustApply(t, n.f, hubRules)
					if certain := n.compare(t, tap, randomPackets(200)); certain != 200 {
						t.Errorf("%d answers of 200 are certain", certain)
					}
				})
			}
		}
	}
}

// TestFollowBothIptables loads two programs' rules at once: both hooks drop.
func TestFollowBothIptables(t *testing.T) {
	n := newHub(t, "both")
	tap := newTap(t, n)
	n.load(t, "iptables-legacy", "plain.iptables", extras[3].iptables, "")
	defer n.unload(t)
	n.hub.exec(t, "iptables-nft", "-A", "FORWARD", "-p", "udp", "-m", "udp", "--dport", "40000:", "-j", "DROP")
	mustApply(t, n.f, hubRules)
	if certain := n.compare(t, tap, randomPackets(200)); certain != 200 {
		t.Errorf("%d answers of 200 are certain", certain)
	}
}

// TestFollowWithoutKnowing: marks, rates, quotas, sets that fill themselves. What is
// said for certain is right, and the rest is left open.
func TestFollowWithoutKnowing(t *testing.T) {
	n := newHub(t, "guess")
	tap := newTap(t, n)
	for _, extra := range extras {
		t.Run(extra.name, func(t *testing.T) {
			n.load(t, "nft", "guess.nft", "", extra.nft)
			defer n.unload(t)
			mustApply(t, n.f, hubRules)
			if certain := n.compare(t, tap, randomPackets(200)); certain < 20 || certain > 190 {
				t.Errorf("%d answers of 200 are certain", certain)
			}
		})
	}
}

// compare sends one packet of each flow and wants the fate that was foretold. It
// returns how many answers were certain.
func (n hubNet) compare(t *testing.T, tap *tap, packets []Packet) (certain int) {
	t.Helper()
	var fates []Fate
	if err := n.hub.do(func() (err error) { fates, err = n.f.Follow(packets...); return err }); err != nil {
		t.Fatal(err)
	}
	passes := 0 // at least
	for _, f := range fates {
		if len(f.Drops) == 0 {
			passes++
		}
	}
	arrived := tap.arrived(t, n, packets, passes)
	wrong := 0
	for i, f := range fates {
		dropped, sure := f.Dropped()
		if sure {
			certain++
		}
		if sure && dropped == arrived[i] {
			if wrong++; wrong < 4 {
				t.Errorf("%+v: arrived %v, foretold %+v", packets[i], arrived[i], f)
			}
		}
		tracked, sure := f.Tracked()
		if want := !isTransit(packets[i]); !sure || tracked != want {
			t.Fatalf("%+v: tracked %v (certain %v), want %v", packets[i], tracked, sure, want)
		}
	}
	t.Logf("%d of %d pass, %d certain, %d wrong", len(arrived), len(packets), certain, wrong)
	return certain
}

func isTransit(p Packet) bool {
	return p.In != "lan" && p.Out != "lan" && p.Destination != netip.MustParseAddr("10.10.2.77")
}

// load loads a ruleset of testdata/foreign with a rule more.
func (n hubNet) load(t *testing.T, loader, shape, extraIptables, extraNft string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "foreign", shape))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	n.hub.nft(t, "flush ruleset")
	if loader == "nft" {
		n.hub.nft(t, strings.Replace(text, "EXTRA", extraNft, 1))
		return
	}
	before, after, _ := strings.Cut(text, "EXTRA ")
	chain, after, _ := strings.Cut(after, "\n")
	if extraIptables != "" {
		before += "-A " + chain + " " + extraIptables + "\n"
	}
	cmd := exec.Command("ip", "netns", "exec", string(n.hub), loader+"-restore")
	cmd.Stdin = strings.NewReader(before + after)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", loader, err, out)
	}
}

func (n hubNet) unload(t *testing.T) {
	t.Helper()
	n.hub.nft(t, "flush ruleset")
	const empty = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n*nat\nCOMMIT\n*mangle\nCOMMIT\n*raw\nCOMMIT\n"
	cmd := exec.Command("ip", "netns", "exec", string(n.hub), "iptables-legacy-restore")
	cmd.Stdin = strings.NewReader(empty)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("iptables-legacy-restore: %v\n%s", err, out)
	}
}

// randomPackets are first packets between the branches and the LAN, in every
// direction.
func randomPackets(n int) []Packet {
	r := rand.New(rand.NewPCG(1, 2))
	networks := map[string][3]byte{"vpn1": {10, 10, 1}, "vpn2": {10, 10, 2}, "lan": {192, 168, 1}}
	ways := [][2]string{{"vpn1", "vpn2"}, {"vpn2", "vpn1"}, {"vpn1", "vpn2"}, {"vpn2", "vpn1"}, {"lan", "vpn1"}, {"vpn1", "lan"}, {"vpn2", "lan"}}
	address := func(link string) netip.Addr {
		b := networks[link]
		return netip.AddrFrom4([4]byte{b[0], b[1], b[2], byte(3 + r.IntN(250))})
	}
	port := func() uint16 {
		if r.IntN(3) == 0 {
			return []uint16{22, 53, 80, 443, 8080, 1023}[r.IntN(6)]
		}
		return uint16(1 + r.IntN(65535))
	}
	out := make([]Packet, n)
	for i := range out {
		way := ways[r.IntN(len(ways))]
		out[i] = Packet{
			In: way[0], Out: way[1], Source: address(way[0]), Destination: address(way[1]), SourceType: typeUnicast, DestinationType: typeUnicast,
			Protocol: []uint8{protocolTCP, protocolUDP}[i%2], SourcePort: port(), DestinationPort: port(),
		}
		if way[1] == "lan" {
			out[i].Destination = netip.MustParseAddr("192.168.1.2") // the one that answers ARP
		}
		if i%20 == 0 && way[1] == "vpn2" {
			out[i].Destination = netip.MustParseAddr("10.10.2.77") // stays tracked
		}
	}
	return out
}

// tap sends packets into the hub and sees those that come out.
type tap struct {
	send map[string]int // raw sockets beyond a link of the hub
	see  map[string]int // packet sockets there
}

func newTap(t *testing.T, n hubNet) *tap {
	t.Helper()
	out := &tap{map[string]int{}, map[string]int{}}
	for link, s := range map[string]space{"vpn1": n.a, "vpn2": n.b, "lan": n.c} {
		err := s.do(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
			if err != nil {
				return err
			}
			out.send[link] = fd
			i, err := net.InterfaceByName("hub")
			if err != nil {
				return err
			}
			const ipv4 = 0x0008 // ETH_P_IP in network order
			if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, ipv4); err != nil {
				return err
			}
			out.see[link] = fd
			return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: ipv4, Ifindex: i.Index})
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(out.send[link]); unix.Close(out.see[link]) })
	}
	return out
}

// arrived sends a packet of each flow and tells which came out at the other
// side. A last one, after the rulesets are gone, closes the round: what was to come has come.
func (p *tap) arrived(t *testing.T, n hubNet, packets []Packet, expected int) map[int]bool {
	t.Helper()
	out := map[int]bool{}
	read := func() {
		buf := make([]byte, 2000)
		for _, fd := range p.see {
			for {
				size, from, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
				if err != nil {
					break
				}
				link, ok := from.(*unix.SockaddrLinklayer)
				if ok && link.Pkttype != unix.PACKET_OUTGOING && size >= 28 && buf[9] != unix.IPPROTO_ICMP && buf[8] == 63 {
					out[int(binary.BigEndian.Uint16(buf[4:]))-1] = true
				}
			}
		}
	}
	read()
	clear(out) // of the round before
	for i, q := range packets {
		p.put(t, q, i+1)
		read()
	}
	eventually(t, "the packets that pass", func() bool { read(); return len(out) >= expected }, func() string { return fmt.Sprintf("%d of %d", len(out), expected) })
	n.unload(t)
	last := len(packets)
	q := packets[0]
	q.In, q.Out = "vpn1", "vpn2"
	q.Source, q.Destination = netip.MustParseAddr("10.10.1.1"), netip.MustParseAddr("10.10.2.1")
	p.put(t, q, last+1)
	eventually(t, "the last packet", func() bool { read(); return out[last] }, func() string { return "" })
	delete(out, last)
	return out
}

func (p *tap) put(t *testing.T, q Packet, number int) {
	t.Helper()
	b := make([]byte, 40)
	b[0], b[8], b[9] = 0x45, 64, q.Protocol
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[4:], uint16(number))
	src, dst := q.Source.As4(), q.Destination.As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	binary.BigEndian.PutUint16(b[20:], q.SourcePort)
	binary.BigEndian.PutUint16(b[22:], q.DestinationPort)
	if q.Protocol == protocolUDP {
		binary.BigEndian.PutUint16(b[24:], 20)
	} else {
		b[32], b[33] = 5<<4, tcpSYN
		binary.BigEndian.PutUint16(b[36:], tcpChecksum(b))
	}
	if err := unix.Sendto(p.send[q.In], b, 0, &unix.SockaddrInet4{Addr: dst}); err != nil {
		t.Fatal(err)
	}
}

// tcpChecksum is that of RFC 9293 3.1: conntrack calls a packet with a wrong one invalid.
func tcpChecksum(b []byte) uint16 {
	sum := uint32(unix.IPPROTO_TCP) + uint32(len(b)-20)
	for i := 12; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
