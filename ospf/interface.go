package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// iface is one OSPF interface (RFC 2328 9): what was asked (cfg), what the
// kernel says (link, addr) and what the protocol knows (the rest).
type iface struct {
	e    *Engine
	area *area
	name string

	cfg  InterfaceConfig
	link Link
	addr LinkAddr // the address that OSPF runs on; invalid when there is none

	virtual *virtual // of virtual links only

	state     ifState
	dr, bdr   netip.Addr // interface addresses; 0.0.0.0 when there is none
	neighbors []*neighbor
	db        *database // type 9 LSAs
	joined    []netip.Addr
	hello     timer
	wait      timer
	ack       timer
	acks      []packet.LSAHeader // delayed acknowledgements
	flooding  []*lsdb.Entry      // in the next packets, see floodQueue

	sequence  uint32 // cryptographic sequence number sent last (RFC 2328 D.3); 0: none
	up        bool   // the state machine has been started
	rejected  [rejectCount]uint64
	strangers strangers

	reports     int // PacketRejected events since reportsFrom
	reportsFrom time.Time
	answered    time.Time  // last Hello out of turn
	network     packet.Key // of the network-LSA that we originate; zero when none
}

var unspecified = netip.AddrFrom4([4]byte{})

func newIface(e *Engine, a *area, c InterfaceConfig, l Link) *iface {
	i := &iface{e: e, area: a, name: l.Name, cfg: c, link: l, dr: unspecified, bdr: unspecified}
	i.db = e.newDatabase(a, i)
	i.hello.fire = i.helloDue
	i.wait.fire = func() { i.event(waitTimer, "wait timer") }
	i.ack.fire = i.sendDelayedAcks
	return i
}

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

// unnumbered tells whether the interface has no subnet of its own: a
// point-to-point link with a peer address or a /32.
func (i *iface) unnumbered() bool {
	return i.virtual != nil || i.kind() == TypePointToPoint && (i.addr.Peer.IsValid() || i.addr.Addr.Bits() == 32)
}

// address is the interface address that packets carry as source.
func (i *iface) address() netip.Addr { return i.addr.Addr.Addr() }

// mask is the network mask of the Hello (9.5): 0.0.0.0 on unnumbered links.
func (i *iface) mask() packet.ID {
	if i.unnumbered() {
		return 0
	}
	return packet.MaskOf(i.addr.Addr.Bits())
}

// mtu is the interface MTU of Database Description packets (A.3.3); 0 on virtual links.
func (i *iface) mtu() uint16 { return uint16(min(i.link.MTU, 0xffff)) }

// linkData is the link data of a point-to-point link in the router-LSA
// (12.4.1.1): the address, or the ifindex when unnumbered; configurable,
// because some routers send their address there in either case.
func (i *iface) linkData() packet.ID {
	switch {
	case i.cfg.LinkData == LinkDataIfIndex,
		i.cfg.LinkData == LinkDataAuto && i.unnumbered():
		return packet.ID(i.link.Index)
	}
	return packet.IDFromAddr(i.address())
}

// primary picks the address that OSPF runs on, never one of 127/8.
func primary(c InterfaceConfig, l Link) LinkAddr {
	var first LinkAddr
	for _, a := range l.Addrs {
		if a.Addr.Addr().IsLoopback() {
			continue
		}
		if c.Match.prefers(a) {
			return a
		}
		if !first.Addr.IsValid() && !a.Secondary {
			first = a
		}
	}
	return first
}

// start brings a new interface up when its link is.
func (i *iface) start() {
	i.addr = primary(i.cfg, i.link)
	i.area.rootDirty = true
	if i.link.Up && i.addr.Addr.IsValid() {
		i.event(interfaceUp, "link up")
	}
}

// update takes a new configuration or a new picture of the link over.
func (i *iface) update(a *area, c InterfaceConfig, l Link) {
	if restart := i.restarts(a, c, l); restart != "" && i.up {
		i.event(interfaceDown, restart)
	}
	if a != i.area {
		i.e.dropDatabase(i.db)
		i.area.rootDirty = true
		i.e.border.due = true // next hops through it lie in another area
		i.area = a
		i.db = i.e.newDatabase(a, i)
	}
	i.link, i.addr = l, primary(c, l)
	i.reconfigure(c)
	if !i.up && l.Up && i.addr.Addr.IsValid() {
		i.event(interfaceUp, "link up")
	}
}

// restarts says why the interface can not stay up under a new configuration or with a new
// picture of the link; empty when it can.
func (i *iface) restarts(a *area, c InterfaceConfig, l Link) string {
	addr := primary(c, l)
	probe := iface{cfg: c, link: l, addr: addr}
	switch {
	case !l.Up:
		return "link down"
	case !addr.Addr.IsValid():
		return "no IPv4 address"
	case a != i.area:
		return "area changed"
	case l.Index != i.link.Index:
		return fmt.Sprintf("link was replaced (ifindex %d to %d)", i.link.Index, l.Index)
	case addr != i.addr:
		return fmt.Sprintf("address changed to %s", addr.Addr)
	case probe.kind() != i.kind():
		return "interface type changed"
	case c.Passive != i.cfg.Passive:
		return "passive changed"
	}
	return ""
}

