package daemon

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/spf"
	"github.com/ecmpd/ecmpd/rib"
)

// testLoop is a route loop without a kernel. What it offers to OSPF is
// recorded as text.
type testLoop struct {
	*routeLoop
	offers []string
	asked  []string // of BFD
}

func newTestLoop() *testLoop {
	l := &testLoop{}
	l.routeLoop = &routeLoop{
		log: newLogger(io.Discard), cfg: &config.Config{}, rib: rib.New(16),
		interfaces: map[string]ospfInterface{}, offered: map[ospf.Source]map[netip.Prefix]struct{}{},
		liveLegs: map[nexthop.Leg]bool{},
		sessions: newBFDSessions(
			func(c bfd.Config) {
				l.asked = append(l.asked, fmt.Sprint("+", c.Interface, " ", c.Local, " ", c.Peer, " ", c.MinTx))
			},
			func(k bfd.Key) { l.asked = append(l.asked, fmt.Sprint("-", k.Interface, " ", k.Peer)) }),
	}
	l.cfg.Kernel.Metric = 20
	l.offer = func(in ospf.Input) {
		o := in.(ospf.Offer)
		slices.SortFunc(o.Add, netip.Prefix.Compare)
		slices.SortFunc(o.Remove, netip.Prefix.Compare)
		l.offers = append(l.offers, fmt.Sprint(o.Source, " +", o.Add, " -", o.Remove))
	}
	return l
}

// taken returns the offers since the last call.
func (l *testLoop) taken() string {
	s := fmt.Sprint(l.offers)
	l.offers = nil
	return s
}

