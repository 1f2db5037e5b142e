package packet

import "fmt"

// Reason says why a packet or an LSA was refused; a closed list.
type Reason uint8

// Reasons of packets, from [PeekHeader], [Decode] and [DecodeLLS].
const (
	Truncated   Reason = iota + 1 // fewer bytes than the header, or than its length field says
	BadVersion                    // version is not 2
	BadType                       // packet type is not 1 to 5
	BadLength                     // length field does not fit the packet type
	BadChecksum                   // packet checksum is wrong
	BadRouterID                   // router id cannot name a router
	BadLSACount                   // a Link State Update counts more LSAs than it has room for
	BadLLS                        // an LLS block does not fit the bytes there
)

// Reasons of LSAs, from [DecodeLSAHeader], [CheckLSA] and the DecodeXxxLSA functions.
const (
	BadLSALength            Reason = iota + 32 // length differs from the bytes there, or does not fit the type
	BadLSAChecksum                             // checksum is 0 or wrong
	UnknownLSAType                             // type is not 1-5, 7, 9-11, or not the one to be decoded
	BadLSAAge                                  // age is above MaxAge
	BadLSASequence                             // sequence number is the reserved 0x80000000
	BadLSAAdvertisingRouter                    // advertising router cannot name a router
	BadLSAID                                   // link state id of a router-LSA is not its advertising router
	BadLSABody                                 // fields of the body contradict each other
)

// String is the reason in kebab case, for logs and counters.
func (r Reason) String() string {
	switch r {
	case Truncated:
		return "truncated"
	case BadVersion:
		return "bad-version"
	case BadType:
		return "bad-type"
	case BadLength:
		return "bad-length"
	case BadChecksum:
		return "bad-checksum"
	case BadRouterID:
		return "bad-router-id"
	case BadLSACount:
		return "bad-lsa-count"
	case BadLLS:
		return "bad-lls"
	case BadLSALength:
		return "bad-lsa-length"
	case BadLSAChecksum:
		return "bad-lsa-checksum"
	case UnknownLSAType:
		return "unknown-lsa-type"
	case BadLSAAge:
		return "bad-lsa-age"
	case BadLSASequence:
		return "bad-lsa-sequence"
	case BadLSAAdvertisingRouter:
		return "bad-lsa-advertising-router"
	case BadLSAID:
		return "bad-lsa-id"
	case BadLSABody:
		return "bad-lsa-body"
	}
	return fmt.Sprintf("reason-%d", uint8(r))
}

// Error is what every decoding function of this package fails with.
type Error struct {
	Reason Reason
	Detail string // the offending value and what was expected
}

// Error is "reason: detail".
func (e *Error) Error() string { return e.Reason.String() + ": " + e.Detail }

func fail(r Reason, format string, args ...any) error {
	return &Error{Reason: r, Detail: fmt.Sprintf(format, args...)}
}
