package fib

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes are those of a little-endian machine.
var nexthopTests = []struct {
	name  string
	bytes string
	want  nexthopObject
}{
	// ip nexthop add id 1 via 10.0.0.2 dev 3 proto 201
	{"gateway", "02 00 c9 00 00000000  0800 0100 01000000  0800 0500 03000000  0800 0600 0a000002",
		nexthopObject{id: 1, protocol: 201, hop: hopKey{ifindex: 3, gateway: netip.MustParseAddr("10.0.0.2")}}},
	// ip nexthop add id 2 via 10.0.0.2 dev 3 onlink proto 201
	{"onlink", "02 00 c9 00 04000000  0800 0100 02000000  0800 0500 03000000  0800 0600 0a000002",
		nexthopObject{id: 2, protocol: 201, hop: hopKey{ifindex: 3, gateway: netip.MustParseAddr("10.0.0.2"), onlink: true}}},
	// ip nexthop add id 3 dev 3 proto 201
	{"direct", "02 00 c9 00 00000000  0800 0100 03000000  0800 0500 03000000",
		nexthopObject{id: 3, protocol: 201, hop: hopKey{ifindex: 3}}},
	// ip nexthop add id 4 group 1/2,254 proto 201
	{"group", "00 00 c9 00 00000000  0800 0100 04000000  1400 0200 01000000 00 00 0000 02000000 fd 00 0000",
		nexthopObject{id: 4, protocol: 201, members: []member{{1, 1}, {2, 254}}}},
	// ip nexthop add id 4 group 1/2 type resilient buckets 64 idle_timer 30 proto 201
	{"resilient", "00 00 c9 00 00000000  0800 0100 04000000  1400 0200 01000000 00 00 0000 02000000 00 00 0000" +
		"0600 0300 01000000  1400 0c80 0600 0100 40000000 0800 0200 b80b0000",
		nexthopObject{id: 4, protocol: 201, members: []member{{1, 1}, {2, 1}}, resilient: Resilient{Buckets: 64, Idle: 30 * time.Second}}},
}

func TestNexthopCodec(t *testing.T) {
	for _, tt := range nexthopTests {
		want := unhex(t, tt.bytes)
		var b []byte
		if tt.want.members != nil {
			b = appendGroup(nil, Config{Protocol: tt.want.protocol, Resilient: tt.want.resilient}, tt.want.id, tt.want.members)
		} else {
			b = appendHop(nil, tt.want.protocol, tt.want.id, tt.want.hop)
		}
		if !bytes.Equal(b, want) {
			t.Errorf("%s: encoded\n%x, want\n%x", tt.name, b, want)
		}
		if got, err := parseNexthop(want); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: decoded %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
		for n := range want { // must neither panic nor read what is not there
			if _, err := parseNexthop(want[:n]); err == nil && n < unix.SizeofNhmsg {
				t.Errorf("%s: cut to %d bytes: accepted", tt.name, n)
			}
		}
	}
}

func TestRouteCodec(t *testing.T) {
	prefix := netip.MustParsePrefix("10.1.0.0/16")
	for _, tt := range []struct {
		name   string
		table  uint32
		target target
		bytes  string
	}{
		{"group", 254, target{id: 5}, "02 10 00 00 fe c9 00 01 00000000  0800 0100 0a010000  0800 0600 14000000  0800 1e00 05000000"},
		{"direct", 254, target{id: 5, link: true}, "02 10 00 00 fe c9 fd 01 00000000  0800 0100 0a010000  0800 0600 14000000  0800 1e00 05000000"},
		{"discard", 254, target{discard: true}, "02 10 00 00 fe c9 00 06 00000000  0800 0100 0a010000  0800 0600 14000000"},
		{"large table", 1000, target{id: 5}, "02 10 00 00 fc c9 00 01 00000000  0800 0f00 e8030000  0800 0100 0a010000  0800 0600 14000000  0800 1e00 05000000"},
	} {
		want := unhex(t, tt.bytes)
		cfg := Config{Table: tt.table}.withDefaults()
		if b := appendRoute(nil, cfg, compact(prefix), tt.target); !bytes.Equal(b, want) {
			t.Errorf("%s: encoded\n%x, want\n%x", tt.name, b, want)
		}
		r, err := parseRoute(want)
		if err != nil || r.prefix != prefix || r.table != tt.table || r.metric != 20 || r.protocol != 201 || r.target() != tt.target {
			t.Errorf("%s: decoded %+v, %v", tt.name, r, err)
		}
		for n := range want {
			if _, err := parseRoute(want[:n]); err == nil && n < unix.SizeofRtMsg {
				t.Errorf("%s: cut to %d bytes: accepted", tt.name, n)
			}
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, tt := range nexthopTests {
		f.Add(unhex(f, tt.bytes))
	}
	f.Add(unhex(f, "02 10 00 00 fe c9 00 01 00000000  0800 0100 0a010000  1400 0900 1000 00 00 03000000 0800 0500 0a000002"))
	f.Add(unhex(f, "24000000 0200 0000 01000000 02000000 ebffffff 00000000 00000000 00000000 00000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = eachMessage(b, func(m message) error { return m.ack() })
		_, _ = parseNexthop(b)
		if r, err := parseRoute(b); err == nil && !r.prefix.IsValid() {
			t.Errorf("invalid prefix in %+v", r)
		}
		for _, flags := range []uint16{0, unix.NLM_F_ACK_TLVS, unix.NLM_F_ACK_TLVS | unix.NLM_F_CAPPED} {
			_ = message{typ: unix.NLMSG_ERROR, flags: flags, body: b}.ack()
		}
	})
}

// Answers that do not fit the receive buffer are no answers: everything is looked
// at again, and the result is right.
func TestLostAnswers(t *testing.T) {
	h := newHub(t)
	k := h.table.kernel.(*kernel)
	h.sync()
	if err := unix.SetsockoptInt(k.conn.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for i := range 500 { // all refused at first: in the way, but ours
		lines.WriteString("route add " + prefixOf(i).String() + " via 10.0.0.9 proto 201 metric 20\n")
		h.table.Set(Route{Prefix: prefixOf(i), NextHops: setAB})
	}
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(lines.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if rep := h.table.Sync(); rep.Written != 500 || len(rep.Failed) != 0 {
		t.Errorf("report: %d written, %v", rep.Written, rep.Failed)
	}
	if got := h.routes(); len(got) != 500 || got[0] != "100.0.0.0 10.0.0.2@v0 10.0.1.2@v1" {
		t.Errorf("%d routes, %q", len(got), got[:1])
	}
}