// reconfigure takes over what a configuration changes of an interface that stays.
func (i *iface) reconfigure(c InterfaceConfig) {
	old := i.cfg
	i.cfg = c
	i.area.rootDirty = true
	if i.up && old.HelloInterval != c.HelloInterval && i.hello.armed() {
		i.e.timers.set(&i.hello, i.e.now)
	}
	if i.wait.armed() && old.DeadInterval != c.DeadInterval { // 9.3: the wait timer is the dead interval
		i.e.timers.set(&i.wait, i.e.now.Add(c.DeadInterval))
	}
	i.dropDisallowed()
	if i.up && old.Priority != c.Priority {
		i.event(neighborChange, "priority changed")
	}
}

// remove ends the interface for good.
func (i *iface) remove(reason string) {
	if i.up {
		i.event(interfaceDown, reason)
	}
	i.e.dropDatabase(i.db)
	i.area.rootDirty = true
	i.e.ifaces = slices.DeleteFunc(i.e.ifaces, func(o *iface) bool { return o == i })
}

// listens tells whether OSPF packets are exchanged on the interface at all.
func (i *iface) listens() bool {
	return i.up && i.state > ifLoopback && i.state != ifPassive
}

// join brings the multicast memberships in line with the state: AllSPFRouters
// wherever packets are exchanged, AllDRouters as DR and Backup (RFC 2328 A.1).
func (i *iface) join() {
	var want []netip.Addr
	if i.listens() && i.virtual == nil {
		want = append(want, allSPFRouters)
	}
	if i.state == ifDR || i.state == ifBackup {
		want = append(want, allDRouters)
	}
	for _, g := range i.joined {
		if !slices.Contains(want, g) {
			i.e.out.Groups = append(i.e.out.Groups, Membership{Interface: i.name, Group: g})
		}
	}
	for _, g := range want {
		if !slices.Contains(i.joined, g) {
			i.e.out.Groups = append(i.e.out.Groups, Membership{Interface: i.name, Group: g, Join: true})
		}
	}
	i.joined = want
}

// stub is a network that the router-LSA announces as a stub link.
type stub struct {
	network netip.Prefix
	cost    uint16
}

// hostNetworks lists what a loopback announces: every address outside 127/8
// as a host route at no cost (12.4.1, state Loopback).
func (i *iface) hostNetworks() []stub {
	var list []stub
	for _, a := range i.link.Addrs {
		if a.Addr.Addr().IsLoopback() {
			continue
		}
		list = append(list, stub{network: netip.PrefixFrom(a.Addr.Addr(), 32)})
	}
	return list
}

// subnets lists the interface's subnets, the one that OSPF runs on first. An
// unnumbered address counts as a host route to the router itself.
func (i *iface) subnets() []stub {
	var list []stub
	add := func(a LinkAddr) {
		p := a.Addr.Masked()
		if a.Peer.IsValid() {
			p = netip.PrefixFrom(a.Addr.Addr(), 32)
		}
		s := stub{network: p, cost: i.cfg.Cost}
		if !slices.Contains(list, s) && !p.Addr().IsLoopback() {
			list = append(list, s)
		}
	}
	add(i.addr)
	for _, a := range i.link.Addrs {
		add(a)
	}
	return list
}

// links returns the interface's part of the router-LSA and, for each link,
// how SPF leaves through it (12.4.1, 16.1.1).
func (i *iface) links() (links []packet.RouterLink, root []spf.RootLink) {
	if i.virtual != nil {
		return i.virtualLinks()
	}
	add := func(l packet.RouterLink, gateway netip.Addr, onlink bool) {
		links = append(links, l)
		root = append(root, spf.RootLink{Link: l, Interface: i.name, Gateway: gateway, OnLink: onlink, Weight: i.cfg.Weight})
	}
	addStubs := func(stubs []stub) {
		for _, s := range stubs {
			add(packet.RouterLink{
				Type: packet.LinkStub, ID: packet.IDFromAddr(s.network.Addr()),
				Data: packet.MaskOf(s.network.Bits()), Metric: s.cost,
			}, netip.Addr{}, false)
		}
	}
	switch i.state {
	case ifDown: // 12.4.1: no links
	case ifLoopback:
		addStubs(i.hostNetworks())
	case ifPointToPoint:
		for _, n := range i.neighbors { // 12.4.1.1
			if n.adjacent() {
				onlink := i.unnumbered() || !i.addr.Addr.Contains(n.addr)
				add(packet.RouterLink{Type: packet.LinkPointToPoint, ID: n.id, Data: i.linkData(), Metric: i.cost()}, n.addr, onlink)
			}
		}
		addStubs(i.subnets())
	case ifPassive:
		addStubs(i.subnets())
	default: // 12.4.1.2
		nets := i.subnets()
		if i.transit() {
			add(packet.RouterLink{Type: packet.LinkTransit, ID: packet.IDFromAddr(i.dr), Data: packet.IDFromAddr(i.address()), Metric: i.cost()}, netip.Addr{}, false)
			nets = nets[1:]
		}
		addStubs(nets)
	}
	return links, root
}

// transit tells whether the LAN is a transit network for this router: it is
// fully adjacent to the DR, or is the DR of at least one full neighbour.
func (i *iface) transit() bool {
	if i.state == ifWaiting {
		return false
	}
	for _, n := range i.neighbors {
		if n.adjacent() && (i.state == ifDR || n.addr == i.dr) {
			return true
		}
	}
	return false
}

// cost is the metric of the interface's transit links: the configured cost, or
// MaxLinkMetric while the router is a stub router (RFC 6987 2).
func (i *iface) cost() uint16 {
	if i.e.stubRouter() {
		return maxLinkMetric
	}
	if i.virtual != nil {
		return i.virtual.cost
	}
	return i.cfg.Cost
}
