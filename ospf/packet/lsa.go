package packet

import (
	"cmp"
	"encoding/binary"
	"fmt"
)

const (
	// LSAHeaderLen is the length of an LSA header in bytes.
	LSAHeaderLen = 20
	// MaxLSALen is the length of the longest LSA that a Link State Update can carry, in bytes.
	MaxLSALen = MaxLen - HeaderLen - lsUpdateLen
)

// LSType is the LS type field of an LSA (RFC 2328 A.4.1, RFC 3101, RFC 5250).
type LSType uint8

// LSA types.
const (
	LSRouter      LSType = 1
	LSNetwork     LSType = 2
	LSSummary     LSType = 3
	LSASBRSummary LSType = 4
	LSExternal    LSType = 5
	LSNSSA        LSType = 7
	LSOpaqueLink  LSType = 9
	LSOpaqueArea  LSType = 10
	LSOpaqueAS    LSType = 11
)

// String is the name of the type without "-LSA".
func (t LSType) String() string {
	switch t {
	case LSRouter:
		return "router"
	case LSNetwork:
		return "network"
	case LSSummary:
		return "summary"
	case LSASBRSummary:
		return "asbr-summary"
	case LSExternal:
		return "as-external"
	case LSNSSA:
		return "nssa"
	case LSOpaqueLink:
		return "opaque-link"
	case LSOpaqueArea:
		return "opaque-area"
	case LSOpaqueAS:
		return "opaque-as"
	}
	return fmt.Sprintf("type-%d", uint8(t))
}

// Architectural constants, RFC 2328 appendix B. Durations are in seconds.
const (
	MaxAge            = 3600
	CheckAge          = 300
	MaxAgeDiff        = 900
	LSRefreshTime     = 1800
	MinLSInterval     = 5
	MinLSArrival      = 1
	LSInfinity        = 0xffffff
	DoNotAge          = 0x8000      // RFC 1793
	InitialSeq    Seq = -0x7fffffff // 0x80000001
	MaxSeq        Seq = 0x7fffffff
	ReservedSeq   Seq = -0x80000000
)

// Seq is an LS sequence number: signed, linear (RFC 2328 12.1.6).
type Seq int32

// Key identifies an LSA within its flooding scope (RFC 2328 12.1).
type Key struct {
	Type LSType
	ID   ID // link state id
	Adv  ID // advertising router
}

// String is type, link state id and advertising router.
func (k Key) String() string { return fmt.Sprintf("%s %s adv %s", k.Type, k.ID, k.Adv) }

// Compare orders keys by type, link state id and advertising router.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Type, other.Type), cmp.Compare(k.ID, other.ID), cmp.Compare(k.Adv, other.Adv))
}

// LSAHeader is the header of every LSA (RFC 2328 A.4.1).
type LSAHeader struct {
	Age      uint16 // seconds; may carry the DoNotAge bit
	Options  Options
	Type     LSType
	ID       ID
	Adv      ID
	Seq      Seq
	Checksum uint16
	Length   uint16 // bytes, header included
}

// DecodeLSAHeader reads the first 20 bytes of b, without a judgement on the
// fields; it fails only when there are fewer.
func DecodeLSAHeader(b []byte) (LSAHeader, error) {
	if len(b) < LSAHeaderLen {
		return LSAHeader{}, fail(BadLSALength, "%d bytes, the header has %d", len(b), LSAHeaderLen)
	}
	return readHeader(b), nil
}

// readHeader reads a header from b, which is long enough.
func readHeader(b []byte) LSAHeader {
	_ = b[LSAHeaderLen-1]
	return LSAHeader{
		Age:      binary.BigEndian.Uint16(b),
		Options:  Options(b[2]),
		Type:     LSType(b[3]),
		ID:       readID(b[4:]),
		Adv:      readID(b[8:]),
		Seq:      Seq(binary.BigEndian.Uint32(b[12:])),
		Checksum: binary.BigEndian.Uint16(b[16:]),
		Length:   binary.BigEndian.Uint16(b[18:]),
	}
}

// readHeaders reads all of b, a multiple of LSAHeaderLen, as headers; nil when there are none.
func readHeaders(b []byte) []LSAHeader {
	if len(b) == 0 {
		return nil
	}
	hs := make([]LSAHeader, len(b)/LSAHeaderLen)
	for i := range hs {
		hs[i] = readHeader(b[i*LSAHeaderLen:])
	}
	return hs
}

// Append encodes the header onto dst as it stands.
func (h LSAHeader) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, h.Age)
	dst = append(dst, byte(h.Options), byte(h.Type))
	dst = appendID(dst, h.ID)
	dst = appendID(dst, h.Adv)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Seq))
	dst = binary.BigEndian.AppendUint16(dst, h.Checksum)
	return binary.BigEndian.AppendUint16(dst, h.Length)
}

func appendHeaders(dst []byte, hs []LSAHeader) []byte {
	for _, h := range hs {
		dst = h.Append(dst)
	}
	return dst
}

// Key is what the LSA is known by in a database.
func (h LSAHeader) Key() Key { return Key{Type: h.Type, ID: h.ID, Adv: h.Adv} }

// Compare says which of two instances of the same LSA is more recent (RFC 2328
// 13.1): positive when a is, negative when b is, zero when they are the same. It
// looks at sequence number, checksum and age. Ages count without the DoNotAge
// bit (RFC 1793 2.2), and above MaxAge as MaxAge.
func Compare(a, b LSAHeader) int {
	if c := cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Checksum, b.Checksum)); c != 0 {
		return c
	}
	ageA, ageB := plainAge(a.Age), plainAge(b.Age)
	switch {
	case ageA == ageB:
		return 0
	case ageA == MaxAge:
		return 1
	case ageB == MaxAge:
		return -1
	case max(ageA, ageB)-min(ageA, ageB) > MaxAgeDiff:
		return cmp.Compare(ageB, ageA) // the younger one
	}
	return 0
}

// plainAge is an age without the DoNotAge bit, at most MaxAge.
func plainAge(age uint16) uint16 { return min(age&^DoNotAge, MaxAge) }
