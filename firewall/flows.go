package firewall

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
)

// Flows says which flows are not tracked: both ends transit, neither tracked nor one
// of the hub's own addresses, and no NAT.
type Flows struct {
	Transit, Tracked []netip.Prefix
	Local            []netip.Addr
}

// compile makes it quick to ask.
func (f Flows) compile() flowMatch {
	return flowMatch{disjoint(f.Transit), disjoint(f.Tracked), f.Local}
}

// flowMatch holds sorted, disjoint prefixes.
type flowMatch struct {
	transit, tracked []netip.Prefix
	local            []netip.Addr
}

func (m flowMatch) untracked(e entry) bool {
	if e.status&statusNAT != 0 || e.orig.source != e.reply.destination || e.orig.destination != e.reply.source {
		return false
	}
	// The halves of an ICMP flow differ in type; the others mirror their ports.
	if e.orig.sourcePort != e.reply.destinationPort || e.orig.destinationPort != e.reply.sourcePort {
		return false
	}
	return m.end(e.orig.source) && m.end(e.orig.destination)
}

func (m flowMatch) end(a netip.Addr) bool {
	return contains(m.transit, a) && !contains(m.tracked, a) && !slices.Contains(m.local, a)
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	i, found := slices.BinarySearchFunc(prefixes, a, func(p netip.Prefix, a netip.Addr) int { return p.Addr().Compare(a) })
	return found || i > 0 && prefixes[i-1].Contains(a)
}

// entry is what is looked at of a conntrack entry.
type entry struct {
	orig, reply tuple
	status      uint32
	mark        uint32
	naming      [3][]byte // the attributes that name it: tuple, zone, number
}

// tuple is one direction. Protocols without ports have 0.
type tuple struct {
	source, destination         netip.Addr
	sourcePort, destinationPort uint16
}

// name is a copy of the attributes by which the kernel finds this entry. Its number is
// one of them: a later entry of the same flow has another one, unless it lies in the
// same place of memory.
func (e entry) name() []byte { return slices.Concat(e.naming[:]...) }

// Attributes of an entry, of a tuple and of its parts (CTA_ in
// linux/netfilter/nfnetlink_conntrack.h).
const (
	ctaTupleOrig  = 1
	ctaTupleReply = 2
	ctaStatus     = 3
	ctaMark       = 8
	ctaID         = 12
	ctaZone       = 18

	ctaTupleIP    = 1
	ctaTupleProto = 2

	ctaIPSource      = 1
	ctaIPDestination = 2

	ctaProtoSourcePort      = 2
	ctaProtoDestinationPort = 3
)

var errEntry = errors.New("a conntrack entry that makes no sense")

// decodeEntry reads a message of ctnetlink, the part after the netlink header.
func decodeEntry(b []byte) (e entry, err error) {
	if len(b) < 4 {
		return e, errEntry
	}
	ok := eachAttribute(b[4:], func(kind uint16, raw, value []byte) bool {
		switch kind {
		case ctaTupleOrig:
			e.naming[0] = raw
			return e.orig.decode(value)
		case ctaTupleReply:
			return e.reply.decode(value)
		case ctaStatus:
			if len(value) != 4 {
				return false
			}
			e.status = binary.BigEndian.Uint32(value)
		case ctaMark:
			if len(value) != 4 {
				return false
			}
			e.mark = binary.BigEndian.Uint32(value)
		case ctaZone:
			e.naming[1] = raw
		case ctaID:
			e.naming[2] = raw
		}
		return true
	})
	if !ok || !e.orig.source.IsValid() || !e.reply.source.IsValid() {
		return e, errEntry
	}
	return e, nil
}

func (t *tuple) decode(b []byte) bool {
	return eachAttribute(b, func(kind uint16, _, value []byte) bool {
		switch kind {
		case ctaTupleIP:
			return eachAttribute(value, func(kind uint16, _, value []byte) bool {
				if len(value) != 4 || kind != ctaIPSource && kind != ctaIPDestination {
					return false
				}
				if a := netip.AddrFrom4([4]byte(value)); kind == ctaIPSource {
					t.source = a
				} else {
					t.destination = a
				}
				return true
			})
		case ctaTupleProto:
			return eachAttribute(value, func(kind uint16, _, value []byte) bool {
				if kind != ctaProtoSourcePort && kind != ctaProtoDestinationPort {
					return true
				}
				if len(value) != 2 {
					return false
				}
				if port := binary.BigEndian.Uint16(value); kind == ctaProtoSourcePort {
					t.sourcePort = port
				} else {
					t.destinationPort = port
				}
				return true
			})
		}
		return true
	})
}

// attributeFlags are bits of an attribute's type: nested, in network order.
const attributeFlags = 0xc000

// eachAttribute takes netlink attributes apart until take is false, and tells whether all
// of them made sense. raw is the attribute with its header and padding.
func eachAttribute(b []byte, take func(kind uint16, raw, value []byte) bool) bool {
	const header = 4
	for len(b) > 0 {
		if len(b) < header {
			return false
		}
		size := int(binary.NativeEndian.Uint16(b))
		if size < header || size > len(b) {
			return false
		}
		padded := min((size+3)&^3, len(b))
		if !take(binary.NativeEndian.Uint16(b[2:])&^attributeFlags, b[:padded], b[header:size]) {
			return false
		}
		b = b[padded:]
	}
	return true
}
