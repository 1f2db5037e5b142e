package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/rib"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadHub(t *testing.T) {
	c, err := Load("testdata/hub.yaml")
	if err != nil {
		t.Fatal(err)
	}
	vpn := ospf.InterfaceConfig{
		Match: ospf.Match{{Glob: "vpn*"}}, Type: ospf.TypePointToPoint, Cost: 10, Weight: 1, Priority: 1,
		HelloInterval: time.Second, DeadInterval: 4 * time.Second,
		RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second,
	}
	lan := ospf.InterfaceConfig{
		Match: ospf.Match{{Glob: "lan"}}, Passive: true, Cost: 10, Weight: 1, Priority: 1,
		HelloInterval: 10 * time.Second, DeadInterval: 40 * time.Second,
		RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second,
	}
	want := &Config{
		OSPF: ospf.Config{
			RouterID: 0x0aff0002,
			Areas:    []ospf.Area{{Interfaces: []ospf.InterfaceConfig{vpn, lan}}},
			SPFDelay: ospf.SPFDelay{
				Initial: 50 * time.Millisecond, Short: 200 * time.Millisecond, Long: 5 * time.Second,
				HoldDown: 10 * time.Second, TimeToLearn: 500 * time.Millisecond,
			},
			GracefulRestart: ospf.GracefulRestart{Interval: 2 * time.Minute, Helper: true, StrictLSA: true},
			Redistribute:    []ospf.Redistribute{{Source: ospf.Connected, Metric: 20, Type2: true}},
			Default:         ospf.DefaultOriginate{Metric: 10, Type2: true},
			ExitOverflow:    5 * time.Minute, MaxNeighbors: maxNeighbors, MaxAllNeighbors: maxAllNeighbors, MaxForming: maxForming,
			LSAThrottle: ospf.LSAThrottle{Hold: 5 * time.Second, Max: 5 * time.Second},
		},
		Distance: Distance{110, 110, 110},
		ECMP:     ECMP{MaxPaths: 16, Hash: HashL4},
		Transit: Transit{
			Mode: TransitNotrack, Tracked: []netip.Prefix{netip.MustParsePrefix("192.168.77.0/24")}, ForwardAccept: true,
		},
		Kernel: Kernel{Protocol: 201, Metric: 20, Shutdown: ShutdownKeep},
	}
	c.tree = nil
	if !reflect.DeepEqual(c, want) {
		t.Errorf("hub.yaml:\n got %+v\nwant %+v", c, want)
	}
}

func TestLoadSpoke(t *testing.T) {
	c, err := Load("testdata/spoke.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Transit.Mode != TransitOff || !c.Transit.ForwardAccept || len(c.OSPF.Areas[0].Interfaces) != 2 || len(c.Warnings) > 0 {
		t.Errorf("spoke.yaml: %+v", c)
	}
}

