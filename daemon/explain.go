package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/explain"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/wan"
)

// explainer holds what the questions about one packet have in common.
type explainer struct {
	ctx      context.Context
	d        *daemon
	resolver *fib.Resolver
	rules    []fib.Rule
	hash     explain.Hash
	links    link.Snapshot
	uplinks  wan.Order
	groups   map[uint32][]api.Hop // of ours, members that the kernel has
	single   map[hopKey]string    // router id behind a gateway
}

// hopKey finds a member again by what the kernel says of it.
type hopKey struct{ via, iface string }

// Explain implements api.Backend.
func (d *daemon) Explain(ctx context.Context, q api.ExplainQuery) (api.Explain, error) {
	x, err := d.newExplainer(ctx)
	if err != nil {
		return api.Explain{}, err
	}
	defer x.resolver.Close()
	flow := fib.Flow{
		Source: q.Source, Destination: q.Destination, Protocol: q.Protocol,
		SourcePort: q.SourcePort, DestinationPort: q.DestinationPort,
	}
	if flow.In, err = x.entrance(q); err != nil {
		return api.Explain{}, err
	}
	out := api.Explain{Hash: api.Hash{Policy: x.hash.Policy, Fields: x.hash.String()}}
	if out.Forward, err = x.direction(flow, "", false); err != nil {
		return api.Explain{}, err
	}
	out.Reverse, err = x.direction(x.answer(flow, out.Forward), x.enteredBy(flow), true)
	switch {
	case errors.Is(err, api.ErrNotFound):
		out.Reverse.Why = err.Error()
	case err != nil:
		return api.Explain{}, err
	}
	if out.SameHub, out.SameHubWhy, err = x.sameHub(q, out); err != nil {
		return api.Explain{}, err
	}
	if q.Sample > 0 {
		out.Sample = x.sample(flow, out.Forward, q.Sample)
	}
	return out, nil
}

func (d *daemon) newExplainer(ctx context.Context) (*explainer, error) {
	x := &explainer{ctx: ctx, d: d, groups: map[uint32][]api.Hop{}, single: map[hopKey]string{}}
	groups, err := d.Groups(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		for _, m := range g.Members {
			if m.Installed {
				x.groups[g.ID] = append(x.groups[g.ID], m.Hop)
			}
		}
	}
	neighbors, err := d.Neighbors(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range neighbors {
		x.single[hopKey{n.Address, n.Interface}] = n.RouterID
	}
	if x.links, err = askLoop(ctx, d.routes.inbox, func() link.Snapshot { return d.routes.links }); err != nil {
		return nil, err
	}
	if x.hash, err = d.readHash(); err != nil {
		return nil, err
	}
	if x.uplinks, err = d.wanOrderNow(ctx); err != nil {
		return nil, err
	}
	if x.resolver, err = fib.OpenResolver(); err != nil {
		return nil, err
	}
	if x.rules, err = x.resolver.Rules(); err != nil {
		x.resolver.Close()
		return nil, err
	}
	return x, nil
}

// readHash reads the multipath hash as the kernel has it now. Before Linux 5.14
// there are no fields, and no policy that looks at them.
func (d *daemon) readHash() (h explain.Hash, err error) {
	policy, err := d.settings.Get("net.ipv4.fib_multipath_hash_policy")
	if err != nil {
		return h, err
	}
	if h.Policy, err = strconv.Atoi(policy); err != nil {
		return h, fmt.Errorf("multipath hash policy: %w", err)
	}
	if fields, err := d.settings.Get("net.ipv4.fib_multipath_hash_fields"); err == nil {
		n, err := strconv.ParseUint(fields, 0, 32)
		if err != nil {
			return h, fmt.Errorf("multipath hash fields: %w", err)
		}
		h.Fields = uint32(n)
	}
	return h, nil
}

// entrance is the index of the link that the packet comes in through: the one
// that was named, none for the router's own packet, else the one that leads back to the
// source.
func (x *explainer) entrance(q api.ExplainQuery) (int, error) {
	if q.In != "" {
		l, ok := x.links.ByName(q.In)
		if !ok {
			return 0, fmt.Errorf("interface %s: %w", q.In, api.ErrNotFound)
		}
		return l.Index, nil
	}
	d, err := x.resolver.Resolve(fib.Flow{Destination: q.Source})
	if err != nil {
		return 0, fmt.Errorf("no route to the source %s, so name the interface that the packet comes in through: %w", q.Source, api.ErrNotFound)
	}
	if d.Type == unix.RTN_LOCAL {
		return 0, nil
	}
	return d.Ifindex, nil
}

// answer is the flow in the other direction, coming in where the packet went out.
func (x *explainer) answer(f fib.Flow, forward api.Direction) fib.Flow {
	f.Source, f.Destination = f.Destination, f.Source
	f.SourcePort, f.DestinationPort = f.DestinationPort, f.SourcePort
	f.In = 0
	for _, name := range x.exits(forward) {
		if l, ok := x.links.ByName(name); ok {
			f.In = l.Index
			break
		}
	}
	return f
}

// exits are the interfaces that a packet may leave through.
func (x *explainer) exits(d api.Direction) (names []string) {
	if d.Interface != "" {
		return []string{d.Interface}
	}
	for _, h := range d.Members {
		if !slices.Contains(names, h.Interface) {
			names = append(names, h.Interface)
		}
	}
	return names
}

// question is the flow as the kernel takes it: it knows three protocols by name.
func question(f fib.Flow) fib.Flow {
	switch f.Protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP:
	case unix.IPPROTO_ICMP:
		f.SourcePort, f.DestinationPort = 0, 0
	default:
		f.Protocol, f.SourcePort, f.DestinationPort = 0, 0, 0
	}
	return f
}

