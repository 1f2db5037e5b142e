package fib

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Flow is what the kernel's choice of a route and of a member depends on.
type Flow struct {
	Source      netip.Addr // invalid: the kernel chooses one of its own
	Destination netip.Addr
	// Protocol is TCP, UDP, ICMP or 0 for none of them: the kernel takes no other
	// in a question, and ports of TCP and UDP only.
	Protocol                    uint8
	SourcePort, DestinationPort uint16
	// In is the index of the link that the packet comes in through; 0: it is the
	// machine's own.
	In   int
	Mark uint32
}

// Decision is what the kernel does with a flow.
type Decision struct {
	Type    uint8  // RTN_UNICAST 1, RTN_LOCAL 2, RTN_BROADCAST 3 …
	Table   uint32 // routing table that has the route
	Gateway netip.Addr
	Ifindex int // out; 0 when it does not leave
	// Of the route in that table:
	Prefix   netip.Prefix
	Protocol uint8 // routing-protocol number
	Metric   uint32
	Group    uint32 // nexthop object or group that it points at; 0: none
	Hops     int    // of a route that brings several hops along instead of a group
}

// Errors of [Resolver.Resolve] that say what the kernel would do, as well.
var (
	// ErrNoRoute says that no route leads to the destination, or one that refuses.
	ErrNoRoute = errors.New("no route")
	// ErrSource says that the packet would be dropped for its source: rp_filter,
	// or an address that no packet may come in with.
	ErrSource = errors.New("the source address is refused")
)

// Resolver asks the kernel how it would route packets. It needs no privilege and
// writes nothing. Its methods are for one goroutine.
type Resolver struct{ conn *conn }

// OpenResolver opens a socket in the calling thread's network namespace.
func OpenResolver() (*Resolver, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return &Resolver{c}, nil
}

// Close closes the socket.
func (r *Resolver) Close() { r.conn.close() }

// Resolve asks for one flow. The answer about the member holds for hash policies
// 0, 2 and 3 only: under policy 1 a packet may carry a hash of its own.
func (r *Resolver) Resolve(f Flow) (Decision, error) {
	body := appendFlow(nil, f, unix.RTM_F_LOOKUP_TABLE)
	k, err := r.ask(body)
	if err != nil {
		return Decision{}, r.refusal(f, err)
	}
	d := Decision{Type: k.typ, Table: k.table, Gateway: k.gateway, Ifindex: k.ifindex}
	k, err = r.ask(appendFlow(body[:0], f, unix.RTM_F_LOOKUP_TABLE|unix.RTM_F_FIB_MATCH))
	if err != nil {
		return d, r.refusal(f, err)
	}
	d.Prefix, d.Protocol, d.Metric, d.Group, d.Hops = k.prefix, k.protocol, k.metric, k.nhid, k.hops
	return d, nil
}

// Member asks only where a flow leaves, which costs half of Resolve.
func (r *Resolver) Member(f Flow) (gateway netip.Addr, ifindex int, err error) {
	k, err := r.ask(appendFlow(nil, f, 0))
	if err != nil {
		return netip.Addr{}, 0, r.refusal(f, err)
	}
	return k.gateway, k.ifindex, nil
}

// refusal says what an error means. The kernel has one number for a blackhole
// and, by version, for a source that it refuses; the same question without the
// source tells them apart.
func (r *Resolver) refusal(f Flow, err error) error {
	source := isAny(err, unix.EXDEV)
	if f.In != 0 && isAny(err, unix.EINVAL) {
		own := f
		own.Source, own.In = netip.Addr{}, 0
		_, why := r.ask(appendFlow(nil, own, 0))
		source = why == nil
	}
	switch {
	case source:
		return fmt.Errorf("%s to %s: %w (%w)", f.Source, f.Destination, ErrSource, err)
	case isAny(err, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.ESRCH):
		return fmt.Errorf("%s to %s: %w (%w)", f.Source, f.Destination, ErrNoRoute, err)
	}
	return fmt.Errorf("ask the kernel for the route of %s to %s: %w", f.Source, f.Destination, err)
}

// appendFlow appends struct rtmsg and the attributes of a question.
func appendFlow(b []byte, f Flow, flags uint32) []byte {
	sourceLength := byte(0)
	if f.Source.IsValid() {
		sourceLength = 32
	}
	b = append(b, unix.AF_INET, 32, sourceLength, 0, 0, 0, 0, 0)
	b = native.AppendUint32(b, flags)
	b = appendAttr(b, unix.RTA_DST, f.Destination.AsSlice())
	if f.Source.IsValid() {
		b = appendAttr(b, unix.RTA_SRC, f.Source.AsSlice())
	}
	if f.In != 0 {
		b = appendAttr32(b, unix.RTA_IIF, uint32(f.In))
	}
	if f.Mark != 0 {
		b = appendAttr32(b, unix.RTA_MARK, f.Mark)
	}
	if f.Protocol != 0 {
		b = appendAttr(b, unix.RTA_IP_PROTO, []byte{f.Protocol})
	}
	if f.Protocol == unix.IPPROTO_TCP || f.Protocol == unix.IPPROTO_UDP {
		b = appendAttr(b, unix.RTA_SPORT, binary.BigEndian.AppendUint16(nil, f.SourcePort))
		b = appendAttr(b, unix.RTA_DPORT, binary.BigEndian.AppendUint16(nil, f.DestinationPort))
	}
	return b
}

// ask sends one question and reads its answer.
func (r *Resolver) ask(body []byte) (k kernelRoute, err error) {
	err = r.conn.request(unix.RTM_GETROUTE, body, func(m message) (err error) {
		k, err = parseRoute(m.body)
		return err
	})
	return k, err
}

// Unresolved lists the neighbours, by link, whose link-layer address the kernel
// has asked for in vain or is asking for.
func (r *Resolver) Unresolved() (out map[int][]netip.Addr, err error) {
	body := make([]byte, 12) // struct ndmsg
	body[0] = unix.AF_INET
	err = r.conn.dump(unix.RTM_GETNEIGH, body, func() { out = map[int][]netip.Addr{} }, func(m message) error {
		if len(m.body) < len(body) {
			return errShort
		}
		const waiting = unix.NUD_INCOMPLETE | unix.NUD_FAILED
		if native.Uint16(m.body[8:])&waiting == 0 {
			return nil
		}
		index := int(native.Uint32(m.body[4:]))
		return eachAttr(m.body[len(body):], func(typ uint16, v []byte) {
			if typ == unix.NDA_DST && len(v) == 4 {
				out[index] = append(out[index], netip.AddrFrom4([4]byte(v)))
			}
		})
	})
	if err != nil {
		err = fmt.Errorf("list neighbours: %w", err)
	}
	return out, err
}
