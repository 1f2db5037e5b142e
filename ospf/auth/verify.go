package auth

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Reason says why a packet is not authentic; a closed list.
type Reason uint8

// Reasons, in the order of the tests.
const (
	TypeMismatch Reason = iota + 1 // authentication type is not one of the scheme's
	UnknownKey                     // no key has the packet's key id
	InvalidKey                     // the key is not accepted at this time
	BadDigest                      // digest or password is wrong
)

// Error says why a packet is not authentic.
type Error struct {
	Reason Reason
	Detail string // for an operator; no secret is in it
}

// Error is the detail.
func (e *Error) Error() string { return e.Detail }

func fail(r Reason, format string, args ...any) error {
	return &Error{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// Proof is what the authentication of a packet says beside that it is right.
type Proof struct {
	AuType   uint16
	KeyID    uint8  // of authentication types 2 and 3
	Sequence uint64 // of authentication types 2 and 3
}

// Verify authenticates a received packet (RFC 2328 D.5), whose header was
// decoded from b. b may go on behind the packet; src is the source address of the IP header. The
// error is an [*Error]. Whether the sequence number is new is for the caller to tell.
func (s Scheme) Verify(b []byte, h packet.Header, src netip.Addr, wall time.Time) (Proof, error) {
	if !s.uses(h.AuType) {
		return Proof{}, fail(TypeMismatch, "authentication mismatch: neighbour uses %s, ours is %s", typeName(h.AuType), s.typeNames())
	}
	switch h.AuType {
	case packet.AuNull: // D.5.1; the checksum has been verified
		return Proof{}, nil
	case packet.AuSimple:
		return Proof{AuType: h.AuType}, s.verifyPassword(h, wall)
	}
	return s.verifyDigest(b, h, src, wall)
}

// uses tells whether packets of the authentication type are expected.
func (s Scheme) uses(auType uint16) bool {
	for _, k := range s.Keys {
		if s.auType(k) == auType {
			return true
		}
	}
	return len(s.Keys) == 0 && auType == packet.AuNull
}

// verifyPassword is D.5.2; all keys are compared, in the same time whatever they are.
func (s Scheme) verifyPassword(h packet.Header, wall time.Time) error {
	right, expired := 0, 0
	for n, k := range s.Keys {
		if k.Algorithm != Cleartext {
			continue
		}
		var password [8]byte
		copy(password[:], k.Secret.text)
		same := subtle.ConstantTimeCompare(password[:], h.Auth[:])
		if s.accepts(n, wall) {
			right |= same
		} else {
			expired |= same
		}
	}
	switch {
	case right == 1:
		return nil
	case expired == 1:
		return fail(InvalidKey, "neighbour sends a simple password that we do not accept at this time")
	}
	return fail(BadDigest, "simple password differs from ours")
}

// verifyDigest is D.5.3 (1) and (3), RFC 5709 3.3 and RFC 7474 5.
func (s Scheme) verifyDigest(b []byte, h packet.Header, src netip.Addr, wall time.Time) (Proof, error) {
	id, length := uint32(h.Auth[2]), int(h.Auth[3])
	if h.AuType == packet.AuExtended {
		id = binary.BigEndian.Uint32(h.Auth[4:])
	}
	n := s.find(id)
	if n < 0 {
		return Proof{}, fail(UnknownKey, "neighbour sends key %d, which we do not have", id)
	}
	k := s.Keys[n]
	if !s.accepts(n, wall) {
		return Proof{}, fail(InvalidKey, "neighbour sends key %d, which we accept only %s", id, k.Accept)
	}
	if want := s.trailerLen(k); length != want {
		return Proof{}, fail(BadDigest, "neighbour sends key %d with %d bytes of authentication, ours is %s with %d: the algorithms differ", id, length, k.Algorithm, want)
	}
	end := int(binary.BigEndian.Uint16(b[2:])) // within b: the header was decoded
	if len(b)-end < length {
		return Proof{}, fail(BadDigest, "%d bytes of authentication where %d were announced", len(b)-end, length)
	}
	signed := end + length - k.Algorithm.DigestLen()
	if subtle.ConstantTimeCompare(s.digest(k, b[:signed], src), b[signed:end+length]) != 1 {
		return Proof{}, fail(BadDigest, "digest of key %d is wrong: the secrets or the algorithms differ, ours is %s", id, k.Algorithm)
	}
	p := Proof{AuType: h.AuType, KeyID: k.ID, Sequence: uint64(binary.BigEndian.Uint32(h.Auth[4:]))}
	if h.AuType == packet.AuExtended {
		p.Sequence = binary.BigEndian.Uint64(b[end:])
	}
	return p, nil
}

// VerifyLLS reads the block of link-local signalling behind a packet that was proved authentic (RFC 5613 2.2, 2.5). Behind
// a digest it has a signature with the packet's sequence number; of extended ones the lower half. The error
// says why the block is to be ignored.
func (s Scheme) VerifyLLS(b []byte, p Proof, src netip.Addr) (packet.LLS, error) {
	block := b[binary.BigEndian.Uint16(b[2:]):]
	if p.AuType < packet.AuCrypto {
		return packet.DecodeLLS(block, false)
	}
	k := s.Keys[s.find(uint32(p.KeyID))]
	block = block[s.trailerLen(k):]
	l, err := packet.DecodeLLS(block, true)
	switch {
	case err != nil:
		return packet.LLS{}, err
	case l.Signature == nil:
		return packet.LLS{}, fail(BadDigest, "LLS block without a signature behind a packet with a digest")
	case l.Signature.Sequence != uint32(p.Sequence):
		return packet.LLS{}, fail(BadDigest, "LLS block of sequence number %d behind a packet with %d", l.Signature.Sequence, p.Sequence)
	case subtle.ConstantTimeCompare(s.digest(k, block[:l.Signature.Signed], src), l.Signature.Digest) != 1:
		return packet.LLS{}, fail(BadDigest, "digest of the LLS block is wrong")
	}
	return l, nil
}

// find returns the index of the key for digests with this id, -1 when there is none.
func (s Scheme) find(id uint32) int {
	for n, k := range s.Keys {
		if k.Algorithm != Cleartext && uint32(k.ID) == id {
			return n
		}
	}
	return -1
}

func typeName(auType uint16) string {
	switch auType {
	case packet.AuNull:
		return "none"
	case packet.AuSimple:
		return "a simple password (type 1)"
	case packet.AuCrypto:
		return "digests (type 2)"
	case packet.AuExtended:
		return "digests with extended sequence numbers (type 3)"
	}
	return fmt.Sprintf("type %d", auType)
}

// typeNames lists the types that are expected.
func (s Scheme) typeNames() string {
	text := ""
	for t := uint16(packet.AuNull); t <= packet.AuExtended; t++ {
		if s.uses(t) {
			if text != "" {
				text += " or "
			}
			text += typeName(t)
		}
	}
	return text
}
