package ospf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// 13.3, RFC 5250 3: which interfaces an LSA leaves through, by type. eth0 and tun0
// are in area 0, tun1 in area 1; the LSA comes in on eth0.
func TestFlood13_3_Scope(t *testing.T) {
	for _, c := range []struct {
		typ        packet.LSType
		tun0, tun1 bool
	}{
		{packet.LSRouter, true, false},
		{packet.LSNetwork, true, false},
		{packet.LSSummary, true, false},
		{packet.LSASBRSummary, true, false},
		{packet.LSExternal, true, true},
		{packet.LSOpaqueLink, false, false},
		{packet.LSOpaqueArea, true, false},
		{packet.LSOpaqueAS, true, true},
	} {
		l := newLab(t, func(l *lab) {
			l.cfg.Areas = []Area{{ID: 1, Interfaces: []InterfaceConfig{interfaceConfig("tun1")}}, {ID: 0, Interfaces: []InterfaceConfig{interfaceConfig("*")}}}
		})
		p := l.full("eth0", "2.2.2.2", "10.0.0.2")
		l.full("tun0", "3.3.3.3", "10.1.0.2")
		l.full("tun1", "4.4.4.4", "10.255.0.4")
		l.advance(6 * time.Second)
		l.take()
		var body packet.LSABody = packet.OpaqueLSA{}
		lsid := id("10.9.9.0")
		switch c.typ {
		case packet.LSRouter:
			body, lsid = packet.RouterLSA{}, p.id
		case packet.LSNetwork:
			body = packet.NetworkLSA{Mask: packet.MaskOf(24)}
		case packet.LSSummary, packet.LSASBRSummary:
			body = packet.SummaryLSA{Mask: packet.MaskOf(24)}
		case packet.LSExternal:
			body = packet.ExternalLSA{Mask: packet.MaskOf(24)}
		}
		p.update(demand(build(c.typ, lsid, p.id, 1, 1, body))) // without the DC bit an indication-LSA would follow
		list := l.take()
		if a, b := len(flooded(list, "tun0")) == 1, len(flooded(list, "tun1")) == 1; a != c.tun0 || b != c.tun1 {
			t.Errorf("type %s: tun0 %t, tun1 %t", c.typ, a, b)
		}
		if len(flooded(list, "eth0")) != 0 {
			t.Errorf("type %s went back where it came from", c.typ)
		}
	}
}

// RFC 5250 3: opaque LSAs are not flooded to neighbours without the O bit.
func TestFlood5250_OpaqueCapability(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.peer("tun0", "3.3.3.3", "10.1.0.2")
	q.opts = packet.OptE
	q.bring(nbrFull)
	l.take()
	p.update(build(packet.LSOpaqueAS, id("200.0.0.1"), p.id, 1, 1, packet.OpaqueLSA{0xff, 0xff, 0xff, 0xff}))
	if len(flooded(l.take(), "tun0")) != 0 {
		t.Error("flooded to a neighbour that takes no opaque LSAs")
	}
}

// What is flooded is what was received, aged by InfTransDelay (13.3).
func TestFlood13_3_Unchanged(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.full("eth0", "3.3.3.3", "10.0.0.3")
	raw := extLSA(p.id, "192.0.2.0", 1)
	p.update(raw)
	us, dsts := on[*packet.LSUpdate](l.take(), "eth0")
	if len(us) != 1 || string(us[0].LSAs[0]) != string(aged(raw, 2)) || dsts[0] != allSPFRouters {
		t.Errorf("flooded %v to %v", us, dsts)
	}
}

// 13.3 (5): a DROther floods to AllDRouters.
func TestFlood13_3_Destination(t *testing.T) {
	l, _, _ := lan(t, 1)
	p := l.full("tun0", "9.9.9.9", "10.1.0.2")
	p.update(extLSA(p.id, "192.0.2.0", 1))
	if _, dsts := on[*packet.LSUpdate](l.take(), "eth0"); len(dsts) == 0 || dsts[0] != allDRouters {
		t.Errorf("flooded to %v", dsts)
	}
}

