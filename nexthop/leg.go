package nexthop

import "net/netip"

// Leg names one way out: an interface and the gateway behind it. It is what can be
// dead while others of a set live.
type Leg struct {
	Interface string
	Gateway   netip.Addr
}

// Leg returns the way out that the hop takes.
func (h Hop) Leg() Leg { return Leg{Interface: h.Interface, Gateway: h.Gateway} }
