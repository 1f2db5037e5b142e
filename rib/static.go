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
	// Recursive routes are led to their next hops by other routes, connected or not.
	Recursive bool
	NextHops  []StaticHop
}

// StaticHop is one gateway of a static route.
type StaticHop struct {
	Via    netip.Addr
	Weight uint8 // share in the equal-cost set, 1..254
	// Watched: the hop is used only while something else, a BFD session, says that
	// its path is alive.
	Watched bool
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
// out, as is a watched one whose path is not among the live ones; a route without
// any gateway left is not active. A recursive route is always among them: the table says
// where it leads. Call it again when networks or paths change and hand
// the result to [Table.Replace].
func ResolveStatic(routes []StaticRoute, connected []Network, live map[nexthop.Leg]bool) []Route {
	networks := longestFirst(connected)
	var active []Route
	for _, s := range routes {
		r := Route{Prefix: s.Prefix, Protocol: Static, Distance: DistanceStatic, Discard: s.Blackhole}
		switch {
		case s.Blackhole:
		case s.Recursive:
			r.Gateways = gatewaysOf(s.NextHops)
		default:
			hops := resolveHops(s.NextHops, networks, live)
			if len(hops) == 0 {
				continue
			}
			r.NextHops = nexthop.NewSet(hops...)
		}
		active = append(active, r)
	}
	return active
}

// longestFirst orders networks so that the first one that holds a gateway decides.
func longestFirst(networks []Network) []Network {
	return slices.SortedFunc(slices.Values(networks), func(a, b Network) int {
		return cmp.Or(-cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Interface, b.Interface))
	})
}

// StaticLeg finds the way to a gateway over the connected networks, as [ResolveStatic]
// does; ok is false when there is none.
func StaticLeg(via netip.Addr, connected []Network) (leg nexthop.Leg, ok bool) {
	return legOf(via, longestFirst(connected))
}

func legOf(via netip.Addr, networks []Network) (nexthop.Leg, bool) {
	i := slices.IndexFunc(networks, func(n Network) bool { return n.Prefix.Contains(via) })
	if i < 0 {
		return nexthop.Leg{}, false
	}
	return nexthop.Leg{Interface: networks[i].Interface, Gateway: via}, true
}

func gatewaysOf(hops []StaticHop) Gateways {
	list := make([]Gateway, len(hops))
	for i, h := range hops {
		list[i] = Gateway{Addr: h.Via, Weight: uint32(h.Weight)}
	}
	return NewGateways(list...)
}

func resolveHops(hops []StaticHop, networks []Network, live map[nexthop.Leg]bool) []nexthop.Hop {
	var resolved []nexthop.Hop
	for _, h := range hops {
		leg, ok := legOf(h.Via, networks)
		if !ok || h.Watched && !live[leg] {
			continue
		}
		resolved = append(resolved, nexthop.Hop{Gateway: h.Via, Interface: leg.Interface, Weight: h.Weight})
	}
	return resolved
}
