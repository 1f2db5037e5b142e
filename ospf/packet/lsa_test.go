package packet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

func TestLSAs(t *testing.T) {
	for _, l := range goldenLSAs {
		t.Run(l.name, func(t *testing.T) {
			raw := words(l.bytes)
			if got := packet.BuildLSA(l.head, l.body); !bytes.Equal(got, raw) {
				t.Errorf("BuildLSA:\n%x, want\n%x", got, raw)
			}
			h, err := packet.CheckLSA(raw)
			if err != nil || h != l.head {
				t.Errorf("CheckLSA: %+v, %v; want %+v", h, err, l.head)
			}
			if got := h.Append(nil); !bytes.Equal(got, raw[:packet.LSAHeaderLen]) {
				t.Errorf("header encodes as %x, want %x", got, raw[:packet.LSAHeaderLen])
			}
			body, err := decodeLSABody(t, raw)
			if err != nil || !reflect.DeepEqual(body, l.body) {
				t.Errorf("body %+v, %v; want %+v", body, err, l.body)
			}
		})
	}
}

// TestLSAsCut cuts every golden LSA at every length, also a little behind its
// end: as it is, which never fits the length field, and repaired, where CheckLSA
// and the decoding function must agree on what is well formed.
func TestLSAsCut(t *testing.T) {
	for _, l := range goldenLSAs {
		size := int(l.head.Length)
		whole := append(words(l.bytes), 0, 0, 0)
		for n := range len(whole) + 1 {
			if n == size {
				continue
			}
			wantLSAReason(t, l.name, whole[:n:n], packet.BadLSALength)
			if n < packet.LSAHeaderLen {
				if _, err := packet.DecodeLSAHeader(whole[:n]); err == nil {
					t.Errorf("%s cut at %d: a header was decoded", l.name, n)
				}
				continue
			}
			raw := repairLSA(bytes.Clone(whole[:n]))
			_, checkErr := packet.CheckLSA(raw)
			_, decodeErr := decodeLSABody(t, raw)
			opaque := l.head.Type == packet.LSOpaqueArea
			if (checkErr == nil) != (decodeErr == nil) && !opaque {
				t.Errorf("%s cut at %d: CheckLSA says %v, decoding %v", l.name, n, checkErr, decodeErr)
			}
			if want := cutIsWellFormed(l.head.Type, n); want != (checkErr == nil) {
				t.Errorf("%s cut at %d: %v, want well formed %v", l.name, n, checkErr, want)
			}
		}
	}
}

// cutIsWellFormed says whether a golden LSA of the type is still one when
// it is cut at n bytes and repaired.
func cutIsWellFormed(t packet.LSType, n int) bool {
	switch t {
	case packet.LSNetwork:
		return n >= 24 && n%4 == 0
	case packet.LSOpaqueArea:
		return n%4 == 0
	}
	return false // the link count no longer holds, or the body has a fixed length
}

func wantLSAReason(t *testing.T, name string, raw []byte, want packet.Reason) {
	t.Helper()
	_, err := packet.CheckLSA(raw)
	var e *packet.Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Errorf("%s, %d bytes: error %v, want %v", name, len(raw), err, want)
	}
}

