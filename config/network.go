package config

import (
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

var interfaceTypes = []choice[ospf.InterfaceType]{
	{"broadcast", ospf.TypeBroadcast},
	{"non-broadcast", ospf.TypeNonBroadcast},
	{"point-to-multipoint", ospf.TypePointToMultipoint},
	{"point-to-point", ospf.TypePointToPoint},
	{"hybrid", ospf.TypeHybrid},
}

// networkType reads what kind of network an interface entry is about, and which
// neighbours are known beforehand.
func (r *report) networkType(raw *rawInterface, i *ospf.InterfaceConfig) {
	i.Type = enum(r, raw.Type, ospf.TypeAuto, interfaceTypes)
	i.Unicast = !r.boolean(raw.Multicast, true)
	if raw.Multicast != nil && i.Type != ospf.TypePointToMultipoint {
		r.errorf(raw.Multicast, "\"multicast\" is of interface-type point-to-multipoint: the others have multicast, and non-broadcast has none")
	}
	if len(raw.Static) > 0 && i.Type != ospf.TypeNonBroadcast && i.Type != ospf.TypePointToMultipoint && i.Type != ospf.TypeHybrid {
		r.errorf(raw.Static[0].Node, "\"static-neighbors\" is of interface-type non-broadcast, point-to-multipoint and hybrid")
		return
	}
	if len(raw.Static) > maxStatic {
		r.errorf(raw.Static[maxStatic].Node, "more than %d static-neighbors: let the others speak first, they are neighbours all the same", maxStatic)
		return
	}
	for _, rawStatic := range raw.Static {
		if n, ok := r.staticNeighbor(&rawStatic, i); ok {
			i.Static = append(i.Static, n)
		}
	}
	if i.Type == ospf.TypeNonBroadcast && i.Priority > 0 && !i.Passive && len(raw.Static) == 0 {
		r.warnf(raw.Node, "interface-type non-broadcast without static-neighbors: who speaks first has to be somebody else (RFC 2328 C.5)")
	}
}

// maxStatic bounds the neighbours that an interface lists.
const maxStatic = 1000

// defaultPoll is how often silent neighbours of an NBMA network are sent a Hello. On
// point-to-multipoint networks it is the hello-interval (RFC 2328 9.5).
const defaultPoll = time.Minute

func (r *report) staticNeighbor(raw *rawStaticNeighbor, i *ospf.InterfaceConfig) (ospf.StaticNeighbor, bool) {
	poll := i.HelloInterval
	if i.Type == ospf.TypeNonBroadcast {
		poll = defaultPoll
	}
	n := ospf.StaticNeighbor{
		Cost:         uint16(r.number(raw.Cost, 0, 1, 65535)),
		PollInterval: r.duration(raw.Poll, poll, time.Second, 65535*time.Second, time.Second),
		Priority:     uint8(r.number(raw.Priority, 1, 0, 255)),
	}
	switch {
	case raw.Cost != nil && i.Type == ospf.TypeNonBroadcast:
		r.errorf(raw.Cost, "\"cost\" of a neighbour is of point-to-multipoint and hybrid: a non-broadcast network has one cost, that of the interface")
	case raw.Priority != nil && i.Type != ospf.TypeNonBroadcast:
		r.errorf(raw.Priority, "\"priority\" of a neighbour is of interface-type non-broadcast")
	case raw.Poll != nil && !i.Unicast && i.Type != ospf.TypeNonBroadcast:
		r.errorf(raw.Poll, "\"poll-interval\" is of networks without multicast: interface-type non-broadcast, or point-to-multipoint with multicast: false")
	}
	if raw.Address == nil {
		r.errorf(raw.Node, "\"address\" is missing: the neighbour's address on this network")
		return n, false
	}
	var ok bool
	if n.Address, ok = r.address(raw.Address); !ok {
		return n, false
	}
	if slices.ContainsFunc(i.Static, func(o ospf.StaticNeighbor) bool { return o.Address == n.Address }) {
		r.errorf(raw.Address, "\"address\" %s stands twice in this list", n.Address)
	}
	if len(i.Allowed) > 0 && !slices.ContainsFunc(i.Allowed, func(p netip.Prefix) bool { return p.Contains(n.Address) }) {
		r.errorf(raw.Address, "\"address\" %s is not one of allowed-neighbors", n.Address)
	}
	return n, true
}

// autoCost reads the reference bandwidth in Mbit/s, 0 when costs do not depend on the links.
func (r *report) autoCost(raw *rawAutoCost) uint32 {
	reference := r.number(raw.Reference, 100_000, 1, 4294967)
	if !r.boolean(raw.Enabled, false) {
		if raw.Reference != nil && raw.Enabled == nil {
			r.warnf(raw.Reference, "\"reference-bandwidth\" has no effect without enabled: true")
		}
		return 0
	}
	return reference
}
