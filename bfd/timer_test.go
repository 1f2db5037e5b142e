package bfd

import (
	"slices"
	"testing"
	"time"
)

// gaps lists the times between the packets that were sent while d passes and the
// neighbour says something often enough.
func (b *bench) gaps(d time.Duration) []time.Duration {
	b.forget()
	var list []time.Duration
	for end := b.now + d; b.now < end; {
		b.run(5 * ms)
		b.hear()
	}
	for i := 1; i < len(b.times); i++ {
		list = append(list, b.times[i]-b.times[i-1])
	}
	return list
}

// between checks that the gaps fill the range of the jitter and never leave it
// (RFC 5880 6.8.7).
func between(t *testing.T, gaps []time.Duration, low, high time.Duration) {
	t.Helper()
	if len(gaps) < 50 {
		t.Fatalf("only %d packets", len(gaps))
	}
	least, most := slices.Min(gaps), slices.Max(gaps)
	span := high - low
	if least < low || most > high || least > low+span/5 || most < high-span/5 {
		t.Errorf("between %v and %v, want %v to %v", least, most, low, high)
	}
}

func TestInterval(t *testing.T) {
	b := newBench(t, ask()) // our 10 ms, their 40 ms: the slower counts
	b.up()
	between(t, b.gaps(10*time.Second), 30*ms, 40*ms)
	b.hear(func(p *Packet) { p.RequiredMinRx = 1000 })
	between(t, b.gaps(3*time.Second), 7500*time.Microsecond, 10*ms)
	if s := b.status(); s.TxInterval != 10*ms || s.RxInterval != 30*ms || s.Detection != 120*ms {
		t.Errorf("%+v", s)
	}
}

func TestIntervalMultiplierOne(t *testing.T) {
	b := newBench(t, ask(func(c *Config) { c.Multiplier = 1 }))
	b.up()
	between(t, b.gaps(10*time.Second), 30*ms, 36*ms)
}

// RFC 5880 6.8.3: not more than a packet a second while not Up.
func TestSlowWhileDown(t *testing.T) {
	b := newBench(t, ask())
	b.run(100 * time.Second)
	for i := 1; i < len(b.times); i++ {
		if gap := b.times[i] - b.times[i-1]; gap < 750*ms || gap > time.Second {
			t.Fatalf("packets %v apart", gap)
		}
	}
	if n := len(b.sent); n < 100 || n > 134 {
		t.Errorf("%d packets in 100 s", n)
	}
}

// Packets that leave early to gather still keep to 75 %.
func TestSlack(t *testing.T) {
	m := New(5)
	discr := map[string]uint32{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		m.Set(0, ask(func(c *Config) { c.Interface = name }))
	}
	m.Take()
	for _, s := range m.Sessions(0, nil) {
		discr[s.Interface] = s.LocalDiscr
		for _, st := range []State{Init, Up} {
			p := Packet{State: st, Multiplier: 200, MyDiscr: 1, YourDiscr: s.LocalDiscr, DesiredMinTx: 1_000_000, RequiredMinRx: 10_000}
			_ = m.Receive(0, 0, From{s.Interface, addrB, 255}, p.Append(nil))
		}
	}
	m.Take()
	last := map[string]time.Duration{}
	wakes, packets := 0, 0
	for at, _ := m.Deadline(); at < 10*time.Second; at, _ = m.Deadline() {
		m.Tick(at, 2*ms)
		sends, _ := m.Take()
		wakes++
		for _, s := range sends {
			packets++
			if gap := at - last[s.Interface]; gap < 7500*time.Microsecond || gap > 10*ms {
				t.Fatalf("packets %v apart", gap)
			}
			last[s.Interface] = at
		}
	}
	if packets < 2*wakes {
		t.Errorf("%d packets in %d turns: they do not gather", packets, wakes)
	}
}

// RFC 5880 6.8.3: a faster rate holds at once, a slower one after the Poll Sequence.
func TestPollSequence(t *testing.T) {
	b := newBench(t, ask())
	b.up()
	b.hear(func(p *Packet) { p.RequiredMinRx = 1000 })
	slower := ask(func(c *Config) { c.MinTx, c.MinRx = 100*ms, 5*ms })
	b.m.Set(b.now, slower)
	b.collect()
	if p := b.last(); !p.Poll || p.DesiredMinTx != 100_000 || p.RequiredMinRx != 5000 {
		t.Fatalf("announces %+v", p)
	}
	if s := b.status(); s.TxInterval != 10*ms || s.RxInterval != 30*ms || s.State != Up {
		t.Errorf("before the answer: %+v", s)
	}
	b.hear(func(p *Packet) { p.DesiredMinTx = 1000 })
	if s := b.status(); s.RxInterval != 20*ms {
		t.Errorf("the old RequiredMinRx counts until the answer: %+v", s)
	}
	// Another change waits until the answer could not be mistaken (third choice).
	b.m.Set(b.now, ask(func(c *Config) { c.MinTx = 300 * ms }))
	b.collect()
	b.hear(func(p *Packet) { p.Final = true })
	if s := b.status(); s.TxInterval != 100*ms || s.RxInterval != 5*ms {
		t.Errorf("after the answer: %+v", s)
	}
	b.run(200 * ms)
	b.want(Down) // 4 * 5 ms of silence
	b.up()
	b.hear(func(p *Packet) { p.Final = true })
	b.hear(func(p *Packet) { p.Final = false })
	b.forget()
	faster := ask(func(c *Config) { c.MinTx, c.MinRx = 15*ms, 50*ms })
	b.m.Set(b.now, faster)
	b.collect()
	if s := b.status(); s.TxInterval != 15*ms || s.RxInterval != 50*ms || !b.last().Poll {
		t.Errorf("faster sending and slower receiving hold at once: %+v", s)
	}
}

