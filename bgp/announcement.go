package bgp

import (
	"net/netip"
	"slices"
)

// Announcement is a prefix that is told to neighbours. There is at most one for each prefix.
//
// The AS path is the path without the own autonomous system, which each eBGP session puts before
// it: empty for what begins here. A local preference is told to iBGP neighbours only.
type Announcement struct {
	Prefix     netip.Prefix
	Attributes *Attributes
	To         []Target // nobody else hears of it; no neighbour is in two
	Rule       string   // because of which rule, for people
}

// Target is a neighbour, or all dynamic neighbours of a prefix, and what is different for it.
type Target struct {
	Neighbor netip.Prefix // /32 for a configured neighbour
	Adjust   Adjustment
}

// Adjustment changes what the announcement says on its way to one neighbour. The zero one changes nothing.
type Adjustment struct {
	Prepend      int     // so many times more the own autonomous system, 0..255
	MED          *uint32 // nil: as it is
	LocalPref    *uint32
	Communities  []Community // in addition
	Large        []LargeCommunity
	NextHop      netip.Addr // the zero Addr: as it is
	ReplaceComms bool       // Communities and Large stand for all that were there
}

// Equal tells whether two change the same.
func (a Adjustment) Equal(b Adjustment) bool {
	return a.Prepend == b.Prepend && same(a.MED, b.MED) && same(a.LocalPref, b.LocalPref) &&
		slices.Equal(a.Communities, b.Communities) && slices.Equal(a.Large, b.Large) &&
		a.NextHop == b.NextHop
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// Equal tells whether two say the same to the same neighbours; the rule does not matter.
func (a *Announcement) Equal(b *Announcement) bool {
	return a.Prefix == b.Prefix && a.Attributes.Equal(b.Attributes) &&
		slices.EqualFunc(a.To, b.To, func(x, y Target) bool { return x.Neighbor == y.Neighbor && x.Adjust.Equal(y.Adjust) })
}