func TestCheckLSA(t *testing.T) {
	// with changes bytes at an offset and repairs length and checksum.
	with := func(l lsa, at int, s string) []byte {
		raw := words(l.bytes)
		copy(raw[at:], words(s))
		return repairLSA(raw)
	}
	// body replaces the body and repairs.
	body := func(l lsa, s string) []byte {
		return repairLSA(append(words(l.bytes)[:packet.LSAHeaderLen], words(s)...))
	}
	// as it is: not repaired.
	broken := func(l lsa, at int, v byte) []byte {
		raw := words(l.bytes)
		raw[at] = v
		return raw
	}
	const ok = packet.Reason(0)
	const link = "0a000100 ffffff00 0300000a "
	for _, tt := range []struct {
		name string
		raw  []byte
		want packet.Reason
	}{
		{"nothing", nil, packet.BadLSALength},
		{"19 bytes", words(frrRouter.bytes)[:19], packet.BadLSALength},
		{"length above the bytes", broken(frrRouter, 19, 49), packet.BadLSALength},
		{"length below the bytes", broken(frrRouter, 19, 36), packet.BadLSALength},
		{"checksum 0", func() []byte { r := words(frrRouter.bytes); r[16], r[17] = 0, 0; return r }(), packet.BadLSAChecksum},
		{"checksum one off", broken(frrRouter, 17, 0x0b), packet.BadLSAChecksum},
		{"body bit flipped", broken(frrRouter, 30, 0x03), packet.BadLSAChecksum},
		{"options bit flipped", broken(frrRouter, 2, 0x03), packet.BadLSAChecksum},
		{"type 0", with(frrOpaque, 3, "00"), packet.UnknownLSAType},
		{"type 6", with(frrOpaque, 3, "06"), packet.UnknownLSAType},
		{"type 8", with(frrOpaque, 3, "08"), packet.UnknownLSAType},
		{"type 12", with(frrOpaque, 3, "0c"), packet.UnknownLSAType},
		{"type 255", with(frrOpaque, 3, "ff"), packet.UnknownLSAType},
		{"age 3600", with(frrRouter, 0, "0e10"), ok},
		{"age 3601", with(frrRouter, 0, "0e11"), packet.BadLSAAge},
		{"age 0x7fff", with(frrRouter, 0, "7fff"), packet.BadLSAAge},
		{"age DoNotAge", with(frrRouter, 0, "8000"), ok},
		{"age DoNotAge + 3600", with(frrRouter, 0, "8e10"), ok},
		{"age DoNotAge + 3601", with(frrRouter, 0, "8e11"), packet.BadLSAAge},
		{"age 0xffff", with(frrRouter, 0, "ffff"), packet.BadLSAAge},
		{"sequence 0x80000000", with(frrRouter, 12, "80000000"), packet.BadLSASequence},
		{"sequence 0x80000001", with(frrRouter, 12, "80000001"), ok},
		{"sequence 0x7fffffff", with(frrRouter, 12, "7fffffff"), ok},
		{"advertising router 0.0.0.0", with(frrSummary, 8, "00000000"), packet.BadLSAAdvertisingRouter},
		{"advertising router 255.255.255.255", with(frrSummary, 8, "ffffffff"), packet.BadLSAAdvertisingRouter},
		{"advertising router 224.0.0.5", with(frrSummary, 8, "e0000005"), packet.BadLSAAdvertisingRouter},
		{"advertising router 239.255.255.255", with(frrOpaque, 8, "efffffff"), packet.BadLSAAdvertisingRouter},
		{"advertising router 240.0.0.1", with(frrSummary, 8, "f0000001"), ok},

		{"router-LSA of another router", with(frrRouter, 4, "02020202"), packet.BadLSAID},
		{"router-LSA, header only", body(frrRouter, ""), packet.BadLSALength},
		{"router-LSA, 22 bytes", body(frrRouter, "0000"), packet.BadLSALength},
		{"router-LSA, no links", body(frrRouter, "00000000"), ok},
		{"router-LSA, 2 links, bytes for 3", body(frrRouter, "00000002"+link+link+link), packet.BadLSABody},
		{"router-LSA, 3 links, bytes for 2", body(frrRouter, "00000003"+link+link), packet.BadLSABody},
		{"router-LSA, 0xffff links", body(frrRouter, "0000ffff"+link), packet.BadLSABody},
		{"router-LSA, 8 bytes for a link", body(frrRouter, "00000002"+link+"0a000200 ffffff00"), packet.BadLSABody},
		{"router-LSA, one TOS metric", body(frrRouter, "00000002 0a000100 ffffff00 0301000a 02000005"+link), ok},
		{"router-LSA, TOS metric missing", body(frrRouter, "00000001 0a000100 ffffff00 0301000a"), packet.BadLSABody},
		{"router-LSA, 255 TOS metrics missing", body(frrRouter, "00000002 0a000100 ffffff00 03ff000a"+link), packet.BadLSABody},
		{"router-LSA, TOS metric not counted", body(frrRouter, "00000001"+link+"02000005"), packet.BadLSABody},
		{"router-LSA, unknown link type", body(frrRouter, "00000001 0a000100 ffffff00 0900000a"), ok},

		{"network-LSA, header only", body(birdNetwork, ""), packet.BadLSALength},
		{"network-LSA, 22 bytes", body(birdNetwork, "ffff"), packet.BadLSALength},
		{"network-LSA, 23 bytes", body(birdNetwork, "ffffff"), packet.BadLSALength},
		{"network-LSA, mask only", body(birdNetwork, "ffffff00"), ok},
		{"network-LSA, half a router", body(birdNetwork, "ffffff00 0101"), packet.BadLSALength},
		{"network-LSA, mask with a hole", body(birdNetwork, "ff00ff00 01010101"), ok},

		{"summary-LSA, header only", body(frrSummary, ""), packet.BadLSALength},
		{"summary-LSA, mask only", body(frrSummary, "ffffff00"), packet.BadLSALength},
		{"summary-LSA, metric 0xffffff", body(frrSummary, "ffffff00 00ffffff"), ok},
		{"summary-LSA, first metric for TOS 2", body(frrSummary, "ffffff00 0200000a"), packet.BadLSABody},
		{"summary-LSA, metric for TOS 2 behind", body(frrSummary, "ffffff00 0000000a 0200000a"), ok},
		{"summary-LSA, half a metric behind", body(frrSummary, "ffffff00 0000000a 0200"), packet.BadLSALength},
		{"ASBR-summary-LSA, mask only", body(frrASBRSummary, "00000000"), packet.BadLSALength},
		{"ASBR-summary-LSA, first metric for TOS 2", body(frrASBRSummary, "00000000 0200000a"), packet.BadLSABody},

		{"AS-external-LSA, header only", body(birdExternal, ""), packet.BadLSALength},
		{"AS-external-LSA without tag", body(birdExternal, "fffffff0 0000004d 00000000"), packet.BadLSALength},
		{"AS-external-LSA, first metric for TOS 1", body(birdExternal, "fffffff0 8100004d 00000000 00000000"), packet.BadLSABody},
		{"AS-external-LSA, metric for TOS 1 behind",
			body(birdExternal, "fffffff0 8000004d 00000000 00000000 8100004d 00000000 00000000"), ok},
		{"AS-external-LSA, 4 bytes behind", body(birdExternal, "fffffff0 8000004d 00000000 00000000 00000000"), packet.BadLSALength},
		{"NSSA-LSA, header only", body(birdNSSA, ""), packet.BadLSALength},
		{"NSSA-LSA without tag", body(birdNSSA, "fffffff0 0000004d 00000000"), packet.BadLSALength},

		{"opaque-LSA, empty", body(frrOpaque, ""), ok},
		{"opaque-LSA, 23 bytes", body(frrOpaque, "ffffff"), packet.BadLSALength},
		{"opaque-LSA, TLV beyond the end", body(frrOpaque, "0001ffff"), ok},
		{"opaque-LSA, link scope", with(frrOpaque, 3, "09"), ok},
		{"opaque-LSA, AS scope", with(frrOpaque, 3, "0b"), ok},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := packet.CheckLSA(tt.raw)
			if tt.want != ok {
				wantLSAReason(t, tt.name, tt.raw, tt.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if int(h.Length) != len(tt.raw) {
				t.Errorf("length %d of %d bytes", h.Length, len(tt.raw))
			}
			if _, err := decodeLSABody(t, tt.raw); err != nil {
				t.Errorf("well formed, but not decoded: %v", err)
			}
		})
	}
}

