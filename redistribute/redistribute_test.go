package redistribute

import (
	"math"
	"testing"

	"github.com/ecmpd/ecmpd/rib"
)

func TestTag(t *testing.T) {
	for as, want := range map[uint32]uint32{1: 0xE0000001, 65001: 0xE000FDE9, 65536: 0xE0005BA0, math.MaxUint32: 0xE0005BA0} {
		if got := Tag(as); got != want {
			t.Errorf("tag of AS %d is %08x, want %08x", as, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	r := Rules{Tags: []uint32{77}}
	for _, tt := range []struct {
		name      string
		route     rib.Route
		ospf, bgp bool
	}{
		{"connected", rib.Route{Protocol: rib.Connected}, false, true},
		{"static", rib.Route{Protocol: rib.Static, Discard: true}, false, true},
		{"kernel", rib.Route{Protocol: rib.Kernel}, false, true},
		{"uplinks", rib.Route{Protocol: rib.WAN}, false, false},
		{"OSPF", rib.Route{Protocol: rib.OSPF, Tag: 5}, false, true},
		{"OSPF, discard of a range", rib.Route{Protocol: rib.OSPF, Discard: true}, false, false},
		{"OSPF, from BGP", rib.Route{Protocol: rib.OSPF, Tag: Tag(65001)}, false, false},
		{"OSPF, from BGP by a tag of our own", rib.Route{Protocol: rib.OSPF, Tag: 77}, false, false},
		{"OSPF, from BGP of another AS", rib.Route{Protocol: rib.OSPF, Tag: Tag(65002)}, false, false},
		{"eBGP", rib.Route{Protocol: rib.BGP, Type: External}, true, false},
		{"iBGP", rib.Route{Protocol: rib.BGP, Type: Internal}, false, false},
	} {
		if got := r.IntoOSPF(tt.route); got != tt.ospf {
			t.Errorf("%s into OSPF: %v", tt.name, got)
		}
		if got := r.IntoBGP(tt.route); got != tt.bgp {
			t.Errorf("%s into BGP: %v", tt.name, got)
		}
	}
}

func TestMark(t *testing.T) {
	for _, p := range []rib.Protocol{rib.Connected, rib.Static, rib.Kernel, rib.OSPF} {
		mark, ok := Mark(65001, p)
		if !ok {
			t.Errorf("%s has no mark", p)
		}
		if want := map[rib.Protocol]string{rib.Connected: "65001:236:1", rib.Static: "65001:236:2", rib.Kernel: "65001:236:3", rib.OSPF: "65001:236:4"}[p]; mark.String() != want {
			t.Errorf("%s is marked %s, want %s", p, mark, want)
		}
	}
	if mark, ok := Mark(65001, rib.BGP); ok {
		t.Errorf("BGP is marked as %s", mark)
	}
}
