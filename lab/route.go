package lab

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// NextHop is one leg of a route.
type NextHop struct {
	Via       netip.Addr // invalid for a directly connected network
	Interface string
}

// NextHops returns the usable legs of the node's best route for exactly this
// IPv4 prefix in the main table, in the kernel's order. There are none when
// the route is absent or all its legs are dead.
func (n *Node) NextHops(p netip.Prefix) ([]NextHop, error) {
	routes, err := n.nl.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Dst: ipNet(p.Masked())}, netlink.RT_FILTER_DST)
	if err != nil {
		return nil, fmt.Errorf("%s: routes: %w", n.name, err)
	}
	if len(routes) == 0 {
		return nil, nil
	}
	best := slices.MinFunc(routes, func(a, b netlink.Route) int { return cmp.Compare(a.Priority, b.Priority) })
	legs := best.MultiPath
	if len(legs) == 0 {
		legs = []*netlink.NexthopInfo{{LinkIndex: best.LinkIndex, Gw: best.Gw, Flags: best.Flags}}
	}
	names, err := n.interfaceNames()
	if err != nil {
		return nil, err
	}
	var hops []NextHop
	for _, leg := range legs {
		if leg.Flags&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0 {
			continue
		}
		via, _ := netip.AddrFromSlice(leg.Gw)
		hops = append(hops, NextHop{Via: via.Unmap(), Interface: names[leg.LinkIndex]})
	}
	return hops, nil
}

func (n *Node) interfaceNames() (map[int]string, error) {
	links, err := n.nl.LinkList()
	if err != nil {
		return nil, fmt.Errorf("%s: links: %w", n.name, err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	return names, nil
}

// Counters are what the kernel counted on an interface since it was made.
type Counters struct{ RxPackets, RxBytes, TxPackets, TxBytes uint64 }

// Sub returns what was counted since an earlier reading.
func (c Counters) Sub(before Counters) Counters {
	return Counters{
		c.RxPackets - before.RxPackets, c.RxBytes - before.RxBytes,
		c.TxPackets - before.TxPackets, c.TxBytes - before.TxBytes,
	}
}

// Counters reads the counters of some interfaces and adds them up.
func (n *Node) Counters(ifnames ...string) (Counters, error) {
	var sum Counters
	for _, name := range ifnames {
		link, err := n.nl.LinkByName(name)
		if err != nil {
			return sum, fmt.Errorf("%s: interface %s: %w", n.name, name, err)
		}
		s := link.Attrs().Statistics
		sum.RxPackets += s.RxPackets
		sum.RxBytes += s.RxBytes
		sum.TxPackets += s.TxPackets
		sum.TxBytes += s.TxBytes
	}
	return sum, nil
}
