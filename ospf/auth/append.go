package auth

import (
	"encoding/binary"
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Append encodes a packet onto dst as [packet.Append] does, authenticated with
// the key, which is one of the scheme's (RFC 2328 D.4). src is the source address of the IP header. Of
// the sequence number authentication type 2 takes the lower 32 bits, a simple
// password nothing. What cannot be sent, because it would not fit into a
// datagram, leaves dst as it was.
func (s Scheme) Append(dst []byte, h packet.Header, body packet.Body, k Key, src netip.Addr, sequence uint64) []byte {
	h.AuType = s.auType(k)
	trailer := s.trailerLen(k)
	switch h.AuType {
	case packet.AuSimple: // D.4.2
		copy(h.Auth[:], k.Secret.text)
	case packet.AuCrypto: // D.4.3 (3) to (5)
		h.Auth = [8]byte{2: k.ID, 3: byte(trailer)}
		binary.BigEndian.PutUint32(h.Auth[4:], uint32(sequence))
	case packet.AuExtended: // RFC 7474 3
		h.Auth = [8]byte{3: byte(trailer), 7: k.ID}
	}
	start := len(dst)
	out := packet.Append(dst, h, body)
	if len(out) == start || len(out)-start+trailer > packet.MaxLen {
		return dst
	}
	if h.AuType == packet.AuSimple {
		return out
	}
	if h.AuType == packet.AuExtended {
		out = binary.BigEndian.AppendUint64(out, sequence)
	}
	return append(out, s.digest(k, out[start:], src)...)
}
