package daemon

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/spf"
	"github.com/ecmpd/ecmpd/redistribute"
	"github.com/ecmpd/ecmpd/rib"
	"github.com/ecmpd/ecmpd/transit"
	"github.com/ecmpd/ecmpd/wan"
)

// What the route loop is told. Every message is a value that nobody else keeps.
type (
	ospfRoutes struct{ changes []spf.Change }
	legChange  struct {
		leg  nexthop.Leg
		dead bool
	}
	// bfdChange says that a BFD session came up, or is no longer up.
	bfdChange struct {
		leg nexthop.Leg
		up  bool
	}
	linkSnapshot struct{ links link.Snapshot }
	kernelEvent  struct{ event fib.Event }
	// fullNeighbors names the interfaces that have a full neighbour.
	fullNeighbors struct{ interfaces map[string]ospfInterface }
	// wanOrder is what the uplinks are to carry.
	wanOrder struct {
		order wan.Order
		dead  []deadMarks // of uplinks that died or are gone
	}
	newConfig struct{ config *config.Config }
	sweep     struct{} // the start has converged
	freeze    struct{} // the daemon stops: the kernel keeps what it has
	query     struct{ f func() }
)

func (linkSnapshot) replaces(other any) bool  { _, ok := other.(linkSnapshot); return ok }
func (fullNeighbors) replaces(other any) bool { _, ok := other.(fullNeighbors); return ok }

// ospfInterface is what the transit rule and the choice of a source address have
// to know of an OSPF interface.
type ospfInterface struct {
	passive, pointToPoint, full bool
}

// routeStep is about how many changed routes go from the RIB to the kernel in one turn.
// What belongs to them stays in the processor's caches meanwhile, and what a
// hundred thousand need at the same time is no garbage.
const routeStep = 8192

// reconcileInterval is how often the kernel is compared without a cause.
const reconcileInterval = 30 * time.Second

// routeLoop owns the RIB and the kernel's routes.
type routeLoop struct {
	log   *logrus.Logger
	inbox *mailbox[any]
	offer func(ospf.Input) // to the engine
	rules func(any)        // to the firewall loop

	sessions *bfdSessions         // for watched static hops
	liveLegs map[nexthop.Leg]bool // whose BFD session is up

	cfg        *config.Config
	rib        *rib.Table
	fib        *fib.Table
	monitor    *fib.Monitor
	links      link.Snapshot
	foreign    []fib.Foreign
	interfaces map[string]ospfInterface
	offered    map[ospf.Source]map[netip.Prefix]struct{}

	bgp       func(any)             // to the BGP loop
	saidToBGP map[netip.Prefix]bool // what it may announce
	bgpHops   []netip.Addr          // that it asks about
	exchange  redistribute.Rules

	wan       func(any) // to the loop of the uplinks
	told      wanWorld  // what it was told last
	order     wan.Order
	ordered   []wanOrder // not yet with the firewall loop
	policyDue bool       // policy rules and the uplinks' tables are to be compared
	policyBad string     // why they are not as wanted; empty when they are

	transit      transit.State
	transitDirty bool
	reconcile    string // why the kernel is to be compared; empty: not
	swept        bool   // the firewall loop is to be told that the start has converged
	frozen       bool
	resyncs      uint64
	written      uint64
	deleted      uint64
	failed       uint64
	lastError    string // what the kernel refused last; empty when it is in sync
}

func newRouteLoop(log *logrus.Logger, cfg *config.Config, offer func(ospf.Input), rules, wan func(any), sessions *bfdSessions) (*routeLoop, error) {
	t, err := fib.Open(fib.Config{Protocol: cfg.Kernel.Protocol, Metric: cfg.Kernel.Metric, Resilient: cfg.ECMP.Resilient})
	if err != nil {
		return nil, err
	}
	m, err := t.Monitor()
	if err != nil {
		t.Close()
		return nil, err
	}
	r := &routeLoop{
		log: log, inbox: newMailbox[any](), offer: offer, rules: rules, wan: wan, sessions: sessions, liveLegs: map[nexthop.Leg]bool{},
		cfg: cfg, rib: rib.New(cfg.ECMP.MaxPaths), fib: t, monitor: m,
		interfaces: map[string]ospfInterface{}, offered: map[ospf.Source]map[netip.Prefix]struct{}{},
		transitDirty: true, saidToBGP: map[netip.Prefix]bool{},
	}
	t.Interrupt(r.interrupted)
	return r, nil
}

