package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// converge wants the network at rest within the limit.
func converge(t *testing.T, n *Net, limit time.Duration) {
	t.Helper()
	start := n.Elapsed()
	if err := n.Converge(limit); err != nil {
		for _, r := range n.routers {
			t.Logf("%s:\n  %s", r.Name, strings.Join(r.Story(), "\n  "))
		}
		t.Fatal(err)
	}
	t.Logf("at rest after %v", n.Elapsed()-start)
}

func routers(n *Net, count int) []*Router {
	list := make([]*Router, count)
	for i := range list {
		list[i] = n.AddRouter(fmt.Sprintf("r%d", i+1), ospf.Config{})
	}
	return list
}

// ring joins each router with the next; interfaces are named after the far end.
func ring(n *Net, count int, o LinkOptions) []*Segment {
	r := routers(n, count)
	links := make([]*Segment, count)
	for i := range r {
		links[i] = connect(n, r[i], r[(i+1)%count], o)
	}
	return links
}

func connect(n *Net, a, b *Router, o LinkOptions) *Segment {
	return n.Link(a, "to-"+b.Name, b, "to-"+a.Name, o)
}

func grid(n *Net, side int, o LinkOptions) []*Segment {
	r := routers(n, side*side)
	var links []*Segment
	for i := range r {
		if i%side != side-1 {
			links = append(links, connect(n, r[i], r[i+1], o))
		}
		if i/side != side-1 {
			links = append(links, connect(n, r[i], r[i+side], o))
		}
	}
	return links
}

func lan(n *Net, count int, o LinkOptions) *Segment {
	var members []Member
	for i, r := range routers(n, count) {
		members = append(members, Member{Router: r, Interface: "lan", Priority: 1, Cost: uint16(5 + i)})
	}
	return n.LAN(o, members...)
}

var quick = LinkOptions{Delay: time.Millisecond}

func TestTwoRouters(t *testing.T) {
	for _, unnumbered := range []bool{false, true} {
		t.Run(fmt.Sprintf("unnumbered=%v", unnumbered), func(t *testing.T) {
			n := New(1)
			r := routers(n, 2)
			o := quick
			o.Unnumbered, o.CostA, o.CostB = unnumbered, 7, 70
			link := connect(n, r[0], r[1], o)
			converge(t, n, 20*time.Second)
			link.SetUp(false)
			converge(t, n, 10*time.Second)
			link.SetUp(true)
			converge(t, n, 20*time.Second)
			link.Cut()
			converge(t, n, 10*time.Second)
			link.Mend()
			converge(t, n, 20*time.Second)
			link.Remove(r[0])
			converge(t, n, 10*time.Second)
			link.Recreate(r[0])
			converge(t, n, 20*time.Second)
			link.SetCost(r[1], 700)
			converge(t, n, 10*time.Second)
		})
	}
}

func TestRing(t *testing.T) {
	n := New(2)
	links := ring(n, 8, quick)
	converge(t, n, 20*time.Second)
	links[3].Cut()
	converge(t, n, 20*time.Second)
	links[3].Mend()
	converge(t, n, 20*time.Second)
}

// Parallel links of equal cost are all used.
func TestParallelLinks(t *testing.T) {
	n := New(3)
	r := routers(n, 3)
	for i := range 3 {
		n.Link(r[0], fmt.Sprintf("a%d", i), r[1], fmt.Sprintf("b%d", i), LinkOptions{Unnumbered: i > 0})
	}
	connect(n, r[1], r[2], quick)
	converge(t, n, 20*time.Second)
	for _, route := range r[0].Engine().Routes() {
		if route.Prefix.Addr() == r[2].ID.Addr() && route.NextHops.Len() != 3 {
			t.Errorf("%v, want three next hops", route)
		}
	}
}

func TestGrid(t *testing.T) {
	n := New(4)
	grid(n, 6, quick)
	converge(t, n, 30*time.Second)
	before := n.Steps()
	wall := time.Now()
	const span = 35 * time.Minute // every LSA is refreshed once
	n.Run(span)
	speed := span.Seconds() / time.Since(wall).Seconds()
	t.Logf("%d steps, %.0f virtual seconds a second", n.Steps()-before, speed)
	converge(t, n, 10*time.Second)
}

func TestLAN(t *testing.T) {
	n := New(5)
	s := lan(n, 5, quick)
	converge(t, n, 30*time.Second)
	for range 3 { // the DR dies, then the next one, then comes one back
		dr := s.ports[0]
		for _, p := range s.ports {
			if p.router.engine != nil {
				dr = p
			}
		}
		status := dr.status()
		for _, p := range s.ports {
			if p.addr.Addr() == status.DR {
				p.router.Crash()
			}
		}
		converge(t, n, 60*time.Second)
	}
	for _, r := range n.routers {
		r.Start()
	}
	converge(t, n, 60*time.Second)
}

func TestPriorityZero(t *testing.T) {
	n := New(6)
	var members []Member
	for i, r := range routers(n, 4) {
		members = append(members, Member{Router: r, Interface: "lan", Priority: uint8(max(0, i-2))})
	}
	n.LAN(quick, members...)
	converge(t, n, 30*time.Second)
}

