package fib

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/ipv4"
)

const (
	scopeUniverse = unix.RT_SCOPE_UNIVERSE
	scopeLink     = unix.RT_SCOPE_LINK
	scopeNowhere  = unix.RT_SCOPE_NOWHERE

	rtaNHID = 30 // RTA_NH_ID
)

var errShort = errors.New("truncated netlink message")

// message is one netlink message; body is valid until the next receive.
type message struct {
	typ, flags uint16
	seq, pid   uint32
	body       []byte
}

// eachMessage cuts a datagram into messages and stops at the first error.
func eachMessage(b []byte, f func(message) error) error {
	for len(b) >= headerSize {
		n := int(native.Uint32(b))
		if n < headerSize || n > len(b) {
			return errShort
		}
		m := message{
			typ: native.Uint16(b[4:]), flags: native.Uint16(b[6:]),
			seq: native.Uint32(b[8:]), pid: native.Uint32(b[12:]),
			body: b[headerSize:n],
		}
		if err := f(m); err != nil {
			return err
		}
		b = b[min(align(n), len(b)):]
	}
	return nil
}

func align(n int) int { return (n + 3) &^ 3 }

// ack reads NLMSG_ERROR or NLMSG_DONE: nil for success, else the errno with the
// kernel's own words when it gave any.
func (m message) ack() error {
	if len(m.body) < 4 {
		return nil
	}
	code := int32(native.Uint32(m.body))
	if code == 0 {
		return nil
	}
	err := error(unix.Errno(-code))
	if m.typ != unix.NLMSG_ERROR || m.flags&unix.NLM_F_ACK_TLVS == 0 || len(m.body) < 4+headerSize {
		return err
	}
	skip := 4 + headerSize
	if m.flags&unix.NLM_F_CAPPED == 0 {
		skip = 4 + align(int(native.Uint32(m.body[4:])))
	}
	if skip > len(m.body) {
		return err
	}
	text := ""
	if eachAttr(m.body[skip:], func(typ uint16, v []byte) {
		if typ == unix.NLMSGERR_ATTR_MSG {
			text = unix.ByteSliceToString(v)
		}
	}) != nil || text == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, text)
}

// eachAttr walks attributes; the flag bits of a type are cut off.
func eachAttr(b []byte, f func(typ uint16, v []byte)) error {
	for len(b) >= unix.SizeofRtAttr {
		n := int(native.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return errShort
		}
		f(native.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofRtAttr:n])
		b = b[min(align(n), len(b)):]
	}
	return nil
}

func appendAttr(b []byte, typ uint16, v []byte) []byte {
	b = native.AppendUint16(b, uint16(unix.SizeofRtAttr+len(v)))
	b = native.AppendUint16(b, typ)
	b = append(b, v...)
	return append(b, make([]byte, align(len(v))-len(v))...)
}

func appendAttr32(b []byte, typ uint16, v uint32) []byte {
	b = native.AppendUint16(b, unix.SizeofRtAttr+4)
	b = native.AppendUint16(b, typ)
	return native.AppendUint32(b, v)
}

// appendHop appends struct nhmsg and the attributes of a single nexthop object.
func appendHop(b []byte, protocol uint8, id uint32, k hopKey) []byte {
	var flags uint32
	if k.onlink {
		flags = unix.RTNH_F_ONLINK
	}
	b = append(b, unix.AF_INET, 0, protocol, 0)
	b = native.AppendUint32(b, flags)
	b = appendAttr32(b, unix.NHA_ID, id)
	b = appendAttr32(b, unix.NHA_OIF, uint32(k.ifindex))
	if k.gateway.IsValid() {
		b = appendAttr(b, unix.NHA_GATEWAY, k.gateway.AsSlice())
	}
	return b
}

// appendGroup appends struct nhmsg and the attributes of a nexthop group. The
// group attribute excludes all that single objects have; the weight is stored
// minus one.
func appendGroup(b []byte, c Config, id uint32, members []member) []byte {
	protocol := c.Protocol
	b = append(b, unix.AF_UNSPEC, 0, protocol, 0)
	b = native.AppendUint32(b, 0)
	b = appendAttr32(b, unix.NHA_ID, id)
	v := make([]byte, 0, 8*len(members))
	for _, m := range members {
		v = native.AppendUint32(v, m.id)
		v = append(v, m.weight-1, 0, 0, 0)
	}
	b = appendAttr(b, unix.NHA_GROUP, v)
	if c.Resilient.Buckets == 0 {
		return b
	}
	b = appendAttr(b, unix.NHA_GROUP_TYPE, native.AppendUint16(nil, groupResilient))
	inner := appendAttr(nil, nhaResBuckets, native.AppendUint16(nil, c.Resilient.Buckets))
	inner = appendAttr32(inner, nhaResIdle, c.Resilient.ticks())
	return appendAttr(b, nhaResGroup|unix.NLA_F_NESTED, inner)
}

