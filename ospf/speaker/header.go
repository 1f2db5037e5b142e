package speaker

import (
	"encoding/binary"
	"net/netip"
)

const (
	ospfProtocol  = 89
	ipv4MinHeader = 20
)

// ipv4Header is what the engine wants to know of the IP header.
type ipv4Header struct {
	src, dst netip.Addr
	ttl      uint8
}

// parseIPv4 splits what a raw socket delivers into header and payload. It
// refuses what is not one whole OSPF datagram; options are skipped (RFC 2328
// 8.2 asks nothing of them), bytes behind the total length are cut off.
func parseIPv4(b []byte) (h ipv4Header, payload []byte, ok bool) {
	if len(b) < ipv4MinHeader || b[0]>>4 != 4 {
		return h, nil, false
	}
	headerLen := int(b[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	// The kernel reassembles: a fragment here is a fault.
	fragment := binary.BigEndian.Uint16(b[6:]) & 0x3fff
	if headerLen < ipv4MinHeader || headerLen > total || total > len(b) || fragment != 0 || b[9] != ospfProtocol {
		return h, nil, false
	}
	h = ipv4Header{
		src: netip.AddrFrom4([4]byte(b[12:16])),
		dst: netip.AddrFrom4([4]byte(b[16:20])),
		ttl: b[8],
	}
	return h, b[headerLen:total], true
}