func TestHeldChange(t *testing.T) {
	b := newBench(t, ask())
	b.up()
	for _, c := range []struct {
		set   time.Duration
		final bool
		want  uint32 // announced
	}{{100 * ms, false, 100_000}, {200 * ms, false, 100_000}, {300 * ms, true, 100_000}, {300 * ms, false, 300_000}} {
		b.m.Set(b.now, ask(func(a *Config) { a.MinTx = c.set }))
		b.collect()
		b.hear(func(p *Packet) { p.Final = c.final })
		if p := b.last(); p.DesiredMinTx != c.want {
			t.Errorf("%+v: announces %d", c, p.DesiredMinTx)
		}
	}
	if p := b.last(); !p.Poll {
		t.Errorf("no Poll Sequence for the change that was held: %+v", p)
	}
}

// RFC 5880 6.8.7: the answer to a Poll leaves at once, in every state.
func TestFinal(t *testing.T) {
	b := newBench(t, ask())
	b.forget()
	b.hear(func(p *Packet) { p.State, p.Poll = AdminDown, true })
	if len(b.sent) != 1 || !b.last().Final || b.last().Poll {
		t.Errorf("in Down: %+v", b.sent)
	}
	b.peer.Poll = false
	b.up()
	b.hear(func(p *Packet) { p.Poll = true })
	if len(b.sent) != 1 || !b.last().Final {
		t.Errorf("in Up: %+v", b.sent)
	}
}

// RFC 5880 6.6, 6.8.7: a neighbour in Demand mode, or one that wants no packets,
// gets none but answers and Poll Sequences.
func TestDemand(t *testing.T) {
	b := newBench(t, ask())
	b.up()
	b.hear(func(p *Packet) { p.Demand = true })
	if gaps := b.gaps(10 * time.Second); len(gaps) > 0 {
		t.Errorf("%d packets to a neighbour in Demand mode", len(gaps))
	}
	b.want(Up)
	b.hear(func(p *Packet) { p.Poll = true })
	if len(b.sent) == 0 || !b.last().Final {
		t.Error("its Poll is not answered")
	}
	b.peer.Poll = false
	b.m.Set(b.now, ask(func(c *Config) { c.MinTx = 20 * ms }))
	b.collect()
	if n := len(b.gaps(time.Second)); n < 20 {
		t.Errorf("%d packets of our Poll Sequence", n)
	}
	b.hear(func(p *Packet) { p.Final = true })
	if gaps := b.gaps(time.Second); len(gaps) > 0 {
		t.Errorf("%d packets after it", len(gaps))
	}
	// 6.6: every change of the contents is polled, one after the other.
	b.hear(func(p *Packet) { p.Final = false })
	b.m.Set(b.now, ask(func(c *Config) { c.MinTx, c.Multiplier = 20*ms, 9 }))
	b.collect()
	if p := b.last(); !p.Poll || p.Multiplier != 9 {
		t.Errorf("another multiplier: %+v", p)
	}
	b.hear(func(p *Packet) { p.Final = true })
	b.m.Set(b.now, ask())
	b.collect()
	if p := b.last(); !p.Poll || p.DesiredMinTx != 10_000 {
		t.Errorf("and another interval: %+v", p)
	}
	b.hear()
	b.hear(func(p *Packet) { p.Demand, p.Final = false, false })
	between(t, b.gaps(10*time.Second), 30*ms, 40*ms)
	b.hear(func(p *Packet) { p.RequiredMinRx = 0 })
	if gaps := b.gaps(10 * time.Second); len(gaps) > 0 {
		t.Errorf("%d packets to a neighbour that wants none", len(gaps))
	}
}

// RFC 5880 6.8.18: what a neighbour asked for is forgotten with it.
func TestForgetNeighbour(t *testing.T) {
	b := newBench(t, ask())
	b.hear(func(p *Packet) { p.RequiredMinRx = 0 })
	b.forget()
	b.run(20 * time.Second)
	if len(b.sent) < 15 || b.last().YourDiscr != 0 {
		t.Errorf("%d packets, the last %+v", len(b.sent), b.sent)
	}
}