func TestLANPartition(t *testing.T) {
	n := New(7)
	s := lan(n, 6, quick)
	converge(t, n, 30*time.Second)
	for _, apart := range [][]int{{0, 1}, {3}, {0, 2, 4}, {4, 5}} {
		var list []*Router
		for _, i := range apart {
			list = append(list, n.routers[i])
		}
		s.Partition(list...)
		converge(t, n, 60*time.Second)
		s.Mend()
		converge(t, n, 60*time.Second)
	}
}

func TestRestart(t *testing.T) {
	for _, down := range []time.Duration{0, 500 * time.Millisecond, 10 * time.Second, 2 * time.Hour} {
		t.Run(down.String(), func(t *testing.T) {
			n := New(8)
			ring(n, 5, quick)
			n.routers[2].Redistribute(map[netip.Prefix]External{netip.MustParsePrefix("172.16.0.0/16"): {Metric: 5, Type2: true}})
			converge(t, n, 20*time.Second)
			n.routers[2].Crash()
			n.Run(down)
			n.routers[2].Start()
			converge(t, n, 60*time.Second)
		})
	}
}

// Hubs and branches that start within a second are done after one more: nobody
// waits for MinLSInterval, RxmtInterval or the long SPF delay.
func TestColdStart(t *testing.T) {
	for seed := range uint64(8) {
		n := New(seed)
		o := quick
		o.Interface = ospf.InterfaceConfig{HelloInterval: time.Second, DeadInterval: 4 * time.Second}
		r := routers(n, 5)
		for _, hub := range r[:2] {
			for _, branch := range r[2:] {
				connect(n, hub, branch, o)
			}
		}
		rng := rand.New(rand.NewPCG(seed, 5))
		for _, router := range r {
			router.Crash()
			n.At(time.Duration(rng.IntN(1000))*time.Millisecond, router.Start)
		}
		n.Run(time.Second)
		converge(t, n, 2*time.Second)
	}
}

// What a router had announced before it crashed and announces no longer is flushed.
func TestRestartWithoutExternals(t *testing.T) {
	n := New(9)
	ring(n, 4, quick)
	n.routers[0].Redistribute(map[netip.Prefix]External{netip.MustParsePrefix("172.16.0.0/16"): {Metric: 5}})
	converge(t, n, 20*time.Second)
	n.routers[0].Crash()
	n.routers[0].Redistribute(nil)
	n.routers[0].Start()
	converge(t, n, 60*time.Second)
}

func TestExternals(t *testing.T) {
	n := New(10)
	ring(n, 6, quick)
	p := func(s string) netip.Prefix { return netip.MustParsePrefix(s) }
	n.routers[0].Redistribute(map[netip.Prefix]External{
		p("172.16.0.0/16"): {Metric: 20, Type2: true}, p("172.17.0.0/16"): {Metric: 20}, p("172.18.0.0/16"): {Metric: 5, Type2: true},
		p("172.16.0.0/24"): {Metric: 20, Type2: true}, p("172.16.0.255/32"): {Metric: 1},
	})
	n.routers[2].Redistribute(map[netip.Prefix]External{
		p("172.16.0.0/16"): {Metric: 20, Type2: true}, p("172.17.0.0/16"): {Metric: 20}, p("172.18.0.0/16"): {Metric: 5},
	})
	converge(t, n, 20*time.Second)
	n.routers[2].Redistribute(map[netip.Prefix]External{p("172.17.0.0/16"): {Metric: 40}, p("172.19.0.0/16"): {Metric: 1}})
	converge(t, n, 20*time.Second)
	n.routers[0].Redistribute(nil)
	converge(t, n, 20*time.Second)
}

// A network that loses, doubles and overtakes packets takes longer and comes to the same end.
func TestTroubledNetworks(t *testing.T) {
	for _, loss := range []float64{0.1, 0.2, 0.3} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("loss=%v/seed=%d", loss, seed), func(t *testing.T) {
				n := New(seed)
				o := LinkOptions{Delay: 2 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: loss, Duplicate: 0.1, Reorder: 0.2}
				o.Interface = ospf.InterfaceConfig{HelloInterval: time.Second, DeadInterval: 20 * time.Second, RetransmitInterval: 2 * time.Second}
				links := grid(n, 3, o)
				n.LAN(o, Member{n.routers[0], "lan", 3, 1, false}, Member{n.routers[4], "lan", 4, 1, false}, Member{n.routers[8], "lan", 5, 1, false})
				converge(t, n, 10*time.Minute)
				links[2].SetUp(false)
				links[5].Cut()
				n.routers[3].Crash()
				converge(t, n, 10*time.Minute)
				links[2].SetUp(true)
				links[5].Mend()
				n.routers[3].Start()
				converge(t, n, 10*time.Minute)
			})
		}
	}
}

// networks are the types of networks of more than two routers.
var networks = []ospf.InterfaceType{ospf.TypeBroadcast, ospf.TypeNonBroadcast, ospf.TypePointToMultipoint, ospf.TypeHybrid}

