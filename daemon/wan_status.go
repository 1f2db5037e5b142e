package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/wan"
)

// DisableUplink implements api.Backend.
func (d *daemon) DisableUplink(ctx context.Context, name string, disabled bool) error {
	found := make(chan bool, 1)
	d.uplinks.inbox.put(disableUplink{name, disabled, found})
	select {
	case ok := <-found:
		if !ok {
			return fmt.Errorf("uplink %s: %w", name, api.ErrNotFound)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wanKernel is what the firewall loop reads for the status of the uplinks.
type wanKernel struct {
	counters firewall.UplinkCounters
	pinned   map[uint32]int // connections by mark
	inSync   bool
	failure  string
}

func (f *firewallLoop) uplinkStatus() (k wanKernel) {
	k.inSync, k.failure = f.settled && f.inSync, f.failure
	if f.fw == nil || f.uplinks.Empty() {
		k.inSync = f.uplinks.Empty()
		return k
	}
	var err error
	if k.counters, err = f.fw.UplinkCounters(); err != nil {
		k.failure = err.Error()
	}
	return k
}

// pinned counts the connections by their mark.
func (d *daemon) pinned(ctx context.Context, mask uint32) (map[uint32]int, error) {
	c := d.firewall.conntrack
	if c == nil || mask == 0 {
		return nil, nil
	}
	type counted struct {
		n   map[uint32]int
		err error
	}
	r, err := askLoop(ctx, c.inbox, func() (r counted) {
		r.n, r.err = c.table.CountMarked(mask)
		return r
	})
	if err != nil {
		return nil, err
	}
	return r.n, r.err
}

// WAN implements api.Backend.
func (d *daemon) WAN(ctx context.Context) (api.WAN, error) {
	type state struct {
		cfg       wan.Config
		list      []wan.State
		order     wan.Order
		elsewhere bool
	}
	s, err := askLoop(ctx, d.uplinks.inbox, func() state {
		w := d.uplinks
		return state{w.cfg, w.machine.States(w.world.elsewhere), w.machine.Order(w.world.elsewhere), w.world.elsewhere}
	})
	if err != nil {
		return api.WAN{}, err
	}
	policyBad, err := askLoop(ctx, d.routes.inbox, func() string { return d.routes.policyBad })
	if err != nil {
		return api.WAN{}, err
	}
	k, err := askLoop(ctx, d.firewall.inbox, d.firewall.uplinkStatus)
	if err != nil {
		return api.WAN{}, err
	}
	if k.pinned, err = d.pinned(ctx, s.cfg.Mark.Mask); err != nil {
		return api.WAN{}, err
	}
	out := api.WAN{Healthy: s.order.Healthy, Elsewhere: s.elsewhere, InSync: k.inSync && policyBad == "", Error: k.failure}
	if policyBad != "" {
		out.Error = policyBad
	}
	if len(s.list) == 0 {
		return out, nil
	}
	out.Balance = s.cfg.Balance.String()
	var given, weights uint64
	for _, u := range s.list {
		given += k.counters.New[s.cfg.Mark.Of(u.ID)]
		if u.Used {
			weights += uint64(u.Weight)
		}
	}
	for i, u := range s.list {
		one := uplinkStatus(u, s.cfg.Mark, k)
		one.Endpoints = i == s.order.Endpoint
		one.MeasuredPercent = share(one.NewConnections, given)
		if u.Used {
			one.SharePercent = share(uint64(u.Weight), weights)
		}
		out.Uplinks = append(out.Uplinks, one)
	}
	out.Rules = ruleStatus(s.order, k.counters.Choices)
	return out, nil
}

func share(part, whole uint64) int {
	if whole == 0 {
		return 0
	}
	return int((100*part + whole/2) / whole)
}

func uplinkStatus(u wan.State, mark wan.Mark, k wanKernel) api.Uplink {
	m := mark.Of(u.ID)
	one := api.Uplink{
		Name: u.Name, State: "down", Used: u.Used, Reason: u.Reason, SinceMsec: time.Since(u.Since).Milliseconds(),
		Interface: u.At.Interface, Gateway: text(u.At.Gateway), Source: text(u.At.Source), NAT: natText(u.NAT), Tier: u.Tier, Weight: u.Weight,
		NewConnections: k.counters.New[m], Pinned: k.pinned[m], Mark: fmt.Sprintf("%#x", m), Table: mark.Table(u.ID),
	}
	switch {
	case u.Disabled:
		one.State, one.Reason = "disabled", "by command; "+u.Reason
	case u.Up:
		one.State = "up"
	}
	for _, t := range u.Targets {
		one.Targets = append(one.Targets, api.UplinkTarget{
			Target: t.Target.String(), LossPercent: int(100*t.Loss + 0.5), RTTUsec: t.RTT.Microseconds(), Why: t.Why,
		})
	}
	return one
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// ruleStatus lists what uplinksOf makes choices of, in the same order.
func ruleStatus(o wan.Order, connections []uint64) (list []api.WANRule) {
	add := func(r wan.Rule, w wan.Way, number int) {
		one := api.WANRule{Number: number, Uplink: w.Name, Action: "balance", Source: texts(r.Source), Destination: texts(r.Destination)}
		if r.Protocol != 0 {
			one.Protocol = api.ProtocolName(r.Protocol)
		}
		for _, p := range r.Ports {
			one.Ports = append(one.Ports, portText(p.First, p.Last))
		}
		switch c := choice(r, w, o.Config.Mark); {
		case c.Way != 0:
			one.Action = "uplink"
		case c.Drop:
			one.Action = "drop"
		}
		if i := len(list); i < len(connections) {
			one.Connections = connections[i]
		}
		list = append(list, one)
	}
	for _, w := range o.Ways {
		for _, a := range w.Resolvers {
			add(wan.Rule{Destination: []netip.Prefix{netip.PrefixFrom(a, 32)}, Strict: true}, w, 0)
		}
	}
	for i, r := range o.Config.Rules {
		at := slices.IndexFunc(o.Ways, func(w wan.Way) bool { return w.Name == r.Uplink })
		add(r, o.Ways[at], i+1)
	}
	return list
}
