package integration

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
)

// TestEqualCostASBRs announces the same prefixes from two routers of one make
// on one LAN; every make that looks on must use both.
//
//	asbr1 .11   asbr2 .12      ecmpd .1   frr .2   bird .3
//	----+-----------+-------------+---------+--------+----  10.1.0.0/24
func TestEqualCostASBRs(t *testing.T) {
	for asbr := range makes {
		t.Run(asbr, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.lan("lan", "asbr1:eth0 10.1.0.11/24", "asbr2:eth0 10.1.0.12/24",
				"ecmpd:eth0 10.1.0.1/24", "frr:eth0 10.1.0.2/24", "bird:eth0 10.1.0.3/24")
			lan := func(priority int) []port { return []port{{name: "eth0", lan: true, priority: priority}} }
			for i := 1; i <= 2; i++ {
				n.seat(asbr, fmt.Sprintf("asbr%d", i), seat{id: fmt.Sprintf("10.255.0.1%d", i), ports: lan(3 - i), externals: []external{
					{prefix: "172.16.1.0/24", metric: 20, tag: 7},
					{prefix: "172.16.2.0/24", metric: 20, type1: true},
					{prefix: "172.16.3.0/24", metric: 10 * i},
				}})
			}
			for i, maker := range []string{"ecmpd", "frr", "bird"} {
				n.seat(maker, maker, seat{id: fmt.Sprintf("10.255.0.%d", i+1), ports: lan(0)})
			}
			for _, viewer := range []string{"ecmpd", "frr", "bird"} {
				n.waitKernel(viewer, "172.16.0.0/16", routes(`
					172.16.1.0/24: 10.1.0.11 dev eth0, 10.1.0.12 dev eth0
					172.16.2.0/24: 10.1.0.11 dev eth0, 10.1.0.12 dev eth0
					172.16.3.0/24: 10.1.0.11 dev eth0`))
			}
			n.waitSame("ecmpd", "frr", "bird", "asbr1", "asbr2")

			// One of the two dies and the routes stay, over the other.
			n.routers["asbr1"].Kill()
			for _, viewer := range []string{"ecmpd", "frr", "bird"} {
				n.waitKernel(viewer, "172.16.0.0/16", routes(`
					172.16.1.0/24: 10.1.0.12 dev eth0
					172.16.2.0/24: 10.1.0.12 dev eth0
					172.16.3.0/24: 10.1.0.12 dev eth0`))
			}
		})
	}
}

