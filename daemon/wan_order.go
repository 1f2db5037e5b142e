package daemon

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/rib"
	"github.com/ecmpd/ecmpd/wan"
)

var defaultRoute = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// mainTable is the kernel's number of the main routing table.
const mainTable = 254

// takeOrder takes an order of the uplinks into the RIB and the wanted policy rules.
func (r *routeLoop) takeOrder(m wanOrder) {
	r.order = m.order
	r.ordered = append(r.ordered, m)
	if route, ok := uplinkRoute(m.order); ok {
		r.rib.Set(route)
	} else {
		r.rib.Withdraw(defaultRoute, rib.WAN)
	}
	r.fib.Policy().Set(policyOf(m.order))
	r.policyDue = true
}

// passOrders tells the firewall loop what routes and rules say by now.
func (r *routeLoop) passOrders() {
	for _, m := range r.ordered {
		r.rules(wantedUplinks{uplinksOf(m.order), m.dead, aliveMarks(m.order)})
	}
	r.ordered = nil
}

// syncPolicy brings policy rules and the uplinks' tables in line, and tells of a failure when it is
// another one than before. What fails now is tried again with the next comparison.
func (r *routeLoop) syncPolicy() {
	r.policyDue = false
	n, err := r.fib.Policy().Sync()
	before := r.policyBad
	r.policyBad = ""
	if err != nil {
		if r.policyBad = err.Error(); r.policyBad != before {
			r.log.WithError(err).Error("kernel: policy rules and tables of uplinks are not in order")
		}
	}
	if n > 0 {
		r.log.WithField("written", n).Info("policy rules and tables of uplinks written")
	}
}

// tellUplinks says what the uplinks depend on when it changed.
func (r *routeLoop) tellUplinks() {
	world := wanWorld{gateways: map[string]netip.Addr{}}
	for _, f := range r.foreign {
		l, ok := r.links.ByIndex(f.Ifindex)
		if ok && f.Prefix == defaultRoute && f.Gateway.IsValid() && !world.gateways[l.Name].IsValid() {
			world.gateways[l.Name] = f.Gateway
		}
	}
	for _, c := range r.rib.Candidates(defaultRoute) {
		world.elsewhere = world.elsewhere || c.Protocol != rib.WAN && c.Distance != rib.DistanceNever
	}
	if world.elsewhere != r.told.elsewhere || !maps.Equal(world.gateways, r.told.gateways) {
		r.told = world
		r.wan(world)
	}
}

// ofUplink finds default routes that somebody else, such as a DHCP client, has over an uplink: they
// are what the uplink is made of, and no way round it.
func (r *routeLoop) ofUplink(f fib.Foreign) bool {
	l, ok := r.links.ByIndex(f.Ifindex)
	return ok && f.Prefix == defaultRoute && r.cfg.WAN.Owns(l.Name)
}

// uplinkRoute is the default route over the uplinks that carry traffic. With none of them up it
// is the last resort.
func uplinkRoute(o wan.Order) (rib.Route, bool) {
	var hops []nexthop.Hop
	for _, w := range o.Ways {
		if w.Used {
			hops = append(hops, nexthop.Hop{Gateway: w.At.Gateway, Interface: w.At.Interface, Weight: uint8(w.Weight), OnLink: w.At.OnLink})
		}
	}
	route := rib.Route{Prefix: defaultRoute, Protocol: rib.WAN, Distance: rib.DistanceWAN, NextHops: nexthop.NewSet(hops...)}
	if !o.Healthy {
		route.Distance = shadowed
	}
	return route, len(hops) > 0
}

// policyOf returns the policy rules and tables of an order. What has a route of its own in the main
// table takes it, the default is left to the tables of the uplinks; each of these has routes to the endpoints as well.
func policyOf(o wan.Order) (rules []fib.Rule, gates []fib.Gate) {
	if len(o.Ways) == 0 {
		return nil, nil
	}
	mark := o.Config.Mark
	lookup := func(r fib.Rule) { r.Suppress = -1; rules = append(rules, r) }
	if o.Endpoint >= 0 { // before the main table, whose routes may lead into the tunnel
		rules = append(rules, fib.Rule{Priority: mark.EndpointRule(), Mask: mark.Mask, Table: mark.Table(o.Ways[o.Endpoint].ID)})
	}
	rules = append(rules, fib.Rule{Priority: mark.MainRule(), Table: mainTable})
	for _, w := range o.Ways {
		if len(o.Endpoints) > 0 { // a tunnel that an endpoint began itself stays where it came in
			rules = append(rules, fib.Rule{Priority: mark.EndpointRule(), Mark: mark.Of(w.ID), Mask: mark.Mask, Table: mark.Table(w.ID)})
		}
		lookup(fib.Rule{Priority: mark.MarkRule(w.ID), Mark: mark.Of(w.ID), Mask: mark.Mask, Table: mark.Table(w.ID)})
		if w.At.Attached() {
			lookup(fib.Rule{Priority: mark.BoundRule(w.ID), Out: w.At.Interface, Table: mark.Table(w.ID)})
			gate := fib.Gate{Table: mark.Table(w.ID), Interface: w.At.Interface, Gateway: w.At.Gateway, Source: w.At.Source, OnLink: w.At.OnLink}
			gates = append(gates, gate)
			for _, e := range o.Endpoints {
				gate.Prefix = netip.PrefixFrom(e, 32)
				gates = append(gates, gate)
			}
			if sharesNetwork(o, w) {
				lookup(fib.Rule{Priority: mark.EndpointRule(), Destination: w.At.Network, Mark: mark.Of(w.ID), Mask: mark.Mask, Table: mark.Table(w.ID)})
				gates = append(gates, fib.Gate{Table: mark.Table(w.ID), Prefix: w.At.Network, Interface: w.At.Interface, Source: w.At.Source})
			}
		}
	}
	lookup(fib.Rule{Priority: mark.QuestionRule(), Mark: mark.Question(), Mask: mark.Mask, Table: mark.QuestionTable()})
	return rules, append(gates, fib.Gate{Table: mark.QuestionTable(), Unreachable: true})
}

