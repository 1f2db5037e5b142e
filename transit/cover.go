package transit

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// rank orders claims on one and the same prefix; the highest wins.
type rank uint8

const (
	rankRoute rank = iota
	// rankLink is a point-to-point network: it is attached, so no other route
	// for exactly this prefix can be in use.
	rankLink
	rankReserved
)

// prefixClaim says whether the longest match of a prefix makes an address
// transit (reason is empty) or why not.
type prefixClaim struct {
	first, last uint32
	bits        uint8
	rank        rank
	reason      string
}

func appendClaim(claims []prefixClaim, p netip.Prefix, r rank, reason string) []prefixClaim {
	if !p.IsValid() || !p.Addr().Is4() {
		return claims
	}
	first, last := span(p)
	return append(claims, prefixClaim{first, last, uint8(p.Bits()), r, reason})
}

// cover resolves claims by longest match. It returns the exact set of transit
// addresses as the fewest prefixes, and the claims that cut holes into it.
func cover(claims []prefixClaim) ([]netip.Prefix, []Hole) {
	slices.SortFunc(claims, func(a, b prefixClaim) int {
		if c := cmp.Compare(uint64(a.first)<<8|uint64(a.bits), uint64(b.first)<<8|uint64(b.bits)); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(b.reason, a.reason)) // of equal rank the hole first
	})
	claims = slices.CompactFunc(claims, func(a, b prefixClaim) bool { return a.first == b.first && a.bits == b.bits })

	// The claims are in address order with every prefix before what it contains,
	// so that the stack holds the nested prefixes at the point that is swept.
	var (
		w     rangeWriter
		holes = []Hole{}
		stack []prefixClaim
		at    uint64 // the addresses below are written
	)
	pop := func() {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if top.reason == "" {
			w.add(at, uint64(top.last)+1)
		}
		at = max(at, uint64(top.last)+1)
	}
	for _, c := range claims {
		for len(stack) > 0 && stack[len(stack)-1].last < c.first {
			pop()
		}
		if len(stack) > 0 {
			inTransit := stack[len(stack)-1].reason == ""
			if inTransit {
				w.add(at, uint64(c.first))
			}
			if inTransit && c.reason != "" {
				holes = append(holes, Hole{netip.PrefixFrom(addr(c.first), int(c.bits)), c.reason})
			}
		}
		at = max(at, uint64(c.first))
		stack = append(stack, c)
	}
	for len(stack) > 0 {
		pop()
	}
	return w.prefixes(), holes
}

// aggregate returns the fewest prefixes that cover exactly the same addresses.
func aggregate(networks []netip.Prefix) []netip.Prefix {
	var claims []prefixClaim
	for _, n := range networks {
		claims = appendClaim(claims, n, rankRoute, "")
	}
	out, _ := cover(claims)
	return out
}

// rangeWriter joins half-open ranges that arrive in ascending order.
type rangeWriter struct {
	ranges [][2]uint64
}

func (w *rangeWriter) add(from, to uint64) {
	if from >= to {
		return
	}
	if n := len(w.ranges); n > 0 && w.ranges[n-1][1] == from {
		w.ranges[n-1][1] = to
		return
	}
	w.ranges = append(w.ranges, [2]uint64{from, to})
}

// prefixes splits each range into the largest aligned blocks that fit.
func (w *rangeWriter) prefixes() []netip.Prefix {
	out := make([]netip.Prefix, 0, len(w.ranges))
	for _, r := range w.ranges {
		for from := r[0]; from < r[1]; {
			size := bits.TrailingZeros64(from | 1<<32)
			for from+1<<size > r[1] {
				size--
			}
			out = append(out, netip.PrefixFrom(addr(uint32(from)), 32-size))
			from += 1 << size
		}
	}
	return out
}

// overlaps reports whether p shares an address with the sorted, disjoint prefixes.
func overlaps(prefixes []netip.Prefix, p netip.Prefix) bool {
	i, found := slices.BinarySearchFunc(prefixes, p, comparePrefix)
	return found ||
		i < len(prefixes) && prefixes[i].Overlaps(p) ||
		i > 0 && prefixes[i-1].Overlaps(p)
}

func comparePrefix(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func span(p netip.Prefix) (first, last uint32) {
	a := p.Masked().Addr().As4()
	first = binary.BigEndian.Uint32(a[:])
	return first, first | uint32(uint64(1)<<(32-p.Bits())-1)
}

func addr(u uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], u)
	return netip.AddrFrom4(b)
}
