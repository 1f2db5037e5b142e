package sim

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// A day of flaps: links that fail and come back, costs, restarts, redistributed routes,
// about one change a minute. At the end the network is at rest, and nothing has grown.
func TestDayOfFlaps(t *testing.T) {
	n := New(24)
	o := LinkOptions{Delay: time.Millisecond}
	o.Interface = ospf.InterfaceConfig{HelloInterval: 10 * time.Second, DeadInterval: 40 * time.Second, RetransmitInterval: 5 * time.Second}
	links := grid(n, 3, o)
	members := []Member{{Router: n.routers[0], Interface: "lan", Priority: 1}, {Router: n.routers[4], Interface: "lan", Priority: 2}, {Router: n.routers[8], Interface: "lan"}}
	links = append(links, n.LAN(o, members...))
	converge(t, n, 5*time.Minute)
	rng := rand.New(rand.NewPCG(24, 24))
	external := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i), 0}), 24)
	}
	changes := 0
	flap := func(until time.Duration) {
		for ; n.Elapsed() < until; changes++ {
			s := links[rng.IntN(len(links))]
			r := n.routers[rng.IntN(len(n.routers))]
			pause := time.Duration(rng.IntN(100)) * time.Second
			switch rng.IntN(5) {
			case 0:
				s.SetUp(false)
				n.Run(pause)
				s.SetUp(true)
			case 1:
				s.Cut()
				n.Run(pause)
				s.Mend()
			case 2:
				s.SetCost(s.ports[0].router, uint16(1+rng.IntN(20)))
				n.Run(pause)
			case 3:
				r.Crash()
				n.Run(pause)
				r.Start()
			case 4:
				routes := map[netip.Prefix]External{}
				for range rng.IntN(20) {
					routes[external(rng.IntN(100))] = External{Metric: uint32(1 + rng.IntN(9))}
				}
				r.Redistribute(routes)
				n.Run(pause)
			}
		}
		for _, r := range n.routers { // what differs by chance is no growth
			r.Redistribute(nil)
		}
		n.Run(2 * time.Hour) // withdrawn LSAs are gone, and every entry has been refreshed
		converge(t, n, 5*time.Minute)
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	flap(4 * time.Hour)
	before, first := heap(), changes
	flap(22 * time.Hour)
	after := heap()
	t.Logf("%d changes, then %d more: heap %d kB, then %d kB", first, changes-first, before>>10, after>>10)
	if n.Elapsed() < 24*time.Hour {
		t.Errorf("only %v have passed", n.Elapsed())
	}
	if margin := before/10 + 64<<10; after > before+margin {
		t.Errorf("the heap has grown from %d to %d bytes in %d changes", before, after, changes-first)
	}
	runtime.KeepAlive(n)
}
