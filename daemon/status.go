package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
	"github.com/ecmpd/ecmpd/rib"
)

// daemon implements api.Backend: each method asks the loop that owns the state
// and translates the copy that it gets.
var _ api.Backend = (*daemon)(nil)

// askOSPF runs f in the OSPF loop and returns what it found. After an error f may
// still run: what it works on must belong to it.
func askOSPF[T any](ctx context.Context, d *daemon, f func(now time.Time) T) (T, error) {
	return ask(ctx, func(run func(now time.Time)) { go d.speaker.Do(run) }, f)
}

// askLoop is askOSPF for the loop behind an inbox.
func askLoop[T any](ctx context.Context, inbox *mailbox[any], f func() T) (T, error) {
	post := func(run func(time.Time)) { inbox.put(query{func() { run(time.Time{}) }}) }
	return ask(ctx, post, func(time.Time) T { return f() })
}

func ask[T any](ctx context.Context, post func(func(time.Time)), f func(time.Time) T) (T, error) {
	found := make(chan T, 1)
	post(func(now time.Time) { found <- f(now) })
	select {
	case v := <-found:
		return v, nil
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// Neighbors implements api.Backend.
func (d *daemon) Neighbors(ctx context.Context) ([]api.Neighbor, error) {
	list, err := askOSPF(ctx, d, d.engine.Neighbors)
	if err != nil {
		return nil, err
	}
	out := make([]api.Neighbor, len(list))
	for i, n := range list {
		out[i] = api.Neighbor{
			RouterID: n.RouterID.String(), Address: n.Address.String(), Interface: n.Interface, Area: n.Area.String(),
			State: n.State, Role: n.Role, Why: n.Why, Priority: int(n.Priority), DR: n.DR.String(), BDR: n.BDR.String(),
			UpTimeMsec: n.Up.Milliseconds(), DeadTimeMsec: n.Dead.Milliseconds(),
			BFD:         d.sessions.state(bfd.Key{Interface: n.Interface, Peer: n.Address}),
			HelpingMsec: n.Helping.Milliseconds(), LastHelp: n.LastHelp,
			RetransmitCount: n.Retransmits, RequestCount: n.Requests, SummaryCount: n.Summaries, ExtendedOptions: n.Extended.String(),
		}
	}
	return out, nil
}

// BFD implements api.Backend.
func (d *daemon) BFD(ctx context.Context) (api.BFDSessions, error) {
	st, err := d.bfd.Status(ctx)
	if err != nil {
		return api.BFDSessions{}, err
	}
	slices.SortFunc(st.Sessions, func(a, b bfd.Status) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Peer.Compare(b.Peer))
	})
	out := api.BFDSessions{Rejected: st.Discards}
	for _, s := range st.Sessions {
		if s.Released {
			continue
		}
		out.Sessions = append(out.Sessions, api.BFDSession{
			Peer: s.Peer.String(), Local: s.Local.String(), Interface: s.Interface, State: s.State.String(), RemoteState: s.RemoteState.String(),
			LocalDiscriminator: s.LocalDiscr, RemoteDiscriminator: s.RemoteDiscr, SourcePort: int(s.SrcPort),
			Diagnostic: s.Diag.String(), RemoteDiagnostic: s.RemoteDiag.String(), StateTimeMsec: s.Since.Milliseconds(),
			TxIntervalUsec: s.TxInterval.Microseconds(), RxIntervalUsec: s.RxInterval.Microseconds(), DetectionTimeUsec: s.Detection.Microseconds(),
			Multiplier: int(s.Multiplier), RemoteMultiplier: int(s.RemoteMultiplier),
			PacketsSent: s.Sent, PacketsReceived: s.Received, PacketsDropped: s.Dropped, UpCount: s.Ups, FailureCount: s.Failures, Why: s.Why,
		})
	}
	return out, nil
}