// direction explains one packet; one that no route takes is [api.ErrNotFound]. entered is the uplink
// that the packet came in by which it answers.
func (x *explainer) direction(f fib.Flow, entered string, answer bool) (api.Direction, error) {
	out := api.Direction{
		Source: f.Source.String(), Destination: f.Destination.String(), Protocol: api.ProtocolName(f.Protocol),
		SourcePort: int(f.SourcePort), DestinationPort: int(f.DestinationPort), RouterID: "0.0.0.0",
	}
	if l, ok := x.links.ByIndex(f.In); ok {
		out.In = l.Name
	}
	var err error
	if out.Uplink, f.Mark, err = x.uplink(f, entered); err != nil {
		return out, err
	}
	d, err := x.resolver.Resolve(question(f))
	switch {
	case errors.Is(err, fib.ErrSource):
		out.Why = fmt.Sprintf("dropped where it comes in: %v (rp_filter of %s or of all is strict and the way back leads elsewhere, or the source is none for a packet from outside)", err, out.In)
		return out, nil
	case errors.Is(err, fib.ErrNoRoute):
		return out, fmt.Errorf("%w: %w", err, api.ErrNotFound)
	case err != nil:
		return out, err
	}
	x.route(&out, f, d)
	return out, x.rulesets(&out, f, d, answer)
}

// route tells rule, table, route and member.
func (x *explainer) route(out *api.Direction, f fib.Flow, d fib.Decision) {
	in := out.In
	if f.In == 0 {
		in = "lo"
	}
	if r, certain, ok := fib.RuleOf(x.rules, question(f), in, d); ok {
		if out.Rule = r.String(); !certain {
			out.Rule += " (a rule before it asks for more than is known of the packet)"
		}
	}
	out.Table, out.Route, out.Group = fib.TableName(d.Table), d.Prefix.String(), d.Group
	if d.Type != unix.RTN_UNICAST {
		out.Why = "it is for this router, or for all on a link"
		return
	}
	out.Members = x.groups[d.Group]
	_, ours := x.groups[d.Group]
	if out.Uplink.Balanced && !x.isRouted(out.Uplink) {
		out.Why = "its uplink is chosen when its connection begins"
		return
	}
	several := len(out.Members) > 1 || d.Hops > 1 || d.Group != 0 && !ours && !x.ownObject(d)
	if several {
		if out.Why = x.hash.Unpredictable(f.Protocol); out.Why != "" {
			return
		}
	}
	hop := x.member(d.Gateway, d.Ifindex)
	out.Via, out.Interface, out.RouterID = hop.Via, hop.Interface, hop.RouterID
	if len(out.Members) == 0 && !several {
		out.Members = []api.Hop{hop}
	}
	if x.isRouted(out.Uplink) {
		x.byRoute(out)
	}
}

