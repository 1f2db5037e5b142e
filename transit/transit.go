// Package transit decides which prefixes a hub merely forwards between OSPF
// neighbours, so that connection tracking may leave them alone.
//
// Transit are the best routes from OSPF whose next hops all leave through
// non-passive OSPF interfaces, and the networks of point-to-point interfaces
// with a neighbour (a branch router's own traffic has a tunnel address). A
// default route never is. Membership follows longest match: a more specific
// route of another origin cuts a hole, and a still more specific OSPF route
// inside that hole is transit again. What comes out is exact: an address is in
// State.Prefixes if and only if its longest match is transit.
//
// Networks that the operator wants tracked and the hub's own addresses are not
// cut out of the prefixes: the ruleset matches them separately and they win at
// either end of a packet. State lists them as holes all the same, since that is
// what they are to a reader.
//
// Files: transit.go is the vocabulary and the rule, cover.go the longest-match
// sweep and the exact aggregation. Everything here is IPv4, as OSPFv2 is;
// prefixes of another family are ignored.
package transit

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/nexthop"
)

// Mode says what is done about transit packets. The zero Mode is Off.
type Mode string

const (
	// Off leaves every packet under connection tracking.
	Off Mode = "off"
	// Notrack takes transit packets out of connection tracking.
	Notrack Mode = "notrack"
	// Auto does so with all but the flows that the hub has seen from their beginning.
	Auto Mode = "auto"
	// Strays does so with ICMP errors and fragments only, which symmetric hashing
	// over ports sends another way than their flow.
	Strays Mode = "strays"
)

// Kind is the origin of a route.
type Kind uint8

const (
	// OSPF is a route that the link-state database gave.
	OSPF Kind = iota
	// Connected is a network of one of the hub's own interfaces.
	Connected
	// Static is a route from ecmpd's configuration.
	Static
	// Kernel is a route that somebody else wrote into the kernel.
	Kernel
	// BGP is a route that BGP neighbours told, wherever its next hops are: they lead out of
	// the network of hubs, where nobody knows the way back.
	BGP
)

// Route is one best route of the hub.
type Route struct {
	Prefix netip.Prefix
	Kind   Kind
	// NextHops is looked at for OSPF routes only.
	NextHops nexthop.Set
}

// Interface is one of the hub's interfaces.
type Interface struct {
	Name         string
	Passive      bool // OSPF does not speak on it: passive, or not an OSPF interface
	PointToPoint bool // in OSPF's view
	// HasNeighbor says that at least one neighbour is Full.
	HasNeighbor bool
	// Networks are the networks of the interface's addresses; of an unnumbered
	// interface its own address and the peer's as /32.
	Networks []netip.Prefix
}

// Config is the transit section of the configuration.
type Config struct {
	Mode Mode
	// Tracked networks stay under connection tracking even where they are transit.
	Tracked []netip.Prefix
	// Also holds attached networks that several hubs serve: a connected network
	// inside one of them is transit, and so may packets be that come in from it.
	Also []netip.Prefix
}

// Hole is a part of the transit space that stays under connection tracking.
type Hole struct {
	Prefix netip.Prefix `json:"prefix"`
	Reason string       `json:"reason"`
}

// State is the outcome of Compute. Every list is sorted and never nil.
type State struct {
	Mode Mode `json:"mode"`
	// Prefixes are disjoint, and as few as an exact description allows.
	Prefixes []netip.Prefix `json:"prefixes"`
	// Interfaces are those through which transit packets come in.
	Interfaces []string `json:"interfaces"`
	// Tracked are the networks of Config.Tracked, disjoint and aggregated.
	Tracked []netip.Prefix `json:"tracked"`
	// Local are the hub's own addresses.
	Local []netip.Addr `json:"local"`
	Holes []Hole       `json:"holes"`
}

// Why an address range is not transit, as Hole.Reason says it.
const (
	reasonConnected = "connected network"
	reasonStatic    = "static route"
	reasonKernel    = "kernel route"
	reasonBGP       = "BGP route"
	reasonNextHop   = "next hop leaves OSPF"
	reasonDefault   = "default route"
	reasonReserved  = "not a unicast network"
	reasonTracked   = "tracked by configuration"
	reasonLocal     = "own address"
)

// reserved ranges are never forwarded as unicast, whatever a route claims to cover.
var reserved = [...]netip.Prefix{
	netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254}), 16),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{224}), 4),
	netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), 32),
}

