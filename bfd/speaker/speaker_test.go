package speaker

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/lab"
	"golang.org/x/sys/unix"
)

const tag = "ec-bfdspk"

func TestMain(m *testing.M) {
	_, _ = lab.SweepStale(tag)
	os.Exit(m.Run())
}

var (
	addrA = netip.MustParseAddr("10.0.0.1")
	addrB = netip.MustParseAddr("10.0.0.2")
	sideA = bfd.Config{Key: bfd.Key{Interface: "v0", Peer: addrB}, Local: addrA, MinTx: 100 * time.Millisecond, MinRx: 100 * time.Millisecond, Multiplier: 5}
	sideB = bfd.Config{Key: bfd.Key{Interface: "v0", Peer: addrA}, Local: addrB, MinTx: 100 * time.Millisecond, MinRx: 100 * time.Millisecond, Multiplier: 5}
)

// link is two nodes with the link v0 between them, whose addresses are in no common
// network when it is unnumbered.
func link(t *testing.T, bits int) (a, b *lab.Node) {
	t.Helper()
	l, err := lab.New(lab.Options{Tag: tag})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	var ends [2]lab.End
	for i, addr := range []netip.Addr{addrA, addrB} {
		n, err := l.AddNode(string(rune('a' + i)))
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = lab.End{Node: n, Interface: "v0", Addresses: []netip.Prefix{netip.PrefixFrom(addr, bits)}}
	}
	if err := l.Connect(ends[0], ends[1], 0); err != nil {
		t.Fatal(err)
	}
	return ends[0].Node, ends[1].Node
}

// station is a running speaker and what it has said.
type station struct {
	*Speaker
	t    *testing.T
	stop func()

	mu     sync.Mutex
	events []bfd.Event
	errors []string
}

