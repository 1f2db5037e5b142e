package dissect

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// tlvType is a known type of TLV and how its value is shown.
type tlvType struct {
	name string
	show func(value []byte) (string, bool)
}

// Grace-LSA (RFC 3623 appendix A).
var graceTLVs = map[uint16]tlvType{
	1: {"grace-period", number},
	2: {"restart-reason", number},
	3: {"ip-interface-address", address},
}

// Router information (RFC 7770 2.4, RFC 5642).
var routerInfoTLVs = map[uint16]tlvType{
	1: {"informational-capabilities", bits},
	2: {"functional-capabilities", bits},
	7: {"dynamic-hostname", text},
}

// LLS (RFC 5613 2.4).
var llsTLVs = map[uint16]tlvType{
	1: {"extended-options", extendedOptions},
	2: {"cryptographic-authentication", llsSignature},
}

func number(b []byte) (string, bool) {
	if len(b) == 0 || len(b) > 8 {
		return "", false
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return strconv.FormatUint(n, 10), true
}

func address(b []byte) (string, bool) {
	if len(b) != 4 {
		return "", false
	}
	return id(b), true
}

func bits(b []byte) (string, bool) { return "0x" + hex.EncodeToString(b), true }

func text(b []byte) (string, bool) { return strconv.Quote(string(b)), true }

// tlvs reads type-length-value records padded to 4 bytes. What is left over is
// no such record.
func tlvs(b []byte, known map[uint16]tlvType) (list []Fields, rest []byte) {
	list = []Fields{}
	for len(b) >= 4 {
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if 4+n > len(b) {
			break
		}
		value := b[4 : 4+n]
		name, shown := fmt.Sprintf("type-%d", kind), hex.EncodeToString(value)
		if t, ok := known[kind]; ok {
			if s, ok := t.show(value); ok {
				name, shown = t.name, s
			}
		}
		list = append(list, Fields{{"type", name}, {"length", n}, {"value", shown}})
		b = b[min(len(b), 4+(n+3)&^3):]
	}
	return list, b
}

// lls reads an LLS block: checksum, length in words, TLVs (RFC 5613 2.2). What is wrong with it comes
// with what could be read.
func lls(b []byte, signed bool) (Fields, error) {
	_, err := packet.DecodeLLS(b, signed)
	if len(b) < 4 {
		return nil, err
	}
	n := 4 * int(binary.BigEndian.Uint16(b[2:]))
	list, _ := tlvs(b[4:max(4, min(n, len(b)))], llsTLVs)
	return Fields{{"checksum", fmt.Sprintf("0x%04x", binary.BigEndian.Uint16(b))}, {"length", n}, {"tlvs", list}}, err
}

// extendedOptions shows the bits of RFC 5613 2.4.
func extendedOptions(b []byte) (string, bool) {
	if len(b) != 4 {
		return "", false
	}
	return packet.ExtendedOptions(binary.BigEndian.Uint32(b)).String(), true
}

// llsSignature shows the sequence number and the digest of RFC 5613 2.5.
func llsSignature(b []byte) (string, bool) {
	if len(b) < 4 {
		return "", false
	}
	return fmt.Sprintf("sequence %d, digest %x", binary.BigEndian.Uint32(b), b[4:]), true
}
