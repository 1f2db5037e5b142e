package ospf

import (
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// ttl is that of packets sent: they cannot leave the link or, where the generalised
// TTL security mechanism is on (RFC 5082), show that they did not.
func (i *iface) ttl() uint8 {
	if i.cfg.TTLHops > 0 {
		return 255
	}
	return 1
}

// admits tests who may speak on the interface at all: before RFC 2328 8.2, and
// before anything of the packet is believed.
func (i *iface) admits(d Datagram) bool {
	lowest := 256 - int(i.cfg.TTLHops)
	switch {
	case int(d.TTL) < lowest && lowest < 256: // RFC 5082 3
		i.reject(d.Src, packet.Header{}, RejectTTL, "TTL %d, ttl-security wants %d at least: a packet from afar, or the neighbour has no ttl-security", d.TTL, lowest)
	case !i.allowed(d.Src):
		i.reject(d.Src, packet.Header{}, RejectNotAllowed, "%s is not one of allowed-neighbors", d.Src)
	default:
		return true
	}
	return false
}

// allowed tells whether the address may be a neighbour's.
func (i *iface) allowed(addr netip.Addr) bool {
	return len(i.cfg.Allowed) == 0 || slices.ContainsFunc(i.cfg.Allowed, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// dropDisallowed ends adjacencies that a new configuration does not allow.
func (i *iface) dropDisallowed() {
	for _, n := range slices.Clone(i.neighbors) {
		if !i.allowed(n.addr) {
			n.event(killNbr, "not one of allowed-neighbors any more")
		}
	}
}
