package routeros_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/routeros"
)

func FuzzImport(f *testing.F) {
	files, err := filepath.Glob("testdata/*.rsc")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	// A script that turns out to be one of RouterOS 7 behind its OSPF.
	f.Add("/routing ospf network add area=backbone network=10.0.0.0/8\n/routing table add name=x fib\n")
	f.Fuzz(func(t *testing.T, text string) { imported(t, "fuzz", text) })
}

// vocabulary is what random scripts are made of: per menu the parameters, and
// values that often fit and often do not.
var (
	vocabulary = map[string][]string{
		"/ip address":               {"address", "interface", "network", "netmask"},
		"/ip route":                 {"dst-address", "gateway", "routing-mark", "routing-table", "distance", "check-gateway", "scope", "target-scope", "type"},
		"/ip route rule":            {"src-address", "dst-address", "routing-mark", "interface", "action", "table"},
		"/routing rule":             {"src-address", "dst-address", "interface", "action", "table"},
		"/routing table":            {"name", "fib"},
		"/ip dhcp-client":           {"interface", "add-default-route", "default-route-distance"},
		"/interface pppoe-client":   {"name", "add-default-route", "default-route-distance"},
		"/interface list member":    {"list", "interface"},
		"/ip firewall nat":          {"chain", "action", "out-interface", "out-interface-list", "to-addresses", "src-address"},
		"/ip firewall raw":          {"chain", "action", "src-address", "dst-address-list", "src-address-list", "dst-address"},
		"/ip firewall filter":       {"chain", "action", "connection-state"},
		"/ip firewall address-list": {"list", "address"},
		"/ip firewall mangle": {"chain", "action", "in-interface", "out-interface", "new-connection-mark", "new-routing-mark", "connection-mark",
			"passthrough", "per-connection-classifier", "nth", "src-address", "dst-address-list", "src-address-list", "protocol", "dst-port", "in-interface-list"},
		"/routing ospf instance":           {"name", "router-id", "redistribute", "redistribute-connected", "metric-connected", "distribute-default", "originate-default"},
		"/routing ospf area":               {"name", "area-id", "type", "default-cost", "no-summaries", "translator-role", "instance"},
		"/routing ospf network":            {"area", "network"},
		"/routing ospf area range":         {"area", "range", "prefix", "cost", "advertise"},
		"/routing ospf interface":          {"interface", "cost", "priority", "network-type", "authentication", "authentication-key", "authentication-key-id", "hello-interval", "dead-interval", "passive", "use-bfd"},
		"/routing ospf interface-template": {"area", "interfaces", "networks", "type", "auth", "auth-key", "auth-id", "hello-interval", "dead-interval", "retransmit-interval", "vlink-neighbor-id", "vlink-transit-area"},
		"/routing ospf virtual-link":       {"transit-area", "neighbor-id"},
		"/routing bgp connection":          {"as", "remote.address", "tcp-md5-key"},
	}
	values = []string{
		"ether1", "ether2", "wlan1", "pppoe-out1", "lo", "all", "\"a b\"", "LAN", "!LAN", "averyveryverylongname", "10.0.1.1", "10.0.1.2/24", "10.0.2.2/24", "10.0.2.1",
		"10.0.1.1,10.0.2.1", "10.0.1.1,10.0.2.1,10.0.2.1", "10.0.1.1%ether2", "0.0.0.0/0", "10.9.0.0/16", "10.9.1.1/16", "0.0.0.0", "255.255.255.255", "224.0.0.5", "127.0.0.1", "8.8.8.8",
		"1", "0", "2", "300", "99999999999", "-1", "yes", "no", "", "\"\"", ",", "main", "m1", "m2", "c1", "c2", "no-mark", "prerouting", "output", "input", "forward", "srcnat",
		"mark-connection", "mark-routing", "mark-packet", "accept", "notrack", "masquerade", "src-nat", "drop", "lookup", "lookup-only-in-table", "both-addresses:2/0", "both-addresses:2/1",
		"both-addresses:3/7", "2,1", "2,2", "1,1", "tcp", "udp", "ospf", "89", "53,80-90", "90-80", "0.0.0.0-255.255.255.255", "10.0.0.1-10.0.0.9", "10.0.0.9-10.0.0.1", "l1", "!l1", "domestic nets",
		"backbone", "area1", "0.0.0.1", "0.0.0.2", "stub", "nssa", "default", "ptp", "broadcast", "nbma", "virtual-link", "md5", "simple", "sha256", "none", "k3y", "\"k\\\"e\\\\y\"", "waytoolongapassword",
		"10s", "1s", "40s", "70000s", "00:00:10", "1ms", "connected,static,bgp", "as-type-1", "if-installed-as-type-2", "always", "if-installed", "untracked", "established,untracked", "$x", "[find]",
		"\"\\FF\\00\"", "é", "a:b", "#c", "true", "null", "~", "- x", "&a", "*", "{}", "::1", "1.2.3.4.5", "isp.example.net",
	}
)

