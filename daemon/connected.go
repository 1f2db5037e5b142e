package daemon

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/rib"
)

// localType marks the host route of an own address: it keeps the RIB from
// routing that address elsewhere and is of no interest to others.
const localType = "local"

// updateConnected derives connected and static routes from links and
// configuration.
func (r *routeLoop) updateConnected() {
	var networks []rib.Network
	var routes, local []rib.Route
	offer := make(map[netip.Prefix]struct{})
	for _, l := range r.links.Links {
		if !l.Up {
			continue
		}
		for _, a := range l.Addrs {
			p := a.Addr.Masked()
			if a.Peer.IsValid() {
				p = netip.PrefixFrom(a.Peer, a.Addr.Bits()).Masked()
			}
			hops := nexthop.NewSet(nexthop.Hop{Interface: l.Name})
			routes = append(routes, rib.Route{Prefix: p, Distance: rib.DistanceConnected, NextHops: hops, Local: l.Loopback || p.Bits() == 32 && !a.Peer.IsValid()})
			if own := netip.PrefixFrom(a.Addr.Addr(), 32); own != p {
				local = append(local, rib.Route{Prefix: own, Type: localType, Distance: rib.DistanceConnected, NextHops: hops, Local: true})
			}
			if !l.Loopback {
				networks = append(networks, rib.Network{Interface: l.Name, Prefix: p})
			}
			offer[p] = struct{}{}
		}
	}
	// The last one of a prefix counts: an address may be a network of the loopback
	// and the near end of unnumbered tunnels.
	r.rib.Replace(rib.Connected, append(local, routes...))
	r.offerRoutes(ospf.Connected, offer)

	r.watchGateways(networks)
	static := rib.ResolveStatic(r.cfg.Static, networks, r.liveLegs)
	r.rib.Replace(rib.Static, static)
	r.offerStatic()
}

// offerStatic offers the static routes that can be used; a recursive one by what leads to
// its gateways.
func (r *routeLoop) offerStatic() {
	offer := make(map[netip.Prefix]struct{})
	for _, s := range r.cfg.Static {
		for _, c := range r.rib.Candidates(s.Prefix) {
			if c.Protocol == rib.Static && c.Unreached == "" {
				offer[s.Prefix] = struct{}{}
			}
		}
	}
	r.offerRoutes(ospf.Static, offer)
}

// shadowed is the distance of a foreign route whose kernel metric is larger
// than ours: the kernel prefers our route, and so does the RIB.
const shadowed = 254

// updateForeign takes the kernel routes of other programs into the RIB.
func (r *routeLoop) updateForeign() {
	best := make(map[netip.Prefix]fib.Foreign)
	for _, f := range r.foreign {
		if r.ofUplink(f) {
			continue
		}
		// A prefix may be there with several metrics: the kernel uses the lowest.
		if o, ok := best[f.Prefix]; !f.Connected() && (!ok || f.Metric < o.Metric) {
			best[f.Prefix] = f
		}
	}
	routes := make([]rib.Route, 0, len(best))
	offer := make(map[netip.Prefix]struct{}, len(best))
	for p, f := range best {
		route := rib.Route{Prefix: p, Distance: rib.DistanceKernel, Metric: f.Metric}
		if f.Metric > r.cfg.Kernel.Metric {
			route.Distance = shadowed
		}
		if l, ok := r.links.ByIndex(f.Ifindex); ok {
			route.NextHops = nexthop.NewSet(nexthop.Hop{Interface: l.Name, Gateway: f.Gateway})
		} else {
			route.Discard = true
		}
		routes = append(routes, route)
		if !f.Down { // a default route without carrier is no reason to attract everybody's packets
			offer[p] = struct{}{}
		}
	}
	r.rib.Replace(rib.Kernel, routes)
	r.offerRoutes(ospf.Kernel, offer)
}

// offerRoutes tells the engine what can be redistributed, as a difference.
func (r *routeLoop) offerRoutes(src ospf.Source, now map[netip.Prefix]struct{}) {
	before := r.offered[src]
	o := ospf.Offer{Source: src}
	for p := range now {
		if _, ok := before[p]; !ok {
			o.Add = append(o.Add, p)
		}
	}
	for p := range before {
		if _, ok := now[p]; !ok {
			o.Remove = append(o.Remove, p)
		}
	}
	r.offered[src] = now
	if len(o.Add)+len(o.Remove) > 0 {
		r.offer(o)
	}
}

func ifaces(s link.Snapshot) []fib.Iface {
	list := make([]fib.Iface, len(s.Links))
	for n, l := range s.Links {
		list[n] = fib.Iface{Name: l.Name, Index: l.Index, Up: l.Up, ARP: l.ARP}
	}
	return list
}

func linkIndexes(s link.Snapshot) map[string]int {
	m := make(map[string]int, len(s.Links))
	for _, l := range s.Links {
		m[l.Name] = l.Index
	}
	return m
}

func ospfLinks(s link.Snapshot) ospf.Links {
	list := make([]ospf.Link, len(s.Links))
	for n, l := range s.Links {
		list[n] = ospf.Link{
			Name: l.Name, Index: l.Index, MTU: l.MTU, Speed: l.Speed, Up: l.Up, PointToPoint: l.PointToPoint, Loopback: l.Loopback,
		}
		for _, a := range l.Addrs {
			list[n].Addrs = append(list[n].Addrs, ospf.LinkAddr(a))
		}
	}
	return ospf.Links{Links: list}
}

func ownAddresses(s link.Snapshot) []netip.Addr {
	var list []netip.Addr
	for _, l := range s.Links {
		for _, a := range l.Addrs {
			list = append(list, a.Addr.Addr())
		}
	}
	return list
}
