package bgp

import (
	"fmt"
	"strconv"
	"strings"
)

// Community marks a path (RFC 1997): two halves, the first an autonomous system by convention.
type Community uint32

// Well-known communities.
const (
	GracefulShutdown  Community = 0xFFFF0000 // RFC 8326
	Blackhole         Community = 0xFFFF029A // RFC 7999
	NoExport          Community = 0xFFFFFF01 // RFC 1997
	NoAdvertise       Community = 0xFFFFFF02
	NoExportSubconfed Community = 0xFFFFFF03
	NoPeer            Community = 0xFFFFFF04 // RFC 3765
)

// wellKnown are the names of communities, in the words of their RFCs and of the configuration.
var wellKnown = []struct {
	name  string
	value Community
}{
	{"graceful-shutdown", GracefulShutdown},
	{"blackhole", Blackhole},
	{"no-export", NoExport},
	{"no-advertise", NoAdvertise},
	{"no-export-subconfed", NoExportSubconfed},
	{"no-peer", NoPeer},
}

// WellKnownCommunities lists the names that [ParseCommunity] knows.
func WellKnownCommunities() []string {
	var names []string
	for _, w := range wellKnown {
		names = append(names, w.name)
	}
	return names
}

// String writes 65001:100, or the name of a well-known one.
func (c Community) String() string {
	for _, w := range wellKnown {
		if w.value == c {
			return w.name
		}
	}
	return fmt.Sprintf("%d:%d", uint32(c)>>16, uint32(c)&0xFFFF)
}

// ParseCommunity reads 65001:100 or a well-known name.
func ParseCommunity(s string) (Community, error) {
	for _, w := range wellKnown {
		if w.name == s {
			return w.value, nil
		}
	}
	parts, err := numbers(s, 2, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no community: write two numbers from 0 to 65535 such as 65001:100, or one of %s", s, strings.Join(WellKnownCommunities(), ", "))
	}
	return Community(parts[0]<<16 | parts[1]), nil
}

// LargeCommunity marks a path with three numbers of 32 bits, the first an autonomous system (RFC 8092).
type LargeCommunity struct{ Global, Local1, Local2 uint32 }

// String writes 4200000001:1:2.
func (l LargeCommunity) String() string {
	return fmt.Sprintf("%d:%d:%d", l.Global, l.Local1, l.Local2)
}

// ParseLargeCommunity reads 4200000001:1:2.
func ParseLargeCommunity(s string) (LargeCommunity, error) {
	parts, err := numbers(s, 3, 32)
	if err != nil {
		return LargeCommunity{}, fmt.Errorf("%q is no large community: write three numbers such as 65001:1:2", s)
	}
	return LargeCommunity{uint32(parts[0]), uint32(parts[1]), uint32(parts[2])}, nil
}

// numbers reads count numbers of so many bits, with colons between.
func numbers(s string, count, bits int) ([]uint64, error) {
	words := strings.Split(s, ":")
	if len(words) != count {
		return nil, strconv.ErrSyntax
	}
	list := make([]uint64, count)
	for i, w := range words {
		v, err := strconv.ParseUint(w, 10, bits)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}
