package daemon

import (
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/redistribute"
	"github.com/ecmpd/ecmpd/rib"
)

// configureExchange takes over what the configuration says of routes between BGP and the others.
func (r *routeLoop) configureExchange() {
	r.rib.SetResolveOverDefault(r.cfg.BGP.ResolveViaDefault)
	r.exchange = redistribute.Rules{}
	for _, rule := range r.cfg.OSPF.Redistribute {
		if rule.Source == ospf.BGP {
			r.exchange.Tags = append(r.exchange.Tags, rule.Tag)
		}
	}
	offer := make(map[netip.Prefix]struct{})
	for route := range r.rib.All() {
		if r.offersOSPF(route) {
			offer[route.Prefix] = struct{}{}
		}
	}
	r.offerRoutes(ospf.BGP, offer)
}

// offerBGP offers the engine the selected BGP routes that a rule takes.
func (r *routeLoop) offerBGP(changes []rib.Change) {
	offered := r.offered[ospf.BGP]
	if offered == nil {
		offered = make(map[netip.Prefix]struct{})
		r.offered[ospf.BGP] = offered
	}
	o := ospf.Offer{Source: ospf.BGP}
	for _, c := range changes {
		_, before := offered[c.Prefix]
		switch now := !c.Withdrawn && r.offersOSPF(c.Route); {
		case now && !before:
			offered[c.Prefix] = struct{}{}
			o.Add = append(o.Add, c.Prefix)
		case before && !now:
			delete(offered, c.Prefix)
			o.Remove = append(o.Remove, c.Prefix)
		}
	}
	if len(o.Add)+len(o.Remove) > 0 {
		r.offer(o)
	}
}

// offersOSPF tells whether the configuration takes a route from BGP into OSPF. A default route is
// always offered: default-originate has the rule for it.
func (r *routeLoop) offersOSPF(route rib.Route) bool {
	return r.exchange.IntoOSPF(route) && (route.Prefix.Bits() == 0 ||
		slices.ContainsFunc(r.cfg.OSPF.Redistribute, func(rule ospf.Redistribute) bool {
			return rule.Source == ospf.BGP && rule.Takes(route.Prefix)
		}))
}