// TestTOSMetricsAreSkipped: the metric for TOS 0 is the one that counts.
func TestTOSMetricsAreSkipped(t *testing.T) {
	raw := packet.BuildLSA(frrRouter.head, packet.OpaqueLSA(words(`
		03000003
		01010101 0a000101 01020001 02000063 04000063
		02020202 0a000201 02000002
		0a000300 ffffff00 03010003 02000063`)))
	r, err := packet.DecodeRouterLSA(raw)
	want := packet.RouterLSA{Flags: packet.RouterB | packet.RouterE, Links: []packet.RouterLink{
		{ID: id("1.1.1.1"), Data: id("10.0.1.1"), Type: packet.LinkPointToPoint, Metric: 1},
		{ID: id("2.2.2.2"), Data: id("10.0.2.1"), Type: packet.LinkTransit, Metric: 2},
		{ID: id("10.0.3.0"), Data: id("255.255.255.0"), Type: packet.LinkStub, Metric: 3},
	}}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("%+v, %v; want %+v", r, err, want)
	}
}

// TestDecodeWrongType: no LSA is read as one of another type.
func TestDecodeWrongType(t *testing.T) {
	for _, l := range goldenLSAs {
		raw, own := words(l.bytes), 0
		for _, decode := range []func([]byte) error{
			func(b []byte) error { _, err := packet.DecodeRouterLSA(b); return err },
			func(b []byte) error { _, err := packet.DecodeNetworkLSA(b); return err },
			func(b []byte) error { _, err := packet.DecodeSummaryLSA(b); return err },
			func(b []byte) error { _, err := packet.DecodeExternalLSA(b); return err },
		} {
			var e *packet.Error
			switch err := decode(raw); {
			case err == nil:
				own++
			case !errors.As(err, &e) || e.Reason != packet.UnknownLSAType:
				t.Errorf("%s: %v", l.name, err)
			}
		}
		if _, opaque := l.body.(packet.OpaqueLSA); (own == 1) == opaque {
			t.Errorf("%s: %d functions decode it", l.name, own)
		}
	}
}

