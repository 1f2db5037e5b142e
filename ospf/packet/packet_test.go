package packet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

func TestPackets(t *testing.T) {
	for _, g := range goldenPackets {
		t.Run(g.name, func(t *testing.T) {
			want := words(g.bytes)
			if got := packet.Append(nil, g.head, g.body); !bytes.Equal(got, want) {
				t.Errorf("Append:\n%x, want\n%x", got, want)
			}
			received := append(bytes.Clone(want), words(g.trailer)...)
			h, body, err := packet.Decode(received)
			if err != nil {
				t.Fatalf("Decode: %v", err)
			}
			if h != g.want() {
				t.Errorf("header %+v, want %+v", h, g.want())
			}
			if !reflect.DeepEqual(body, g.body) {
				t.Errorf("body\n%+v, want\n%+v", body, g.body)
			}
			if h, err := packet.PeekHeader(received); err != nil || h != g.want() {
				t.Errorf("PeekHeader: %+v, %v", h, err)
			}
		})
	}
}

// TestPacketsCut cuts every golden packet at every length, with the length
// field as it was: nothing but Truncated may come of it.
func TestPacketsCut(t *testing.T) {
	for _, g := range goldenPackets {
		p := words(g.bytes)
		for n := range len(p) {
			wantReason(t, g.name, p[:n:n], packet.Truncated)
		}
	}
}

// TestPacketsCutRepaired cuts every golden packet at every length and makes
// length and checksum fit. What is then still a packet holds the
// beginning of the whole one, everything else is refused.
func TestPacketsCutRepaired(t *testing.T) {
	for _, g := range goldenPackets {
		whole := words(g.bytes)
		for n := packet.HeaderLen; n < len(whole); n++ {
			p := repairPacket(bytes.Clone(whole[:n]))
			h, body, err := packet.Decode(p)
			valid, reason := stillValid(g.body, whole, n)
			if !valid {
				wantReason(t, g.name, p, reason)
				continue
			}
			if err != nil {
				t.Fatalf("%s cut at %d: %v", g.name, n, err)
			}
			if u, ok := body.(*packet.LSUpdate); ok {
				if !u.Truncated {
					t.Fatalf("%s cut at %d: not marked as truncated", g.name, n)
				}
				all := g.body.(*packet.LSUpdate).LSAs
				if len(u.LSAs) >= len(all) || len(u.LSAs) > 0 && !reflect.DeepEqual(u.LSAs, all[:len(u.LSAs)]) {
					t.Fatalf("%s cut at %d: %d LSAs, not the first of %d", g.name, n, len(u.LSAs), len(all))
				}
				continue
			}
			if again := packet.Append(nil, h, body); !bytes.Equal(again, p) {
				t.Fatalf("%s cut at %d: encodes as %x, want %x", g.name, n, again, p)
			}
		}
	}
}

// stillValid says what becomes of a packet that is cut at n bytes and repaired.
func stillValid(b packet.Body, whole []byte, n int) (bool, packet.Reason) {
	switch b.(type) {
	case *packet.Hello:
		return n >= 44 && n%4 == 0, packet.BadLength
	case *packet.DBDesc:
		return n >= 32 && (n-32)%20 == 0, packet.BadLength
	case *packet.LSReq:
		return n%4 == 0 && (n-24)%12 == 0, packet.BadLength
	case *packet.LSAck:
		return n%4 == 0 && (n-24)%20 == 0, packet.BadLength
	}
	if n < 28 || n%4 != 0 {
		return false, packet.BadLength
	}
	// Valid when the header of the LSA that was cut is complete, and the count could be true.
	count := int(binary.BigEndian.Uint32(whole[24:]))
	at := 28
	for at+20 <= n && at+int(binary.BigEndian.Uint16(whole[at+18:])) <= n {
		at += int(binary.BigEndian.Uint16(whole[at+18:]))
	}
	return at+20 <= n && count <= (n-28)/20, packet.BadLSACount
}

func wantReason(t *testing.T, name string, p []byte, want packet.Reason) {
	t.Helper()
	_, body, err := packet.Decode(p)
	var e *packet.Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Fatalf("%s, %d bytes: error %v, want %v", name, len(p), err, want)
	}
	if body != nil {
		t.Fatalf("%s, %d bytes: a body besides the error %v", name, len(p), err)
	}
}

// base is the golden packet of which a malformed one is made.
func base(t *testing.T, name string) []byte {
	t.Helper()
	for _, g := range goldenPackets {
		if g.name == name {
			return append(words(g.bytes), words(g.trailer)...)
		}
	}
	t.Fatalf("no golden packet %q", name)
	return nil
}

