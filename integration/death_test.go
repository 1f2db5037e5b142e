package integration

import (
	"strings"
	"testing"
	"time"
)

// TestHubDies kills hub-a under traffic. With carrier loss nothing is lost but
// what was in flight while its two links went; silently, what was sent until
// the dead interval was over. All new connections then succeed over hub-b.
func TestHubDies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		die  func(n *twoHubs)
		dead string // interval, which is beyond the limit where it need not be waited for
	}{
		"carrier loss": {(*twoHubs).cutHubA, "60s"},
		"silent":       {(*twoHubs).muteHubA, "4s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const limit = 30 * time.Second // of the longest silence beyond the time that dying took
			n := startTwoHubs(t, "twohubs-ecmpd", func(_, config string) string {
				return strings.ReplaceAll(config, "dead-interval: 4s", "dead-interval: "+c.dead)
			})
			n.converge()
			tr := n.startTraffic()
			before := n.hubCounters()
			start := time.Now()
			c.die(n)
			took := time.Since(start)
			tr.settle()
			r := tr.stop()
			t.Logf("%d of %d probes lost, longest gap %s, dying took %s", r.Lost, r.Sent, r.LongestGap, took)
			if r.LongestGap > took+limit {
				t.Errorf("a flow was silent for %s, want at most %s", r.LongestGap, took+limit)
			}
			if now := n.hubCounters(); now[1].Sub(before[1]).RxPackets == 0 {
				t.Error("hub-b carried nothing")
			}
			n.allSucceed(200)
		})
	}
}

// cutHubA takes the carrier of all of hub-a's tunnels away.
func (n *twoHubs) cutHubA() {
	n.t.Helper()
	n.carry(false)
	n.ecmpd("hub-a").Kill()
}

// muteHubA stops forwarding and daemon of hub-a; its links stay up.
func (n *twoHubs) muteHubA() {
	n.t.Helper()
	if err := n.Node("hub-a").Sysctl("net.ipv4.ip_forward", "0"); err != nil {
		n.t.Fatal(err)
	}
	n.ecmpd("hub-a").Kill()
}
