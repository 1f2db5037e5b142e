package packet

// LSAck is the body of a Link State Acknowledgment packet (RFC 2328 A.3.6).
// The headers are kept as received.
type LSAck struct {
	Headers []LSAHeader
}

// Type is [TypeLSAck].
func (*LSAck) Type() Type { return TypeLSAck }

func decodeLSAck(b []byte) (*LSAck, error) {
	if len(b)%LSAHeaderLen != 0 {
		return nil, fail(BadLength, "link state acknowledgment of %d bytes, not %d + %d x n",
			HeaderLen+len(b), HeaderLen, LSAHeaderLen)
	}
	return &LSAck{Headers: readHeaders(b)}, nil
}

func (a *LSAck) bodyLen() int { return LSAHeaderLen * len(a.Headers) }

func (a *LSAck) appendBody(dst []byte) []byte { return appendHeaders(dst, a.Headers) }
