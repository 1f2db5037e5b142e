package ospf

import (
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Own LSAs are flushed; Done when they are acknowledged, after a Hello without neighbours.
func TestShutdown_Flush(t *testing.T) {
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 1}))
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.step(Offer{Source: Static, Add: prefixes("172.16.0.0/24")})
	l.advance(10 * time.Second)
	l.out = nil
	l.step(Shutdown)
	list := l.take()
	for _, h := range flooded(list, "tun0") {
		if h.Adv != self || h.Age != packet.MaxAge {
			t.Errorf("flooded %+v", h)
		}
	}
	if n := len(flooded(list, "tun0")); n != 2 {
		t.Errorf("%d LSAs flushed", n)
	}
	hellos, _ := on[*packet.Hello](list, "tun0")
	if !l.done || len(hellos) != 1 || len(hellos[0].Neighbors) != 0 {
		t.Errorf("done %t, hellos %v", l.done, hellos)
	}
	// Nothing moves afterwards.
	if !l.e.Deadline().IsZero() {
		t.Error("a deadline after the end")
	}
	p.alive = false
	l.done = false
	p.hi()
	p.update(extLSA(p.id, "192.0.2.0", 1))
	l.step(l.cfg)
	l.step(Shutdown)
	if l.done || l.take() != nil {
		t.Error("not the end")
	}
}

// Without acknowledgements the end comes after a bounded time.
func TestShutdown_NoAcknowledgement(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.acks = false
	l.advance(10 * time.Second)
	l.step(Shutdown)
	if l.done {
		t.Fatal("done before an acknowledgement")
	}
	l.advance(2 * time.Second)
	if !l.done {
		t.Error("not done after 2 s")
	}
}

// RFC 6987 first, when configured; packets are still processed meanwhile.
func TestShutdown_MaxMetric(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.StubRouter.OnShutdown = 3 * time.Second })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	l.step(Shutdown)
	if _, r := l.own(); r.Links[0].Metric == 0xffff && l.done {
		t.Fatal("done at once")
	}
	if _, r := l.own(); !containsMetric(r, 0xffff) {
		t.Errorf("links:\n%s", describeLinks(r))
	}
	p.update(extLSA(p.id, "192.0.2.0", 1))
	l.wantState(p, nbrFull)
	if l.lsa(header(extLSA(p.id, "192.0.2.0", 1)).Key()) == nil {
		t.Error("LSAs are no longer taken")
	}
	l.reload(func(_ *Config, c *InterfaceConfig) { c.Passive = true }) // too late
	l.wantState(p, nbrFull)
	l.advance(3 * time.Second)
	if !l.done {
		t.Error("not done")
	}
}

// Max-metric waits until neighbours no longer drop it as too early.
func TestShutdown_MaxMetricIsTaken(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.StubRouter.OnShutdown = 3 * time.Second })
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	l.reload(func(_ *Config, c *InterfaceConfig) { c.Cost = 77 })
	l.advance(100 * time.Millisecond)
	l.take()
	l.step(Shutdown)
	l.advance(800 * time.Millisecond)
	if early := flooded(l.take(), "tun0"); len(early) != 0 {
		t.Errorf("flooded %v within MinLSArrival", early)
	}
	l.advance(200 * time.Millisecond)
	if _, r := l.own(); !containsMetric(r, 0xffff) || len(flooded(l.take(), "tun0")) != 1 {
		t.Errorf("links:\n%s", describeLinks(r))
	}
}

// An own LSA that comes back while flushing is flushed again, not advanced.
func TestShutdown_SelfOriginatedComesBack(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.acks = false
	l.advance(10 * time.Second)
	l.step(Shutdown)
	l.advance(1100 * time.Millisecond)
	l.out = nil
	p.update(build(packet.LSRouter, self, self, 500, 1, packet.RouterLSA{}))
	list := flooded(l.take(), "tun0")
	if len(list) != 1 || list[0].Seq != 500 || list[0].Age != packet.MaxAge {
		t.Errorf("flooded %+v", list)
	}
}

// Somebody who forges our LSAs all the time does not keep us from leaving.
func TestShutdown_Forger(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.StubRouter.OnShutdown = time.Second })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	l.step(Shutdown)
	for n := range 40 {
		p.update(build(packet.LSRouter, self, self, packet.Seq(100*n), 1, packet.RouterLSA{}))
		l.advance(100 * time.Millisecond)
	}
	if !l.done {
		t.Error("not done after 4 s")
	}
}

// Before the first configuration there is nothing to leave.
func TestShutdown_NotStarted(t *testing.T) {
	if out := New(1).Step(time.Unix(1, 0), Shutdown); !out.Done {
		t.Error("not done")
	}
}

func containsMetric(r packet.RouterLSA, metric uint16) bool {
	for _, l := range r.Links {
		if l.Metric == metric {
			return true
		}
	}
	return false
}
