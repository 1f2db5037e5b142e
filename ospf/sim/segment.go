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
	Interface    ospf.InterfaceConfig // timers and so on; hello 1 s, dead 4 s when zero
}

// Member is one router on a LAN.
type Member struct {
	Router    *Router
	Interface string
	Cost      uint16 // 0: 10
	Priority  uint8
}

// Segment is a point-to-point link or a LAN.
type Segment struct {
	net     *Net
	lan     bool
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
}

func (p *port) pointToPoint() bool { return p.segment != nil && !p.segment.lan }

// Link joins two routers by a point-to-point link. Numbered ones get a /30.
func (n *Net) Link(a *Router, ifA string, b *Router, ifB string, o LinkOptions) *Segment {
	s := n.segment(false, o)
	if !o.Unnumbered {
		s.prefix = network(len(n.segments), 30)
	}
	o.Interface.Type = ospf.TypePointToPoint
	s.join(a, ifA, o.CostA, o.Interface)
	s.join(b, ifB, o.CostB, o.Interface)
	return s
}

// LAN joins routers by a broadcast network, a /24.
func (n *Net) LAN(o LinkOptions, members ...Member) *Segment {
	s := n.segment(true, o)
	s.prefix = network(1<<15+len(n.segments), 24)
	o.Interface.Type = ospf.TypeBroadcast
	for _, m := range members {
		c := o.Interface
		c.Priority = m.Priority
		s.join(m.Router, m.Interface, m.Cost, c)
	}
	return s
}

func (n *Net) segment(lan bool, o LinkOptions) *Segment {
	if o.MTU == 0 {
		o.MTU = 1500
	}
	s := &Segment{net: n, lan: lan, options: o, latest: map[[2]*port]time.Time{}}
	n.segments = append(n.segments, s)
	return s
}

// join gives a router a port on the segment.
func (s *Segment) join(r *Router, name string, cost uint16, c ospf.InterfaceConfig) {
	if cost == 0 {
		cost = 10
	}
	p := &port{router: r, segment: s, name: name, mtu: s.options.MTU, up: true, cost: cost, priority: c.Priority}
	p.addr = netip.PrefixFrom(r.ID.Addr(), 32)
	if s.prefix.IsValid() {
		a := s.prefix.Addr()
		for range len(s.ports) + 1 {
			a = a.Next()
		}
		p.addr = netip.PrefixFrom(a, s.prefix.Bits())
	}
	s.ports = append(s.ports, p)
	r.attach(p, s.options.Area, c)
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

// Reconfigure changes how one router's end is configured.
func (s *Segment) Reconfigure(r *Router, edit func(*ospf.InterfaceConfig)) {
	p := s.portOf(r)
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
	return !s.cut && a.up && b.up && a.part == b.part
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
