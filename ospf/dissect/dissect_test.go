package dissect

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func lsa(t packet.LSType, id string, body string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		panic(err)
	}
	raw := append(make([]byte, packet.LSAHeaderLen), b...)
	link, _ := packet.ParseID(id)
	adv, _ := packet.ParseID("10.255.0.1")
	h := packet.LSAHeader{Age: 1, Options: packet.OptE, Type: t, ID: link, Adv: adv, Seq: packet.InitialSeq, Length: uint16(len(raw))}
	h.Append(raw[:0])
	packet.SetChecksum(raw)
	return raw
}

// The body of every type of LSA, as text and as JSON.
func TestLSA(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  []byte
		want string // after the header
	}{
		{"router", lsa(packet.LSRouter, "10.255.0.1", "07000002 0aff0002 00000007 0100000a 0a000000 fffffffc 03000014"),
			"flags [V E B]\n  links 1\n    type point-to-point, linkId 10.255.0.2, linkData 0.0.0.7, metric 10\n  links 2\n    type stub, linkId 10.0.0.0, linkData 255.255.255.252, metric 20\n"},
		{"network", lsa(packet.LSNetwork, "10.0.0.1", "ffffff00 0aff0001 0aff0002"), "mask 255.255.255.0, routers [10.255.0.1 10.255.0.2]\n"},
		{"summary", lsa(packet.LSSummary, "10.0.2.255", "ffffff00 0000000a"), "prefix 10.0.2.0/24, metric 10\n"},
		{"summary, odd mask", lsa(packet.LSSummary, "10.0.2.0", "ff00ff00 0000000a"), "mask 255.0.255.0, metric 10\n"},
		{"asbr-summary", lsa(packet.LSASBRSummary, "10.255.0.9", "00000000 00ffffff"), "metric 16777215\n"},
		{"as-external", lsa(packet.LSExternal, "203.0.113.15", "fffffff0 8000004d 0a000001 00001234"),
			"prefix 203.0.113.0/28, metricType 2, metric 77, forwardingAddress 10.0.0.1, tag 4660\n"},
		{"nssa", lsa(packet.LSNSSA, "0.0.0.0", "00000000 00000005 0a000001 00000000"),
			"prefix 0.0.0.0/0, metricType 1, metric 5, forwardingAddress 10.0.0.1, tag 0\n"},
		{"grace", lsa(packet.LSOpaqueLink, "3.0.0.0", "0001 0004 00000078 0002 0001 01000000 0003 0004 0a000001"),
			"opaqueType 3, opaqueId 0\n  tlvs 1\n    type grace-period, length 4, value 120\n  tlvs 2\n    type restart-reason, length 1, value 1\n  tlvs 3\n    type ip-interface-address, length 4, value 10.0.0.1\n"},
		{"router information", lsa(packet.LSOpaqueArea, "4.0.0.0", "0001 0004 a0000000 0007 0003 66727200 8000 0002 cafe0000"),
			"opaqueType 4, opaqueId 0\n  tlvs 1\n    type informational-capabilities, length 4, value 0xa0000000\n  tlvs 2\n    type dynamic-hostname, length 3, value \"frr\"\n  tlvs 3\n    type type-32768, length 2, value cafe\n"},
		{"unknown opaque", lsa(packet.LSOpaqueAS, "99.0.0.1", "01020304"), "opaqueType 99, opaqueId 1, body 01020304\n"},
		{"not the TLVs that it should be", lsa(packet.LSOpaqueLink, "3.0.0.0", "0001 0010 00000078"), "opaqueType 3, opaqueId 0, body 0001001000000078\n"},
	} {
		f, err := LSA(c.raw)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, got, _ := strings.Cut(f.Text(""), "options [E], "); got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.name, got, c.want)
		}
		if b, err := json.Marshal(f); err != nil || !json.Valid(b) {
			t.Errorf("%s: %s, %v", c.name, b, err)
		}
	}
}

