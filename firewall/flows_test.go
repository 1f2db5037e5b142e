package firewall

import (
	"net/netip"
	"testing"
)

// dumped is a message of ctnetlink, the part after the netlink header: TCP, 10.10.1.1:40000
// to 10.10.2.1:443, in little-endian order as the kernel of such a machine sends it.
var dumped = []byte{
	2, 0, 0, 0, // IPv4
	0x34, 0, 0x01, 0x80, // tuple, original
	0x14, 0, 0x01, 0x80, 8, 0, 1, 0, 10, 10, 1, 1, 8, 0, 2, 0, 10, 10, 2, 1,
	0x1c, 0, 0x02, 0x80, 5, 0, 1, 0, 6, 0, 0, 0, 6, 0, 2, 0, 0x9c, 0x40, 0, 0, 6, 0, 3, 0, 0x01, 0xbb, 0, 0,
	0x34, 0, 0x02, 0x80, // tuple, reply
	0x14, 0, 0x01, 0x80, 8, 0, 1, 0, 10, 10, 2, 1, 8, 0, 2, 0, 10, 10, 1, 1,
	0x1c, 0, 0x02, 0x80, 5, 0, 1, 0, 6, 0, 0, 0, 6, 0, 2, 0, 0x01, 0xbb, 0, 0, 6, 0, 3, 0, 0x9c, 0x40, 0, 0,
	8, 0, 3, 0, 0, 0, 0, 0x0e, // status
	8, 0, 12, 0, 1, 2, 3, 4, // number
}

func TestDecodeEntry(t *testing.T) {
	e, err := decodeEntry(dumped)
	if err != nil {
		t.Fatal(err)
	}
	want := tuple{netip.MustParseAddr("10.10.1.1"), netip.MustParseAddr("10.10.2.1"), 40000, 443}
	if e.orig != want || e.status != 0x0e || len(e.name()) != 0x34+8 {
		t.Errorf("%+v", e)
	}
	match := Flows{Transit: prefixes("10.10.0.0/16")}.compile()
	if !match.untracked(e) {
		t.Error("a transit flow counts as tracked")
	}
	e.status |= statusNAT
	if match.untracked(e) {
		t.Error("a translated flow counts as untracked")
	}
}

// FuzzDecodeEntry: whatever the kernel may say, nothing panics.
func FuzzDecodeEntry(f *testing.F) {
	f.Add(dumped)
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := decodeEntry(b); err == nil {
			Flows{Transit: prefixes("0.0.0.0/0")}.compile().untracked(e)
			_ = e.name()
		}
	})
}
