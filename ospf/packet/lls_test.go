package packet_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// TestLLS5613 is RFC 5613 2.2 to 2.5: what of a block is read, and what makes it worthless.
func TestLLS5613(t *testing.T) {
	for _, c := range []struct {
		name    string
		block   string
		signed  bool
		options packet.ExtendedOptions
		reason  packet.Reason
	}{
		{"LR", "fff6 0003 0001 0004 00000001", false, packet.ExtLR, 0},
		{"LR and RS", "fff4 0003 0001 0004 00000003", false, packet.ExtLR | packet.ExtRS, 0},
		{"empty", "fffe 0001", false, 0, 0},
		{"bytes behind it", "fffe 0001 ffffffff", false, 0, 0},
		{"unknown TLV, padded", "0000 0005 8000 0003 2a2a2a00 0001 0004 00000001", true, packet.ExtLR, 0},
		{"signed, no checksum", "0000 0003 0001 0004 00000001", true, packet.ExtLR, 0},
		{"signature", "0000 0006 0001 0004 00000002 0002 0008 00000009 01020304", true, packet.ExtRS, 0},
		{"checksum", "fff7 0003 0001 0004 00000001", false, 0, packet.BadChecksum},
		{"nothing", "", false, 0, packet.BadLLS},
		{"half a header", "fff6", false, 0, packet.BadLLS},
		{"length 0", "ffff 0000", false, 0, packet.BadLLS},
		{"length beyond the packet", "0000 0004 0001 0004 00000001", true, 0, packet.BadLLS},
		{"TLV length ffff", "0000 0003 0001 ffff 00000001", true, 0, packet.BadLLS},
		{"TLV length beyond the block", "0000 0003 0001 0008 00000001 00000000", true, 0, packet.BadLLS},
		{"options of 8 bytes", "0000 0004 0001 0008 00000001 00000000", true, 0, packet.BadLLS},
		{"signature without a digest", "0000 0003 0002 0004 00000009", true, 0, packet.BadLLS},
		{"two signatures", "0000 0009 0001 0004 00000002 0002 0008 00000009 01020304 0002 0008 0000000a 05060708", true, packet.ExtRS, 0},
		{"TLV behind the signature", "0000 0006 0002 0008 00000009 01020304 0001 0004 00000001", true, 0, packet.BadLLS},
	} {
		b := words(c.block)
		l, err := packet.DecodeLLS(b, c.signed)
		var e *packet.Error
		errors.As(err, &e)
		if (e == nil) != (c.reason == 0) || e != nil && e.Reason != c.reason || l.Options != c.options && e == nil {
			t.Errorf("%s: %+v, %v", c.name, l, err)
		}
		if (c.name == "signature" || c.name == "two signatures") && (l.Signature == nil || l.Signature.Sequence != 9 || l.Signature.Signed != 20 || !bytes.Equal(l.Signature.Digest, []byte{1, 2, 3, 4})) {
			t.Errorf("signature %+v", l.Signature)
		}
	}
	for o, want := range map[packet.ExtendedOptions]string{0: "-", 1: "LR", 3: "LR+RS", 0x10: "0x10", 0x12: "RS+0x10"} {
		if o.String() != want {
			t.Errorf("%d is %q", o, o)
		}
	}
}

// FuzzDecodeLLS reads any bytes; what is read stays inside them.
func FuzzDecodeLLS(f *testing.F) {
	f.Add(words("fff6 0003 0001 0004 00000001"), false)
	f.Add(words("0000 0006 0001 0004 00000002 0002 0008 00000009 01020304"), true)
	f.Fuzz(func(t *testing.T, b []byte, signed bool) {
		before := bytes.Clone(b)
		l, err := packet.DecodeLLS(b, signed)
		if !bytes.Equal(b, before) {
			t.Fatal("DecodeLLS wrote into the block")
		}
		if err != nil {
			var e *packet.Error
			if !errors.As(err, &e) || e.Reason == 0 || l.Signature != nil {
				t.Fatalf("%+v, %#v", l, err)
			}
			return
		}
		if s := l.Signature; s != nil && (s.Signed < 12 || s.Signed+len(s.Digest) > len(b)) {
			t.Fatalf("%+v of %d bytes", s, len(b))
		}
	})
}
