package firewall

import (
	"net/netip"
	"testing"
)

// TestHashed holds the hash as it is; that kernels take the same is shown by the scenario TestWANShares.
func TestHashed(t *testing.T) {
	from, to := netip.MustParseAddr("192.168.0.2"), netip.MustParseAddr("198.51.100.1")
	for _, tt := range []struct {
		name   string
		change func(*Uplinks)
		want   uint32 // 0: it is not hashed
	}{
		{"in turn", func(*Uplinks) {}, 0},
		{"by route", func(u *Uplinks) { u.Routed, u.Spread = 0x3e000000, ByPair }, 0},
		{"nobody alive", func(u *Uplinks) { u.Spread, u.Shares = ByPair, nil }, 0},
		{"by pair", func(u *Uplinks) { u.Spread = ByPair }, 3},
		{"by source", func(u *Uplinks) { u.Spread = BySource }, 3},
		{"by destination", func(u *Uplinks) { u.Spread = ByDestination }, 1},
	} {
		u := twoUplinks()
		tt.change(u)
		way, ok := u.Hashed(from, to)
		if way>>24 != tt.want || ok != (tt.want != 0) {
			t.Errorf("%s: %#x, %v, want uplink %d", tt.name, way, ok, tt.want)
		}
	}
}
