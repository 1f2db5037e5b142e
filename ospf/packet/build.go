package packet

// LSABody is the body of an LSA that [BuildLSA] can encode: [RouterLSA],
// [NetworkLSA], [SummaryLSA], [ExternalLSA], [RouterInfoLSA] or [OpaqueLSA].
type LSABody interface {
	bodyLen() int
	appendBody(dst []byte) []byte
}

// OpaqueLSA is the body of a type 9, 10 or 11 LSA (RFC 5250), uninterpreted.
// Its length is a multiple of 4.
type OpaqueLSA []byte

func (o OpaqueLSA) bodyLen() int { return len(o) }

func (o OpaqueLSA) appendBody(dst []byte) []byte { return append(dst, o...) }

// BuildLSA encodes a complete LSA with its length and checksum; those two fields
// of h are not looked at. The caller sees to it that h.Type fits the body. It
// returns nil when the LSA would be longer than [MaxLSALen].
func BuildLSA(h LSAHeader, body LSABody) []byte {
	n := LSAHeaderLen + body.bodyLen()
	if n > MaxLSALen {
		return nil
	}
	h.Length = uint16(n)
	raw := body.appendBody(h.Append(make([]byte, 0, n)))
	SetChecksum(raw)
	return raw
}
