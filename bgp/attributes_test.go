package bgp

import (
	"net/netip"
	"testing"
)

func TestCommunities(t *testing.T) {
	for text, want := range map[string]Community{
		"65001:100": 65001<<16 | 100, "0:0": 0, "65535:65535": 0xFFFFFFFF,
		"no-export": NoExport, "blackhole": 0xFFFF029A, "graceful-shutdown": 0xFFFF0000,
	} {
		if c, err := ParseCommunity(text); err != nil || c != want || c.String() != text {
			t.Errorf("%s: %v, %v", text, c, err)
		}
	}
	if c, err := ParseCommunity("65535:65281"); err != nil || c != NoExport {
		t.Error(c, err)
	}
	for _, text := range []string{"", "1", "65536:1", "1:65536", "1:2:3", "-1:2", "no-exports"} {
		if c, err := ParseCommunity(text); err == nil {
			t.Errorf("%q is read as %s", text, c)
		}
	}
	if l, err := ParseLargeCommunity("4200000001:1:4294967295"); err != nil || l.String() != "4200000001:1:4294967295" {
		t.Error(l, err)
	}
	for _, text := range []string{"", "1:2", "1:2:4294967296", "1:2:3:4"} {
		if l, err := ParseLargeCommunity(text); err == nil {
			t.Errorf("%q is read as %s", text, l)
		}
	}
}

func TestAttributesText(t *testing.T) {
	a := Attributes{
		Origin: Incomplete, MED: 10, HasMED: true, LocalPref: 200, HasLocalPref: true, Aggregated: true,
		Communities: []Community{65001<<16 | 1, NoExport}, Large: []LargeCommunity{{1, 2, 3}}, LinkBandwidth: 125000,
		OriginatorID: netip.MustParseAddr("1.1.1.1"), ClusterList: []netip.Addr{netip.MustParseAddr("2.2.2.2")},
	}
	const want = "[{Origin: ?} {Med: 10} {LocalPref: 200} AtomicAggregate {Communities: 65001:1, no-export} {Originator: 1.1.1.1} {ClusterList: 2.2.2.2} {LinkBandwidth: 125000} {LargeCommunity: 1:2:3}]"
	if a.String() != want {
		t.Error(a.String())
	}
	if b := (Attributes{}); b.String() != "[{Origin: i}]" || b.Preference() != 100 || a.Preference() != 200 {
		t.Error(b.String())
	}
	b := a
	if !a.Equal(&b) {
		t.Error("a copy is equal")
	}
	b.HasMED = false
	if a.Equal(&b) {
		t.Error("no MED is not MED 10")
	}
}
