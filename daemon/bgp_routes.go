package daemon

import (
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/table"
	"github.com/ecmpd/ecmpd/rib"
)

// What the route loop hears from the BGP loop.
type (
	// bgpRoutes are routes that are learnt, changed or withdrawn: without gateways.
	bgpRoutes struct{ routes []rib.Route }
	// nextHopQuestion asks for the ways to next hops, now and whenever they change.
	nextHopQuestion struct{ hops []netip.Addr }
)

func (nextHopQuestion) replaces(other any) bool { _, ok := other.(nextHopQuestion); return ok }

// ribRoutes translates what is chosen. Neighbours in the list mostly have the same gateways.
func (b *bgpLoop) ribRoutes(changes []table.Change) []rib.Route {
	list := make([]rib.Route, len(changes))
	var last []rib.Gateway
	var gateways rib.Gateways
	for i, c := range changes {
		list[i] = rib.Route{Prefix: c.Prefix, Protocol: rib.BGP}
		if len(c.Paths) == 0 {
			continue
		}
		best := c.Paths[0]
		list[i].Type, list[i].Distance = "ebgp", b.cfg.Distance.EBGP
		if best.Source.Internal {
			list[i].Type, list[i].Distance = "ibgp", b.cfg.Distance.IBGP
		}
		if list[i].Metric = best.Attributes.MED; !best.Attributes.HasMED {
			list[i].Metric = 0
		}
		if now := gatewaysOf(c.Paths); !slices.Equal(now, last) {
			last, gateways = now, rib.NewGateways(now...)
		}
		list[i].Gateways = gateways
	}
	return list
}

// gatewaysOf are the next hops of paths, each once: several routers may tell the same. Their weights are the
// bandwidths of the links to them if all say so (draft-ietf-idr-link-bandwidth 4), else they are equal.
func gatewaysOf(paths []bgp.Path) []rib.Gateway {
	weighted := true
	for _, p := range paths {
		weighted = weighted && p.Attributes.LinkBandwidth > 0
	}
	list := make([]rib.Gateway, 0, len(paths))
next:
	for _, p := range paths {
		g := rib.Gateway{Addr: p.Attributes.NextHop, Weight: 1}
		if weighted {
			g.Weight = kilobits(p.Attributes.LinkBandwidth)
		}
		for i := range list {
			if list[i].Addr == g.Addr {
				list[i].Weight = max(list[i].Weight, g.Weight)
				continue next
			}
		}
		list = append(list, g)
	}
	return list
}

// kilobits makes a whole number of a bandwidth in bytes a second.
func kilobits(bytes float32) uint32 {
	return uint32(max(1, min(float64(bytes)*8/1000, 1<<32-1)))
}

// applyBGP takes routes of BGP into the RIB.
func (r *routeLoop) applyBGP(routes []rib.Route) {
	for _, route := range routes {
		if route.Gateways.IsEmpty() {
			r.rib.Withdraw(route.Prefix, rib.BGP)
		} else {
			r.rib.Set(route)
		}
	}
}

// answerNextHops tells the BGP loop how its next hops are reached, if that is news.
func (r *routeLoop) answerNextHops() {
	if r.bgp == nil || len(r.rib.Reaches()) == 0 {
		return
	}
	costs := make(map[netip.Addr]uint32, len(r.bgpHops))
	for _, h := range r.bgpHops {
		if reach := r.rib.Reach(h); !reach.NextHops.IsEmpty() {
			costs[h] = reach.Metric
		}
	}
	r.bgp(nextHopWays{costs})
}
