package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/bgp"
)

// Match is what a route must have. Of each list one entry must fit; an empty list is no condition.
type Match struct {
	Prefixes         []Range
	ASPath           []ASPath
	Communities      []bgp.Community
	LargeCommunities []bgp.LargeCommunity
	Neighbors        []netip.Prefix
	Sources          []Source
	Tags             []uint32
}

// Range is a prefix and the lengths of those inside that it stands for.
type Range struct {
	Prefix netip.Prefix
	Ge, Le int // inclusive, 0..32
}

// Contains tells whether a prefix is meant.
func (r Range) Contains(p netip.Prefix) bool {
	return p.Bits() >= r.Ge && p.Bits() <= r.Le && p.Bits() >= r.Prefix.Bits() && r.Prefix.Contains(p.Addr())
}

// Covers tells whether everything that the other stands for is meant.
func (r Range) Covers(o Range) bool {
	return r.Prefix.Bits() <= o.Prefix.Bits() && r.Prefix.Contains(o.Prefix.Addr()) && r.Ge <= o.Ge && r.Le >= o.Le
}

// ASPath is a regular expression over an AS path in the notation of looking glasses.
type ASPath struct{ re *regexp.Regexp }

// ParseASPath reads an expression such as ^65001_ or _64512$; _ stands for the border of a number, as in FRR and GoBGP.
func ParseASPath(text string) (ASPath, error) {
	re, err := regexp.Compile(strings.ReplaceAll(text, "_", `(^|[ ,{}()\[\]]|$)`))
	if err != nil {
		return ASPath{}, fmt.Errorf("%q is no regular expression over an AS path such as ^65001_: %w", text, err)
	}
	return ASPath{re}, nil
}

// Matches tells whether a path fits.
func (a ASPath) Matches(p bgp.ASPath) bool { return a.re.MatchString(p.String()) }

// Matches tells whether a route has all that is asked for.
func (m *Match) Matches(r *Route) bool {
	a := r.Attributes
	return anyOf(m.Prefixes, func(g Range) bool { return g.Contains(r.Prefix) }) &&
		anyOf(m.Sources, func(s Source) bool { return s == r.Source }) &&
		anyOf(m.Tags, func(t uint32) bool { return t == r.Tag }) &&
		anyOf(m.Neighbors, func(n netip.Prefix) bool { return r.Neighbor.IsValid() && n.Contains(r.Neighbor) }) &&
		anyOf(m.Communities, func(c bgp.Community) bool { return slices.Contains(a.Communities, c) }) &&
		anyOf(m.LargeCommunities, func(c bgp.LargeCommunity) bool { return slices.Contains(a.Large, c) }) &&
		anyOf(m.ASPath, func(p ASPath) bool { return p.Matches(a.ASPath) })
}

// Everything tells whether nothing is asked for.
func (m *Match) Everything() bool {
	return len(m.Prefixes)+len(m.ASPath)+len(m.Communities)+len(m.LargeCommunities)+len(m.Neighbors)+len(m.Sources)+len(m.Tags) == 0
}

// anyOf tells whether an entry fits; no entries are no condition.
func anyOf[T any](list []T, fits func(T) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, fits)
}
