package config

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/rib"
)

// checkReach reports neighbours that sessions cannot reach, as far as the file tells: addresses of interfaces are
// not in it.
func (r *report) checkReach(raw *rawBGP, c *Config) {
	if raw == nil {
		return
	}
	host := make(map[netip.Addr]rib.StaticRoute)
	for _, s := range c.Static {
		if s.Prefix.IsSingleIP() {
			host[s.Prefix.Addr()] = s
		}
	}
	places := make(map[string]*node)
	for _, n := range raw.Neighbors {
		if n.Address != nil {
			places[n.Address.text] = n.Address
		}
	}
	for _, n := range c.BGP.Neighbors {
		place := places[n.Address.String()]
		if place == nil || n.Disabled {
			continue
		}
		route, there := host[n.Address]
		switch direct := !n.Internal(c.BGP.AS) && n.Multihop == 0 && n.TTLSecurity <= 1; {
		case n.Address == n.LocalAddress:
			r.errorf(place, "%s is the local-address, too: a neighbour is another router", n.Address)
		case there && route.Blackhole:
			r.warnf(place, "there is no route to this neighbour: the static route %s discards what is sent to it", route.Prefix)
		case there && direct:
			r.warnf(place, "the static route %s leads to this neighbour over another router, and it is to be on a connected network: write multihop, or remove the route", route.Prefix)
		}
	}
}
