package firewall

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
)

// element is one element of a set in the kernel's byte order. In an interval
// set key is the first address and end the one after the last, empty when the
// interval reaches the highest address.
type element struct {
	key, end string
}

func compareElement(a, b element) int {
	return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.end, b.end))
}

// prefixElements turns prefixes into disjoint, sorted intervals. A prefix that
// another one covers is left out.
func prefixElements(prefixes []netip.Prefix) []element {
	return slices.Collect(func(yield func(element) bool) {
		for _, p := range disjoint(prefixes) {
			if !yield(prefixElement(p)) {
				return
			}
		}
	})
}

func prefixElement(p netip.Prefix) element {
	first := p.Addr().As4()
	after := uint64(binary.BigEndian.Uint32(first[:])) + 1<<(32-p.Bits())
	e := element{key: string(first[:])}
	if after <= 0xffffffff {
		e.end = string(binary.BigEndian.AppendUint32(nil, uint32(after)))
	}
	return e
}

// elementPrefix is the inverse of prefixElement; ok is false for an interval
// that is not a prefix.
func elementPrefix(e element) (p netip.Prefix, ok bool) {
	if len(e.key) != 4 || len(e.end) != 4 && e.end != "" {
		return netip.Prefix{}, false
	}
	after := uint64(1) << 32
	if e.end != "" {
		after = uint64(binary.BigEndian.Uint32([]byte(e.end)))
	}
	size := after - uint64(binary.BigEndian.Uint32([]byte(e.key)))
	p = netip.PrefixFrom(netip.AddrFrom4([4]byte([]byte(e.key))), 32-min(bits.TrailingZeros64(size), 32))
	return p, prefixElement(p.Masked()) == e
}

// disjoint returns the IPv4 prefixes masked, sorted, without those that another
// one covers. Two prefixes nest or are apart, so the outcome is disjoint.
func disjoint(prefixes []netip.Prefix) []netip.Prefix {
	sorted := make([]netip.Prefix, 0, len(prefixes))
	for _, p := range prefixes {
		if p.IsValid() && p.Addr().Is4() {
			sorted = append(sorted, p.Masked())
		}
	}
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	out := sorted[:0]
	for _, p := range sorted {
		if n := len(out); n == 0 || !out[n-1].Overlaps(p) {
			out = append(out, p)
		}
	}
	return out
}

// nameElements turns interface names into sorted keys as wide as the kernel's
// interface names.
func nameElements(names []string) []element {
	out := make([]element, 0, len(names))
	for _, n := range names {
		key := make([]byte, nftables.TypeIFName.Bytes)
		copy(key[:len(key)-1], n)
		out = append(out, element{key: string(key)})
	}
	slices.SortFunc(out, compareElement)
	return slices.Compact(out)
}

func elementName(e element) string {
	name, _, _ := strings.Cut(e.key, "\x00")
	return name
}

// unionPrefixes adds prefixes to an interval set. Intervals of the first list
// that are not prefixes are left out.
func unionPrefixes(old, wanted []element) []element {
	prefixes := make([]netip.Prefix, 0, len(old)+len(wanted))
	for _, e := range slices.Concat(old, wanted) {
		if p, ok := elementPrefix(e); ok {
			prefixes = append(prefixes, p)
		}
	}
	return prefixElements(prefixes)
}

// diffElements compares two sorted lists.
func diffElements(have, want []element) (add, del []element) {
	for len(have) > 0 && len(want) > 0 {
		switch c := compareElement(have[0], want[0]); {
		case c < 0:
			del, have = append(del, have[0]), have[1:]
		case c > 0:
			add, want = append(add, want[0]), want[1:]
		default:
			have, want = have[1:], want[1:]
		}
	}
	return append(add, want...), append(del, have...)
}

// encodeElements gives the kernel's form: an interval is a start and, unless it
// reaches the highest address, an element flagged as its end.
func encodeElements(elements []element, interval bool) []nftables.SetElement {
	out := make([]nftables.SetElement, 0, 2*len(elements))
	for _, e := range elements {
		open := interval && e.end == ""
		out = append(out, nftables.SetElement{Key: []byte(e.key), IntervalOpen: open})
		if interval && !open {
			out = append(out, nftables.SetElement{Key: []byte(e.end), IntervalEnd: true})
		}
	}
	return out
}

var errBrokenIntervals = errors.New("interval starts and ends do not pair")

// decodeElements is the inverse of encodeElements, for elements in any order.
func decodeElements(raw []nftables.SetElement, interval bool) ([]element, error) {
	out := make([]element, 0, len(raw))
	if !interval {
		for _, r := range raw {
			out = append(out, element{key: string(r.Key)})
		}
		slices.SortFunc(out, compareElement)
		return out, nil
	}
	// Where one interval ends and the next begins, the end comes first.
	slices.SortFunc(raw, func(a, b nftables.SetElement) int {
		c := bytes.Compare(a.Key, b.Key)
		if c == 0 && a.IntervalEnd != b.IntervalEnd {
			c = 1
			if a.IntervalEnd {
				c = -1
			}
		}
		return c
	})
	open := false
	for _, r := range raw {
		switch {
		case r.IntervalEnd && open:
			out[len(out)-1].end, open = string(r.Key), false
		case r.IntervalEnd && len(out) == 0 && isZero(r.Key):
			// nft marks the space before the first interval this way.
		case r.IntervalEnd || open:
			return nil, errBrokenIntervals
		default:
			out, open = append(out, element{key: string(r.Key)}), true
		}
	}
	return out, nil
}

func isZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}
