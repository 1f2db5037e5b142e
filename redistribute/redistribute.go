// Package redistribute says which routes may go from one protocol into another, so that
// routers that redistribute both ways between OSPF and BGP never feed each other what they
// have told themselves. It is pure.
//
// What goes from BGP into OSPF carries a route tag, and what carries that tag never goes back into BGP. What goes from
// another protocol into BGP is kept from coming back by the AS path; a large community says to people and policies
// where it came from.
//
// Only the selected route of a prefix is ever redistributed. So where two routers learn a prefix by eBGP
// (distance 20) and tell OSPF of it, neither uses what the other says (110) before its own is gone; and what
// then comes from OSPF it does not pass on. Routes learnt by iBGP (200) are never told to OSPF: the
// router that learnt them by eBGP tells of them itself.
package redistribute

import (
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/rib"
)

// Types of BGP routes, as [rib.Route] has them.
const (
	External = "ebgp" // learnt from another autonomous system
	Internal = "ibgp" // learnt inside the own one
)

// Rules say what may go where.
type Rules struct {
	// Tags are what the configuration puts on OSPF routes that come from BGP, where that is not [Tag].
	Tags []uint32
}

// IntoOSPF tells whether OSPF may be told of a selected BGP route.
func (r Rules) IntoOSPF(route rib.Route) bool {
	return route.Protocol == rib.BGP && route.Type == External && !route.Discard
}

// IntoBGP tells whether BGP neighbours may be told of a selected route of another protocol.
func (r Rules) IntoBGP(route rib.Route) bool {
	switch route.Protocol {
	case rib.Connected, rib.Static, rib.Kernel:
		return true
	case rib.OSPF:
		return !route.Discard && route.Tag>>28 != fromBGP && !slices.Contains(r.Tags, route.Tag)
	}
	return false
}

// asTrans stands for autonomous systems of more than 16 bits (RFC 6793).
const asTrans = 23456

// fromBGP are the upper bits of tags in the layout of RFC 1745 4: automatic, complete, a path length of two.
const fromBGP = 0b1110

// Tag is the route tag of OSPF externals that come from BGP, unless another one is configured, in the
// layout of RFC 1745 4: below the upper bits nothing arbitrary, and the own autonomous system in 16 bits. The
// upper bits alone keep a route out of BGP, so that routers of several autonomous systems may share an OSPF network.
func Tag(as uint32) uint32 {
	if as > 0xFFFF {
		as = asTrans
	}
	return fromBGP<<28 | as
}

// origins are the numbers of protocols in marks; they go over the wire.
var origins = []struct {
	protocol rib.Protocol
	number   uint32
}{{rib.Connected, 1}, {rib.Static, 2}, {rib.Kernel, 3}, {rib.OSPF, 4}}

// markFunction is the second number of marks: what the third one means is the origin.
const markFunction = 0xEC

// Mark is the large community of what goes from a protocol into BGP: AS:236:N, N being 1 for connected, 2 for
// static, 3 for kernel and 4 for OSPF. Another protocol has none.
func Mark(as uint32, from rib.Protocol) (mark bgp.LargeCommunity, ok bool) {
	for _, o := range origins {
		if o.protocol == from {
			return bgp.LargeCommunity{Global: as, Local1: markFunction, Local2: o.number}, true
		}
	}
	return bgp.LargeCommunity{}, false
}
