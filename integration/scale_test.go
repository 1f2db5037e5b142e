package integration

import (
	"testing"
	"time"
)

// TestManyTunnels gives a hub 200 tunnels on a machine with the kernel's
// default limits, and looks at what it costs to hold them.
func TestManyTunnels(t *testing.T) {
	const count = 200
	n := newNetwork(t)
	took, full := n.hubFull("ecmpd", count, testTime/2)
	if full != count {
		t.Fatalf("%d of %d neighbours are Full after %s", full, count, took)
	}
	n.full(count, "far")
	n.settle("hub")
	cpu, used := n.idle("hub", 15*time.Second), n.usage("hub")
	t.Logf("%d tunnels: all Full after %s, idle %.2f %% of a processor, %.1f MB", count, took.Round(time.Millisecond), 100*cpu, float64(used.Resident)/1e6)
	if cpu > 0.1 {
		t.Errorf("idle hub uses %.1f %% of a processor", 100*cpu)
	}
	if used.Resident > 100e6 {
		t.Errorf("hub uses %.1f MB", float64(used.Resident)/1e6)
	}
}

// TestManyExternals brings 10,000 prefixes from two ASBRs into the kernel and
// takes them away again.
func TestManyExternals(t *testing.T) {
	const count = 10_000
	n := newNetwork(t)
	n.externalsLab("ecmpd", count)
	w := n.watch("router", "172.0.0.0/8")
	for _, on := range []bool{true, false, true} {
		lag := n.announce(w, on, count)
		t.Logf("%d prefixes of two ASBRs, announced %v: %s from the last LSA to the last kernel route", count, on, lag.Round(time.Millisecond))
		if lag > 30*time.Second { // which is a second on a machine that has nothing else to do
			t.Errorf("it took %s", lag)
		}
	}
	t.Logf("%.1f MB", float64(n.usage("router").Resident)/1e6)
}