// Resilient groups (linux/nexthop.h).
const (
	groupResilient = 1 // NEXTHOP_GRP_TYPE_RES
	nhaResGroup    = 12
	nhaResBuckets  = 1
	nhaResIdle     = 2
)

// ticks is Idle in the kernel's unit.
func (r Resilient) ticks() uint32 { return uint32(r.Idle / (10 * time.Millisecond)) }

// resilience reads what a resilient group is like.
func (n *nexthopObject) resilience(v []byte) error {
	return eachAttr(v, func(typ uint16, v []byte) {
		switch {
		case typ == nhaResBuckets && len(v) == 2:
			n.resilient.Buckets = native.Uint16(v)
		case typ == nhaResIdle && len(v) == 4:
			n.resilient.Idle = time.Duration(native.Uint32(v)) * 10 * time.Millisecond
		}
	})
}

// appendHopID appends struct nhmsg with nothing but an id, for deletion.
func appendHopID(b []byte, id uint32) []byte {
	b = append(b, make([]byte, unix.SizeofNhmsg)...)
	return appendAttr32(b, unix.NHA_ID, id)
}

// nexthopObject is a decoded RTM_NEWNEXTHOP; members is nil for a single one.
type nexthopObject struct {
	id       uint32
	protocol uint8
	hop      hopKey
	members  []member

	resilient Resilient // of a group; zero when it is plain
}

func parseNexthop(body []byte) (nexthopObject, error) {
	if len(body) < unix.SizeofNhmsg {
		return nexthopObject{}, errShort
	}
	n := nexthopObject{protocol: body[2]}
	n.hop.onlink = native.Uint32(body[4:])&unix.RTNH_F_ONLINK != 0
	var inner error
	err := eachAttr(body[unix.SizeofNhmsg:], func(typ uint16, v []byte) {
		switch {
		case typ == unix.NHA_ID && len(v) == 4:
			n.id = native.Uint32(v)
		case typ == unix.NHA_OIF && len(v) == 4:
			n.hop.ifindex = int(native.Uint32(v))
		case typ == unix.NHA_GATEWAY:
			n.hop.gateway, _ = netip.AddrFromSlice(v)
		case typ == nhaResGroup:
			inner = n.resilience(v)
		case typ == unix.NHA_GROUP:
			for ; len(v) >= unix.SizeofNexthopGrp; v = v[unix.SizeofNexthopGrp:] {
				n.members = append(n.members, member{id: native.Uint32(v), weight: v[4] + 1})
			}
		}
	})
	return n, errors.Join(err, inner)
}

// kernelRoute is a decoded IPv4 RTM_NEWROUTE or RTM_DELROUTE.
type kernelRoute struct {
	prefix   netip.Prefix
	table    uint32
	metric   uint32
	protocol uint8
	scope    uint8
	typ      uint8
	tos      uint8
	cloned   bool
	nhid     uint32
	source   netip.Addr // preferred source
	gateway  netip.Addr // of the first hop that is alive, else of the first
	ifindex  int
	hops     int  // that it brings along, when there are several
	down     bool // no hop is alive: each is dead or its link has lost its carrier
}

// hopDown are the flags of a hop that leads nowhere. The kernel keeps a route
// whose link has lost its carrier.
const hopDown = unix.RTNH_F_DEAD | unix.RTNH_F_LINKDOWN