// Compute applies the rule. routes are the best route of each prefix (where two
// claim the same prefix, the one that keeps it tracked wins); interfaces are the
// OSPF interfaces and the others that attach networks; local are the hub's own
// addresses. In mode Off all lists are empty.
func Compute(c Config, routes []Route, interfaces []Interface, local []netip.Addr) State {
	s := State{
		Mode: c.Mode, Prefixes: []netip.Prefix{}, Interfaces: []string{},
		Tracked: []netip.Prefix{}, Local: []netip.Addr{}, Holes: []Hole{},
	}
	if c.Mode == "" || c.Mode == Off {
		s.Mode = Off
		return s
	}
	claims, def := claim(c, routes, interfaces)
	s.Prefixes, s.Holes = cover(claims)
	s.Interfaces = entrances(c, interfaces)
	s.Tracked = aggregate(c.Tracked)
	s.Local = addresses(local)
	if def {
		s.Holes = append(s.Holes, Hole{netip.PrefixFrom(netip.IPv4Unspecified(), 0), reasonDefault})
	}
	for _, p := range s.Tracked {
		if overlaps(s.Prefixes, p) {
			s.Holes = append(s.Holes, Hole{p, reasonTracked})
		}
	}
	for _, a := range s.Local {
		if p := netip.PrefixFrom(a, 32); overlaps(s.Prefixes, p) {
			s.Holes = append(s.Holes, Hole{p, reasonLocal})
		}
	}
	slices.SortFunc(s.Holes, func(a, b Hole) int {
		return cmp.Or(comparePrefix(a.Prefix, b.Prefix), cmp.Compare(a.Reason, b.Reason))
	})
	return s
}

// claim turns every route and network into a claim on its prefix, and reports
// whether a default route would have been transit.
func claim(c Config, routes []Route, interfaces []Interface) (claims []prefixClaim, def bool) {
	active := make(map[string]bool, len(interfaces))
	for _, i := range interfaces {
		if !i.Passive {
			active[i.Name] = true
		}
	}
	inside := make(map[nexthop.Set]bool) // many routes share few sets
	for _, r := range routes {
		if _, known := inside[r.NextHops]; !known && r.Kind == OSPF {
			inside[r.NextHops] = staysInside(r.NextHops, active)
		}
	}
	claims = make([]prefixClaim, 0, len(routes)+len(interfaces)+len(reserved))
	for _, r := range routes {
		reason := judge(c, r, inside)
		if r.Prefix.Bits() == 0 {
			def = def || reason == ""
			reason = reasonDefault
		}
		claims = appendClaim(claims, r.Prefix, rankRoute, reason)
	}
	for _, i := range interfaces {
		if i.Passive || !i.PointToPoint || !i.HasNeighbor {
			continue
		}
		for _, n := range i.Networks {
			if n.Bits() > 0 {
				claims = appendClaim(claims, n, rankLink, "")
			}
		}
	}
	for _, p := range reserved {
		claims = appendClaim(claims, p, rankReserved, reasonReserved)
	}
	return claims, def
}

// judge returns why a route's prefix is not transit, or "" when it is.
func judge(c Config, r Route, inside map[nexthop.Set]bool) string {
	switch r.Kind {
	case OSPF:
		if !inside[r.NextHops] {
			return reasonNextHop
		}
		return ""
	case Connected:
		if within(c.Also, r.Prefix) {
			return ""
		}
		return reasonConnected
	case Static:
		return reasonStatic
	case BGP:
		return reasonBGP
	default:
		return reasonKernel
	}
}

// staysInside reports whether every leg of the set leaves through an active
// OSPF interface.
func staysInside(set nexthop.Set, active map[string]bool) bool {
	for h := range set.All() {
		if !active[h.Interface] {
			return false
		}
	}
	return !set.IsEmpty()
}

// entrances lists the interfaces through which transit packets may come in:
// those that speak OSPF, and those that attach a network of Config.Also.
func entrances(c Config, interfaces []Interface) []string {
	names := make([]string, 0, len(interfaces))
	for _, i := range interfaces {
		also := slices.ContainsFunc(i.Networks, func(n netip.Prefix) bool { return within(c.Also, n) })
		if !i.Passive || also {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// within reports whether one of the networks holds all of p.
func within(networks []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool {
		return n.Bits() <= p.Bits() && n.Contains(p.Addr())
	})
}

// addresses returns the IPv4 addresses in order, each once.
func addresses(local []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, 0, len(local))
	for _, a := range local {
		if a = a.Unmap(); a.Is4() {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
