package ospf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

const (
	iBit  = packet.DDInit
	mBit  = packet.DDMore
	msBit = packet.DDMaster
)

// 10.8, ExStart: an empty packet with I, M and MS, repeated every RxmtInterval;
// to AllSPFRouters on point-to-point links (8.1).
func TestDBDesc10_8_ExStart(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExStart)
	p.alive = true
	l.advance(11 * time.Second)
	dds, dsts := on[*packet.DBDesc](l.take(), "tun0")
	if len(dds) != 3 {
		t.Fatalf("%d packets in 11 s", len(dds))
	}
	for n, d := range dds {
		if d.Flags != iBit|mBit|msBit || len(d.Headers) != 0 || d.Seq != dds[0].Seq || d.MTU != 1400 || d.Options != packet.OptE|packet.OptO || dsts[n] != allSPFRouters {
			t.Errorf("packet %d is %+v to %s", n, d, dsts[n])
		}
	}
}

// 10.8: the first sequence number is another one on every attempt.
func TestDBDesc10_8_FreshSequence(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExStart)
	first := p.lastDD().Seq
	p.nbr().event(killNbr, "test")
	p.bring(nbrExStart)
	if again := p.lastDD().Seq; again == first {
		t.Errorf("both attempts start with %d", first)
	}
}

// 10.6: MTU. Too large is refused and said so; ignored when configured; a
// change of ours cures it without a restart.
func TestDBDesc10_6_MTU(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.mtu = 1500
	p.bring(nbrExStart)
	p.dd(iBit|mBit|msBit, 1000)
	l.wantState(p, nbrExStart)
	if n := l.e.Neighbors(l.now)[0]; l.rejected("tun0", RejectMTU) != 1 || !strings.Contains(n.Why, "MTU mismatch: neighbour has 1500, ours is 1400") {
		t.Errorf("%d rejects, why %q", l.rejected("tun0", RejectMTU), n.Why)
	}
	l.relink(func(m map[string]*Link) { m["tun0"].MTU = 1500 })
	l.take()
	p.alive = true
	l.advance(6 * time.Second)
	if dds, _ := on[*packet.DBDesc](l.take(), "tun0"); len(dds) == 0 || dds[0].MTU != 1500 {
		t.Errorf("the MTU change is not told: %+v", dds)
	}
	p.dd(iBit|mBit|msBit, 1000)
	l.wantState(p, nbrExchange)

	l = newLab(t, func(l *lab) { l.cfg.Areas[0].Interfaces[0].MTUIgnore = true })
	p = l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.mtu = 9000
	p.bring(nbrFull)

	l = newLab(t)
	p = l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.mtu = 1300 // smaller than ours: it refuses our packets, and we know why
	p.bring(nbrExStart)
	p.dd(0, 1)
	if why := l.e.Neighbors(l.now)[0].Why; !strings.Contains(why, "MTU mismatch") {
		t.Errorf("why is %q", why)
	}
}

// 10.6 in the states below ExStart: Init runs 2-WayReceived first, 2-Way ignores.
func TestDBDesc10_6_EarlyStates(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrInit)
	p.dd(iBit|mBit|msBit, 1000)
	l.wantState(p, nbrExchange)

	l = newLab(t)
	p = l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.bring(nbrTwoWay)
	p.dd(iBit|mBit|msBit, 1000)
	l.wantState(p, nbrTwoWay)

	l = newLab(t)
	p = l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.dd(iBit|mBit|msBit, 1000)
	if p.state() != nbrDown || l.rejected("eth0", RejectUnknownNeighbor) != 1 {
		t.Error("a stranger's description is not refused")
	}

	l = newLab(t, network(TypeNonBroadcast, func(c *InterfaceConfig) { c.Static = listed("10.0.0.2 1") }))
	p = l.peer("eth0", "2.2.2.2", "10.0.0.2")
	if n := l.neighbor(p.addr); n.state != nbrAttempt {
		t.Fatalf("neighbour is %s", n.state)
	}
	p.dd(iBit|mBit|msBit, 1000)
	if n := l.neighbor(p.addr); n.state != nbrAttempt || n.deadAt.After(l.now.Add(40*time.Second)) {
		t.Errorf("after a description in Attempt: %s", n.state)
	}
}

