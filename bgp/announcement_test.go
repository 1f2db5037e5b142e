package bgp

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestTargetAddresses(t *testing.T) {
	for _, c := range []struct {
		target string
		except []string
		want   string
	}{
		{"10.0.0.0/24", nil, "[10.0.0.0/24]"},
		{"10.0.0.0/24", []string{"10.0.1.5/32"}, "[10.0.0.0/24]"},
		{"10.0.0.0/30", []string{"10.0.0.2/32"}, "[10.0.0.0/31 10.0.0.3/32]"},
		{"10.0.0.0/24", []string{"10.0.0.0/25", "10.0.0.192/26"}, "[10.0.0.128/26]"},
		{"10.0.0.0/31", []string{"10.0.0.0/32", "10.0.0.1/32"}, "[]"},
		{"10.0.0.1/32", []string{"10.0.0.1/32"}, "[]"},
	} {
		target := Target{Neighbor: netip.MustParsePrefix(c.target)}
		for _, e := range c.except {
			target.Except = append(target.Except, netip.MustParsePrefix(e))
		}
		if got := fmt.Sprint(target.Addresses()); got != c.want {
			t.Errorf("%s without %s: %s, want %s", c.target, c.except, got, c.want)
		}
	}
}
