package packet

import "encoding/binary"

const lsUpdateLen = 4 // the count, without LSAs

// LSUpdate is the body of a Link State Update packet (RFC 2328 A.3.5). The
// slices alias the received datagram; whoever keeps one must copy it. Each is cut
// at the LSA's own length field, which was checked to be at least 20 and to lie
// within the packet; nothing else about the LSA was checked: see [CheckLSA].
type LSUpdate struct {
	LSAs [][]byte
	// Truncated says that the packet counted more LSAs, but the next one had an
	// impossible length, so that nothing behind it could be read. It is not encoded.
	Truncated bool
}

// Type is [TypeLSUpdate].
func (*LSUpdate) Type() Type { return TypeLSUpdate }

func decodeLSUpdate(b []byte) (*LSUpdate, error) {
	if len(b) < lsUpdateLen {
		return nil, fail(BadLength, "link state update of %d bytes, at least %d",
			HeaderLen+len(b), HeaderLen+lsUpdateLen)
	}
	count, rest := binary.BigEndian.Uint32(b), b[lsUpdateLen:]
	if room := len(rest) / LSAHeaderLen; uint64(count) > uint64(room) {
		return nil, fail(BadLSACount, "%d LSAs counted, room for %d", count, room)
	}
	u := &LSUpdate{}
	if count > 0 {
		u.LSAs = make([][]byte, 0, count)
	}
	for i := range count {
		if len(rest) < LSAHeaderLen {
			return nil, fail(BadLSACount, "%d LSAs counted, %d present", count, i)
		}
		n := int(binary.BigEndian.Uint16(rest[18:]))
		if n < LSAHeaderLen || n > len(rest) {
			u.Truncated = true
			break
		}
		u.LSAs = append(u.LSAs, rest[:n:n])
		rest = rest[n:]
	}
	return u, nil
}

func (u *LSUpdate) bodyLen() int {
	n := lsUpdateLen
	for _, raw := range u.LSAs {
		n += len(raw)
	}
	return n
}

func (u *LSUpdate) appendBody(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(u.LSAs)))
	for _, raw := range u.LSAs {
		dst = append(dst, raw...)
	}
	return dst
}
