package ospf

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Alarms are bounded per kind, however many subjects there are, and one kind
// does not silence another.
func TestAlarmLimit(t *testing.T) {
	l := newLab(t)
	flood := func() {
		for n := range 1000 {
			l.e.alarm("forged-lsa", fmt.Sprint(n), "")
		}
		l.e.alarm("lsa-limit", "AS", "")
		l.e.alarm("lsa-limit", "AS", "")
		l.events = append(l.events, l.e.out.Events...)
		l.e.out.Events = nil
	}
	flood()
	if l.alarms("forged-lsa") != maxAlarms || l.alarms("lsa-limit") != 1 {
		t.Errorf("%d and %d alarms", l.alarms("forged-lsa"), l.alarms("lsa-limit"))
	}
	l.advance(time.Minute)
	l.events = nil
	flood()
	if l.alarms("forged-lsa") != maxAlarms || l.alarms("lsa-limit") != 1 || len(l.e.alarms) > maxAlarms+1 {
		t.Errorf("a minute later %d and %d alarms, %d remembered", l.alarms("forged-lsa"), l.alarms("lsa-limit"), len(l.e.alarms))
	}
}

// A request of a few bytes that names megabytes, again and again: what leaves
// in a second is bounded, each LSA of one request leaves once, and all do.
func TestAnswerSlices(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 100_000 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	const lsas, size = 40, 60_000
	req := &packet.LSReq{}
	for n := range packet.ID(lsas) {
		h := packet.LSAHeader{Type: packet.LSOpaqueArea, ID: id("4.0.0.0") + n, Adv: p.id, Seq: packet.InitialSeq}
		p.update(packet.BuildLSA(h, packet.OpaqueLSA(make([]byte, size))))
		req.Keys = append(req.Keys, h.Key(), h.Key())
	}
	l.take()
	p.send(req)
	first := len(flooded(l.take(), "tun0"))
	if first == 0 || first*size > answerSlice+size {
		t.Errorf("%d LSAs at once", first)
	}
	l.advance(time.Second)
	if n := first + len(flooded(l.take(), "tun0")); n != lsas {
		t.Errorf("%d of %d LSAs were sent", n, lsas)
	}
	sent := 0
	for range 1000 {
		p.send(req)
		l.advance(time.Millisecond)
		sent += len(flooded(l.take(), "tun0"))
	}
	if limit := int(time.Second/answerPause)*answerSlice + answerSlice; sent*size > limit || sent == 0 {
		t.Errorf("%d MB sent in a second", sent*size>>20)
	}
}

// A neighbour that begins the exchange anew all the time gets maxStarts
// exchanges a second, and its adjacency when it stops.
func TestExchangeRestarts(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.take()
	for n := range 300 {
		p.dd(iBit|mBit|msBit, uint32(5000+10*n))
		l.advance(10 * time.Millisecond)
	}
	starts := 0
	dds, _ := on[*packet.DBDesc](l.take(), "tun0")
	for _, d := range dds {
		if d.Flags&iBit != 0 {
			starts++
		}
	}
	if starts < maxStarts || starts > 4*maxStarts {
		t.Errorf("%d starts in 3 s", starts)
	}
	p.alive = true
	l.advance(2 * time.Second)
	l.wantState(p, nbrExStart)
	p.bring(nbrFull)
}

// The limit counts networks, not LSAs: a router-LSA of 64 KB weighs five
// thousand times as much as a small one.
func TestLimitWeighs(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 1000 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	stubs := func(n int) (links []packet.RouterLink) {
		for k := range packet.ID(n) {
			links = append(links, packet.RouterLink{Type: packet.LinkStub, ID: id("192.0.0.0") + k, Data: packet.MaskOf(32), Metric: 1})
		}
		return links
	}
	big := packet.Key{Type: packet.LSRouter, ID: id("9.9.9.9"), Adv: id("9.9.9.9")}
	p.update(routerLSA(big.Adv, 1, stubs(2000)...))
	if l.lsa(big) != nil || l.rejected("tun0", RejectLSALimit) != 1 || l.alarms("lsa-limit") != 1 {
		t.Errorf("taken; %d rejects, %d alarms", l.rejected("tun0", RejectLSALimit), l.alarms("lsa-limit"))
	}
	p.update(routerLSA(big.Adv, 1, stubs(900)...))
	if l.lsa(big) == nil {
		t.Error("900 networks do not fit")
	}
	l.advance(2 * time.Second)
	p.update(routerLSA(big.Adv, 2, stubs(2000)...)) // it must not grow either
	if h := header(l.lsa(big)); h.Seq != 1 {
		t.Error("a known LSA grew past the limit")
	}
	p.update(routerLSA(big.Adv, 3, stubs(10)...))
	if h := header(l.lsa(big)); h.Seq != 3 {
		t.Error("a known LSA must be able to shrink")
	}
}

