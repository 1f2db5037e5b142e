package main

import (
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/lab/injector"
)

const (
	tunnelTime = 60 * time.Second // for all to become Full, once the daemons have read their configuration
	idleTime   = 10 * time.Second
)

// tunnels measures a hub with 10, 100 and 1,000 branches, each a router of its
// own that knows the others through the hub alone. All branches are there when the hub starts.
func (b *bench) tunnels() error {
	type figures struct{ full, falls, cpu, memory func(float64) }
	var all []figures
	counts := []int{10, 100, 1000}
	for _, n := range counts {
		var full, falls, cpu, memory []float64
		if n == 1000 {
			full, falls, cpu, memory = []float64{15}, []float64{0}, []float64{5}, []float64{100}
		}
		all = append(all, figures{
			b.figure(fmt.Sprintf("%d tunnels, start → all Full", n), "s", full...),
			b.figure(fmt.Sprintf("%d tunnels, adjacencies that fell", n), "", falls...),
			b.figure(fmt.Sprintf("%d tunnels, idle", n), "% CPU", cpu...),
			b.figure(fmt.Sprintf("%d tunnels, memory", n), "MB", memory...),
		})
	}
	for i, n := range counts {
		h, err := b.hub(n)
		if err != nil {
			return err
		}
		all[i].full(h.took.Seconds())
		all[i].falls(float64(h.falls))
		all[i].cpu(100 * h.cpu)
		all[i].memory(float64(h.memory) / 1e6)
	}
	return nil
}

// hubLoad is what a hub costs.
type hubLoad struct {
	took   time.Duration // until all were Full
	falls  int           // of adjacencies, from then on or before
	cpu    float64       // share of a processor when nothing happens
	memory int           // bytes
}

func (b *bench) hub(count int) (h hubLoad, err error) {
	s, err := newScene(b.ctx)
	if err != nil {
		return h, err
	}
	defer func() { err = s.end(err) }()
	// ospfd has one socket for all its multicast memberships, and the kernel allows 20 by
	// default: with that it would stop at 20 tunnels.
	if err := s.node.Sysctl("net.ipv4.igmp_max_memberships", fmt.Sprint(2*count+20)); err != nil {
		return h, err
	}
	n := injector.NewNetwork(count)
	c := injector.Config{Isolated: true}
	var ports []string
	for i := range count {
		if err := s.wire("vpn", i, "world"); err != nil {
			return h, err
		}
		n.Attach(i, dutID, worldEnd(i).Addr())
		ports = append(ports, fmt.Sprintf("vpn%d", i))
		c.Links = append(c.Links, injector.Link{Interface: ports[i], Address: worldEnd(i), RouterID: n.ID(i)})
	}
	c.LSAs = n.LSAs()
	// The router-LSA of a large hub comes in fragments, on all links at once;
	// real branches would put them together each in a memory of its own.
	if err := s.Node("world").Sysctl("net.ipv4.ipfrag_high_thresh", fmt.Sprint(1<<30)); err != nil {
		return h, err
	}
	in, err := s.inject("world", c)
	if err != nil {
		return h, err
	}
	start := time.Now()
	if err := s.startNow(b.maker, b.binary, dut{ports: ports}); err != nil {
		return h, err
	}
	err = s.wait(tunnelTime, "all Full", func() (bool, string) {
		full, last := in.Full()
		h.took = last.Sub(start)
		return full == count, fmt.Sprintf("%d of %d are Full, %+v", full, count, in.Stats())
	})
	if err != nil {
		return h, err
	}
	if err := s.rest(tunnelTime); err != nil && b.ctx.Err() != nil {
		return h, err // otherwise it never rests, which the figure tells
	}
	if h.cpu, err = s.busy(idleTime); err != nil {
		return h, err
	}
	stats := in.Stats()
	if stats.Err != nil { // the hub missed what it should have heard
		return h, fmt.Errorf("the injector lost %d datagrams: %w", stats.Refused, stats.Err)
	}
	h.falls = stats.Restarts
	u, err := s.node.Usage()
	h.memory = u.Proportional
	return h, err
}
