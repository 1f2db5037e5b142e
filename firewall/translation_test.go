package firewall

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// natCase is a NAT rule in nft's words, with the hook, and in those of iptables.
type natCase struct {
	name     string
	hook     string
	nft      string
	iptables string // none: with nft only
	networks string // that stay tracked
	// A flow that it translates and that breaks without them; none for rules that do
	// not concern transit.
	src, dst string
	network  string
	source   bool // it is the source that is translated
}

var natCases = []natCase{
	{
		name: "DNAT to a host behind a branch", hook: "prerouting",
		nft: "ip daddr 10.10.2.9 dnat to 10.10.2.1", iptables: "-A PREROUTING -d 10.10.2.9 -j DNAT --to-destination 10.10.2.1",
		networks: "10.10.2.1/32 10.10.2.9/32", src: "10.10.1.1", dst: "10.10.2.9:7000", network: "tcp4",
	},
	{
		name: "a port of the hub to a host behind a branch", hook: "prerouting",
		nft:      "ip daddr 10.9.1.1 udp dport 8000 dnat to 10.10.2.1:7000",
		networks: "10.9.1.1/32 10.10.2.1/32", src: "10.10.1.1", dst: "10.9.1.1:8000", network: "udp4",
	},
	{
		name: "an address that only the hub knows to a host behind a branch", hook: "prerouting",
		nft:      "ip daddr 172.31.0.1 udp dport 8000 dnat to 10.10.2.1:7000",
		iptables: "-A PREROUTING -d 172.31.0.1 -p udp --dport 8000 -j DNAT --to-destination 10.10.2.1:7000",
		networks: "10.10.2.1/32", src: "10.10.1.1", dst: "172.31.0.1:8000", network: "udp4",
	},
	{
		name: "masquerade of one branch's LAN", hook: "postrouting",
		nft: `ip saddr 10.10.1.0/24 oifname "vpn2" masquerade`, iptables: "-A POSTROUTING -s 10.10.1.0/24 -o vpn2 -j MASQUERADE",
		networks: "10.10.1.0/24", src: "10.10.1.1", dst: "10.10.2.1:7000", network: "udp4", source: true,
	},
	{
		name: "SNAT to an address of the other branch", hook: "postrouting",
		nft: `ip saddr 10.10.1.0/24 oifname "vpn2" snat to 10.10.1.200`, iptables: "-A POSTROUTING -s 10.10.1.0/24 -o vpn2 -j SNAT --to-source 10.10.1.200",
		networks: "10.10.1.0/24", src: "10.10.1.1", dst: "10.10.2.1:7000", network: "udp4", source: true,
	},
	{
		name: "everything to an OSPF interface", hook: "postrouting",
		nft:      `oifname "vpn2" masquerade`,
		networks: "0.0.0.0/0", src: "10.10.1.1", dst: "10.10.2.1:7000", network: "udp4", source: true,
	},
	{
		name: "masquerade on the uplink", hook: "postrouting",
		nft: `oifname "lan" masquerade`,
	},
	{
		name: "to the outside only", hook: "postrouting",
		nft: `ip saddr 10.0.0.0/8 ip daddr != 10.0.0.0/8 masquerade`, iptables: "-A POSTROUTING -s 10.0.0.0/8 ! -d 10.0.0.0/8 -j MASQUERADE",
	},
	{
		name: "redirect of another network", hook: "prerouting",
		nft: `ip daddr 192.168.1.0/24 tcp dport 80 redirect to :7000`,
	},
}

// loadNAT loads the rule, in a chain of its own that is jumped to.
func (n hubNet) loadNAT(t *testing.T, loader string, c natCase) {
	t.Helper()
	if loader == "nft" {
		priority := map[string]string{"prerouting": "dstnat", "postrouting": "srcnat"}[c.hook]
		n.hub.nft(t, fmt.Sprintf("table ip nat {\n chain mine {\n %s\n }\n chain c {\n type nat hook %s priority %s\n jump mine\n }\n}\n", c.nft, c.hook, priority))
		return
	}
	cmd := exec.Command("ip", "netns", "exec", string(n.hub), loader+"-restore")
	cmd.Stdin = strings.NewReader("*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n" + c.iptables + "\nCOMMIT\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", loader, err, out)
	}
}

