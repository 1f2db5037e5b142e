package explain

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Routers of the tests: two branches with a LAN each, two hubs between them.
const (
	branch1 = packet.ID(0x01010101)
	branch2 = packet.ID(0x02020202)
	hubA    = packet.ID(0x0a0a0a0a)
	hubB    = packet.ID(0x0b0b0b0b)
)

// wire is a point-to-point link; cost 0 in a direction: not announced there.
type wire struct {
	a, b         packet.ID
	costA, costB uint16
}

func network(wires []wire, stubs map[packet.ID]string, others ...LSA) *Network {
	links := map[packet.ID][]packet.RouterLink{}
	for i, w := range wires {
		data := packet.ID(0xac100000 + 4*i)
		if w.costA > 0 {
			links[w.a] = append(links[w.a], packet.RouterLink{Type: packet.LinkPointToPoint, ID: w.b, Data: data + 1, Metric: w.costA})
		}
		if w.costB > 0 {
			links[w.b] = append(links[w.b], packet.RouterLink{Type: packet.LinkPointToPoint, ID: w.a, Data: data + 2, Metric: w.costB})
		}
	}
	for id, text := range stubs {
		for one := range strings.FieldsSeq(text) {
			p := netip.MustParsePrefix(one)
			links[id] = append(links[id], packet.RouterLink{Type: packet.LinkStub, ID: packet.IDFromAddr(p.Addr()), Data: packet.MaskOf(p.Bits()), Metric: 10})
		}
	}
	for id, l := range links {
		others = append(others, lsa(packet.LSRouter, id, id, packet.RouterLSA{Links: l}))
	}
	return NewNetwork(others)
}

func lsa(t packet.LSType, id, adv packet.ID, body packet.LSABody) LSA {
	h := packet.LSAHeader{Age: 1, Type: t, ID: id, Adv: adv, Seq: packet.InitialSeq}
	return LSA{Header: h, Raw: packet.BuildLSA(h, body)}
}

// both is the two-hub network with all links at one cost.
var both = []wire{{branch1, hubA, 10, 10}, {branch1, hubB, 10, 10}, {branch2, hubA, 10, 10}, {branch2, hubB, 10, 10}}

var lans = map[packet.ID]string{branch1: "10.10.1.0/24", branch2: "10.10.2.0/24"}

