package packet

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

func graceLSA(body LSABody) []byte {
	return BuildLSA(LSAHeader{Type: LSOpaqueLink, ID: GraceID, Adv: 0x0a000001, Seq: InitialSeq}, body)
}

// RFC 3623 appendix A, both ways.
func TestGraceLSA(t *testing.T) {
	for _, c := range []struct {
		grace GraceLSA
		body  []byte
	}{
		{GraceLSA{Period: 2 * time.Minute, Reason: RestartUnknown},
			[]byte{0, 1, 0, 4, 0, 0, 0, 120, 0, 2, 0, 1, 0, 0, 0, 0}},
		{GraceLSA{Period: 30 * time.Minute, Reason: RestartUpgrade, Address: netip.MustParseAddr("10.0.1.5")},
			[]byte{0, 1, 0, 4, 0, 0, 7, 8, 0, 2, 0, 1, 2, 0, 0, 0, 0, 3, 0, 4, 10, 0, 1, 5}},
	} {
		raw := graceLSA(c.grace)
		if !bytes.Equal(raw[LSAHeaderLen:], c.body) {
			t.Errorf("%+v: % x, want % x", c.grace, raw[LSAHeaderLen:], c.body)
		}
		h, err := CheckLSA(raw)
		if err != nil || !h.Key().IsGrace() {
			t.Errorf("%+v: %v", h, err)
		}
		if got, err := DecodeGraceLSA(raw); err != nil || got != c.grace {
			t.Errorf("decodes %+v %v, want %+v", got, err, c.grace)
		}
	}
}

func TestGraceLSAMalformed(t *testing.T) {
	period, reason := []byte{0, 1, 0, 4, 0, 0, 0, 120}, []byte{0, 2, 0, 1, 1, 0, 0, 0}
	for name, c := range map[string]struct {
		parts [][]byte
		ok    bool
	}{
		"plain":                 {[][]byte{period, reason}, true},
		"other order":           {[][]byte{reason, period}, true},
		"unknown TLV":           {[][]byte{{0, 9, 0, 3, 1, 2, 3, 0}, period, reason}, true},
		"the first counts":      {[][]byte{period, reason, {0, 1, 0, 4, 0, 0, 0, 0}}, true},
		"no period":             {[][]byte{reason}, false},
		"no reason":             {[][]byte{period}, false},
		"empty":                 {nil, false},
		"period 0":              {[][]byte{{0, 1, 0, 4, 0, 0, 0, 0}, reason}, false},
		"period above 1800 s":   {[][]byte{{0, 1, 0, 4, 0, 0, 7, 9}, reason}, false},
		"period of all ones":    {[][]byte{{0, 1, 0, 4, 255, 255, 255, 255}, reason}, false},
		"short period":          {[][]byte{{0, 1, 0, 2, 0, 120, 0, 0}, reason}, false},
		"TLV past the end":      {[][]byte{period, reason, {0, 9, 0, 5, 0, 0, 0, 0}}, false},
		"TLV of 65535 bytes":    {[][]byte{period, reason, {0, 9, 255, 255}}, false},
		"address of four bytes": {[][]byte{period, reason, {0, 3, 0, 4, 10, 0, 0, 1}}, true},
		"address of one byte":   {[][]byte{period, reason, {0, 3, 0, 1, 10, 0, 0, 0}}, false},
	} {
		if _, err := DecodeGraceLSA(graceLSA(OpaqueLSA(bytes.Join(c.parts, nil)))); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, raw := range [][]byte{nil, routerInfo(RouterInfoLSA{})} {
		if _, err := DecodeGraceLSA(raw); err == nil {
			t.Errorf("% x is no Grace-LSA", raw)
		}
	}
	whole := graceLSA(GraceLSA{Period: time.Minute, Address: netip.MustParseAddr("10.0.0.1")})
	for n := range whole {
		_, _ = DecodeGraceLSA(whole[:n]) // whatever it says, it does not panic
	}
}
