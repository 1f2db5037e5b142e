package packet

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// LLS is a block of link-local signalling behind a Hello or Database Description packet (RFC 5613).
type LLS struct {
	Options   ExtendedOptions
	Signature *LLSSignature // nil when there is none
}

// ExtendedOptions are the bits of the Extended Options and Flags TLV (RFC 5613 2.4).
type ExtendedOptions uint32

// Bits of extended options: RFC 4811 (out-of-band resynchronisation), RFC 4812 (restart signal).
const (
	ExtLR ExtendedOptions = 0x01
	ExtRS ExtendedOptions = 0x02
)

// String lists the bits by their names, "LR+RS"; "-" when there are none.
func (o ExtendedOptions) String() string {
	names := []string{}
	for _, b := range []struct {
		bit  ExtendedOptions
		name string
	}{{ExtLR, "LR"}, {ExtRS, "RS"}, {^(ExtLR | ExtRS), fmt.Sprintf("0x%x", uint32(o&^(ExtLR|ExtRS)))}} {
		if o&b.bit != 0 {
			names = append(names, b.name)
		}
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, "+")
}

// LLSSignature is the Cryptographic Authentication TLV (RFC 5613 2.5).
type LLSSignature struct {
	Sequence uint32 // that of the packet
	Signed   int    // length of what the digest is calculated over, from the start of the block
	Digest   []byte // aliases the block
}

const (
	llsHeaderLen = 4

	llsExtendedOptions = 1
	llsSignature       = 2
)

// DecodeLLS reads the block that begins at b, behind a packet and its digest. Unknown TLVs are
// passed over. Of signed blocks, those behind a packet with a digest, the checksum is not looked at
// (2.2). An error is an [*Error], and nothing of the block is to be believed.
func DecodeLLS(b []byte, signed bool) (LLS, error) {
	block, err := llsBlock(b)
	switch {
	case err != nil:
		return LLS{}, err
	case !signed && foldWords(block) != 0xffff:
		return LLS{}, fail(BadChecksum, "checksum of the LLS block 0x%04x", binary.BigEndian.Uint16(block))
	}
	var l LLS
	for at := llsHeaderLen; at < len(block); {
		if len(block)-at < 4 {
			return LLS{}, fail(BadLLS, "%d bytes behind the last TLV", len(block)-at)
		}
		kind, n := binary.BigEndian.Uint16(block[at:]), int(binary.BigEndian.Uint16(block[at+2:]))
		value := block[at+4:]
		if n > len(value) {
			return LLS{}, fail(BadLLS, "TLV %d of %d bytes where %d are", kind, n, len(value))
		}
		value = value[:n]
		switch {
		case l.Signature != nil && kind == llsSignature: // 2.5: the first one counts
		case l.Signature != nil:
			return LLS{}, fail(BadLLS, "TLV %d behind the signature", kind)
		case kind == llsExtendedOptions && n == 4:
			l.Options = ExtendedOptions(binary.BigEndian.Uint32(value))
		case kind == llsSignature && n > 4:
			l.Signature = &LLSSignature{Sequence: binary.BigEndian.Uint32(value), Signed: at + 8, Digest: value[4:]}
		case kind == llsExtendedOptions || kind == llsSignature:
			return LLS{}, fail(BadLLS, "TLV %d of %d bytes", kind, n)
		}
		at += 4 + (n+3)&^3
	}
	return l, nil
}

// llsBlock cuts the bytes of the block at the start of b out: its length field counts words of four bytes.
func llsBlock(b []byte) ([]byte, error) {
	if len(b) < llsHeaderLen {
		return nil, fail(BadLLS, "%d bytes where the L bit announces an LLS block", len(b))
	}
	n := 4 * int(binary.BigEndian.Uint16(b[2:]))
	if n < llsHeaderLen || n > len(b) {
		return nil, fail(BadLLS, "LLS block of %d bytes where %d are", n, len(b))
	}
	return b[:n], nil
}
