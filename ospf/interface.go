package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
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
	acks      []delayedAck
	flooding  []*lsdb.Entry // in the next packets, see floodQueue

	sequence  uint32 // cryptographic sequence number sent last (RFC 2328 D.3); 0: none
	up        bool   // the state machine has been started
	rejected  [rejectCount]uint64
	strangers strangers

	reports     int // PacketRejected events since reportsFrom
	reportsFrom time.Time
	answered    time.Time  // last Hello out of turn
	graces      int        // Grace-LSAs to send before the first Hello, which is counted, too
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
	case i.cfg.LinkData == LinkDataIfIndex && i.pair(),
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
	case probe.kind() != i.kind() || probe.unicast() != i.unicast():
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
	i.matchStatic()
	if i.up {
		i.originateNetwork()
	}
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
	if i.listens() && i.virtual == nil && !i.unicast() {
		want = append(want, allSPFRouters)
		if i.state == ifDR || i.state == ifBackup {
			want = append(want, allDRouters)
		}
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
		s := stub{network: p, cost: i.outputCost()}
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

// hosts is what a point-to-multipoint network gets in place of its subnet: a route to our own
// address, at no cost (12.4.1.4). Each router on it announces its own. Secondary addresses have subnets of theirs.
func (i *iface) hosts() []stub {
	list := []stub{{network: netip.PrefixFrom(i.address(), 32)}}
	for _, s := range i.subnets()[1:] {
		if !i.addr.Addr.Masked().Overlaps(s.network) {
			list = append(list, s)
		}
	}
	return list
}

// unsuppressed leaves the network that adjacencies run over out of what is announced, where that is wanted
// (RFC 6860 2). Secondary networks stay: hosts may live there.
func (i *iface) unsuppressed(list []stub) []stub {
	if i.cfg.SuppressPrefix {
		return list[1:]
	}
	return list
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

// cost is the metric of the interface's transit links: the output cost, or
// MaxLinkMetric while the router is a stub router (RFC 6987 2).
func (i *iface) cost() uint16 {
	if i.e.stubRouter() {
		return maxLinkMetric
	}
	if i.virtual != nil {
		return i.virtual.cost
	}
	return i.outputCost()
}

// outputCost is the interface output cost (C.3): by the speed of the link where that is to decide and
// is known, else as configured.
func (i *iface) outputCost() uint16 {
	if i.cfg.ReferenceBandwidth == 0 || i.link.Speed <= 0 {
		return i.cfg.Cost
	}
	return uint16(min(max(i.cfg.ReferenceBandwidth/uint32(i.link.Speed), 1), maxLinkMetric))
}
