package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/record"
)

// recording is what a router without neighbours records in a few seconds.
func recording(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	r := record.New(ospf.New(1), f, record.Header{Seed: 1, Start: now}, 1<<20, func(err error) { t.Error(err) })
	link := ospf.Link{Name: "lan", Index: 2, MTU: 1500, Up: true, Addrs: []ospf.LinkAddr{{Addr: netip.MustParsePrefix("10.1.0.1/24")}}}
	r.Step(now, ospf.Links{Links: []ospf.Link{link}})
	r.Step(now, ospf.Config{
		RouterID: packet.IDFromAddr(netip.MustParseAddr("10.255.0.1")),
		Areas: []ospf.Area{{Interfaces: []ospf.InterfaceConfig{{
			Match: ospf.Match{{Glob: "lan"}}, Type: ospf.TypeBroadcast, Passive: true, Cost: 10, Weight: 1,
			HelloInterval: time.Second, DeadInterval: 4 * time.Second, RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second,
		}}}},
		SPFDelay: ospf.SPFDelay{Initial: 50 * time.Millisecond, Short: 200 * time.Millisecond, Long: 5 * time.Second, HoldDown: 10 * time.Second, TimeToLearn: 500 * time.Millisecond},
	})
	for end := now.Add(8 * time.Second); r.Deadline().Before(end); {
		now = r.Deadline()
		r.Step(now, ospf.Tick{})
	}
	now = now.Add(3 * time.Second)
	r.Step(now, ospf.Drain)
	r.Step(now, ospf.Links{})
	return path
}

func TestReplay(t *testing.T) {
	path := recording(t)
	code, stdout, stderr := ecmpd(t, "replay", path)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	for _, want := range []string{"+0.000s  interface lan: Down to Passive (link up)", "order: drain", "lan: Passive to Down", "Neighbor ID"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	code, stdout, _ = ecmpd(t, "replay", path, "-o", "json", "--until", "7s")
	var body replay
	if err := json.Unmarshal([]byte(stdout), &body); err != nil || code != 0 || body.Diverged != 0 {
		t.Fatalf("exit code %d, %v\n%s", code, err, stdout)
	}
	if len(body.Routes) != 1 || body.Routes[0].Prefix != "10.1.0.0/24" || strings.Contains(stdout, "drain") {
		t.Errorf("until the drain: %s", stdout)
	}
}

func TestReplayCodes(t *testing.T) {
	path := recording(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, row := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"replay", file("other", strings.Replace(string(text), `"Cost":10`, `"Cost":11`, 1))}, 1, "does something else than the one that recorded"},
		{[]string{"replay", file("cut", string(text[:len(text)-10]))}, 1, "unexpected EOF"},
		{[]string{"replay", file("yaml", "router-id: 10.0.0.1\n")}, 1, `no recording of "ecmpd run --record"`},
		{[]string{"replay", "absent"}, 1, "no such file"},
		{[]string{"replay"}, 2, "takes one file, not 0"},
	} {
		if code, stdout, stderr := ecmpd(t, row.args...); code != row.code || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%v: exit code %d, %q\n%s", row.args, code, stderr, stdout)
		}
	}
}
