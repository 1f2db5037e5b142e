package bfd

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// wire joins two machines by a link that delays, loses and repeats packets.
type wire struct {
	rng      *rand.Rand
	now      time.Duration
	ends     [2]*Machine
	loss     float64
	delay    time.Duration // at most
	cut      [2]bool       // nothing leaves this end
	flying   []flight
	lastAt   [2]time.Duration // arrival of the latest packet from each end
	changes  [2][]Event
	changeAt [2]time.Duration // of the last one
}

type flight struct {
	to   int
	at   time.Duration
	from From
	data []byte
}

func newWire(seed uint64, mod ...func(end int, c *Config)) *wire {
	w := &wire{rng: rand.New(rand.NewPCG(seed, 1)), delay: 2 * ms, now: time.Second}
	addrs := [2]Config{{Key: Key{"e", addrB}, Local: addrA}, {Key: Key{"e", addrA}, Local: addrB}}
	for i := range w.ends {
		c := addrs[i]
		c.MinTx, c.MinRx, c.Multiplier = 10*ms, 10*ms, 3
		for _, f := range mod {
			f(i, &c)
		}
		w.ends[i] = New(seed + uint64(i))
		w.ends[i].Set(w.now, c)
	}
	return w
}

func (w *wire) run(d time.Duration) {
	for end := w.now + d; w.now < end; w.now += ms / 4 {
		for i := 0; i < len(w.flying); i++ {
			if f := w.flying[i]; f.at <= w.now {
				_ = w.ends[f.to].Receive(w.now, f.at, f.from, f.data)
				w.flying = append(w.flying[:i], w.flying[i+1:]...)
				i--
			}
		}
		for i, m := range w.ends {
			m.Tick(w.now, ms/4)
			sends, events := m.Take()
			for _, s := range sends {
				if w.cut[i] || w.rng.Float64() < w.loss {
					continue
				}
				// In order: no protocol field tells an old packet from a new one.
				at := max(w.now+time.Duration(w.rng.Int64N(int64(w.delay))), w.lastAt[i])
				w.lastAt[i] = at
				w.flying = append(w.flying, flight{1 - i, at, From{s.Interface, s.Src, 255}, append([]byte(nil), s.Payload()...)})
			}
			if len(events) > 0 {
				w.changes[i], w.changeAt[i] = append(w.changes[i], events...), w.now
			}
		}
	}
}

func (w *wire) states() string {
	return fmt.Sprint(w.ends[0].Sessions(w.now, nil)[0].State, w.ends[1].Sessions(w.now, nil)[0].State)
}

// Two machines over wires of all kinds come up, keep up, see a cut of either
// direction in time, and come up again.
func TestTwoMachines(t *testing.T) {
	for seed := range uint64(40) {
		w := newWire(seed, func(end int, c *Config) {
			if seed%4 > 0 {
				c.Auth = Auth{MeticulousKeyedSHA1, []AuthKey{{1, "x"}}}
			}
			c.Multiplier = 3 + uint8(end)
		})
		w.delay = max(1, time.Duration(seed%5)*2*ms)
		w.run(5 * time.Second)
		if got := w.states(); got != "Up Up" {
			t.Fatalf("seed %d: %s", seed, got)
		}
		w.changes = [2][]Event{}
		w.run(20 * time.Second)
		if n := len(w.changes[0]) + len(w.changes[1]); n > 0 {
			t.Fatalf("seed %d: %d changes on a sound wire: %v", seed, n, w.changes)
		}
		deaf := int(seed % 2)
		w.cut[1-deaf] = true
		cutAt, detection := w.now, w.ends[deaf].Sessions(w.now, nil)[0].Detection
		w.run(time.Second)
		if took := w.changeAt[deaf] - cutAt; len(w.changes[deaf]) != 1 || !w.changes[deaf][0].Failed || took > detection+w.delay+ms {
			t.Fatalf("seed %d: the deaf end after %v: %v", seed, took, w.changes[deaf])
		}
		// The other end is told.
		if c := w.changes[1-deaf]; len(c) == 0 || c[0].Diag != NeighborDown || !c[0].Failed {
			t.Fatalf("seed %d: the other end: %v", seed, c)
		}
		w.cut[1-deaf] = false
		w.run(5 * time.Second)
		if got := w.states(); got != "Up Up" {
			t.Fatalf("seed %d, afterwards: %s", seed, got)
		}
	}
}

