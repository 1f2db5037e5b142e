package daemon

import (
	"net/netip"
	"slices"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/announce"
	"github.com/ecmpd/ecmpd/bgp/policy"
	"github.com/ecmpd/ecmpd/bgp/table"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/redistribute"
	"github.com/ecmpd/ecmpd/rib"
	"github.com/ecmpd/ecmpd/wan"
)

// What the BGP loop hears of the world.
type (
	// ribRoutes are selected routes that may be announced, and prefixes without one.
	ribRoutes struct {
		selected []announce.Route
		gone     []netip.Prefix
	}
	// uplinkStates are the uplinks by name: up or not.
	uplinkStates struct{ up map[string]bool }
	// leaving says that the router is drained, or no longer.
	leaving struct{ drained bool }
)

func (uplinkStates) replaces(other any) bool { _, ok := other.(uplinkStates); return ok }

// setWorld has the announcements follow the state of the world.
func (b *bgpLoop) setWorld(w announce.World) {
	b.world = w
	b.announce.SetWorld(w)
}

// learn tells what the best paths are, which may be told on.
func (b *bgpLoop) learn(changes []table.Change) {
	for _, c := range changes {
		best := bgp.Path{Prefix: c.Prefix}
		if len(c.Paths) > 0 {
			best = c.Paths[0]
		}
		b.announce.Learn(best)
	}
}

// logged bounds the announcements that one turn tells the operator of.
const logged = 20

// say hands the process what is announced differently now.
func (b *bgpLoop) say() {
	if b.announce.Waits() { // for the loop of the uplinks, which has the same configuration
		return
	}
	changes := b.announce.Changes()
	if len(changes) == 0 {
		return
	}
	list := make([]bgp.Announcement, len(changes))
	for i, c := range changes {
		list[i] = c.Announcement
		if c.Rule == "" && c.Before.Rule == "" || i >= logged {
			continue
		}
		entry := b.log.WithFields(logrus.Fields{"prefix": c.Prefix, "neighbors": len(c.To)})
		if len(c.To) == 0 {
			entry.WithField("was", c.Before.Rule).Info("BGP announcement withdrawn")
		} else {
			entry.WithField("rule", c.Rule).Info("BGP announcement")
		}
	}
	if len(changes) > logged {
		b.log.WithField("prefixes", len(changes)).Info("BGP announcements changed")
	}
	b.changed(changes)
	b.worker.Tell(list)
}

// accept is the import policy.
func (b *bgpLoop) accept(from *bgp.Source, prefix netip.Prefix, a *bgp.Attributes) (*bgp.Attributes, string) {
	p, why := b.peering(from.Address), ""
	switch {
	case p == nil:
		return nil, "this neighbour is not configured"
	case p.Import != "":
		a, why = b.policies[p.Import].Import(&policy.Route{Prefix: prefix, Attributes: a, Neighbor: from.Address, Source: policy.Learnt})
	case !from.Internal && !p.Open:
		return nil, "there is no import policy for this neighbour of another autonomous system (RFC 8212, ebgp-requires-policy)"
	}
	if a != nil && !from.Internal {
		a = policy.HonourShutdown(a)
	}
	return a, why
}

// sourceOf is the source of a route in the words of policies; 0 for those that BGP is not told of.
var sourceOf = map[rib.Protocol]policy.Source{rib.Connected: policy.Connected, rib.Static: policy.Static, rib.Kernel: policy.Kernel, rib.OSPF: policy.OSPF}

// tellBGP says which of its routes BGP may announce, if it is configured to announce any.
func (r *routeLoop) tellBGP(changes []rib.Change) {
	if r.bgp == nil || len(r.cfg.Announce.Redistribute) == 0 {
		return
	}
	var m ribRoutes
	for _, c := range changes {
		if route, ok := r.intoBGP(c.Route); ok && !c.Withdrawn {
			m.selected = append(m.selected, route)
			r.saidToBGP[c.Prefix] = true
		} else if r.saidToBGP[c.Prefix] {
			m.gone = append(m.gone, c.Prefix)
			delete(r.saidToBGP, c.Prefix)
		}
	}
	if len(m.selected)+len(m.gone) > 0 {
		r.bgp(m)
	}
}

// tellBGPAll does so for all routes, behind another configuration.
func (r *routeLoop) tellBGPAll() {
	if r.bgp == nil {
		return
	}
	before := r.saidToBGP
	r.saidToBGP = map[netip.Prefix]bool{}
	var m ribRoutes // one message: nothing is to be withdrawn in between
	for route := range r.rib.All() {
		if a, ok := r.intoBGP(route); ok {
			m.selected = append(m.selected, a)
			r.saidToBGP[route.Prefix] = true
		}
	}
	for p := range before {
		if !r.saidToBGP[p] {
			m.gone = append(m.gone, p)
		}
	}
	r.bgp(m)
}

// intoBGP is a selected route in the words of announcements.
func (r *routeLoop) intoBGP(route rib.Route) (announce.Route, bool) {
	source := sourceOf[route.Protocol]
	if source == 0 || route.Type == localType || !r.exchange.IntoBGP(route) ||
		!slices.ContainsFunc(r.cfg.Announce.Redistribute, func(d announce.Redistribute) bool { return d.Source == source }) {
		return announce.Route{}, false
	}
	a := announce.Route{Prefix: route.Prefix, Source: source, Metric: route.Metric, Tag: route.Tag}
	if mark, ok := redistribute.Mark(r.cfg.BGP.AS, route.Protocol); ok {
		a.Mark = []bgp.LargeCommunity{mark}
	}
	return a, true
}

// uplinksUp are the uplinks of an order for BGP, with the hold-up of each behind them: those of which something is
// known, for what is assumed may be announced and withdrawn again within seconds.
func uplinksUp(o wan.Order) uplinkStates {
	up := make(map[string]bool, len(o.Ways))
	for _, w := range o.Ways {
		if !w.Up || !w.Assumed {
			up[w.Name] = w.Up
		}
	}
	return uplinkStates{up}
}

// configureAnnouncements takes over what a configuration says of announcements and policies.
func (b *bgpLoop) configureAnnouncements(c *config.Config) {
	b.policies = c.BGPPolicies
	b.announce.Configure(c.Announce)
}
