package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
)

// withKeys is a configuration with an authentication section and key chains.
func withKeys(authentication, chains string) string {
	return "router-id: 10.0.0.1\nospf:\n  areas:\n    - area-id: 0\n      interfaces:\n        - match: eth0\n" +
		"          authentication: " + authentication + "\n" + chains
}

const oneChain = `key-chains:
  - name: backbone
    keys:
      - {key-id: 1, algorithm: md5, key: first}
`

func TestKeyChain(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "two.key"), []byte("second secret\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := withKeys("{key-chain: backbone, auth-trailer-rfc: rfc7474}", `key-chains:
  - name: backbone
    keys:
      - {key-id: 1, algorithm: hmac-sha-1, key: 12345, send-until: 2027-01-01T01:00:00+01:00, accept-until: 2027-01-02T00:00:00Z}
      - {key-id: 255, algorithm: hmac-sha-512, key-file: two.key, send-from: 2027-01-01T00:00:00Z}
`)
	c, err := Parse(filepath.Join(dir, "f.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 0 || c.Ready() != nil {
		t.Errorf("%v, %v", c.Warnings, c.Ready())
	}
	midnight := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	want := auth.Scheme{Chain: "backbone", Extended: true, Keys: []auth.Key{
		{ID: 1, Algorithm: auth.HMACSHA1, Secret: auth.NewSecret("12345"),
			Send: auth.Lifetime{Until: midnight}, Accept: auth.Lifetime{Until: midnight.AddDate(0, 0, 1)}},
		{ID: 255, Algorithm: auth.HMACSHA512, Secret: auth.NewSecret("second secret"), Send: auth.Lifetime{From: midnight}},
	}}
	if got := c.OSPF.Areas[0].Interfaces[0].Auth; got.Chain != want.Chain || got.Extended != want.Extended || !slices.Equal(got.Keys, want.Keys) {
		t.Errorf("got %+v", got)
	}
}

func TestKeyErrors(t *testing.T) {
	key := func(s string) string {
		return "key-chains: [{name: backbone, keys: [{" + s + "}]}]\n"
	}
	for _, tt := range []struct{ authentication, chains, want string }{
		{"{key-chain: backbon}", oneChain, `there is no key chain "backbon": did you mean "backbone"?`},
		{"{key-chain: other-one}", oneChain, `there is no key chain "other-one": known are backbone`},
		{"{key-chain: backbone}", "", `there is no key chain "backbone": write it under key-chains: at the top level`},
		{"{key-chain: backbone, key: x}", oneChain, `either "key-chain" or a key of the interface's own, not both`},
		{"{key-chain: backbone, auth-trailer-rfc: rfc7474}", oneChain, `auth-trailer-rfc rfc7474 needs keys with hmac-sha-1 or better, key 1 is md5`},
		{"{key-chain: backbone, auth-trailer-rfc: rfc5708}", oneChain, `did you mean "rfc5709"?`},
		{"{key-chain: backbone}", key("key-id: 1, algorithm: hmac-sha256, key: x"), `did you mean "hmac-sha-256"?`},
		{"{key-chain: backbone}", key("key-id: 256, algorithm: md5, key: x"), `"key-id" is a whole number from 0 to 255, not "256"`},
		{"{key-chain: backbone}", key("algorithm: md5, key: x"), `"key-id" is missing`},
		{"{key-chain: backbone}", key("key-id: 1, key: x"), `"algorithm" is missing`},
		{"{key-chain: backbone}", key("key-id: 1, algorithm: md5"), `"key" is missing`},
		{"{key-chain: backbone}", key("key-id: 1, algorithm: md5, key: ''"), `"key" holds an empty secret`},
		{"{key-chain: backbone}", key("key-id: 1, algorithm: md5, key: 12345678901234567"), `"key" holds a secret of 17 bytes, md5 uses at most 16`},
		{"{key-chain: backbone}", key("key-id: 1, algorithm: simple-password, key: 123456789"), `"key" holds a secret of 9 bytes, cleartext uses at most 8`},
		{"{key-chain: backbone}", key("key-id: 1, algorithm: md5, key: x, key-file: y"), `either "key" or "key-file", not both`},
		{"{key-chain: backbone}", key("key-id: 1, algorithm: md5, key: x, send-from: 2027-01-01"), `"send-from" is a time such as 2027-01-01T00:00:00Z`},
		{"{key-chain: backbone}", key("key-id: 1, algorithm: md5, key: x, accept-from: 2027-01-02T00:00:00Z, accept-until: 2027-01-01T00:00:00Z"),
			`accept-until 2027-01-01T00:00:00Z is not after accept-from 2027-01-02T00:00:00Z`},
		{"{key-chain: backbone}", "key-chains: [{name: backbone, keys: []}]", `"keys" is missing: a key chain has a key at least`},
		{"{key-chain: backbone}", oneChain + "      - {key-id: 1, algorithm: md5, key: y}", `key-id 1 is already in line 11: a key id stands once in a key chain`},
		{"{key-chain: backbone}", oneChain + "  - {name: backbone, keys: [{key-id: 2, algorithm: md5, key: y}]}", `key chain "backbone" is already in line 9: put the keys there`},
		{"{key-chain: backbone}", oneChain + "  - {keys: [{key-id: 2, algorithm: md5, key: y}]}", `"name" is missing: interfaces refer to a key chain by its name`},
	} {
		_, err := Parse("f.yaml", []byte(withKeys(tt.authentication, tt.chains)))
		if p := only(t, err); !strings.Contains(p.Message, tt.want) {
			t.Errorf("got %s, want %s", p.Message, tt.want)
		}
	}
}

