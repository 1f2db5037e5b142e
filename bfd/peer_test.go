package bfd

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

const ms = time.Millisecond

var (
	addrA = netip.MustParseAddr("10.0.0.1")
	addrB = netip.MustParseAddr("10.0.0.2")
)

func ask(mod ...func(*Config)) Config {
	c := Config{Key: Key{"eth0", addrB}, Local: addrA, MinTx: 10 * ms, MinRx: 20 * ms, Multiplier: 3}
	for _, f := range mod {
		f(&c)
	}
	return c
}

// bench is one machine with one session, whose neighbour is played by the test.
type bench struct {
	t      *testing.T
	m      *Machine
	key    Key
	now    time.Duration
	peer   Packet // what the neighbour says next
	sent   []Packet
	times  []time.Duration // of sent
	raw    [][]byte
	events []Event
}

func newBench(t *testing.T, c Config) *bench {
	b := &bench{t: t, m: New(1), key: c.Key, now: time.Hour}
	b.m.Set(b.now, c)
	b.collect()
	b.peer = Packet{State: Down, Multiplier: 4, MyDiscr: 77, YourDiscr: b.sent[0].MyDiscr, DesiredMinTx: 30_000, RequiredMinRx: 40_000}
	return b
}

func (b *bench) collect() {
	sends, events := b.m.Take()
	for _, s := range sends {
		p, err := Decode(s.Payload())
		if err != nil {
			b.t.Fatalf("sent %x: %v", s.Payload(), err)
		}
		p.Auth = append([]byte(nil), p.Auth...)
		b.sent, b.times = append(b.sent, p), append(b.times, b.now)
		b.raw = append(b.raw, append([]byte(nil), s.Payload()...))
	}
	b.events = append(b.events, events...)
}

// hear hands the neighbour's packet over and tells what became of it.
func (b *bench) hear(mod ...func(*Packet)) error {
	for _, f := range mod {
		f(&b.peer)
	}
	return b.hearBytes(b.peer.Append(nil))
}

func (b *bench) hearBytes(data []byte) error {
	b.m.Tick(b.now, 0)
	err := b.m.Receive(b.now, b.now, From{b.key.Interface, b.key.Peer, 255}, data)
	b.collect()
	return err
}

// run lets time pass, in the machine's own steps.
func (b *bench) run(d time.Duration) {
	end := b.now + d
	for {
		at, ok := b.m.Deadline()
		if !ok || at > end {
			break
		}
		b.now = max(b.now, at)
		b.m.Tick(b.now, 0)
		b.collect()
	}
	b.now = end
	b.m.Tick(b.now, 0)
	b.collect()
}

func (b *bench) forget() { b.sent, b.times, b.raw, b.events = nil, nil, nil, nil }

func (b *bench) status() Status {
	b.t.Helper()
	for _, s := range b.m.Sessions(b.now, nil) {
		if s.Key == b.key {
			return s
		}
	}
	b.t.Fatal("there is no session")
	return Status{}
}

func (b *bench) want(s State) {
	b.t.Helper()
	if got := b.status(); got.State != s {
		b.t.Fatalf("state %s (%s), want %s", got.State, got.Why, s)
	}
}

func (b *bench) last() Packet { return b.sent[len(b.sent)-1] }

// up brings the session up and ends its Poll Sequence.
func (b *bench) up() {
	b.t.Helper()
	if b.status().State != Up {
		b.peer.YourDiscr = b.status().LocalDiscr
		b.hear(state(Down))
	}
	for _, f := range []func(*Packet){
		state(Up), func(p *Packet) { p.Final = true }, func(p *Packet) { p.Final = false },
	} {
		if err := b.hear(f); err != nil {
			b.t.Fatal(err)
		}
	}
	b.want(Up)
	b.forget()
}

func state(s State) func(*Packet) { return func(p *Packet) { p.State = s } }

func (e Event) text() string {
	return fmt.Sprintf("%s>%s %s failed=%v %q", e.From, e.To, e.Diag, e.Failed, e.Reason)
}
