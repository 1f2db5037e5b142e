package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A capture of ecmpd (10.255.0.2) and BIRD (10.255.0.1) becoming adjacent on a LAN.
var adjacency = filepath.Join("testdata", "adjacency.pcap")

func TestDecode(t *testing.T) {
	code, stdout, stderr := ecmpd(t, "decode", adjacency)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	golden(t, filepath.Join("testdata", "decode.golden"), stdout)

	code, stdout, stderr = ecmpd(t, "decode", adjacency, "-o", "json")
	var body struct {
		Packets []map[string]any `json:"packets"`
	}
	if err := json.Unmarshal([]byte(stdout), &body); err != nil || code != 0 || stderr != "" {
		t.Fatalf("exit code %d, %v, %s", code, err, stderr)
	}
	if len(body.Packets) != 27 || body.Packets[17]["type"] != "link-state-update" || body.Packets[17]["source"] != "10.0.0.1" {
		t.Errorf("%d packets, number 18 is %v", len(body.Packets), body.Packets[17])
	}
}

func TestDecodeCodes(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const ack = "020500180aff00010000000" // an acknowledgment without a checksum
	for _, row := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"decode", ack + "0"}, 1, "the argument: 1 of 1 OSPF packets malformed"},
		{[]string{"decode", file("malformed", ack+"0\n")}, 1, "1 of 1 OSPF packets malformed"},
		{[]string{"decode", file("prose", "it was a dark night")}, 1, "neither a capture file nor hex"},
		{[]string{"decode", filepath.Join(dir, "absent")}, 1, "no such file"},
		{[]string{"decode", file("udp", "4500001c000000000111000000000000000000000000000000080000\n")}, 4, "an OSPF packet in the 1 packets"},
		{[]string{"decode", "-o", "json", file("empty", "")}, 4, "not found"},
		{[]string{"decode", "a", "b"}, 2, "accepts at most 1 arg"},
	} {
		code, _, stderr := ecmpd(t, row.args...)
		if code != row.code || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%v: exit code %d, %q, want %d, %q", row.args, code, stderr, row.code, row.stderr)
		}
	}
}
