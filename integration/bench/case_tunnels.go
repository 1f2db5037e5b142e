package main

import (
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/lab/injector"
)

const (
	tunnelTime = 60 * time.Second // for all to become Full
	idleTime   = 10 * time.Second
)

// tunnels measures a hub with 10, 100 and 1,000 branches, each a router of its
// own that knows the others through the hub alone. All branches are there when the hub starts.
func (b *bench) tunnels() error {
	type figures struct{ full, cpu, memory func(float64) }
	var all []figures
	counts := []int{10, 100, 1000}
	for _, n := range counts {
		var full, cpu, memory []float64
		if n == 1000 {
			full, cpu, memory = []float64{15}, []float64{5}, []float64{100}
		}
		all = append(all, figures{
			b.figure(fmt.Sprintf("%d tunnels, start → all Full", n), "s", full...),
			b.figure(fmt.Sprintf("%d tunnels, idle", n), "% CPU", cpu...),
			b.figure(fmt.Sprintf("%d tunnels, memory", n), "MB", memory...),
		})
	}
	for i, n := range counts {
		took, cpu, memory, err := b.hub(n)
		if err != nil {
			return err
		}
		all[i].full(took.Seconds())
		all[i].cpu(100 * cpu)
		all[i].memory(float64(memory) / 1e6)
	}
	return nil
}

func (b *bench) hub(count int) (took time.Duration, cpu float64, memory int, err error) {
	s, err := newScene(b.ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = s.end(err) }()
	n := injector.NewNetwork(count)
	c := injector.Config{Isolated: true}
	var ports []string
	for i := range count {
		if err := s.wire("vpn", i, "world"); err != nil {
			return 0, 0, 0, err
		}
		n.Attach(i, dutID, worldEnd(i).Addr())
		ports = append(ports, fmt.Sprintf("vpn%d", i))
		c.Links = append(c.Links, injector.Link{Interface: ports[i], Address: worldEnd(i), RouterID: n.ID(i)})
	}
	c.LSAs = n.LSAs()
	// The router-LSA of a large hub comes in fragments, on all links at once;
	// real branches would put them together each in a memory of its own.
	if err := s.Node("world").Sysctl("net.ipv4.ipfrag_high_thresh", fmt.Sprint(1<<30)); err != nil {
		return 0, 0, 0, err
	}
	in, err := s.inject("world", c)
	if err != nil {
		return 0, 0, 0, err
	}
	start := time.Now()
	if err := s.startNow(b.maker, b.binary, dut{ports: ports}); err != nil {
		return 0, 0, 0, err
	}
	err = s.wait(tunnelTime-time.Since(start), "all Full", func() (bool, string) {
		full, last := in.Full()
		took = last.Sub(start)
		return full == count, fmt.Sprintf("%d of %d are Full, %+v", full, count, in.Stats())
	})
	if err != nil {
		return 0, 0, 0, err
	}
	if err := s.rest(tunnelTime); err != nil && b.ctx.Err() != nil {
		return 0, 0, 0, err // otherwise it never rests, which the figure tells
	}
	if cpu, err = s.busy(idleTime); err != nil {
		return 0, 0, 0, err
	}
	u, err := s.node.Usage()
	return took, cpu, u.Proportional, err
}
