package packet

import "encoding/binary"

const (
	externalLen    = 16 // mask and the metric for TOS 0 with forwarding address and tag
	externalTOSLen = 12
	externalE      = 0x80 // E bit: metric type 2
)

// ExternalLSA is the body of a type 5 or 7 LSA (RFC 2328 A.4.5, RFC 3101 2.4).
type ExternalLSA struct {
	Mask    ID     // may be non-contiguous: see [MaskLen]
	Type2   bool   // E bit: metric type 2
	Metric  uint32 // 24 bits; LSInfinity says unreachable
	Forward ID     // forwarding address; 0 means the advertising router
	Tag     uint32
}

// DecodeExternalLSA decodes a complete type 5 or 7 LSA, header included, whose
// body must be well formed. Metrics for a TOS other than 0 are skipped.
func DecodeExternalLSA(raw []byte) (ExternalLSA, error) {
	b, err := bodyOf(raw, LSExternal, LSNSSA)
	if err != nil {
		return ExternalLSA{}, err
	}
	return ExternalLSA{
		Mask:    readID(b),
		Type2:   b[4]&externalE != 0,
		Metric:  binary.BigEndian.Uint32(b[4:]) & metricMask,
		Forward: readID(b[8:]),
		Tag:     binary.BigEndian.Uint32(b[12:]),
	}, nil
}

func checkExternal(b []byte) error {
	if len(b) < externalLen || (len(b)-externalLen)%externalTOSLen != 0 {
		return fail(BadLSALength, "AS-external-LSA of %d bytes, not %d + %d x n",
			LSAHeaderLen+len(b), LSAHeaderLen+externalLen, externalTOSLen)
	}
	if tos := b[4] &^ externalE; tos != 0 {
		return fail(BadLSABody, "AS-external-LSA whose first metric is for TOS %d", tos)
	}
	return nil
}

func (e ExternalLSA) bodyLen() int { return externalLen }

func (e ExternalLSA) appendBody(dst []byte) []byte {
	metric := e.Metric & metricMask
	if e.Type2 {
		metric |= externalE << 24
	}
	dst = appendID(dst, e.Mask)
	dst = binary.BigEndian.AppendUint32(dst, metric)
	dst = appendID(dst, e.Forward)
	return binary.BigEndian.AppendUint32(dst, e.Tag)
}
