package packet

import "encoding/binary"

const lsReqEntryLen = 12

// LSReq is the body of a Link State Request packet (RFC 2328 A.3.4). An entry
// whose 32-bit type does not fit an [LSType] has Type 0, which no LSA has.
type LSReq struct {
	Keys []Key
}

// Type is [TypeLSReq].
func (*LSReq) Type() Type { return TypeLSReq }

func decodeLSReq(b []byte) (*LSReq, error) {
	if len(b)%lsReqEntryLen != 0 {
		return nil, fail(BadLength, "link state request of %d bytes, not %d + %d x n",
			HeaderLen+len(b), HeaderLen, lsReqEntryLen)
	}
	r := &LSReq{}
	if len(b) > 0 {
		r.Keys = make([]Key, len(b)/lsReqEntryLen)
	}
	for i := range r.Keys {
		e := b[i*lsReqEntryLen:]
		t := binary.BigEndian.Uint32(e)
		if t > 0xff {
			t = 0
		}
		r.Keys[i] = Key{Type: LSType(t), ID: readID(e[4:]), Adv: readID(e[8:])}
	}
	return r, nil
}

func (r *LSReq) bodyLen() int { return lsReqEntryLen * len(r.Keys) }

func (r *LSReq) appendBody(dst []byte) []byte {
	for _, k := range r.Keys {
		dst = binary.BigEndian.AppendUint32(dst, uint32(k.Type))
		dst = appendID(dst, k.ID)
		dst = appendID(dst, k.Adv)
	}
	return dst
}
