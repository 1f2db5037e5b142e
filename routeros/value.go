package routeros

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// printable replaces what does not belong into one line of text.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// Bounds of what is read: records are compared with each other, and no
// configuration would take more.
const (
	maxAddresses = 1000
	maxRoutes    = 4000
	maxHops      = 20_000
	maxDefaults  = 1000
	maxRules     = 20_000
	maxTables    = 1000
)

// full tells whether there is no room for one more record, and skips its statement then.
func (im *importer) full(i, have, most int, what string) bool {
	if have >= most {
		im.skip(i, "more than %d %s", most, what)
	}
	return have >= most
}

// items splits a list at its commas.
func items(value string) []string {
	var list []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// parseHost reads an IPv4 address that a host can have.
func parseHost(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return netip.Addr{}, false
	}
	first := a.As4()[0]
	return a, first != 0 && first != 127 && first < 224
}

// parsePrefix reads an IPv4 prefix or address, with its host bits.
func parsePrefix(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		return netip.PrefixFrom(a, 32), true
	}
	p, err := netip.ParsePrefix(text)
	return p, err == nil && p.Addr().Is4()
}

// parseNetworks reads what address matchers take: an address, a prefix or a range.
func parseNetworks(text string) ([]netip.Prefix, bool) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		p, ok := parsePrefix(text)
		return []netip.Prefix{p.Masked()}, ok
	}
	a, errA := netip.ParseAddr(first)
	b, errB := netip.ParseAddr(last)
	if errA != nil || errB != nil || !a.Is4() || !b.Is4() || b.Less(a) {
		return nil, false
	}
	return span(a, b), true
}

// span writes a range as prefixes, at most 62.
func span(first, last netip.Addr) (list []netip.Prefix) {
	number := func(a netip.Addr) uint64 { b := a.As4(); return uint64(binary.BigEndian.Uint32(b[:])) }
	for at, end := number(first), number(last); at <= end; {
		size := min(bits.TrailingZeros64(at|1<<32), bits.Len64(end-at+1)-1)
		list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(at)))), 32-size))
		at += 1 << size
	}
	return list
}

// number reads a parameter, reporting what is none; fallback stands for one that is not there.
func (im *importer) number(s *script.Statement, name string, fallback, lowest, highest int) int {
	a, ok := s.Arg(name)
	if !ok || a.Value == "" {
		return fallback
	}
	v, err := strconv.Atoi(a.Value)
	if err != nil || v < lowest || v > highest {
		im.find(a.At, InvalidValue, "%s is a number from %d to %d, not %s", name, lowest, highest, clip(a.Value, 40))
		return fallback
	}
	return v
}

// decimal reads a number without sign.
func decimal(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil && (text == "0" || text[0] != '0')
}

// missing tells whether a parameter is there without a value.
func missing(s *script.Statement, names ...string) (name string, yes bool) {
	for _, name := range names {
		if a, ok := s.Arg(name); ok && (a.Value == "" || a.Value == "!") {
			return name, true
		}
	}
	return "", false
}
