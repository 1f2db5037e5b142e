package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// GraceID is the link state id of a Grace-LSA: opaque type 3, opaque id 0 (RFC 3623 appendix A).
const GraceID ID = opaqueGrace << 24

const opaqueGrace = 3

// TLV types of a Grace-LSA (RFC 3623 appendix A).
const (
	tlvGracePeriod   = 1
	tlvRestartReason = 2
	tlvGraceAddress  = 3
)

// MaxGracePeriod is the longest grace period: LSAs of a router that is away longer would
// age out (RFC 3623 2.1).
const MaxGracePeriod = LSRefreshTime * time.Second

// RestartReason says why a router restarts (RFC 3623 appendix A).
type RestartReason uint8

// Restart reasons.
const (
	RestartUnknown    RestartReason = 0 // an outage that nobody planned
	RestartSoftware   RestartReason = 1
	RestartUpgrade    RestartReason = 2
	RestartSwitchover RestartReason = 3 // to a redundant control processor
)

// String is the reason in words.
func (r RestartReason) String() string {
	switch r {
	case RestartUnknown:
		return "unplanned"
	case RestartSoftware:
		return "software restart"
	case RestartUpgrade:
		return "software upgrade"
	case RestartSwitchover:
		return "switchover to another control processor"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// GraceLSA is the body of a Grace-LSA (RFC 3623 appendix A).
type GraceLSA struct {
	Period  time.Duration // since the LSA's age was 0; whole seconds, at most [MaxGracePeriod]
	Reason  RestartReason
	Address netip.Addr // of the restarting router's interface; invalid on point-to-point and virtual links
}

func (g GraceLSA) bodyLen() int {
	n := 8 + 8
	if g.Address.IsValid() {
		n += 8
	}
	return n
}

func (g GraceLSA) appendBody(dst []byte) []byte {
	dst = appendTLV(dst, tlvGracePeriod, 4)
	dst = binary.BigEndian.AppendUint32(dst, uint32(g.Period/time.Second))
	dst = append(appendTLV(dst, tlvRestartReason, 1), byte(g.Reason), 0, 0, 0)
	if g.Address.IsValid() {
		dst = appendAddr(appendTLV(dst, tlvGraceAddress, 4), g.Address)
	}
	return dst
}

// IsGrace tells whether the key is that of a Grace-LSA.
func (k Key) IsGrace() bool { return k.Type == LSOpaqueLink && k.ID>>24 == opaqueGrace }

// DecodeGraceLSA reads a complete Grace-LSA, header included. Period and reason must be
// there (RFC 3623 appendix A), the period 1 s to [MaxGracePeriod]; TLVs of other types are
// passed over, and of several of one type the first counts.
func DecodeGraceLSA(raw []byte) (GraceLSA, error) {
	h, err := DecodeLSAHeader(raw)
	if err != nil {
		return GraceLSA{}, err
	}
	if !h.Key().IsGrace() {
		return GraceLSA{}, fail(UnknownLSAType, "%s is no Grace-LSA", h.Key())
	}
	var g GraceLSA
	seen := map[uint16]bool{}
	for b := raw[LSAHeaderLen:]; len(b) >= 4; {
		t, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			return GraceLSA{}, fail(BadLSABody, "TLV %d of %d bytes, %d are left", t, n, len(b))
		}
		if !seen[t] {
			seen[t] = true
			if err := g.read(t, b[:n]); err != nil {
				return GraceLSA{}, err
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	if !seen[tlvGracePeriod] || !seen[tlvRestartReason] {
		return GraceLSA{}, fail(BadLSABody, "a Grace-LSA has a period and a reason")
	}
	return g, nil
}

// read takes one TLV.
func (g *GraceLSA) read(t uint16, value []byte) error {
	want := map[uint16]int{tlvGracePeriod: 4, tlvRestartReason: 1, tlvGraceAddress: 4}
	if n, known := want[t]; !known {
		return nil
	} else if n != len(value) {
		return fail(BadLSABody, "TLV %d has %d bytes, not %d", t, len(value), n)
	}
	switch t {
	case tlvGracePeriod:
		g.Period = time.Duration(binary.BigEndian.Uint32(value)) * time.Second
		if g.Period < time.Second || g.Period > MaxGracePeriod {
			return fail(BadLSABody, "grace period %v, at least 1 s and at most %v", g.Period, MaxGracePeriod)
		}
	case tlvRestartReason:
		g.Reason = RestartReason(value[0])
	case tlvGraceAddress:
		g.Address = readID(value).Addr()
	}
	return nil
}