// Interfaces implements api.Backend.
func (d *daemon) Interfaces(ctx context.Context) ([]api.Interface, error) {
	list, err := askOSPF(ctx, d, func(time.Time) []ospf.InterfaceStatus { return d.engine.Interfaces() })
	if err != nil {
		return nil, err
	}
	out := make([]api.Interface, len(list))
	for i, s := range list {
		out[i] = api.Interface{
			Interface: s.Interface, Area: s.Area.String(), Type: s.Type, State: s.State,
			Cost: int(s.Cost), MTU: s.MTU, Priority: int(s.Priority), DR: s.DR.String(), BDR: s.BDR.String(),
			HelloMsec: s.Hello.Milliseconds(), DeadMsec: s.Dead.Milliseconds(),
			NeighborCount: s.Neighbors, AdjacentCount: s.Adjacent, Passive: s.Passive, Authentication: s.Auth, Why: s.Why, Rejected: s.Rejected,
		}
		if s.Address.IsValid() {
			out[i].Address = s.Address.String()
		}
	}
	return out, nil
}

// Database implements api.Backend.
func (d *daemon) Database(ctx context.Context) (api.Database, error) {
	type state struct {
		ospf.DatabaseStatus
		limits ospf.LimitStatus
	}
	s, err := askOSPF(ctx, d, func(now time.Time) state { return state{d.engine.Database(now), d.engine.Limits(now)} })
	if err != nil {
		return api.Database{}, err
	}
	out := api.Database{RouterID: s.RouterID.String(), External: lsas(s.External), Limits: databaseLimits(s.limits)}
	for _, a := range s.Areas {
		out.Areas = append(out.Areas, api.AreaLSAs{
			Area: a.Area.String(), LSAs: lsas(a), Fingerprint: fmt.Sprintf("%016x", a.Fingerprint),
		})
	}
	for _, l := range s.Links {
		out.Link = append(out.Link, api.LinkLSAs{Interface: l.Interface, LSAs: lsas(l)})
	}
	return out, nil
}

func databaseLimits(s ospf.LimitStatus) api.DatabaseLimits {
	out := api.DatabaseLimits{Overflow: s.Overflow, Externals: s.Externals, MaxExternals: s.MaxExternals}
	for _, l := range s.Databases {
		out.Databases = append(out.Databases, api.DatabaseLimit{
			Scope: l.Scope, LSAs: l.LSAs, MaxLSAs: l.Max, Refused: l.Refused, Incomplete: l.Incomplete,
		})
	}
	return out
}

func lsas(s ospf.ScopeStatus) []api.LSA {
	out := make([]api.LSA, len(s.LSAs))
	for i, h := range s.LSAs {
		out[i] = api.LSA{
			Type: h.Type.String(), LinkStateID: h.ID.String(), AdvertisingRouter: h.Adv.String(), Age: int(h.Age &^ packet.DoNotAge), DoNotAge: h.Age&packet.DoNotAge != 0,
			SequenceNumber: fmt.Sprintf("0x%08x", uint32(h.Seq)), Checksum: fmt.Sprintf("0x%04x", h.Checksum), Length: int(h.Length),
		}
	}
	return out
}

// OSPFRoutes implements api.Backend: the table of the calculation, with what
// became of each route.
func (d *daemon) OSPFRoutes(ctx context.Context) ([]api.Route, error) {
	list, err := askOSPF(ctx, d, func(time.Time) []spf.Route { return d.engine.Routes() })
	if err != nil {
		return nil, err
	}
	selected, err := d.Routes(ctx)
	if err != nil {
		return nil, err
	}
	installed := make(map[string]api.Route, len(selected))
	for _, r := range selected {
		if r.Selected {
			installed[r.Prefix] = r
		}
	}
	out := make([]api.Route, len(list))
	for i, r := range list {
		o := api.Route{
			Prefix: r.Prefix.String(), Protocol: rib.OSPF.String(), Type: routeType(r),
			Cost: r.Cost, Type2Cost: r.Type2Cost, Tag: r.Tag,
		}
		if r.HasArea() {
			o.Area = r.Area.String()
		}
		best, ok := installed[o.Prefix]
		switch {
		case ok && best.Protocol == o.Protocol:
			o.Distance, o.Selected, o.Installed, o.Reason, o.NextHops = best.Distance, true, best.Installed, best.Reason, best.NextHops
		default:
			o.Distance = int(distance(d.currentConfig().Distance, r.Type))
			if ok {
				o.Reason = "a " + best.Protocol + " route is better"
			}
			for _, h := range r.NextHops.Hops() {
				o.NextHops = append(o.NextHops, hop(fib.HopStatus{Hop: h}))
			}
		}
		out[i] = o
	}
	return out, nil
}