func newStation(t *testing.T, n *lab.Node) *station {
	t.Helper()
	st := &station{t: t}
	index := 0
	err := n.Do(func() (err error) {
		st.Speaker, err = New(uint64(len(n.Name())), Options{
			OnEvent: func(e bfd.Event) { st.mu.Lock(); st.events = append(st.events, e); st.mu.Unlock() },
			OnError: func(err error) { st.mu.Lock(); st.errors = append(st.errors, err.Error()); st.mu.Unlock() },
		})
		if err != nil {
			return err
		}
		req, err := unix.NewIfreq("v0")
		if err != nil {
			return err
		}
		if err := unix.IoctlIfreq(st.recv.fd, unix.SIOCGIFINDEX, req); err != nil {
			return err
		}
		index = int(req.Uint32())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	st.Links(map[string]int{"v0": index})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := st.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	st.stop = func() { cancel(); <-done }
	t.Cleanup(st.stop)
	return st
}

func (st *station) await(what string, ok func(bfd.Status) bool) {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := lab.Wait(ctx, what, func() (bool, string) {
		var list []bfd.Status
		if err := st.Do(func(now time.Duration, m *bfd.Machine) { list = m.Sessions(now, nil) }); err != nil {
			return false, err.Error()
		}
		st.mu.Lock()
		defer st.mu.Unlock()
		return len(list) == 1 && ok(list[0]), fmt.Sprintf("%+v, errors %q", list, st.errors)
	})
	if err != nil {
		st.t.Fatal(err)
	}
}

// last awaits the event that the session is down: what it tells comes a little
// after the state itself.
func (st *station) last() (last bfd.Event) {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := lab.Wait(ctx, "an event", func() (bool, string) {
		st.mu.Lock()
		defer st.mu.Unlock()
		last = st.events[len(st.events)-1]
		return last.To == bfd.Down, fmt.Sprintf("%+v", st.events)
	})
	if err != nil {
		st.t.Fatal(err)
	}
	return last
}

func isUp(s bfd.Status) bool { return s.State == bfd.Up && s.Detection == 500*time.Millisecond }

// Two speakers over a real link, numbered and not: up, and a clean end at one side is
// no failure at the other.
func TestUpAndGoodBye(t *testing.T) {
	for _, bits := range []int{30, 32} {
		t.Run(fmt.Sprint("/", bits), func(t *testing.T) {
			t.Parallel()
			na, nb := link(t, bits)
			for _, n := range []*lab.Node{na, nb} { // no route leads to the far end of an unnumbered link
				for _, name := range []string{"all", "v0"} {
					if err := n.Sysctl("net.ipv4.conf."+name+".rp_filter", "0"); err != nil {
						t.Fatal(err)
					}
				}
			}
			a, b := newStation(t, na), newStation(t, nb)
			a.Set(sideA)
			b.Set(sideB)
			a.await("up", isUp)
			b.await("up", isUp)
			b.stop()
			a.await("down", func(s bfd.Status) bool { return s.State == bfd.Down })
			if last := a.last(); last.Failed || last.Reason != "neighbor is administratively down" {
				t.Errorf("%+v", last)
			}
			if err := b.Do(func(time.Duration, *bfd.Machine) {}); err != ErrStopped {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

// A link that drops everything is found out in the detection time.
func TestSilence(t *testing.T) {
	t.Parallel()
	na, nb := link(t, 30)
	a, b := newStation(t, na), newStation(t, nb)
	a.Set(sideA)
	b.Set(sideB)
	a.await("up", isUp)
	if err := na.Firewall(t.Context(), "table inet t { chain c { type filter hook input priority 0; udp dport 3784 drop; }; }"); err != nil {
		t.Fatal(err)
	}
	a.await("down", func(s bfd.Status) bool { return s.Failures == 1 })
	b.await("told", func(s bfd.Status) bool { return s.Failures == 1 })
	if e := b.last(); e.Diag != bfd.NeighborDown {
		t.Errorf("the other end: %+v", e)
	}
	if _, err := na.Run(t.Context(), "nft", "flush ruleset"); err != nil {
		t.Fatal(err)
	}
	a.await("up again", isUp)
}

// What a loop that was held up finds in the kernel counts from its arrival: nobody is
// declared down who has not been silent.
func TestHeldUp(t *testing.T) {
	t.Parallel()
	na, nb := link(t, 30)
	a, b := newStation(t, na), newStation(t, nb)
	a.Set(sideA)
	slow := sideB // does not mind our silence
	slow.MinRx = 5 * time.Second
	b.Set(slow)
	a.await("up", func(s bfd.Status) bool { return s.State == bfd.Up && s.Detection == 500*time.Millisecond })
	err := a.Do(func(time.Duration, *bfd.Machine) {
		for start := time.Now(); time.Since(start) < 1500*time.Millisecond; { // holds the loop up
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	a.await("still up", func(s bfd.Status) bool { return s.State == bfd.Up && s.Failures == 0 })
}

// The port is taken: the reason is told.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	na, _ := link(t, 30)
	first, second := newStation(t, na), newStation(t, na)
	first.Set(sideA)
	first.await("bound", func(bfd.Status) bool { return true })
	second.Set(sideA)
	second.await("error", func(bfd.Status) bool {
		return len(second.errors) == 1 && strings.HasPrefix(second.errors[0], "UDP port 3784 is in use: ")
	})
}

func TestDatagram(t *testing.T) {
	m := bfd.New(1)
	m.Set(0, sideA)
	sends, _ := m.Take()
	b := appendDatagram(nil, &sends[0])
	if len(b) != headers+24 || b[8] != 255 || b[9] != 17 || binary.BigEndian.Uint16(b[22:]) != 3784 || binary.BigEndian.Uint16(b[24:]) != 32 {
		t.Errorf("%x", b)
	}
	// RFC 768: with the checksum in its place the sum is all ones.
	sum := uint32(17 + 32)
	for i := 12; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	if sum != 0xffff {
		t.Errorf("UDP checksum: sum %x", sum)
	}
}

// The loop's own work allocates nothing.
func TestLoopDoesNotAllocate(t *testing.T) {
	na, nb := link(t, 30)
	a, b := newStation(t, na), newStation(t, nb)
	fastA, fastB := sideA, sideB
	for _, c := range []*bfd.Config{&fastA, &fastB} {
		c.MinTx, c.MinRx = time.Millisecond, time.Millisecond
		c.Multiplier = 200
	}
	a.Set(fastA)
	b.Set(fastB)
	a.await("up", func(s bfd.Status) bool { return s.State == bfd.Up && s.Received > 500 })
	allocations := -1.0
	err := a.Do(func(time.Duration, *bfd.Machine) {
		allocations = testing.AllocsPerRun(200, func() {
			a.sleeper.wait(time.Millisecond, true)
			a.sleeper.fds[0].Revents = 0
			a.turn()
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if allocations > 0.9 { // the other speaker's Do and the test's own goroutines count as well
		t.Errorf("%v allocations a turn", allocations)
	}
}
