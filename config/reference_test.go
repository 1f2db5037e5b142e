package config

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestReferenceHoldsEveryKey(t *testing.T) {
	r := &report{file: "reference.yaml"}
	top := r.parseYAML(Reference())
	if err := r.err(); err != nil {
		t.Fatal(err)
	}
	written := writtenPaths(top, "")
	for _, path := range keyPaths(reflect.TypeFor[rawConfig](), "") {
		if !slices.Contains(written, path) {
			t.Errorf("reference.yaml lacks %s", path)
		}
	}
}

// writtenPaths lists the keys of a tree as keyPaths lists those of the structs.
func writtenPaths(n *node, prefix string) []string {
	var paths []string
	for _, p := range n.pairs {
		path := prefix + p.key.text
		paths = append(paths, path)
		paths = append(paths, writtenPaths(p.value, path+".")...)
	}
	for _, item := range n.items {
		paths = append(paths, writtenPaths(item, strings.TrimSuffix(prefix, ".")+"[].")...)
	}
	return paths
}

// The values of the reference are the defaults that it promises.
func TestReferenceValuesAreDefaults(t *testing.T) {
	got := parse(t, Reference())
	want := parse(t, `
router-id: 192.0.2.1
ospf:
  database-control: {max-lsa: 500000}
  areas:
    - {area-id: 0.0.0.0, interfaces: [{match: ["vpn*", "!vpn9"], interface-type: point-to-point, link-data: ifindex, bfd: {enabled: false, authentication: {key-chain: watch}}, authentication: {key-chain: backbone}},
       {match: lan, authentication: {key-id: 1, algorithm: hmac-sha-256, key: third secret}},
       {match: wg0, interface-type: point-to-multipoint},
       {match: fr0, interface-type: non-broadcast, static-neighbors: [{address: 192.0.2.65}]},
       {match: radio0, interface-type: hybrid, static-neighbors: [{address: 192.0.2.129, cost: 20}]},
       {match: dmz, authentication: {key-id: 1, algorithm: md5, key-file: dmz.key}}],
       virtual-links: [{transit-area-id: 2, router-id: 192.0.2.4, authentication: {key-chain: backbone}}]}
    - {area-id: 0.0.0.2, interfaces: [{match: site}]}
    - {area-id: 0.0.0.1, area-type: nssa, ranges: [{prefix: 10.1.0.0/16, cost: 77}]}
  redistribute: [{source: connected, prefixes: ["10.0.0.0/8 ge 24 le 32"]}]
key-chains:
  - {name: backbone, keys: [
     {key-id: 1, algorithm: hmac-sha-256, key: first secret, send-from: 2026-01-01T00:00:00Z, send-until: 2027-01-01T00:00:00Z,
      accept-from: 2025-12-31T00:00:00Z, accept-until: 2027-01-02T00:00:00Z},
     {key-id: 2, algorithm: hmac-sha-256, key-file: /etc/ecmpd/backbone.key, send-from: 2027-01-01T00:00:00Z}]}
  - {name: watch, keys: [{key-id: 1, algorithm: hmac-sha-1, key: for BFD}]}
static: [{prefix: 198.51.100.0/24, next-hops: [{via: 192.0.2.254}]}, {prefix: 203.0.113.0/24, blackhole: true}]
transit: {mode: off, insert-accept: [{table: filter, chain: forward}], policy: [{protocol: tcp, ports: [22, 8000-8080], action: accept}]}
wan:
  uplinks: [{name: isp-a, interface: eth1, gateway: 203.0.113.1}]
  lists: {domestic: [198.51.100.0/24]}
  rules: [{destination: "@domestic", protocol: tcp, port: [443, 8000-8080], uplink: isp-a}]
bgp:
  as: 65000
  neighbors:
    - {address: 192.0.2.129, remote-as: 65000, local-address: 192.0.2.130, password: a third party's, ttl-security: 1, route-reflector-client: true}
    - {address: 192.0.2.131, remote-as: 65001, multihop: 5, ebgp-requires-policy: false, import: from-upstream, export: to-upstream}
  dynamic-neighbors: [{prefix: 192.0.2.192/26, remote-as: 65000}]
  aggregates: [{prefix: 198.51.100.0/22}]
  redistribute: [{source: ospf, med: 20}]
  announce: [{prefix: 198.51.100.0/24, when: {uplink: isp-a, hub: serving}, then: {split: first, med: 10, community: no-export, large-community: "65000:1:2", local-preference: 90}}]
  policies: [{name: from-upstream, rules: [{action: accept, set: {local-preference: 200, med: 0}, match: {
    prefixes: 0.0.0.0/0, as-path: ^65001_, community: "65001:300", large-community: "65001:1:2", neighbor: 192.0.2.131, source: bgp}}]}, {name: to-upstream, rules: [{action: accept, set: {next-hop: self}}]}]
`)
	if len(got.Unready) != 2 || len(want.Unready) != 2 {
		t.Errorf("the key files are there: %v", got.Unready)
	}
	got.Unready, want.Unready = nil, nil
	got.tree, want.tree = nil, nil
	for _, c := range []*Config{got, want} { // where something stands differs
		for i := range c.Announce.Rules {
			c.Announce.Rules[i].Place = ""
		}
		c.Announce.Aggregates[0].Place, c.Announce.Redistribute[0].Place = "", ""
		for _, p := range c.BGPPolicies {
			p.Rules[0].Place = ""
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("reference.yaml:\n got %+v\nwant %+v", got, want)
	}
}

func TestDocumentationHoldsEveryKey(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := documentedKeys(string(text))
	for _, path := range keyPaths(reflect.TypeFor[rawConfig](), "") {
		if !slices.Contains(sections, path) {
			t.Errorf("docs/configuration.md has no row for %s", path)
		}
	}
}

// documentedKeys reads the key column of the tables; a heading names the
// section that a table is about.
func documentedKeys(text string) []string {
	var keys []string
	prefix := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "##"); ok {
			prefix = strings.Trim(heading, "# ") + "."
			if prefix == "Top level." {
				prefix = ""
			}
		}
		if row, ok := strings.CutPrefix(line, "| `"); ok {
			key, _, _ := strings.Cut(row, "`")
			keys = append(keys, prefix+key)
		}
	}
	return keys
}
