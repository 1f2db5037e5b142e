package spf

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// prefix is an IPv4 prefix in one word: the address above the length. Ascending
// prefixes are sorted by address, then length.
type prefix uint64

// makePrefix masks addr. It is false when mask is not contiguous.
func makePrefix(addr, mask packet.ID) (prefix, bool) {
	bits, ok := packet.MaskLen(mask)
	return prefix(addr&mask)<<8 | prefix(bits), ok
}

func prefixFrom(p netip.Prefix) (prefix, bool) {
	if !p.IsValid() || !p.Addr().Is4() {
		return 0, false
	}
	return makePrefix(packet.IDFromAddr(p.Addr()), packet.MaskOf(p.Bits()))
}

func (p prefix) addr() packet.ID { return packet.ID(p >> 8) }
func (p prefix) bits() int       { return int(p & 0xff) }

// last returns the highest address in p.
func (p prefix) last() packet.ID { return p.addr() | ^packet.MaskOf(p.bits()) }

func (p prefix) netip() netip.Prefix { return netip.PrefixFrom(p.addr().Addr(), p.bits()) }

// routable reports whether p may have a route: not inside 0/8 or 127/8 (except the
// default route and other prefixes shorter than /8) and not in 224/3.
func (p prefix) routable() bool {
	first := p.addr() >> 24
	return first < 224 && (p.bits() < 8 || first != 0 && first != 127)
}

// host reports whether a may be the address of a router.
func host(a packet.ID) bool {
	first := a >> 24
	return first != 0 && first != 127 && first < 224
}