func TestBuildLSATooLong(t *testing.T) {
	h := packet.LSAHeader{Type: packet.LSRouter, ID: 1, Adv: 1, Seq: packet.InitialSeq}
	links := make([]packet.RouterLink, (packet.MaxLSALen-24)/12)
	raw := packet.BuildLSA(h, packet.RouterLSA{Links: links})
	if _, err := packet.CheckLSA(raw); err != nil {
		t.Errorf("%d links: %v", len(links), err)
	}
	p := packet.Append(nil, frrArea0, &packet.LSUpdate{LSAs: [][]byte{raw}})
	if _, _, err := packet.Decode(p); err != nil {
		t.Errorf("%d links in a packet: %v", len(links), err)
	}
	if raw := packet.BuildLSA(h, packet.RouterLSA{Links: append(links, packet.RouterLink{})}); raw != nil {
		t.Errorf("%d links were encoded into %d bytes", len(links)+1, len(raw))
	}
}

// TestCompare is RFC 2328 13.1 as a table; every row is also read backwards.
func TestCompare(t *testing.T) {
	type h = packet.LSAHeader
	const dna = packet.DoNotAge
	for _, tt := range []struct {
		name string
		a, b h
		want int // sign
	}{
		{"same instance", h{Seq: 5, Checksum: 7, Age: 10}, h{Seq: 5, Checksum: 7, Age: 10}, 0},
		{"higher sequence", h{Seq: 6, Checksum: 1, Age: 0}, h{Seq: 5, Checksum: 9, Age: packet.MaxAge}, 1},
		{"sequence is signed", h{Seq: 0}, h{Seq: packet.InitialSeq}, 1},
		{"highest and lowest sequence", h{Seq: packet.MaxSeq}, h{Seq: packet.InitialSeq}, 1},
		{"minus one and zero", h{Seq: 0}, h{Seq: -1}, 1},
		{"higher checksum", h{Seq: 5, Checksum: 8, Age: 3000}, h{Seq: 5, Checksum: 7, Age: 0}, 1},
		{"checksum is unsigned", h{Checksum: 0x8000}, h{Checksum: 0x7fff}, 1},
		{"checksum before MaxAge", h{Checksum: 8, Age: 0}, h{Checksum: 7, Age: packet.MaxAge}, 1},
		{"MaxAge", h{Age: packet.MaxAge}, h{Age: 0}, 1},
		{"MaxAge within MaxAgeDiff", h{Age: packet.MaxAge}, h{Age: packet.MaxAge - 1}, 1},
		{"both MaxAge", h{Age: packet.MaxAge}, h{Age: packet.MaxAge}, 0},
		{"ages 900 apart", h{Age: 100}, h{Age: 1000}, 0},
		{"ages 901 apart", h{Age: 100}, h{Age: 1001}, 1},
		{"ages 0 and 3599", h{Age: 0}, h{Age: packet.MaxAge - 1}, 1},
		{"DoNotAge does not count", h{Age: 1}, h{Age: dna | 1}, 0},
		{"DoNotAge and 901 apart", h{Age: dna | 100}, h{Age: 1001}, 1},
		{"DoNotAge + MaxAge is MaxAge", h{Age: dna | packet.MaxAge}, h{Age: packet.MaxAge}, 0},
		{"DoNotAge + MaxAge against young", h{Age: dna | packet.MaxAge}, h{Age: 1}, 1},
		{"0xffff is as old as MaxAge", h{Age: 0xffff}, h{Age: packet.MaxAge}, 0},
		{"key, options and length do not count", h{ID: 1, Options: 2, Length: 20}, h{ID: 9, Length: 40}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := packet.Compare(tt.a, tt.b); got != tt.want {
				t.Errorf("Compare(a, b) = %d, want %d", got, tt.want)
			}
			if got := packet.Compare(tt.b, tt.a); got != -tt.want {
				t.Errorf("Compare(b, a) = %d, want %d", got, -tt.want)
			}
		})
	}
}