func TestEveryKey(t *testing.T) {
	c := parse(t, `
router-id: 10.0.0.6
ospf:
  spf-delay: {initial-delay: 0s, short-delay: 1s, long-delay: 2s, hold-down: 4s, time-to-learn: 3s}
  stub-router: {administrative: true, on-startup: 1m, on-shutdown: 3s}
  graceful-restart: {enabled: false, restart-interval: 30m, helper-enabled: false, helper-strict-lsa-checking: false}
  rfc1583-compatibility: true
  auto-cost: {enabled: true, reference-bandwidth: 40000}
  distance: {intra-area: 100, external: 255}
  areas:
    - area-id: 0
      area-type: normal
      interfaces:
        - match: ["vpn*", "!vpn9", 10.255.0.0/16, "!10.255.9.0/24"]
          interface-type: broadcast
          passive: true
          cost: 65535
          ecmp-weight: 254
          priority: 0
          hello-interval: 3s
          retransmit-interval: 500ms
          transmit-delay: 2s
          mtu-ignore: true
          link-data: address
          ttl-security: {enabled: true, hops: 254}
          bfd: {min-interval: 50ms, multiplier: 5}
          allowed-neighbors: [10.0.1.0/24, 10.0.2.1/32]
          authentication: {key-id: 255, algorithm: simple-password, key: swordfsh}
    - {area-id: 2, area-type: stub, summary: false, default-cost: 5}
    - area-id: 3
      area-type: nssa
      nssa-translator: always
      ranges: [{prefix: 10.3.0.0/16}, {prefix: 10.3.128.0/17, advertise: false}, {prefix: 10.4.0.0/16, cost: 9}]
      import-list: [10.0.0.0/8 le 24]
      export-list: [10.3.0.0/16]
    - area-id: 0.0.1.1
      interfaces: [{match: eth1, dead-interval: 11s, link-data: ifindex, interface-type: point-to-point, bfd: true},
        {match: wg0, interface-type: point-to-multipoint, multicast: false, prefix-suppression: true, cost: 7,
         static-neighbors: [{address: 10.9.0.11, cost: 20, poll-interval: 3s}, {address: 10.9.0.12}]},
        {match: fr0, interface-type: non-broadcast, static-neighbors: [{address: 10.8.0.2, priority: 0}]},
        {match: radio0, interface-type: hybrid, static-neighbors: [{address: 10.7.0.2, cost: 65535}]}]
  redistribute:
    - {source: connected, prefixes: ["10.0.0.0/8 ge 24 le 32", 10.1.0.0/16, "0.0.0.0/0 le 24", "10.2.0.0/16 ge 20"], metric: 0, tag: 4294967295}
    - {source: static, metric: 16777214, metric-type: 1}
    - {source: kernel}
  default-originate: {when: always, metric: 7, metric-type: 1, tag: 9}
static:
  - {prefix: 203.0.113.0/24, blackhole: true}
  - prefix: 0.0.0.0/0
    blackhole: false
    next-hops: [{via: 10.0.1.1, bfd: {enabled: false}}, {via: 10.0.1.2, weight: 3, bfd: true}]
  - {prefix: 192.0.2.0/24, next-hops: [{via: 10.0.1.2, bfd: {enabled: true, min-interval: 10ms}}]}
  - {prefix: 198.51.100.0/24, recursive: true, next-hops: [{via: 10.9.0.1, weight: 2}]}
ecmp: {max-paths: 256, hash: l3, groups: plain}
transit: {mode: off, tracked: [10.0.0.0/8], also: [10.1.0.0/16, 10.2.0.0/16], forward-accept: false}
kernel: {protocol: 255, metric: 4294967295, shutdown: remove, source: off}
`)
	p := netip.MustParsePrefix
	a := netip.MustParseAddr
	want := &Config{
		OSPF: ospf.Config{
			RouterID: 0x0a000006,
			Areas: []ospf.Area{
				{Interfaces: []ospf.InterfaceConfig{{
					// Exclusions come first: they win wherever they stand.
					Match: ospf.Match{
						{Exclude: true, Glob: "vpn9"}, {Exclude: true, Prefix: p("10.255.9.0/24")},
						{Glob: "vpn*"}, {Prefix: p("10.255.0.0/16")},
					},
					Type: ospf.TypeBroadcast, Passive: true, Cost: 65535, Weight: 254,
					HelloInterval: 3 * time.Second, DeadInterval: 12 * time.Second,
					RetransmitInterval: 500 * time.Millisecond, TransmitDelay: 2 * time.Second,
					MTUIgnore: true, LinkData: ospf.LinkDataAddress, BFD: ospf.BFD{MinInterval: 50 * time.Millisecond, Multiplier: 5},
					TTLHops: 254, Allowed: []netip.Prefix{p("10.0.1.0/24"), p("10.0.2.1/32")},
					Auth: auth.Scheme{Keys: []auth.Key{{ID: 255, Algorithm: auth.Cleartext, Secret: auth.NewSecret("swordfsh")}}},
				}}},
				{ID: 2, Type: ospf.AreaStub, DefaultCost: 5},
				{
					ID: 3, Type: ospf.AreaNSSA, Summary: true, DefaultCost: 1, Translator: ospf.TranslatorAlways,
					Ranges: []ospf.Range{
						{Prefix: p("10.3.0.0/16"), Advertise: true}, {Prefix: p("10.3.128.0/17")},
						{Prefix: p("10.4.0.0/16"), Advertise: true, Cost: 9},
					},
					Import: []ospf.PrefixRange{{Prefix: p("10.0.0.0/8"), Ge: 8, Le: 24}},
					Export: []ospf.PrefixRange{{Prefix: p("10.3.0.0/16"), Ge: 16, Le: 16}},
				},
				{ID: 0x101, Interfaces: []ospf.InterfaceConfig{{
					Match: ospf.Match{{Glob: "eth1"}}, Type: ospf.TypePointToPoint, Cost: 10, ReferenceBandwidth: 40000, Weight: 1, Priority: 1,
					HelloInterval: 10 * time.Second, DeadInterval: 11 * time.Second,
					RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second, LinkData: ospf.LinkDataIfIndex,
					BFD: ospf.BFD{MinInterval: 300 * time.Millisecond, Multiplier: 3},
				}, {
					Match: ospf.Match{{Glob: "wg0"}}, Type: ospf.TypePointToMultipoint, Cost: 7, Weight: 1, Priority: 1,
					HelloInterval: 10 * time.Second, DeadInterval: 40 * time.Second,
					RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second,
					SuppressPrefix: true, Unicast: true, Static: []ospf.StaticNeighbor{
						{Address: a("10.9.0.11"), Cost: 20, PollInterval: 3 * time.Second, Priority: 1},
						{Address: a("10.9.0.12"), PollInterval: 10 * time.Second, Priority: 1},
					},
				}, {
					Match: ospf.Match{{Glob: "fr0"}}, Type: ospf.TypeNonBroadcast, Cost: 10, ReferenceBandwidth: 40000, Weight: 1, Priority: 1,
					HelloInterval: 10 * time.Second, DeadInterval: 40 * time.Second,
					RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second,
					Static: []ospf.StaticNeighbor{{Address: a("10.8.0.2"), PollInterval: time.Minute}},
				}, {
					Match: ospf.Match{{Glob: "radio0"}}, Type: ospf.TypeHybrid, Cost: 10, ReferenceBandwidth: 40000, Weight: 1, Priority: 1,
					HelloInterval: 10 * time.Second, DeadInterval: 40 * time.Second,
					RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second,
					Static: []ospf.StaticNeighbor{{Address: a("10.7.0.2"), Cost: 65535, PollInterval: 10 * time.Second, Priority: 1}},
				}}},
			},
			SPFDelay: ospf.SPFDelay{
				Short: time.Second, Long: 2 * time.Second, HoldDown: 4 * time.Second, TimeToLearn: 3 * time.Second,
			},
			StubRouter:      ospf.StubRouter{Administrative: true, OnStartup: time.Minute, OnShutdown: 3 * time.Second},
			GracefulRestart: ospf.GracefulRestart{Interval: 30 * time.Minute},
			RFC1583Compat:   true,
			Redistribute: []ospf.Redistribute{
				{Source: ospf.Connected, Type2: true, Tag: 1<<32 - 1, Prefixes: []ospf.PrefixRange{
					{Prefix: p("10.0.0.0/8"), Ge: 24, Le: 32}, {Prefix: p("10.1.0.0/16"), Ge: 16, Le: 16},
					{Prefix: p("0.0.0.0/0"), Ge: 0, Le: 24}, {Prefix: p("10.2.0.0/16"), Ge: 20, Le: 32},
				}},
				{Source: ospf.Static, Metric: 16777214},
				{Source: ospf.Kernel, Metric: 20, Type2: true},
			},
			Default:      ospf.DefaultOriginate{When: ospf.DefaultAlways, Metric: 7, Tag: 9},
			ExitOverflow: 5 * time.Minute, MaxNeighbors: maxNeighbors, MaxAllNeighbors: maxAllNeighbors, MaxForming: maxForming,
			LSAThrottle: ospf.LSAThrottle{Hold: 5 * time.Second, Max: 5 * time.Second},
		},
		Distance: Distance{IntraArea: 100, InterArea: 110, External: 255},
		Static: []rib.StaticRoute{
			{Prefix: p("203.0.113.0/24"), Blackhole: true},
			{Prefix: p("0.0.0.0/0"), NextHops: []rib.StaticHop{{Via: a("10.0.1.1"), Weight: 1}, {Via: a("10.0.1.2"), Weight: 3, Watched: true}}},
			{Prefix: p("192.0.2.0/24"), NextHops: []rib.StaticHop{{Via: a("10.0.1.2"), Weight: 1, Watched: true}}},
			{Prefix: p("198.51.100.0/24"), Recursive: true, NextHops: []rib.StaticHop{{Via: a("10.9.0.1"), Weight: 2}}},
		},
		StaticBFD: map[netip.Addr]ospf.BFD{a("10.0.1.2"): {MinInterval: 10 * time.Millisecond, Multiplier: 3}},
		ECMP:      ECMP{MaxPaths: 256, Hash: HashL3},
		Transit: Transit{
			Tracked: []netip.Prefix{p("10.0.0.0/8")}, Also: []netip.Prefix{p("10.1.0.0/16"), p("10.2.0.0/16")},
		},
		Kernel: Kernel{Protocol: 255, Metric: 1<<32 - 1, Shutdown: ShutdownRemove},
	}
	c.tree = nil
	if !reflect.DeepEqual(c, want) {
		t.Errorf("\n got %+v\nwant %+v", c, want)
	}
}

