package dissect

import (
	"encoding/hex"
	"fmt"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// LSA takes one complete LSA apart. An error says what is malformed; the fields
// are then what could be read.
func LSA(raw []byte) (Fields, error) {
	h, err := packet.DecodeLSAHeader(raw)
	if err != nil {
		return nil, err
	}
	f := lsaHeader(h)
	if _, err := packet.CheckLSA(raw); err != nil {
		return f, err
	}
	switch h.Type {
	case packet.LSRouter:
		err = router(&f, raw)
	case packet.LSNetwork:
		err = network(&f, raw)
	case packet.LSSummary, packet.LSASBRSummary:
		err = summary(&f, h, raw)
	case packet.LSExternal, packet.LSNSSA:
		err = external(&f, h, raw)
	default: // 9 to 11: CheckLSA lets no other type through
		opaque(&f, h, raw[packet.LSAHeaderLen:])
	}
	return f, err
}

func lsaHeader(h packet.LSAHeader) Fields {
	f := Fields{
		{"type", h.Type.String()}, {"linkStateId", h.ID.String()}, {"advertisingRouter", h.Adv.String()},
		{"age", int(h.Age &^ packet.DoNotAge)},
	}
	if h.Age&packet.DoNotAge != 0 {
		f.add("doNotAge", true)
	}
	f.add("sequence", fmt.Sprintf("0x%08x", uint32(h.Seq)))
	f.add("checksum", fmt.Sprintf("0x%04x", h.Checksum))
	f.add("length", int(h.Length))
	f.add("options", options(h.Options))
	return f
}

var routerFlags = []struct {
	bit  packet.RouterFlags
	name string
}{{packet.RouterNt, "Nt"}, {packet.RouterV, "V"}, {packet.RouterE, "E"}, {packet.RouterB, "B"}}

func router(f *Fields, raw []byte) error {
	r, err := packet.DecodeRouterLSA(raw)
	if err != nil {
		return err
	}
	flags := []string{}
	for _, b := range routerFlags {
		if r.Flags&b.bit != 0 {
			flags = append(flags, b.name)
		}
	}
	f.add("flags", flags)
	links := []Fields{}
	for _, l := range r.Links {
		links = append(links, Fields{
			{"type", l.Type.String()}, {"linkId", l.ID.String()}, {"linkData", l.Data.String()}, {"metric", int(l.Metric)},
		})
	}
	f.add("links", links)
	return nil
}

func network(f *Fields, raw []byte) error {
	n, err := packet.DecodeNetworkLSA(raw)
	if err != nil {
		return err
	}
	f.add("mask", n.Mask.String())
	routers := []string{}
	for _, r := range n.Routers {
		routers = append(routers, r.String())
	}
	f.add("routers", routers)
	return nil
}

func summary(f *Fields, h packet.LSAHeader, raw []byte) error {
	s, err := packet.DecodeSummaryLSA(raw)
	if err != nil {
		return err
	}
	if h.Type == packet.LSSummary {
		prefix(f, h, s.Mask)
	}
	f.add("metric", s.Metric)
	return nil
}

func external(f *Fields, h packet.LSAHeader, raw []byte) error {
	e, err := packet.DecodeExternalLSA(raw)
	if err != nil {
		return err
	}
	prefix(f, h, e.Mask)
	kind := 1
	if e.Type2 {
		kind = 2
	}
	f.add("metricType", kind)
	f.add("metric", e.Metric)
	f.add("forwardingAddress", e.Forward.String())
	f.add("tag", e.Tag)
	return nil
}

// prefix shows the destination: host bits of the link state id may be set
// (RFC 2328 appendix E).
func prefix(f *Fields, h packet.LSAHeader, mask packet.ID) {
	n, ok := packet.MaskLen(mask)
	if !ok {
		f.add("mask", mask.String())
		return
	}
	f.add("prefix", fmt.Sprintf("%s/%d", h.ID&mask, n))
}

// Opaque types (IANA: OSPF Opaque LSA Option Types).
const (
	opaqueGrace      = 3 // RFC 3623
	opaqueRouterInfo = 4 // RFC 7770
)

func opaque(f *Fields, h packet.LSAHeader, body []byte) {
	kind := uint32(h.ID) >> 24
	f.add("opaqueType", kind)
	f.add("opaqueId", uint32(h.ID)&0xffffff)
	var names map[uint16]tlvType
	switch kind {
	case opaqueGrace:
		names = graceTLVs
	case opaqueRouterInfo:
		names = routerInfoTLVs
	}
	list, rest := tlvs(body, names)
	if names == nil || len(rest) > 0 {
		f.add("body", hex.EncodeToString(body))
		return
	}
	f.add("tlvs", list)
}