func TestKeyWarnings(t *testing.T) {
	chain := func(keys ...string) string {
		text := "key-chains:\n  - name: backbone\n    keys:\n"
		for n, k := range keys {
			text += fmt.Sprintf("      - {key-id: %d, algorithm: hmac-sha-1, key: x%s}\n", n+1, k)
		}
		return text
	}
	const use = "{key-chain: backbone}"
	for _, tt := range []struct{ name, authentication, chains, want string }{
		{"smooth", use, chain(", send-until: 2027-01-01T00:00:00Z, accept-until: 2027-01-02T00:00:00Z", ", send-from: 2027-01-01T00:00:00Z"), ""},
		{"gap", use, chain(", send-until: 2027-01-01T00:00:00Z", ", send-from: 2027-01-01T00:00:01Z"),
			"no key is sent from 2027-01-01T00:00:00Z until 2027-01-01T00:00:01Z: key 1 goes on meanwhile"},
		{"an end", use, chain(", send-until: 2027-01-01T00:00:00Z", ", send-from: 2026-01-01T00:00:00Z, send-until: 2026-06-01T00:00:00Z"),
			"from 2027-01-01T00:00:00Z no key of the chain is valid for sending"},
		{"sent before it is accepted", use, chain("", ", send-from: 2026-01-01T00:00:00Z, accept-from: 2026-01-02T00:00:00Z"),
			"key 2 is sent from 2026-01-01T00:00:00Z and accepted from 2026-01-02T00:00:00Z"},
		{"sent longer than accepted", use, chain("", ", accept-until: 2026-01-02T00:00:00Z"), "key 2 is sent for ever and accepted until"},
		{"unused", "{key-id: 1, algorithm: md5, key: y}", chain(""), `no interface uses key chain "backbone"`},
		{"long", "{key-id: 1, algorithm: hmac-sha-1, key: " + strings.Repeat("y", 21) + "}", "", "beyond 20, the digest of hmac-sha-1, not all routers agree"},
	} {
		c, err := Parse("f.yaml", []byte(withKeys(tt.authentication, tt.chains)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		for _, w := range c.Warnings {
			got = append(got, w.Message)
		}
		if len(got) != min(1, len(tt.want)) || tt.want != "" && !strings.Contains(got[0], tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("good", "secret\n", 0o600)
	write("open", "secret", 0o644)
	write("empty", "\n", 0o600)
	write("large", strings.Repeat("x", 2000), 0o600)
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ err, unready, warning string }{
		"good":                     {},
		filepath.Join(dir, "good"): {},
		"open":                     {warning: "everybody on this machine may read or write"},
		"empty":                    {err: `"key-file" holds an empty secret`},
		"large":                    {err: "is larger than 1024 bytes"},
		"missing":                  {unready: "missing: no such file or directory"},
		"pipe":                     {unready: "is not a file"},
		".":                        {unready: "is not a file"},
	} {
		c, err := Parse(filepath.Join(dir, "f.yaml"), []byte(withKeys("{key-id: 1, algorithm: md5, key-file: "+name+"}", "")))
		if want.err != "" {
			if p := only(t, err); !strings.Contains(p.Message, want.err) {
				t.Errorf("%s: %s", name, p.Message)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if (want.unready == "") != (c.Ready() == nil) || want.unready != "" && !strings.Contains(c.Ready().Error(), want.unready) {
			t.Errorf("%s: %v, want %q", name, c.Ready(), want.unready)
		}
		if len(c.Warnings) != min(1, len(want.warning)) || want.warning != "" && !strings.Contains(c.Warnings[0].Message, want.warning) {
			t.Errorf("%s: %v, want %q", name, c.Warnings, want.warning)
		}
	}
}

// However a secret is written, a message about its line or one nearby does not show it.
func TestSecretsAreNotShown(t *testing.T) {
	for _, key := range []string{
		"{key-id: 300, algorithm: md5, key: hunter2}",
		"{key-id: 300, algorithm: md5, key: hunter2 , send-from: x}",
		"{key-id: 1, algorithm: md4, 'key': \"hunter\\\"2\"}",
		"{key-id: 1, algorithm: md4, \"key\" : 'hunter2, x'}",
		"{key-id: 1, algorithm: md5, key: hunter2, key: hunter2}",
		"{key-id: 1, algorithm: md5, key: hunter2",
		"{key-id: 1, algorithm: md5, key: \"hunter2",
		"{key: [hunter2]}",
		"\n        key-id: 1\n        algorithm: md5\n        key: |\n          hunter2 hunter2 hunter2\n",
		"\n        key-id: 1\n        algorithm: md5\n        key: >-\n          abcdefghi\n          hunter2\x01\n",
		"\n        key-id: 1\n        algorithm: md5\n        key:\n          hunter2: 1\n",
		"\n        key-id: 1\n        algorithm: md5\n        key: \"abc\n          hunter2\n          hunter2\n",
	} {
		text := "router-id: 10.0.0.1\nkey-chains:\n  - name: c\n    keys:\n      - " + key
		_, err := Parse("f.yaml", []byte(text))
		if err == nil {
			t.Errorf("%q is right", key)
			continue
		}
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%q: %v", key, err)
		}
	}
}
