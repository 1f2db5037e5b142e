package ospf

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// receive takes one datagram through the tests of RFC 2328 8.2 and hands it to
// the procedure of its packet type.
func (e *Engine) receive(d Datagram) {
	i := e.receiver(d)
	if i == nil {
		e.counters.Strays++
		return
	}
	if packet.PeekInstance(d.Data) != e.cfg.Instance { // RFC 6549 3.1: none of our business, and nobody's fault
		i.rejected[RejectInstance]++
		return
	}
	if !i.admits(d) {
		return
	}
	if len(d.Data) > packet.MaxLen { // no IPv4 datagram holds it, and nothing of it could be sent on
		i.reject(d.Src, packet.Header{}, RejectMalformed, "%d bytes, at most %d", len(d.Data), packet.MaxLen)
		return
	}
	h, err := packet.PeekHeader(d.Data)
	switch {
	case err != nil:
		i.rejectError(d.Src, h, err)
		return
	case !i.acceptAddresses(d, h) || !i.acceptHeader(d, h):
		return
	}
	proof, ok := i.authenticate(d, h)
	if !ok || !i.acceptRouterID(d, h) {
		return
	}
	h, body, err := packet.Decode(d.Data)
	if err != nil {
		i.rejectError(d.Src, h, err)
		return
	}
	e.counters.Received[h.Type]++
	if hello, ok := body.(*packet.Hello); ok {
		i.receiveHello(d, h, hello)
		i.accepted(d.Src, h, proof)
		i.receiveLLS(d, h, body, proof)
		return
	}
	// 8.2: all other packets come from a known neighbour.
	n := i.findNeighbor(h.RouterID, d.Src)
	if (n == nil || n.state < nbrExchange) && i.graceAcknowledged(body) {
		return
	}
	if n == nil {
		i.reject(d.Src, h, RejectUnknownNeighbor, "%s from a router that has sent no hello", h.Type)
		return
	}
	i.accepted(d.Src, h, proof)
	n.heardOther(d)
	i.receiveLLS(d, h, body, proof)
	switch b := body.(type) {
	case *packet.DBDesc:
		n.receiveDBDesc(h, b)
	case *packet.LSReq:
		n.receiveLSReq(h, b)
	case *packet.LSUpdate:
		n.receiveLSUpdate(h, b)
	case *packet.LSAck:
		n.receiveLSAck(h, b)
	}
}

func (i *iface) rejectError(src netip.Addr, h packet.Header, err error) {
	r := RejectMalformed
	var pe *packet.Error
	if errors.As(err, &pe) {
		switch pe.Reason {
		case packet.BadChecksum:
			r = RejectChecksum
		case packet.BadRouterID:
			r = RejectRouterID
		}
	}
	i.reject(src, h, r, "%v", err)
}

// acceptAddresses tests the addresses of the IP header (8.2).
func (i *iface) acceptAddresses(d Datagram, h packet.Header) bool {
	if !i.listens() {
		i.reject(d.Src, h, RejectPassive, "interface is %s and takes no packets", i.state)
		return false
	}
	switch {
	case i.virtual != nil && i.e.owns(d.Dst):
	case i.virtual == nil && (d.Dst == i.address() || d.Dst == allSPFRouters):
	case i.virtual == nil && d.Dst == allDRouters:
		if i.state != ifDR && i.state != ifBackup {
			i.reject(d.Src, h, RejectDestination, "sent to AllDRouters, and this router is %s", i.state)
			return false
		}
	default:
		i.reject(d.Src, h, RejectDestination, "destination %s is not ours", d.Dst)
		return false
	}
	for _, a := range i.link.Addrs {
		if a.Addr.Addr() == d.Src {
			i.rejected[RejectSource]++ // our own multicast, looped back
			return false
		}
	}
	if !d.Src.Is4() || d.Src.IsUnspecified() || d.Src.IsLoopback() || d.Src.IsMulticast() || d.Src.As4()[0] >= 240 {
		i.reject(d.Src, h, RejectSource, "source %s is not a host address", d.Src)
		return false
	}
	if i.pair() || i.static(d.Src) != nil {
		return true
	}
	// 8.2: on other networks the sender shares our subnet, unless the operator knows better.
	net := i.addr.Addr.Masked()
	if !net.Contains(d.Src) {
		i.reject(d.Src, h, RejectSource, "source %s is outside our subnet %s", d.Src, net)
		return false
	}
	if host := uint32(packet.IDFromAddr(d.Src)) &^ uint32(packet.MaskOf(net.Bits())); net.Bits() < 31 &&
		(host == 0 || host == ^uint32(packet.MaskOf(net.Bits()))) {
		i.reject(d.Src, h, RejectSource, "source %s is the network or broadcast address of %s", d.Src, net)
		return false
	}
	return true
}

// acceptHeader tests the OSPF header up to its authentication (8.2).
func (i *iface) acceptHeader(d Datagram, h packet.Header) bool {
	if h.AreaID == i.area.id {
		return true
	}
	i.reject(d.Src, h, RejectArea, "area mismatch in %s: neighbour has %s, ours is %s", h.Type, h.AreaID, i.area.id)
	return false
}

// acceptRouterID looks for our own router id in the packet of another.
func (i *iface) acceptRouterID(d Datagram, h packet.Header) bool {
	switch {
	case h.RouterID == i.e.cfg.RouterID && i.e.owns(d.Src):
		i.rejected[RejectSource]++ // two of our interfaces are on one network
	case h.RouterID == i.e.cfg.RouterID:
		i.reject(d.Src, h, RejectDuplicateID, "duplicate router id: %s has our own %s", d.Src, h.RouterID)
		i.e.alarm("duplicate-router-id", i.name, d.Src.String()+" uses our router id "+h.RouterID.String()+": give one of the two another")
	default:
		return true
	}
	return false
}

// owns tells whether the address is on any of our links.
func (e *Engine) owns(addr netip.Addr) bool {
	for _, l := range e.links {
		if slices.ContainsFunc(l.Addrs, func(a LinkAddr) bool { return a.Addr.Addr() == addr }) {
			return true
		}
	}
	return false
}
