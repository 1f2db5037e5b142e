package policy

import (
	"slices"

	"github.com/ecmpd/ecmpd/bgp"
)

// Set is what a rule changes. The zero Set changes nothing.
type Set struct {
	LocalPref *uint32 // nil: as it is
	MED       *uint32
	Prepend   int // the own autonomous system so many times more, 0..255
	// Add and AddLarge come to the communities that are there; Remove and RemoveLarge go first. Taking away is for
	// paths that are taken, not for what is told.
	Add         []bgp.Community
	AddLarge    []bgp.LargeCommunity
	Remove      []bgp.Community
	RemoveLarge []bgp.LargeCommunity
}

// apply returns changed attributes; those that nothing changes are the same.
func (s *Set) apply(as uint32, a *bgp.Attributes) *bgp.Attributes {
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
	b.ASPath = b.ASPath.Prepend(as, s.Prepend)
	b.Communities = changed(b.Communities, s.Remove, s.Add)
	b.Large = changed(b.Large, s.RemoveLarge, s.AddLarge)
	return &b
}

// changed returns a list without some entries and with others, each once.
func changed[T comparable](list, remove, add []T) []T {
	if len(remove)+len(add) == 0 {
		return list
	}
	var out []T
	for _, v := range slices.Concat(list, add) {
		if !slices.Contains(out, v) && (!slices.Contains(remove, v) || slices.Contains(add, v)) {
			out = append(out, v)
		}
	}
	return out
}

// Adjustment is what the set does to an announcement on its way to a neighbour.
func (s *Set) Adjustment() bgp.Adjustment {
	return bgp.Adjustment{Prepend: s.Prepend, MED: s.MED, LocalPref: s.LocalPref, Communities: s.Add, Large: s.AddLarge}
}
