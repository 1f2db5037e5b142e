package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/wan"
)

// The example of the documentation, with every form of a value.
func TestWAN(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lab.txt")
	if err := os.WriteFile(file, []byte("# lab\n203.0.113.128/25\n\n 192.0.2.77 # a host\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := parse(t, strings.ReplaceAll(`
router-id: 10.0.0.1
ospf: {default-originate: {when: wan-up, metric: 10, down-metric: 1000}}
wan:
  uplinks:
    - name: isp-a
      interface: wlan1
      gateway: 10.111.0.1
      weight: 1
      tier: 1
      nat: masquerade
      check: {targets: ["gateway", "icmp 192.0.2.1", "tcp 192.0.2.2:443", "dns 192.0.2.3"], quorum: 2, interval: 4s, timeout: 500ms, down-after: 2, up-after: 7, hold-up: 10s}
      resolvers: [198.51.100.53]
    - {name: isp-b, interface: "ppp*", gateway: interface, weight: 5, tier: 2, nat: 198.51.100.7}
    - {name: isp-c, interface: eth3, gateway: dhcp, check: {interval: 500ms}}
  balance: per-address-pair
  reply-through-ingress: false
  lists: {domestic: [203.0.113.0/24], lab: ["file:FILE", 10.0.0.1]}
  rules:
    - {destination: "@domestic", uplink: isp-b}
    - {source: [192.168.0.0/25, "@lab"], uplink: isp-a, fallback: balance}
    - {protocol: udp, port: [5060, 6000-6100], uplink: isp-a, fallback: none}
  endpoints: [198.51.100.99, wireguard, openvpn]
  on-failover: {flush: never}
  on-change: ["/etc/ecmpd/changed --quiet"]
  mark: {mask: 0xff00, table-base: 300, rule-base: 400}
`, "FILE", file))
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	standard := wan.Check{
		Targets: []wan.Target{{Kind: wan.ProbeGateway}}, Interval: 500 * time.Millisecond, Timeout: 500 * time.Millisecond,
		DownAfter: 3, UpAfter: 5, HoldUp: 20 * time.Second,
	}
	unasked := standard
	unasked.Targets, unasked.Interval, unasked.Timeout = nil, 2*time.Second, time.Second
	want := wan.Config{
		Uplinks: []wan.Uplink{
			{
				Name: "isp-a", Interface: "wlan1", Gateway: wan.Gateway{Address: a("10.111.0.1")}, Weight: 1, Tier: 1, NAT: wan.NAT{Masquerade: true},
				Check: wan.Check{
					Targets: []wan.Target{
						{Kind: wan.ProbeGateway}, {Kind: wan.ProbeICMP, Address: a("192.0.2.1")},
						{Kind: wan.ProbeTCP, Address: a("192.0.2.2"), Port: 443}, {Kind: wan.ProbeDNS, Address: a("192.0.2.3")},
					},
					Quorum: 2, Interval: 4 * time.Second, Timeout: 500 * time.Millisecond, DownAfter: 2, UpAfter: 7, HoldUp: 10 * time.Second,
				},
				Resolvers: []netip.Addr{a("198.51.100.53")},
			},
			{Name: "isp-b", Interface: "ppp*", Weight: 5, Tier: 2, NAT: wan.NAT{Source: a("198.51.100.7")}, Check: unasked},
			{Name: "isp-c", Interface: "eth3", Gateway: wan.Gateway{DHCP: true}, Weight: 1, Tier: 1, Check: standard},
		},
		Balance: wan.PerAddressPair,
		Rules: []wan.Rule{
			{Destination: []netip.Prefix{p("203.0.113.0/24")}, Uplink: "isp-b"},
			{Source: []netip.Prefix{p("192.168.0.0/25"), p("203.0.113.128/25"), p("192.0.2.77/32"), p("10.0.0.1/32")}, Uplink: "isp-a"},
			{Protocol: 17, Ports: []wan.PortRange{{First: 5060, Last: 5060}, {First: 6000, Last: 6100}}, Uplink: "isp-a", Strict: true},
		},
		Endpoints: []netip.Addr{a("198.51.100.99")}, FindWireGuard: true, FindOpenVPN: true,
		OnChange: []string{"/etc/ecmpd/changed --quiet"},
		Mark:     wan.Mark{Mask: 0xff00, TableBase: 300, RuleBase: 400},
	}
	if !reflect.DeepEqual(c.WAN, want) {
		t.Errorf("\n got %+v\nwant %+v", c.WAN, want)
	}
	if (c.WANDefault != WANDefault{Enabled: true, DownMetric: 1000}) || c.OSPF.Default.Metric != 10 {
		t.Errorf("default %+v %+v", c.WANDefault, c.OSPF.Default)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings %v", c.Warnings)
	}
}

// In the texts § stands for the place where the error must be reported.
func TestWANErrors(t *testing.T) {
	const one = "{name: a, interface: eth1, gateway: 192.0.2.1}"
	section := func(text string) string { return "router-id: 10.0.0.1\nwan: {" + text + "}\n" }
	uplink := func(text string) string {
		return section("uplinks: [{name: a, interface: eth1, gateway: 192.0.2.1, " + text + "}]")
	}
	rule := func(text string) string {
		return section("uplinks: [" + one + "], lists: {l: [10.0.0.0/8]}, rules: [" + text + "]")
	}
	check := func(text string) string { return uplink("check: {" + text + "}") }
	for _, tt := range []struct{ name, text, want string }{
		{"no uplinks", "router-id: 10.0.0.1\nwan:\n  §balance: nth\n", `"uplinks" is missing`},
		{"unknown key", section("uplinks: [" + one + "], §blance: nth"), `did you mean "balance"?`},
		{"balance", section("uplinks: [" + one + "], balance: §pcc"), `"balance" is per-connection or`},
		{"no name", section("uplinks: [§{interface: eth1, gateway: 192.0.2.1}]"), `"name" is missing`},
		{"no interface", section("uplinks: [§{name: a, gateway: 192.0.2.1}]"), `"interface" is missing`},
		{"no gateway", section("uplinks: [§{name: a, interface: eth1}]"), `"gateway" is missing`},
		{"bad name", section("uplinks: [{name: §a b, interface: eth1, gateway: 192.0.2.1}]"), "letters, digits"},
		{"name twice", section("uplinks: [" + one + ",\n {name: §a, interface: eth2, gateway: 192.0.2.1}]"), `uplink "a" is already in line 2`},
		{"way twice", section("uplinks: [" + one + ",\n §{name: b, interface: eth1, gateway: 192.0.2.1}]"), "the same interface and gateway"},
		{"loopback", section("uplinks: [{name: a, interface: §lo, gateway: 192.0.2.1}]"), "no way to the Internet"},
		{"bad glob", section("uplinks: [{name: a, interface: §\"ppp[\", gateway: interface}]"), "no valid glob"},
		{"long name", section("uplinks: [{name: a, interface: §abcdefghijklmnop, gateway: interface}]"), "longer than the 15"},
		{"gateway word", section("uplinks: [{name: a, interface: eth1, gateway: §dchp}]"), "IPv4 address, interface or dhcp"},
		{"gateway IPv6", section("uplinks: [{name: a, interface: eth1, gateway: §\"2001:db8::1\"}]"), "IPv4 address"},
		{"gateway loopback", section("uplinks: [{name: a, interface: eth1, gateway: §127.0.0.1}]"), "address of another host"},
		{"weight", uplink("weight: §255"), "whole number from 1 to 254"},
		{"tier", uplink("tier: §0"), "whole number from 1 to 16"},
		{"nat", uplink("nat: §yes"), "masquerade, none or the address"},
		{"target", check("targets: [§ping 192.0.2.1]"), "a target is gateway, icmp ADDRESS"},
		{"target without port", check("targets: [§tcp 192.0.2.1]"), "a target is gateway"},
		{"target twice", check("targets: [icmp 192.0.2.1, §icmp 192.0.2.1]"), "stands twice"},
		{"quorum", check("targets: [gateway, icmp 192.0.2.1], quorum: §2"), "never be met by 1 targets"},
		{"quorum 0", check("targets: [gateway, icmp 192.0.2.1], quorum: §0"), "meaningless"},
		{"timeout", check("interval: 1s, timeout: §2s"), "longer than the interval"},
		{"interval", check("interval: §1ms"), "from 100ms to 600s"},
		{"gateway of a link", section("uplinks: [{name: a, interface: ppp0, gateway: interface, check: {targets: [§gateway]}}]"), "no gateway to ask"},
		{"resolver twice", section("uplinks: [{name: a, interface: eth1, gateway: 192.0.2.1, resolvers: [192.0.2.53]},\n {name: b, interface: eth2, gateway: 192.0.2.1, resolvers: [§192.0.2.53]}]"), "already in line 2"},
		{"list", rule("{destination: §\"@m\", uplink: a}"), `there is no list "m": did you mean "l"?`},
		{"list file", section("uplinks: [" + one + "], lists: {l: [§300.0.0.0/8]}"), "not an IPv4 prefix"},
		{"list of mappings", section("uplinks: [" + one + "], lists: {l: [§{a: b}]}"), "a single value"},
		{"list no list", section("uplinks: [" + one + "], lists: {l: §x}"), "a list"},
		{"list name", section("uplinks: [" + one + "], lists: {§a b: []}"), "a name is 1 to 32"},
		{"no uplink", rule("§{protocol: tcp}"), `"uplink" is missing`},
		{"unknown uplink", rule("{uplink: §b}"), `there is no uplink "b": did you mean "a"?`},
		{"port", rule("{port: §53, uplink: a}"), "port goes with protocol"},
		{"fallback", rule("{uplink: a, fallback: §drop}"), "balance or none"},
		{"endpoint word", section("uplinks: [" + one + "], endpoints: [§wiregard]"), "an IPv4 address, wireguard or openvpn"},
		{"flush", section("uplinks: [" + one + "], on-failover: {flush: §all}"), "dead-uplink or never"},
		{"command", section("uplinks: [" + one + "], on-change: [§changed]"), "whole path"},
		{"mask", section("uplinks: [" + one + "], mark: {mask: §0x5}"), "bits next to each other"},
		{"too many", section("uplinks: [" + strings.Repeat("X", 6) + "], mark: {mask: 0x7}"), "more than the mask"},
		{"rule base", section("uplinks: [" + one + "], mark: {rule-base: §32767}"), "from 1 to 32000"},
		{"wan-up without uplinks", "router-id: 10.0.0.1\nospf: {default-originate: {when: §wan-up}}\n", "needs uplinks"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.text
			for i := range 6 {
				text = strings.Replace(text, "X", "{name: u"+string('0'+rune(i))+", interface: e"+string('0'+rune(i))+", gateway: interface},", 1)
			}
			before, after, marked := strings.Cut(text, "§")
			_, err := Parse("f.yaml", []byte(before+after))
			p := only(t, err)
			line := 1 + strings.Count(before, "\n")
			column := len(before) - strings.LastIndex(before, "\n")
			if !strings.Contains(p.Message, tt.want) || marked && (p.Line != line || p.Column != column) {
				t.Errorf("got %v, want %d:%d: …%s…", p, line, column, tt.want)
			}
		})
	}
}

func TestWANWarnings(t *testing.T) {
	c := parse(t, `
router-id: 10.0.0.1
wan:
  uplinks: [{name: a, interface: eth1, gateway: 192.0.2.1}]
  lists: {empty: [], unused: [10.0.0.0/8], missing: ["file:/nowhere/at/all"]}
  rules: [{destination: "@empty", uplink: a}, {source: "@missing", uplink: a}, {uplink: a}, {protocol: tcp, uplink: a}]
`)
	if len(c.WAN.Rules) != 2 { // lists without entries match nothing, not everything
		t.Errorf("rules %+v", c.WAN.Rules)
	}
	if len(c.Warnings) != 2 || !strings.Contains(c.Warnings[0].Message, `no rule uses list "unused"`) || !strings.Contains(c.Warnings[1].Message, "no packet ever gets here") {
		t.Errorf("warnings %v", c.Warnings)
	}
	c2 := parse(t, "router-id: 10.0.0.1\nwan: {uplinks: [{name: a, interface: eth1, gateway: 192.0.2.1}]}\nstatic: [{prefix: 0.0.0.0/0, next-hops: [{via: 192.0.2.1}]}]\n")
	if len(c2.Warnings) != 1 || !strings.Contains(c2.Warnings[0].Message, "takes over when all uplinks are down") {
		t.Errorf("static default: %v", c2.Warnings)
	}
	if c.Ready() == nil || !strings.Contains(c.Ready().Error(), "/nowhere/at/all") {
		t.Errorf("ready: %v", c.Ready())
	}
}
