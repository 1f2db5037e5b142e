package policy

import (
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
)

// Set is what a rule changes. The zero Set changes nothing.
type Set struct {
	LocalPref *uint32 // nil: as it is
	MED       *uint32
	// Prepend is how many times more an autonomous system comes first, 0..255: the own one in what is told, the
	// neighbour's in what is taken. With the own one, neighbours inside would take the path for a loop (RFC 4271 9.1.2).
	Prepend int
	// NextHop is for what is told: the zero Addr is as it is, 0.0.0.0 the own address of the session.
	NextHop netip.Addr
	// Add and AddLarge come to the communities that are there; Remove and RemoveLarge go first.
	Add         []bgp.Community
	AddLarge    []bgp.LargeCommunity
	Remove      []bgp.Community
	RemoveLarge []bgp.LargeCommunity
}

// apply returns changed attributes; those that nothing changes are the same.
func (s *Set) apply(a *bgp.Attributes) *bgp.Attributes {
	if s.LocalPref == nil && s.MED == nil && s.Prepend == 0 && len(s.Add)+len(s.AddLarge)+len(s.Remove)+len(s.RemoveLarge) == 0 {
		return a
	}
	b := *a
	if s.LocalPref != nil {
		b.LocalPref, b.HasLocalPref = *s.LocalPref, true
	}
	if s.MED != nil {
		b.MED, b.HasMED = *s.MED, true
	}
	if as := b.ASPath.Neighbor(); as != 0 {
		b.ASPath = b.ASPath.Prepend(as, s.Prepend)
	}
	b.Communities = bgp.Changed(b.Communities, s.Remove, s.Add)
	b.Large = bgp.Changed(b.Large, s.RemoveLarge, s.AddLarge)
	return &b
}

// HonourShutdown makes the least of a path that its eBGP neighbour is about to take back (RFC 8326): while it still
// works, every other one is better. A policy that removes the community before is not asked again.
func HonourShutdown(a *bgp.Attributes) *bgp.Attributes {
	if !slices.Contains(a.Communities, bgp.GracefulShutdown) {
		return a
	}
	b := *a
	b.LocalPref, b.HasLocalPref = 0, true
	return &b
}

// Adjustment is what the set does to an announcement on its way to a neighbour.
func (s *Set) Adjustment() bgp.Adjustment {
	return bgp.Adjustment{
		Prepend: s.Prepend, MED: s.MED, LocalPref: s.LocalPref, NextHop: s.NextHop,
		Communities: s.Add, Large: s.AddLarge, Remove: s.Remove, RemoveLarge: s.RemoveLarge,
	}
}
