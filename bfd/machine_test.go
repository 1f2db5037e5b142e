package bfd

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The way up and what each step says (RFC 5880 6.2, 6.8.6), then every way down.
func TestUpAndDown(t *testing.T) {
	b := newBench(t, ask())
	first := b.last()
	if first.State != Down || first.YourDiscr != 0 || first.DesiredMinTx != 1_000_000 || first.RequiredMinRx != 20_000 || first.Poll {
		t.Errorf("first packet %+v", first)
	}
	b.hear(state(Down))
	if p := b.last(); p.State != Init || p.YourDiscr != 77 {
		t.Errorf("after Down: %+v", p)
	}
	b.hear(state(Init))
	if p := b.last(); p.State != Up || p.DesiredMinTx != 10_000 || !p.Poll {
		t.Errorf("Up, with the fast interval and a Poll Sequence (6.8.3): %+v", p)
	}
	for _, c := range []struct {
		name string
		down func()
		want string
		diag Diag
	}{
		{"neighbour down", func() { b.hear(state(Down), func(p *Packet) { p.Diag = PathDown }) },
			`Up>Down neighbor signaled session down failed=true "neighbor signaled session down: path down"`, NeighborDown},
		{"neighbour administratively down", func() { b.hear(state(AdminDown)) },
			`Up>Down neighbor signaled session down failed=false "neighbor is administratively down"`, NeighborDown},
		{"silence", func() { b.run(b.status().Detection) },
			`Up>Down control detection time expired failed=true "control detection time expired (120ms)"`, DetectionExpired},
	} {
		b.up()
		c.down()
		if len(b.events) != 1 || b.events[0].text() != c.want {
			t.Errorf("%s: events %v", c.name, b.events)
		}
		if p := b.last(); p.State != Down || p.Diag != c.diag || p.DesiredMinTx != 1_000_000 {
			t.Errorf("%s: then sends %+v", c.name, p)
		}
	}
	if s := b.status(); s.Ups != 3 || s.Failures != 2 || s.RemoteDiscr != 0 {
		t.Errorf("%+v", s)
	}
}

// Each discard of RFC 5880 6.8.6 that needs a session, and those of RFC 5881.
func TestDiscards(t *testing.T) {
	eth1 := From{"eth1", addrB, 255}
	sound := From{"eth0", addrB, 255}
	for _, c := range []struct {
		from From
		mod  func(*Packet)
		want Discard
	}{
		{From{"eth0", addrB, 254}, func(p *Packet) { p.Multiplier = 0 }, BadTTL},
		{sound, func(p *Packet) { p.YourDiscr++ }, UnknownSession},
		{eth1, func(*Packet) {}, WrongInterface},
		{sound, func(p *Packet) { p.YourDiscr, p.State = 0, Init }, UnexpectedState},
		{sound, func(p *Packet) { p.YourDiscr, p.State = 0, Up }, UnexpectedState},
		{eth1, func(p *Packet) { p.YourDiscr = 0 }, UnknownSession},
		{From{"eth0", addrA, 255}, func(p *Packet) { p.YourDiscr = 0 }, UnknownSession},
		{sound, func(p *Packet) { p.Auth = []byte{1, 4, 1, 'x'} }, UnexpectedAuth},
	} {
		b := newBench(t, ask())
		c.mod(&b.peer)
		if err := b.m.Receive(b.now, b.now, c.from, b.peer.Append(nil)); err != c.want {
			t.Errorf("%v, want %v", err, c.want)
		}
		if got := b.m.Discards()[c.want.String()]; got != 1 {
			t.Errorf("%v counted %d times", c.want, got)
		}
		b.want(Down)
	}
	b := newBench(t, ask())
	for _, accepted := range []func(*Packet){state(Down), func(p *Packet) { p.YourDiscr, p.State = 0, AdminDown }} {
		if err := b.hear(accepted); err != nil {
			t.Error(err)
		}
	}
}

