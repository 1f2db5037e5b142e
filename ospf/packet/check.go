package packet

// CheckLSA judges one complete LSA as received: RFC 2328 13 (1) and (2), and the
// shape of the body as appendix A.4 says. The length field must equal len(raw)
// and be a multiple of 4, the checksum must be right and not 0, the type one of
// the [LSType] constants, the age at most MaxAge (the DoNotAge bit aside), the
// sequence number not the reserved one, the advertising router a possible
// router id, and the link state id of a router-LSA must be that same id.
//
// What it lets through, the DecodeXxxLSA function of its type can read. The
// error is an [*Error] with an LSA [Reason]; the header comes with it as soon as
// there are 20 bytes.
func CheckLSA(raw []byte) (LSAHeader, error) {
	h, err := DecodeLSAHeader(raw)
	if err != nil {
		return h, err
	}
	return h, checkLSA(h, raw)
}

func checkLSA(h LSAHeader, raw []byte) error {
	if int(h.Length) != len(raw) {
		return fail(BadLSALength, "length %d, %d bytes there", h.Length, len(raw))
	}
	// An update that carries such an LSA onwards is refused as a whole by its receivers.
	if h.Length%4 != 0 {
		return fail(BadLSALength, "length %d is not a multiple of 4", h.Length)
	}
	// RFC 2328 13 (1) and 12.1.7 (zero is never a valid checksum; FletcherChecksum never yields it)
	if want := FletcherChecksum(raw); h.Checksum != want {
		return fail(BadLSAChecksum, "checksum 0x%04x, calculated 0x%04x", h.Checksum, want)
	}
	switch {
	case !h.Type.known(): // RFC 2328 13 (2)
		return fail(UnknownLSAType, "LS type %d", h.Type)
	case h.Age&^DoNotAge > MaxAge:
		return fail(BadLSAAge, "age 0x%04x, at most %d", h.Age, MaxAge)
	case h.Seq == ReservedSeq: // RFC 2328 12.1.6
		return fail(BadLSASequence, "reserved sequence number 0x80000000")
	case !isRouter(h.Adv):
		return fail(BadLSAAdvertisingRouter, "advertising router %s", h.Adv)
	case h.Type == LSRouter && h.ID != h.Adv: // RFC 2328 12.4.1
		return fail(BadLSAID, "router-LSA %s of advertising router %s", h.ID, h.Adv)
	}
	return checkBody(h.Type, raw[LSAHeaderLen:])
}

// known says whether LSAs of the type are stored and flooded.
func (t LSType) known() bool {
	return t >= LSRouter && t <= LSExternal || t == LSNSSA || t >= LSOpaqueLink && t <= LSOpaqueAS
}

// checkBody checks the body of an LSA of a known type. Opaque bodies may be
// anything, also nothing (RFC 5250).
func checkBody(t LSType, body []byte) error {
	switch t {
	case LSRouter:
		return checkRouter(body)
	case LSNetwork:
		return checkNetwork(body)
	case LSSummary, LSASBRSummary:
		return checkSummary(body)
	case LSExternal, LSNSSA:
		return checkExternal(body)
	}
	return nil
}

// bodyOf returns the body of a complete LSA whose type is one of the two
// and whose body is well formed.
func bodyOf(raw []byte, t, or LSType) ([]byte, error) {
	h, err := DecodeLSAHeader(raw)
	if err != nil {
		return nil, err
	}
	if h.Type != t && h.Type != or {
		return nil, fail(UnknownLSAType, "LS type %d where %d or %d is decoded", h.Type, t, or)
	}
	body := raw[LSAHeaderLen:]
	return body, checkBody(h.Type, body)
}