// What is wrong is said, and what could be read is shown.
func TestMalformed(t *testing.T) {
	whole := packet.Append(nil, packet.Header{RouterID: 1}, &packet.LSUpdate{LSAs: [][]byte{
		lsa(packet.LSNetwork, "10.0.0.1", "ffffff00 0aff0001"), lsa(packet.LSSummary, "10.0.2.0", "ffffff00 0000000a"),
	}})
	damaged := packet.Append(nil, packet.Header{RouterID: 1}, &packet.LSUpdate{LSAs: [][]byte{
		append(lsa(packet.LSNetwork, "10.0.0.1", "ffffff00 0aff0001")[:27], 9), lsa(packet.LSSummary, "10.0.2.0", "ffffff00 0000000a"),
	}})
	checksum := append([]byte{}, whole...)
	checksum[12]++
	crypto := packet.Append(nil, packet.Header{RouterID: 1, AuType: packet.AuCrypto, Auth: [8]byte{0, 0, 5, 16, 0, 0, 0, 9}}, &packet.LSAck{})
	extended := packet.Append(nil, packet.Header{RouterID: 1, AuType: packet.AuExtended, Auth: [8]byte{0, 0, 0, 40, 0, 0, 0, 9}}, &packet.LSAck{})
	lls := packet.Append(nil, packet.Header{RouterID: 1}, &packet.Hello{
		Mask: netip.IPv4Unspecified(), DR: netip.IPv4Unspecified(), BDR: netip.IPv4Unspecified(), Options: packet.OptL,
	})
	for _, c := range []struct {
		name  string
		b     []byte
		shown string
		err   string
	}{
		{"whole", whole, "prefix 10.0.2.0/24", ""},
		{"no header", whole[:20], "", "20 bytes are no OSPF packet"},
		{"cut", whole[:40], "type link-state-update", "length"},
		{"checksum", checksum, "routerId 0.0.0.1", "checksum"},
		{"one LSA of two", damaged, "prefix 10.0.2.0/24", "LSA 1: "},
		{"its reason beside it", damaged, "malformed", "LSA 1: "},
		{"digest", append(append([]byte{}, crypto...), make([]byte, 16)...), "keyId 5, digestLength 16, sequence 9", ""},
		{"digest missing", crypto, "authentication cryptographic", "digest of 16 bytes, 0 follow"},
		{"LLS", append(append([]byte{}, lls...), bytesOf(t, "fff6 0003 0001 0004 00000001")...), "type extended-options, length 4, value LR", ""},
		{"LLS checksum", append(append([]byte{}, lls...), bytesOf(t, "ffff 0003 0001 0004 00000001")...), "value LR", "checksum of the LLS block"},
		{"extended sequence number", append(append([]byte{}, extended...), make([]byte, 40)...), "keyId 9, digestLength 40, ", ""},
		{"LLS missing", lls, "options [L]", "the L bit announces an LLS block"},
		{"LLS too long", append(append([]byte{}, lls...), 0, 0, 0, 9), "options [L]", "LLS block of 36 bytes where 4 are"},
	} {
		f, err := Packet(c.b)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v", c.name, err)
		}
		if text := f.Text(""); !strings.Contains(text, c.shown) {
			t.Errorf("%s:\n%s", c.name, text)
		}
	}
}

// A password in clear text is not shown.
func TestPassword(t *testing.T) {
	b := packet.Append(nil, packet.Header{RouterID: 1, AuType: packet.AuSimple, Auth: [8]byte([]byte("sesamsem"))}, &packet.LSAck{})
	f, err := Packet(b)
	if text := f.Text(""); err != nil || strings.Contains(text, "sesam") || strings.Contains(text, hex.EncodeToString([]byte("sesam"))) || !strings.Contains(text, "authentication simple") {
		t.Errorf("%v\n%s", err, text)
	}
}

// Whatever the bytes: no panic, valid JSON.
func FuzzPacket(f *testing.F) {
	f.Add(packet.Append(nil, packet.Header{RouterID: 1}, &packet.LSUpdate{LSAs: [][]byte{lsa(packet.LSOpaqueArea, "4.0.0.0", "0007 0003 66727200")}}))
	f.Add(packet.Append(nil, packet.Header{RouterID: 1}, &packet.DBDesc{Options: packet.OptL, Headers: []packet.LSAHeader{{Type: 1}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		fields, _ := Packet(b)
		if out, err := json.Marshal(fields); err != nil || !json.Valid(out) {
			t.Errorf("%s: %v", out, err)
		}
		_ = fields.Text("")
	})
}
