package speaker

import (
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"

	"golang.org/x/sys/unix"
)

// A loop that was held up for longer than a timer finds Hellos in the kernel:
// they count as received before the timer fires.
func TestHellosBeforeTimers(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 1)
	const dead = 200 * time.Millisecond
	var alive time.Time // owned by the loop, like what follows
	var last time.Time
	heard := 0
	expired := false
	engine := &script{}
	engine.step = func(now time.Time, in ospf.Input) (out ospf.Output) {
		if now.Before(last) {
			t.Errorf("the clock went back by %v", last.Sub(now))
		}
		last = now
		if !alive.IsZero() && !now.Before(alive) {
			expired = true
		}
		switch in.(type) {
		case ospf.Links:
			out.Groups = []ospf.Membership{{Interface: "v0", Group: allSPF, Join: true}}
			alive = now.Add(dead)
		case ospf.Datagram:
			heard++
			alive = now.Add(dead)
		}
		return out
	}
	engine.deadline = func() time.Time { return alive }
	s := &station{changed: make(chan struct{}, 1)}
	s.start(t, n.a, engine, Options{})
	s.Post(links(t, n.a))
	b := newStation(t, n.b)
	hello := transmit(ospf.Transmit{Interface: "v0", Src: addrOf(0, 1), Dst: allSPF, Data: ospfBytes(1, 1)})
	err := s.Do(func(time.Time) { // holds the loop up
		for start := time.Now(); time.Since(start) < 2*dead; {
			b.Post(hello)
			b.settled(t)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var heardThen int
	var expiredThen bool
	err = s.Do(func(time.Time) { heardThen, expiredThen = heard, expired })
	if err != nil {
		t.Fatal(err)
	}
	if heardThen == 0 {
		t.Error("the waiting Hellos were not read in the turn after")
	}
	if expiredThen {
		t.Error("the dead timer fired although Hellos had arrived in time")
	}
}

// TestFullBatchIsNoMore reads exactly one batch from the second socket: the
// turn after that finds nothing and lets the loop sleep.
func TestFullBatchIsNoMore(t *testing.T) {
	pair := func() (near, far int) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
		return fds[0], fds[1]
	}
	hello, _ := pair()
	other, far := pair()
	s := &Speaker{engine: &chorus{}, hello: newReceiver(hello), other: newReceiver(other), inbox: &inbox{}}
	// A datagram socket of this family holds but a few: the batch is
	// pretended to have been full.
	if _, err := unix.Write(far, []byte("not an IP datagram")); err != nil {
		t.Fatal(err)
	}
	s.turn(ready{other: true})
	if s.counters.Malformed != 1 {
		t.Fatalf("%d datagrams received", s.counters.Malformed)
	}
	s.other.n, s.other.next = receiveBatch, receiveBatch
	s.turn(ready{})
	if s.turn(ready{}) {
		t.Error("the loop is told for ever that there is more")
	}
}
