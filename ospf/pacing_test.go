package ospf

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// spokes is an engine with tunnels, and a neighbour on each that has not been heard yet.
func spokes(t *testing.T, count int, edit func(*Config)) (l *lab, peers []*peer) {
	l = newLab(t, func(l *lab) {
		for k := range count {
			l.links = append(l.links, Link{Name: fmt.Sprintf("vpn%d", k), Index: 100 + k, MTU: 1420, Up: true, PointToPoint: true,
				Addrs: []LinkAddr{{Addr: pfx(fmt.Sprintf("10.128.%d.1/30", k))}}})
		}
		edit(&l.cfg)
	})
	for k := range count {
		peers = append(peers, l.peer(fmt.Sprintf("vpn%d", k), fmt.Sprintf("20.0.%d.1", k), fmt.Sprintf("10.128.%d.2", k)))
	}
	return l, peers
}

// states lists what the neighbours are in.
func states(peers []*peer) (list []nbrState) {
	for _, p := range peers {
		list = append(list, p.state())
	}
	return list
}

// RFC 4222 2 (5): no more than so many adjacencies come up at the same time, first come, first served.
func TestPacing4222_2_5_FirstCome(t *testing.T) {
	l, peers := spokes(t, 5, func(c *Config) { c.MaxForming = 2 })
	for _, k := range []int{3, 0, 4, 1, 2} {
		peers[k].hi()
	}
	if got := states(peers); !slices.Equal(got, []nbrState{nbrExStart, nbrTwoWay, nbrTwoWay, nbrExStart, nbrTwoWay}) {
		t.Fatalf("%v", got)
	}
	if why := peers[1].nbr().explain(); why == "" {
		t.Error("nothing says what it waits for")
	}
	full := func(p *peer) {
		t.Helper()
		p.dd(packet.DDInit|packet.DDMore|packet.DDMaster, p.seq)
		p.describe()
		l.wantState(p, nbrFull)
	}
	full(peers[0])
	if got := states(peers); !slices.Equal(got, []nbrState{nbrFull, nbrTwoWay, nbrTwoWay, nbrExStart, nbrExStart}) {
		t.Fatalf("after the first one %v", got)
	}
	// One that goes away makes room, and one that has gone away while it waited is passed over.
	h := peers[1].hello
	h.Neighbors = nil
	peers[1].send(&h)
	h = peers[4].hello
	h.Neighbors = nil
	peers[4].send(&h)
	if got := states(peers); !slices.Equal(got, []nbrState{nbrFull, nbrInit, nbrExStart, nbrExStart, nbrInit}) {
		t.Errorf("after two have left %v", got)
	}
}

// An adjacency that does not get further keeps nobody waiting for ever.
func TestPacing_Stuck(t *testing.T) {
	l, peers := spokes(t, 3, func(c *Config) { c.MaxForming = 1 })
	for _, p := range peers {
		p.hi()
		p.alive, p.due = true, l.now.Add(time.Second)
	}
	l.wantState(peers[1], nbrTwoWay)
	l.advance(formingTime)
	l.wantState(peers[1], nbrExStart)
	l.wantState(peers[2], nbrTwoWay)
	l.advance(formingTime)
	l.wantState(peers[2], nbrExStart)
	if p := &l.e.pacing; len(p.waiting) != 0 || p.timer.armed() {
		t.Errorf("%d are waiting, timer %t", len(p.waiting), p.timer.armed())
	}
}

// The packet that a neighbour sent while it had to wait, which 10.6 ignores, begins the exchange once it
// is its turn, and does not have to come again after RxmtInterval.
func TestPacing_EarlyDBDesc(t *testing.T) {
	l, peers := spokes(t, 2, func(c *Config) { c.MaxForming = 1 })
	p, q := peers[0], peers[1]
	p.hi()
	q.hi()
	q.dd(packet.DDInit|packet.DDMore|packet.DDMaster, q.seq)
	l.wantState(q, nbrTwoWay)
	p.dd(packet.DDInit|packet.DDMore|packet.DDMaster, p.seq)
	p.describe()
	l.wantState(p, nbrFull)
	l.wantState(q, nbrExchange)
	q.describe()
	l.wantState(q, nbrFull)
}

// A reload with another limit counts at once.
func TestPacing_Reload(t *testing.T) {
	l, peers := spokes(t, 4, func(c *Config) { c.MaxForming = 1 })
	for _, p := range peers {
		p.hi()
	}
	l.reload(func(c *Config, _ *InterfaceConfig) { c.MaxForming = 3 })
	if got := states(peers); !slices.Equal(got, []nbrState{nbrExStart, nbrExStart, nbrExStart, nbrTwoWay}) {
		t.Errorf("%v", got)
	}
}

// RFC 4222 2 (2): while other packets of a neighbour come it lives on without Hellos, but not for ever.
func TestInactivity4222_2_2(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	q := l.full("eth0", "3.3.3.3", "10.0.0.3")
	p.alive, q.alive, q.acks = false, false, false
	begin, seq := l.now, packet.InitialSeq
	for p.state() == nbrFull && l.now.Sub(begin) < time.Hour {
		l.advance(5 * time.Second)
		if seq++; p.state() == nbrFull {
			p.update(extLSA(p.id, "192.0.2.0", seq))
		}
		if seq == packet.InitialSeq+9 {
			l.wantState(q, nbrDown)
		}
	}
	if lived := l.now.Sub(begin).Round(time.Millisecond); lived != patience*40*time.Second {
		t.Errorf("lived %s without Hellos", lived)
	}
}

// What is refused of a neighbour's Hellos is no lateness: it dies in time whatever else it sends.
func TestInactivity4222_2_2_Refused(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.alive = false
	p.hello.HelloInterval = 7
	begin, seq := l.now, packet.InitialSeq
	for p.state() == nbrFull && l.now.Sub(begin) < time.Hour {
		l.advance(5 * time.Second)
		if seq++; p.state() == nbrFull {
			p.hi()
			p.update(extLSA(p.id, "192.0.2.0", seq))
		}
	}
	if lived := l.now.Sub(begin).Round(time.Millisecond); lived != 40*time.Second {
		t.Errorf("lived %s", lived)
	}
}

// Neighbours that are made up on one link leave places to those of others.
func TestPacing_LeavesRoom(t *testing.T) {
	l, peers := spokes(t, 2, func(c *Config) {
		c.MaxForming = 8
		lan := interfaceConfig("eth0")
		lan.Type = TypePointToMultipoint
		c.Areas[0].Interfaces = append([]InterfaceConfig{lan}, c.Areas[0].Interfaces...)
	})
	for n := range 12 {
		l.peer("eth0", fmt.Sprintf("3.3.3.%d", n+1), fmt.Sprintf("10.0.0.%d", n+10)).hi()
	}
	if n := len(l.e.pacing.forming); n != 6 {
		t.Errorf("%d adjacencies come up on one link", n)
	}
	peers[0].hi()
	peers[1].hi()
	if got := states(peers); !slices.Equal(got, []nbrState{nbrExStart, nbrExStart}) || len(l.e.pacing.waiting) != 6 {
		t.Errorf("%v, %d wait", got, len(l.e.pacing.waiting))
	}
}