// With a loss of one in a hundred, three in a row are one in a million: no flap.
// With a loss of half, sessions come and go, and come back for good afterwards.
func TestLoss(t *testing.T) {
	w := newWire(9)
	w.run(5 * time.Second)
	w.changes = [2][]Event{}
	w.loss = 0.01
	w.run(30 * time.Second)
	if n := len(w.changes[0]) + len(w.changes[1]); n > 0 {
		t.Errorf("%d changes with a loss of 1 %%: %v", n, w.changes)
	}
	w.loss = 0.5
	w.run(60 * time.Second)
	if len(w.changes[0]) == 0 {
		t.Error("a loss of half goes unnoticed")
	}
	w.loss = 0
	w.run(10 * time.Second)
	if got := w.states(); got != "Up Up" {
		t.Errorf("afterwards: %s", got)
	}
}

// Timers that change all the time, on a wire that loses packets, never take the
// session down.
func TestRenegotiation(t *testing.T) {
	w := newWire(11)
	w.run(5 * time.Second)
	w.changes = [2][]Event{}
	choices := []time.Duration{5 * ms, 10 * ms, 50 * ms, 300 * ms, time.Second}
	for range 300 {
		end := w.rng.IntN(2)
		c := [2]Config{{Key: Key{"e", addrB}, Local: addrA}, {Key: Key{"e", addrA}, Local: addrB}}[end]
		c.MinTx, c.MinRx, c.Multiplier = choices[w.rng.IntN(5)], choices[w.rng.IntN(5)], uint8(3+w.rng.IntN(3))
		w.ends[end].Set(w.now, c)
		w.run(time.Duration(w.rng.Int64N(int64(700 * ms))))
	}
	if n := len(w.changes[0]) + len(w.changes[1]); n > 0 {
		t.Errorf("%d changes: %v", n, w.changes)
	}
}

// The same inputs give the same outputs.
func TestDeterministic(t *testing.T) {
	trace := func() string {
		w := newWire(5)
		w.loss = 0.2
		w.run(30 * time.Second)
		return fmt.Sprint(w.ends[0].Sessions(w.now, nil), w.ends[1].Sessions(w.now, nil), w.changes)
	}
	if first, second := trace(), trace(); first != second {
		t.Error("two runs differ")
	}
}

// FuzzMachine feeds one machine with what a neighbour could send, and time.
func FuzzMachine(f *testing.F) {
	for _, g := range golden {
		f.Add(unhex(f, g.words), uint64(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, steps uint64) {
		m := New(1)
		m.Set(0, ask(func(c *Config) { c.PointToPoint = true }))
		m.Set(0, ask(func(c *Config) { c.Interface, c.Auth = "eth1", Auth{KeyedSHA1, []AuthKey{{1, "k"}}} }))
		discr := m.Sessions(0, nil)[0].LocalDiscr
		now := time.Duration(0)
		for len(data) >= 24 {
			n := min(len(data), 24+int(steps%30))
			b := append([]byte(nil), data[:n]...)
			if steps&1 == 0 { // let it pass the discriminator
				b[8], b[9], b[10], b[11] = byte(discr>>24), byte(discr>>16), byte(discr>>8), byte(discr)
			}
			_ = m.Receive(now, now-time.Duration(steps%7)*ms, From{[]string{"eth0", "eth1"}[steps>>1&1], addrB, 255}, b)
			now += time.Duration(steps%1000) * ms
			m.Tick(now, time.Duration(steps%3)*ms)
			sends, _ := m.Take()
			if len(sends) > 16 {
				t.Errorf("%d packets in one step", len(sends))
			}
			if at, ok := m.Deadline(); ok && at < now-time.Hour {
				t.Errorf("the deadline %v is long over at %v", at, now)
			}
			data, steps = data[n:], steps*6364136223846793005+1442695040888963407
		}
		if len(m.Sessions(now, nil)) != 2 {
			t.Error("a packet made a session")
		}
	})
}