func (r *routeLoop) close() {
	r.monitor.Close()
	r.fib.Close()
}

// run is the loop: take what gathered, apply it, write once. A burst of routes takes several turns.
func (r *routeLoop) run(ctx context.Context) error {
	periodic := time.AfterFunc(reconcileInterval, func() { r.inbox.put(kernelEvent{fib.Event{Reconcile: true}}) })
	defer periodic.Stop()
	r.configureExchange()
	r.sync() // reads and adopts what an earlier run left
	if held := r.fib.Held(); held > 0 {
		r.log.WithField("routes", held).Info("routes of an earlier run stay until the network has converged: at most twice the longest dead interval")
	}
	var waiting []any
	for {
		batch := r.inbox.more()
		if len(batch)+len(waiting) == 0 {
			if batch = r.inbox.take(ctx); batch == nil {
				return nil
			}
		}
		r.evict(batch)
		waiting = r.applySome(append(waiting, batch...))
		if r.frozen {
			continue
		}
		if r.sync() {
			periodic.Reset(reconcileInterval)
		}
		if len(waiting) > 0 || r.interrupted() {
			continue // the next turn is at once
		}
		r.passOrders()
		if r.transitDirty {
			r.transitDirty = false
			r.updateTransit()
		}
		if r.swept { // behind the rules that hold from now on
			r.swept = false
			r.rules(sweep{})
		}
	}
}

// watch feeds the loop with what others do to the kernel's routes.
func (r *routeLoop) watch(ctx context.Context) error {
	return r.monitor.Run(ctx, func(e fib.Event) { r.inbox.put(kernelEvent{e}) })
}

// isDeath tells whether a message is the end of a leg, which nothing may hold up.
func isDeath(m any) bool {
	c, ok := m.(legChange)
	return ok && c.dead
}

// interrupted tells whether a leg died since the last messages were taken.
func (r *routeLoop) interrupted() bool { return r.inbox.waits(isDeath) }

// evict takes the legs that died out of their groups before anything else of a
// batch, which may be a hundred thousand routes, is looked at, or what an interruption left to write.
func (r *routeLoop) evict(batch []any) {
	died := false
	for _, m := range batch {
		if isDeath(m) {
			r.fib.SetDead(m.(legChange).leg, true)
			died = true
		}
	}
	if died && !r.frozen {
		r.note(r.fib.Evict(), "")
	}
}

// applySome applies messages up to about routeStep changed routes and returns the others.
func (r *routeLoop) applySome(batch []any) (waiting []any) {
	routes := 0
	for i, m := range batch {
		r.apply(m)
		if o, ok := m.(ospfRoutes); ok {
			routes += len(o.changes)
		}
		if routes >= routeStep {
			return batch[i+1:]
		}
	}
	return nil
}

