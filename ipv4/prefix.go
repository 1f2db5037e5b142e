// Package ipv4 has IPv4 prefixes in one word, for tables with very many of them:
// a quarter of a [netip.Prefix], without a pointer, and quick to hash and to sort.
package ipv4

import "net/netip"

// Prefix is an IPv4 prefix in 38 bits: address, then length. Prefixes sort as
// show commands list them, by address and the shorter one first. The zero
// Prefix is 0.0.0.0/0.
type Prefix uint64

const lengthBits = 6

// PrefixOf drops host bits. It reports false for a prefix that is not IPv4.
func PrefixOf(p netip.Prefix) (Prefix, bool) {
	if !p.IsValid() || !p.Addr().Is4() {
		return 0, false
	}
	return PrefixAround(p.Addr(), p.Bits()), true
}

// PrefixAround is the prefix of a length, 0..32, around an IPv4 address.
func PrefixAround(a netip.Addr, bits int) Prefix {
	b := a.As4()
	addr := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
	host := uint(32 - bits)
	return Prefix(addr>>host<<host<<lengthBits | uint64(bits))
}

// Bits is the length.
func (p Prefix) Bits() int { return int(p & (1<<lengthBits - 1)) }

// As4 is the address.
func (p Prefix) As4() [4]byte {
	a := uint32(p >> lengthBits)
	return [4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}
}

// Netip is the prefix in the form of package netip.
func (p Prefix) Netip() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4(p.As4()), p.Bits()) }

// String is "10.0.0.0/8".
func (p Prefix) String() string { return p.Netip().String() }