// TestExternalRoutes compares ecmpd's choice among externals (RFC 2328 16.4)
// with what the section says and with FRR in the same seat: both look on from
// the same two LANs.
//
//	a1 FRR .11  a2 BIRD .12   ecmpd .1  frr .2
//	---+------------+------------+--------+----  10.1.0.0/24, cost 10
//	                             |        |
//	---+-------------------------+--------+----  10.2.0.0/24, cost 20
//	a3 ecmpd .13
func TestExternalRoutes(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.lan("lan1", "a1:eth0 10.1.0.11/24", "a2:eth0 10.1.0.12/24", "ecmpd:eth0 10.1.0.1/24", "frr:eth0 10.1.0.2/24")
	n.lan("lan2", "a3:eth1 10.2.0.13/24", "ecmpd:eth1 10.2.0.1/24", "frr:eth1 10.2.0.2/24")
	lan1 := []port{{name: "eth0", lan: true, priority: 1}}
	n.seat("frr", "a1", seat{id: "10.255.0.11", ports: lan1, externals: []external{
		{prefix: "172.16.2.0/24", metric: 20},
		{prefix: "172.16.3.0/24", metric: 1},
		{prefix: "172.16.4.0/24", metric: 20, type1: true},
		{prefix: "172.16.5.0/24", metric: 20, tag: 4711},
		{prefix: "172.16.6.0/24", metric: 20, via: "10.1.0.50"},
		{prefix: "172.16.7.0/24", metric: 20, via: "10.1.0.50"},
		{prefix: "172.16.8.0/24", metric: 20, via: "10.1.0.50"},
		{prefix: "172.16.9.0/24", metric: 5, type1: true, via: "10.1.0.50"},
		{prefix: "172.16.16.0/20", metric: 20},
	}})
	n.seat("bird", "a2", seat{id: "10.255.0.12", ports: lan1, externals: []external{
		{prefix: "172.16.2.0/24", metric: 30},
		{prefix: "172.16.7.0/24", metric: 20, via: "10.1.0.51"},
		{prefix: "172.16.8.0/24", metric: 20},
		{prefix: "172.16.9.0/24", metric: 5, type1: true},
		{prefix: "172.16.16.0/24", metric: 20},
	}})
	n.seat("ecmpd", "a3", seat{id: "10.255.0.13", ports: []port{{name: "eth1", lan: true, cost: 20, priority: 1}}, externals: []external{
		{prefix: "172.16.3.0/24", metric: 5, type1: true},
		{prefix: "172.16.4.0/24", metric: 10, type1: true},
		{prefix: "172.16.5.0/24", metric: 20},
		{prefix: "172.16.10.0/24", metric: 1},
		{prefix: "172.16.16.0/20", metric: 10},
	}})
	for i, maker := range []string{"ecmpd", "frr"} {
		n.seat(maker, maker, seat{id: fmt.Sprintf("10.255.0.%d", i+1), ports: []port{
			{name: "eth0", lan: true, cost: 10}, {name: "eth1", lan: true, cost: 20},
		}})
	}
	viewers := []string{"frr", "ecmpd"}
	want := `
		172.16.2.0/24: 10.1.0.11 dev eth0
		172.16.3.0/24: 10.2.0.13 dev eth1
		172.16.4.0/24: 10.1.0.11 dev eth0, 10.2.0.13 dev eth1
		172.16.5.0/24: 10.1.0.11 dev eth0
		172.16.6.0/24: 10.1.0.50 dev eth0
		172.16.7.0/24: 10.1.0.50 dev eth0, 10.1.0.51 dev eth0
		172.16.8.0/24: 10.1.0.12 dev eth0, 10.1.0.50 dev eth0
		172.16.9.0/24: 10.1.0.12 dev eth0, 10.1.0.50 dev eth0
		172.16.10.0/24: 10.2.0.13 dev eth1
		172.16.16.0/20: 10.2.0.13 dev eth1
		172.16.16.0/24: 10.1.0.12 dev eth0`
	for _, viewer := range viewers {
		n.waitKernel(viewer, "172.16.0.0/16", routes(want))
	}
	n.waitSame("frr", "ecmpd", "a1", "a2", "a3")
	r, err := n.ospfRoute("ecmpd", "172.16.5.0/24")
	n.must(err)
	if r == nil || r.Type != "external-2" || r.Cost != 10 || r.Type2Cost != 20 || r.Tag != 4711 {
		t.Errorf("172.16.5.0/24 on ecmpd is %+v", r)
	}
	r, err = n.ospfRoute("ecmpd", "172.16.4.0/24")
	n.must(err)
	if r == nil || r.Type != "external-1" || r.Cost != 30 {
		t.Errorf("172.16.4.0/24 on ecmpd is %+v", r)
	}

	// Without a3, whose LSAs stay in the database, its offers count no more.
	n.routers["a3"].Kill()
	want = `
		172.16.2.0/24: 10.1.0.11 dev eth0
		172.16.3.0/24: 10.1.0.11 dev eth0
		172.16.4.0/24: 10.1.0.11 dev eth0
		172.16.5.0/24: 10.1.0.11 dev eth0
		172.16.6.0/24: 10.1.0.50 dev eth0
		172.16.7.0/24: 10.1.0.50 dev eth0, 10.1.0.51 dev eth0
		172.16.8.0/24: 10.1.0.12 dev eth0, 10.1.0.50 dev eth0
		172.16.9.0/24: 10.1.0.12 dev eth0, 10.1.0.50 dev eth0
		172.16.16.0/20: 10.1.0.11 dev eth0
		172.16.16.0/24: 10.1.0.12 dev eth0`
	for _, viewer := range viewers {
		n.waitKernel(viewer, "172.16.0.0/16", routes(want))
	}

	// a2 loses its carrier: it is the only one with this prefix.
	n.must(n.Node("lan1").SetLink("port2", false))
	for _, viewer := range viewers {
		waitEqual(n, "routes of a2 on "+viewer, table{}, func() (table, error) {
			all, err := n.kernel(viewer)
			return all.within("172.16.16.0/24"), err
		})
	}
}

