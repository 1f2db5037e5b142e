package packet

import (
	"encoding/binary"
	"net/netip"
)

const helloLen = 20 // without neighbours

// Hello is the body of a Hello packet (RFC 2328 A.3.2).
type Hello struct {
	Mask          netip.Addr // network mask, kept as received
	HelloInterval uint16     // seconds
	Options       Options
	Priority      uint8
	DeadInterval  uint32 // seconds
	DR, BDR       netip.Addr
	Neighbors     []ID
}

// Type is [TypeHello].
func (*Hello) Type() Type { return TypeHello }

func decodeHello(b []byte) (*Hello, error) {
	if len(b) < helloLen {
		return nil, fail(BadLength, "hello of %d bytes, at least %d", HeaderLen+len(b), HeaderLen+helloLen)
	}
	return &Hello{
		Mask:          netip.AddrFrom4([4]byte(b[0:4])),
		HelloInterval: binary.BigEndian.Uint16(b[4:]),
		Options:       Options(b[6]),
		Priority:      b[7],
		DeadInterval:  binary.BigEndian.Uint32(b[8:]),
		DR:            netip.AddrFrom4([4]byte(b[12:16])),
		BDR:           netip.AddrFrom4([4]byte(b[16:20])),
		Neighbors:     readIDs(b[helloLen:]),
	}, nil
}

func (h *Hello) bodyLen() int { return helloLen + 4*len(h.Neighbors) }

func (h *Hello) appendBody(dst []byte) []byte {
	dst = appendAddr(dst, h.Mask)
	dst = binary.BigEndian.AppendUint16(dst, h.HelloInterval)
	dst = append(dst, byte(h.Options), h.Priority)
	dst = binary.BigEndian.AppendUint32(dst, h.DeadInterval)
	dst = appendAddr(dst, h.DR)
	dst = appendAddr(dst, h.BDR)
	for _, id := range h.Neighbors {
		dst = appendID(dst, id)
	}
	return dst
}

// readIDs reads all of b, a multiple of four bytes, as ids; nil when there are none.
func readIDs(b []byte) []ID {
	if len(b) == 0 {
		return nil
	}
	ids := make([]ID, len(b)/4)
	for i := range ids {
		ids[i] = readID(b[4*i:])
	}
	return ids
}