// BorderRouters implements api.Backend.
func (d *daemon) BorderRouters(ctx context.Context) ([]api.BorderRouter, error) {
	list, err := askOSPF(ctx, d, func(time.Time) []spf.RouterRoute { return d.engine.BorderRouters() })
	if err != nil {
		return nil, err
	}
	out := make([]api.BorderRouter, len(list))
	for i, r := range list {
		out[i] = api.BorderRouter{
			RouterID: r.ID.String(), AreaBorder: r.Flags&packet.RouterB != 0, Boundary: r.Flags&packet.RouterE != 0,
			Type: r.Type.String(), Area: r.Area.String(), Cost: r.Cost,
		}
		for _, h := range r.NextHops.Hops() {
			out[i].NextHops = append(out[i].NextHops, hop(fib.HopStatus{Hop: h, Installed: true}))
		}
	}
	return out, nil
}

// Routes implements api.Backend: the selected route of every prefix.
func (d *daemon) Routes(ctx context.Context) ([]api.Route, error) {
	return askLoop(ctx, d.routes.inbox, d.routes.status)
}

// Route implements api.Backend.
func (d *daemon) Route(ctx context.Context, prefix netip.Prefix) ([]api.Route, error) {
	return askLoop(ctx, d.routes.inbox, func() []api.Route {
		var out []api.Route
		if route, ok := d.routes.rib.Best(prefix); ok && route.Type != localType {
			kernel, _ := d.routes.fib.Route(prefix)
			out = append(out, newDescriber().route(route, kernel))
		}
		for _, route := range d.routes.rib.Candidates(prefix) {
			if route.Unreached != "" {
				out = append(out, unreachedStatus(route))
			}
		}
		return out
	})
}

// status lists the RIB with what the kernel has of it; runs in the route loop.
func (r *routeLoop) status() []api.Route {
	out := make([]api.Route, 0, r.rib.Len())
	kernel, d := r.fib.Status().Routes, newDescriber()
	for route := range r.rib.All() {
		if route.Type == localType {
			continue
		}
		for len(kernel) > 0 && comparePrefixes(kernel[0].Prefix, route.Prefix) < 0 {
			kernel = kernel[1:]
		}
		var in fib.RouteStatus
		if len(kernel) > 0 && kernel[0].Prefix == route.Prefix {
			in = kernel[0]
		}
		out = append(out, d.route(route, in))
	}
	unreached := r.rib.Unreached()
	if len(unreached) == 0 {
		return out
	}
	for _, route := range unreached {
		out = append(out, unreachedStatus(route))
	}
	slices.SortStableFunc(out, func(a, b api.Route) int {
		return comparePrefixes(netip.MustParsePrefix(a.Prefix), netip.MustParsePrefix(b.Prefix))
	})
	return out
}

// comparePrefixes orders prefixes as RIB and kernel routes are listed.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// unreachedStatus is a recursive route that nothing leads to.
func unreachedStatus(route rib.Route) api.Route {
	return api.Route{
		Prefix: route.Prefix.String(), Protocol: route.Protocol.String(), Type: route.Type, Cost: route.Metric,
		Distance: int(route.Distance), Tag: route.Tag, Gateways: gateways(route), Reason: route.Unreached,
	}
}

