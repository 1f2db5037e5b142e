package ospf

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// send queues a packet with the common header filled in (RFC 2328 8.1). On virtual links
// everything goes to the other end.
func (i *iface) send(dst netip.Addr, body packet.Body) {
	h := packet.Header{Type: body.Type(), RouterID: i.e.cfg.RouterID, AreaID: i.area.id, Instance: i.e.cfg.Instance}
	i.e.counters.Sent[h.Type]++
	t := Transmit{Interface: i.name, Src: i.address(), Dst: dst, TTL: i.ttl(), Data: i.encode(h, body)}
	if v := i.virtual; v != nil {
		if out := i.e.iface(v.outlet); out == nil || !out.up {
			return // the next SPF run finds another path, or none
		}
		t.Interface, t.Dst, t.TTL, t.Routed = v.outlet, v.peer, virtualTTL, true
	}
	i.e.out.Send = append(i.e.out.Send, t)
}

// room is how many bytes of body fit into one packet of the interface's MTU,
// with what authentication puts behind it; of 576 bytes on virtual links (A.1).
func (i *iface) room() int {
	const ipHeader = 20
	return min(max(i.link.MTU, 576)-ipHeader, packet.MaxLen) - packet.HeaderLen - i.cfg.Auth.Overhead()
}
