package announce

import (
	"net/netip"
	"testing"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/policy"
)

// What is shown of an announcement is what arrives at the neighbour.
func TestHeard(t *testing.T) {
	table := NewTable()
	table.Configure(Config{AS: 64500, Neighbors: []Neighbor{upA, upB, inner}, Rules: []Rule{
		{Prefix: net24, Place: "first", Set: policy.Set{LocalPref: number(80), Add: []bgp.Community{bgp.NoExport}}},
		{Prefix: net24, When: when("isp-b", true), To: []netip.Prefix{upB.Prefix}, Set: policy.Set{Prepend: 2, MED: number(5)}},
		{Prefix: net24, When: when("isp-a", false), To: []netip.Prefix{upA.Prefix}, Withdraw: true, Place: "third"},
	}})
	table.SetWorld(world(true, true))
	heard := func(i int) string {
		t.Helper()
		h := table.Heard(net24)[i]
		if h.Attributes == nil {
			return "not told: " + h.Rule
		}
		return h.Attributes.ASPath.String() + " " + h.Attributes.String()
	}
	for i, want := range []string{
		"64500 [{Origin: i} {Communities: no-export}]",
		"64500 64500 64500 [{Origin: i} {Med: 5} {Communities: no-export}]",
		" [{Origin: i} {LocalPref: 80} {Communities: no-export}]",
	} {
		if got := heard(i); got != want {
			t.Errorf("neighbour %d hears %q, want %q", i, got, want)
		}
	}
	table.SetWorld(world(false, true))
	if got := heard(0); got != "not told: withdrawn by third" {
		t.Errorf("%q", got)
	}
	if got := table.Heard(low); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