func TestMalformedPackets(t *testing.T) {
	const (
		hello = "FRR hello, nobody heard yet"
		md5   = "BIRD hello, MD5, NSSA"
		dd    = "FRR database description, slave, seven headers"
		req   = "FRR link state request"
		upd   = "BIRD link state update, router and network"
		ack   = "FRR link state acknowledgment"
	)
	// set writes bytes at an offset and repairs the checksum.
	set := func(at int, v ...byte) func([]byte) []byte {
		return func(p []byte) []byte {
			n := binary.BigEndian.Uint16(p[2:])
			copy(p[at:], v)
			length := [2]byte(p[2:4])
			p = repairPacket(p[:n])
			copy(p[2:], length[:])
			return p
		}
	}
	cut := func(n int) func([]byte) []byte {
		return func(p []byte) []byte { return repairPacket(p[:n]) }
	}
	pad := func(n int) func([]byte) []byte {
		return func(p []byte) []byte { return repairPacket(append(p, make([]byte, n)...)) }
	}
	for _, tt := range []struct {
		name   string
		base   string
		change func([]byte) []byte
		want   packet.Reason
	}{
		{"empty", hello, func([]byte) []byte { return nil }, packet.Truncated},
		{"header cut", hello, func(p []byte) []byte { return p[:23] }, packet.Truncated},
		{"version 0", hello, set(0, 0), packet.BadVersion},
		{"version 1", hello, set(0, 1), packet.BadVersion},
		{"version 3", hello, set(0, 3), packet.BadVersion},
		{"version 255", hello, set(0, 255), packet.BadVersion},
		{"type 0", hello, set(1, 0), packet.BadType},
		{"type 6", hello, set(1, 6), packet.BadType},
		{"type 10", hello, set(1, 10), packet.BadType},
		{"type 255", hello, set(1, 255), packet.BadType},
		{"length 0", hello, set(2, 0, 0), packet.BadLength},
		{"length 20", hello, set(2, 0, 20), packet.BadLength},
		{"length 45", hello, pad(1), packet.BadLength},
		{"length 46", hello, pad(2), packet.BadLength},
		{"length one word beyond the bytes", hello, set(2, 0, 48), packet.Truncated},
		{"length 0xfffc in 44 bytes", hello, set(2, 0xff, 0xfc), packet.Truncated},
		{"length 0xffff in 44 bytes", hello, set(2, 0xff, 0xff), packet.BadLength},
		{"checksum one off", hello, func(p []byte) []byte { p[13]++; return p }, packet.BadChecksum},
		{"checksum 0", hello, func(p []byte) []byte { p[12], p[13] = 0, 0; return p }, packet.BadChecksum},
		{"body bit flipped", hello, func(p []byte) []byte { p[30] ^= 1; return p }, packet.BadChecksum},
		{"router id 0.0.0.0", hello, set(4, 0, 0, 0, 0), packet.BadRouterID},
		{"router id 255.255.255.255", hello, set(4, 255, 255, 255, 255), packet.BadRouterID},
		{"router id 224.0.0.5", hello, set(4, 224, 0, 0, 5), packet.BadRouterID},
		{"router id 0.0.0.0, MD5", md5, set(4, 0, 0, 0, 0), packet.BadRouterID},
		{"digest without its packet", md5, func(p []byte) []byte { return p[:43] }, packet.Truncated},
		{"hello of 24", hello, cut(24), packet.BadLength},
		{"hello of 40", hello, cut(40), packet.BadLength},
		{"database description of 24", dd, cut(24), packet.BadLength},
		{"database description of 28", dd, cut(28), packet.BadLength},
		{"database description of 32 + 20 + 8", dd, cut(60), packet.BadLength},
		{"database description with 4 bytes behind", dd, pad(4), packet.BadLength},
		{"request of 24 + 8", req, cut(32), packet.BadLength},
		{"request of 24 + 11", req, cut(35), packet.BadLength},
		{"request with 4 bytes behind", req, pad(4), packet.BadLength},
		{"update of 24", upd, cut(24), packet.BadLength},
		{"update of 27", upd, cut(27), packet.BadLength},
		{"update counts 3, has 2", upd, set(27, 3), packet.BadLSACount},
		{"update counts 2, has 1 and 16 bytes", upd, cut(28 + 36 + 16), packet.BadLSACount},
		{"update counts 1, has none", upd, func(p []byte) []byte { return set(27, 1)(cut(28)(p)) }, packet.BadLSACount},
		{"update counts 0xffffffff", upd, set(24, 255, 255, 255, 255), packet.BadLSACount},
		{"acknowledgment of 24 + 16", ack, cut(40), packet.BadLength},
		{"acknowledgment of 24 + 19", ack, cut(43), packet.BadLength},
		{"acknowledgment with 4 bytes behind", ack, pad(4), packet.BadLength},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantReason(t, tt.name, tt.change(base(t, tt.base)), tt.want)
		})
	}
}