func parseRoute(body []byte) (kernelRoute, error) {
	if len(body) < unix.SizeofRtMsg {
		return kernelRoute{}, errShort
	}
	r := kernelRoute{
		tos: body[3], table: uint32(body[4]), protocol: body[5], scope: body[6], typ: body[7],
		cloned: native.Uint32(body[8:])&unix.RTM_F_CLONED != 0,
		down:   native.Uint32(body[8:])&hopDown != 0,
	}
	dst := netip.IPv4Unspecified()
	err := eachAttr(body[unix.SizeofRtMsg:], func(typ uint16, v []byte) {
		switch {
		case typ == unix.RTA_DST && len(v) == 4:
			dst = netip.AddrFrom4([4]byte(v))
		case typ == unix.RTA_TABLE && len(v) == 4:
			r.table = native.Uint32(v)
		case typ == unix.RTA_PRIORITY && len(v) == 4:
			r.metric = native.Uint32(v)
		case typ == rtaNHID && len(v) == 4:
			r.nhid = native.Uint32(v)
		case typ == unix.RTA_PREFSRC && len(v) == 4:
			r.source = netip.AddrFrom4([4]byte(v))
		case typ == unix.RTA_OIF && len(v) == 4:
			r.ifindex = int(native.Uint32(v))
		case typ == unix.RTA_GATEWAY && len(v) == 4:
			r.gateway = netip.AddrFrom4([4]byte(v))
		case typ == unix.RTA_MULTIPATH && len(v) >= unix.SizeofRtNexthop:
			r.takeHops(v)
		}
	})
	if err != nil {
		return kernelRoute{}, err
	}
	r.prefix = netip.PrefixFrom(dst, int(body[1]))
	if body[0] != unix.AF_INET || !r.prefix.IsValid() {
		return kernelRoute{}, fmt.Errorf("not an IPv4 route: family %d, length %d", body[0], body[1])
	}
	return r, nil
}

// takeHops reads struct rtnexthop, one a hop, and keeps the first that is alive.
func (r *kernelRoute) takeHops(v []byte) {
	alive := false
	for first := true; len(v) >= unix.SizeofRtNexthop; first = false {
		n := int(native.Uint16(v))
		if n < unix.SizeofRtNexthop || n > len(v) {
			return
		}
		r.hops++
		if down := v[2]&hopDown != 0; first || !down && !alive {
			r.ifindex, r.gateway, r.down = int(native.Uint32(v[4:])), netip.Addr{}, down
			_ = eachAttr(v[unix.SizeofRtNexthop:n], func(typ uint16, v []byte) {
				if typ == unix.RTA_GATEWAY && len(v) == 4 {
					r.gateway = netip.AddrFrom4([4]byte(v))
				}
			})
			alive = !down
		}
		v = v[min(align(n), len(v)):]
	}
}

// target is the route's target if it has a form that this package writes.
func (r kernelRoute) target() target {
	switch {
	case r.typ == unix.RTN_BLACKHOLE && r.nhid == 0:
		return target{discard: true}
	case r.typ == unix.RTN_UNICAST && r.nhid != 0 && (r.scope == scopeUniverse || r.scope == scopeLink):
		t := target{id: r.nhid, link: r.scope == scopeLink}
		if r.source.Is4() {
			t.source = r.source.As4()
		}
		return t
	}
	return target{other: true}
}

// ownRoute is a route of ours under its key in the kernel.
type ownRoute struct {
	stray
	target target
}

func (r *kernelRoute) own() ownRoute {
	p, _ := ipv4.PrefixOf(r.prefix)
	return ownRoute{stray{prefix: p, table: r.table, metric: r.metric, tos: r.tos}, r.target()}
}

// appendRoute appends struct rtmsg and attributes of a route to t.
func appendRoute(b []byte, c Config, p ipv4.Prefix, t target) []byte {
	typ, scope := byte(unix.RTN_UNICAST), byte(scopeUniverse)
	if t.discard {
		typ = unix.RTN_BLACKHOLE
	}
	if t.link {
		scope = scopeLink
	}
	b = appendRouteKey(b, c.Protocol, scope, typ, stray{prefix: p, table: c.Table, metric: c.Metric})
	if t.id != 0 {
		b = appendAttr32(b, rtaNHID, t.id)
	}
	if t.source != [4]byte{} {
		b = appendAttr(b, unix.RTA_PREFSRC, t.source[:])
	}
	return b
}

// appendRouteKey appends what a route is found by. With scope nowhere and type 0
// a deletion fits any route of the protocol under that key.
func appendRouteKey(b []byte, protocol, scope, typ uint8, s stray) []byte {
	b = append(b, unix.AF_INET, byte(s.prefix.Bits()), 0, s.tos, byte(min(s.table, 255)), protocol, scope, typ, 0, 0, 0, 0)
	if s.table > 255 {
		b[len(b)-8] = unix.RT_TABLE_COMPAT
		b = appendAttr32(b, unix.RTA_TABLE, s.table)
	}
	dst := s.prefix.As4()
	b = appendAttr(b, unix.RTA_DST, dst[:])
	return appendAttr32(b, unix.RTA_PRIORITY, s.metric)
}
