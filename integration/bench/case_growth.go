package main

import (
	"fmt"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/injector"
)

// growth doubles externals and routers. Each figure is a time; the last of
// each kind is the largest time(2n)/time(n).
func (b *bench) growth() error {
	externals := []int{1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_024_000}
	worst := b.figure("externals doubled: worst time(2n)/time(n)", "×", growthLimit)
	worstCPU := b.figure("externals doubled: worst CPU(2n)/CPU(n)", "×", growthLimit)
	var figures []func(float64)
	for _, n := range externals {
		figures = append(figures, b.figure(fmt.Sprintf("%d externals, first hello → last route", n), "ms"))
	}
	g, c := growth{floor: timeFloor}, growth{floor: cpuFloor}
	for i, n := range externals {
		l, err := b.quickest(func() *injector.Network { return injector.NewNetwork(1) }, n)
		if err != nil {
			return err
		}
		figures[i](milliseconds(l.took))
		g.add(l.took)
		c.add(l.cpu)
	}
	worst(g.worst)
	worstCPU(c.worst)
	return b.growRouters()
}

// growRouters doubles a grid of width 100 by its height.
func (b *bench) growRouters() error {
	heights := []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
	const width = 100
	worst := b.figure("routers doubled: worst time(2n)/time(n)", "×", growthLimit)
	worstCPU := b.figure("routers doubled: worst CPU(2n)/CPU(n)", "×", growthLimit)
	var figures []func(float64)
	for _, h := range heights {
		figures = append(figures, b.figure(fmt.Sprintf("grid of %d routers, first hello → last route", width*h), "ms"))
	}
	g, c := growth{floor: timeFloor}, growth{floor: cpuFloor}
	for i, h := range heights {
		l, err := b.quickest(func() *injector.Network { return injector.Grid(width, h) }, 0)
		if err != nil {
			return err
		}
		figures[i](milliseconds(l.took))
		g.add(l.took)
		c.add(l.cpu)
	}
	worst(g.worst)
	worstCPU(c.worst)
	return nil
}

// quickest loads a network three times and returns the shortest times: one hiccup of the machine
// would make two ratios wrong.
func (b *bench) quickest(network func() *injector.Network, externals int) (best loaded, err error) {
	for n := range 3 {
		s, l, err := b.load(network(), externals)
		if err != nil {
			return best, err
		}
		if err := s.close(); err != nil {
			return best, err
		}
		if n > 0 {
			l.took, l.cpu = min(l.took, best.took), min(l.cpu, best.cpu)
		}
		best = l
	}
	return best, nil
}

const (
	growthLimit = 2.3
	// From less than these a doubling can not be measured: there are scheduling hiccups, and
	// CPU is counted in steps of 10 ms.
	timeFloor = 40 * time.Millisecond
	cpuFloor  = 100 * time.Millisecond
)

// growth is how much longer twice as much takes.
type growth struct {
	floor time.Duration
	last  time.Duration
	worst float64
}

func (g *growth) add(took time.Duration) {
	if g.last > g.floor {
		g.worst = max(g.worst, float64(took)/float64(g.last))
	}
	g.last = took
}

// flaps measures a storm: a hundred changes a second for ten seconds, all over
// a grid, each router at most once. Half are stub networks, half are costs.
func (b *bench) flaps() error {
	const changes, pause = 1000, 10 * time.Millisecond
	cpu := b.figure("flap storm, 1,000 changes in 10 s, 5,041 routers: CPU", "s")
	lag := b.figure("… last change → last route event", "ms")
	memory := b.figure("… memory afterwards", "MB")
	g, err := b.grid(71, 71)
	if err != nil {
		return err
	}
	before, err := g.node.Usage()
	if err != nil {
		return g.end(err)
	}
	var start time.Time
	next := time.Now()
	for k := range changes {
		i := (k*37 + 11) % g.network.Len()
		if k%2 == 0 {
			g.network.RemoveStub(i, g.network.Stub(i))
		} else {
			g.network.SetCost(i, 11)
		}
		start = g.in.Flood(k%2, g.network.LSA(i))
		next = next.Add(pause)
		if err := lab.Pause(g.ctx, time.Until(next)); err != nil {
			return g.end(err)
		}
	}
	last, err := g.routes(loadTime, stubsNet, g.network.Len()-changes/2, 7*quiet) // longer than any delay
	if err != nil {
		return g.end(err)
	}
	after, err := g.node.Usage()
	if err != nil {
		return g.end(err)
	}
	cpu((after.CPU - before.CPU).Seconds())
	lag(max(0, milliseconds(last.Sub(start))))
	memory(float64(after.Proportional) / 1e6)
	return g.end(nil)
}
