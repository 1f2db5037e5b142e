package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// reload gives a random router, or both ends of a random link, another configuration.
func reload(n *Net, rng *rand.Rand) {
	s := n.segments[rng.IntN(len(n.segments))]
	r := s.ports[rng.IntN(len(s.ports))].router
	intervals := func(hello, dead time.Duration) {
		for _, p := range s.ports {
			s.Reconfigure(p.router, func(c *ospf.InterfaceConfig) { c.HelloInterval, c.DeadInterval = hello, dead })
		}
	}
	c := r.Config()
	switch rng.IntN(11) {
	case 0:
		priority := uint8(rng.IntN(3))
		s.Reconfigure(r, func(c *ospf.InterfaceConfig) { c.Priority = priority })
	case 1:
		s.Reconfigure(r, func(c *ospf.InterfaceConfig) { c.Passive = true })
	case 2:
		s.Reconfigure(r, func(c *ospf.InterfaceConfig) { c.Passive = false })
	case 3:
		intervals(2*time.Second, 7*time.Second)
	case 4:
		intervals(time.Second, 10*time.Second)
	case 5:
		retransmit := time.Duration(1+rng.IntN(4)) * time.Second
		s.Reconfigure(r, func(c *ospf.InterfaceConfig) { c.RetransmitInterval = retransmit })
	case 6:
		c.StubRouter.Administrative = !c.StubRouter.Administrative
		r.Configure(c)
	case 7:
		c.StubRouter.OnStartup = time.Duration(rng.IntN(30)) * time.Second
		r.Configure(c)
	case 8:
		c.RFC1583Compat = !c.RFC1583Compat
		r.Configure(c)
	case 9:
		if r.Engine() != nil {
			r.Command(ospf.Shutdown)
			n.Run(time.Duration(rng.IntN(4000)) * time.Millisecond)
			r.Crash()
		}
	case 10:
		r.Start()
	}
}

// However often it is configured anew on the way, a network ends where its last
// configuration leads.
func TestRandomReloads(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			n := wander(seed)
			rng := rand.New(rand.NewPCG(seed, 5))
			for range 20 {
				n.Run(time.Duration(rng.IntN(6000)) * time.Millisecond)
				reload(n, rng)
			}
			for _, s := range n.segments {
				for _, p := range s.ports {
					s.Reconfigure(p.router, func(c *ospf.InterfaceConfig) {
						c.Passive, c.HelloInterval, c.DeadInterval = false, time.Second, 10*time.Second
					})
				}
			}
			for _, r := range n.routers {
				c := r.Config()
				c.StubRouter, c.RFC1583Compat = ospf.StubRouter{}, false
				r.Configure(c)
			}
			converge(t, n, 5*time.Minute)
		})
	}
}