// sharesNetwork tells whether the network of an uplink's link is there on another one's as well: then the main table says
// nothing of where a neighbour came in that is answered.
func sharesNetwork(o wan.Order, w wan.Way) bool {
	return w.At.Network.IsValid() && slices.ContainsFunc(o.Ways, func(other wan.Way) bool {
		return other.At.Network.IsValid() && other.At.Interface != w.At.Interface && other.At.Network.Overlaps(w.At.Network)
	})
}

// aliveMarks are those that new connections get.
func aliveMarks(o wan.Order) (marks []uint32) {
	for _, w := range o.Ways {
		if w.Up || w.Used {
			marks = append(marks, o.Config.Mark.Of(w.ID))
		}
	}
	if o.Config.Balance == wan.ByRoute || !carries(o) {
		marks = append(marks, o.Config.Mark.Routed())
	}
	return marks
}

// carries tells whether an uplink gets new connections.
func carries(o wan.Order) bool {
	return slices.ContainsFunc(o.Ways, func(w wan.Way) bool { return w.Used })
}

var spreads = map[wan.Balance]firewall.Spread{
	wan.PerConnection: firewall.InTurn, wan.Nth: firewall.InTurn,
	wan.PerAddressPair: firewall.ByPair, wan.PerSource: firewall.BySource, wan.PerDestination: firewall.ByDestination,
}

// uplinksOf returns what the firewall says about an order; nil without uplinks.
func uplinksOf(o wan.Order) *firewall.Uplinks {
	if len(o.Ways) == 0 {
		return nil
	}
	c, mark := o.Config, o.Config.Mark
	u := &firewall.Uplinks{Mask: mark.Mask, Question: mark.Question(), Ingress: c.ReplyThroughIngress, Spread: spreads[c.Balance]}
	if c.Balance == wan.ByRoute || !carries(o) {
		u.Routed = mark.Routed() // what goes another way while no uplink carries anything is known by it, too
	}
	if o.Endpoint >= 0 {
		u.EndpointWay = mark.Of(o.Ways[o.Endpoint].ID)
		for _, e := range o.Endpoints {
			u.Endpoints = append(u.Endpoints, netip.PrefixFrom(e, 32))
		}
	}
	byName := make(map[string]wan.Way)
	for _, w := range o.Ways {
		byName[w.Name] = w
		way := firewall.Way{Mark: mark.Of(w.ID), Interface: w.At.Interface, Masquerade: w.NAT.Masquerade, Source: w.NAT.Source}
		if w.At.Source.IsValid() {
			way.Addresses = []netip.Addr{w.At.Source}
		}
		u.Ways = append(u.Ways, way)
		for _, a := range w.Resolvers {
			u.Choices = append(u.Choices, choice(wan.Rule{Destination: []netip.Prefix{netip.PrefixFrom(a, 32)}, Strict: true}, w, mark))
		}
	}
	for _, r := range c.Rules {
		u.Choices = append(u.Choices, choice(r, byName[r.Uplink], mark))
	}
	u.Shares = shares(o)
	return u
}

// choice is a rule of the configuration as the uplink is now.
func choice(r wan.Rule, w wan.Way, mark wan.Mark) firewall.Choice {
	c := firewall.Choice{From: r.Source, To: r.Destination, Protocol: r.Protocol}
	for _, p := range r.Ports {
		c.Ports = append(c.Ports, firewall.PortRange(p))
	}
	switch {
	case w.Up || w.Used:
		c.Way = mark.Of(w.ID)
	case r.Strict:
		c.Drop = true
	}
	return c
}

// shares are the uplinks of the tier that carries traffic, those that are down at present included: where a
// hash leads is to stay the same.
func shares(o wan.Order) (list []firewall.Share) {
	i := slices.IndexFunc(o.Ways, func(w wan.Way) bool { return w.Used })
	if i < 0 || o.Config.Balance == wan.ByRoute {
		return nil
	}
	for _, w := range o.Ways {
		if w.Tier == o.Ways[i].Tier {
			list = append(list, firewall.Share{Way: o.Config.Mark.Of(w.ID), Weight: w.Weight, Alive: w.Used})
		}
	}
	return list
}