// TestFletcher holds the checksum against the definition: with it in place both sums vanish
// modulo 255, and neither byte is 0.
func TestFletcher(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	lengths := []int{20, 21, 22, 23, 24, 36, 254, 255, 256, 257, 509, 510, 511, 5000, packet.MaxLSALen}
	for range 2000 {
		lengths = append(lengths, 20+rnd.IntN(300))
	}
	for i, n := range lengths {
		raw := make([]byte, n)
		for j := range raw {
			if i%2 == 0 {
				raw[j] = 0xff // the sums are at their highest
			} else {
				raw[j] = byte(rnd.Uint32())
			}
		}
		packet.SetChecksum(raw)
		c0, c1 := 0, 0
		for _, v := range raw[2:] {
			c0 = (c0 + int(v)) % 255
			c1 = (c1 + c0) % 255
		}
		if c0 != 0 || c1 != 0 || raw[16] == 0 || raw[17] == 0 {
			t.Fatalf("%d bytes: checksum %x, sums %d and %d", n, raw[16:18], c0, c1)
		}
		before := binary.BigEndian.Uint16(raw[16:])
		packet.SetAge(raw, 1234)
		if got := packet.FletcherChecksum(raw); got != before || binary.BigEndian.Uint16(raw) != 1234 {
			t.Fatalf("%d bytes: checksum %04x after a change of age, was %04x", n, got, before)
		}
	}
}

func TestKeyOrder(t *testing.T) {
	sorted := []packet.Key{
		{Type: packet.LSRouter, ID: 1, Adv: 9},
		{Type: packet.LSRouter, ID: 0xfffffffe, Adv: 0},
		{Type: packet.LSNetwork, ID: 0, Adv: 1},
		{Type: packet.LSNetwork, ID: 0, Adv: 0x80000000},
	}
	keys := slices.Clone(sorted)
	slices.Reverse(keys)
	slices.SortFunc(keys, packet.Key.Compare)
	if !slices.Equal(keys, sorted) {
		t.Errorf("order %v, want %v", keys, sorted)
	}
	if got, want := frrSummary.head.Key().String(), "summary 10.0.2.0 adv 1.1.1.1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
