package routeros

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// addressList is one list of /ip firewall address-list.
type addressList struct {
	name     string
	line     int // of its first entry
	prefixes []netip.Prefix
	seen     map[netip.Prefix]bool
	entries  []int // statements
	strange  int   // entries that are no addresses
	wanted   bool  // a rule needs it
	tracked  bool  // it is among the tracked networks
	word     string
}

func (im *importer) readListEntry(i int, s *script.Statement) {
	if name, yes := missing(s, "list", "address"); yes {
		im.skip(i, "%s has no value", name)
		return
	}
	name, a := s.Value("list"), s.Value("address")
	if name == "" || a == "" {
		im.skip(i, "an entry wants list and address")
		return
	}
	l := im.list(name, s.Line)
	networks, ok := parseNetworks(a)
	if !ok {
		l.strange++
		im.skip(i, "entries of lists are addresses: the names that RouterOS looks up are not supported")
		return
	}
	l.entries = append(l.entries, i)
	for _, p := range networks {
		if !l.seen[p] {
			l.seen[p] = true
			l.prefixes = append(l.prefixes, p)
		}
	}
}

// list returns the list of this name, which is made when it is not there.
func (im *importer) list(name string, line int) *addressList {
	l := im.lists[name]
	if l == nil {
		l = &addressList{name: name, line: line, seen: make(map[netip.Prefix]bool)}
		im.lists[name] = l
		im.listNames = append(im.listNames, name)
	}
	return l
}

// Bounds of what is written, within those of a configuration.
const (
	maxLists   = 90
	maxEntries = 10_000 // of all lists
)

// wantList marks a list as one that rules need, and the rule as incomplete without it.
func (im *importer) wantList(p *policyRule, name string) {
	l := im.lists[name]
	switch {
	case l == nil || len(l.prefixes) == 0:
		p.missing = "address list " + clip(name, 40) + " has no entry"
	case l.wanted:
	case im.wanted == maxLists || im.entries+len(l.prefixes) > maxEntries:
		p.missing = "address list " + clip(name, 40) + " is too long for a configuration: write its entries into a file, one a line, and \"file:/PATH\" into the list"
	default:
		l.wanted = true
		im.wanted++
		im.entries += len(l.prefixes)
	}
}

// skipUnused says which lists nothing needs that was taken over.
func (im *importer) skipUnused() {
	for _, name := range im.listNames {
		l := im.lists[name]
		for _, i := range l.entries {
			if !l.wanted && !l.tracked {
				im.skip(i, "nothing that was taken over uses this list")
			}
		}
	}
}
