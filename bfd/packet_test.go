package bfd

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// unhex reads bytes that are written in protocol words.
func unhex(t testing.TB, words string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(words, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var golden = []struct {
	name, words string
	packet      Packet
}{
	{"first packet", "20 40 03 18 00000001 00000000 000f4240 00002710 00000000",
		Packet{State: Down, Multiplier: 3, MyDiscr: 1, DesiredMinTx: 1_000_000, RequiredMinRx: 10_000}},
	{"poll of FRR that offers echo", "20 e0 05 18 deadbeef 00000007 000186a0 000493e0 0000c350",
		Packet{State: Up, Poll: true, Multiplier: 5, MyDiscr: 0xdeadbeef, YourDiscr: 7, DesiredMinTx: 100_000, RequiredMinRx: 300_000, MinEchoRx: 50_000}},
	{"every other flag", "27 1a ff 18 00000002 00000003 00000004 00000005 00000006",
		Packet{Diag: Administrative, State: AdminDown, Final: true, Independent: true, Demand: true, Multiplier: 255, MyDiscr: 2, YourDiscr: 3, DesiredMinTx: 4, RequiredMinRx: 5, MinEchoRx: 6}},
	{"password", "21 84 02 20 00000001 00000002 00000003 00000004 00000000 01 08 09 68656c6c6f",
		Packet{Diag: DetectionExpired, State: Init, Multiplier: 2, MyDiscr: 1, YourDiscr: 2, DesiredMinTx: 3, RequiredMinRx: 4, Auth: []byte("\x01\x08\x09hello")}},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		b := unhex(t, g.words)
		if got := g.packet.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%s: encoded %x, want %x", g.name, got, b)
		}
		// RFC 5880 4.1: what follows the packet in the datagram is not of it.
		for _, in := range [][]byte{b, append(bytes.Clone(b), 0xee)} {
			got, err := Decode(in)
			if err != nil || !reflect.DeepEqual(got, g.packet) {
				t.Errorf("%s: decoded %+v, %v, want %+v", g.name, got, err, g.packet)
			}
		}
	}
}

// The discards of RFC 5880 6.8.6 that need no session, the first that fits counts.
func TestDecodeDiscards(t *testing.T) {
	sound := unhex(t, golden[1].words)
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		want   Discard
	}{
		{"version 0", func(b []byte) []byte { b[0] &= 0x1f; return b }, BadVersion},
		{"version 2, and no multiplier", func(b []byte) []byte { b[0], b[2] = 2<<5, 0; return b }, BadVersion},
		{"empty", func([]byte) []byte { return nil }, BadLength},
		{"runt", func(b []byte) []byte { return b[:23] }, BadLength},
		{"length 23", func(b []byte) []byte { b[3] = 23; return b }, BadLength},
		{"length 25 with A", func(b []byte) []byte { b[1] |= flagAuth; b[3] = 25; return append(b, 1, 2) }, BadLength},
		{"length beyond the payload", func(b []byte) []byte { b[3] = 25; return b }, BadLength},
		{"multiplier 0, and multipoint", func(b []byte) []byte { b[2] = 0; b[1] |= flagMultipoint; return b }, ZeroMultiplier},
		{"multipoint, and no discriminator", func(b []byte) []byte { b[1] |= flagMultipoint; clear(b[4:8]); return b }, MultipointSet},
		{"no discriminator", func(b []byte) []byte { clear(b[4:8]); return b }, ZeroDiscriminator},
	} {
		if _, err := Decode(c.change(bytes.Clone(sound))); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, g := range golden {
		f.Add(unhex(f, g.words))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			return
		}
		want := bytes.Clone(b[:b[3]])
		if p.Auth == nil { // what else the length covers is of no meaning
			want = want[:minLength]
			want[3] = minLength
		}
		if got := p.Append(nil); !bytes.Equal(got, want) {
			t.Errorf("%x decoded to %+v, which encodes to %x", b, p, got)
		}
	})
}
