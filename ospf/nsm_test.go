package ospf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// The neighbour state machine, every state and event, where an adjacency is
// wanted (first column) and where it is not.
func TestNSM10_3_Matrix(t *testing.T) {
	var b strings.Builder
	for s := nbrDown; s <= nbrFull; s++ {
		for ev := helloReceived; ev < nbrEventCount; ev++ {
			fmt.Fprintf(&b, "%-8s %-18s", s, ev)
			for _, wanted := range []bool{true, false} {
				l := newLab(t)
				i := l.iface("tun0")
				if !wanted {
					i = l.iface("eth0")
					i.state, i.cfg.Priority = ifDROther, 0
				}
				l.e.now = l.now
				n := i.newNeighbor(id("2.2.2.2"), ip("10.0.0.2"))
				n.state = s
				n.event(ev, "test")
				next := n.state.String()
				if n.state == s {
					next = "-"
				}
				fmt.Fprintf(&b, " %-8s", next)
			}
			b.WriteString("\n")
		}
	}
	golden(t, "nsm.golden", b.String())
}

// 10.3: whatever ends a neighbour empties its lists, stops its timers and leaves
// no reference on an LSA, from every state.
func TestNSM10_3_NothingLeftBehind(t *testing.T) {
	for s := nbrInit; s <= nbrFull; s++ {
		for name, end := range map[string]func(*lab, *peer){
			"KillNbr":         func(l *lab, p *peer) { p.nbr().event(killNbr, "test") },
			"LLDown":          func(l *lab, p *peer) { l.relink(func(m map[string]*Link) { m[p.ifname].Up = false }) },
			"InactivityTimer": func(l *lab, p *peer) { p.alive = false; l.advance(41 * time.Second) },
			"1-WayReceived":   func(l *lab, p *peer) { p.hello.Neighbors = nil; p.hi() },
		} {
			ifname, addr := "tun0", "10.1.0.2"
			if s == nbrTwoWay {
				ifname, addr = "eth0", "10.0.0.2"
			}
			l := newLab(t)
			p := l.peer(ifname, "2.2.2.2", addr)
			p.acks = false
			p.bring(s)
			n := p.nbr()
			end(l, p)
			want := nbrDown
			if name == "1-WayReceived" {
				want = nbrInit
			}
			if n.state != want {
				t.Errorf("%s in %s leads to %s", name, s, n.state)
			}
			armed := n.exchange.resend.armed() || n.requests.resend.armed() || n.retx.timer.armed() || want == nbrDown && n.inactivity.armed()
			if armed || len(n.retx.entries)+n.retx.queued()+len(n.requests.wanted)+len(n.requests.order)+len(n.exchange.summary) > 0 {
				t.Errorf("%s in %s leaves timers (%t) or lists behind", name, s, armed)
			}
			for entry := range l.e.areas[0].db.All() {
				if entry.Refs != 0 {
					t.Errorf("%s in %s leaves %d references on %s", name, s, entry.Refs, entry.Key())
				}
			}
		}
	}
}

// 10.1: the way to Full, with one event for each step.
func TestNSM10_1_WayToFull(t *testing.T) {
	for _, c := range []struct{ routerID, want string }{
		{"2.2.2.2", "[Down>Init Init>ExStart ExStart>Exchange Exchange>Full]"},
		{"0.0.0.9", "[Down>Init Init>ExStart ExStart>Exchange Exchange>Full]"},
	} {
		l := newLab(t)
		p := l.peer("tun0", c.routerID, "10.1.0.2")
		p.bring(nbrFull)
		if got := fmt.Sprint(l.happened(p.addr)); got != c.want {
			t.Errorf("%s: %s", c.routerID, got)
		}
	}
}

// 10.3 AdjOK?: an adjacency that the election makes superfluous falls back to 2-Way.
func TestNSM10_3_AdjOK(t *testing.T) {
	l, dr, bdr := lan(t, 1)
	q := l.peer("eth0", "9.9.9.9", "10.0.0.9")
	q.hello.DR, q.hello.BDR = dr.addr, q.addr
	bdr.hello.BDR, dr.hello.BDR = q.addr, q.addr
	bdr.hi()
	dr.hi()
	q.hi()
	if i := l.iface("eth0"); i.bdr != q.addr {
		t.Fatalf("backup is %s", i.bdr)
	}
	l.wantState(bdr, nbrTwoWay)
	l.wantState(q, nbrExStart)
	l.wantState(dr, nbrFull)
}

// 12.4: losing an adjacency changes the router-LSA, once MinLSInterval allows.
func TestNSM_FullChangesRouterLSA(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(6 * time.Second)
	if _, r := l.own(); !hasLink(r, packet.LinkPointToPoint) {
		t.Fatal("no link to a full neighbour")
	}
	p.alive = false
	l.advance(45 * time.Second)
	if _, r := l.own(); hasLink(r, packet.LinkPointToPoint) {
		t.Error("link to a dead neighbour")
	}
}
