package config

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestErrorText(t *testing.T) {
	_, err := Parse("hub.yaml", []byte(`router-id: 10.255.0.2
bgp: {as: 1, agregates: true}   # ä
ospf:
  areas:
    - area-id: 0.0.0.0
      interfaces:
        - match: "vpn*"
          helo-interval: 1s
          dead-interval: 4
`))
	const want = `hub.yaml:2:14: unknown key "agregates": did you mean "aggregates"?
    2 | bgp: {as: 1, agregates: true}   # ä
      |              ^
hub.yaml:8:11: unknown key "helo-interval": did you mean "hello-interval"?
    8 |           helo-interval: 1s
      |           ^
hub.yaml:9:26: "dead-interval" is a duration, not "4": write 4s when seconds are meant
    9 |           dead-interval: 4
      |                          ^`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestExcerptOfLongLine(t *testing.T) {
	p := Problem{Line: 3, Column: 301, Source: strings.Repeat("-", 300) + "X" + strings.Repeat("-", 300)}
	source, caret, _ := strings.Cut(p.Excerpt(), "\n")
	if len(source) > 120 || strings.Index(source, "X") != strings.Index(caret, "^") {
		t.Errorf("\n%s\n%s", source, caret)
	}
	p = Problem{Line: 1, Column: 2, Source: "\tä\x1b[31m"}
	if got := p.Excerpt(); got != "    1 |  ä [31m\n      |  ^" {
		t.Errorf("%q", got)
	}
}

// In the texts § stands for the place where the error must be reported.
func TestErrors(t *testing.T) {
	const head = "router-id: 10.0.0.1\n"
	iface := func(entry string) string {
		return head + "ospf: {areas: [{area-id: 0, interfaces: [{match: a, " + entry + "}]}]}"
	}
	virtualLink := func(links string) string {
		return head + "ospf: {areas: [{area-id: 1, interfaces: [{match: a}]}, {area-id: 2, area-type: stub}, {area-id: 0, virtual-links: [" + links + "]}]}"
	}
	match := func(m string) string { return head + "ospf: {areas: [{area-id: 0, interfaces: [{match: " + m + "}]}]}" }
	redistribute := func(entry string) string { return head + "ospf: {redistribute: [" + entry + "]}" }

	tests := []struct{ name, text, want string }{
		// The file.
		{"empty", "§", "the file is empty"},
		{"comments only", "§# nothing\n", "the file is empty"},
		{"document mark only", "§---\n", "the file is empty"},
		{"list", "§- a\n", "a configuration is a mapping (key: value), not a list"},
		{"word", "§word\n", "a configuration is a mapping (key: value), not a single value"},
		{"not UTF-8", head + "  a: §\xff\n", "byte 0xff is not UTF-8"},
		{"control character", head + "ab§\x1b: 1\n", "control character U+001B"},
		{"tab", "ecmp:\n  §\thash: l4\n", "a tab in the indentation"},
		{"second document", head + "§---\nrouter-id: 10.0.0.2\n", "a second YAML document"},
		{"text behind the end", head + "...\n§a: 1\n", "text after the end of the document"},
		{"alias", head + "ecmp: §*x\n", `"*x" is a YAML alias`},
		{"alias that is a glob", match("§*"), `"*}" is a YAML alias`},
		{"anchor", head + "ecmp: §&x {hash: l4}\n", "anchors and aliases are not used here"},
		{"merge key", head + "ecmp:\n  §<<: {hash: l4}\n", `"<<" is a YAML merge key`},
		{"tag", head + "ecmp: §!!map {hash: l4}\n", `"!!map" is a YAML tag`},
		{"exclusion without quotes", head + "ospf:\n  areas:\n    - area-id: 0\n      interfaces:\n        - match: §!vpn9\n", `stands in quotes, "!vpn9"`},
		{"explicit key", head + "§? ecmp\n: {hash: l4}\n", "explicit YAML key"},
		{"directive", "§%YAML 1.1\n---\n" + head, "remove the line"},
		{"syntax", head + "ecmp: {hash: l4\n§kernel: {}\n", "not YAML: "},
		{"deep list", head + "static: " + strings.Repeat("[", maxDepth) + "§" + strings.Repeat("[", 9), "nested too deeply"},
		{"duplicate key", head + "ecmp: {}\n§ecmp: {}\n", `"ecmp" is already written in line 2: remove one`},
		{"duplicate key in braces", head + "ecmp: {hash: l4, §hash: l3}\n", `"hash" is already written in line 2`},

		// Keys and shapes.
		{"unknown key", head + "§colour: red\n", `unknown key "colour": known here are router-id, hostname, ospf, key-chains, static, ecmp, transit, kernel`},
		{"typing error", head + "§trasnit: {mode: off}\n", `did you mean "transit"?`},
		{"underscores", head + "§router_id: 10.0.0.1\n", `did you mean "router-id"?`},
		{"wrong place", head + "§hello-interval: 1s\n", "it belongs under ospf.areas[].interfaces[] or ospf.areas[].virtual-links[], look at the indentation"},
		{"wrong place the other way", head + "ospf:\n  §kernel: {}\n", "it belongs under the top level"},
		{"list for a mapping", head + "ecmp: §[l4]\n", `"ecmp" wants a mapping (key: value) here, not a list`},
		{"value for a list", head + "static: §10.0.0.0/8\n", `"static" wants a list here, not a single value`},
		{"mapping for a value", head + "ecmp: {hash: §{a: 1}}\n", `"hash" wants a single value here, not a mapping`},
		{"null in a list", head + "transit: {mode: off, tracked: [§~]}\n", `"tracked" wants a single value here, not nothing`},
		{"no value", head + "ecmp:\n  §hash:\n", `"hash" has no value`},
		{"list in distance", head + "ospf: {distance: §[1]}\n", `"distance" wants a mapping`},

		// router-id.
		{"router-id missing", "§ecmp: {hash: l4}\n", `"router-id" is missing`},
		{"router-id empty", "§router-id:\n", `"router-id" has no value`},
		{"router-id word", "router-id: §hub\n", `"hub" is not a dotted quad`},
		{"router-id zero", "router-id: §0.0.0.0\n", "is no id of a router"},
		{"router-id ones", "router-id: §255.255.255.255\n", "is no id of a router"},

		// Areas and interfaces.
		{"area-id missing", head + "ospf: {areas: [§{interfaces: []}]}", `"area-id" is missing`},
		{"area-id word", head + "ospf: {areas: [{area-id: §backbone}]}", "dotted quad such as 0.0.0.0 or a number"},
		{"area-id too large", head + "ospf: {areas: [{area-id: §4294967296}]}", "dotted quad such as 0.0.0.0 or a number"},
		{"area twice", head + "ospf:\n  areas:\n    - area-id: 1\n    - area-id: §0.0.0.1\n", "is the same area as in line 4"},
		{"backbone stub", head + "ospf: {areas: [{area-id: 0, area-type: §stub}]}", "area 0.0.0.0 is the backbone and can not be stub: write area-type: normal"},
		{"backbone nssa", head + "ospf: {areas: [{area-id: 0.0.0.0, area-type: §nssa}]}", "is the backbone and can not be nssa"},
		{"summary of a normal area", head + "ospf: {areas: [{area-id: 1, summary: §false}]}", `"summary" belongs to areas without externals: write area-type: stub or nssa`},
		{"default-cost of a normal area", head + "ospf: {areas: [{area-id: 1, default-cost: §5}]}", `"default-cost" belongs to areas without externals`},
		{"default-cost too large", head + "ospf: {areas: [{area-id: 1, area-type: stub, default-cost: §16777215}]}", "from 0 to 16777214"},
		{"translator of a stub area", head + "ospf: {areas: [{area-id: 1, area-type: stub, nssa-translator: §always}]}", `"nssa-translator" belongs to an NSSA: write area-type: nssa`},
		{"translator", head + "ospf: {areas: [{area-id: 1, area-type: nssa, nssa-translator: §alway}]}", `did you mean "always"?`},
		{"range without prefix", head + "ospf: {areas: [{area-id: 1, ranges: [§{cost: 1}]}]}", `"prefix" is missing`},
		{"range with host bits", head + "ospf: {areas: [{area-id: 1, ranges: [{prefix: §10.0.0.1/8}]}]}", "10.0.0.0/8"},
		{"range of everything", head + "ospf: {areas: [{area-id: 1, ranges: [{prefix: §0.0.0.0/0}]}]}", "holds every network there is"},
		{"range cost", head + "ospf: {areas: [{area-id: 1, ranges: [{prefix: 10.0.0.0/8, cost: §0}]}]}", "from 1 to 16777214"},
		{"range twice", head + "ospf:\n  areas:\n    - area-id: 1\n      ranges:\n        - prefix: 10.0.0.0/8\n        - prefix: §10.0.0.0/8\n", "10.0.0.0/8 is a range of this area already, in line 6: remove one"},
		{"range of two areas", head + "ospf:\n  areas:\n    - area-id: 1\n      ranges: [{prefix: 10.0.0.0/8}]\n    - area-id: 2\n      ranges: [{prefix: §10.0.0.0/8}]\n", "is a range of area 0.0.0.1 already, in line 5"},
		{"virtual link outside the backbone", head + "ospf: {areas: [{area-id: 1, virtual-links: [§{router-id: 10.0.0.4}]}]}", "write it under area-id: 0.0.0.0, with transit-area-id: 0.0.0.1"},
		{"virtual link without area", virtualLink("§{router-id: 10.0.0.4}"), `"transit-area-id" is missing`},
		{"virtual link without router", virtualLink("§{transit-area-id: 1}"), `"router-id" is missing`},
		{"virtual link to a word", virtualLink("{transit-area-id: 1, router-id: §hub}"), "is a dotted quad"},
		{"virtual link through the backbone", virtualLink("{transit-area-id: §0, router-id: 10.0.0.4}"), "is the backbone itself"},
		{"virtual link through no area", virtualLink("{transit-area-id: §3, router-id: 10.0.0.4}"), "0.0.0.3 is no area of this router: configure it"},
		{"virtual link through a stub area", virtualLink("{transit-area-id: §2, router-id: 10.0.0.4}"), "0.0.0.2 is a stub area or NSSA"},
		{"virtual link to itself", virtualLink("{transit-area-id: 1, router-id: §10.0.0.1}"), "10.0.0.1 is this router's own"},
		{"virtual link twice", virtualLink("{transit-area-id: 1, router-id: 10.0.0.4}, §{transit-area-id: 0.0.0.1, router-id: 10.0.0.4}"), "through area 0.0.0.1 is already in line 2: remove one"},
		{"virtual link dies too soon", virtualLink("{transit-area-id: 1, router-id: 10.0.0.4, dead-interval: §5s}"), "must be longer than hello-interval 10s"},
		{"import-list", head + "ospf: {areas: [{area-id: 1, import-list: [§10.0.0.0/8 le 4]}]}", "write 8 to 32"},
		{"area-type typing error", head + "ospf: {areas: [{area-id: 1, area-type: §norml}]}", `did you mean "normal"?`},
		{"match missing", head + "ospf: {areas: [{area-id: 1, interfaces: [§{cost: 1}]}]}", `"match" is missing`},
		{"match empty", head + "ospf: {areas: [{area-id: 1, interfaces: [§{match: []}]}]}", `"match" is missing`},
		{"match only !", match(`§"!"`), "is no name of a link"},
		{"match with a blank", match(`§"eth 0"`), "is no name of a link"},
		{"match bad glob", match(`§"eth[0"`), "is no valid glob"},
		{"match long", match("§interface-number-1"), "longer than the 15 characters"},
		{"match host bits", match("§10.0.1.1/24"), "10.0.1.1/24 has host bits set: write 10.0.1.0/24"},
		{"match address", match(`§"!10.0.1.1"`), "write 10.0.1.1/32"},
		{"match IPv6", match("§2001:db8::/32"), "not IPv4"},
		{"multicast of a LAN", iface("interface-type: broadcast, multicast: §true"), `"multicast" is of interface-type point-to-multipoint`},
		{"multicast of NBMA", iface("interface-type: non-broadcast, multicast: §false"), `non-broadcast has none`},
		{"neighbours of a LAN", iface("static-neighbors: [§{address: 10.0.0.2}]"), `"static-neighbors" is of interface-type non-broadcast, point-to-multipoint and hybrid`},
		{"neighbour without address", iface("interface-type: hybrid, static-neighbors: [§{cost: 5}]"), `"address" is missing`},
		{"neighbour twice", iface("interface-type: hybrid, static-neighbors: [{address: 10.0.0.2}, {address: §10.0.0.2}]"), `10.0.0.2 stands twice`},
		{"neighbour not allowed", iface("interface-type: hybrid, allowed-neighbors: [10.0.1.0/24], static-neighbors: [{address: §10.0.0.2}]"), `10.0.0.2 is not one of allowed-neighbors`},
		{"neighbour's address", iface("interface-type: hybrid, static-neighbors: [{address: §10.0.0.0/8}]"), `"address" is an IPv4 address`},
		{"cost on NBMA", iface("interface-type: non-broadcast, static-neighbors: [{address: 10.0.0.2, cost: §5}]"), `a non-broadcast network has one cost`},
		{"priority on P2MP", iface("interface-type: point-to-multipoint, static-neighbors: [{address: 10.0.0.2, priority: §5}]"), `"priority" of a neighbour is of interface-type non-broadcast`},
		{"polling with multicast", iface("interface-type: point-to-multipoint, static-neighbors: [{address: 10.0.0.2, poll-interval: §5s}]"), `"poll-interval" is of networks without multicast`},
		{"reference bandwidth", head + "ospf: {auto-cost: {enabled: true, reference-bandwidth: §0}}", `from 1 to 4294967`},
		{"type typing error", iface("interface-type: §point2point"), `did you mean "point-to-point"?`},
		{"bfd word", iface("bfd: §fast"), `"bfd" is true or false, not "fast"`},
		{"bfd yes", iface("bfd: §yes"), `"bfd" is true or false, not "yes": write true`},
		{"bfd list", iface("bfd: §[true]"), `"bfd" wants a mapping`},
		{"bfd interval", iface("bfd: {min-interval: §5ms}"), `"min-interval" is from 10ms to 60s, not 5ms`},
		{"bfd interval without unit", iface("bfd: {min-interval: §50}"), `"min-interval" is a duration, not "50"`},
		{"bfd without key chain", iface("bfd: {authentication: §{meticulous: true}}"), `"key-chain" is missing`},
		{"bfd unknown key chain", iface("bfd: {authentication: {key-chain: §a}}"), `there is no key chain "a"`},
		{"bfd algorithm", iface("bfd: {authentication: {key-chain: §a}}") + "\nkey-chains: [{name: a, keys: [{key-id: 1, algorithm: hmac-sha-256, key: b}]}]", `BFD knows cleartext, md5 and hmac-sha-1`},
		{"bfd algorithms", iface("bfd: {authentication: {key-chain: §a}}") + "\nkey-chains: [{name: a, keys: [{key-id: 1, algorithm: md5, key: b}, {key-id: 2, algorithm: hmac-sha-1, key: b}]}]", `have different algorithms`},
		{"bfd long key", iface("bfd: {authentication: {key-chain: §a}}") + "\nkey-chains: [{name: a, keys: [{key-id: 1, algorithm: hmac-sha-1, key: 123456789012345678901}]}]", `has 21 bytes, BFD uses at most 20`},
		{"bfd meticulous password", iface("bfd: {authentication: {key-chain: a, meticulous: §true}}") + "\nkey-chains: [{name: a, keys: [{key-id: 1, algorithm: cleartext, key: b}]}]", `a password has no sequence numbers`},
		{"bfd multiplier", iface("bfd: {multiplier: §0}"), `"multiplier" is a whole number from 1 to 255, not "0"`},
		{"recursive blackhole", head + "static: [{prefix: 10.0.0.0/8, blackhole: true, recursive: §true}]", `"recursive: true" is about next-hops`},
		{"recursive and watched", head + "static: [{prefix: 10.0.0.0/8, recursive: §true, next-hops: [{via: 10.9.0.1, bfd: true}]}]", `not with recursive: true`},
		{"bfd of a next hop", head + "static: [{prefix: 10.0.0.0/8, next-hops: [{via: 10.0.0.1, bfd: {enabled: §1}}]}]", `"enabled" is true or false, not "1": write true`},
		{"cost zero", iface("cost: §0"), `"cost" is a whole number from 1 to 65535, not "0"`},
		{"cost large", iface("cost: §65536"), "1 to 65535"},
		{"cost octal", iface("cost: §010"), "1 to 65535"},
		{"cost hexadecimal", iface("cost: §0x10"), "1 to 65535"},
		{"cost negative", iface("cost: §-1"), "1 to 65535"},
		{"weight", iface("ecmp-weight: §255"), "1 to 254"},
		{"priority", iface("priority: §256"), "0 to 255"},
		{"hello without unit", iface("hello-interval: §10"), "write 10s when seconds are meant"},
		{"hello half", iface("hello-interval: §1500ms"), `"hello-interval" is in whole seconds, not 1500ms: write 2s`},
		{"hello zero", iface("hello-interval: §0s"), "from 1s to 65535s, not 0s"},
		{"hello long", iface("hello-interval: §65536s"), "from 1s to 65535s"},
		{"dead by default too long", iface("hello-interval: §65535s"), "write a dead-interval"},
		{"dead short", iface("hello-interval: 4s, dead-interval: §4s"), "must be longer than hello-interval 4s: 16s is usual"},
		{"dead huge", iface("dead-interval: §9999999h"), "duration"},
		{"retransmit", iface("retransmit-interval: §1ms"), "from 100ms to 3600s"},
		{"delay", iface("transmit-delay: §1"), "write 1s when seconds are meant"},
		{"yes", iface("passive: §yes"), "write true"},
		{"off", iface("mtu-ignore: §off"), "write false"},
		{"link-data", iface("link-data: §index"), `did you mean "ifindex"?`},

		// ospf.
		{"spf order", head + "ospf: {spf-delay: §{initial-delay: 1s}}", "must not decrease"},
		{"spf hold-down", head + "ospf: {spf-delay: §{hold-down: 500ms}}", "hold-down 500ms must be longer than time-to-learn 500ms"},
		{"on-shutdown", head + "ospf: {stub-router: {on-shutdown: §3001ms}}", "from 0s to 3s"},
		{"restart-interval", head + "ospf: {graceful-restart: {restart-interval: §1801s}}", "from 1s to 1800s"},
		{"restart-interval, fraction", head + "ospf: {graceful-restart: {restart-interval: §1500ms}}", "whole"},
		{"distance", head + "ospf: {distance: §256}", "1 to 255"},
		{"distance key", head + "ospf: {distance: {external: §0}}", "1 to 255"},
		{"source missing", redistribute("§{metric: 1}"), `"source" is missing`},
		{"source typing error", redistribute("{source: §conected}"), `did you mean "connected"?`},
		{"source without BGP", redistribute("{source: §bgp}"), "source: bgp needs BGP"},
		{"routes of BGP without a tag", "router-id: 10.0.0.1\nospf: {redistribute: [{source: bgp, tag: §0}]}\nbgp: {as: 65001}\n", "needs a tag of its own"},
		{"metric", redistribute("{source: static, metric: §16777215}"), "0 to 16777214"},
		{"metric-type", redistribute("{source: static, metric-type: §3}"), `"metric-type" is 1 or 2, not "3"`},
		{"range host bits", redistribute(`{source: static, prefixes: [§"10.1.0.0/8 ge 9"]}`), "write 10.0.0.0/8"},
		{"range ge below", redistribute(`{source: static, prefixes: [§"10.0.0.0/8 ge 7"]}`), "write 8 to 32"},
		{"range le below ge", redistribute(`{source: static, prefixes: [§"10.0.0.0/8 ge 24 le 23"]}`), "write 24 to 32"},
		{"range wrong order", redistribute(`{source: static, prefixes: [§"10.0.0.0/8 le 24 ge 9"]}`), "ge N, le N or both in this order"},
		{"range half", redistribute(`{source: static, prefixes: [§"10.0.0.0/8 ge"]}`), "ge N, le N or both in this order"},
		{"range empty", redistribute(`{source: static, prefixes: [§""]}`), "is not an IPv4 prefix"},
		{"when missing", head + "ospf: {default-originate: §{metric: 1}}", `"when" is missing`},
		{"when", head + "ospf: {default-originate: {when: §alway}}", `did you mean "always"?`},

		// transit.
		{"zone", head + "transit: {mode: off, firewalld-zones: [vpn, §\"my zone\"]}", "no zone of firewalld"},
		{"zone of all", head + "transit: {mode: off, firewalld-zones: §ANY}", "no zone of firewalld"},
		{"zone twice", head + "transit: {mode: off, firewalld-zones: [vpn, §vpn]}", "twice"},
		{"chain without table", head + "transit: {mode: off, insert-accept: [§{chain: forward}]}", `"table" is missing`},
		{"chain without name", head + "transit: {mode: off, insert-accept: [§{table: filter}]}", `"chain" is missing`},
		{"chain family", head + "transit: {mode: off, insert-accept: [{family: §ip6, table: filter, chain: forward}]}", "inet"},
		{"chain of ecmpd", head + "transit: {mode: off, insert-accept: [{table: §ecmpd, chain: forward}]}", "forward-accept is for it"},
		{"chain twice", head + "transit: {mode: off, insert-accept: [{table: filter, chain: f}, {family: inet, table: filter, chain: §f}]}", "already in line 2"},

		// static.
		{"static without a way", head + "static:\n  - §prefix: 10.0.0.0/8\n", "needs next-hops"},
		{"static blackhole false", head + "static:\n  - §{prefix: 10.0.0.0/8, blackhole: false}\n", "needs next-hops"},
		{"static with both", head + "static:\n  - §{prefix: 10.0.0.0/8, blackhole: true, next-hops: [{via: 10.0.0.1}]}\n", "not both"},
		{"static without prefix", head + "static:\n  - §blackhole: true\n", `"prefix" is missing`},
		{"static twice", head + "static:\n  - {prefix: 10.0.0.0/8, blackhole: true}\n  - {prefix: §10.0.0.0/8, blackhole: true}\n", "is already in line 3"},
		{"static multicast", head + "static:\n  - {prefix: §224.0.0.0/4, blackhole: true}\n", "no destination"},
		{"via missing", head + "static:\n  - {prefix: 10.0.0.0/8, next-hops: [§{weight: 1}]}\n", `"via" is missing`},
		{"via name", head + "static:\n  - {prefix: 10.0.0.0/8, next-hops: [{via: §eth0}]}\n", "is an IPv4 address such as 10.0.0.1"},
		{"via loopback", head + "static:\n  - {prefix: 10.0.0.0/8, next-hops: [{via: §127.0.0.1}]}\n", "address of another host"},
		{"via twice", head + "static:\n  - {prefix: 10.0.0.0/8, next-hops: [{via: 10.0.0.1}, {via: §10.0.0.1}]}\n", "already in line 3"},

		// ecmp, transit, kernel.
		{"max-paths", head + "ecmp: {max-paths: §257}", "1 to 256"},
		{"symmetric-level", head + "ecmp: {hash: symmetric, symmetric-level: §l2}", `"symmetric-level" is l3 or l4, not "l2"`},
		{"resilient and symmetric", head + "ecmp: {hash: symmetric, groups: §resilient}", "depends on what has been before"},
		{"buckets", head + "ecmp: {groups: resilient, resilient-buckets: §7}", "8 to 4096"},
		{"mode missing", head + "transit: §{tracked: [10.0.0.0/8]}", `"mode" is missing`},
		{"tracked", head + "transit: {mode: notrack, tracked: [10.0.0.0/8, §10.0.0.1/8]}", "write 10.0.0.0/8"},
		{"policy without action", head + "transit: {mode: notrack, policy: [§{from: 10.0.0.0/8}]}", `"action" is missing: write accept or drop`},
		{"policy action", head + "transit: {mode: notrack, policy: [{action: §acept}]}", `did you mean "accept"?`},
		{"policy default", head + "transit: {mode: notrack, policy-default: §deny}", `"policy-default" is accept or drop, not "deny"`},
		{"policy key", head + "transit: {mode: notrack, policy: [{§port: 22, action: drop}]}", `did you mean "ports"?`},
		{"policy network", head + "transit: {mode: notrack, policy: [{from: §10.0.0.1/8, action: drop}]}", "write 10.0.0.0/8"},
		{"policy networks", head + "transit: {mode: notrack, policy: [{to: [10.0.0.0/8, §10.0.0.1], action: drop}]}", "write 10.0.0.1/32"},
		{"policy protocol", head + "transit: {mode: notrack, policy: [{protocol: §tpc, action: drop}]}", `did you mean "tcp"?`},
		{"policy protocol number", head + "transit: {mode: notrack, policy: [{protocol: §256, action: drop}]}", "1 to 255"},
		{"policy ports of none", head + "transit: {mode: notrack, policy: [{ports: [§22], action: drop}]}", "ports go with protocol: tcp or protocol: udp only"},
		{"policy ports of icmp", head + "transit: {mode: notrack, policy: [{protocol: icmp, ports: §22, action: drop}]}", "ports go with"},
		{"policy port", head + "transit: {mode: notrack, policy: [{protocol: tcp, ports: [22, §ssh], action: drop}]}", "a port from 1 to 65535 or a range"},
		{"policy port 0", head + "transit: {mode: notrack, policy: [{protocol: tcp, ports: §0, action: drop}]}", "a port from 1 to 65535"},
		{"policy port range", head + "transit: {mode: notrack, policy: [{protocol: tcp, ports: §90-80, action: drop}]}", "write 80-90"},
		{"protocol", head + "kernel: {protocol: §4}", "5 to 255"},
		{"source", head + "kernel: {source: §lo}", `"source" is off, auto or an own address like 10.0.0.1, not "lo"`},
		{"source multicast", head + "kernel: {source: §224.0.0.5}", `"source" is a unicast address of this router, not 224.0.0.5`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, after, ok := strings.Cut(tt.text, "§")
			if !ok {
				t.Fatal("no § in the text")
			}
			_, err := Parse("f.yaml", []byte(before+after))
			p := only(t, err)
			line := 1 + strings.Count(before, "\n")
			column := 1 + utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:])
			if p.Line != line || p.Column != column || !strings.Contains(p.Message, tt.want) {
				t.Errorf("got %v, want %d:%d: …%s…", p, line, column, tt.want)
			}
		})
	}
}