// announced are the AS-external-LSAs in FRR's database, by link-state id and
// mask.
type announced struct {
	Prefix  string // link-state id/mask length
	Metric  int
	Type2   bool
	Forward string
	Tag     int
}

// externals reads FRR's AS-external-LSAs of one advertising router.
func (n *network) externals(frr, adv string) ([]announced, error) {
	out, err := n.frr(frr).Show(n.ctx, "show ip ospf database external json")
	if err != nil {
		return nil, err
	}
	var body struct {
		LSAs []struct {
			ID      string `json:"linkStateId"`
			Mask    int    `json:"networkMask"`
			Type    string `json:"metricType"` // "E1", or "E2" and more
			Metric  int    `json:"metric"`
			Forward string `json:"forwardAddress"`
			Tag     int    `json:"externalRouteTag"`
			Age     int    `json:"lsaAge"`
			Adv     string `json:"advertisingRouter"`
		} `json:"asExternalLinkStates"`
	}
	if err := json.Unmarshal([]byte(out), &body); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	var list []announced
	for _, l := range body.LSAs {
		if l.Adv == adv && l.Age < 3600 {
			list = append(list, announced{fmt.Sprintf("%s/%d", l.ID, l.Mask), l.Metric, strings.HasPrefix(l.Type, "E2"), l.Forward, l.Tag})
		}
	}
	return list, nil
}

// redistributing joins ecmpd to an FRR and a BIRD that look on.
func redistributing(t *testing.T, text string) *network {
	n := newNetwork(t)
	n.lan("lan", "ecmpd:eth0 192.168.0.1/24", "frr:eth0 192.168.0.2/24", "bird:eth0 192.168.0.3/24")
	n.wire("ecmpd:eth1 10.7.0.1/24", "host:eth0 10.7.0.2/24")
	n.wire("ecmpd:eth2 169.254.7.1/16 10.8.1.1/25", "host:eth1")
	n.ip("ecmpd", "address add 127.5.0.1/16 dev eth2")
	n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{{name: "eth0", lan: true, priority: 1}}, text: text})
	for i, maker := range []string{"frr", "bird"} {
		n.seat(maker, maker, seat{id: fmt.Sprintf("10.255.0.%d", i+2), ports: []port{{name: "eth0", lan: true}}})
	}
	return n
}

// seen waits until FRR and BIRD both route exactly these prefixes to ecmpd.
func (n *network) seen(within string, prefixes ...string) {
	n.t.Helper()
	want := table{}
	for _, p := range prefixes {
		want[netip.MustParsePrefix(p)] = []string{"192.168.0.1 dev eth0"}
	}
	for _, viewer := range []string{"frr", "bird"} {
		n.waitKernel(viewer, within, want)
	}
}

// reload gives a running ecmpd, whose seat has only a LAN, another text.
func (n *network) reload(text string) {
	n.t.Helper()
	s := seat{id: "10.255.0.1", ports: []port{{name: "eth0", lan: true, priority: 1}}, text: text}
	n.must(n.ecmpd("ecmpd").Reload(s.ecmpd()))
}

