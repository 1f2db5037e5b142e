package packet

import "encoding/binary"

const dbDescLen = 8 // without LSA headers

// DBDesc is the body of a Database Description packet (RFC 2328 A.3.3). The
// headers are kept as received, whatever their type, age and length.
type DBDesc struct {
	MTU     uint16 // bytes, IP; 0 over virtual links
	Options Options
	Flags   DDFlags
	Seq     uint32
	Headers []LSAHeader
}

// DDFlags are the I, M and MS bits of a Database Description packet.
type DDFlags uint8

// Database Description flags (RFC 2328 A.3.3).
const (
	DDMaster DDFlags = 0x01
	DDMore   DDFlags = 0x02
	DDInit   DDFlags = 0x04
)

// Type is [TypeDBDesc].
func (*DBDesc) Type() Type { return TypeDBDesc }

func decodeDBDesc(b []byte) (*DBDesc, error) {
	if len(b) < dbDescLen || (len(b)-dbDescLen)%LSAHeaderLen != 0 {
		return nil, fail(BadLength, "database description of %d bytes, not %d + %d x n",
			HeaderLen+len(b), HeaderLen+dbDescLen, LSAHeaderLen)
	}
	return &DBDesc{
		MTU:     binary.BigEndian.Uint16(b),
		Options: Options(b[2]),
		Flags:   DDFlags(b[3]),
		Seq:     binary.BigEndian.Uint32(b[4:]),
		Headers: readHeaders(b[dbDescLen:]),
	}, nil
}

func (d *DBDesc) bodyLen() int { return dbDescLen + LSAHeaderLen*len(d.Headers) }

func (d *DBDesc) appendBody(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, d.MTU)
	dst = append(dst, byte(d.Options), byte(d.Flags))
	dst = binary.BigEndian.AppendUint32(dst, d.Seq)
	return appendHeaders(dst, d.Headers)
}
