package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/injector"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// soak makes the router calculate a grid of 10,000 routers every second, while somebody asks
// for everything in a loop, and counts what it loses meanwhile: no BFD session of 50 ms × 3 and no
// neighbour may go down.
func (b *bench) soak() error {
	falls := b.figure("soak: neighbours that fell", "", 0)
	failures := b.figure("soak: BFD sessions that failed", "", 0)
	runs := b.figure("soak: SPF runs", "")
	slowest := b.figure("soak: slowest show -o json", "ms")
	memory := b.figure("soak: memory at the end", "MB")
	if b.maker != "ecmpd" {
		return errMissing
	}
	s, err := newScene(b.ctx)
	if err != nil {
		return err
	}
	const side = 100
	g := &gridScene{scene: s, network: injector.Grid(side, side), width: side, height: side}
	if err := g.wireAll(); err != nil {
		return g.end(err)
	}
	far := peer.NewEcmpd(g.Node("world"), b.binary, watchers())
	if err := far.Start(b.ctx); err != nil {
		return g.end(err)
	}
	defer far.Kill()
	if err := g.load(b, dut{ports: gridPorts, bfd: true, eager: true}); err != nil {
		return g.end(err)
	}
	if err := g.wait(10*time.Second, "BFD", g.watched); err != nil {
		return g.end(err)
	}
	before, err := g.lost()
	if err != nil {
		return g.end(err)
	}
	worst, err := g.endure(b.endure)
	if err != nil {
		return g.end(err)
	}
	after, err := g.lost()
	if err != nil {
		return g.end(err)
	}
	u, err := g.node.Usage()
	falls(float64(after.changes - before.changes))
	failures(float64(after.failures - before.failures))
	runs(float64(after.runs - before.runs))
	slowest(milliseconds(worst))
	memory(float64(u.Proportional) / 1e6)
	return g.end(err)
}

// watchers configures the far ends of the BFD sessions: static routes that watch the router. In
// a process with real-time priority they are no later than the machine, which
// the injector is when its own process has much to do.
func watchers() string {
	text := "router-id: 10.255.0.2\nstatic:\n  - prefix: 192.0.2.0/24\n    next-hops:\n"
	for i := range gridPorts {
		text += fmt.Sprintf("      - {via: %s, bfd: {min-interval: 50ms, multiplier: 3}}\n", routerEnd(i).Addr())
	}
	return text
}

// watched tells whether all BFD sessions of the router are Up.
func (g *gridScene) watched() (bool, string) {
	sessions, err := g.sessions()
	if err != nil {
		return false, err.Error()
	}
	up := 0
	for _, s := range sessions {
		if s.State == "Up" {
			up++
		}
	}
	return up == len(gridPorts), fmt.Sprintf("%d sessions of %d are Up", up, len(gridPorts))
}

func (g *gridScene) sessions() ([]api.BFDSession, error) {
	var bfd api.BFD
	err := api.NewClient(g.router.(*peer.Ecmpd).Socket()).Get(g.ctx, api.PathBFD, &bfd)
	return bfd.BFD.Sessions, err
}

// losses are the counters of a router that must not move, and that of its SPF runs.
type losses struct{ changes, failures, runs uint64 }

func (g *gridScene) lost() (l losses, err error) {
	var status api.Status
	if err := api.NewClient(g.router.(*peer.Ecmpd).Socket()).Get(g.ctx, api.PathStatus, &status); err != nil {
		return l, err
	}
	sessions, err := g.sessions()
	if err != nil {
		return l, err
	}
	l.changes, l.runs = status.OSPF.NeighborChanges, status.OSPF.SPFRuns
	for _, s := range sessions {
		l.failures += s.FailureCount
	}
	return l, nil
}

// endure changes a cost in the middle of the grid every second and asks for everything all
// the time; it returns how long the slowest answer took.
func (g *gridScene) endure(length time.Duration) (slowest time.Duration, err error) {
	ctx, stop := context.WithCancel(g.ctx)
	var asking sync.WaitGroup
	var failed error
	asking.Go(func() {
		for ctx.Err() == nil {
			for _, what := range [][]string{{"ospf", "database"}, {"ospf", "routes"}, {"route"}, {"ospf", "neighbors"}, {"memory"}} {
				start := time.Now()
				_, err := g.router.(*peer.Ecmpd).Show(ctx, append(what, "-o", "json")...)
				if err != nil && ctx.Err() == nil {
					failed = fmt.Errorf("show %v: %w", what, err)
					return
				}
				if ctx.Err() == nil {
					slowest = max(slowest, time.Since(start))
				}
			}
		}
	})
	middle := g.network.Len()/2 + g.width/2
	for end, cost := time.Now().Add(length), uint16(0); err == nil && time.Now().Before(end); cost++ {
		g.network.SetCost(middle, 10+cost%2)
		g.in.Flood(0, g.network.LSA(middle))
		if err = lab.Pause(g.ctx, time.Second); err == nil {
			err = g.node.Crashed()
		}
	}
	stop()
	asking.Wait()
	if err == nil {
		err = failed
	}
	return slowest, err
}
