package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// End is one end of a link.
type End struct {
	Node      *Node
	Interface string
	Addresses []netip.Prefix
	// Peer is the far end's address for an interface that has none of a
	// network of its own (an unnumbered tunnel); usually invalid.
	Peer netip.Addr
}

// Connect joins two nodes by a veth pair and brings both ends up. mtu 0 means
// 1500.
func (l *Lab) Connect(a, b End, mtu int) error {
	if mtu == 0 {
		mtu = 1500
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.Index = a.Interface, mtu, l.nextIndex()
	veth := &netlink.Veth{
		LinkAttrs:     attrs,
		PeerName:      b.Interface,
		PeerNamespace: netlink.NsFd(int(b.Node.ns)),
		PeerMTU:       uint32(mtu),
	}
	what := fmt.Sprintf("link %s:%s to %s:%s", a.Node.name, a.Interface, b.Node.name, b.Interface)
	if err := a.Node.nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for _, e := range []End{a, b} {
		if err := e.configure(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// nextIndex is an interface index that differs from the one at the other end,
// which the kernel counts up from 2. A veth pair with equal indices looks to
// the kernel like one device, and it may tell a lost carrier up to a second
// late.
func (l *Lab) nextIndex() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.links++
	return 10000 + l.links
}

func (e End) configure() error {
	for _, p := range e.Addresses {
		if err := e.Node.addAddress(e.Interface, p, e.Peer); err != nil {
			return err
		}
	}
	return e.Node.SetLink(e.Interface, true)
}

// AddAddress adds an address to an interface, "lo" included.
func (n *Node) AddAddress(ifname string, p netip.Prefix) error {
	return n.addAddress(ifname, p, netip.Addr{})
}

func (n *Node) addAddress(ifname string, p netip.Prefix, peer netip.Addr) error {
	link, err := n.nl.LinkByName(ifname)
	if err != nil {
		return fmt.Errorf("%s: interface %s: %w", n.name, ifname, err)
	}
	addr := &netlink.Addr{IPNet: ipNet(p)}
	if peer.IsValid() {
		addr.Peer = ipNet(netip.PrefixFrom(peer, peer.BitLen()))
	}
	if err := n.nl.AddrAdd(link, addr); err != nil {
		return fmt.Errorf("%s: address %s on %s: %w", n.name, p, ifname, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// AddRoute adds a static route.
func (n *Node) AddRoute(dst netip.Prefix, via netip.Addr) error {
	err := n.nl.RouteAdd(&netlink.Route{Dst: ipNet(dst), Gw: via.AsSlice()})
	if err != nil {
		return fmt.Errorf("%s: route %s via %s: %w", n.name, dst, via, err)
	}
	return nil
}

// SetLink brings an interface up or down. A veth that is down takes the
// carrier away from its other end.
func (n *Node) SetLink(ifname string, up bool) error {
	link, err := n.nl.LinkByName(ifname)
	if err != nil {
		return fmt.Errorf("%s: interface %s: %w", n.name, ifname, err)
	}
	if up {
		err = n.nl.LinkSetUp(link)
	} else {
		err = n.nl.LinkSetDown(link)
	}
	if err != nil {
		return fmt.Errorf("%s: set %s: %w", n.name, ifname, err)
	}
	return nil
}

// AddBridge makes the node a switch: a bridge to which ports are attached.
// Frames are forwarded from the first moment, without spanning tree.
func (n *Node) AddBridge(name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	snooping := false // multicast goes everywhere, there is no querier here
	if err := n.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}); err != nil {
		return fmt.Errorf("%s: bridge %s: %w", n.name, name, err)
	}
	return n.SetLink(name, true)
}

// Attach makes an interface of the node a port of its bridge.
func (n *Node) Attach(port, bridge string) error {
	p, err := n.nl.LinkByName(port)
	if err != nil {
		return fmt.Errorf("%s: interface %s: %w", n.name, port, err)
	}
	b, err := n.nl.LinkByName(bridge)
	if err != nil {
		return fmt.Errorf("%s: bridge %s: %w", n.name, bridge, err)
	}
	return n.nl.LinkSetMaster(p, b)
}

// deleteLinks removes all links but the loopback.
func (n *Node) deleteLinks() error {
	links, err := n.nl.LinkList()
	if err != nil {
		return err
	}
	var errs []error
	for _, link := range links {
		if link.Attrs().Flags&net.FlagLoopback != 0 {
			continue
		}
		if err := n.nl.LinkDel(link); err != nil {
			errs = append(errs, fmt.Errorf("%s: delete %s: %w", n.name, link.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}