// TestHeaderSurvivesBadBody: the caller can count a wrong area before a wrong body.
func TestHeaderSurvivesBadBody(t *testing.T) {
	p := repairPacket(base(t, "FRR hello, simple password")[:40])
	h, body, err := packet.Decode(p)
	if err == nil || body != nil || h.AreaID != id("0.0.0.1") {
		t.Errorf("header %+v, body %v, error %v", h, body, err)
	}
}

// TestTolerated holds what looks odd and must be let through.
func TestTolerated(t *testing.T) {
	t.Run("checksum field with cryptographic authentication", func(t *testing.T) {
		p := base(t, "BIRD hello, MD5, NSSA")
		p[12], p[13] = 0xab, 0xcd
		if _, _, err := packet.Decode(p); err != nil {
			t.Error(err)
		}
	})
	t.Run("authentication bytes outside the checksum", func(t *testing.T) {
		p := base(t, "FRR hello, nobody heard yet")
		copy(p[16:24], "whatever")
		if _, _, err := packet.Decode(p); err != nil {
			t.Error(err)
		}
	})
	t.Run("bytes behind the length", func(t *testing.T) {
		p := base(t, "FRR hello, nobody heard yet")
		for _, lls := range [][]byte{{0xff}, words("fff60003 00010004 00000001"), words("0000ffff"), make([]byte, 1000)} {
			_, body, err := packet.Decode(append(bytes.Clone(p), lls...))
			if err != nil || len(body.(*packet.Hello).Neighbors) != 0 {
				t.Errorf("%d bytes behind: %+v, %v", len(lls), body, err)
			}
		}
	})
	t.Run("request types that no LSA has", func(t *testing.T) {
		p := base(t, "FRR link state request")
		copy(p[24:], words("00010001"))
		copy(p[36:], words("00000105"))
		copy(p[48:], words("000000ff"))
		_, body, err := packet.Decode(repairPacket(p))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []packet.LSType{0, 0, 255} {
			if k := body.(*packet.LSReq).Keys[i]; k.Type != want || k.Adv != id("2.2.2.2") {
				t.Errorf("entry %d is %v, want type %d", i, k, want)
			}
		}
	})
	t.Run("description headers of any type, age and length", func(t *testing.T) {
		p := base(t, "FRR database description, slave, seven headers")
		copy(p[32:], words("ffff00ff 00000000 00000000 80000000 0000ffff"))
		_, body, err := packet.Decode(repairPacket(p))
		if err != nil {
			t.Fatal(err)
		}
		want := packet.LSAHeader{Age: 0xffff, Type: 255, Seq: packet.ReservedSeq, Length: 0xffff}
		if got := body.(*packet.DBDesc).Headers[0]; got != want {
			t.Errorf("header %+v, want %+v", got, want)
		}
	})
}

// TestUpdateContainer: what the count and the LSAs' lengths say against each other.
func TestUpdateContainer(t *testing.T) {
	one := words("00090203 0a000200 01010101 80000001 192a001c ffffff00 0000000a")
	length := func(n uint16) []byte {
		b := bytes.Clone(one)
		binary.BigEndian.PutUint16(b[18:], n)
		return b
	}
	for _, tt := range []struct {
		name      string
		count     uint32
		lsas      [][]byte
		want      int
		truncated bool
	}{
		{"count true", 3, [][]byte{one, one, one}, 3, false},
		{"count 1, three LSAs", 1, [][]byte{one, one, one}, 1, false},
		{"count 0, three LSAs", 0, [][]byte{one, one, one}, 0, false},
		{"count 1, padding behind", 1, [][]byte{one, make([]byte, 12)}, 1, false},
		{"length 0 in the first", 3, [][]byte{length(0), one, one}, 0, true},
		{"length 19 in the second", 3, [][]byte{one, length(19), one}, 1, true},
		{"length 0xffff in the third", 3, [][]byte{one, one, length(0xffff)}, 2, true},
		{"length one beyond the end", 2, [][]byte{one, length(29)}, 1, true},
		{"length 20, only a header", 2, [][]byte{one, one[:18:18], {0, 20}}, 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := packet.Append(nil, frrArea0, &packet.LSUpdate{LSAs: tt.lsas})
			binary.BigEndian.PutUint32(p[24:], tt.count)
			_, body, err := packet.Decode(repairPacket(p))
			if err != nil {
				t.Fatal(err)
			}
			u := body.(*packet.LSUpdate)
			if len(u.LSAs) != tt.want || u.Truncated != tt.truncated {
				t.Errorf("%d LSAs, truncated %v; want %d, %v", len(u.LSAs), u.Truncated, tt.want, tt.truncated)
			}
			for i, raw := range u.LSAs {
				if len(raw) != cap(raw) {
					t.Errorf("LSA %d can be appended to over its neighbour", i)
				}
			}
		})
	}
}

