package packet

import (
	"encoding/binary"
	"iter"
)

// Router information (RFC 7770) travels in opaque LSAs of type 4.
const opaqueRouterInfo = 4

// RouterInfoID is the link state id of a router information LSA: opaque type 4
// and the first instance (RFC 7770 2.1).
const RouterInfoID ID = opaqueRouterInfo << 24

// TLV types of router information (RFC 7770 5.3). Multipath is ours, from the
// range for experiments, so that its value begins with a mark of our own.
const (
	tlvCapabilities = 1
	tlvHostname     = 7 // RFC 5642
	tlvMultipath    = 32770
)

// multipathMark opens the value of the multipath TLV: "ecmp", and a version.
const multipathMark = "ecmp\x01"

// Capabilities are the informational capabilities of a router (RFC 7770 2.5), bit 0 being the most significant one.
type Capabilities uint32

// Bits of informational capabilities.
const (
	CapGracefulRestart Capabilities = 1 << (31 - 0) // it restarts gracefully
	CapRestartHelper   Capabilities = 1 << (31 - 1) // it helps others that do
	CapStubRouter      Capabilities = 1 << (31 - 2) // RFC 6987
	CapPointToPointLAN Capabilities = 1 << (31 - 4) // RFC 5309
)

// FingerprintLen is the length of the fingerprint of a shared key, in bytes.
const FingerprintLen = 8

const (
	multipathLen       = 24
	multipathWeightLen = 12
)

// RouterInfoLSA is the body of a router information LSA with what this router
// says: its informational capabilities, its name and how it spreads flows.
type RouterInfoLSA struct {
	Capabilities Capabilities
	Hostname     string     // RFC 5642, at most [MaxHostname] bytes; empty: not told
	Multipath    *Multipath // nil: not told
}

// MaxHostname is the length of the longest name that is told (RFC 5642 3), in bytes.
const MaxHostname = 255

// Multipath is how a router chooses among equal-cost next hops.
type Multipath struct {
	Able      bool   // the kernel's hash has a seed that can be set
	Shared    bool   // it has the seed of the key that Fingerprint stands for
	Resilient bool   // the choice depends on what has been before
	Policy    uint8  // fib_multipath_hash_policy
	Fields    uint32 // fib_multipath_hash_fields under policy 3, else 0
	MaxPaths  uint16 // next hops of a route
	// Fingerprint is equal on routers with the same key.
	Fingerprint [FingerprintLen]byte
	// Weights are those that are not 1.
	Weights []LinkWeight
}

// LinkWeight is the share that a link of the router-LSA has in equal-cost sets.
type LinkWeight struct {
	ID, Data ID // of the link
	Type     LinkType
	Weight   uint8 // 1..254
}

// Flags of the multipath TLV.
const (
	multipathAble      = 0x01
	multipathShared    = 0x02
	multipathResilient = 0x04
)

func (r RouterInfoLSA) bodyLen() int {
	n := 8
	if r.Multipath != nil {
		n += 4 + multipathLen + multipathWeightLen*len(r.Multipath.Weights)
	}
	if r.Hostname != "" {
		n += 4 + (len(r.Hostname)+3)&^3
	}
	return n
}

func (r RouterInfoLSA) appendBody(dst []byte) []byte {
	dst = appendTLV(dst, tlvCapabilities, 4)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Capabilities))
	if r.Hostname != "" {
		dst = append(appendTLV(dst, tlvHostname, len(r.Hostname)), r.Hostname...)
		dst = append(dst, make([]byte, -len(r.Hostname)&3)...)
	}
	if r.Multipath != nil {
		dst = r.Multipath.append(dst)
	}
	return dst
}

func (m Multipath) append(dst []byte) []byte {
	dst = appendTLV(dst, tlvMultipath, multipathLen+multipathWeightLen*len(m.Weights))
	dst = append(dst, multipathMark...)
	dst = append(dst, m.flags(), m.Policy, 0)
	dst = binary.BigEndian.AppendUint32(dst, m.Fields)
	dst = binary.BigEndian.AppendUint16(dst, m.MaxPaths)
	dst = append(dst, 0, 0)
	dst = append(dst, m.Fingerprint[:]...)
	for _, w := range m.Weights {
		dst = appendID(dst, w.ID)
		dst = appendID(dst, w.Data)
		dst = append(dst, byte(w.Type), w.Weight, 0, 0)
	}
	return dst
}

func (m Multipath) flags() (bits byte) {
	if m.Able {
		bits |= multipathAble
	}
	if m.Shared {
		bits |= multipathShared
	}
	if m.Resilient {
		bits |= multipathResilient
	}
	return bits
}

func appendTLV(dst []byte, t, n int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(t))
	return binary.BigEndian.AppendUint16(dst, uint16(n))
}

// DecodeMultipath reads the multipath TLV of a complete router information LSA,
// header included; ok is false when the LSA is none or holds no such TLV. TLVs of
// other types are passed over (RFC 7770 2.3), and of several the first counts (3).
func DecodeMultipath(raw []byte) (m Multipath, ok bool) {
	for t, value := range routerInfoTLVs(raw) {
		if t == tlvMultipath {
			if m, ok = readMultipath(value); ok {
				return m, true
			}
		}
	}
	return Multipath{}, false
}

// DecodeHostname reads the name in a complete router information LSA (RFC 5642), of
// area or AS scope. It is what the wire says, not yet fit for a terminal; ok is
// false when there is none.
func DecodeHostname(raw []byte) (name string, ok bool) {
	for t, value := range routerInfoTLVs(raw) {
		if t == tlvHostname && len(value) > 0 && len(value) <= MaxHostname {
			return string(value), true
		}
	}
	return "", false
}

// routerInfoTLVs yields the TLVs of a router information LSA, nothing for other LSAs.
func routerInfoTLVs(raw []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		h, err := DecodeLSAHeader(raw)
		if err != nil || h.Type != LSOpaqueArea && h.Type != LSOpaqueAS || h.ID>>24 != opaqueRouterInfo {
			return
		}
		for b := raw[LSAHeaderLen:]; len(b) >= 4; {
			t, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
			if b = b[4:]; n > len(b) || !yield(t, b[:n]) {
				return
			}
			b = b[min((n+3)&^3, len(b)):]
		}
	}
}

func readMultipath(b []byte) (Multipath, bool) {
	if len(b) < multipathLen || string(b[:len(multipathMark)]) != multipathMark {
		return Multipath{}, false
	}
	flags := b[5]
	m := Multipath{
		Able: flags&multipathAble != 0, Shared: flags&multipathShared != 0, Resilient: flags&multipathResilient != 0,
		Policy: b[6], Fields: binary.BigEndian.Uint32(b[8:]), MaxPaths: binary.BigEndian.Uint16(b[12:]),
		Fingerprint: [FingerprintLen]byte(b[16:multipathLen]),
	}
	for b = b[multipathLen:]; len(b) >= multipathWeightLen; b = b[multipathWeightLen:] {
		m.Weights = append(m.Weights, LinkWeight{ID: readID(b), Data: readID(b[4:]), Type: LinkType(b[8]), Weight: b[9]})
	}
	return m, true
}
