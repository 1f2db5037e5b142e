package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/injector"
	"github.com/ecmpd/ecmpd/lab/peer"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// tag starts the names of everything that is made.
const tag = "ec-bench"

// scene is one lab with one router under test, for one measurement.
type scene struct {
	*lab.Lab
	ctx    context.Context
	node   *lab.Node // of the router under test
	router peer.Router
	kernel *monitor
	worlds []*injector.Injector
	links  int // of all worlds
}

// errSlow is what did not happen in the time that a case gives.
var errSlow = errors.New("not in time")

func newScene(ctx context.Context) (*scene, error) {
	l, err := lab.New(lab.Options{Tag: tag})
	if err != nil {
		return nil, err
	}
	s := &scene{Lab: l, ctx: ctx}
	if s.node, err = l.AddNode("router"); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *scene) close() error {
	for _, w := range s.worlds {
		w.Close()
	}
	if s.router != nil {
		s.router.Kill()
	}
	if s.kernel != nil {
		s.kernel.close()
	}
	return s.Close()
}

// wire joins the router's interface <name><i> to a node, which is made when it
// is new, by an interface of the same name. The ends of link i are routerEnd and worldEnd.
func (s *scene) wire(name string, i int, node string) error {
	far := s.Node(node)
	if far == nil {
		var err error
		if far, err = s.AddNode(node); err != nil {
			return err
		}
	}
	ifname := fmt.Sprintf("%s%d", name, i)
	return s.Connect(
		lab.End{Node: s.node, Interface: ifname, Addresses: []netip.Prefix{routerEnd(i)}},
		lab.End{Node: far, Interface: ifname, Addresses: []netip.Prefix{worldEnd(i)}}, 0)
}

// routerEnd and worldEnd are the addresses of link i, a /30 of 10.192.0.0/12.
func routerEnd(i int) netip.Prefix { return linkEnd(i, 1) }
func worldEnd(i int) netip.Prefix  { return linkEnd(i, 2) }

func linkEnd(i, host int) netip.Prefix {
	return netip.PrefixFrom(packet.ID(10<<24|192<<16+4*i+host).Addr(), 30)
}

// start starts the router under test and the monitor of its kernel, and waits
// until it has nothing to do.
func (s *scene) start(maker, binary string, d dut) error {
	if err := s.startNow(maker, binary, d); err != nil {
		return err
	}
	return s.rest(30 * time.Second)
}

func (s *scene) startNow(maker, binary string, d dut) error {
	var err error
	if s.kernel, err = watch(s.node); err != nil {
		return err
	}
	s.router = d.router(maker, s.node, binary)
	return s.router.Start(s.ctx)
}

// inject opens an injector in a node.
func (s *scene) inject(node string, c injector.Config) (*injector.Injector, error) {
	var in *injector.Injector
	err := s.Node(node).Do(func() (err error) {
		in, err = injector.Open(c)
		return err
	})
	if err == nil {
		s.worlds, s.links = append(s.worlds, in), s.links+len(c.Links)
	}
	return in, err
}

// wait polls a condition until it holds; a crash of the router and the limit
// end it.
func (s *scene) wait(limit time.Duration, what string, holds func() (bool, string)) error {
	deadline := time.Now().Add(limit)
	for {
		ok, state := holds()
		if ok {
			return nil
		}
		if err := s.node.Crashed(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %w: not within %s: %s", what, errSlow, limit, state)
		}
		if err := lab.Pause(s.ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// full waits until all links of the injectors are Full.
func (s *scene) full(limit time.Duration) error {
	return s.wait(limit, "all Full", func() (bool, string) {
		n := 0
		for _, w := range s.worlds {
			full, _ := w.Full()
			n += full
		}
		return n == s.links, fmt.Sprintf("%d of %d links are Full", n, s.links)
	})
}

// routes waits until the kernel has count routes within a prefix and nothing
// has changed for a while.
func (s *scene) routes(limit time.Duration, within netip.Prefix, count int, quiet time.Duration) (last time.Time, err error) {
	err = s.wait(limit, fmt.Sprintf("%d kernel routes", count), func() (bool, string) {
		snap := s.kernel.snapshot()
		if last = snap.last; time.Since(last) < quiet {
			return false, fmt.Sprintf("%d events", snap.events)
		}
		n := s.kernel.count(within)
		return n == count, fmt.Sprintf("%d routes", n)
	})
	return last, errors.Join(err, s.kernel.snapshot().err)
}

// rest waits until the router uses less than 5 % of a processor.
func (s *scene) rest(limit time.Duration) error {
	return s.wait(limit, "rest", func() (bool, string) {
		share, err := s.busy(400 * time.Millisecond)
		return err == nil && share < 0.05, fmt.Sprintf("%.0f %% CPU %v", 100*share, err)
	})
}

// busy is the share of one processor that the router uses over some time.
func (s *scene) busy(over time.Duration) (float64, error) {
	before, err := s.node.Usage()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := lab.Pause(s.ctx, over); err != nil {
		return 0, err
	}
	after, err := s.node.Usage()
	return float64(after.CPU-before.CPU) / float64(time.Since(start)), err
}
