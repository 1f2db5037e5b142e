package packet

import (
	"encoding/binary"
	"fmt"
)

const (
	routerLen     = 4  // without links
	routerLinkLen = 12 // without TOS metrics
	routerTOSLen  = 4
)

// RouterLSA is the body of a type 1 LSA (RFC 2328 A.4.2).
type RouterLSA struct {
	Flags RouterFlags
	Links []RouterLink
}

// RouterFlags are the V, E and B bits of a router-LSA, and Nt of RFC 3101.
type RouterFlags uint8

// Router-LSA flags.
const (
	RouterB  RouterFlags = 0x01
	RouterE  RouterFlags = 0x02
	RouterV  RouterFlags = 0x04
	RouterNt RouterFlags = 0x10
)

// LinkType is the type of one link in a router-LSA.
type LinkType uint8

// Router-LSA link types.
const (
	LinkPointToPoint LinkType = 1
	LinkTransit      LinkType = 2
	LinkStub         LinkType = 3
	LinkVirtual      LinkType = 4
)

// String is the name of the link type.
func (t LinkType) String() string {
	switch t {
	case LinkPointToPoint:
		return "point-to-point"
	case LinkTransit:
		return "transit"
	case LinkStub:
		return "stub"
	case LinkVirtual:
		return "virtual"
	}
	return fmt.Sprintf("type-%d", uint8(t))
}

// RouterLink is one link of a router-LSA. TOS metrics are skipped on decoding.
// The type may be one that RFC 2328 does not define.
type RouterLink struct {
	ID     ID // neighbour router id, DR address, or network
	Data   ID // own address, ifindex, or mask
	Type   LinkType
	Metric uint16
}

// DecodeRouterLSA decodes a complete type 1 LSA, header included, whose body
// must be well formed.
func DecodeRouterLSA(raw []byte) (RouterLSA, error) {
	b, err := bodyOf(raw, LSRouter, LSRouter)
	if err != nil {
		return RouterLSA{}, err
	}
	r := RouterLSA{Flags: RouterFlags(b[0])}
	if n := binary.BigEndian.Uint16(b[2:]); n > 0 {
		r.Links = make([]RouterLink, n)
	}
	b = b[routerLen:]
	for i := range r.Links {
		r.Links[i] = RouterLink{
			ID:     readID(b),
			Data:   readID(b[4:]),
			Type:   LinkType(b[8]),
			Metric: binary.BigEndian.Uint16(b[10:]),
		}
		b = b[routerLinkLen+routerTOSLen*int(b[9]):]
	}
	return r, nil
}

// checkRouter checks that the links fill the body exactly.
func checkRouter(b []byte) error {
	if len(b) < routerLen {
		return fail(BadLSALength, "router-LSA of %d bytes, at least %d", LSAHeaderLen+len(b), LSAHeaderLen+routerLen)
	}
	n, rest := binary.BigEndian.Uint16(b[2:]), b[routerLen:]
	for i := range n {
		if len(rest) < routerLinkLen {
			return fail(BadLSABody, "router-LSA with %d links, the bytes end in link %d", n, i+1)
		}
		size := routerLinkLen + routerTOSLen*int(rest[9])
		if len(rest) < size {
			return fail(BadLSABody, "router-LSA with %d links, the bytes end in the TOS metrics of link %d", n, i+1)
		}
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return fail(BadLSABody, "router-LSA with %d links and %d bytes behind them", n, len(rest))
	}
	return nil
}

func (r RouterLSA) bodyLen() int { return routerLen + routerLinkLen*len(r.Links) }

func (r RouterLSA) appendBody(dst []byte) []byte {
	dst = append(dst, byte(r.Flags), 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Links)))
	for _, l := range r.Links {
		dst = appendID(dst, l.ID)
		dst = appendID(dst, l.Data)
		dst = append(dst, byte(l.Type), 0)
		dst = binary.BigEndian.AppendUint16(dst, l.Metric)
	}
	return dst
}
