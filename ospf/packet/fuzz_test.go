package packet_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// FuzzDecode decodes the bytes as they are, and once more with length and
// checksum repaired so that the bodies are reached. What was decoded must survive
// Append and Decode.
func FuzzDecode(f *testing.F) {
	for _, g := range goldenPackets {
		f.Add(append(words(g.bytes), words(g.trailer)...))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		roundTrip(t, p)
		if len(p) >= packet.HeaderLen && len(p) <= packet.MaxLen {
			roundTrip(t, repairPacket(bytes.Clone(p[:len(p)&^3])))
		}
	})
}

func roundTrip(t *testing.T, p []byte) {
	before := bytes.Clone(p)
	h, body, err := packet.Decode(p)
	if !bytes.Equal(p, before) {
		t.Fatal("Decode wrote into the packet")
	}
	if err != nil {
		var e *packet.Error
		if !errors.As(err, &e) || e.Reason == 0 || e.Detail == "" || body != nil {
			t.Fatalf("body %v, error %#v", body, err)
		}
		return
	}
	if u, ok := body.(*packet.LSUpdate); ok {
		u.Truncated = false // is not encoded
		// LSAs that CheckLSA refuses for their length do not travel onwards.
		u.LSAs = slices.DeleteFunc(u.LSAs, func(raw []byte) bool { return len(raw)%4 != 0 })
	}
	again := packet.Append(nil, h, body)
	h2, body2, err := packet.Decode(again)
	if err != nil {
		t.Fatalf("%+v encodes as %x: %v", body, again, err)
	}
	if u, ok := body.(*packet.LSUpdate); ok && len(u.LSAs) == 0 {
		u.LSAs = nil // nothing is left
	}
	if h2 != h || !reflect.DeepEqual(body2, body) {
		t.Fatalf("%+v %+v becomes\n%+v %+v", h, body, h2, body2)
	}
}

// FuzzCheckLSA judges the bytes as they are, and once more with length and
// checksum repaired. What is well formed must be decoded, and survive BuildLSA.
func FuzzCheckLSA(f *testing.F) {
	for _, l := range goldenLSAs {
		f.Add(words(l.bytes))
	}
	f.Add(repairLSA(words("00010201 01010101 01010101 80000001 00000000 00000001 0a000100 ffffff00 0301000a 02000005")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		judge(t, raw)
		if len(raw) >= packet.LSAHeaderLen && len(raw) <= packet.MaxLSALen {
			judge(t, repairLSA(bytes.Clone(raw)))
		}
	})
}

func judge(t *testing.T, raw []byte) {
	h, err := packet.CheckLSA(raw)
	// Whatever CheckLSA says, the decoding functions must not panic.
	_, _ = packet.DecodeRouterLSA(raw)
	_, _ = packet.DecodeNetworkLSA(raw)
	_, _ = packet.DecodeSummaryLSA(raw)
	_, _ = packet.DecodeExternalLSA(raw)
	if err != nil {
		var e *packet.Error
		if !errors.As(err, &e) || e.Reason == 0 || e.Detail == "" {
			t.Fatalf("error %#v", err)
		}
		return
	}
	body, err := decodeLSABody(t, raw)
	if err != nil {
		t.Fatalf("CheckLSA is content, but %v", err)
	}
	again := packet.BuildLSA(h, body)
	if _, err := packet.CheckLSA(again); err != nil {
		t.Fatalf("%+v encodes as %x: %v", body, again, err)
	}
	body2, err := decodeLSABody(t, again)
	if err != nil || !reflect.DeepEqual(body2, body) {
		t.Fatalf("%+v becomes %+v, %v", body, body2, err)
	}
}
