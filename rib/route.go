package rib

import (
	"cmp"
	"net/netip"

	"github.com/ecmpd/ecmpd/ipv4"
	"github.com/ecmpd/ecmpd/nexthop"
)

// Protocol says where a route comes from. The order is the last tie-break
// between routes of equal distance and metric: the smaller one wins.
type Protocol uint8

// Protocols.
const (
	Connected Protocol = iota + 1 // network of an own address
	Static                        // configuration
	Kernel                        // foreign route that the kernel holds
	OSPF
	WAN // uplinks
	BGP
)

// String returns the name that show commands and the configuration use.
func (p Protocol) String() string {
	switch p {
	case Connected:
		return "connected"
	case Static:
		return "static"
	case Kernel:
		return "kernel"
	case OSPF:
		return "ospf"
	case WAN:
		return "wan"
	case BGP:
		return "bgp"
	}
	return "unknown"
}

// Administrative distances as FRR's users know them. That of OSPF is
// configurable and defaults to DistanceOSPF; a BGP route says itself which one it has.
const (
	DistanceConnected uint8 = 0
	DistanceKernel    uint8 = 0
	DistanceStatic    uint8 = 1
	DistanceWAN       uint8 = 5
	DistanceEBGP      uint8 = 20 // learnt from another AS
	DistanceOSPF      uint8 = 110
	DistanceIBGP      uint8 = 200 // learnt inside the AS
	// DistanceNever keeps a route among the candidates but never selects it.
	DistanceNever uint8 = 255
)

// Route is one protocol's way to a prefix.
type Route struct {
	Prefix   netip.Prefix // IPv4, without host bits
	Protocol Protocol
	Type     string // path type in the protocol's words ("intra-area", "external-2"); empty when it has none
	Distance uint8  // administrative distance, the lowest wins; 255 is never selected
	Metric   uint32 // the protocol's own cost, compared at equal distance
	Tag      uint32 // route tag, carried along
	NextHops nexthop.Set
	Discard  bool // drop the packets; NextHops is empty then
	Local    bool // the packets are for this router
	// Gateways make a route recursive: the table finds NextHops itself, over
	// connected, kernel and OSPF routes, uplinks and static routes, never over BGP. A static route's
	// gateways are not found over other recursive routes.
	Gateways Gateways
	// Unreached says why a recursive route can not be used now; empty when it can.
	// The table sets it.
	Unreached string
}

// Change says that the best route of a prefix differs from what the last call
// of [Table.Changes] left behind.
type Change struct {
	Prefix    netip.Prefix
	Route     Route // the new best route; the zero Route when Withdrawn
	Withdrawn bool  // the prefix has no route any more
}

// record is a Route without its prefix: what a candidate stores.
type record struct {
	typ      string
	nextHops nexthop.Set
	metric   uint32
	tag      uint32
	protocol Protocol
	distance uint8
	discard  bool
	local    bool
	over     *gatewaySet // of a recursive route; nextHops is empty then
}

// compare orders candidates by preference, the best first. Two routes of one
// prefix never share a protocol, so the order is total.
func (r *record) compare(o *record) int {
	return cmp.Or(
		cmp.Compare(r.distance, o.distance),
		cmp.Compare(r.metric, o.metric),
		cmp.Compare(r.protocol, o.protocol),
	)
}

// usable tells whether the route may be selected.
func (r *record) usable() bool {
	return r.distance != DistanceNever && (r.over == nil || !r.over.nextHops.IsEmpty())
}

// rank tells what may be found over the route.
func (r *record) rank() rank {
	if r.over == nil {
		return ofDirect
	}
	return r.over.rank
}

// hops is the complete set of next hops.
func (r *record) hops() nexthop.Set {
	if r.over != nil {
		return r.over.nextHops
	}
	return r.nextHops
}

func (r *record) route(k ipv4.Prefix) Route {
	route := Route{
		Prefix:   k.Netip(),
		Protocol: r.protocol,
		Type:     r.typ,
		Distance: r.distance,
		Metric:   r.metric,
		Tag:      r.tag,
		NextHops: r.hops(),
		Discard:  r.discard,
		Local:    r.local,
	}
	if r.over != nil {
		route.Gateways, route.Unreached = r.over.gateways, r.over.reason
	}
	return route
}
