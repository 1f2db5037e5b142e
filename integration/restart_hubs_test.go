package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab/peer"
)

// TestHubsRestart restarts the daemons of both hubs one after the other under
// traffic between branches of other makes, after a crash and in order. The
// branches move over and back, and nothing is lost.
func TestHubsRestart(t *testing.T) {
	t.Parallel()
	for _, branches := range []string{"frr", "bird"} {
		for name, end := range map[string]func(*twoHubs, peer.Router){"crash": (*twoHubs).crash, "stop": (*twoHubs).stop} {
			t.Run(branches+" "+name, func(t *testing.T) {
				t.Parallel()
				n := startTwoHubs(t, "twohubs-hubs-ecmpd-branches-"+branches, nil)
				n.converge()
				tr := n.startTraffic()
				for _, hub := range []string{"hub-a", "hub-b"} {
					end(n, n.Routers[hub])
					if err := n.Routers[hub].Start(n.ctx); err != nil {
						t.Fatal(err)
					}
					n.converge()
				}
				tr.nothingLost(name + " and restart of both hubs' daemons")
			})
		}
	}
}

// TestLoneHubRestarts restarts the daemon of the only hub there is after a crash.
// Its branches lose their adjacencies and with them their routes, for as long as
// it takes to become Full again.
func TestLoneHubRestarts(t *testing.T) {
	t.Parallel()
	const limit = 30 * time.Second // of the silence
	for _, seats := range []string{"twohubs-ecmpd", "twohubs-hubs-ecmpd-branches-frr", "twohubs-hubs-ecmpd-branches-bird"} {
		t.Run(seats, func(t *testing.T) {
			t.Parallel()
			n := startTwoHubs(t, seats, nil)
			n.converge()
			n.stop(n.Routers["hub-b"])
			n.wait("branch-1 and branch-2 know only hub-a", func() (bool, string) {
				one, err1 := n.Node("branch-1").NextHops(lan2)
				two, err2 := n.Node("branch-2").NextHops(lan1)
				return len(one) == 1 && len(two) == 1, fmt.Sprint(one, err1, two, err2)
			})
			tr := n.startTraffic()
			n.crash(n.Routers["hub-a"])
			if err := n.Routers["hub-a"].Start(n.ctx); err != nil {
				t.Fatal(err)
			}
			if err := peer.Wait(n.ctx, n.Routers["hub-a"], 2, nil); err != nil {
				t.Fatal(err)
			}
			r := tr.stop()
			t.Logf("%d of %d probes lost, longest gap %s", r.Lost, r.Sent, r.LongestGap)
			if r.LongestGap > limit {
				t.Errorf("a flow was silent for %s, want at most %s", r.LongestGap, limit)
			}
		})
	}
}

func (n *twoHubs) crash(r peer.Router) { r.Kill() }

func (n *twoHubs) stop(r peer.Router) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.ctx, patient)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		n.t.Fatal(err)
	}
}