// apply takes one message into the RIB and the wanted kernel state.
func (r *routeLoop) apply(m any) {
	switch m := m.(type) {
	case ospfRoutes:
		for _, c := range m.changes {
			r.applyOSPF(c)
		}
	case legChange:
		r.fib.SetDead(m.leg, m.dead)
	case bfdChange:
		if m.up {
			r.liveLegs[m.leg] = true
		} else {
			delete(r.liveLegs, m.leg)
		}
		if len(r.cfg.StaticBFD) > 0 {
			r.updateConnected()
		}
	case keysRolled:
		r.updateConnected()
	case linkSnapshot:
		r.links = m.links
		r.fib.SetLinks(ifaces(m.links))
		r.fib.Policy().SetLinks(ifaces(m.links))
		r.policyDue = true
		r.updateConnected()
		r.updateForeign()
		r.transitDirty = true
	case kernelEvent:
		r.applyKernel(m.event)
	case fullNeighbors:
		r.interfaces = m.interfaces
		r.transitDirty = true
	case bgpRoutes:
		r.applyBGP(m.routes)
	case nextHopQuestion:
		r.bgpHops = m.hops
		r.rib.Watch(m.hops)
	case wanOrder:
		r.takeOrder(m)
	case newConfig:
		r.cfg = m.config
		defer r.tellBGPAll()
		r.rib.SetMaxPaths(m.config.ECMP.MaxPaths)
		r.configureExchange()
		r.updateConnected()
		r.updateForeign()
		r.transitDirty = true
	case sweep:
		r.fib.SweepStale()
		r.swept = true
	case freeze:
		r.frozen = true
	case query:
		m.f()
	}
}

// applyOSPF takes a route of the engine. Directly attached networks are
// connected routes here, whose kernel entries are the kernel's own.
func (r *routeLoop) applyOSPF(c spf.Change) {
	if c.Withdrawn || c.Route.Local {
		r.rib.Withdraw(c.Prefix, rib.OSPF)
		return
	}
	metric := c.Route.Cost
	if c.Route.Type.Type2() {
		metric = c.Route.Type2Cost
	}
	r.rib.Set(rib.Route{
		Prefix: c.Prefix, Protocol: rib.OSPF, Type: routeType(c.Route), Distance: distance(r.cfg.Distance, c.Route.Type),
		Metric: metric, Tag: c.Route.Tag, NextHops: c.Route.NextHops, Discard: c.Route.Discard,
	})
}

// routeType is the path type in words. The discard route of an address range is
// inter-area to the protocol and of a kind of its own to people.
func routeType(r spf.Route) string {
	if r.Discard {
		return discardType
	}
	return r.Type.String()
}

const discardType = "discard"

// distance is the administrative distance of an OSPF route.
func distance(c config.Distance, t spf.PathType) uint8 {
	switch t {
	case spf.IntraArea:
		return c.IntraArea
	case spf.InterArea:
		return c.InterArea
	}
	return c.External
}

func (r *routeLoop) applyKernel(e fib.Event) {
	if e.Reconcile {
		r.reconcile = e.Why
		if r.reconcile == "" {
			r.reconcile = "periodic comparison"
		}
	}
	if e.Foreign != nil {
		r.foreign = e.Foreign
		r.updateForeign()
	}
}

// sync brings the kernel in line. It tells whether everything was compared.
func (r *routeLoop) sync() (compared bool) {
	r.wantChanges()
	r.answerNextHops()
	r.fib.SetSource(preferredSource(r.cfg.Kernel.Source, r.links, r.interfaces))
	var report fib.Report
	why := r.reconcile
	if compared = why != ""; compared {
		r.reconcile = ""
		r.resyncs++
		report = r.fib.Reconcile()
	} else {
		report = r.fib.Sync()
	}
	r.note(report, why)
	if r.policyDue || compared {
		r.syncPolicy()
	}
	r.tellUplinks()
	return compared
}

// wantChanges makes the kernel's wanted routes what the RIB has selected.
func (r *routeLoop) wantChanges() {
	changes := r.rib.Changes()
	r.tellBGP(changes)
	last, name := rib.Route{}, "" // neighbours in the list often have the same gateways
	for _, c := range changes {
		switch {
		case c.Withdrawn, c.Route.Protocol == rib.Connected, c.Route.Protocol == rib.Kernel:
			r.fib.Delete(c.Prefix)
			continue
		}
		want := fib.Route{Prefix: c.Prefix, NextHops: c.Route.NextHops, Discard: c.Route.Discard}
		if route := c.Route; !route.Gateways.IsEmpty() {
			if route.Gateways != last.Gateways || route.Protocol != last.Protocol {
				last, name = route, sharedName(route.Protocol, route.Gateways)
			}
			want.Shared = name
		}
		r.fib.Set(want)
	}
	for _, m := range r.rib.Moves() {
		r.fib.SetShared(sharedName(m.Protocol, m.Gateways), m.NextHops)
	}
	if len(changes) > 0 {
		r.transitDirty = true
		r.offerStatic()
		r.offerBGP(changes)
	}
}

