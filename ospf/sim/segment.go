package sim

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// LinkOptions describe a link or a LAN.
type LinkOptions struct {
	Delay  time.Duration // one way
	Jitter time.Duration // up to this much on top; the order is kept
	// Probabilities for each packet and receiver: to vanish, to arrive twice,
	// to be held back by up to 50 ms more, so that later ones overtake it.
	Loss, Duplicate, Reorder float64

	MTU          int    // 0: 1500
	CostA, CostB uint16 // of the two ends of a link; 0: 10
	Unnumbered   bool   // link: both ends borrow the address of their loopback
	Area         packet.ID
	Network      ospf.InterfaceType   // of a LAN: broadcast when zero
	Interface    ospf.InterfaceConfig // timers and so on; hello 1 s, dead 4 s when zero
}

// Member is one router on a LAN.
type Member struct {
	Router    *Router
	Interface string
	Cost      uint16 // 0: 10
	Priority  uint8
	Spoke     bool // hears no other spoke
}

// Segment is a point-to-point link, or a network of more routers: a LAN of any type.
type Segment struct {
	net     *Net
	kind    ospf.InterfaceType
	prefix  netip.Prefix // invalid on unnumbered links
	options LinkOptions
	ports   []*port
	latest  map[[2]*port]time.Time // arrival of the latest packet that was not held back
	cut     bool
}

// port is a router's end of a segment, or its loopback interface.
type port struct {
	router   *Router
	segment  *Segment // nil: loopback
	name     string
	index    int
	addr     netip.Prefix
	mtu      int
	up, gone bool
	loopback bool
	cost     uint16
	priority uint8
	area     packet.ID
	part     int // of a partitioned LAN
	spoke    bool
}

func (p *port) pointToPoint() bool { return p.segment != nil && !p.segment.lan() }

func (s *Segment) lan() bool { return s.kind != ospf.TypePointToPoint }

// elects tells whether there is a designated router.
func (s *Segment) elects() bool { return s.lan() && s.kind != ospf.TypePointToMultipoint }

// mesh tells whether the network is described as links between its routers, which have costs of their own.
func (s *Segment) mesh() bool {
	return s.kind == ospf.TypePointToMultipoint || s.kind == ospf.TypeHybrid
}

// costTo is the cost of the way from a port to another on the same mesh.
func (p *port) costTo(other *port) uint16 {
	return p.cost + uint16(slices.Index(p.segment.ports, other)%3)
}

// Link joins two routers by a point-to-point link. Numbered ones get a /30.
func (n *Net) Link(a *Router, ifA string, b *Router, ifB string, o LinkOptions) *Segment {
	s := n.segment(ospf.TypePointToPoint, o)
	if !o.Unnumbered {
		s.prefix = network(len(n.segments), 30)
	}
	o.Interface.Type = ospf.TypePointToPoint
	s.join(a, ifA, o.CostA, o.Interface)
	s.join(b, ifB, o.CostB, o.Interface)
	return s
}

// LAN joins routers by a network of more than two, a /24. Where packets are not multicast each router lists all others, and
// who can not be DR of an NBMA network nobody; on a mesh each neighbour has a cost of its own.
func (n *Net) LAN(o LinkOptions, members ...Member) *Segment {
	s := n.segment(max(o.Network, ospf.TypeBroadcast), o)
	s.prefix = network(1<<15+len(n.segments), 24)
	o.Interface.Type = s.kind
	for i, m := range members { // the ports first: neighbours are listed by their addresses
		p := s.port(m.Router, m.Interface, m.Cost)
		p.priority, p.spoke = members[i].Priority, m.Spoke
	}
	for _, p := range s.ports {
		c := o.Interface
		c.Priority, c.Static = p.priority, s.known(p)
		p.router.attach(p, s.options.Area, c)
	}
	return s
}

// known lists the neighbours that a router is configured with (RFC 2328 C.5, C.6).
func (s *Segment) known(p *port) (all []ospf.StaticNeighbor) {
	if !s.mesh() && (s.kind != ospf.TypeNonBroadcast || p.priority == 0) {
		return nil
	}
	for _, other := range s.ports {
		if other == p {
			continue
		}
		known := ospf.StaticNeighbor{Address: other.addr.Addr(), PollInterval: 2 * time.Second, Priority: other.priority}
		if s.mesh() {
			known.Cost = p.costTo(other)
		}
		all = append(all, known)
	}
	return all
}

func (n *Net) segment(kind ospf.InterfaceType, o LinkOptions) *Segment {
	if o.MTU == 0 {
		o.MTU = 1500
	}
	s := &Segment{net: n, kind: kind, options: o, latest: map[[2]*port]time.Time{}}
	n.segments = append(n.segments, s)
	return s
}

// join gives a router a port on the segment.
func (s *Segment) join(r *Router, name string, cost uint16, c ospf.InterfaceConfig) {
	p := s.port(r, name, cost)
	p.priority = c.Priority
	r.attach(p, s.options.Area, c)
}