const redistributeAll = `  redistribute:
    - {source: connected, metric: 30, metric-type: 1, tag: 5}
    - {source: static, prefixes: ["172.20.0.0/16 ge 24 le 25"], metric: 40}
    - {source: static, prefixes: ["172.21.0.0/24"], metric: 41, tag: 9}
    - {source: kernel, prefixes: ["172.22.0.0/16 le 24"], metric: 50}
static:
  - {prefix: 172.20.0.0/23, blackhole: true}
  - {prefix: 172.20.1.0/24, blackhole: true}
  - {prefix: 172.20.2.0/25, next-hops: [{via: 10.7.0.2}]}
  - {prefix: 172.20.3.0/26, blackhole: true}
  - {prefix: 172.21.0.0/24, next-hops: [{via: 10.7.0.2}]}
  - {prefix: 172.21.1.0/24, blackhole: true}
`

// TestRedistribution has ecmpd announce connected, static and kernel routes.
func TestRedistribution(t *testing.T) {
	t.Parallel()
	n := redistributing(t, redistributeAll)
	n.ip("ecmpd", "route add 172.22.1.0/24 via 10.7.0.2 proto static")
	n.ip("ecmpd", "route add 172.22.2.0/25 via 10.7.0.2 proto static")
	n.ip("ecmpd", "route add blackhole 172.22.3.0/24")
	n.ip("ecmpd", "route add 172.23.0.0/24 via 10.7.0.2 proto static")

	// Not among them: OSPF's own LAN, 127/8, 169.254/16, and what the
	// prefix lists leave out.
	waitEqual(n, "ecmpd's externals on FRR", []announced{
		{"10.7.0.0/24", 30, false, "0.0.0.0", 5},
		{"10.8.1.0/25", 30, false, "0.0.0.0", 5},
		{"172.20.1.0/24", 40, true, "0.0.0.0", 0},
		{"172.20.2.0/25", 40, true, "0.0.0.0", 0},
		{"172.21.0.0/24", 41, true, "0.0.0.0", 9},
		{"172.22.1.0/24", 50, true, "0.0.0.0", 0},
		{"172.22.3.0/24", 50, true, "0.0.0.0", 0},
	}, func() ([]announced, error) { return n.externals("frr", "10.255.0.1") })
	n.seen("0.0.0.0/0", "10.7.0.0/24", "10.8.1.0/25", "172.20.1.0/24", "172.20.2.0/25", "172.21.0.0/24", "172.22.1.0/24", "172.22.3.0/24")

	// Kernel routes and links come and go.
	n.ip("ecmpd", "route del 172.22.1.0/24")
	n.ip("ecmpd", "route add 172.22.4.0/24 via 10.7.0.2 proto static")
	n.ip("ecmpd", "link set eth2 down")
	n.seen("0.0.0.0/0", "10.7.0.0/24", "172.20.1.0/24", "172.20.2.0/25", "172.21.0.0/24", "172.22.3.0/24", "172.22.4.0/24")

	// A static route whose gateway is out of reach is withdrawn.
	n.ip("ecmpd", "link set eth1 down")
	n.seen("0.0.0.0/0", "172.20.1.0/24", "172.22.3.0/24")
	n.reload("")
	n.seen("0.0.0.0/0")
}

// TestOverlappingPrefixes announces prefixes that want the same link-state id
// (RFC 2328 appendix E) and takes them away one after the other.
func TestOverlappingPrefixes(t *testing.T) {
	t.Parallel()
	text := func(prefixes ...string) string {
		s := "  redistribute: [{source: static}]\nstatic:\n"
		for _, p := range prefixes {
			s += fmt.Sprintf("  - {prefix: %s, blackhole: true}\n", p)
		}
		return s
	}
	n := redistributing(t, text("10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.0/32"))
	n.seen("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.0.0/32")
	for _, prefixes := range [][]string{
		{"10.0.0.0/8", "10.0.0.0/24", "10.0.0.0/32"},
		{"10.0.0.0/8", "10.0.0.0/24"},
		{"10.0.0.0/8", "10.0.0.0/24", "10.0.0.0/16"},
		{"10.0.0.0/24", "10.0.0.0/16", "10.0.0.0/32"},
	} {
		n.reload(text(prefixes...))
		n.seen("0.0.0.0/0", prefixes...)
	}
	n.waitSame("ecmpd", "frr", "bird")
}

