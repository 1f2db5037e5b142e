package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

const grace = 2 * time.Minute

// restart restarts a router gracefully while nothing else happens, for longer than any dead interval if it is
// announced, and demands that no other router changes a route.
func restart(t *testing.T, n *Net, r *Router, announced bool, away time.Duration) {
	t.Helper()
	before := map[*Router]int{}
	for _, o := range n.routers {
		before[o] = o.changes
	}
	in := ospf.Restarting{Left: grace, Reason: packet.RestartUnknown}
	if announced {
		r.Command(ospf.PrepareRestart)
		n.RunUntil(func() bool { return r.engine.Deadline().IsZero() }, 4*time.Second)
		in = ospf.Restarting{Left: grace - away, Reason: packet.RestartSoftware, Announced: true}
	}
	r.Suspend()
	n.Run(away)
	r.Resume(in)
	if !n.RunUntil(func() bool { return !r.engine.Restart(n.now).Active }, grace) {
		t.Fatalf("%s still restarts after %v", r.Name, grace)
	}
	n.Run(10 * time.Second)
	if last := r.engine.Restart(n.now).Last; last != "all adjacencies are back" {
		t.Errorf("the restart of %s (announced %t, %v away) ended: %s\n%q", r.Name, announced, away, last, r.Story())
	}
	for _, o := range n.routers {
		if o != r && o.changes != before[o] {
			t.Errorf("restart of %s (announced %t, %v away): %s changed %d routes\n%q\n%q", r.Name, announced, away, o.Name, o.changes-before[o], o.Story(), r.Story())
		}
	}
}

// enable makes all routers run, restart gracefully and help others.
func enable(n *Net) {
	for _, r := range n.routers {
		r.Start()
		c := r.Config()
		c.GracefulRestart = ospf.GracefulRestart{Enabled: true, Interval: grace, Helper: true, StrictLSA: true}
		r.Configure(c)
	}
}

// gracefulRestarts lets routers of a network at rest restart one by one, announced or after an outage.
func gracefulRestarts(t *testing.T, n *Net, rng *rand.Rand, outages bool) {
	t.Helper()
	for range 2 {
		converge(t, n, 5*time.Minute)
		n.Run(40 * time.Second) // what waits for timers is said
		announced := !outages || rng.IntN(2) == 0
		away := time.Duration(rng.IntN(2000)) * time.Millisecond
		if announced {
			away = time.Duration(rng.IntN(60)) * time.Second
		}
		restart(t, n, n.routers[rng.IntN(len(n.routers))], announced, away)
		if t.Failed() {
			return
		}
	}
	converge(t, n, 5*time.Minute)
}

// Whatever a network is like, nobody notices that a router restarts while nothing else happens.
func TestRandomGracefulRestarts(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			restartsOfSeed(t, seed)
		})
	}
}

func restartsOfSeed(t *testing.T, seed uint64) {
	n := wander(seed)
	for _, s := range n.segments {
		s.options.Loss = 0
	}
	enable(n)
	gracefulRestarts(t, n, rand.New(rand.NewPCG(seed, 3623)), true)
}

// A neighbour that is 2-Way on a hybrid network without DR is not the one that a point-to-point link beside it
// waits for: that adjacency has to come back before the restart is over.
func TestGracefulRestartBesideHybrid(t *testing.T) { restartsOfSeed(t, 902061) }

// The same with areas, their border routers and virtual links, for a quarter of the seeds: it takes long. A virtual link has
// no path by which an outage could be told in time.
func TestRandomGracefulRestartsOfAreas(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+(*seeds+3)/4; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			restartsOfAreasOfSeed(t, seed)
		})
	}
}

func restartsOfAreasOfSeed(t *testing.T, seed uint64) {
	w, _, err := wanderAreas(seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range w.segments {
		s.options.Loss = 0
	}
	enable(w.n)
	gracefulRestarts(t, w.n, w.rng, false)
}

// Prefixes of one address and other masks keep the link state ids that they had before (RFC 2328 appendix E): the
// border router that restarts here told another prefix under the id of a host for five seconds.
func TestGracefulRestartKeepsLinkStateIDs(t *testing.T) { restartsOfAreasOfSeed(t, 902618) }
