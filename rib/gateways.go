package rib

import (
	"encoding/binary"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Gateway is a next hop that is not on a connected network: how it is reached is
// the business of other routes.
type Gateway struct {
	Addr netip.Addr // IPv4
	// Weight is the gateway's share in its set, relative to the others; 0 is stored as 1.
	Weight uint32
}

// Gateways is a set of gateways as a comparable value: ordered by address, one
// entry an address (of equal ones the larger weight counts), weights in lowest terms.
// The zero Gateways is empty.
type Gateways struct {
	enc string // 4 bytes of address and 4 of weight each
}

// NewGateways returns the set of the gateways; those that are not IPv4 are left out.
func NewGateways(list ...Gateway) Gateways {
	weights := make(map[netip.Addr]uint64, len(list))
	for _, g := range list {
		if a := g.Addr.Unmap(); a.Is4() {
			weights[a] = max(weights[a], uint64(g.Weight), 1)
		}
	}
	addrs := make([]netip.Addr, 0, len(weights))
	var common uint64
	for a, w := range weights {
		addrs = append(addrs, a)
		common = divisor(common, w)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	enc := make([]byte, 0, 8*len(addrs))
	for _, a := range addrs {
		enc = append(enc, a.AsSlice()...)
		enc = binary.BigEndian.AppendUint32(enc, uint32(weights[a]/common))
	}
	return Gateways{enc: string(enc)}
}

// IsEmpty reports whether there is no gateway.
func (g Gateways) IsEmpty() bool { return g.enc == "" }

// Len is the number of gateways.
func (g Gateways) Len() int { return len(g.enc) / 8 }

// All yields the gateways by address.
func (g Gateways) All() iter.Seq[Gateway] {
	return func(yield func(Gateway) bool) {
		for enc := g.enc; enc != ""; enc = enc[8:] {
			addr := netip.AddrFrom4([4]byte([]byte(enc[:4])))
			if !yield(Gateway{Addr: addr, Weight: binary.BigEndian.Uint32([]byte(enc[4:8]))}) {
				return
			}
		}
	}
}

// String is "10.0.0.1, 10.0.0.2 weight 3".
func (g Gateways) String() string {
	var words []string
	for gateway := range g.All() {
		word := gateway.Addr.String()
		if gateway.Weight > 1 {
			word += " weight " + strconv.FormatUint(uint64(gateway.Weight), 10)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// divisor is the greatest common one; 0 counts as a multiple of everything.
func divisor(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
