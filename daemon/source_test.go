package daemon

import (
	"net/netip"
	"testing"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/link"
)

func TestPreferredSource(t *testing.T) {
	address := func(text string, secondary bool) link.Addr {
		return link.Addr{Addr: netip.MustParsePrefix(text), Secondary: secondary}
	}
	links := link.Snapshot{Links: []link.Link{
		{Name: "lo", Up: true, Loopback: true, Addrs: []link.Addr{address("127.0.0.1/8", false), address("10.255.0.1/32", false)}},
		{Name: "vpn1", Up: true, Addrs: []link.Addr{address("10.0.11.2/30", false)}},
		{Name: "eth1", Up: true, Addrs: []link.Addr{address("10.10.9.1/24", false)}},
		{Name: "lan", Up: true, Addrs: []link.Addr{address("10.10.1.9/24", true), address("10.10.1.1/24", false)}},
		{Name: "down", Addrs: []link.Addr{address("10.10.3.1/24", false)}},
	}}
	lo, vpn, eth1 := ospfInterface{}, ospfInterface{pointToPoint: true, full: true}, ospfInterface{full: true}
	lan, down := ospfInterface{passive: true}, ospfInterface{passive: true}
	for _, row := range []struct {
		name       string
		source     config.Source
		interfaces map[string]ospfInterface
		want       string
	}{
		{"off", config.Source{}, map[string]ospfInterface{"lo": lo, "lan": lan}, ""},
		{"loopback", config.Source{Auto: true}, map[string]ospfInterface{"lo": lo, "vpn1": vpn, "lan": lan}, "10.255.0.1"},
		{"quiet LAN", config.Source{Auto: true}, map[string]ospfInterface{"vpn1": vpn, "eth1": eth1, "lan": lan, "down": down}, "10.10.1.1"},
		{"LAN with neighbours", config.Source{Auto: true}, map[string]ospfInterface{"vpn1": vpn, "eth1": eth1}, "10.10.9.1"},
		{"nothing but tunnels", config.Source{Auto: true}, map[string]ospfInterface{"vpn1": vpn}, ""},
		{"named", config.Source{Address: netip.MustParseAddr("10.10.3.1")}, nil, "10.10.3.1"},
		{"named and not there", config.Source{Address: netip.MustParseAddr("10.10.4.1")}, nil, ""},
	} {
		got := ""
		if a := preferredSource(row.source, links, row.interfaces); a.IsValid() {
			got = a.String()
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