// LSAs of one update share packets on the way out, none larger than the MTU.
func TestFlood_SharedPackets(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	l.full("tun0", "3.3.3.3", "10.1.0.2")
	var lsas [][]byte
	for n := range 100 {
		lsas = append(lsas, extLSA(p.id, fmt.Sprintf("192.0.%d.0", n), 1))
	}
	p.update(lsas...)
	n := 0
	for _, s := range l.take() {
		if u, ok := s.body.(*packet.LSUpdate); ok && s.Interface == "tun0" {
			n++
			if len(s.Data)+20 > 1400 {
				t.Errorf("%d bytes with %d LSAs", len(s.Data), len(u.LSAs))
			}
		}
	}
	if n != 3 {
		t.Errorf("%d packets", n)
	}
}

// 13.6: what is not acknowledged goes to that neighbour alone every RxmtInterval.
func TestRetransmit13_6(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.full("tun0", "3.3.3.3", "10.1.0.2")
	p.acks = false
	raw := extLSA(q.id, "192.0.2.0", 1)
	q.update(raw)
	l.take()
	l.advance(16 * time.Second)
	us, dsts := on[*packet.LSUpdate](l.take(), "eth0")
	ages := []uint16{}
	for n, u := range us {
		for _, lsa := range u.LSAs {
			if h := header(lsa); h.Key() == header(raw).Key() {
				ages = append(ages, h.Age)
				if dsts[n] != p.addr {
					t.Errorf("to %s", dsts[n])
				}
			}
		}
	}
	if fmt.Sprint(ages) != "[7 17]" { // age 1, 5 and 15 seconds later, InfTransDelay 1
		t.Errorf("ages %v", ages)
	}
	l.ack(p, &packet.LSAck{Headers: []packet.LSAHeader{header(raw)}})
	l.advance(time.Second)
	l.take()
	l.advance(20 * time.Second)
	for _, h := range flooded(l.take(), "eth0") {
		if h.Key() == header(raw).Key() {
			t.Error("retransmitted after the acknowledgement")
		}
	}
}

// 13.7: an acknowledgement for another instance does not count.
func TestLSAck13_7_OtherInstance(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.full("tun0", "3.3.3.3", "10.1.0.2")
	p.acks = false
	raw := extLSA(q.id, "192.0.2.0", 5)
	q.update(raw)
	h := header(raw)
	for name, edit := range map[string]func(*packet.LSAHeader){
		"older":    func(h *packet.LSAHeader) { h.Seq-- },
		"newer":    func(h *packet.LSAHeader) { h.Seq++ },
		"checksum": func(h *packet.LSAHeader) { h.Checksum++ },
		"MaxAge":   func(h *packet.LSAHeader) { h.Age = packet.MaxAge },
	} {
		wrong := h
		edit(&wrong)
		p.send(&packet.LSAck{Headers: []packet.LSAHeader{wrong}})
		if p.nbr().retx.get(h.Key()) == nil {
			t.Fatalf("acknowledged by %s", name)
		}
	}
	p.send(&packet.LSAck{Headers: []packet.LSAHeader{h}})
	if p.nbr().retx.get(h.Key()) != nil {
		t.Error("not acknowledged")
	}
}