// gateways are those of a recursive route.
func gateways(route rib.Route) (list []api.Gateway) {
	for g := range route.Gateways.All() {
		list = append(list, api.Gateway{Via: g.Addr.String(), Weight: int(g.Weight)})
	}
	return list
}

// describer writes routes for people. Very many routes share few sets, which are written once.
type describer struct {
	hops     map[*fib.HopStatus][]api.Hop
	gateways map[rib.Gateways][]api.Gateway
}

func newDescriber() describer {
	return describer{hops: map[*fib.HopStatus][]api.Hop{}, gateways: map[rib.Gateways][]api.Gateway{}}
}

// route describes a selected route with what the kernel has of it.
func (d describer) route(route rib.Route, kernel fib.RouteStatus) api.Route {
	o := api.Route{
		Prefix: route.Prefix.String(), Protocol: route.Protocol.String(), Type: route.Type,
		Cost: route.Metric, Distance: int(route.Distance), Tag: route.Tag, Selected: true,
	}
	if !route.Gateways.IsEmpty() {
		list, known := d.gateways[route.Gateways]
		if !known {
			list = gateways(route)
			d.gateways[route.Gateways] = list
		}
		o.Gateways = list
	}
	if route.Type == spf.External2.String() || route.Type == spf.NSSA2.String() {
		o.Type2Cost = route.Metric
	}
	switch route.Protocol {
	case rib.Connected, rib.Kernel: // the kernel's own
		o.Installed = true
		for _, h := range route.NextHops.Hops() {
			o.NextHops = append(o.NextHops, hop(fib.HopStatus{Hop: h, Installed: true}))
		}
	default:
		o.Installed, o.Reason, o.NextHops = kernel.Installed, kernel.Reason, d.hopsOf(kernel.Hops)
	}
	return o
}

func (d describer) hopsOf(hops []fib.HopStatus) []api.Hop {
	if len(hops) == 0 {
		return nil
	}
	list, known := d.hops[&hops[0]]
	if !known {
		for _, h := range hops {
			list = append(list, hop(h))
		}
		d.hops[&hops[0]] = list
	}
	return list
}

func hop(h fib.HopStatus) api.Hop {
	out := api.Hop{Interface: h.Interface, RouterID: "0.0.0.0", Weight: max(1, int(h.Weight)), Installed: h.Installed}
	if h.Gateway.IsValid() {
		out.Via = h.Gateway.String()
	}
	if h.RouterID.IsValid() {
		out.RouterID = h.RouterID.String()
	}
	return out
}

// Groups implements api.Backend.
func (d *daemon) Groups(ctx context.Context) ([]api.Group, error) {
	type groups struct {
		list    []fib.GroupStatus
		packets map[uint32]map[uint32]uint64
	}
	known, err := askLoop(ctx, d.routes.inbox, func() groups { return groups{d.routes.fib.Groups(), d.routes.fib.Packets()} })
	if err != nil {
		return nil, err
	}
	var out []api.Group
	for _, g := range known.list {
		o := api.Group{ID: g.ID, Routes: g.Routes, Counted: known.packets != nil}
		var weights, packets uint64
		for _, m := range g.Members {
			count := known.packets[g.ID][m.ID]
			packets += count
			if m.Installed {
				weights += uint64(max(1, m.Weight))
			}
			o.Members = append(o.Members, api.Member{ID: m.ID, Hop: hop(m), Packets: count})
		}
		for i, m := range o.Members {
			if m.Installed {
				o.Members[i].Share = percent(uint64(m.Weight), weights)
			}
			o.Members[i].Measured = percent(m.Packets, packets)
		}
		out = append(out, o)
	}
	return out, nil
}

// percent is a share, rounded; 0 of nothing.
func percent(part, whole uint64) int {
	if whole == 0 {
		return 0
	}
	return int((100*part + whole/2) / whole)
}

