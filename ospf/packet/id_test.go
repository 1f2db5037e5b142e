package packet_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

func TestIDText(t *testing.T) {
	for _, s := range []string{"0.0.0.0", "1.2.3.4", "255.255.255.255"} {
		v, err := packet.ParseID(s)
		if err != nil || v.String() != s || packet.IDFromAddr(v.Addr()) != v {
			t.Errorf("ParseID(%q) = %v, %v", s, v, err)
		}
	}
	for _, s := range []string{"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "::1", "::ffff:1.2.3.4", "1.2.3.4 "} {
		if v, err := packet.ParseID(s); err == nil {
			t.Errorf("ParseID(%q) = %v", s, v)
		}
	}
	out, err := json.Marshal(map[string]packet.ID{"routerId": 0x01020304})
	if err != nil || string(out) != `{"routerId":"1.2.3.4"}` {
		t.Errorf("json %s, %v", out, err)
	}
	var in struct{ RouterID packet.ID }
	if err := json.Unmarshal([]byte(`{"RouterID":"1.2.3.4"}`), &in); err != nil || in.RouterID != 0x01020304 {
		t.Errorf("json gives %v, %v", in.RouterID, err)
	}
	if err := json.Unmarshal([]byte(`{"RouterID":"area 0"}`), &in); err == nil {
		t.Errorf("json gives %v", in.RouterID)
	}
	if got := packet.IDFromAddr(addr("2001:db8::1")); got != 0 {
		t.Errorf("an IPv6 address gives %v", got)
	}
	if packet.ID(0x80000000).Compare(1) <= 0 {
		t.Error("ids are not compared as unsigned numbers")
	}
}

func TestMask(t *testing.T) {
	for n := range 33 {
		if got, ok := packet.MaskLen(packet.MaskOf(n)); got != n || !ok {
			t.Errorf("/%d becomes /%d, %v", n, got, ok)
		}
	}
	for s, want := range map[string]string{"255.0.255.0": "", "0.0.0.1": "", "255.255.255.1": "", "127.0.0.0": "", "255.255.255.252": "30"} {
		if n, ok := packet.MaskLen(id(s)); ok != (want != "") || ok && n != 30 {
			t.Errorf("MaskLen(%s) = %d, %v", s, n, ok)
		}
	}
	if packet.MaskOf(-1) != 0 || packet.MaskOf(33) != 0xffffffff {
		t.Errorf("lengths outside 0 to 32 give %v and %v", packet.MaskOf(-1), packet.MaskOf(33))
	}
}

// TestNames: every value of the closed lists has a name of its own, in kebab
// case, and unknown ones show their number.
func TestNames(t *testing.T) {
	names := map[string][]string{}
	add := func(kind, name string, known bool) {
		if known == strings.ContainsAny(name, "0123456789 _ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Errorf("%s %q", kind, name)
		}
		names[kind] = append(names[kind], name)
	}
	for r := packet.Truncated; r <= packet.BadLLS; r++ {
		add("reason", r.String(), true)
	}
	for r := packet.BadLSALength; r <= packet.BadLSABody; r++ {
		add("reason", r.String(), true)
	}
	add("reason", (packet.BadLLS + 1).String(), false)
	add("reason", (packet.BadLSABody + 1).String(), false)
	for v := range 256 {
		add("packet type", packet.Type(v).String(), v >= 1 && v <= 5)
		add("LS type", packet.LSType(v).String(), v >= 1 && v <= 5 || v == 7 || v >= 9 && v <= 11)
		add("link type", packet.LinkType(v).String(), v >= 1 && v <= 4)
	}
	for kind, list := range names {
		seen := map[string]bool{}
		for _, name := range list {
			if seen[name] {
				t.Errorf("two %ss are called %q", kind, name)
			}
			seen[name] = true
		}
	}
}
