package packet

import (
	"encoding/binary"
	"fmt"
)

const (
	// HeaderLen is the length of the common packet header in bytes.
	HeaderLen = 24
	// MaxLen is the longest OSPF packet in bytes: an IPv4 datagram less a plain header.
	MaxLen = 0xffff - 20

	version = 2
)

// Type is the OSPF packet type (RFC 2328 A.3.1).
type Type uint8

// Packet types, RFC 2328 A.3.1.
const (
	TypeHello    Type = 1
	TypeDBDesc   Type = 2
	TypeLSReq    Type = 3
	TypeLSUpdate Type = 4
	TypeLSAck    Type = 5
)

// String is the name of the type as in RFC 9129.
func (t Type) String() string {
	switch t {
	case TypeHello:
		return "hello"
	case TypeDBDesc:
		return "database-description"
	case TypeLSReq:
		return "link-state-request"
	case TypeLSUpdate:
		return "link-state-update"
	case TypeLSAck:
		return "link-state-ack"
	}
	return fmt.Sprintf("type-%d", uint8(t))
}

// Options is the options field of Hello, Database Description and LSAs (RFC 2328 A.2).
type Options uint8

// Option bits: RFC 2328 A.2, RFC 3101 (NP), RFC 4576 (DN), RFC 5250 (O), RFC 5613 (L).
const (
	OptMT Options = 0x01
	OptE  Options = 0x02
	OptMC Options = 0x04
	OptNP Options = 0x08
	OptL  Options = 0x10
	OptDC Options = 0x20
	OptO  Options = 0x40
	OptDN Options = 0x80
)

// Header is the common packet header (RFC 2328 A.3.1) without the fields that
// follow from the encoding (version, length, checksum).
type Header struct {
	Type     Type
	RouterID ID
	AreaID   ID
	AuType   uint16 // 0 to 255: the upper byte is Instance
	Auth     [8]byte
	Instance uint8 // RFC 6549; 0 in RFC 2328
}

// AuType values, RFC 2328 appendix D and RFC 7474 9.
const (
	AuNull     = 0
	AuSimple   = 1
	AuCrypto   = 2
	AuExtended = 3
)

// Body is what follows the common header: [*Hello], [*DBDesc], [*LSReq],
// [*LSUpdate] or [*LSAck].
type Body interface {
	// Type is the packet type of the body.
	Type() Type
	bodyLen() int
	appendBody(dst []byte) []byte
}

// PeekHeader decodes and checks just the common header: version, type, length
// (a multiple of 4, not beyond b), router id and, for AuType 0 and 1, the
// checksum, which covers the whole packet. An error is an [*Error].
func PeekHeader(b []byte) (Header, error) {
	h, _, err := splitPacket(b)
	return h, err
}

// PeekInstance is the instance id of a packet (RFC 6549), of which nothing has been
// checked; 0 when it has none.
func PeekInstance(b []byte) uint8 {
	if len(b) < HeaderLen {
		return 0
	}
	return b[14]
}

// Decode checks the header as [PeekHeader] does and decodes the body. Bytes
// behind the packet's length are ignored: a digest (RFC 2328 D.4.3), an RFC 5613
// block. An error is an [*Error]. When only the body is wrong, the header is
// returned with the error; otherwise it is the zero value.
//
// An [LSUpdate] aliases b; the other bodies do not.
func Decode(b []byte) (Header, Body, error) {
	h, payload, err := splitPacket(b)
	if err != nil {
		return Header{}, nil, err
	}
	body, err := decodeBody(h.Type, payload)
	if err != nil {
		return h, nil, err
	}
	return h, body, nil
}

func decodeBody(t Type, b []byte) (Body, error) {
	switch t {
	case TypeHello:
		return decodeHello(b)
	case TypeDBDesc:
		return decodeDBDesc(b)
	case TypeLSReq:
		return decodeLSReq(b)
	case TypeLSUpdate:
		return decodeLSUpdate(b)
	default: // splitPacket lets no other type through
		return decodeLSAck(b)
	}
}

// splitPacket checks the common header and returns it with the payload, which ends
// where the length field says.
func splitPacket(b []byte) (Header, []byte, error) {
	if len(b) < HeaderLen {
		return Header{}, nil, fail(Truncated, "%d bytes, the header has %d", len(b), HeaderLen)
	}
	if b[0] != version {
		return Header{}, nil, fail(BadVersion, "version %d, not %d", b[0], version)
	}
	h := Header{
		Type:     Type(b[1]),
		RouterID: readID(b[4:]),
		AreaID:   readID(b[8:]),
		Instance: b[14],
		AuType:   uint16(b[15]),
		Auth:     [8]byte(b[16:24]),
	}
	if h.Type < TypeHello || h.Type > TypeLSAck {
		return Header{}, nil, fail(BadType, "packet type %d", h.Type)
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case n < HeaderLen || n%4 != 0:
		return Header{}, nil, fail(BadLength, "length %d", n)
	case n > len(b):
		return Header{}, nil, fail(Truncated, "length %d, %d bytes received", n, len(b))
	}
	// RFC 2328 D.4.3 (with cryptographic authentication the field is not used)
	if h.AuType == AuNull || h.AuType == AuSimple {
		if got, want := binary.BigEndian.Uint16(b[12:]), packetChecksum(b[:n]); got != want {
			return Header{}, nil, fail(BadChecksum, "checksum 0x%04x, calculated 0x%04x", got, want)
		}
	}
	if !isRouter(h.RouterID) {
		return Header{}, nil, fail(BadRouterID, "router id %s", h.RouterID)
	}
	return h, b[HeaderLen:n], nil
}

// Append encodes a packet with its length and checksum onto dst. The type is
// the body's; h.Type is not looked at. For AuType 2 and above the checksum is 0
// and the caller adds its digest behind the packet. A packet longer than
// [MaxLen] cannot be sent: dst comes back as it was.
func Append(dst []byte, h Header, body Body) []byte {
	n := HeaderLen + body.bodyLen()
	if n > MaxLen {
		return dst
	}
	start := len(dst)
	dst = append(dst, version, byte(body.Type()), byte(n>>8), byte(n))
	dst = appendID(dst, h.RouterID)
	dst = appendID(dst, h.AreaID)
	dst = append(dst, 0, 0, h.Instance, byte(h.AuType))
	dst = append(dst, h.Auth[:]...)
	dst = body.appendBody(dst)
	if h.AuType == AuNull || h.AuType == AuSimple {
		p := dst[start:]
		binary.BigEndian.PutUint16(p[12:], packetChecksum(p))
	}
	return dst
}