// table lists the RIB's best routes as "prefix protocol interface gateway".
func (l *testLoop) table() string {
	var lines []string
	for r := range l.rib.All() {
		line := fmt.Sprint(r.Prefix, " ", r.Protocol, r.Type)
		for _, h := range r.NextHops.Hops() {
			line += " " + h.Interface
			if h.Gateway.IsValid() {
				line += " " + h.Gateway.String()
			}
		}
		if r.Discard {
			line += " discard"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%q", lines)
}

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func up(name string, index int, addrs ...link.Addr) link.Link {
	return link.Link{Name: name, Index: index, MTU: 1500, Up: true, Addrs: addrs}
}

func address(s string) link.Addr { return link.Addr{Addr: pfx(s)} }

func TestConnected(t *testing.T) {
	l := newTestLoop()
	down := up("gone", 9, address("10.9.0.1/24"))
	down.Up = false
	l.links = link.Snapshot{Links: []link.Link{
		up("lan", 2, address("10.1.0.1/24")),
		up("tun", 3, link.Addr{Addr: pfx("10.2.0.1/32"), Peer: netip.MustParseAddr("10.2.0.9")}),
		up("dummy", 4, address("10.3.0.1/32")),
		down,
	}}
	l.updateConnected()
	want := `["10.1.0.0/24 connected lan" "10.1.0.1/32 connectedlocal lan" "10.2.0.1/32 connectedlocal tun" "10.2.0.9/32 connected tun" "10.3.0.1/32 connected dummy"]`
	if got := l.table(); got != want {
		t.Errorf("connected routes\n got %s\nwant %s", got, want)
	}
	if got, want := l.taken(), "[1 +[10.1.0.0/24 10.2.0.9/32 10.3.0.1/32] -[]]"; got != want {
		t.Errorf("offered %s, want %s", got, want)
	}
	l.updateConnected() // nothing changed, nothing is offered
	if got := l.taken(); got != "[]" {
		t.Errorf("offered again: %s", got)
	}
	l.links.Links = l.links.Links[:1]
	l.updateConnected()
	if got, want := l.taken(), "[1 +[] -[10.2.0.9/32 10.3.0.1/32]]"; got != want {
		t.Errorf("offered %s, want %s", got, want)
	}
}

// An address that is a network of the loopback and the near end of a tunnel is
// a connected network.
func TestConnectedLoopback(t *testing.T) {
	l := newTestLoop()
	lo := up("lo", 1, address("10.0.0.1/32"))
	lo.Loopback = true
	l.links = link.Snapshot{Links: []link.Link{
		lo, up("tun", 3, link.Addr{Addr: pfx("10.0.0.1/32"), Peer: netip.MustParseAddr("10.0.0.9")}),
	}}
	l.updateConnected()
	if got, want := l.table(), `["10.0.0.1/32 connected lo" "10.0.0.9/32 connected tun"]`; got != want {
		t.Errorf("connected routes\n got %s\nwant %s", got, want)
	}
}

// A static route exists while its gateway is on a connected network.
func TestStatic(t *testing.T) {
	l := newTestLoop()
	l.cfg.Static = []rib.StaticRoute{{Prefix: pfx("172.16.0.0/12"), NextHops: []rib.StaticHop{{Via: netip.MustParseAddr("10.1.0.9"), Weight: 1}}}}
	lan := up("lan", 2, address("10.1.0.1/24"))
	l.links = link.Snapshot{Links: []link.Link{lan}}
	l.updateConnected()
	if got, want := l.taken(), "[1 +[10.1.0.0/24] -[] 2 +[172.16.0.0/12] -[]]"; got != want {
		t.Errorf("offered %s, want %s", got, want)
	}
	if r, ok := l.rib.Best(pfx("172.16.0.0/12")); !ok || r.Protocol != rib.Static {
		t.Errorf("no static route: %s", l.table())
	}
	lan.Up = false
	l.links = link.Snapshot{Links: []link.Link{lan}}
	l.updateConnected()
	if got, want := l.taken(), "[1 +[] -[10.1.0.0/24] 2 +[] -[172.16.0.0/12]]"; got != want {
		t.Errorf("offered %s, want %s", got, want)
	}
}

// A recursive static route exists while another route leads to its gateway.
func TestStaticRecursive(t *testing.T) {
	l := newTestLoop()
	l.cfg.Static = []rib.StaticRoute{{Prefix: pfx("172.16.0.0/12"), Recursive: true, NextHops: []rib.StaticHop{{Via: netip.MustParseAddr("10.9.0.9"), Weight: 1}}}}
	l.updateConnected()
	if got := l.taken(); got != "[]" {
		t.Errorf("offered %s before anything leads to the gateway", got)
	}
	if list := l.rib.Unreached(); len(list) != 1 || unreachedStatus(list[0]).Reason != "no route to 10.9.0.9" {
		t.Errorf("routes that are not reached: %+v", list)
	}
	l.rib.Set(rib.Route{Prefix: pfx("10.9.0.0/24"), Protocol: rib.OSPF, Distance: 110, NextHops: nexthop.NewSet(
		nexthop.Hop{Interface: "vpn1", Gateway: netip.MustParseAddr("10.1.0.1")}, nexthop.Hop{Interface: "vpn2", Gateway: netip.MustParseAddr("10.2.0.1")})})
	l.rib.Changes()
	l.offerStatic()
	if got, want := l.taken(), "[2 +[172.16.0.0/12] -[]]"; got != want {
		t.Errorf("offered %s, want %s", got, want)
	}
	if got, want := l.table(), `["10.9.0.0/24 ospf vpn1 10.1.0.1 vpn2 10.2.0.1" "172.16.0.0/12 static vpn1 10.1.0.1 vpn2 10.2.0.1"]`; got != want {
		t.Errorf("routes\n got %s\nwant %s", got, want)
	}
}

// Routes of other programs: the lowest metric counts, the kernel's own do not,
// and one that the kernel prefers less than ours loses to OSPF in the RIB too.
func TestForeign(t *testing.T) {
	l := newTestLoop()
	l.links = link.Snapshot{Links: []link.Link{up("lan", 2)}}
	gw := netip.MustParseAddr("10.1.0.9")
	l.foreign = []fib.Foreign{
		{Prefix: pfx("10.1.0.0/24"), Protocol: 2, Ifindex: 2}, // of the kernel
		{Prefix: pfx("172.16.0.0/12"), Protocol: 4, Metric: 100, Ifindex: 7},
		{Prefix: pfx("172.16.0.0/12"), Protocol: 3, Metric: 5, Gateway: gw, Ifindex: 2},
		{Prefix: pfx("192.0.2.0/24"), Protocol: 3, Metric: 100, Gateway: gw, Ifindex: 2},
		{Prefix: pfx("198.51.100.0/24"), Protocol: 3, Type: 6}, // blackhole
	}
	for _, p := range []string{"172.16.0.0/12", "192.0.2.0/24"} {
		l.rib.Set(rib.Route{Prefix: pfx(p), Protocol: rib.OSPF, Distance: 110, NextHops: nexthop.NewSet(nexthop.Hop{Interface: "vpn1"})})
	}
	l.updateForeign()
	want := `["172.16.0.0/12 kernel lan 10.1.0.9" "192.0.2.0/24 ospf vpn1" "198.51.100.0/24 kernel discard"]`
	if got := l.table(); got != want {
		t.Errorf("foreign routes\n got %s\nwant %s", got, want)
	}
	if got, want := l.taken(), "[3 +[172.16.0.0/12 192.0.2.0/24 198.51.100.0/24] -[]]"; got != want {
		t.Errorf("offered %s, want %s", got, want)
	}
	l.foreign[3].Down = true
	l.updateForeign()
	if got, want := l.taken(), "[3 +[] -[192.0.2.0/24]]"; got != want {
		t.Errorf("without carrier: offered %s, want %s", got, want)
	}
	l.foreign = nil
	l.updateForeign()
	if got, want := l.table(), `["172.16.0.0/12 ospf vpn1" "192.0.2.0/24 ospf vpn1"]`; got != want {
		t.Errorf("foreign routes\n got %s\nwant %s", got, want)
	}
}

// What the transit rule gets to know: interfaces that exist, with the far end
// of a peer address. Those that OSPF does not know are passive to it, for
// their networks may be transit; the loopback is none of them.
func TestTransitInterfaces(t *testing.T) {
	l := newTestLoop()
	l.links = link.Snapshot{Links: []link.Link{
		up("vpn2", 3, link.Addr{Addr: pfx("10.2.0.1/32"), Peer: netip.MustParseAddr("10.2.0.9")}),
		up("vpn1", 2, address("10.1.0.1/30"), address("10.1.1.1/30")),
		up("office", 4, address("192.168.77.1/24")),
		{Name: "lo", Index: 1, Up: true, Loopback: true, Addrs: []link.Addr{address("10.3.0.1/32")}},
	}}
	l.interfaces = map[string]ospfInterface{
		"vpn1": {pointToPoint: true, full: true}, "vpn2": {passive: true}, "gone": {full: true},
	}
	want := "[{office true false false [192.168.77.0/24]} {vpn1 false true true [10.1.0.0/30 10.1.1.0/30]} {vpn2 true false false [10.2.0.1/32 10.2.0.9/32]}]"
	if got := fmt.Sprint(l.transitInterfaces()); got != want {
		t.Errorf("transit interfaces\n got %s\nwant %s", got, want)
	}
}

// A leg dies with its adjacency, before SPF, and lives again with it; where no
// adjacency is wanted, two-way communication counts.
func TestLegState(t *testing.T) {
	for _, tt := range []struct {
		from, to    string
		dead, known bool
	}{
		{"Down", "Init", false, false},
		{"Init", "ExStart", false, false},
		{"Loading", "Full", false, true},
		{"Exchange", "Full", false, true},
		{"Full", "Down", true, true},
		{"Full", "Init", true, true},
		{"Full", "ExStart", true, true},
		{"Full", "2-Way", false, true}, // another DR was elected
		{"Init", "2-Way", false, true},
		{"2-Way", "Down", true, true},
		{"2-Way", "Init", true, true},
		{"2-Way", "ExStart", false, false},
		{"ExStart", "Down", false, false},
		{"Init", "Down", false, false},
	} {
		dead, known := legState(ospf.NeighborChange{From: tt.from, To: tt.to})
		if dead != tt.dead || known != tt.known {
			t.Errorf("%s to %s: dead %v, known %v", tt.from, tt.to, dead, known)
		}
	}
}

// A burst of routes passes in several turns, in its order with what comes with it.
func TestBurstInSteps(t *testing.T) {
	l := newTestLoop()
	step := func(first int) ospfRoutes {
		var m ospfRoutes
		for n := range routeStep {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(first), byte(n >> 8), byte(n)}), 32)
			m.changes = append(m.changes, spf.Change{Prefix: p, Route: spf.Route{Prefix: p, Type: spf.IntraArea}})
		}
		return m
	}
	var asked []int // how many routes there are
	ask := query{func() { asked = append(asked, l.rib.Len()) }}
	waiting := []any{ask, step(0), ask, step(1), step(2), ask}
	for turns := 1; len(waiting) > 0; turns++ {
		waiting = l.applySome(waiting)
		if want := min(turns, 3) * routeStep; l.rib.Len() != want {
			t.Errorf("%d routes after %d turns, want %d", l.rib.Len(), turns, want)
		}
	}
	if want := []int{0, routeStep, 3 * routeStep}; !slices.Equal(asked, want) {
		t.Errorf("asked at %v, want %v", asked, want)
	}
}