// A neighbour that never acknowledges: the list stays bounded by the database,
// is sent in slices, and the adjacency stays.
func TestRetransmit_NeverAcknowledged(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.full("tun0", "3.3.3.3", "10.1.0.2")
	p.acks = false
	for round := range 3 {
		for n := range 500 {
			q.update(extLSA(q.id, fmt.Sprintf("192.%d.%d.0", n/250, n%250), packet.Seq(round+1)))
		}
		l.advance(7 * time.Second)
		l.take()
	}
	n := p.nbr()
	if len(n.retx.entries) > 510 || n.retx.queued() > 1100 {
		t.Errorf("%d entries, %d in the queues", len(n.retx.entries), n.retx.queued())
	}
	if s := l.e.Neighbors(l.now)[0]; s.Overdue != 0 || s.Why != "" || l.alarms("unacknowledged") != 0 {
		t.Errorf("after a few seconds %d are overdue: %q", s.Overdue, s.Why)
	}
	l.advance(5 * time.Minute)
	l.wantState(p, nbrFull)
	for entry := range l.e.as.All() {
		if entry.Refs != 1 {
			t.Fatalf("%s has %d references", entry.Key(), entry.Refs)
		}
	}
	if s := l.e.Neighbors(l.now)[0]; s.Overdue != len(n.retx.entries) || !strings.Contains(s.Why, "does not acknowledge 501 LSAs") || l.alarms("unacknowledged") == 0 {
		t.Errorf("%d are overdue, %d alarms: %q", s.Overdue, l.alarms("unacknowledged"), s.Why)
	}
	p.acks = true
	l.advance(2 * time.Minute)
	if s := l.e.Neighbors(l.now)[0]; s.Overdue != 0 || s.Why != "" {
		t.Errorf("%d are overdue after the acknowledgements: %q", s.Overdue, s.Why)
	}
}

// All retransmission lists together are bounded: the neighbour that acknowledges nothing begins the exchange anew,
// which brings it everything; others go on.
func TestRetransmit_Limit(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxRetransmissions = 200 })
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.full("tun0", "3.3.3.3", "10.1.0.2")
	p.acks = false
	for n := range 190 {
		q.update(extLSA(q.id, fmt.Sprintf("192.0.%d.0", n), 1))
	}
	l.wantState(p, nbrFull)
	for n := range 20 {
		q.update(extLSA(q.id, fmt.Sprintf("192.1.%d.0", n), 1))
	}
	l.wantState(p, nbrExStart)
	l.wantState(q, nbrFull)
	if r := l.e.Limits(l.now).Retransmissions; r.Exceeded != 1 || r.Max != 200 || r.LSAs > 200 || !strings.Contains(r.Last, "neighbour 2.2.2.2 on eth0 begins anew") {
		t.Errorf("%+v", r)
	}
	if left := len(p.nbr().retx.entries); left != 0 || l.e.retransmissions > 200 || l.alarms("retransmit-limit") != 1 {
		t.Errorf("%d LSAs on its list, %d on all, %d alarms", left, l.e.retransmissions, l.alarms("retransmit-limit"))
	}
	for n := range 20 { // none of them is on a list
		q.update(extLSA(q.id, fmt.Sprintf("192.2.%d.0", n), 1))
	}
	p.acks = true
	p.bring(nbrFull)
	for entry := range l.e.as.All() {
		if entry.Refs != 0 {
			t.Fatalf("%s has %d references", entry.Key(), entry.Refs)
		}
	}
	if q.nbr().state != nbrFull || l.alarms("retransmit-limit") != 1 {
		t.Errorf("the other neighbour is %s; %d alarms", q.nbr().state, l.alarms("retransmit-limit"))
	}
}

// queued counts what is in the queues, what was acknowledged included.
func (l *retransmitList) queued() (n int) {
	for _, q := range l.queues {
		n += len(q)
	}
	return n
}