// 10.6: a neighbour that begins the exchange anew is no longer Full; routes over it go with the next SPF run, not before.
func TestDBDesc10_6_RoutesStay(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.update(routerLSA(p.id, 2, p2p(self, "10.1.0.2"), stubLink("172.16.2.0")))
	l.advance(10 * time.Second)
	if !slices.Contains(l.routes, "+172.16.2.0/24") {
		t.Fatalf("routes %v", l.routes)
	}
	l.routes = nil
	p.dd(iBit|mBit|msBit, 77)
	l.wantState(p, nbrExStart)
	if len(l.routes) != 0 {
		t.Errorf("routes %v at once", l.routes)
	}
	p.alive = true
	l.advance(time.Second)
	if !slices.Equal(l.routes, []string{"-172.16.2.0/24"}) {
		t.Errorf("routes %v after a second", l.routes)
	}
}

// 10.6, ExStart: who is master.
func TestDBDesc10_6_Negotiation(t *testing.T) {
	some := header(extLSA(id("9.9.9.9"), "192.0.2.0", 1))
	for _, c := range []struct {
		name, routerID string
		flags          packet.DDFlags
		ourSeq         bool
		headers        []packet.LSAHeader
		want           nbrState
		master         bool
	}{
		{"larger id claims", "2.2.2.2", iBit | mBit | msBit, false, nil, nbrExchange, false},
		{"larger id claims, with a reserved bit", "2.2.2.2", iBit | mBit | msBit | 8, false, nil, nbrExchange, false},
		{"larger id claims with headers", "2.2.2.2", iBit | mBit | msBit, false, []packet.LSAHeader{some}, nbrExStart, false},
		{"larger id without I", "2.2.2.2", mBit | msBit, false, nil, nbrExStart, false},
		{"larger id as slave", "2.2.2.2", mBit, true, nil, nbrExStart, false},
		{"smaller id claims", "0.0.0.9", iBit | mBit | msBit, false, nil, nbrExStart, false},
		{"smaller id answers", "0.0.0.9", mBit, true, nil, nbrExchange, true},
		{"smaller id answers another number", "0.0.0.9", mBit, false, nil, nbrExStart, false},
		{"smaller id answers with MS", "0.0.0.9", mBit | msBit, true, nil, nbrExStart, false},
	} {
		l := newLab(t)
		p := l.peer("tun0", c.routerID, "10.1.0.2")
		p.bring(nbrExStart)
		seq := uint32(77)
		if c.ourSeq {
			seq = p.lastDD().Seq
		}
		p.dd(c.flags, seq, c.headers...)
		if p.state() != c.want || c.want == nbrExchange && p.nbr().exchange.master != c.master {
			t.Errorf("%s: %s", c.name, p.state())
		}
	}
}

// 10.6, Exchange: what is not the next packet is a SeqNumberMismatch; a duplicate
// is repeated by the slave and ignored by the master.
func TestDBDesc10_6_Exchange(t *testing.T) {
	for _, c := range []struct {
		name   string
		master bool // we are
		flags  packet.DDFlags
		ahead  int32 // of the last sequence number heard (slave) or sent (master)
		opts   packet.Options
		want   nbrState
		repeat int
	}{
		{"slave: duplicate", false, iBit | mBit | msBit, 0, 0, nbrExchange, 1},
		{"slave: next", false, mBit | msBit, 1, 0, nbrExchange, 1},
		{"slave: MS off", false, mBit, 1, 0, nbrExStart, 1},
		{"slave: I", false, iBit | mBit | msBit, 1, 0, nbrExStart, 1},
		{"slave: sequence + 2", false, mBit | msBit, 2, 0, nbrExStart, 1},
		{"slave: sequence - 1", false, mBit | msBit, -1, 0, nbrExStart, 1},
		{"slave: options", false, mBit | msBit, 1, packet.OptDC, nbrExStart, 1},
		{"master: duplicate", true, mBit, -1, 0, nbrExchange, 0},
		{"master: next", true, mBit, 0, 0, nbrExchange, 1},
		{"master: MS", true, mBit | msBit, 0, 0, nbrExStart, 1},
		{"master: sequence + 1", true, mBit, 1, 0, nbrExStart, 1},
		{"master: I", true, iBit | mBit, 0, 0, nbrExStart, 1},
		{"master: options", true, mBit, 0, packet.OptDC, nbrExStart, 1},
	} {
		l := newLab(t)
		rid := "2.2.2.2"
		if c.master {
			rid = "0.0.0.9"
		}
		p := l.peer("tun0", rid, "10.1.0.2")
		p.bring(nbrExchange)
		seq := p.seq
		if c.master {
			seq = p.lastDD().Seq
		}
		l.take()
		p.opts ^= c.opts
		p.dd(c.flags, seq+uint32(c.ahead))
		dds, _ := on[*packet.DBDesc](l.take(), "tun0")
		if p.state() != c.want || len(dds) != c.repeat {
			t.Errorf("%s: %s with %d packets sent, not %s with %d", c.name, p.state(), len(dds), c.want, c.repeat)
		}
	}
}

