// Package dissect takes OSPFv2 packets and LSAs apart for people: a tree of named
// values (fields.go), drawn as text or JSON from the same source. packet.go knows
// the packets, lsa.go the LSAs, tlv.go what opaque LSAs and LLS blocks carry.
//
// What is malformed is shown as far as it can be read, together with what is
// wrong with it.
package dissect

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Packet takes one OSPF packet apart, with what follows its length: a digest, an
// LLS block. An error says what is malformed; the fields are then what could be
// read. Passwords are not shown.
func Packet(b []byte) (Fields, error) {
	var f Fields
	if len(b) < packet.HeaderLen {
		return f, fmt.Errorf("%d bytes are no OSPF packet, whose header has %d", len(b), packet.HeaderLen)
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	f.add("type", packet.Type(b[1]).String())
	f.add("length", length)
	f.add("routerId", id(b[4:]))
	f.add("area", id(b[8:]))
	f.add("checksum", fmt.Sprintf("0x%04x", binary.BigEndian.Uint16(b[12:])))
	if b[14] != 0 {
		f.add("instance", int(b[14])) // RFC 6549
	}
	authentication(&f, b)
	_, body, err := packet.Decode(b)
	if err != nil {
		return f, err
	}
	switch body := body.(type) {
	case *packet.Hello:
		hello(&f, body)
	case *packet.DBDesc:
		dbDesc(&f, body)
	case *packet.LSReq:
		requests(&f, body)
	case *packet.LSUpdate:
		err = update(&f, body)
	case *packet.LSAck:
		f.add("lsas", headers(body.Headers))
	}
	return f, firstError(err, trailer(&f, b, length, body))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func id(b []byte) string { return packet.ID(binary.BigEndian.Uint32(b)).String() }

// authentication shows RFC 2328 D.3 and, for type 3, RFC 7474.
func authentication(f *Fields, b []byte) {
	switch kind := b[15]; kind {
	case packet.AuNull:
		f.add("authentication", "none")
	case packet.AuSimple:
		f.add("authentication", "simple")
	case packet.AuCrypto:
		f.add("authentication", "cryptographic")
		f.add("keyId", int(b[18]))
		f.add("digestLength", int(b[19]))
		f.add("sequence", binary.BigEndian.Uint32(b[20:]))
	case packet.AuExtended:
		f.add("authentication", "cryptographic, extended sequence numbers")
		f.add("keyId", binary.BigEndian.Uint32(b[20:]))
		f.add("digestLength", int(b[19]))
	default:
		f.add("authentication", fmt.Sprintf("type-%d", kind))
	}
}

func hello(f *Fields, h *packet.Hello) {
	f.add("options", options(h.Options))
	f.add("mask", h.Mask.String())
	f.add("helloInterval", int(h.HelloInterval))
	f.add("deadInterval", h.DeadInterval)
	f.add("priority", int(h.Priority))
	f.add("dr", h.DR.String())
	f.add("bdr", h.BDR.String())
	neighbors := []string{}
	for _, n := range h.Neighbors {
		neighbors = append(neighbors, n.String())
	}
	f.add("neighbors", neighbors)
}

func dbDesc(f *Fields, d *packet.DBDesc) {
	f.add("options", options(d.Options))
	f.add("mtu", int(d.MTU))
	flags := []string{}
	for _, bit := range []struct {
		flag packet.DDFlags
		name string
	}{{packet.DDInit, "I"}, {packet.DDMore, "M"}, {packet.DDMaster, "MS"}} {
		if d.Flags&bit.flag != 0 {
			flags = append(flags, bit.name)
		}
	}
	f.add("flags", flags)
	f.add("ddSequence", d.Seq)
	f.add("lsas", headers(d.Headers))
}

func requests(f *Fields, r *packet.LSReq) {
	list := []Fields{}
	for _, k := range r.Keys {
		list = append(list, Fields{
			{"type", k.Type.String()}, {"linkStateId", k.ID.String()}, {"advertisingRouter", k.Adv.String()},
		})
	}
	f.add("requests", list)
}

func update(f *Fields, u *packet.LSUpdate) error {
	list := []Fields{}
	var wrong error
	for i, raw := range u.LSAs {
		lsa, err := LSA(raw)
		if err != nil {
			lsa.add("malformed", err.Error())
			wrong = firstError(wrong, fmt.Errorf("LSA %d: %w", i+1, err))
		}
		list = append(list, lsa)
	}
	f.add("lsas", list)
	if u.Truncated {
		wrong = firstError(wrong, fmt.Errorf("the packet counts more LSAs than can be found in it"))
	}
	return wrong
}

func headers(list []packet.LSAHeader) []Fields {
	out := []Fields{}
	for _, h := range list {
		out = append(out, lsaHeader(h))
	}
	return out
}

var optionBits = []struct {
	bit  packet.Options
	name string
}{
	{packet.OptDN, "DN"}, {packet.OptO, "O"}, {packet.OptDC, "DC"}, {packet.OptL, "L"},
	{packet.OptNP, "N/P"}, {packet.OptMC, "MC"}, {packet.OptE, "E"}, {packet.OptMT, "MT"},
}

func options(o packet.Options) []string {
	names := []string{}
	for _, b := range optionBits {
		if o&b.bit != 0 {
			names = append(names, b.name)
		}
	}
	return names
}

// trailer shows what follows the packet: the digest, whose length is not the
// packet's (RFC 2328 D.4.3), and an LLS block (RFC 5613 2).
func trailer(f *Fields, b []byte, length int, body packet.Body) error {
	rest := b[length:]
	digest := 0
	switch b[15] {
	case packet.AuCrypto, packet.AuExtended:
		digest = int(b[19])
	}
	if digest > len(rest) {
		return fmt.Errorf("digest of %d bytes, %d follow the packet", digest, len(rest))
	}
	if b[15] == packet.AuExtended && digest >= 8 { // RFC 7474 3: the sequence number counts towards the length
		f.add("sequence", binary.BigEndian.Uint64(rest))
		f.add("digest", hex.EncodeToString(rest[8:digest]))
	} else if digest > 0 {
		f.add("digest", hex.EncodeToString(rest[:digest]))
	}
	var o packet.Options
	switch body := body.(type) {
	case *packet.Hello:
		o = body.Options
	case *packet.DBDesc:
		o = body.Options
	}
	if o&packet.OptL == 0 {
		return nil
	}
	fields, err := lls(rest[digest:], b[15] >= packet.AuCrypto)
	if fields != nil {
		f.add("lls", fields)
	}
	return err
}
