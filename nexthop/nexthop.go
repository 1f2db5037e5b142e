// Package nexthop holds the equal-cost next-hop set as a comparable value.
//
// It is the one vocabulary that SPF, the RIB, the transit rule and the kernel
// writer share. A Set is immutable, canonical (two sets with the same members
// are ==) and can be a map key.
package nexthop

import (
	"net/netip"
)

// Hop is one leg of an equal-cost set.
type Hop struct {
	// RouterID is the OSPF router id of the neighbour behind the leg; the zero
	// Addr and 0.0.0.0 both mean unknown and are stored as 0.0.0.0.
	RouterID netip.Addr
	// Gateway is the next router's IPv4 address; the zero Addr means that the
	// destination is directly attached to Interface.
	Gateway netip.Addr
	// Interface is the name of the outgoing link.
	Interface string
	// Weight is the leg's share in the set, 1..254; 0 is stored as 1.
	Weight uint8
	// OnLink tells the kernel that Gateway is reachable on Interface although
	// no connected prefix covers it (unnumbered links).
	OnLink bool
}

// Set is an equal-cost next-hop set: canonical order (RouterID, Gateway,
// Interface), no duplicate (Gateway, Interface). The zero Set is empty.
type Set struct {
	enc string
}
