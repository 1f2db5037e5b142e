package integration

import (
	"net/netip"
	"slices"
	"testing"
)

// TestFilters has an area border router keep networks from areas: FRR with filter lists and ecmpd with export-list and
// import-list tell the backbone and the area the same, and FRR and BIRD beside them route the same.
//
//	core ── backbone ── border ── area 1 ── inside
func TestFilters(t *testing.T) {
	t.Parallel()
	const frr = `ip prefix-list OUT permit 172.17.0.0/23 le 24
ip prefix-list IN permit 172.16.0.0/24
router ospf
 area 0.0.0.1 filter-list prefix OUT out
 area 0.0.0.1 filter-list prefix IN in
`
	for _, c := range []struct{ core, border, inside string }{
		{"bird", "frr", "ecmpd"}, {"frr", "ecmpd", "bird"}, {"bird", "ecmpd", "frr"},
	} {
		t.Run(c.core+"-"+c.border+"-"+c.inside, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("core:a 10.1.0.1/30", "border:core 10.1.0.2/30")
			n.wire("inside:a 10.2.0.1/30", "border:inside 10.2.0.2/30")
			for i, net := range []string{"172.16.0.1/24", "172.16.1.1/24"} {
				n.wire("core:net"+string(rune('0'+i))+" "+net, "hostcore"+string(rune('0'+i))+":eth0")
			}
			for i, net := range []string{"172.17.0.1/24", "172.17.1.1/24", "172.17.2.1/24"} {
				n.wire("inside:net"+string(rune('0'+i))+" "+net, "hostin"+string(rune('0'+i))+":eth0")
			}
			const area = "0.0.0.1"
			n.seat(c.core, "core", seat{id: "10.255.0.1", ports: []port{{name: "a"}, {name: "net0", passive: true}, {name: "net1", passive: true}}})
			border := seat{id: "10.255.0.2", ports: []port{{name: "core"}, {name: "inside", area: area}}}
			switch c.border {
			case "frr":
				border.text = frr
			case "ecmpd":
				border.kinds = map[string]areaKind{area: {exports: []string{"172.17.0.0/23 le 24"}, imports: []string{"172.16.0.0/24"}}}
			}
			n.seat(c.border, "border", border)
			n.seat(c.inside, "inside", seat{id: "10.255.0.3", ports: []port{{name: "a", area: area},
				{name: "net0", area: area, passive: true}, {name: "net1", area: area, passive: true}, {name: "net2", area: area, passive: true}}})
			n.waitKernel("core", "0.0.0.0/0", routes("172.17.0.0/24: 10.1.0.2 dev a\n172.17.1.0/24: 10.1.0.2 dev a"))
			n.waitKernel("inside", "0.0.0.0/0", routes("172.16.0.0/24: 10.2.0.2 dev a"))
			for node, want := range map[string]map[string]string{
				"core":   {"172.17.0.0/24": "inter-area 30", "172.17.1.0/24": "inter-area 30"},
				"inside": {"172.16.0.0/24": "inter-area 30"},
			} {
				got, err := n.ospfTable(node)
				n.must(err)
				for prefix, route := range want {
					if got[netip.MustParsePrefix(prefix)] != route {
						t.Errorf("%s on %s is %q, want %q", prefix, node, got[netip.MustParsePrefix(prefix)], route)
					}
				}
			}
		})
	}
}

// TestTranslatorElection kills the border router that translates an NSSA: the other one, of whatever make, takes over,
// and when the first one is back it translates again (RFC 3101 3.1). The backbone's route stays the same.
func TestTranslatorElection(t *testing.T) {
	t.Parallel()
	kind := areaKind{kind: "nssa", defaultCost: 7}
	announced := []external{{prefix: "203.0.113.0/24", metric: 5, type1: true}}
	for _, b := range []borders{{"frr", "bird", "ecmpd", "ecmpd"}, {"bird", "ecmpd", "frr", "ecmpd"}, {"frr", "ecmpd", "ecmpd", "bird"}} {
		t.Run(b.String(), func(t *testing.T) {
			t.Parallel()
			n := newBorders(t, b, kind, announced, 10)
			both := routes("203.0.113.0/24: 10.1.0.2 dev a, 10.1.0.6 dev b")
			n.translatedBy("10.255.0.3") // the larger router id
			n.waitKernel("core", "203.0.113.0/24", both)
			n.routers["two"].Kill()
			n.translatedBy("10.255.0.2")
			n.waitKernel("core", "203.0.113.0/24", routes("203.0.113.0/24: 10.1.0.2 dev a"))
			n.must(n.routers["two"].Start(n.ctx))
			n.waitKernel("core", "203.0.113.0/24", both)
			n.translatedBy("10.255.0.3")
		})
	}
}

// translatedBy waits until core has the translated external of one router that it can be reached through.
func (n *network) translatedBy(id string) {
	n.t.Helper()
	n.wait("translation by "+id, func() (bool, string) {
		db, err := n.routers["core"].Database(n.ctx)
		if err != nil {
			return false, err.Error()
		}
		var by []string
		for _, l := range db {
			if l.Type == 5 && l.ID.String() == "203.0.113.0" {
				by = append(by, l.AdvertisingRouter.String())
			}
		}
		return slices.Contains(by, id), lsaLines(db)
	})
}
