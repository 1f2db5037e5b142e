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

// Covers tells whether a route that matches the other one matches this one, too. Where that depends on more than one
// entry at a time, or on what expressions mean, it does not see it.
func (m *Match) Covers(o *Match) bool {
	return within(o.Prefixes, m.Prefixes, func(inner, outer Range) bool { return outer.Covers(inner) }) &&
		within(o.Neighbors, m.Neighbors, func(inner, outer netip.Prefix) bool {
			return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
		}) &&
		within(o.ASPath, m.ASPath, func(inner, outer ASPath) bool { return inner.re.String() == outer.re.String() }) &&
		within(o.Communities, m.Communities, same) && within(o.LargeCommunities, m.LargeCommunities, same) &&
		within(o.Sources, m.Sources, same) && within(o.Tags, m.Tags, same)
}

// within tells whether what fits a list fits an outer one, too; no entries are no condition.
func within[T any](list, outer []T, in func(inner, outer T) bool) bool {
	if len(outer) == 0 {
		return true
	}
	return len(list) > 0 && !slices.ContainsFunc(list, func(i T) bool {
		return !slices.ContainsFunc(outer, func(o T) bool { return in(i, o) })
	})
}

func same[T comparable](a, b T) bool { return a == b }

// anyOf tells whether an entry fits; no entries are no condition.
func anyOf[T any](list []T, fits func(T) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, fits)
}
