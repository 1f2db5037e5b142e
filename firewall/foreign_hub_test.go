package firewall

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
	for _, shape := range []string{
		"docker.iptables", "docker-20.10.iptables", "ufw.iptables", "ufw-0.36.iptables", "plain.iptables", "firewalld.nft", "firewalld-policies.nft", "operator.nft", "concatenations.nft",
	} {
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

// TestFollowLocalAgreesWithPackets: packets of the router itself and for it.
func TestFollowLocalAgreesWithPackets(t *testing.T) {
	n := newHub(t, "local")
	tap := newTap(t, n)
	for _, shape := range []string{"ufw-0.36.iptables", "firewalld-policies.nft", "router.nft"} {
		loaders := []string{"nft"}
		if strings.HasSuffix(shape, ".iptables") {
			loaders = []string{"iptables-nft", "iptables-legacy"}
		}
		for _, loader := range loaders {
			for name, packets := range map[string][]Packet{"to the router": packetsForRouter(200), "of the router": packetsOfRouter(200)} {
				t.Run(shape+"/"+name+"/"+loader, func(t *testing.T) {
					n.load(t, loader, shape, "", "")
					defer n.unload(t)
					mustApply(t, n.f, hubRules)
					if certain := n.compare(t, tap, packets); certain != 200 {
						t.Errorf("%d answers of 200 are certain", certain)
					}
				})
			}
		}
	}
}

// packetsForRouter come from the branches and the LAN.
func packetsForRouter(n int) []Packet {
	addresses := map[string]string{"vpn1": "10.9.1.1", "vpn2": "10.9.2.1", "lan": "192.168.1.1"}
	out := randomPackets(n)
	for i := range out {
		p := &out[i]
		p.Destination, p.DestinationType, p.Out = netip.MustParseAddr(addresses[p.In]), typeLocal, ""
	}
	return out
}

// packetsOfRouter go to the branches and the LAN.
func packetsOfRouter(n int) []Packet {
	addresses := map[string]string{"vpn1": "10.9.1.1", "vpn2": "10.9.2.1", "lan": "192.168.1.1"}
	out := randomPackets(n)
	for i := range out {
		p := &out[i]
		p.Source, p.SourceType, p.In = netip.MustParseAddr(addresses[p.Out]), typeLocal, ""
	}
	return out
}

// typeLocal is RTN_LOCAL.
const typeLocal = 2

// TestFollowStrangeRules: however a rule is written, what is foretold is certain and
// right.
func TestFollowStrangeRules(t *testing.T) {
	n := newHub(t, "strange")
	tap := newTap(t, n)
	for _, extra := range extras {
		t.Run(extra.name, func(t *testing.T) {
			n.load(t, "nft", "strange.nft", "", extra.nft)
			defer n.unload(t)
			mustApply(t, n.f, hubRules)
			if certain := n.compare(t, tap, randomPackets(400)); certain != 400 {
				t.Errorf("%d answers of 400 are certain", certain)
			}
		})
	}
}

// TestFollowZones: a packet that an earlier rule puts into a zone of conntrack stays tracked, whatever says notrack later.
func TestFollowZones(t *testing.T) {
	n := newHub(t, "zones")
	tap := newTap(t, n)
	for _, extra := range extras {
		t.Run(extra.name, func(t *testing.T) {
			n.load(t, "nft", "zones.nft", "", extra.nft)
			defer n.unload(t)
			mustApply(t, n.f, hubRules)
			packets := randomPackets(200)
			fates, certain := n.agree(t, tap, packets)
			if certain != 200 {
				t.Errorf("%d answers of 200 are certain", certain)
			}
			for i, f := range fates {
				if tracked, sure := f.Tracked(); packets[i].In == "vpn1" && !(tracked && sure && len(f.Untracked) == 0) {
					t.Fatalf("%+v is in a zone: tracked %v (certain %v), untracked by %v", packets[i], tracked, sure, f.Untracked)
				}
			}
		})
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

// compare is agree where everything asks for connection tracking, of all but transit.
func (n hubNet) compare(t *testing.T, tap *tap, packets []Packet) (certain int) {
	t.Helper()
	fates, certain := n.agree(t, tap, packets)
	for i, f := range fates {
		tracked, sure := f.Tracked()
		if want := !isTransit(packets[i]); !sure || tracked != want {
			t.Fatalf("%+v: tracked %v (certain %v), want %v", packets[i], tracked, sure, want)
		}
	}
	return certain
}

// agree sends one packet of each flow and wants the fate that was foretold. It
// returns how many answers were certain.
func (n hubNet) agree(t *testing.T, tap *tap, packets []Packet) (fates []Fate, certain int) {
	t.Helper()
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
	}
	t.Logf("%d of %d pass, %d certain, %d wrong", len(arrived), len(packets), certain, wrong)
	return fates, certain
}

func isTransit(p Packet) bool {
	return p.In != "lan" && p.Out != "lan" && p.In != "" && p.Out != "" && p.Destination != netip.MustParseAddr("10.10.2.77")
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
