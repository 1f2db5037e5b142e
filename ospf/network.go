package ospf

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// What the type of a network decides (RFC 2328 1.2, 2.1.1; RFC 6845): how packets travel, whether a
// Designated Router is elected, how the router-LSA describes the network.

// kind resolves the interface type: as configured, else by the link.
func (i *iface) kind() InterfaceType {
	switch {
	case i.link.Loopback:
		return TypeLoopback
	case i.cfg.Type != TypeAuto:
		return i.cfg.Type
	case i.link.PointToPoint:
		return TypePointToPoint
	}
	return TypeBroadcast
}

// pair tells whether the network joins two routers only. The other one is known
// by its router id, and its address may be any (8.2, 10.5).
func (i *iface) pair() bool {
	k := i.kind()
	return k == TypePointToPoint || k == TypeVirtual
}

// unicast tells whether the network carries no multicast, so that each packet goes to one
// neighbour (8.1, 9.5, 13.3 (5), 13.5).
func (i *iface) unicast() bool {
	switch i.kind() {
	case TypeNonBroadcast:
		return true
	case TypePointToMultipoint:
		return i.cfg.Unicast
	}
	return false
}

// takesUnicastHello tells whether Hellos come to our address: from a neighbour
// on a network where that is how they travel (9.5).
func (i *iface) takesUnicastHello() bool {
	return i.virtual != nil || i.unicast() || i.kind() == TypePointToMultipoint
}

// unnumbered tells whether the interface has no subnet of its own: a
// point-to-point link with a peer address or a /32.
func (i *iface) unnumbered() bool {
	return i.virtual != nil || i.kind() == TypePointToPoint && (i.addr.Peer.IsValid() || i.addr.Addr.Bits() == 32)
}

// links returns the interface's part of the router-LSA and, for each link,
// how SPF leaves through it (12.4.1, 16.1.1).
func (i *iface) links() (links []packet.RouterLink, root []spf.RootLink) {
	if i.virtual != nil {
		return i.virtualLinks()
	}
	d := description{i: i}
	switch {
	case i.state == ifDown: // 12.4.1: no links
	case i.state == ifLoopback:
		d.addStubs(i.hostNetworks())
	case i.state == ifPassive:
		d.addStubs(i.subnets())
	case i.kind() == TypePointToPoint: // 12.4.1.1
		d.addNeighbors((*neighbor).adjacent)
		d.addStubs(i.unsuppressed(i.subnets()))
	case i.kind() == TypePointToMultipoint: // 12.4.1.4
		d.addStubs(i.unsuppressed(i.hosts()))
		d.addNeighbors((*neighbor).adjacent)
	case i.kind() == TypeHybrid: // RFC 6845 4.6
		d.addStubs(i.unsuppressed(i.hosts()))
		d.addStubs(i.unsuppressed(i.subnets()[:1])) // 4.6.1
		d.addNeighbors(i.synchronised())
	case i.transit(): // 12.4.1.2
		d.add(packet.RouterLink{Type: packet.LinkTransit, ID: packet.IDFromAddr(i.dr), Data: packet.IDFromAddr(i.address()), Metric: i.cost()}, netip.Addr{}, false)
		d.addStubs(i.subnets()[1:])
	default:
		d.addStubs(i.unsuppressed(i.subnets()))
	}
	return d.links, d.root
}

// description is the interface's part of the router-LSA while it is written.
type description struct {
	i     *iface
	links []packet.RouterLink
	root  []spf.RootLink
}

func (d *description) add(l packet.RouterLink, gateway netip.Addr, onlink bool) {
	d.links = append(d.links, l)
	d.root = append(d.root, spf.RootLink{Link: l, Interface: d.i.name, Gateway: gateway, OnLink: onlink, Weight: d.i.cfg.Weight})
}

func (d *description) addStubs(stubs []stub) {
	for _, s := range stubs {
		d.add(packet.RouterLink{
			Type: packet.LinkStub, ID: packet.IDFromAddr(s.network.Addr()),
			Data: packet.MaskOf(s.network.Bits()), Metric: s.cost,
		}, netip.Addr{}, false)
	}
}

// addNeighbors adds a point-to-point link to each neighbour that is to have one.
func (d *description) addNeighbors(linked func(*neighbor) bool) {
	i := d.i
	for _, n := range i.neighbors {
		if linked(n) {
			onlink := i.unnumbered() || !i.addr.Addr.Contains(n.addr)
			d.add(packet.RouterLink{Type: packet.LinkPointToPoint, ID: n.id, Data: i.linkData(), Metric: i.costTo(n)}, n.addr, onlink)
		}
	}
}