// RFC 5881 6: on a point-to-point link the first packet is accepted from any
// address, and the answers go to the configured one.
func TestPointToPointAddress(t *testing.T) {
	b := newBench(t, ask(func(c *Config) { c.PointToPoint = true }))
	b.peer.YourDiscr = 0
	other := netip.MustParseAddr("192.0.2.9")
	if err := b.m.Receive(b.now, b.now, From{"eth0", other, 255}, b.peer.Append(nil)); err != nil {
		t.Fatal(err)
	}
	sends, _ := b.m.Take()
	if len(sends) != 1 || sends[0].Dst != addrB {
		t.Errorf("answers %+v", sends)
	}
	b.want(Init)
}

// RFC 5881 4, RFC 5880 6.8.1: source ports and discriminators are unique.
func TestUniquePortsAndDiscriminators(t *testing.T) {
	m := New(3)
	ports, discrs := map[uint16]int{}, map[uint32]bool{}
	const count = portCount + 100
	for i := range count {
		m.Set(0, ask(func(c *Config) { c.Interface = fmt.Sprint("eth", i) }))
	}
	for _, s := range m.Sessions(0, nil) {
		ports[s.SrcPort]++
		discrs[s.LocalDiscr] = true
		if s.SrcPort < firstPort || s.LocalDiscr == 0 {
			t.Fatalf("%+v", s)
		}
	}
	if len(ports) != portCount || len(discrs) != count {
		t.Errorf("%d ports and %d discriminators for %d sessions", len(ports), len(discrs), count)
	}
	for p, n := range ports {
		if n > 2 {
			t.Errorf("port %d is used %d times", p, n)
		}
	}
}

// A released session tells its neighbour so, and ends; one that comes back in time
// goes on with its discriminator.
func TestRelease(t *testing.T) {
	b := newBench(t, ask())
	b.up()
	b.m.Release(b.now, b.key)
	b.collect()
	if p := b.last(); p.State != AdminDown || p.Diag != Administrative || len(b.events) != 1 || b.events[0].Failed {
		t.Errorf("sends %+v, events %v", p, b.events)
	}
	if err := b.hear(state(Up)); err != SessionAdminDown {
		t.Errorf("a packet to a released session: %v", err)
	}
	b.m.Set(b.now, ask())
	b.collect()
	if p := b.last(); p.State != Down || p.MyDiscr != b.peer.YourDiscr {
		t.Errorf("asked for again: %+v", p)
	}
	b.up()
	b.m.Release(b.now, b.key)
	b.collect()
	b.forget()
	b.run(10 * time.Second)
	if n := len(b.m.Sessions(b.now, nil)); n != 0 || len(b.m.queue)+len(b.m.byDiscr)+len(b.m.ports) != 0 {
		t.Errorf("%d sessions are left", n)
	}
	if len(b.sent) < 1 || b.last().State != AdminDown {
		t.Errorf("until then sent %v", b.sent)
	}
}

// The path has failed, and then the client lets go: the neighbour, which may still
// hear us, must not take that for an administrative end.
func TestReleaseOfFailed(t *testing.T) {
	b := newBench(t, ask())
	b.up()
	b.run(time.Second)
	b.m.Release(b.now, b.key)
	b.run(10 * time.Second)
	for _, p := range b.sent {
		if p.State == AdminDown {
			t.Fatalf("sent %+v", p)
		}
	}
	b.m.Set(b.now, ask())
	if b.m.Sessions(b.now, nil)[0].LocalDiscr == b.peer.YourDiscr {
		t.Error("the old session was still there")
	}
}

