package packet

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func routerInfo(body LSABody) []byte {
	return BuildLSA(LSAHeader{Type: LSOpaqueArea, ID: RouterInfoID, Adv: 0x0a000001, Seq: InitialSeq}, body)
}

func TestRouterInfo(t *testing.T) {
	m := Multipath{
		Able: true, Shared: true, Policy: 3, Fields: 0x37, MaxPaths: 16, Fingerprint: [8]byte{1, 2, 3, 4, 5, 6, 7, 8},
		Weights: []LinkWeight{{ID: 0x0a000002, Data: 0x0a010001, Type: LinkPointToPoint, Weight: 3}},
	}
	want := []byte{
		0, 1, 0, 4, 0x28, 0, 0, 0, // informational capabilities: stub router support, point-to-point over LAN
		0x80, 0x02, 0, 36, // multipath
		'e', 'c', 'm', 'p', 1, 0x03, 3, 0,
		0, 0, 0, 0x37, 0, 16, 0, 0,
		1, 2, 3, 4, 5, 6, 7, 8,
		10, 0, 0, 2, 10, 1, 0, 1, 1, 3, 0, 0,
	}
	raw := routerInfo(RouterInfoLSA{Capabilities: CapStubRouter | CapPointToPointLAN, Multipath: &m})
	if !bytes.Equal(raw[LSAHeaderLen:], want) {
		t.Errorf("body\n% x, want\n% x", raw[LSAHeaderLen:], want)
	}
	if _, err := CheckLSA(raw); err != nil {
		t.Error(err)
	}
	if got, ok := DecodeMultipath(raw); !ok || !reflect.DeepEqual(got, m) {
		t.Errorf("decodes %+v %v, want %+v", got, ok, m)
	}
	plain := Multipath{Resilient: true, Policy: 1, MaxPaths: 256}
	if got, ok := DecodeMultipath(routerInfo(RouterInfoLSA{Multipath: &plain})); !ok || !reflect.DeepEqual(got, plain) {
		t.Errorf("decodes %+v %v, want %+v", got, ok, plain)
	}
}

// What others send in their router information is passed over (RFC 7770 2.3).
func TestRouterInfoOfOthers(t *testing.T) {
	ours := routerInfo(RouterInfoLSA{Multipath: &Multipath{Policy: 3}})[LSAHeaderLen+8:]
	for _, row := range []struct {
		name string
		body []byte
		ok   bool
	}{
		{"nothing", nil, false},
		{"unknown TLVs with padding first", append([]byte{0, 7, 0, 5, 'h', 'o', 's', 't', '1', 0, 0, 0, 0, 9, 0, 0}, ours...), true},
		{"the same number for another experiment", []byte{0x80, 0x02, 0, 24, 'e', 'c', 'm', 'p', 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false},
		{"that one, then ours", append([]byte{0x80, 0x02, 0, 4, 1, 2, 3, 4}, ours...), true},
		{"a TLV longer than the LSA", []byte{0, 1, 0xff, 0xff, 0, 0, 0, 0}, false},
	} {
		m, ok := DecodeMultipath(routerInfo(OpaqueLSA(row.body)))
		if ok != row.ok || ok && m.Policy != 3 {
			t.Errorf("%s: %+v %v", row.name, m, ok)
		}
	}
	raw := routerInfo(RouterInfoLSA{Multipath: &Multipath{Weights: make([]LinkWeight, 3)}})
	for n := range raw {
		if m, ok := DecodeMultipath(raw[:n]); ok && len(m.Weights) == 3 {
			t.Errorf("%d of %d bytes decode as all", n, len(raw))
		}
	}
	raw[3] = byte(LSOpaqueLink)
	if _, ok := DecodeMultipath(raw); ok {
		t.Error("link scope taken for area scope")
	}
}

// A name as FRR 8.4 does not send it and RFC 5642 asks for, both ways, and what is none.
func TestHostname(t *testing.T) {
	for _, name := range []string{"h", "hub", "hub-a", "hub-a.example.net", strings.Repeat("x", MaxHostname)} {
		raw := routerInfo(RouterInfoLSA{Hostname: name, Multipath: &Multipath{Policy: 3}})
		if got, ok := DecodeHostname(raw); !ok || got != name {
			t.Errorf("%q became %q, %t", name, got, ok)
		}
		if m, ok := DecodeMultipath(raw); !ok || m.Policy != 3 {
			t.Errorf("%q hides what follows it: %+v, %t", name, m, ok)
		}
		if _, err := CheckLSA(raw); err != nil {
			t.Error(err)
		}
	}
	without := routerInfo(RouterInfoLSA{})
	if got, ok := DecodeHostname(without); ok {
		t.Errorf("no name became %q", got)
	}
	raw := routerInfo(RouterInfoLSA{Hostname: "hub"})
	for n := range raw {
		DecodeHostname(raw[:n])
	}
	raw[LSAHeaderLen+8+3] = 0 // its length
	if got, ok := DecodeHostname(raw); ok {
		t.Errorf("an empty name became %q", got)
	}
}
