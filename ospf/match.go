package ospf

import (
	"net/netip"
	"path"
)

// Match says which links an interface entry takes. Items are tried in order and
// the first one that fits decides; an exclusion that fits ends the entry.
type Match []MatchItem

// MatchItem is a name, a glob, or a prefix; Exclude turns it round.
type MatchItem struct {
	Exclude bool
	Glob    string       // name or glob (path.Match syntax); empty when Prefix is set
	Prefix  netip.Prefix // matches a link that has an address inside
}

// Matches tells whether the entry takes the link. An entry of exclusions only
// takes every other link.
func (m Match) Matches(l Link) bool {
	onlyExclusions := len(m) > 0
	for _, item := range m {
		if item.matches(l) {
			return !item.Exclude
		}
		onlyExclusions = onlyExclusions && item.Exclude
	}
	return onlyExclusions
}

// prefers tells whether the entry took the link for this address: with a
// prefix, OSPF runs on the address inside it.
func (m Match) prefers(a LinkAddr) bool {
	for _, item := range m {
		if item.Prefix.IsValid() && !item.Exclude && item.Prefix.Contains(a.Addr.Addr()) {
			return true
		}
	}
	return false
}

func (m MatchItem) matches(l Link) bool {
	if m.Prefix.IsValid() {
		for _, a := range l.Addrs {
			if m.Prefix.Contains(a.Addr.Addr()) {
				return true
			}
		}
		return false
	}
	ok, err := path.Match(m.Glob, l.Name)
	return err == nil && ok
}