// random writes a script of n commands.
func random(rnd *rand.Rand, n int) string {
	menus := slices.Sorted(maps.Keys(vocabulary))
	var b strings.Builder
	for range n {
		menu := menus[rnd.IntN(len(menus))]
		b.WriteString(menu + " add")
		for _, param := range vocabulary[menu] {
			if rnd.IntN(4) > 0 {
				fmt.Fprintf(&b, " %s=%s", param, values[rnd.IntN(len(values))])
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Whatever a script says, check accepts what becomes of it.
func TestAlwaysValid(t *testing.T) {
	for seed := range uint64(400) {
		text := random(rand.New(rand.NewPCG(seed, 1)), 60)
		if imported(t, fmt.Sprintf("seed %d", seed), text); t.Failed() {
			t.Fatal(text)
		}
	}
}

// Long scripts give what a configuration can hold, before the patience of whoever waits is over.
func TestLong(t *testing.T) {
	for name, line := range map[string]func(n int) string{
		"lists": func(n int) string {
			return fmt.Sprintf("/ip firewall address-list add list=l address=10.%d.%d.0/24\n", n/256%256, n%256)
		},
		"many": func(n int) string {
			return fmt.Sprintf("/ip firewall address-list add list=l%d address=10.%d.%d.0/24\n/ip firewall mangle add chain=prerouting dst-address-list=l%d action=mark-routing new-routing-mark=r\n/ip route add gateway=ppp%d routing-mark=r\n", n, n/256%256, n%256, n, n)
		},
		"routes": func(n int) string {
			return fmt.Sprintf("/ip route add dst-address=10.%d.%d.0/24 gateway=192.0.2.1,192.0.2.2\n", n/256%256, n%256)
		},
		"defaults": func(n int) string {
			return fmt.Sprintf("/ip route add gateway=10.%d.%d.1,10.1.1.1 distance=%d routing-mark=m%d\n", n/256%256, n%256, n%256, n)
		},
		"addresses": func(n int) string {
			return fmt.Sprintf("/ip address add address=10.%d.%d.1/24 interface=e%d\n/ip route add gateway=10.%d.%d.2\n", n/256%256, n%256, n, n/256%256, n%256)
		},
		"marks": func(n int) string {
			return fmt.Sprintf("/ip firewall mangle add chain=prerouting in-interface=e%d action=mark-connection new-connection-mark=c%d\n/ip firewall mangle add chain=output connection-mark=c%d action=mark-routing new-routing-mark=r%d\n", n, n, n+1, n)
		},
		"slots": func(n int) string {
			return fmt.Sprintf("/ip firewall mangle add chain=prerouting per-connection-classifier=src-address:60000/%d action=mark-routing new-routing-mark=r%d\n", n, n%3)
		},
		"rules": func(n int) string {
			return fmt.Sprintf("/routing rule add src-address=10.%d.%d.0/24 table=t%d action=lookup\n/routing table add name=t%d fib\n", n/256%256, n%256, n, n)
		},
		"ospf": func(n int) string {
			return fmt.Sprintf("/routing ospf area add name=a%d area-id=0.0.%d.%d\n/routing ospf interface-template add area=a%d networks=10.%d.%d.0/24\n/routing ospf area range add area=a%d prefix=10.%d.%d.0/24\n", n, n/256%256, n%256, n, n/256%256, n%256, n, n/256%256, n%256)
		},
		"ospf6": func(n int) string {
			return fmt.Sprintf("/routing ospf network add area=backbone network=10.%d.%d.0/24\n/routing ospf interface add interface=e%d cost=%d\n", n/256%256, n%256, n, n)
		},
		"gateways": func(n int) string {
			return fmt.Sprintf("/ip route add gateway=%s10.0.0.1\n", strings.Repeat(fmt.Sprintf("10.0.%d.1,", n%256), 20))
		},
		"bgp": func(n int) string {
			return fmt.Sprintf("/routing bgp peer add remote-address=10.0.0.%d remote-as=%d\n", n%256, n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			b.WriteString("/ip address add address=192.0.2.9/24 interface=ether1\n/ip route add gateway=192.0.2.1 routing-mark=r\n")
			for n := range 6000 {
				b.WriteString(line(n))
			}
			r := imported(t, name, b.String())
			if len(r.YAML) > 1<<20 || len(r.Findings) > 5000 {
				t.Errorf("%d bytes of YAML, %d findings", len(r.YAML), len(r.Findings))
			}
		})
	}
	if _, err := routeros.Import("large", strings.Repeat("#", routeros.MaxSize+1)); err == nil {
		t.Error("a script beyond the limit was read")
	}
}
