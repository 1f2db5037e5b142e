package main

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/lab/injector"
)

// externals measures 100,000 type-5 LSAs of one neighbour from the first hello
// to the last kernel route.
func (b *bench) externals() error {
	const count = 100_000
	took := b.figure("100,000 externals, first hello → last route", "s", 2.5)
	cpu := b.figure("100,000 externals, CPU", "s", 1.2)
	own := b.figure("… CPU of the injector and the monitor", "s")
	memory := b.figure("memory, 100,000 externals", "MB", 100)
	s, l, err := b.load(injector.NewNetwork(1), count)
	if err != nil {
		return err
	}
	took(l.took.Seconds())
	cpu(l.cpu.Seconds())
	own(l.own.Seconds())
	if err := s.rest(loadTime); err != nil {
		return s.end(err)
	}
	u, err := s.node.Usage()
	memory(float64(u.Proportional) / 1e6)
	return s.end(err)
}

// loaded is what it took to take over a network.
type loaded struct{ took, cpu, own time.Duration } // own: of this process

// load shows a make a network with externals at router 0, over one link.
func (b *bench) load(n *injector.Network, externals int) (*scene, loaded, error) {
	s, err := newScene(b.ctx)
	if err != nil {
		return nil, loaded{}, err
	}
	l, err := s.load(b, n, externals)
	if err != nil {
		return nil, loaded{}, s.end(err)
	}
	return s, l, nil
}

func (s *scene) load(b *bench, n *injector.Network, externals int) (l loaded, err error) {
	if err := s.wire("eth", 0, "world"); err != nil {
		return l, err
	}
	n.SetASBR(0)
	n.Attach(0, dutID, worldEnd(0).Addr())
	c := injector.Config{
		Links: []injector.Link{{Interface: "eth0", Address: worldEnd(0), RouterID: n.ID(0)}},
		LSAs:  append(n.LSAs(), injector.Externals(n.ID(0), 0, externals, true)...),
	}
	if err := s.start(b.maker, b.binary, dut{ports: []string{"eth0"}}); err != nil {
		return l, err
	}
	before, err := s.node.Usage()
	if err != nil {
		return l, err
	}
	own, err := ownCPU()
	if err != nil {
		return l, err
	}
	in, err := s.inject("world", c)
	if err != nil {
		return l, err
	}
	within, count := injector.ExternalsNet, externals
	if externals == 0 {
		within, count = stubsNet, n.Len()
	}
	last, err := s.routes(loadTime, within, count, 2*quiet)
	if err != nil {
		return l, err
	}
	after, err := s.node.Usage()
	if err != nil {
		return l, err
	}
	now, err := ownCPU()
	return loaded{last.Sub(in.Opened()), after.CPU - before.CPU, now - own}, err
}

// ownCPU is what this process has used: the injector and the monitor.
func ownCPU() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
