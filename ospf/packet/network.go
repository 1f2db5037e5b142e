package packet

const networkLen = 4 // the mask, without routers

// NetworkLSA is the body of a type 2 LSA (RFC 2328 A.4.3).
type NetworkLSA struct {
	Mask    ID   // may be non-contiguous: see [MaskLen]
	Routers []ID // as received, duplicates included
}

// DecodeNetworkLSA decodes a complete type 2 LSA, header included, whose body
// must be well formed.
func DecodeNetworkLSA(raw []byte) (NetworkLSA, error) {
	b, err := bodyOf(raw, LSNetwork, LSNetwork)
	if err != nil {
		return NetworkLSA{}, err
	}
	return NetworkLSA{Mask: readID(b), Routers: readIDs(b[networkLen:])}, nil
}

func checkNetwork(b []byte) error {
	if len(b) < networkLen || len(b)%4 != 0 {
		return fail(BadLSALength, "network-LSA of %d bytes, not %d + 4 x n", LSAHeaderLen+len(b), LSAHeaderLen+networkLen)
	}
	return nil
}

func (n NetworkLSA) bodyLen() int { return networkLen + 4*len(n.Routers) }

func (n NetworkLSA) appendBody(dst []byte) []byte {
	dst = appendID(dst, n.Mask)
	for _, id := range n.Routers {
		dst = appendID(dst, id)
	}
	return dst
}