// ownObject reports that the route points at a single nexthop object of ours.
func (x *explainer) ownObject(d fib.Decision) bool {
	return d.Protocol == x.d.currentConfig().Kernel.Protocol
}

// member finds what is known of a gateway.
func (x *explainer) member(gateway netip.Addr, ifindex int) api.Hop {
	h := api.Hop{RouterID: "0.0.0.0", Weight: 1, Installed: true}
	if l, ok := x.links.ByIndex(ifindex); ok {
		h.Interface = l.Name
	}
	if gateway.IsValid() {
		h.Via = gateway.String()
	}
	if id, ok := x.single[hopKey{h.Via, h.Interface}]; ok {
		h.RouterID = id
	}
	return h
}

// sameHub asks the database.
func (x *explainer) sameHub(q api.ExplainQuery, e api.Explain) (same, why string, err error) {
	if len(e.Forward.TranslatedBy) > 0 {
		return explain.NotProven, "the flow is translated here: its answer has other addresses", nil
	}
	lsas, err := askOSPF(x.ctx, x.d, func(now time.Time) []ospf.LSA { return x.d.engine.LSAs(now) })
	if err != nil {
		return "", "", err
	}
	list := make([]explain.LSA, len(lsas))
	for i, l := range lsas {
		list[i] = explain.LSA{Area: l.Area, Header: l.Header, Raw: l.Raw}
	}
	self := x.d.currentConfig().OSPF.RouterID
	h := explain.NewNetwork(list).Flow(self, router(e.Forward.RouterID), router(e.Reverse.RouterID), q.Source, q.Destination)
	return h.Same, h.Why, nil
}

func router(text string) packet.ID {
	id, err := packet.ParseID(text)
	if err != nil {
		return 0
	}
	return id
}

// sample asks for random source ports and counts members.
func (x *explainer) sample(f fib.Flow, forward api.Direction, n int) (out api.Sample) {
	switch {
	case f.Protocol != unix.IPPROTO_TCP && f.Protocol != unix.IPPROTO_UDP:
		out.Why = api.ProtocolName(f.Protocol) + " has no ports to vary"
		return out
	case forward.Why != "":
		out.Why = forward.Why
		return out
	}
	f.Mark = x.markOf(forward.Uplink)
	members, counts := forward.Members, make([]int, len(forward.Members))
	for range n {
		f.SourcePort = uint16(1024 + rand.IntN(65536-1024))
		gateway, ifindex, err := x.resolver.Member(f)
		if err != nil || x.ctx.Err() != nil {
			out.Why = fmt.Sprintf("stopped after %d flows: %v", out.Flows, errors.Join(err, x.ctx.Err()))
			break
		}
		h := x.member(gateway, ifindex)
		i := slices.IndexFunc(members, func(m api.Hop) bool { return m.Via == h.Via && m.Interface == h.Interface })
		if i < 0 { // of a route that is not ours
			i, members, counts = len(members), append(members, h), append(counts, 0)
		}
		counts[i]++
		out.Flows++
	}
	weights := make([]int, len(members))
	for i, m := range members {
		weights[i] = m.Weight
	}
	for i, s := range explain.Shares(weights, counts) {
		m := members[i]
		out.Members = append(out.Members, api.Share{
			Via: m.Via, Interface: m.Interface, RouterID: m.RouterID, Weight: m.Weight, Flows: s.Flows,
			Configured: fmt.Sprintf("%.1f", s.Configured), Measured: fmt.Sprintf("%.1f", s.Measured),
		})
	}
	return out
}
