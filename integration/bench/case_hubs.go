package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/injector"
)

// hubScene has two ways to the externals, and a host that probes them:
//
//	                    ┌ eth0 ─ hub0 ┐
//	host ─ net ─ router ┤             ├ far: all externals are its own
//	                    └ eth1 ─ hub1 ┘
//
// The hubs are kernels that forward and injectors that speak OSPF.
type hubScene struct {
	*scene
	hubs     [2]*injector.Injector
	prefixes int
}

func (b *bench) hubs(prefixes int, bfd bool) (*hubScene, error) {
	s, err := newScene(b.ctx)
	if err != nil {
		return nil, err
	}
	h := &hubScene{scene: s, prefixes: prefixes}
	if err := h.wireHubs(); err != nil {
		return nil, s.end(err)
	}
	if err := h.converge(b, bfd); err != nil {
		return nil, s.end(err)
	}
	return h, nil
}

var (
	hostEnd = netip.MustParsePrefix("10.191.0.2/30")
	hostVia = netip.MustParsePrefix("10.191.0.1/30")
)

func (h *hubScene) wireHubs() error {
	far, err := h.AddNode("far")
	if err != nil {
		return err
	}
	host, err := h.AddNode("host")
	if err != nil {
		return err
	}
	err = h.Connect(lab.End{Node: host, Interface: "net", Addresses: []netip.Prefix{hostEnd}},
		lab.End{Node: h.node, Interface: "net", Addresses: []netip.Prefix{hostVia}}, 0)
	if err != nil {
		return err
	}
	for i := range 2 {
		name := fmt.Sprintf("hub%d", i)
		if err := h.wire("eth", i, name); err != nil {
			return err
		}
		a, b := linkEnd(10+i, 1), linkEnd(10+i, 2)
		err := h.Connect(lab.End{Node: h.Node(name), Interface: "far", Addresses: []netip.Prefix{a}},
			lab.End{Node: far, Interface: name, Addresses: []netip.Prefix{b}}, 0)
		if err != nil {
			return err
		}
		// The ways back are for the reverse-path filters alone.
		err = errors.Join(h.Node(name).AddRoute(injector.ExternalsNet, b.Addr()), h.Node(name).AddRoute(hostEnd.Masked(), routerEnd(i).Addr()))
		if err != nil {
			return err
		}
	}
	if err := far.AddRoute(hostEnd.Masked(), linkEnd(10, 1).Addr()); err != nil {
		return err
	}
	_, err = far.Run(h.ctx, "ip", "route", "add", "local", injector.ExternalsNet.String(), "dev", "lo")
	return errors.Join(err, host.AddRoute(injector.ExternalsNet, hostVia.Addr()))
}

// converge brings the externals into the router's kernel with two legs each.
func (h *hubScene) converge(b *bench, bfd bool) error {
	n := injector.NewNetwork(3)
	n.Join(0, 2)
	n.Join(1, 2)
	n.SetASBR(2)
	for i := range 2 {
		n.Attach(i, dutID, worldEnd(i).Addr())
	}
	lsas := append(n.LSAs(), injector.Externals(n.ID(2), 0, h.prefixes, true)...)
	if err := h.start(b.maker, b.binary, dut{ports: []string{"eth0", "eth1"}, bfd: bfd}); err != nil {
		return err
	}
	for i := range 2 {
		c := injector.Config{LSAs: lsas, BFD: bfd, Links: []injector.Link{
			{Interface: fmt.Sprintf("eth%d", i), Address: worldEnd(i), RouterID: n.ID(i)},
		}}
		var err error
		if h.hubs[i], err = h.inject(fmt.Sprintf("hub%d", i), c); err != nil {
			return err
		}
	}
	if err := h.full(loadTime); err != nil {
		return err
	}
	if _, err := h.routes(2*loadTime, injector.ExternalsNet, h.prefixes, 2*quiet); err != nil {
		return err
	}
	if bfd {
		for _, hub := range h.hubs {
			if err := h.wait(10*time.Second, "BFD", func() (bool, string) { return hub.BFDUp(), "a session is not Up" }); err != nil {
				return err
			}
		}
	}
	if err := h.rest(loadTime); err != nil {
		return err
	}
	return lab.Pause(h.ctx, calm[b.maker])
}

// outage is what a failure did.
type outage struct {
	worst, median time.Duration // from the failure until a prefix did without the dead leg
	probes        probeResult
}

