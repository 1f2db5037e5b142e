package spf

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// PathType is the path-type of a route (RFC 2328 section 11). A smaller one is preferred.
type PathType uint8

// Path types in order of preference.
const (
	IntraArea PathType = iota + 1
	InterArea
	External1
	External2
	NSSA1 // External1 by way of a type 7 LSA (RFC 3101), preferred like it
	NSSA2
)

// String returns "intra-area", "inter-area", "external-1", "external-2",
// "nssa-1" or "nssa-2" (RFC 9129).
func (p PathType) String() string {
	switch p {
	case IntraArea:
		return "intra-area"
	case InterArea:
		return "inter-area"
	case External1:
		return "external-1"
	case External2:
		return "external-2"
	case NSSA1:
		return "nssa-1"
	case NSSA2:
		return "nssa-2"
	}
	return "none"
}

// Type2 reports whether the path has a type 2 external metric.
func (p PathType) Type2() bool { return p == External2 || p == NSSA2 }

// Route is one entry of the routing table (RFC 2328 section 11). Routes are comparable.
type Route struct {
	Prefix netip.Prefix
	Type   PathType
	// Area is the area that the path lies in; of an NSSA route, the NSSA. AS externals have none (see [Route.HasArea]).
	Area packet.ID
	// Cost is the distance in link state metric: to the network, or for
	// type 2 externals to the AS boundary router or forwarding address.
	Cost uint32
	// Type2Cost is the advertised metric of a type 2 external route, else 0.
	Type2Cost uint32
	// Tag is the external route tag, else 0.
	Tag uint32
	// Advertiser is the router whose LSA describes the destination: the link state
	// origin for intra-area routes, the advertising router else. The largest router id
	// stands for several of them.
	Advertiser packet.ID
	// NextHops is the full equal-cost set. It is empty on Local routes
	// whose interface is not known, and on Discard routes.
	NextHops nexthop.Set
	// Local says that the network is directly attached: at least one path has no gateway.
	Local bool
	// Discard says that the route is the discard entry of an active area address
	// range (RFC 2328 section 11.1): what no longer prefix takes is dropped.
	Discard bool
}

// HasArea reports whether the route belongs to an area: all but AS externals do.
func (r Route) HasArea() bool { return r.Type != External1 && r.Type != External2 }

// Change is one difference of the routing table. Route is the new route, or, when Withdrawn,
// the route that was.
type Change struct {
	Prefix    netip.Prefix
	Route     Route
	Withdrawn bool
}