// port makes a port with the next address.
func (s *Segment) port(r *Router, name string, cost uint16) *port {
	if cost == 0 {
		cost = 10
	}
	p := &port{router: r, segment: s, name: name, mtu: s.options.MTU, up: true, cost: cost}
	p.addr = netip.PrefixFrom(r.ID.Addr(), 32)
	if s.prefix.IsValid() {
		a := s.prefix.Addr()
		for range len(s.ports) + 1 {
			a = a.Next()
		}
		p.addr = netip.PrefixFrom(a, s.prefix.Bits())
	}
	s.ports = append(s.ports, p)
	return p
}

// Cut loses every packet from now on; the links stay up.
func (s *Segment) Cut() { s.cut = true }

// Mend ends a cut and all partitions.
func (s *Segment) Mend() {
	s.cut = false
	for _, p := range s.ports {
		p.part = 0
	}
}

// Partition splits a LAN: the named routers hear only each other, and so do the rest.
func (s *Segment) Partition(apart ...*Router) {
	for _, p := range s.ports {
		p.part = 0
		if slices.Contains(apart, p.router) {
			p.part = 1
		}
	}
}

// SetUp takes the carrier away at all ends, or gives it back.
func (s *Segment) SetUp(up bool) {
	for _, p := range s.ports {
		p.up = up
	}
	for _, p := range s.ports {
		p.router.linksChanged()
	}
}

// SetPortUp does so at one router's end; the others keep their carrier.
func (s *Segment) SetPortUp(r *Router, up bool) {
	p := s.portOf(r)
	p.up = up
	r.linksChanged()
}

// Remove deletes one router's end: the link is no longer there at all.
func (s *Segment) Remove(r *Router) {
	p := s.portOf(r)
	p.gone, p.up = true, false
	r.linksChanged()
}

// Recreate brings it back under the same name with another ifindex.
func (s *Segment) Recreate(r *Router) {
	p := s.portOf(r)
	r.lastIndex++
	p.gone, p.up, p.index = false, true, r.lastIndex
	r.linksChanged()
}

// SetCost changes the cost of one router's end.
func (s *Segment) SetCost(r *Router, cost uint16) {
	s.Reconfigure(r, func(c *ospf.InterfaceConfig) { c.Cost = cost })
}

// Reconfigure changes how one router's end is configured. Where another can be DR of an NBMA network than before, the
// lists of neighbours follow.
func (s *Segment) Reconfigure(r *Router, edit func(*ospf.InterfaceConfig)) {
	p := s.portOf(r)
	could := p.priority
	s.edit(p, edit)
	if s.kind != ospf.TypeNonBroadcast || p.priority == could {
		return
	}
	for _, member := range s.ports {
		s.edit(member, func(c *ospf.InterfaceConfig) { c.Static = s.known(member) })
	}
}

func (s *Segment) edit(p *port, edit func(*ospf.InterfaceConfig)) {
	r := p.router
	c := r.config
	c.Areas = slices.Clone(c.Areas)
	for i := range c.Areas {
		a := &c.Areas[i]
		a.Interfaces = slices.Clone(a.Interfaces)
		for j := range a.Interfaces {
			if m := a.Interfaces[j].Match; len(m) == 1 && m[0].Glob == p.name {
				edit(&a.Interfaces[j])
				p.cost, p.priority = a.Interfaces[j].Cost, a.Interfaces[j].Priority
			}
		}
	}
	r.Configure(c)
}

func (s *Segment) portOf(r *Router) *port {
	for _, p := range s.ports {
		if p.router == r {
			return p
		}
	}
	panic(fmt.Sprintf("sim: %s is not on this segment", r.Name))
}

// connected tells whether packets get from one port to another.
func (s *Segment) connected(a, b *port) bool {
	return !s.cut && a.up && b.up && a.part == b.part && !(a.spoke && b.spoke)
}

// carry takes a packet to the ports that it is for, those of an address or a group, with the link's troubles.
func (s *Segment) carry(from *port, t ospf.Transmit, via netip.Addr) {
	n := s.net
	for _, to := range s.ports {
		if to == from || !via.IsMulticast() && !to.router.owns(via) {
			continue
		}
		copies := 1
		if n.chance(s.options.Duplicate) {
			copies = 2
		}
		for range copies {
			if n.chance(s.options.Loss) {
				continue
			}
			delay := s.options.Delay
			if s.options.Jitter > 0 {
				delay += time.Duration(n.rng.Int64N(int64(s.options.Jitter)))
			}
			pair := [2]*port{from, to}
			if n.chance(s.options.Reorder) {
				delay += time.Duration(n.rng.Int64N(int64(50 * time.Millisecond)))
			} else {
				delay = max(delay, s.latest[pair].Sub(n.now))
				s.latest[pair] = n.now.Add(delay)
			}
			n.At(delay, func() { s.deliver(from, to, t) })
		}
	}
}

// deliver hands a packet over, if the link still lets it through.
func (s *Segment) deliver(from, to *port, t ospf.Transmit) {
	if !s.connected(from, to) {
		return
	}
	if t.Dst.IsMulticast() && !to.router.groups[groupKey{to.name, t.Dst}] {
		return
	}
	if t.Routed && !to.router.owns(t.Dst) {
		t.Interface = ""
		t.TTL--
		to.router.forward(t)
		return
	}
	to.router.step(ospf.Datagram{Interface: to.name, Src: t.Src, Dst: t.Dst, TTL: max(t.TTL, 1), Data: bytes.Clone(t.Data)})
}