// TestTranslatedNetworksStayTracked sends flows through NAT, of transit without
// what Translations names, where they must break, and with it.
func TestTranslatedNetworksStayTracked(t *testing.T) {
	n := newHub(t, "nat")
	n.b.serve(t, "10.10.2.1:7000")
	run(t, "ip", "-n", string(n.hub), "route", "add", "unreachable", "172.31.0.0/16")
	translated := func(t *testing.T, want bool, c natCase) bool {
		t.Helper()
		if !n.a.passes(want, c.network, c.src, c.dst) {
			return false
		}
		host, _, _ := strings.Cut(c.dst, ":")
		for _, e := range n.entries(t, c.src, host) {
			if c.source && e.Status.SrcNAT() || !c.source && e.Status.DstNAT() {
				return true
			}
		}
		return false
	}
	for _, c := range natCases {
		for _, loader := range []string{"nft", "iptables-nft", "iptables-legacy"} {
			if loader != "nft" && c.iptables == "" {
				continue
			}
			t.Run(c.name+"/"+loader, func(t *testing.T) {
				n.hub.exec(t, "conntrack", "-F")
				n.loadNAT(t, loader, c)
				defer n.unload(t)
				mustApply(t, n.f, hubRules)
				var found []Translation
				err := n.hub.do(func() (err error) { found, err = n.f.Translations(hubRules.Interfaces, hubRules.Transit); return err })
				r := hubRules
				r.Tracked = slices.Clone(r.Tracked)
				var networks []string
				for _, f := range found {
					if f.Doubt != "" || !strings.HasPrefix(f.Place.Table, "nat") {
						t.Errorf("%+v", f)
					}
					for _, p := range f.Networks {
						r.Tracked = append(r.Tracked, p)
						networks = append(networks, p.String())
					}
				}
				if got := strings.Join(networks, " "); err != nil || got != c.networks {
					t.Errorf("%q stay tracked, want %q: %v", got, c.networks, err)
				}
				if c.src == "" {
					return
				}
				if translated(t, false, c) {
					t.Error("it is translated although nothing is excluded: the test proves nothing")
				}
				mustApply(t, n.f, r)
				n.hub.exec(t, "conntrack", "-F")
				if !translated(t, true, c) {
					t.Errorf("not translated\n%s", n.hub.listing(t))
				}
			})
		}
	}
}

// TestDoubtfulTranslations: what is not understood is told, and taken for what
// the rest of the rule says where that names networks.
func TestDoubtfulTranslations(t *testing.T) {
	n := newHub(t, "doubt")
	for _, tt := range []struct{ hook, rule, networks, doubt string }{
		{"postrouting", "meta mark 5 masquerade", "", "it names no network, and not all that it asks for is understood"},
		{"postrouting", "meta mark 5 ip saddr 10.10.1.0/25 masquerade", "10.10.1.0/25", ""},
		{"postrouting", "ip saddr { 10.10.1.0/25, 192.168.0.0/16 } masquerade", "10.10.1.0/25", ""},
		{"postrouting", "ip saddr != 10.10.1.0/24 ip daddr 10.10.2.0/28 masquerade", "10.8.0.0/15 10.10.2.0/23", ""},
		{"prerouting", "dnat to udp dport map { 53 : 10.10.2.1 }", "", "the addresses that it puts into packets are not understood"},
		{"prerouting", "ip daddr 10.10.2.8 dnat to 10.10.2.1-10.10.2.2", "10.10.2.1/32 10.10.2.2/32 10.10.2.8/32", ""},
		{"prerouting", `iifname "vpn1" udp dport 53 redirect`, "0.0.0.0/0", ""},
		{"prerouting", "fib daddr type local udp dport 53 dnat to 192.168.1.2", "", ""},
	} {
		n.loadNAT(t, "nft", natCase{hook: tt.hook, nft: tt.rule})
		var found []Translation
		err := n.hub.do(func() (err error) { found, err = n.f.Translations(hubRules.Interfaces, hubRules.Transit); return err })
		var networks []string
		doubt := ""
		for _, f := range found {
			for _, p := range f.Networks {
				networks = append(networks, p.String())
			}
			doubt += f.Doubt
		}
		if got := strings.Join(networks, " "); err != nil || got != tt.networks || doubt != tt.doubt {
			t.Errorf("%s: %q, doubt %q, want %q, %q: %v", tt.rule, got, doubt, tt.networks, tt.doubt, err)
		}
		n.unload(t)
	}
}
