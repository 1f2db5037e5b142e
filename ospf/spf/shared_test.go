package spf

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestShared asks router 1, a hub, for what it shares with router 2, another one.
func TestShared(t *testing.T) {
	const hubs = `
		p2p 1 11 10
		p2p 1 12 10
		p2p 2 11 10
		p2p 2 12 10
		`
	for _, tt := range []struct {
		name, network, tracked, own, want string
	}{
		{"behind the hub itself", hubs + "stub 1 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"behind the other hub", hubs + "stub 2 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"on both hubs", hubs + "stub 1 192.168.77.0/24 10\nstub 2 192.168.77.0/24 10", "192.168.77.0/24", "", "192.168.77.0/24 11"},
		{"on both hubs, one preferred", hubs + "stub 1 192.168.77.0/24 10\nstub 2 192.168.77.0/24 11", "192.168.77.0/24", "", ""},
		{"on both hubs as a transit network", hubs + "lan 192.168.77.0/24 1=10 2=10", "192.168.77.0/24", "", "192.168.77.0/24 11"},
		{"behind a branch", hubs + "stub 12 192.168.77.0/24 10", "192.168.77.0/24", "", "192.168.77.0/24 11"},
		{"behind a branch that has one hub", hubs + "p2p 1 13 10\nstub 13 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"behind a branch whose other tunnel is dear", strings.Replace(hubs, "2 12 10", "2 12 20", 1) + "stub 12 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"inside a tracked network, and another outside", hubs + "stub 12 192.168.77.0/24 1\nstub 12 192.168.79.0/24 1", "192.168.76.0/23", "", "192.168.77.0/24 11"},
		{"under a larger prefix", hubs + "stub 12 192.168.0.0/16 1\nstub 12 192.0.0.0/8 1", "192.168.77.0/24", "", "192.168.0.0/16 11"},
		{"only a default route covers it", hubs + "stub 12 0.0.0.0/0 1", "192.168.77.0/24", "", ""},
		{"parallel tunnels of one hub", "p2p 1 11 10\np2p 1 11 10\nstub 1 192.168.77.0/24 10", "192.168.77.0/24", "", ""},
		{"external of the other hub", hubs + "flags 2 E\next 2 192.168.77.0/24 e2 20", "192.168.77.0/24", "", ""},
		{"external of both hubs", hubs + "flags 2 E\next 2 192.168.77.0/24 e2 20", "192.168.77.0/24", "e2 20", "192.168.77.0/24 11"},
		{"external of both hubs, the own one dearer", hubs + "flags 2 E\next 2 192.168.77.0/24 e2 20", "192.168.77.0/24", "e2 21", ""},
		{"external of both hubs, type 1 wins", hubs + "flags 2 E\next 2 192.168.77.0/24 e1 900", "192.168.77.0/24", "e2 20", ""},
		{"external of type 1 of both hubs", hubs + "flags 2 E\next 2 192.168.77.0/24 e1 20", "192.168.77.0/24", "e1 20", "192.168.77.0/24 11"},
		{"external of an unreachable router", hubs + "flags 12 E\next 12 192.168.77.0/24 e2 20\next 99 192.168.77.0/24 e2 1", "192.168.77.0/24", "", "192.168.77.0/24 11"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := parse(t, tt.network).fresh(Config{RouterID: 1})
			own := func(netip.Prefix) (x OwnExternal, ok bool) {
				_, err := fmt.Sscanf(tt.own, "e%d %d", new(int), &x.Metric)
				x.Type2 = strings.HasPrefix(tt.own, "e2")
				return x, err == nil
			}
			var got []string
			for _, s := range table.Shared([]netip.Prefix{netip.MustParsePrefix(tt.tracked)}, own) {
				got = append(got, fmt.Sprint(s.Prefix, " ", uint32(s.Router)))
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("shared: %q, want %q", got, tt.want)
			}
		})
	}
}
