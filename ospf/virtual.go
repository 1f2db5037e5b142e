package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// VirtualLink is a link of the backbone through another area (RFC 2328 15, C.4). The other end is
// configured alike. It has no cost: that is the distance of the other end.
type VirtualLink struct {
	Transit            packet.ID // area that it passes through; not a stub area or NSSA
	RouterID           packet.ID // of the other end; with Transit it names the link
	HelloInterval      time.Duration
	DeadInterval       time.Duration
	RetransmitInterval time.Duration // well above the round trip to the other end
	TransmitDelay      time.Duration
	Auth               auth.Scheme
}

// Name is what stands for the interface in the engine's output and answers. It is
// longer than the name of any link of the kernel.
func (v VirtualLink) Name() string { return fmt.Sprintf("vlink-%s-%s", v.Transit, v.RouterID) }

// virtual is what an interface that is a virtual link knows of its path.
type virtual struct {
	transit, router packet.ID
	outlet          string     // link that leads to the other end
	peer            netip.Addr // address of the other end
	cost            uint16
	why             string // what keeps it down
}

// virtualTTL is that of packets sent: they pass routers (RFC 2328 8.1).
const virtualTTL = 255

// interfaceConfig is the part of the configuration that other interfaces have as well. C.4: a
// virtual link is like an unnumbered point-to-point link. Its packets carry no MTU (10.8).
func (v VirtualLink) interfaceConfig() InterfaceConfig {
	return InterfaceConfig{
		Type: TypeVirtual, Weight: 1, MTUIgnore: true, Auth: v.Auth,
		HelloInterval: v.HelloInterval, DeadInterval: v.DeadInterval,
		RetransmitInterval: v.RetransmitInterval, TransmitDelay: v.TransmitDelay,
	}
}

// matchVirtualLinks brings the virtual links in line with the configuration. They are interfaces of
// the backbone without a link of the kernel.
func (e *Engine) matchVirtualLinks() {
	wanted := e.cfg.VirtualLinks
	if !slices.ContainsFunc(e.cfg.Areas, func(a Area) bool { return a.ID == 0 }) {
		wanted = nil
	}
	for _, i := range slices.Clone(e.ifaces) {
		if i.virtual != nil && !slices.ContainsFunc(wanted, func(v VirtualLink) bool { return v.Name() == i.name }) {
			i.remove("no longer configured")
			e.transitChanged(i.virtual.transit)
		}
	}
	for _, c := range wanted {
		if i := e.iface(c.Name()); i != nil {
			i.reconfigure(c.interfaceConfig())
			continue
		}
		i := newIface(e, e.area(0), c.interfaceConfig(), Link{Name: c.Name(), Up: true})
		i.virtual = &virtual{transit: c.Transit, router: c.RouterID}
		e.addIface(i)
	}
	e.checkVirtualLinks()
}

// checkVirtualLinks derives from the route table what virtual links are made of: whether they
// are up, cost and addresses (15, 16.1 (4), 16.7). A path that changes leaves the adjacency alone.
func (e *Engine) checkVirtualLinks() {
	for _, i := range e.ifaces {
		if i.virtual == nil {
			continue
		}
		v, addr := *i.virtual, i.addr
		if v.why = i.findPath(); v.why != "" {
			if i.up {
				i.event(interfaceDown, v.why)
			}
			i.virtual.why, i.addr = v.why, LinkAddr{}
			continue
		}
		if !i.up {
			i.event(interfaceUp, fmt.Sprintf("area %s leads to %s", v.transit, v.router))
		} else if v.cost != i.virtual.cost || addr != i.addr {
			i.area.rootDirty = true
		}
	}
}

// findPath takes the path of a virtual link from the route table, or says why there is none.
func (i *iface) findPath() (why string) {
	v, e := i.virtual, i.e
	to, ok := e.table.Endpoint(v.transit, v.router)
	if a := e.area(v.transit); !ok || a == nil || !a.external() { // 15: never through a stub area
		return fmt.Sprintf("no path to %s through area %s", v.router, v.transit)
	}
	// 15: no router-LSA could carry the cost. What makes a stub router of us (RFC 6987) is not the path's.
	if to.Cost > maxLinkMetric && !e.stubRouter() {
		return fmt.Sprintf("the path to %s costs %d, a link of the backbone at most %d", v.router, to.Cost, maxLinkMetric)
	}
	if len(to.Ways) == 0 {
		return fmt.Sprintf("router-LSA of %s has no address on its way to us: its links there are unnumbered", v.router)
	}
	why = fmt.Sprintf("the link to %s is down", v.router)
	for _, w := range to.Ways {
		for h := range w.NextHops.All() {
			switch out := e.iface(h.Interface); {
			case out == nil || !out.up:
			case out.cfg.SuppressPrefix: // RFC 6860 4.2: nobody has a route to the address
				why = fmt.Sprintf("prefix-suppression hides our address on %s, the way to %s", out.name, v.router)
			default:
				v.outlet, v.peer, v.cost, v.why = out.name, w.Address, uint16(min(to.Cost, maxLinkMetric)), ""
				i.addr = LinkAddr{Addr: netip.PrefixFrom(out.address(), 32)}
				return ""
			}
		}
	}
	return why
}

// maxLinkMetric is the largest cost of a link in a router-LSA.
const maxLinkMetric = 0xffff

// receiver is the interface that a datagram belongs to: the one that it came in through or, for
// one of the backbone in a transit area, a virtual link (8.2).
func (e *Engine) receiver(d Datagram) *iface {
	i := e.iface(d.Interface)
	if i == nil || i.area.id == 0 || len(e.cfg.VirtualLinks) == 0 {
		return i
	}
	h, err := packet.PeekHeader(d.Data)
	if err != nil || h.AreaID != 0 {
		return i
	}
	if v := e.iface(VirtualLink{Transit: i.area.id, RouterID: h.RouterID}.Name()); v != nil {
		return v
	}
	return i
}

// virtualLinks is what a virtual link has in the backbone's router-LSA (12.4.1.3).
func (i *iface) virtualLinks() (links []packet.RouterLink, root []spf.RootLink) {
	for _, n := range i.neighbors {
		if n.adjacent() {
			l := packet.RouterLink{Type: packet.LinkVirtual, ID: n.id, Data: packet.IDFromAddr(i.address()), Metric: i.cost()}
			links = append(links, l)
			root = append(root, spf.RootLink{Link: l, Interface: i.name, Weight: i.cfg.Weight, Transit: i.virtual.transit})
		}
	}
	return links, root
}

// endsVirtualLink tells whether the area is the transit area of a virtual link of ours that is
// fully adjacent (12.4.1, bit V).
func (a *area) endsVirtualLink() bool {
	return slices.ContainsFunc(a.e.ifaces, func(i *iface) bool {
		return i.virtual != nil && i.virtual.transit == a.id &&
			slices.ContainsFunc(i.neighbors, (*neighbor).adjacent)
	})
}

// transitChanged looks at the V bit of an area again.
func (e *Engine) transitChanged(id packet.ID) {
	if a := e.area(id); a != nil {
		a.rootDirty = true
	}
}

// addIface enters an interface.
func (e *Engine) addIface(i *iface) {
	e.ifaces = append(e.ifaces, i)
	slices.SortFunc(e.ifaces, func(a, b *iface) int { return strings.Compare(a.name, b.name) })
}