// 10.6, 10.8, Full: the slave repeats its last packet for one dead interval, the
// master ignores duplicates, anything else starts anew.
func TestDBDesc10_6_Late(t *testing.T) {
	for _, c := range []struct {
		routerID string
		flags    packet.DDFlags
		after    time.Duration
		want     nbrState
		repeat   int
	}{
		{"2.2.2.2", msBit, 30 * time.Second, nbrFull, 1},
		{"2.2.2.2", msBit, 41 * time.Second, nbrExStart, 1},
		{"2.2.2.2", iBit | mBit | msBit, time.Second, nbrExStart, 1},
		{"0.0.0.9", 0, 30 * time.Second, nbrFull, 0},
		{"0.0.0.9", iBit | mBit | msBit, time.Second, nbrExStart, 1},
	} {
		l := newLab(t)
		p := l.full("tun0", c.routerID, "10.1.0.2")
		l.advance(c.after)
		l.take()
		p.dd(c.flags, p.seq)
		dds, _ := on[*packet.DBDesc](l.take(), "tun0")
		if p.state() != c.want || len(dds) != c.repeat {
			t.Errorf("%s %b after %s: %s with %d packets, not %s with %d", c.routerID, c.flags, c.after, p.state(), len(dds), c.want, c.repeat)
		}
	}
}

// 10.6: a type that the area does not carry is a SeqNumberMismatch (erratum 3746 for stub areas).
func TestDBDesc10_6_Types(t *testing.T) {
	for typ := range 256 {
		l := newLab(t)
		p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
		p.bring(nbrExchange)
		p.dd(mBit|msBit, p.seq+1, packet.LSAHeader{Type: packet.LSType(typ), ID: 1, Adv: id("9.9.9.9"), Seq: 1})
		want := nbrExStart
		switch packet.LSType(typ) {
		case 1, 2, 3, 4, 5, 9, 10, 11:
			want = nbrExchange
		}
		if p.state() != want {
			t.Errorf("type %d: %s", typ, p.state())
		}
	}
}

// 10.6: what we lack or have older is asked for, once, in the newest instance.
func TestDBDesc10_6_Requests(t *testing.T) {
	l := newLab(t)
	q := l.full("eth0", "9.9.9.9", "10.0.0.9")
	have := extLSA(q.id, "192.0.2.0", 5)
	q.update(have)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExchange)
	l.take()
	missing := extLSA(q.id, "198.51.100.0", 1)
	newer := extLSA(q.id, "192.0.2.0", 6)
	huge := header(missing)
	huge.Age, huge.Length = 0xffff, 0
	p.dd(mBit|msBit, p.seq+1, header(have), huge)
	p.dd(mBit|msBit, p.seq+1, header(missing), header(extLSA(q.id, "192.0.2.0", 4)), header(newer))
	p.dd(msBit, p.seq+1, header(missing))
	l.wantState(p, nbrLoading)
	w := p.nbr().requests.wanted
	if len(w) != 2 || w[header(newer).Key()].Seq != 6 {
		t.Errorf("wanted: %v", w)
	}
}

// 10.8: a database larger than a packet is described in several, every LSA once;
// MaxAge LSAs are flooded instead (10.3).
func TestDBDesc10_8_WholeDatabase(t *testing.T) {
	for _, rid := range []string{"2.2.2.2", "0.0.0.9"} {
		l := newLab(t)
		q := l.full("eth0", "9.9.9.9", "10.0.0.9")
		for n := range 200 {
			q.update(extLSA(q.id, fmt.Sprintf("10.%d.%d.0", 100+n/100, n%100), 1))
		}
		p := l.peer("tun0", rid, "10.1.0.2")
		p.bring(nbrFull)
		seen := map[packet.Key]int{}
		packets := 0
		for _, s := range l.take() {
			d, ok := s.body.(*packet.DBDesc)
			if !ok || s.Interface != "tun0" {
				continue
			}
			packets++
			if len(s.Data)+20 > 1400 {
				t.Errorf("packet of %d bytes", len(s.Data))
			}
			for _, h := range d.Headers {
				seen[h.Key()]++
			}
		}
		for entry := range l.e.as.All() {
			if seen[entry.Key()] != 1 {
				t.Errorf("%s was described %d times", entry.Key(), seen[entry.Key()])
			}
		}
		if packets < 4 {
			t.Errorf("%d packets", packets)
		}
	}
}

