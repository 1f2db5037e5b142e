package ospf

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// announce sends the peer's router-LSA: its end of the point-to-point link and stub networks.
func (p *peer) announce(seq packet.Seq, stubs ...string) []byte {
	links := []packet.RouterLink{{Type: packet.LinkPointToPoint, ID: self, Data: packet.IDFromAddr(p.addr), Metric: 10}}
	for _, s := range stubs {
		links = append(links, packet.RouterLink{Type: packet.LinkStub, ID: packet.IDFromAddr(pfx(s).Addr()), Data: packet.MaskOf(pfx(s).Bits()), Metric: 1})
	}
	raw := routerLSA(p.id, seq, links...)
	p.update(raw)
	return raw
}

// topology sends the router-LSA of a router that was not there before.
func (p *peer) topology(n int) {
	p.update(routerLSA(packet.ID(0x08000000+n), 1, packet.RouterLink{Type: packet.LinkPointToPoint, ID: p.id, Data: 1, Metric: 1}))
}

// runs lists the instants of SPF runs since base in milliseconds, while time passes in steps of 10 ms.
func (l *lab) runs(base time.Time, d time.Duration) (list []int) {
	for end := l.now.Add(d); l.now.Before(end); {
		l.events = nil
		l.advance(10 * time.Millisecond)
		for _, ev := range l.events {
			if _, ok := ev.(SPFRun); ok {
				list = append(list, int(l.now.Sub(base)/time.Millisecond))
			}
		}
	}
	return list
}

// settled is a lab with a Full neighbour; its coming up and the start are long past.
func settled(t *testing.T) (*lab, *peer) {
	t.Helper()
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.announce(1, "192.0.2.0/24")
	l.advance(90 * time.Second)
	l.routes, l.events, l.out = nil, nil, nil
	return l, p
}

// RFC 8405 5: QUIET, SHORT_WAIT, LONG_WAIT and back.
func TestSPFDelay8405_States(t *testing.T) {
	l, p := settled(t)
	base := l.now
	var got []int
	event := func(n int, d time.Duration) {
		p.topology(n)
		got = append(got, l.runs(base, d)...)
	}
	event(1, 100*time.Millisecond)  // 0: QUIET, run at 50
	event(2, 10*time.Millisecond)   // 100: SHORT_WAIT, run at 300
	event(3, 290*time.Millisecond)  // 110: joins it
	event(4, 300*time.Millisecond)  // 400: SHORT_WAIT, run at 600
	event(5, 6000*time.Millisecond) // 700: LONG_WAIT (learnt at 500), run at 5700
	event(6, 6000*time.Millisecond) // 6700: still LONG_WAIT, run at 11700
	if want := []int{50, 300, 600, 5700, 11700}; !slices.Equal(got, want) {
		t.Errorf("runs at %v, not %v", got, want)
	}
	l.advance(11 * time.Second) // HOLDDOWN ends: QUIET
	base, got = l.now, nil
	event(7, time.Second)
	if !slices.Equal(got, []int{50}) {
		t.Errorf("after hold-down: runs at %v", got)
	}
}

// Until the start is over changes are run after the initial delay, and the
// machine stays in QUIET; afterwards the same changes meet RFC 8405.
func TestSPFDelay_StartIsOneEvent(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.announce(1)
	l.advance(10 * time.Second) // dead interval 40 s
	base := l.now
	var got []int
	for n := range 3 {
		p.topology(n)
		got = append(got, l.runs(base, 2*time.Second)...)
	}
	if want := []int{50, 2050, 4050}; !slices.Equal(got, want) || l.e.delay.state != delayQuiet {
		t.Errorf("at the start: runs at %v, not %v; state %d", got, want, l.e.delay.state)
	}
	l.advance(time.Minute)
	base, got = l.now, nil
	for n := range 3 {
		p.topology(10 + n)
		got = append(got, l.runs(base, 2*time.Second)...)
	}
	if want := []int{50}; !slices.Equal(got, want) || l.e.delay.state != delayLongWait {
		t.Errorf("later: runs at %v, not %v; state %d", got, want, l.e.delay.state)
	}
}

// The start goes on while routers announce themselves again every MinLSInterval,
// but not for ever.
func TestSPFDelay_StartEnds(t *testing.T) {
	l := newLab(t, func(l *lab) {
		l.cfg.Areas[0].Interfaces[0].HelloInterval, l.cfg.Areas[0].Interfaces[0].DeadInterval = time.Second, 4*time.Second
	})
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.announce(1)
	var late []int
	n := 0
	for l.now.Sub(l.e.started) < time.Minute {
		asked := l.now
		for range 5 { // within a second
			p.topology(n)
			n++
			if got := l.runs(asked, 200*time.Millisecond); !slices.Contains(got, int(l.now.Sub(asked)/time.Millisecond)-150) {
				late = append(late, int(l.now.Sub(l.e.started)/time.Second))
			}
		}
		l.advance(4 * time.Second)
	}
	if len(late) == 0 || late[0] < 30 || late[0] > 45 {
		t.Errorf("the delay grows %v seconds after the start", late)
	}
}

// A leaf is published in the Step that brings it, without a run.
func TestSPFDelay_LeavesAtOnce(t *testing.T) {
	l, p := settled(t)
	p.announce(2, "192.0.2.0/24", "198.51.100.0/24")
	p.update(extLSA(p.id, "203.0.113.0", 1)) // not an ASBR: no route
	if fmt.Sprint(l.routes) != "[+198.51.100.0/24]" {
		t.Errorf("routes %v", l.routes)
	}
	for _, ev := range l.events {
		if _, ok := ev.(SPFRun); ok {
			t.Error("a run for a leaf")
		}
	}
}

// LSAs that arrive while a neighbour is in Exchange or Loading do not push the
// machine; Full starts a run after the initial delay.
func TestSPFDelay_LoadingDoesNotPush(t *testing.T) {
	l, p := settled(t)
	q := l.peer("tun1", "3.3.3.3", "10.255.0.3")
	q.bring(nbrLoading)
	q.alive, q.due = true, l.now
	for n := range 100 { // 3 s, far beyond the learning time
		p.topology(100 + n)
		l.advance(30 * time.Millisecond)
	}
	l.wantState(q, nbrLoading)
	if l.e.delay.state != delayQuiet {
		t.Errorf("the machine is in state %d", l.e.delay.state)
	}
	l.advance(time.Second)
	base := l.now
	q.announce(1, "198.51.100.0/24")
	q.update(extLSA(q.id, "192.0.2.0", packet.InitialSeq))
	l.wantState(q, nbrFull)
	if got := l.runs(base, 500*time.Millisecond); !slices.Contains(got, 50) {
		t.Errorf("runs at %v", got)
	}
	if !slices.Contains(l.routes, "+198.51.100.0/24") {
		l.advance(6 * time.Second) // our own router-LSA may wait for MinLSInterval
		if !slices.Contains(l.routes, "+198.51.100.0/24") {
			t.Errorf("routes %v", l.routes)
		}
	}
}

// Routes come with an adjacency and go with it.
func TestSPFDelay_AdjacencyLost(t *testing.T) {
	l, p := settled(t)
	p.alive = false
	l.advance(41 * time.Second)
	if fmt.Sprint(l.routes) != "[-192.0.2.0/24]" {
		t.Errorf("routes %v", l.routes)
	}
}
