package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/injector"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

var (
	dutID     = packet.IDFromAddr(netip.MustParseAddr(routerID))
	stubsNet  = netip.MustParsePrefix("100.64.0.0/10") // of all synthetic routers
	newStubs  = netip.MustParsePrefix("198.18.0.0/15") // those that come later
	gridSizes = []struct {
		side             int
		stub, shed, bulk float64 // what ecmpd must reach, ms, ms and MB; 0: nothing
	}{{71, 3, 25, 0}, {100, 5, 45, 40}}
)

// gridScene is a router under test between two corners of a grid. Link 0 goes to the
// first corner of the first row, link 1 to its last:
//
//	eth0 ┌ 0 ─── … ─── n-1 ┐ eth1
//	─────┤ │             │ ├─────
//	       … ─── … ──── far
type gridScene struct {
	*scene
	network       *injector.Network
	in            *injector.Injector
	width, height int
}

// grid brings a make to rest with all routes of a grid in its kernel.
func (b *bench) grid(width, height int) (*gridScene, error) {
	s, err := newScene(b.ctx)
	if err != nil {
		return nil, err
	}
	g := &gridScene{scene: s, network: injector.Grid(width, height), width: width, height: height}
	if err = g.wireAll(); err == nil {
		err = g.load(b, dut{ports: gridPorts})
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return g, nil
}

// gridPorts are the router's.
var gridPorts = []string{"eth0", "eth1"}

func (g *gridScene) wireAll() error {
	for i := range gridPorts {
		if err := g.wire("eth", i, "world"); err != nil {
			return err
		}
	}
	return nil
}

func (g *gridScene) load(b *bench, d dut) error {
	var c injector.Config
	for i, corner := range []int{0, g.width - 1} {
		g.network.Attach(corner, dutID, worldEnd(i).Addr())
		c.Links = append(c.Links, injector.Link{Interface: fmt.Sprintf("eth%d", i), Address: worldEnd(i), RouterID: g.network.ID(corner)})
	}
	c.LSAs = g.network.LSAs()
	if err := g.start(b.maker, b.binary, d); err != nil {
		return err
	}
	var err error
	if g.in, err = g.inject("world", c); err != nil {
		return err
	}
	if err := g.full(loadTime); err != nil {
		return err
	}
	if _, err := g.routes(loadTime, stubsNet, g.network.Len(), 2*quiet); err != nil {
		return err
	}
	return g.rest(loadTime)
}

// stub measures one new stub network at the far corner.
func (b *bench) stub() error {
	type sizes struct{ stub, memory func(float64) }
	var figures []sizes
	for _, size := range gridSizes {
		s := sizes{stub: b.figure(fmt.Sprintf("new stub, grid of %d routers → route event", size.side*size.side), "ms", size.stub)}
		if size.bulk > 0 {
			s.memory = b.figure(fmt.Sprintf("memory, %d routers", size.side*size.side), "MB", size.bulk)
		}
		figures = append(figures, s)
	}
	for i, size := range gridSizes {
		g, err := b.grid(size.side, size.side)
		if err != nil {
			return err
		}
		if figures[i].memory != nil {
			u, err := g.node.Usage()
			if err != nil {
				return g.end(err)
			}
			figures[i].memory(float64(u.Proportional) / 1e6)
		}
		for k := range 5 {
			took, err := g.addStub(k)
			if err != nil {
				return g.end(err)
			}
			figures[i].stub(milliseconds(took))
		}
		if err := g.end(nil); err != nil {
			return err
		}
	}
	return nil
}

// end closes the scene and keeps the first error.
func (s *scene) end(err error) error {
	if e := s.close(); err == nil {
		err = e
	}
	return err
}

// addStub announces the k-th new network. Its pauses differ, so that a router
// that looks once a second is met at any time.
func (g *gridScene) addStub(k int) (time.Duration, error) {
	if err := lab.Pause(g.ctx, 1200*time.Millisecond+time.Duration(k)*137*time.Millisecond); err != nil {
		return 0, err
	}
	far := g.network.Len() - 1
	p := netip.PrefixFrom((packet.IDFromAddr(newStubs.Addr()) + packet.ID(k)<<8).Addr(), 24)
	g.network.AddStub(far, p)
	start := g.in.Flood(0, g.network.LSA(far))
	var at time.Time
	err := g.wait(10*time.Second, "new stub", func() (ok bool, _ string) {
		at, ok = g.kernel.routeAt(p)
		return ok, "no route"
	})
	return at.Sub(start), err
}

// watershed measures a change that moves half of the routes to the other link.
func (b *bench) watershed() error {
	var figures []func(float64)
	for _, size := range gridSizes {
		figures = append(figures, b.figure(fmt.Sprintf("watershed, grid of %d routers → last route event", size.side*size.side), "ms", size.shed))
	}
	for i, size := range gridSizes {
		g, err := b.grid(size.side, size.side)
		if err != nil {
			return err
		}
		for k := range 3 {
			took, err := g.move(b.maker, k)
			if err != nil {
				return g.end(err)
			}
			if k > 0 { // the first one leaves the equal start
				figures[i](milliseconds(took))
			}
		}
		if err := g.end(nil); err != nil {
			return err
		}
	}
	return nil
}

// calm is how long each make has to be left alone to be at its shortest delay
// again: hold-down, the longest throttle, nothing.
var calm = map[string]time.Duration{"ecmpd": 10500 * time.Millisecond, "frr": 5500 * time.Millisecond, "bird": 2 * time.Second}

// move lays the watershed between the corners at one quarter of the row and at
// three quarters in turn, by the costs out of the first corner: one LSA. It waits for the
// last kernel event. The first move, which sets the other corner as well, is no measurement.
func (g *gridScene) move(maker string, k int) (time.Duration, error) {
	if err := lab.Pause(g.ctx, calm[maker]+time.Duration(k)*137*time.Millisecond); err != nil {
		return 0, err
	}
	// Ten more move it by half a column. An odd number of fives avoids a
	// column of equal cost.
	quarter := uint16(5 * (g.width | 1))
	g.network.SetCost(0, 10+2*quarter*uint16(k%2))
	lsas := [][]byte{g.network.LSA(0)}
	if k == 0 {
		g.network.SetCost(g.width-1, 10+quarter)
		lsas = append(lsas, g.network.LSA(g.width-1))
	}
	before := g.kernel.snapshot().events
	start := g.in.Flood(0, lsas...)
	var last time.Time
	want := g.network.Len() * 4 / 10 // half, less the rounding of columns
	err := g.wait(20*time.Second, "watershed", func() (bool, string) {
		snap := g.kernel.snapshot()
		last = snap.last
		moved := snap.events - before
		return (k == 0 || moved >= want) && time.Since(snap.last) > quiet && time.Since(start) > 2*quiet, fmt.Sprintf("%d routes moved", moved)
	})
	return last.Sub(start), err
}