// RFC 4222 2 (3): the interval doubles with each retransmission of an LSA, up to eight times
// RxmtInterval; another LSA begins anew.
func TestRetransmit4222_2_3_Backoff(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.full("tun0", "3.3.3.3", "10.1.0.2")
	p.acks = false
	times := map[packet.ID][]int{}
	watch := func(from time.Time, until time.Duration) {
		for range int(2 * until / time.Second) {
			l.advance(time.Second / 2)
			for _, h := range flooded(l.take(), "eth0") {
				if h.Type == packet.LSExternal {
					times[h.ID] = append(times[h.ID], int(l.now.Sub(from).Seconds()))
				}
			}
		}
	}
	begin := l.now
	q.update(extLSA(q.id, "192.0.2.0", 1))
	l.take()
	watch(begin, 42*time.Second)
	q.update(extLSA(q.id, "192.0.3.0", 1))
	l.take()
	watch(begin, 120*time.Second)
	if got := fmt.Sprint(times[id("192.0.2.0")]); got != "[5 15 35 75 115 155]" {
		t.Errorf("sent again after %s s", got)
	}
	if got := fmt.Sprint(times[id("192.0.3.0")]); got != "[47 57 77 117 157]" {
		t.Errorf("the second one after %s s", got)
	}
}

// RFC 4222 2 (4): a neighbour that acknowledges nothing gets a long list ever more slowly, and faster
// again once it does acknowledge.
func TestRetransmit4222_2_4_Congestion(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 10_000 })
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.full("tun0", "3.3.3.3", "10.1.0.2")
	p.acks = false
	for n := range 2000 {
		q.update(extLSA(q.id, fmt.Sprintf("192.%d.%d.0", n/250, n%250), 1))
	}
	l.advance(5 * time.Second)
	retx := &p.nbr().retx
	if retx.pause != minResendPause && retx.pause != 2*minResendPause {
		t.Errorf("pause %s at the start", retx.pause)
	}
	l.advance(15 * time.Second)
	if retx.pause != maxResendPause {
		t.Errorf("pause %s while nothing is acknowledged", retx.pause)
	}
	p.acks = true
	l.advance(60 * time.Second)
	if n := len(retx.entries); n != 0 {
		t.Errorf("%d LSAs left", n)
	}
}

// Who has just flooded small packets to many gathers what comes next; the first
// change and full packets never wait.
func TestFlood_RestAfterSmallPackets(t *testing.T) {
	const neighbors = 200
	l, peers := hub(t, neighbors)
	update := func(n int, count int) Datagram {
		u := &packet.LSUpdate{}
		for k := range count {
			u.LSAs = append(u.LSAs, build(packet.LSExternal, packet.ID(0xc0000000+(n*1000+k)<<8), peers[n].id, 1, 1, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1}))
		}
		return peers[n].datagram(allSPFRouters, u)
	}
	floods := func() (packets, lsas int) {
		for l.e.floods.timer.armed() {
			l.now = l.e.floods.timer.at
			for _, p := range l.e.Step(l.now, Tick{}).Send {
				if _, body, err := packet.Decode(p.Data); err == nil && body.Type() == packet.TypeLSUpdate {
					packets++
					lsas += len(body.(*packet.LSUpdate).LSAs)
				}
			}
		}
		return packets, lsas
	}
	l.now = l.now.Add(time.Second)
	start := l.now
	l.e.Step(l.now, update(0, 1))
	if packets, _ := floods(); packets != neighbors-1 || l.now.Sub(start) > time.Microsecond {
		t.Fatalf("the first change took %d packets and %v", packets, l.now.Sub(start))
	}
	for n := 1; n <= 10; n++ { // one by one
		l.now = l.now.Add(time.Millisecond)
		if out := l.e.Step(l.now, update(n, 1)); len(out.Send) > 2 {
			t.Fatalf("change %d was flooded alone, in %d packets", n, len(out.Send))
		}
	}
	if packets, lsas := floods(); packets != neighbors || lsas != 10*(neighbors-1) {
		t.Errorf("%d LSAs left in %d packets", lsas, packets)
	}
	l.now = l.now.Add(time.Second)
	start = l.now
	for n := range 11 {
		l.e.Step(l.now, update(11, 38+n)) // some are new each time
	}
	floods()
	if d := l.now.Sub(start); d > 20*time.Millisecond {
		t.Errorf("full packets waited %v", d)
	}
}
