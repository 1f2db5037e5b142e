package packet

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
)

// ID is a router id, area id or link state id: 32 bits written as a dotted quad.
type ID uint32

// ParseID reads a dotted quad.
func ParseID(s string) (ID, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("%q is not a dotted quad like 10.0.0.1", s)
	}
	return IDFromAddr(a), nil
}

// IDFromAddr takes the 32 bits of an IPv4 address; 0 for anything else.
func IDFromAddr(a netip.Addr) ID {
	if !a.Is4() && !a.Is4In6() {
		return 0
	}
	b := a.As4()
	return ID(binary.BigEndian.Uint32(b[:]))
}

// Addr is the IPv4 address with the same 32 bits.
func (id ID) Addr() netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(id))
	return netip.AddrFrom4(b)
}

// String writes the dotted quad.
func (id ID) String() string { return id.Addr().String() }

// MarshalText writes the dotted quad.
func (id ID) MarshalText() ([]byte, error) { return id.Addr().MarshalText() }

// UnmarshalText is [ParseID].
func (id *ID) UnmarshalText(text []byte) error {
	v, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = v
	return nil
}

// Compare orders ids as unsigned numbers, as the designated router election
// and the master of a database exchange do.
func (id ID) Compare(other ID) int { return cmp.Compare(id, other) }

// MaskLen counts the leading ones of a network mask; ok is false when the
// mask is not contiguous.
func MaskLen(mask ID) (n int, ok bool) {
	n = bits.LeadingZeros32(^uint32(mask))
	return n, mask == MaskOf(n)
}

// MaskOf is the network mask with n leading ones, 0 to 32; n outside is taken
// as the nearest of these.
func MaskOf(n int) ID {
	n = min(max(n, 0), 32)
	return ID(^uint32(0) << (32 - n))
}

// isRouter says whether id can name a router: not 0.0.0.0, not
// 255.255.255.255, not multicast.
func isRouter(id ID) bool {
	return id != 0 && id != 0xffffffff && id>>28 != 0xe
}

// readID reads the first four bytes of b.
func readID(b []byte) ID { return ID(binary.BigEndian.Uint32(b)) }

// appendID appends id in network order.
func appendID(dst []byte, id ID) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(id))
}

// appendAddr appends an IPv4 address, 0.0.0.0 for the zero value.
func appendAddr(dst []byte, a netip.Addr) []byte {
	return appendID(dst, IDFromAddr(a))
}
