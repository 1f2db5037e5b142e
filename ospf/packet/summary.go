package packet

import "encoding/binary"

const (
	summaryLen    = 8 // mask and the metric for TOS 0
	summaryTOSLen = 4
	metricMask    = LSInfinity // metrics have 24 bits
)

// SummaryLSA is the body of a type 3 or 4 LSA (RFC 2328 A.4.4).
type SummaryLSA struct {
	Mask   ID     // may be non-contiguous: see [MaskLen]; without meaning in type 4
	Metric uint32 // 24 bits; LSInfinity says unreachable
}

// DecodeSummaryLSA decodes a complete type 3 or 4 LSA, header included, whose
// body must be well formed. Metrics for a TOS other than 0 are skipped.
func DecodeSummaryLSA(raw []byte) (SummaryLSA, error) {
	b, err := bodyOf(raw, LSSummary, LSASBRSummary)
	if err != nil {
		return SummaryLSA{}, err
	}
	return SummaryLSA{Mask: readID(b), Metric: binary.BigEndian.Uint32(b[4:]) & metricMask}, nil
}

func checkSummary(b []byte) error {
	if len(b) < summaryLen || (len(b)-summaryLen)%summaryTOSLen != 0 {
		return fail(BadLSALength, "summary-LSA of %d bytes, not %d + %d x n",
			LSAHeaderLen+len(b), LSAHeaderLen+summaryLen, summaryTOSLen)
	}
	if b[4] != 0 {
		return fail(BadLSABody, "summary-LSA whose first metric is for TOS %d", b[4])
	}
	return nil
}

func (s SummaryLSA) bodyLen() int { return summaryLen }

func (s SummaryLSA) appendBody(dst []byte) []byte {
	dst = appendID(dst, s.Mask)
	return binary.BigEndian.AppendUint32(dst, s.Metric&metricMask)
}