// only returns the one problem of the error.
func only(t *testing.T, err error) Problem {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want a *Error", err)
	}
	if len(e.Problems) != 1 || e.More != 0 {
		t.Fatalf("want one problem, got\n%v", err)
	}
	return e.Problems[0]
}

func TestHostname(t *testing.T) {
	for name, ok := range map[string]bool{"hub-a": true, `""`: true, "hub-a.example.net": true, "two words": false, "naïve": false, strings.Repeat("x", 256): false} {
		c, err := Parse("test", []byte("router-id: 10.0.0.1\nhostname: "+name+"\n"))
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && c.OSPF.Hostname != strings.Trim(name, `"`) {
			t.Errorf("%s: %q", name, c.OSPF.Hostname)
		}
	}
}

func TestManyErrors(t *testing.T) {
	_, err := Parse("f.yaml", []byte("router-id: 10.0.0.1\n"+strings.Repeat("ecmp: {}\n", 14)))
	var e *Error
	if !errors.As(err, &e) || len(e.Problems) != 10 || e.More != 3 || !strings.HasSuffix(err.Error(), "\nand 3 more") {
		t.Errorf("%v", err)
	}
}

// Files that are made to exhaust a parser end quickly and with an error.
func TestHostileFiles(t *testing.T) {
	bomb := "a: &a [x, x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "]\n"
	}
	steps := ""
	for i := range 1400 {
		steps += strings.Repeat(" ", i) + "a:\n"
	}
	for name, text := range map[string]string{
		"alias bomb":       bomb,
		"brackets":         strings.Repeat("[", maxSize),
		"braces":           strings.Repeat("{a: ", maxSize/4),
		"entries":          strings.Repeat("- ", maxSize/2),
		"explicit keys":    strings.Repeat("? ", maxSize/2),
		"tags":             strings.Repeat("!a ", maxSize/3),
		"steps":            steps,
		"keys":             strings.Repeat("a:\n", maxSize/3),
		"long word":        strings.Repeat("a", maxSize),
		"quotes":           strings.Repeat("\"", maxSize),
		"folded":           "a: " + strings.Repeat("b\n  ", maxSize/4-1),
		"wrong interfaces": "ospf:\n  areas:\n    - interfaces:\n" + strings.Repeat("      - a: 1\n", maxSize/13-4),
		"good interfaces":  "router-id: 10.0.0.1\nospf:\n  areas:\n    - area-id: 0\n      interfaces:\n" + strings.Repeat("      - match: a\n", maxSize/17-5),
		"beyond the size":  strings.Repeat("#\n", maxSize),
	} {
		start := time.Now()
		_, err := Parse("f.yaml", []byte(text))
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, want a *Error", name, err)
		} else if len(err.Error()) > 5000 {
			t.Errorf("%s: a message of %d bytes", name, len(err.Error()))
		}
		if d := time.Since(start); d > 2*time.Minute {
			t.Errorf("%s: took %s", name, d)
		}
	}
}