// 13.4: once is what a restart finds, twice in a minute is an alarm.
func TestForgedLSA(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.alive = true
	l.advance(10 * time.Second)
	for n := range packet.Seq(10) {
		h, _ := l.own()
		p.update(routerLSA(h.Adv, h.Seq+100+n))
		l.advance(100 * time.Millisecond)
		if want := min(int(n), 1); l.alarms("forged-lsa") != want {
			t.Fatalf("%d alarms after %d forged LSAs", l.alarms("forged-lsa"), n+1)
		}
	}
	l.advance(6 * time.Second)
	if h, body := l.own(); h.Seq < packet.InitialSeq+100 || len(body.Links) == 0 {
		t.Errorf("our LSA is not ours: %+v", h)
	}
}

// 13.4: after a crash neighbours may hold different instances of the earlier run. They are passed, but nobody has forged them.
func TestForgedLSA_EarlierRun(t *testing.T) {
	for _, c := range []struct {
		age    uint16
		alarms int
	}{{900, 0}, {25, 1}, {packet.MaxAge, 1}} { // which may be of any time
		l := newLab(t)
		p, q := l.full("tun0", "2.2.2.2", "10.1.0.2"), l.full("tun1", "3.3.3.3", "10.255.0.3")
		l.advance(30 * time.Second)
		p.update(aged(routerLSA(self, 100), 900))
		l.advance(2 * time.Second)
		q.update(aged(routerLSA(self, 200), c.age))
		l.advance(6 * time.Second)
		if h, body := l.own(); h.Seq != 201 || len(body.Links) == 0 || l.alarms("forged-lsa") != c.alarms {
			t.Errorf("age %d: %+v with %d links, %d alarms", c.age, h, len(body.Links), l.alarms("forged-lsa"))
		}
	}
}

// A neighbour whose adjacency asks for the initial SPF delay again and again
// does not keep the router calculating a large network all the time: after a run
// comes a rest in proportion to what it touched.
func TestSPFRests(t *testing.T) {
	const routes = 20_000
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 2 * routes })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.alive = true
	link := func(to, data string) packet.RouterLink {
		return packet.RouterLink{Type: packet.LinkPointToPoint, ID: id(to), Data: id(data), Metric: 1}
	}
	for n := range packet.ID(routes / 5000) { // a star round the neighbour
		adv := id("9.0.0.0") + n
		links := []packet.RouterLink{link("2.2.2.2", "0.0.0.1")}
		for k := range packet.ID(5000) {
			links = append(links, packet.RouterLink{Type: packet.LinkStub, ID: id("192.0.0.0") + 5000*n + k, Data: packet.MaskOf(32), Metric: 1})
		}
		p.update(routerLSA(adv, 1, links...))
	}
	l.advance(20 * time.Second)
	links := []packet.RouterLink{link("1.1.1.1", "10.1.0.2")}
	for n := range routes / 5000 {
		links = append(links, link(fmt.Sprintf("9.0.0.%d", n), "0.0.0.2"))
	}
	p.update(routerLSA(p.id, 100, links...))
	l.advance(l.cfg.SPFDelay.Initial)
	run := l.now
	if n := len(l.routes); n < routes {
		t.Fatalf("%d routes", n)
	}
	l.e.adjacencyChanged(true)
	if wait := l.e.delay.timer.at.Sub(run); wait < routes*restEach || wait > 2*routes*restEach {
		t.Errorf("the next run comes %s later", wait)
	}
	l.advance(time.Second)
	l.e.adjacencyChanged(true) // rested: the initial delay holds
	if wait := l.e.delay.timer.at.Sub(l.now); wait > l.cfg.SPFDelay.Initial {
		t.Errorf("the next run comes %s later", wait)
	}
}
