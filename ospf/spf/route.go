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
)

// String returns "intra-area", "inter-area", "external-1" or "external-2" (RFC 9129).
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
	}
	return "none"
}

// Route is one entry of the routing table (RFC 2328 section 11). Routes are comparable.
type Route struct {
	Prefix netip.Prefix
	Type   PathType
	// Area is the area that the path lies in. Externals have none (see [Route.HasArea]).
	Area packet.ID
	// Cost is the distance in link state metric: to the network, or for
	// External2 to the AS boundary router or forwarding address.
	Cost uint32
	// Type2Cost is the advertised metric of an External2 route, else 0.
	Type2Cost uint32
	// Tag is the external route tag, else 0.
	Tag uint32
	// Advertiser is the router whose LSA describes the destination: the link state
	// origin for intra-area routes, the advertising router else. The largest router id
	// stands for several of them.
	Advertiser packet.ID
	// NextHops is the full equal-cost set. It is empty only on Local routes
	// whose interface is not known.
	NextHops nexthop.Set
	// Local says that the network is directly attached: at least one path has no gateway.
	Local bool
}

// HasArea reports whether the route belongs to an area: intra-area and inter-area routes do.
func (r Route) HasArea() bool { return r.Type == IntraArea || r.Type == InterArea }

// Change is one difference of the routing table. Route is the new route, or, when Withdrawn,
// the route that was.
type Change struct {
	Prefix    netip.Prefix
	Route     Route
	Withdrawn bool
}
