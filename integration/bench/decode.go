package main

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// What rtnetlink(7) and linux/nexthop.h say, in the byte order of the machine.
const (
	messageHeader  = unix.SizeofNlMsghdr
	linkHeader     = unix.SizeofIfInfomsg
	nexthopHeader  = 8 // struct nhmsg
	groupEntry     = 8 // struct nexthop_grp
	multipathEntry = unix.SizeofRtNexthop
	nhaID          = 1
	nhaGroup       = 2
	nhaOIF         = 5
	rtaNHID        = 30
	attributeType  = 1<<14 - 1 // NLA_TYPE_MASK
)

var native = binary.NativeEndian

// take reads the notifications of one datagram.
func (m *monitor) take(b []byte, now time.Time) {
	for len(b) >= messageHeader {
		length := int(native.Uint32(b))
		if length < messageHeader || length > len(b) {
			return
		}
		m.message(native.Uint16(b[4:]), b[messageHeader:length], now)
		b = b[min(len(b), align(length)):]
	}
}

func (m *monitor) message(kind uint16, b []byte, now time.Time) {
	switch kind {
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		m.takeRoute(kind == unix.RTM_NEWROUTE, b, now)
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		m.takeNexthop(kind == unix.RTM_NEWNEXTHOP, b, now)
	case unix.RTM_NEWLINK:
		if len(b) >= linkHeader {
			index, up := int(int32(native.Uint32(b[4:]))), native.Uint32(b[8:])&unix.IFF_LOWER_UP != 0
			if was, ok := m.links[index]; !ok || was.up != up {
				m.links[index] = linkEvent{up, now}
			}
		}
	}
}

func (m *monitor) takeRoute(present bool, b []byte, now time.Time) {
	if len(b) < unix.SizeofRtMsg || b[0] != unix.AF_INET || b[4] != unix.RT_TABLE_MAIN || b[7] != unix.RTN_UNICAST {
		return
	}
	bits := int(b[1])
	address := netip.IPv4Unspecified()
	r := &route{}
	attributes(b[unix.SizeofRtMsg:], func(kind uint16, v []byte) {
		switch {
		case kind == unix.RTA_DST && len(v) == 4:
			address = netip.AddrFrom4([4]byte(v))
		case kind == unix.RTA_OIF && len(v) == 4:
			r.oifs = append(r.oifs, int(native.Uint32(v)))
		case kind == rtaNHID && len(v) == 4:
			r.nexthop = native.Uint32(v)
		case kind == unix.RTA_MULTIPATH:
			for len(v) >= multipathEntry {
				length := int(native.Uint16(v))
				if length < multipathEntry || length > len(v) {
					return
				}
				r.oifs = append(r.oifs, int(int32(native.Uint32(v[4:]))))
				v = v[min(len(v), align(length)):]
			}
		}
	})
	if !present {
		r = nil
	}
	m.add(netip.PrefixFrom(address, bits), r, now)
}

func (m *monitor) takeNexthop(present bool, b []byte, now time.Time) {
	if len(b) < nexthopHeader {
		return
	}
	nh, id := &nexthop{}, uint32(0)
	attributes(b[nexthopHeader:], func(kind uint16, v []byte) {
		switch {
		case kind == nhaID && len(v) == 4:
			id = native.Uint32(v)
		case kind == nhaOIF && len(v) == 4:
			nh.oif = int(native.Uint32(v))
		case kind == nhaGroup:
			for ; len(v) >= groupEntry; v = v[groupEntry:] {
				nh.group = append(nh.group, native.Uint32(v))
			}
		}
	})
	if !present {
		nh = nil
	}
	m.addNexthop(id, nh, now)
}

func attributes(b []byte, each func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		length := int(native.Uint16(b))
		if length < unix.SizeofRtAttr || length > len(b) {
			return
		}
		each(native.Uint16(b[2:])&attributeType, b[unix.SizeofRtAttr:length])
		b = b[min(len(b), align(length)):]
	}
}

// align rounds up to NLMSG_ALIGNTO and RTA_ALIGNTO, which are both 4.
func align(n int) int { return (n + 3) &^ 3 }