// Transit implements api.Backend.
func (d *daemon) Transit(ctx context.Context) (api.Transit, error) {
	state, err := d.transitState(ctx)
	if err != nil {
		return api.Transit{}, err
	}
	shared, err := d.sharedTracked(ctx, state)
	if err != nil {
		return api.Transit{}, err
	}
	out := api.Transit{
		Mode: string(state.Mode), Prefixes: texts(state.Prefixes), Interfaces: state.Interfaces, Tracked: texts(state.Tracked),
	}
	for _, h := range state.Holes {
		out.Holes = append(out.Holes, api.Hole{Prefix: h.Prefix.String(), Reason: h.Reason})
	}
	for _, s := range shared {
		if !s.masquerades() {
			out.Warnings = append(out.Warnings, api.Warning{Prefix: s.Prefix.String(), Reason: s.reason()})
		}
	}
	rules, err := askLoop(ctx, d.firewall.inbox, d.firewall.status)
	if err != nil {
		return api.Transit{}, err
	}
	out.InSync = rules.inSync
	addTranslations(&out, rules.nat)
	out.Policy = policyStatus(rules.policy, rules.counters)
	for _, b := range rules.blockers {
		out.BlockedBy = append(out.BlockedBy, api.Blocker(b))
	}
	return out, nil
}

func texts(list []netip.Prefix) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return out
}

// Status implements api.Backend.
func (d *daemon) Status(ctx context.Context) (api.Status, error) {
	d.mu.Lock()
	out := api.Status{
		Version: d.options.Version, RouterID: d.config.OSPF.RouterID.String(), PID: os.Getpid(),
		StartedAt: d.started.Format(time.RFC3339), UpTimeMsec: time.Since(d.started).Milliseconds(),
		Config: api.ConfigStatus{Path: d.options.ConfigPath, LoadedAt: d.loaded.Format(time.RFC3339), Error: d.reloadFail},
		OSPF:   api.OSPFStatus{NeighborChanges: d.changes.Load()},
	}
	d.mu.Unlock()
	select {
	case <-d.converged:
		out.Converged = true
	default:
	}
	type engineStatus struct {
		counters ospf.Counters
		rejected api.Counts
		stub     ospf.StubRouterStatus
		restart  ospf.RestartStatus
	}
	engine, err := askOSPF(ctx, d, func(now time.Time) engineStatus {
		s := engineStatus{d.engine.Counters(), api.Counts{}, d.engine.StubRouter(), d.engine.Restart(now)}
		for _, i := range d.engine.Interfaces() {
			for reason, n := range i.Rejected {
				s.rejected[reason] += n
			}
		}
		return s
	})
	if err != nil {
		return api.Status{}, err
	}
	out.OSPF.Retransmits, out.OSPF.SPFRuns, out.OSPF.Rejected = engine.counters.Retransmits, engine.counters.SPFRuns, engine.rejected
	out.OSPF.StubRouter = api.StubRouterStatus(engine.stub)
	out.OSPF.GracefulRestart = api.RestartStatus{Active: engine.restart.Active, LeftMsec: engine.restart.Left.Milliseconds(), Last: engine.restart.Last}
	for t := packet.TypeHello; t <= packet.TypeLSAck; t++ {
		out.OSPF.Packets = append(out.OSPF.Packets,
			api.PacketCount{Type: t.String(), Direction: "in", Count: engine.counters.Received[t]},
			api.PacketCount{Type: t.String(), Direction: "out", Count: engine.counters.Sent[t]})
	}
	out.Kernel, err = askLoop(ctx, d.routes.inbox, d.routes.kernelStatus)
	return out, err
}

func (r *routeLoop) kernelStatus() api.KernelStatus {
	return api.KernelStatus{
		InSync: r.fib.InSync(), Resyncs: r.resyncs, Error: r.lastError,
		Operations: []api.OperationCount{
			{Operation: "route-write", Result: "ok", Count: r.written},
			{Operation: "route-delete", Result: "ok", Count: r.deleted},
			{Operation: "route-write", Result: "failed", Count: r.failed},
		},
	}
}