// wander builds a random network and lets random things happen to it.
func wander(seed uint64) *Net {
	n := New(seed)
	rng := rand.New(rand.NewPCG(seed, 77))
	count := 3 + rng.IntN(8)
	r := routers(n, count)
	o := LinkOptions{Delay: time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.02 * float64(rng.IntN(2))}
	o.Interface = ospf.InterfaceConfig{HelloInterval: time.Second, DeadInterval: 10 * time.Second, RetransmitInterval: 2 * time.Second}
	cost := func() uint16 { return uint16(1 + rng.IntN(4)) }
	var segments []*Segment
	for i := range count + rng.IntN(count) {
		a := i % count
		b := rng.IntN(count)
		if a == b {
			continue
		}
		o.CostA, o.CostB, o.Unnumbered = cost(), cost(), rng.IntN(3) == 0
		segments = append(segments, n.Link(r[a], fmt.Sprintf("l%da", i), r[b], fmt.Sprintf("l%db", i), o))
	}
	for i := range rng.IntN(3) {
		o := o
		o.Network, o.Interface.Unicast = networks[rng.IntN(len(networks))], rng.IntN(2) == 0
		var members []Member
		for _, m := range r {
			if rng.IntN(2) == 0 {
				spoke := o.Network == ospf.TypePointToMultipoint && rng.IntN(2) == 0
				members = append(members, Member{m, fmt.Sprintf("lan%d", i), cost(), uint8(rng.IntN(3)), spoke})
			}
		}
		if len(members) > 0 {
			segments = append(segments, n.LAN(o, members...))
		}
	}
	if len(segments) == 0 {
		segments = append(segments, n.Link(r[0], "la", r[1], "lb", o))
	}
	externals := func() map[netip.Prefix]External {
		m := map[netip.Prefix]External{}
		for range rng.IntN(4) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(rng.IntN(4)), 0}), 24-rng.IntN(2)).Masked()
			m[p] = External{Metric: uint32(1 + rng.IntN(3)), Type2: rng.IntN(2) == 0}
		}
		return m
	}
	for range 20 {
		n.Run(time.Duration(rng.IntN(8000)) * time.Millisecond)
		s := segments[rng.IntN(len(segments))]
		victim := s.ports[rng.IntN(len(s.ports))].router
		switch rng.IntN(10) {
		case 0:
			s.SetUp(false)
		case 1:
			s.SetUp(true)
		case 2:
			s.SetPortUp(victim, false)
		case 3:
			s.Cut()
		case 4:
			s.Mend()
		case 5:
			if s.lan() {
				s.Partition(victim)
			} else {
				s.SetCost(victim, cost())
			}
		case 6:
			victim.Crash()
		case 7:
			victim.Start()
		case 8:
			victim.Redistribute(externals())
		case 9:
			s.Remove(victim)
			n.Run(time.Duration(rng.IntN(3000)) * time.Millisecond)
			s.Recreate(victim)
		}
	}
	for _, s := range segments {
		s.Mend()
	}
	return n
}

// More seeds than the suite has time for: go test ./ospf/sim -run Random -first 1000 -seeds 5000
var (
	firstSeed = flag.Uint64("first", 0, "first seed of the TestRandom tests")
	seeds     = flag.Uint64("seeds", 40, "number of seeds of the TestRandom tests")
)

func TestRandomNetworks(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			converge(t, wander(seed), 5*time.Minute)
		})
	}
}

func TestSameSeedSameRun(t *testing.T) {
	a, b, c := wander(3), wander(3), wander(4)
	if a.Hash() != b.Hash() || a.Steps() != b.Steps() {
		t.Errorf("two runs of one seed differ: %x in %d steps, %x in %d steps", a.Hash(), a.Steps(), b.Hash(), b.Steps())
	}
	if a.Hash() == c.Hash() {
		t.Error("another seed gives the same run")
	}
}

// Check must be able to fail.
func TestCheckFinds(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(n *Net, links []*Segment)
		want  string
	}{
		{"a neighbour that is gone", func(_ *Net, l []*Segment) { l[0].Cut() }, "is Full but can not be reached"},
		{"another cost", func(_ *Net, l []*Segment) { l[0].ports[0].cost = 1 }, "should be intra-area cost"},
		{"an unpublished route", func(n *Net, _ []*Segment) { clear(n.routers[0].published) }, "0 routes published"},
		{"an external that nobody announces", func(n *Net, _ []*Segment) {
			n.routers[0].externals[netip.MustParsePrefix("172.16.0.0/16")] = External{Metric: 1}
		}, "no route 172.16.0.0/16"},
		{"a crash", func(n *Net, _ []*Segment) { n.routers[0].Crash() }, "can not be reached"},
		{"a foreign source", func(n *Net, _ []*Segment) {
			n.routers[0].send(ospf.Transmit{Interface: "to-r2", Src: n.routers[1].ID.Addr(), Data: make([]byte, 24)})
		}, "fault"},
	} {
		n := New(11)
		links := ring(n, 4, quick)
		converge(t, n, 20*time.Second)
		c.spoil(n, links)
		if err := n.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Check says %v, want %q", c.name, err, c.want)
		}
	}
}
