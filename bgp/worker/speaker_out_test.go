package worker

import (
	"net/netip"
	"testing"

	"github.com/ecmpd/ecmpd/bgp"
)

// What each neighbour hears is the same, whether the path bears the local preference or the target.
func TestLowered(t *testing.T) {
	value := func(v uint32) *uint32 { return &v }
	for _, base := range []bgp.Attributes{{}, {LocalPref: 0, HasLocalPref: true}, {LocalPref: 300, HasLocalPref: true}} {
		for _, prefs := range [][]*uint32{{nil, value(5)}, {value(0), nil, value(5)}, {value(0)}} {
			var to []bgp.Target
			for i, p := range prefs {
				to = append(to, bgp.Target{Neighbor: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32), Adjust: bgp.Adjustment{Prepend: i, LocalPref: p}})
			}
			heard := func(a *bgp.Attributes, t bgp.Target) uint32 {
				if t.Adjust.LocalPref != nil {
					return *t.Adjust.LocalPref
				}
				return a.Preference()
			}
			out, changed := lowered(&base, to)
			for i, c := range changed {
				if c.Adjust.LocalPref != nil && *c.Adjust.LocalPref == 0 {
					t.Errorf("%v of %v: target %d is to be adjusted to 0", prefs, base, i)
				}
				if got, want := heard(out, c), heard(&base, to[i]); got != want || c.Adjust.Prepend != i {
					t.Errorf("%v of %v: target %d hears %d, want %d", prefs, base, i, got, want)
				}
			}
		}
	}
}