func TestFlow(t *testing.T) {
	replace := func(i int, w wire) []wire {
		out := append([]wire(nil), both...)
		out[i] = w
		return out
	}
	external := lsa(packet.LSExternal, 0x0a0a0200, hubA, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1})
	hashes := func(fingerprints ...byte) (list []LSA) {
		for i, id := range []packet.ID{branch1, branch2} {
			m := packet.Multipath{Able: true, Shared: true, Policy: 3, Fields: 0x37, MaxPaths: 16, Fingerprint: [packet.FingerprintLen]byte{fingerprints[i]}}
			list = append(list, lsa(packet.LSOpaqueArea, packet.RouterInfoID, id, packet.RouterInfoLSA{Multipath: &m}))
		}
		return list
	}
	for _, tt := range []struct {
		name              string
		net               *Network
		self, there, back packet.ID
		want, why         string
	}{
		{"hub, the branch has a choice", network(both, lans), hubA, branch2, branch1, NotProven, "2.2.2.2 chooses among 10.10.10.10 and 11.11.11.11"},
		{"branch, by its member", network(both, lans), branch1, hubB, 0, NotProven, "own hash"},
		{"far branch, by its member for the answer", network(both, lans), branch2, 0, hubA, NotProven, "1.1.1.1 chooses"},
		{"branch that knows no member", network(both, lans), branch1, 0, 0, NotProven, "not known which next hop"},
		{"both ends hash alike", network(both, lans, hashes(7, 7)...), hubA, branch2, branch1, Yes, "hash both directions alike"},
		{"ends with different keys", network(both, lans, hashes(7, 8)...), branch1, hubB, 0, NotProven, "by its own hash: other seed"},
		{"one way back", network(replace(3, wire{branch2, hubB, 20, 10}), lans), hubA, branch2, branch1, Yes, "no other next hop"},
		{"the other way back", network(replace(2, wire{branch2, hubA, 20, 10}), lans), hubA, branch2, branch1, No, "no shortest path"},
		{"branch, the other way back", network(replace(2, wire{branch2, hubA, 20, 10}), lans), branch1, hubA, 0, No, "no shortest path"},
		{"link gone", network(both[:3], lans), hubA, branch2, branch1, Yes, ""},
		{"no way", network(both[:2], lans), hubA, 0, branch1, NotProven, "no way from"},
		{"hub attaches the destination", network(both, map[packet.ID]string{branch1: "10.10.1.0/24", hubA: "10.10.2.0/24"}), branch1, hubA, 0, Yes, "attaches the destination"},
		{"LAN with two hubs", network(both, map[packet.ID]string{branch1: "10.10.1.0/24", hubA: "10.10.2.0/24", hubB: "10.10.2.0/24"}), branch1, hubA, 0, NotProven, "2 routers attach"},
		{"unknown destination", network(both, map[packet.ID]string{branch1: "10.10.1.0/24"}), hubA, branch2, branch1, NotProven, "no router of the area announces 10.10.2.2"},
		{"redistributed destination", network(both, map[packet.ID]string{branch1: "10.10.1.0/24", branch2: "10.10.0.0/16"}, external), hubA, branch2, branch1, NotProven, "no router of the area announces 10.10.2.2"},
		{"broken LSA", NewNetwork([]LSA{{Header: packet.LSAHeader{Type: packet.LSRouter, Adv: 1}, Raw: []byte{1}}}), hubA, 1, 1, NotProven, "announces 10.10.1.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.net.Flow(tt.self, tt.there, tt.back, netip.MustParseAddr("10.10.1.2"), netip.MustParseAddr("10.10.2.2"))
			if got.Same != tt.want || !strings.Contains(got.Why, tt.why) {
				t.Errorf("%s (%s), want %s (%s)", got.Same, got.Why, tt.want, tt.why)
			}
		})
	}
}

func TestHash(t *testing.T) {
	for _, tt := range []struct {
		hash     Hash
		protocol uint8
		text     string
		why      string // part; empty: predictable
	}{
		{Hash{0, 0}, 47, "source, destination", ""},
		{Hash{1, 0}, 6, "source, destination, protocol, source port, destination port, or a hash that the packet carries", "own hash"},
		{Hash{3, 0x37}, 6, "source, destination, protocol, source port, destination port", ""},
		{Hash{3, 0x37}, 47, "source, destination, protocol, source port, destination port", "protocol 47"},
		{Hash{3, 0}, 17, "nothing", ""},
		{Hash{2, 0}, 17, "source, destination; of a packet inside the packet where there is one", ""},
		{Hash{2, 0}, 4, "source, destination; of a packet inside the packet where there is one", "inside"},
		{Hash{9, 0}, 6, "what policy 9 says", "not known"},
	} {
		if got := tt.hash.String(); got != tt.text {
			t.Errorf("%+v: %q", tt.hash, got)
		}
		if got := tt.hash.Unpredictable(tt.protocol); (got == "") != (tt.why == "") || !strings.Contains(got, tt.why) {
			t.Errorf("%+v for %d: %q, want %q", tt.hash, tt.protocol, got, tt.why)
		}
	}
}

func TestShares(t *testing.T) {
	got := Shares([]int{1, 3}, []int{30, 70})
	if got[0] != (Share{30, 25, 30}) || got[1] != (Share{70, 75, 70}) {
		t.Errorf("%+v", got)
	}
	if got := Shares([]int{1}, []int{0}); got[0] != (Share{0, 100, 0}) {
		t.Errorf("%+v", got)
	}
}
