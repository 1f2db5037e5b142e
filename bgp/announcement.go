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
	// Except are configured neighbours and longer prefixes of dynamic ones inside, which are targets of their own or
	// hear nothing.
	Except []netip.Prefix
	Adjust Adjustment
}

// Addresses are those of the neighbours that are meant, as prefixes; none when others stand for all of them.
func (t *Target) Addresses() []netip.Prefix { return without(t.Neighbor, t.Except) }

// without returns what is left of a prefix without others.
func without(p netip.Prefix, others []netip.Prefix) []netip.Prefix {
	inside := false
	for _, o := range others {
		if o.Bits() <= p.Bits() && o.Contains(p.Addr()) {
			return nil
		}
		inside = inside || p.Contains(o.Addr())
	}
	if !inside {
		return []netip.Prefix{p}
	}
	var left []netip.Prefix
	for _, h := range Halves(p) {
		left = append(left, without(h, others)...)
	}
	return left
}

// Halves are the two prefixes that another IPv4 prefix consists of; a host has none.
func Halves(p netip.Prefix) []netip.Prefix {
	if p.Bits() == 32 {
		return nil
	}
	second := p.Addr().As4()
	second[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	return []netip.Prefix{netip.PrefixFrom(p.Addr(), p.Bits()+1), netip.PrefixFrom(netip.AddrFrom4(second), p.Bits()+1)}
}

// Adjustment changes what the announcement says on its way to one neighbour. The zero one changes nothing.
type Adjustment struct {
	Prepend     int     // so many times more the own autonomous system, 0..255
	MED         *uint32 // nil: as it is
	LocalPref   *uint32
	Communities []Community // in addition
	Large       []LargeCommunity
	NextHop     netip.Addr // the zero Addr: as it is
	// Remove and RemoveLarge are taken away before others are added.
	Remove      []Community
	RemoveLarge []LargeCommunity
}

// Equal tells whether two change the same.
func (a Adjustment) Equal(b Adjustment) bool {
	return a.Prepend == b.Prepend && same(a.MED, b.MED) && same(a.LocalPref, b.LocalPref) &&
		slices.Equal(a.Communities, b.Communities) && slices.Equal(a.Large, b.Large) &&
		a.NextHop == b.NextHop && slices.Equal(a.Remove, b.Remove) && slices.Equal(a.RemoveLarge, b.RemoveLarge)
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// Equal tells whether two say the same to the same neighbours; the rule does not matter.
func (a *Announcement) Equal(b *Announcement) bool {
	return a.Prefix == b.Prefix && a.Attributes.Equal(b.Attributes) &&
		slices.EqualFunc(a.To, b.To, func(x, y Target) bool {
			return x.Neighbor == y.Neighbor && slices.Equal(x.Except, y.Except) && x.Adjust.Equal(y.Adjust)
		})
}