func TestLargePackets(t *testing.T) {
	ids := make([]packet.ID, 16000)
	for i := range ids {
		ids[i] = packet.ID(i)
	}
	p := packet.Append(nil, frrArea0, &packet.Hello{Neighbors: ids})
	if _, body, err := packet.Decode(p); err != nil || len(body.(*packet.Hello).Neighbors) != len(ids) {
		t.Errorf("16,000 neighbours: %v", err)
	}
	lsas := make([][]byte, packet.MaxLSALen/packet.LSAHeaderLen)
	for i := range lsas {
		lsas[i] = packet.BuildLSA(packet.LSAHeader{Type: packet.LSOpaqueArea, ID: packet.ID(i)}, packet.OpaqueLSA{})
	}
	p = packet.Append(nil, frrArea0, &packet.LSUpdate{LSAs: lsas})
	if _, body, err := packet.Decode(p); err != nil || len(body.(*packet.LSUpdate).LSAs) != len(lsas) {
		t.Errorf("%d LSAs: %v", len(lsas), err)
	}
	keys := make([]packet.Key, packet.MaxLen/12)
	dst := []byte("kept")
	if got := packet.Append(dst, frrArea0, &packet.LSReq{Keys: keys}); !bytes.Equal(got, dst) {
		t.Errorf("a packet of more than %d bytes was encoded", packet.MaxLen)
	}
}

// TestAppendKeepsPrefix: packets are appended, and a buffer that is large enough is used.
func TestAppendKeepsPrefix(t *testing.T) {
	g := goldenPackets[0]
	buf := append(make([]byte, 0, 1500), "prefix"...)
	got := packet.Append(buf, g.head, g.body)
	if want := append([]byte("prefix"), words(g.bytes)...); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if &got[0] != &buf[0] {
		t.Error("the caller's buffer was not used")
	}
}

func TestAppendZeroAddresses(t *testing.T) {
	p := packet.Append(nil, frrArea0, &packet.Hello{Mask: addr("2001:db8::1")})
	_, body, err := packet.Decode(p)
	want := &packet.Hello{Mask: addr("0.0.0.0"), DR: addr("0.0.0.0"), BDR: addr("0.0.0.0")}
	if err != nil || !reflect.DeepEqual(body, want) {
		t.Errorf("%+v, %v", body, err)
	}
}

func TestAllocations(t *testing.T) {
	for name, limit := range map[string]float64{
		"BIRD hello, one neighbour, simple password":      2, // body and neighbours
		"FRR link state update, seven LSAs of four types": 2, // body and slices
		"FRR link state acknowledgment":                   2,
		"FRR database description, slave, seven headers":  2,
	} {
		p := base(t, name)
		buf := make([]byte, 0, 1500)
		h, body, err := packet.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { _, _, _ = packet.Decode(p) }); n > limit {
			t.Errorf("%s: Decode allocates %v times, want %v", name, n, limit)
		}
		if n := testing.AllocsPerRun(100, func() { packet.Append(buf, h, body) }); n > 0 {
			t.Errorf("%s: Append allocates %v times into a large buffer", name, n)
		}
	}
}

func BenchmarkDecodeHello(b *testing.B) {
	p := words(goldenPackets[2].bytes)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := packet.Decode(p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeLSUpdate decodes an update of 40 externals and judges each LSA.
func BenchmarkDecodeLSUpdate(b *testing.B) {
	lsas := make([][]byte, 40)
	for i := range lsas {
		lsas[i] = packet.BuildLSA(packet.LSAHeader{Type: packet.LSExternal, ID: packet.ID(i) << 8, Adv: 1, Seq: packet.InitialSeq},
			packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 20})
	}
	p := packet.Append(nil, frrArea0, &packet.LSUpdate{LSAs: lsas})
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		_, body, err := packet.Decode(p)
		if err != nil {
			b.Fatal(err)
		}
		for _, raw := range body.(*packet.LSUpdate).LSAs {
			if _, err := packet.CheckLSA(raw); err != nil {
				b.Fatal(err)
			}
		}
	}
}