// TestDefaultOriginate announces a default route never, when the kernel has
// one, and always.
func TestDefaultOriginate(t *testing.T) {
	t.Parallel()
	text := func(when string) string {
		return "  default-originate: {when: " + when + ", metric: 15, metric-type: 1}\n"
	}
	n := redistributing(t, text("never"))
	n.full(2, "ecmpd")
	n.ip("ecmpd", "route add default via 10.7.0.2")
	n.reload(text("present"))
	n.seen("0.0.0.0/0", "0.0.0.0/0")
	waitEqual(n, "ecmpd's externals on FRR", []announced{{"0.0.0.0/0", 15, false, "0.0.0.0", 0}},
		func() ([]announced, error) { return n.externals("frr", "10.255.0.1") })
	n.reload(text("never"))
	n.seen("0.0.0.0/0")
	n.reload(text("present"))
	n.seen("0.0.0.0/0", "0.0.0.0/0")
	n.ip("ecmpd", "route del default")
	n.seen("0.0.0.0/0")
	n.ip("ecmpd", "route add default via 10.7.0.2")
	n.seen("0.0.0.0/0", "0.0.0.0/0")
	n.ip("ecmpd", "link set eth1 down") // the kernel takes the route along
	n.seen("0.0.0.0/0")
	n.reload(text("always"))
	n.seen("0.0.0.0/0", "0.0.0.0/0")
}

// TestInterArea puts FRR between two areas; ecmpd uses its summaries and
// ASBR-summaries (RFC 2328 16.2).
//
//	ecmpd .1 --- 10.1.0.0/30 --- .2 frr .5 --- 10.1.0.4/30 --- .6 bird (ASBR)
//	           area 0.0.0.0                 area 0.0.0.1
func TestInterArea(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("ecmpd:eth0 10.1.0.1/30", "frr:eth0 10.1.0.2/30")
	n.wire("frr:eth1 10.1.0.5/30", "bird:eth0 10.1.0.6/30")
	n.wire("bird:net 172.17.0.1/24", "host:eth0")
	n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{{name: "eth0"}}})
	n.seat("frr", "frr", seat{id: "10.255.0.2", ports: []port{{name: "eth0"}, {name: "eth1", area: "0.0.0.1", cost: 7}}})
	n.seat("bird", "bird", seat{id: "10.255.0.3", ports: []port{{name: "eth0", area: "0.0.0.1"}, {name: "net", area: "0.0.0.1", cost: 3, passive: true}},
		externals: []external{{prefix: "172.16.1.0/24", metric: 20, tag: 3}, {prefix: "172.16.2.0/24", metric: 20, type1: true}}})
	n.waitKernel("ecmpd", "0.0.0.0/0", routes(`
		10.1.0.4/30: 10.1.0.2 dev eth0
		172.16.1.0/24: 10.1.0.2 dev eth0
		172.16.2.0/24: 10.1.0.2 dev eth0
		172.17.0.0/24: 10.1.0.2 dev eth0`))
	for prefix, want := range map[string]api.Route{
		"172.17.0.0/24": {Type: "inter-area", Cost: 10 + 7 + 3},
		"172.16.1.0/24": {Type: "external-2", Cost: 10 + 7, Type2Cost: 20, Tag: 3},
		"172.16.2.0/24": {Type: "external-1", Cost: 10 + 7 + 20},
	} {
		r, err := n.ospfRoute("ecmpd", prefix)
		n.must(err)
		if r == nil || r.Type != want.Type || r.Cost != want.Cost || r.Type2Cost != want.Type2Cost || r.Tag != want.Tag {
			t.Errorf("%s on ecmpd is %+v, want %+v", prefix, r, want)
		}
	}

	// The ASBR-summary goes, and what its ASBR announced with it.
	n.routers["bird"].Kill()
	n.waitKernel("ecmpd", "0.0.0.0/0", routes(`10.1.0.4/30: 10.1.0.2 dev eth0`))
}
