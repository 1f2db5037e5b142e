package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

// withUpstreams is a configuration with two uplinks and two upstreams, and more of the section bgp.
func withUpstreams(neighbor, rest string) string {
	return fmt.Sprintf(`router-id: 10.0.0.1
wan:
  uplinks:
    - {name: isp-a, interface: eth1, gateway: 192.0.2.1}
    - {name: isp-b, interface: eth2, gateway: 192.0.2.5}
bgp:
  as: 64500
  neighbors:
    - {address: 192.0.2.1, remote-as: 65001%s}
    - {address: 192.0.2.5, remote-as: 65002, ebgp-requires-policy: false}
%s`, neighbor, rest)
}

func TestBGPAnnouncementErrors(t *testing.T) {
	const used = ", import: p, export: p"
	for _, c := range []struct{ name, neighbor, rest, want string }{
		{"no such uplink", "", "  announce: [{prefix: 198.51.100.0/24, when: {uplink: isp-c}}]", `there is no uplink "isp-c": did you mean "isp-a"?`},
		{"no uplink", "", "  announce: [{prefix: 198.51.100.0/24, when: {state: up}}]", `"uplink" is missing: write the name of one of wan.uplinks`},
		{"state of no uplink", "", "  announce: [{prefix: 198.51.100.0/24, when: {hub: drained, state: up}}]", `"uplink" is missing: write the name of one of wan.uplinks`},
		{"no state of a hub", "", "  announce: [{prefix: 198.51.100.0/24, when: {hub: drain}}]", `did you mean "drained"?`},
		{"no such half", "", "  announce: [{prefix: 198.51.100.0/24, then: {split: third}}]", `"split" is first or second or both, not "third"`},
		{"half of a host", "", "  announce: [{prefix: 198.51.100.1/32, then: {split: first}}]", "198.51.100.1/32 has no halves"},
		{"no prefix", "", "  announce: [{then: withdraw}]", `"prefix" is missing: write what is announced`},
		{"no such action", "", "  announce: [{prefix: 198.51.100.0/24, then: withdrow}]", `"then" is announce or withdraw, not "withdrow": did you mean "withdraw"?`},
		{"no such neighbour", "", "  announce: [{prefix: 198.51.100.0/24, to: 192.0.2.9}]", "192.0.2.9 is no neighbour of bgp: write the address of one, or the prefix of dynamic-neighbors"},
		{"no such community", "", "  announce: [{prefix: 198.51.100.0/24, then: {community: no-exports}}]", "no-export"},
		{"no such policy", ", import: from-up", "  policies: [{name: from-upp, rules: [{action: accept}]}]", `there is no policy "from-up": did you mean "from-upp"?`},
		{"two policies", ", import: [p, q]", "  policies: [{name: p}, {name: q}]", `"import" is the name of one policy, or a list of prefixes`},
		{"no prefix to accept", ", export: [198.51.100.0/24 le 33]", "", "export: "},
		{"same policy", used, "  policies: [{name: p}, {name: p}]", `policy "p" is already in line 11`},
		{"no action", used, "  policies: [{name: p, rules: [{match: {tag: 1}}]}]", `"action" is missing: write accept or reject`},
		{"no expression", used, "  policies: [{name: p, rules: [{action: accept, match: {as-path: (65001}}]}]", `no regular expression over an AS path`},
		{"next hop on import", used, "  policies: [{name: p, rules: [{action: accept, set: {next-hop: self}}]}]", "the next hop is set on export only, and line 9 uses the policy for import"},
		{"no next hop", used, "  policies: [{name: p, rules: [{action: accept, set: {next-hop: me}}]}]", `"next-hop" is self or an address such as 192.0.2.1, not "me"`},
	} {
		_, err := Parse("f.yaml", []byte(withUpstreams(c.neighbor, c.rest)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestBGPAnnouncementWarnings(t *testing.T) {
	const used = ", import: p, export: p"
	rules := func(list string) string { return "  policies: [{name: p, rules: [" + list + "]}]" }
	for _, c := range []struct{ name, neighbor, rest, want string }{
		{"nothing to say", "", "", "nothing is taken from this neighbour and only what announce names is told to it"},
		{"nothing to hear", ", export: p", rules("{action: accept}"), "nothing is taken from this neighbour: it has no import policy"},
		{"prefixes instead of policies", ", import: 0.0.0.0/0, export: [198.51.100.0/24 le 25, 203.0.113.0/24]", "", ""},
		{"unused", ", import: p", "  policies: [{name: p, default: accept}, {name: q}]", `no neighbour uses policy "q"`},
		{"behind everything", used, rules("{action: reject}, {action: accept}"), "no route ever gets here: the rule in line 11 takes all that this one matches"},
		{"behind a wider one", used, rules("{action: reject, match: {prefixes: 10.0.0.0/8 le 32}}, {action: accept, match: {prefixes: 10.1.0.0/16, tag: 5}}"), "no route ever gets here"},
		{"behind the same community", used, rules("{action: reject, match: {community: [no-export, blackhole]}}, {action: accept, match: {community: no-export, prefixes: 10.0.0.0/8}}"), "no route ever gets here"},
		{"tag on import", ", import: p", rules("{action: accept, match: {tag: 5}}"), "this never matches on import, for which line 9 uses the policy"},
		{"source on import", ", import: p", rules("{action: accept, match: {source: ospf}}"), "this never matches on import"},
		{"rejected and changed", used, rules("{action: reject, set: {med: 1}}"), "what is rejected is not changed"},
		{"withdrawn and changed", used, rules("{action: accept}") + "\n  announce: [{prefix: 198.51.100.0/24, then: {action: withdraw, med: 1}}]", "what is withdrawn is not changed"},
		{"never announced", used, rules("{action: accept}") + "\n  announce: [{prefix: 198.51.100.0/24, when: {uplink: isp-a}}, {prefix: 198.51.100.0/24, then: withdraw}]", "this is never announced: whenever it holds, the rule in line 12 withdraws it"},
		{"never announced to one", used, rules("{action: accept}") + "\n  announce: [{prefix: 198.51.100.0/24, to: 192.0.2.1, when: {uplink: isp-a, hub: drained}},\n    {prefix: 198.51.100.0/24, to: [192.0.2.5, 192.0.2.1], when: {hub: drained}, then: withdraw}]", "this is never announced: whenever it holds, the rule in line 13 withdraws it"},
		{"announced at times", used, rules("{action: accept}") + "\n  announce: [{prefix: 198.51.100.0/24, when: {hub: drained}}, {prefix: 198.51.100.0/24, when: {uplink: isp-a}, then: withdraw}, {prefix: 198.51.100.0/24, to: 192.0.2.1, then: withdraw}, {prefix: 198.51.100.0/24, then: {split: both}}]", ""},
		{"redistributed twice", used, rules("{action: accept}") + "\n  redistribute: [{source: ospf}, {source: ospf, med: 5}]", "no route ever gets here: the rule in line 12 takes all ospf routes first"},
		{"all is well", used, rules("{action: accept, match: {prefixes: 10.0.0.0/8}}, {action: accept, match: {prefixes: 10.0.0.0/8 le 24}}"), ""},
	} {
		cfg, err := Parse("f.yaml", []byte(withUpstreams(c.neighbor, c.rest)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var all []string
		for _, w := range cfg.Warnings {
			all = append(all, w.Message)
		}
		if got := strings.Join(all, "\n"); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: warnings %q, want %q", c.name, got, c.want)
		}
	}
}

func TestBGPPrefixesAreAPolicy(t *testing.T) {
	cfg, err := Parse("f.yaml", []byte(withUpstreams(", import: 0.0.0.0/0, export: [198.51.100.0/24 le 25, 203.0.113.0/24]", "")))
	if err != nil {
		t.Fatal(err)
	}
	n := cfg.BGP.Neighbors[0]
	in, out := cfg.BGPPolicies[n.Import], cfg.BGPPolicies[n.Export]
	if in == nil || out == nil || in == out || cfg.Announce.Neighbors[0].Export != out {
		t.Fatalf("policies %v of %+v", cfg.BGPPolicies, n)
	}
	for p, want := range map[string]bool{"198.51.100.128/25": true, "203.0.113.0/24": true, "203.0.113.0/25": false, "0.0.0.0/0": false} {
		_, why, accept := out.Export(&policy.Route{Prefix: netip.MustParsePrefix(p), Attributes: &bgp.Attributes{}})
		if accept != want || why == "" {
			t.Errorf("%s: %t, %s", p, accept, why)
		}
	}
}

func TestBGPReach(t *testing.T) {
	const static = "static: [{prefix: 192.0.2.1/32, %s}, {prefix: 192.0.2.0/24, blackhole: true}]\n"
	for _, c := range []struct{ name, static, neighbor, want string }{
		{"itself", "blackhole: true", ", local-address: 192.0.2.1", "192.0.2.1 is the local-address, too"},
		{"discarded", "blackhole: true", ", multihop: 5", "there is no route to this neighbour: the static route 192.0.2.1/32 discards"},
		{"over another router", "next-hops: [{via: 203.0.113.1}]", "", "the static route 192.0.2.1/32 leads to this neighbour over another router"},
		{"far away", "next-hops: [{via: 203.0.113.1}]", ", multihop: 5", ""},
		{"some hops away", "next-hops: [{via: 203.0.113.1}]", ", ttl-security: 2", ""},
		{"disabled", "blackhole: true", ", enabled: false", ""},
	} {
		cfg, err := Parse("f.yaml", []byte(fmt.Sprintf(static, c.static)+withUpstreams(c.neighbor+", import: 0.0.0.0/0", "")))
		var got string
		if err != nil {
			got = err.Error()
		} else {
			for _, w := range cfg.Warnings {
				got += w.Message + "\n"
			}
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