// sharedName names the group of all routes of a protocol over the same gateways.
func sharedName(p rib.Protocol, g rib.Gateways) string { return p.String() + " " + g.String() }

func (r *routeLoop) note(report fib.Report, why string) {
	r.written += uint64(report.Written)
	r.deleted += uint64(report.Deleted)
	r.failed += uint64(len(report.Failed))
	if r.fib.InSync() {
		r.lastError = ""
	}
	for n, f := range report.Failed {
		r.lastError = f.Err.Error()
		if n == 10 {
			r.log.Errorf("kernel: %d more writes were refused", len(report.Failed)-n)
			break
		}
		if entry := r.log.WithError(f.Err); f.Prefix.IsValid() {
			entry.WithField("prefix", f.Prefix).Error("kernel: route not written")
		} else {
			entry.Error("kernel: nexthops or routes not in order")
		}
	}
	if report.Quiet() {
		return
	}
	entry := r.log.WithFields(logrus.Fields{
		"written": report.Written, "deleted": report.Deleted, "nexthops": report.Objects,
		"duration": report.Duration.Round(10 * time.Microsecond),
	})
	if why != "" {
		entry = entry.WithField("why", why)
	}
	entry.Info("kernel routes written")
}

// updateTransit derives the transit sets and hands them to the firewall loop.
func (r *routeLoop) updateTransit() {
	mode := transitMode(r.cfg)
	var routes []transit.Route
	if mode != transit.Off {
		for route := range r.rib.All() {
			if route.Type != localType && route.Type != discardType {
				routes = append(routes, transit.Route{Prefix: route.Prefix, Kind: kinds[route.Protocol], NextHops: route.NextHops})
			}
		}
	}
	r.transit = transit.Compute(
		transit.Config{Mode: mode, Tracked: r.cfg.Transit.Tracked, Also: r.cfg.Transit.Also},
		routes, r.transitInterfaces(), ownAddresses(r.links))
	r.rules(wantedRules{state: r.transit, forwardAccept: r.cfg.Transit.ForwardAccept, insertAccept: r.cfg.Transit.InsertAccept, policy: r.cfg.Transit.Policy})
}

// transitMode is what the configuration makes of transit packets. Where they
// stay tracked and the hash is over ports, what has none must still pass.
func transitMode(c *config.Config) transit.Mode {
	switch {
	case c.Transit.Mode == config.TransitNotrack:
		return transit.Notrack
	case c.Transit.Mode == config.TransitAuto:
		return transit.Auto
	case c.ECMP.Symmetric && c.ECMP.Hash == config.HashL4:
		return transit.Strays
	}
	return transit.Off
}

var kinds = map[rib.Protocol]transit.Kind{
	rib.OSPF: transit.OSPF, rib.Connected: transit.Connected, rib.Static: transit.Static, rib.Kernel: transit.Kernel,
	rib.WAN: transit.Kernel, rib.BGP: transit.BGP,
}

func (r *routeLoop) transitInterfaces() []transit.Interface {
	var list []transit.Interface
	for _, l := range r.links.Links {
		o, speaks := r.interfaces[l.Name]
		if l.Loopback {
			continue
		}
		i := transit.Interface{Name: l.Name, Passive: o.passive || !speaks, PointToPoint: o.pointToPoint, HasNeighbor: o.full}
		for _, a := range l.Addrs {
			i.Networks = append(i.Networks, a.Addr.Masked())
			if a.Peer.IsValid() {
				i.Networks[len(i.Networks)-1] = netip.PrefixFrom(a.Addr.Addr(), 32)
				i.Networks = append(i.Networks, netip.PrefixFrom(a.Peer, 32))
			}
		}
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b transit.Interface) int { return strings.Compare(a.Name, b.Name) })
	return list
}