// Other addresses make a new session; other timers do not.
func TestSetReplaces(t *testing.T) {
	b := newBench(t, ask())
	b.up()
	discr := b.status().LocalDiscr
	b.m.Set(b.now, ask(func(c *Config) { c.MinTx, c.Multiplier, c.PointToPoint = 50*ms, 7, true }))
	if s := b.status(); s.State != Up || s.LocalDiscr != discr {
		t.Errorf("other timers: %+v", s)
	}
	auth := func(id uint8) func(*Config) {
		return func(c *Config) { c.Auth = Auth{Type: KeyedSHA1, Keys: []AuthKey{{id, "secret"}}} }
	}
	b.m.Set(b.now, ask(auth(1)))
	if s := b.status(); s.State != Down || s.LocalDiscr == discr {
		t.Errorf("another authentication: %+v", s)
	}
	discr = b.status().LocalDiscr
	b.m.Set(b.now, ask(auth(2)))
	if s := b.status(); s.LocalDiscr != discr {
		t.Errorf("another key: %+v", s)
	}
	b.m.Set(b.now, ask(func(c *Config) { c.Local = netip.MustParseAddr("10.0.0.9") }))
	if s := b.status(); s.State != Down || s.LocalDiscr == discr {
		t.Errorf("another address: %+v", s)
	}
	b.forget()
	b.collect()
	if len(b.events) != 2 || b.events[1].Failed || b.events[0].text() != `Up>AdminDown administratively down failed=false "administratively down"` {
		t.Errorf("events %v", b.events)
	}
}

// A packet that arrived in time but is read late keeps the session up, and the
// detection time runs from its arrival.
func TestArrival(t *testing.T) {
	b := newBench(t, ask())
	b.up()
	detection := b.status().Detection
	arrived := b.now + detection - ms
	b.now += 10 * detection // held up; the shell reads before it ticks
	if err := b.m.Receive(b.now, arrived, From{"eth0", addrB, 255}, b.peer.Append(nil)); err != nil {
		t.Fatal(err)
	}
	b.want(Up)
	b.m.Tick(b.now, 0)
	b.want(Down) // its detection time has passed as well
	b.collect()
	if len(b.events) != 1 || !strings.HasPrefix(b.events[0].Reason, "control detection time expired") {
		t.Error(b.events)
	}
}

func TestNothingAllocates(t *testing.T) {
	for _, auth := range []Auth{{}, {MeticulousKeyedSHA1, []AuthKey{{1, "secret"}}}} {
		m := New(1)
		peer := New(2)
		m.Set(0, ask(func(c *Config) { c.Auth = auth }))
		peer.Set(0, ask(func(c *Config) { c.Auth, c.Local, c.Peer = auth, addrB, addrA }))
		now := time.Duration(0)
		step := func() {
			now += 5 * ms
			for _, way := range [][2]*Machine{{m, peer}, {peer, m}} {
				way[0].Tick(now, ms)
				sends, _ := way[0].Take()
				for i := range sends {
					_ = way[1].Receive(now, now, From{"eth0", sends[i].Src, 255}, sends[i].Payload())
				}
			}
		}
		for range 2000 {
			step()
		}
		if s := m.Sessions(now, nil)[0]; s.State != Up {
			t.Fatalf("not up: %+v", s)
		}
		if n := testing.AllocsPerRun(1000, step); n > 0 {
			t.Errorf("%v allocations a step with authentication %v", n, auth)
		}
	}
}

// BenchmarkTick is a second of 500 sessions at 50 ms, both directions of one router.
func BenchmarkTick(b *testing.B) {
	m := New(1)
	discr := map[string]uint32{}
	for i := range 500 {
		m.Set(0, ask(func(c *Config) { c.Interface, c.MinTx, c.MinRx = fmt.Sprint("eth", i), 50*ms, 50*ms }))
	}
	for _, s := range m.Sessions(0, nil) {
		discr[s.Interface] = s.LocalDiscr
	}
	packets := map[string][]byte{}
	for name, d := range discr {
		p := Packet{State: Up, Multiplier: 3, MyDiscr: 1, YourDiscr: d, DesiredMinTx: 50_000, RequiredMinRx: 50_000}
		init := p
		init.State = Init
		_ = m.Receive(0, 0, From{name, addrB, 255}, init.Append(nil))
		packets[name] = p.Append(nil)
	}
	now := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		for range 20 {
			now += 50 * ms
			for name, p := range packets {
				_ = m.Receive(now, now, From{name, addrB, 255}, p)
			}
			for at, ok := m.Deadline(); ok && at <= now+50*ms; at, ok = m.Deadline() {
				m.Tick(at, ms)
				m.Take()
			}
		}
	}
}
