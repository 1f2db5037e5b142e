package rib

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
)

// StaticRoute is a static route of the configuration: a blackhole, or next hops.
type StaticRoute struct {
	Prefix    netip.Prefix
	Blackhole bool
	NextHops  []StaticHop
}

// StaticHop is one gateway of a static route.
type StaticHop struct {
	Via    netip.Addr
	Weight uint8 // share in the equal-cost set, 1..254
}

// Network is a connected network: the prefix of an own address, or of a peer
// address, and the link that it is on.
type Network struct {
	Interface string
	Prefix    netip.Prefix
}

// ResolveStatic returns the static routes that are active over the connected
// networks, in the order given. Each gateway leaves through the longest
// connected network that holds it, by the interface that sorts first when
// several links have the same one. A gateway on no connected network is left
// out, and a route without any gateway left is not active. Call it again when the
// networks change and hand the result to [Table.Replace].
func ResolveStatic(routes []StaticRoute, connected []Network) []Route {
	// Longest first, so that the first network that holds a gateway decides.
	networks := slices.SortedFunc(slices.Values(connected), func(a, b Network) int {
		return cmp.Or(-cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Interface, b.Interface))
	})
	var active []Route
	for _, s := range routes {
		r := Route{Prefix: s.Prefix, Protocol: Static, Distance: DistanceStatic, Discard: s.Blackhole}
		if !s.Blackhole {
			hops := resolveHops(s.NextHops, networks)
			if len(hops) == 0 {
				continue
			}
			r.NextHops = nexthop.NewSet(hops...)
		}
		active = append(active, r)
	}
	return active
}

func resolveHops(hops []StaticHop, networks []Network) []nexthop.Hop {
	var resolved []nexthop.Hop
	for _, h := range hops {
		i := slices.IndexFunc(networks, func(n Network) bool { return n.Prefix.Contains(h.Via) })
		if i < 0 {
			continue
		}
		resolved = append(resolved, nexthop.Hop{Gateway: h.Via, Interface: networks[i].Interface, Weight: h.Weight})
	}
	return resolved
}