// 10.3 NegotiationDone: a MaxAge LSA is not described but sent.
func TestDBDesc10_3_MaxAge(t *testing.T) {
	l := newLab(t)
	q := l.full("eth0", "9.9.9.9", "10.0.0.9")
	raw := extLSA(q.id, "192.0.2.0", 1)
	q.update(raw)
	l.peer("tun1", "4.4.4.4", "10.255.0.4").bring(nbrExchange) // keeps it in the database
	l.advance(2 * time.Second)
	q.update(aged(raw, packet.MaxAge))
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	l.take()
	p.acks = false
	p.bring(nbrFull)
	k := header(raw).Key()
	dds, _ := on[*packet.DBDesc](l.take(), "tun0")
	for _, d := range dds {
		for _, h := range d.Headers {
			if h.Key() == k {
				t.Error("described")
			}
		}
	}
	l.advance(6 * time.Second)
	if list := flooded(l.take(), "tun0"); !slices.ContainsFunc(list, func(h packet.LSAHeader) bool { return h.Key() == k && h.Age == packet.MaxAge }) {
		t.Errorf("not sent: %v", list)
	}
}

// RFC 5250 3: opaque LSAs are described to neighbours with the O bit only.
func TestDBDesc5250_OpaqueCapability(t *testing.T) {
	for _, opaque := range []bool{true, false} {
		l := newLab(t)
		q := l.full("eth0", "9.9.9.9", "10.0.0.9")
		q.update(build(packet.LSOpaqueArea, id("4.0.0.1"), q.id, 1, 1, packet.OpaqueLSA{1, 2, 3, 4}), build(packet.LSOpaqueAS, id("4.0.0.1"), q.id, 1, 1, packet.OpaqueLSA{}))
		p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
		if !opaque {
			p.opts = packet.OptE
		}
		p.bring(nbrFull)
		n := 0
		dds, _ := on[*packet.DBDesc](l.take(), "tun0")
		for _, d := range dds {
			for _, h := range d.Headers {
				if h.Type >= packet.LSOpaqueLink {
					n++
				}
			}
		}
		if want := map[bool]int{true: 2, false: 0}[opaque]; n != want {
			t.Errorf("opaque capable %t: %d opaque LSAs described", opaque, n)
		}
	}
}

// What a neighbour may make us ask for is bounded.
func TestDBDesc_RequestLimit(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 50 })
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExchange)
	for n := range 20 {
		var hs []packet.LSAHeader
		for m := range 40 {
			hs = append(hs, packet.LSAHeader{Type: packet.LSExternal, ID: packet.ID(n*1000 + m), Adv: id("9.9.9.9"), Seq: 1})
		}
		p.dd(mBit|msBit, p.seq+1, hs...)
	}
	l.wantState(p, nbrExchange)
	if n := len(p.nbr().requests.wanted); n > 50 || l.alarms("lsa-limit") != 1 {
		t.Errorf("%d requests, %d alarms", n, l.alarms("lsa-limit"))
	}
}

// A neighbour that makes the exchange begin anew all the time costs a few
// descriptions of the database a second, and may still come to Full.
func TestDBDesc_RestartLimit(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	for n := range 100 {
		p.dd(iBit|mBit|msBit, uint32(n))
	}
	begun := 0
	dds, _ := on[*packet.DBDesc](l.take(), "tun0")
	for _, d := range dds {
		if d.Flags&iBit != 0 {
			begun++
		}
	}
	if begun > maxStarts {
		t.Errorf("%d starts", begun)
	}
	l.advance(time.Second)
	p.dd(iBit|mBit|msBit, 7)
	l.wantState(p, nbrExchange)
	p.describe()
	l.wantState(p, nbrFull)
}