func TestForms(t *testing.T) {
	const head = "router-id: 10.0.0.1\n"
	tests := []struct {
		name, text string
		ok         func(*Config) bool
	}{
		{"smallest", head, func(c *Config) bool { return len(c.OSPF.Areas) == 0 && c.ECMP.MaxPaths == 16 }},
		{"distance as a number", head + "ospf: {distance: 90}", func(c *Config) bool { return c.Distance == Distance{90, 90, 90} }},
		{"policy", head + "transit: {mode: notrack, policy: [{from: 10.1.0.0/16, to: [10.2.0.0/16, 10.3.0.0/16], protocol: tcp, ports: [22, 80-90], action: accept}, {protocol: 47, action: drop}], policy-default: drop}\n",
			func(c *Config) bool {
				p := netip.MustParsePrefix
				return reflect.DeepEqual(c.Transit.Policy, firewall.Policy{Drop: true, Rules: []firewall.PolicyRule{
					{From: []netip.Prefix{p("10.1.0.0/16")}, To: []netip.Prefix{p("10.2.0.0/16"), p("10.3.0.0/16")}, Protocol: 6, Ports: []firewall.PortRange{{First: 22, Last: 22}, {First: 80, Last: 90}}, Accept: true},
					{Protocol: 47},
				}})
			}},
		{"empty sections", head + "ospf:\necmp:\ntransit:\nstatic: []\nkernel: ~\n", func(c *Config) bool { return c.Kernel.Protocol == 201 }},
		{"quotes and document marks", "---\nrouter-id: \"10.0.0.1\"\n...\n# end\n", func(c *Config) bool { return c.OSPF.RouterID == 0x0a000001 }},
		{"CRLF and a byte order mark", "\uFEFFrouter-id: 10.0.0.1\r\necmp:\r\n  hash: l3\r\n", func(c *Config) bool { return c.ECMP.Hash == HashL3 }},
		{"tab behind a value", "router-id: 10.0.0.1\t# me\n", func(c *Config) bool { return c.OSPF.RouterID == 0x0a000001 }},
		{"area id of any size", head + "ospf: {areas: [{area-id: 4294967295}, {area-id: 255.255.255.254}]}", func(c *Config) bool {
			return c.OSPF.Areas[0].ID == 1<<32-1 && c.OSPF.Areas[1].ID == 1<<32-2
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c := parse(t, tt.text); !tt.ok(c) || len(c.Warnings) > 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// Of symmetric hashing the configuration keeps what is hashed, and the secret.
func TestSymmetricHash(t *testing.T) {
	const head = "router-id: 10.0.0.1\n"
	for _, row := range []struct {
		text string
		want ECMP
	}{
		{"", ECMP{16, HashL4, false, "", fib.Resilient{}}},
		{"ecmp: {hash: l3, symmetric-key: \"\"}", ECMP{16, HashL3, false, "", fib.Resilient{}}},
		{"ecmp: {groups: resilient, resilient-idle-timer: 5s}", ECMP{16, HashL4, false, "", fib.Resilient{Buckets: 128, Idle: 5 * time.Second}}},
		{"ecmp: {hash: symmetric}", ECMP{16, HashL4, true, "", fib.Resilient{}}},
		{"ecmp: {hash: symmetric, symmetric-level: l3, symmetric-key: a long enough secret}", ECMP{16, HashL3, true, "a long enough secret", fib.Resilient{}}},
	} {
		if c := parse(t, head+row.text); c.ECMP != row.want || len(c.Warnings) > 0 {
			t.Errorf("%q: %+v %v", row.text, c.ECMP, c.Warnings)
		}
	}
}

func TestWarnings(t *testing.T) {
	entries := func(matches ...string) string {
		text := "router-id: 10.0.0.1\nospf:\n  areas:\n    - area-id: 0\n      interfaces:\n"
		for _, m := range matches {
			text += "        - match: " + m + "\n"
		}
		return text
	}
	const never = "test.yaml:7:11: no link ever gets here: the entry in line 6 takes the same links first"
	tests := []struct {
		name, text, want string
	}{
		{"identical", entries(`"vpn*"`, `"vpn*"`), never},
		{"identical with exclusions in another place", entries(`["a*", "!ab"]`, `["!ab", "a*"]`), never},
		{"name in glob", entries(`"vpn*"`, "vpn1"), never},
		{"everything", entries(`"*"`, `["vpn*", 10.0.0.0/8]`), never},
		{"prefix in prefix", entries("10.0.0.0/8", "10.1.0.0/16"), never},
		{"each item covered", entries(`[a, b, "c*"]`, `[b, c1]`), never},
		{"one item not covered", entries(`[a, "c*"]`, `[b, c1]`), ""},
		{"wider later", entries("vpn1", `"vpn*"`), ""},
		{"earlier lets some through", entries(`["vpn*", "!vpn1"]`, "vpn1"), ""},
		{"wider prefix later", entries("10.1.0.0/16", "10.0.0.0/8"), ""},
		{"globs that differ", entries(`"vpn*"`, `"vpn?"`), ""},
		{"slow BFD", entries("vpn1") + "          dead-interval: 11s\n          bfd: {min-interval: 4s}\n",
			"test.yaml:8:16: BFD detects a failure after 12s, no sooner than the dead-interval 11s does"},
		{"protocol of bird", "router-id: 10.0.0.1\nkernel: {protocol: 12}", "test.yaml:2:20: protocol 12 is the number of bird: should that run here too, each would remove the other's routes"},
		{"remove and graceful restart", "router-id: 10.0.0.1\nospf: {graceful-restart: {enabled: true}}\nkernel: {shutdown: remove}",
			"test.yaml:3:20: nothing is removed at a stop that neighbours wait out (graceful-restart.enabled), only after ecmpd drain"},
		{"short symmetric key", "router-id: 10.0.0.1\necmp: {hash: symmetric, symmetric-key: abc}",
			"test.yaml:2:40: symmetric-key has 3 characters, few enough to try them all: take 16 or more at random"},
		{"symmetric key without symmetric", "router-id: 10.0.0.1\necmp: {symmetric-key: a long enough secret}",
			"test.yaml:2:23: symmetric-key means nothing without hash: symmetric"},
		{"rule behind a rule for all", "router-id: 10.0.0.1\nospf:\n  redistribute:\n    - source: static\n    - source: static\n      prefixes: [10.0.0.0/8]\n",
			"test.yaml:5:7: no route ever gets here: the rule in line 4 takes all static routes first"},
		{"ranges of two areas inside each other", "router-id: 10.0.0.1\nospf:\n  areas:\n    - {area-id: 1, ranges: [{prefix: 10.0.0.0/8}]}\n    - {area-id: 2, ranges: [{prefix: 10.1.0.0/16}]}\n",
			"test.yaml:5:38: 10.1.0.0/16 overlaps 10.0.0.0/8 of area 0.0.0.1 in line 4: the more specific one draws the traffic"},
		{"cost of a hidden range", "router-id: 10.0.0.1\nospf:\n  areas:\n    - {area-id: 1, ranges: [{prefix: 10.0.0.0/8, advertise: false, cost: 3}]}\n",
			"test.yaml:4:74: the cost of 10.0.0.0/8 is never told: advertise is false"},
		{"rule for the rest", "router-id: 10.0.0.1\nospf:\n  redistribute:\n    - {source: static, prefixes: [10.0.0.0/8]}\n    - source: static\n    - source: kernel\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, w := range parse(t, tt.text).Warnings {
				got = append(got, w.String())
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("warnings %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("directory: %v", err)
	}
	if _, err := Load("/dev/zero"); err == nil || !strings.Contains(err.Error(), "/dev/zero:1:1: the file is larger than 1 MiB") {
		t.Errorf("endless file: %v", err)
	}
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"l3": HashL3.String(), "l4": HashL4.String(), "off": TransitOff.String(), "notrack": TransitNotrack.String(),
		"keep": ShutdownKeep.String(), "remove": ShutdownRemove.String(), "unknown": Hash(0).String(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