// fail makes a failure happen under probes and waits until it is over. happen
// returns when it began.
func (h *hubScene) fail(probes int, happen func() (time.Time, error), over func() error) (o outage, err error) {
	oif, err := h.index("eth0")
	if err != nil {
		return o, err
	}
	p, err := probe(h.Node("host"), h.Node("far"), h.prefixes, probes)
	if err != nil {
		return o, err
	}
	defer p.close()
	if err := lab.Pause(h.ctx, 500*time.Millisecond); err != nil {
		return o, err
	}
	if !p.arrive() {
		return o, errors.New("no probe arrives before the failure")
	}
	h.kernel.avoid(oif)
	start, err := happen()
	if err != nil {
		return o, err
	}
	if err := over(); err != nil {
		return o, err
	}
	if err := lab.Pause(h.ctx, quiet); err != nil {
		return o, err
	}
	if _, left := h.kernel.left(injector.ExternalsNet); len(left) > 0 {
		slices.SortFunc(left, time.Time.Compare)
		o.worst, o.median = left[len(left)-1].Sub(start), left[len(left)/2].Sub(start)
	}
	o.probes = p.stop(start, h.kernel.linkDown(oif))
	return o, h.kernel.snapshot().err
}

// avoided waits until no prefix uses hub 0.
func (h *hubScene) avoided() error {
	return h.wait(loadTime, "the other hub alone", func() (bool, string) {
		// To look costs time, so not while there are events.
		if snap := h.kernel.snapshot(); time.Since(snap.last) < quiet/4 {
			return false, "the kernel is busy"
		}
		using, left := h.kernel.left(injector.ExternalsNet)
		return using == 0 && len(left) == h.prefixes, fmt.Sprintf("%d prefixes use the dead hub, %d the other", using, len(left))
	})
}

// index is the interface index of a port of the router.
func (h *hubScene) index(ifname string) (index int, err error) {
	err = h.node.Do(func() error {
		ifc, err := net.InterfaceByName(ifname)
		if err == nil {
			index = ifc.Index
		}
		return err
	})
	return index, err
}

// silence is the death of hub 0: its links stay up and nothing goes through.
func (h *hubScene) silence() (time.Time, error) {
	start := time.Now()
	h.hubs[0].Silence()
	return start, h.Node("hub0").Sysctl("net.ipv4.ip_forward", "0")
}

// death measures the silent death with hellos alone: 1 s and 4 s. The hub dies
// just after a hello, which is the worst moment.
func (b *bench) death() error {
	worst := b.figure("silent death, dead interval 4 s, 1,000 prefixes: worst outage", "ms", 4050)
	gap := b.figure("… longest gap in the probes of a prefix", "ms")
	h, err := b.hubs(1000, false)
	if err != nil {
		return err
	}
	o, err := h.fail(2000, func() (time.Time, error) {
		if err := h.hubs[0].AfterHello(h.ctx); err != nil {
			return time.Time{}, err
		}
		return h.silence()
	}, h.avoided)
	if err != nil {
		return h.end(err)
	}
	worst(milliseconds(o.worst))
	gap(milliseconds(o.probes.gap))
	return h.end(nil)
}

// bfd measures the silent death with BFD.
func (b *bench) bfd() error {
	type figures struct{ worst, median, gap func(float64) }
	var all []figures
	sizes := []struct {
		prefixes int
		name     string
		must     float64
	}{{1000, "1,000", 180}, {100_000, "100,000", 200}}
	for _, size := range sizes {
		name := "silent death, BFD 50 ms × 3, " + size.name + " prefixes: "
		all = append(all, figures{
			b.figure(name+"worst outage", "ms", size.must), b.figure(name+"median outage", "ms"), b.figure("… longest gap in the probes of a prefix of "+size.name, "ms"),
		})
	}
	if b.maker == "ecmpd" && !b.hasBFD() {
		return errMissing
	}
	for i, size := range sizes {
		h, err := b.hubs(size.prefixes, true)
		if err != nil {
			return err
		}
		o, err := h.fail(2000, h.silence, h.avoided)
		if err != nil {
			return h.end(err)
		}
		all[i].worst(milliseconds(o.worst))
		all[i].median(milliseconds(o.median))
		all[i].gap(milliseconds(o.probes.gap))
		if err := h.end(nil); err != nil {
			return err
		}
	}
	return nil
}

// carrier measures the loss of carrier of one of two links under probes.
func (b *bench) carrier() error {
	lost := b.figure("carrier loss, 100,000 prefixes, 10,000 probes/s: lost after the link is down", "probes", 0)
	all := b.figure("… lost in all", "probes")
	gap := b.figure("… longest gap in the probes of a prefix", "ms")
	h, err := b.hubs(100_000, false)
	if err != nil {
		return err
	}
	// The kernel shrinks groups without a word: only the probes tell.
	o, err := h.fail(10_000,
		func() (time.Time, error) { return time.Now(), h.Node("hub0").SetLink("eth0", false) },
		func() error { return lab.Pause(h.ctx, 5*quiet) })
	if err != nil {
		return h.end(err)
	}
	lost(float64(o.probes.lostAfterDown))
	all(float64(o.probes.lost))
	gap(milliseconds(o.probes.gap))
	return h.end(nil)
}
