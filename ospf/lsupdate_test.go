package ospf

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// 13, 13.7: updates and acknowledgements of neighbours below Exchange are dropped.
func TestLSUpdate13_EarlyStates(t *testing.T) {
	for _, state := range []nbrState{nbrInit, nbrTwoWay, nbrExStart} {
		l := newLab(t)
		p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
		p.bring(state)
		raw := extLSA(p.id, "192.0.2.0", 1)
		p.update(raw)
		p.send(&packet.LSAck{Headers: []packet.LSAHeader{header(raw)}})
		if l.lsa(header(raw).Key()) != nil || l.rejected("eth0", RejectNeighborState) != 2 {
			t.Errorf("%s: taken %t, %d refused", state, l.lsa(header(raw).Key()) != nil, l.rejected("eth0", RejectNeighborState))
		}
		l.wantState(p, state)
	}
	l := newLab(t)
	p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.bring(nbrExchange)
	p.update(extLSA(p.id, "192.0.2.0", 1))
	if l.e.as.Len() != 1 {
		t.Error("refused in Exchange")
	}
}

// A.3.5: thousands of LSAs in one packet are all taken and all acknowledged, in packets that fit.
func TestLSUpdate_LargestPacket(t *testing.T) {
	const many = (65535 - 20 - packet.HeaderLen - 4) / 36
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 2 * many })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	var lsas [][]byte
	for n := range many {
		lsas = append(lsas, extLSA(p.id, fmt.Sprintf("192.%d.%d.0", n/256, n%256), 1))
	}
	p.update(lsas...)
	l.advance(time.Second)
	list := l.take()
	acks, _ := acked(list, "tun0")
	if l.e.as.Len() != many || len(acks) != many {
		t.Errorf("%d of %d taken, %d acknowledged", l.e.as.Len(), many, len(acks))
	}
	for _, s := range list {
		if len(s.Data)+20 > 1400 {
			t.Errorf("packet of %d bytes", len(s.Data))
		}
	}
}

// 13 (1): an LSA with a wrong checksum is skipped, its companions are taken.
func TestLSUpdate13_1_Checksum(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	a, b, c := extLSA(p.id, "192.0.1.0", 1), extLSA(p.id, "192.0.2.0", 1), extLSA(p.id, "192.0.3.0", 1)
	b[17] ^= 1
	p.update(a, b, c)
	l.advance(time.Second)
	acks, _ := acked(l.take(), "tun0")
	if l.lsa(header(a).Key()) == nil || l.lsa(header(b).Key()) != nil || l.lsa(header(c).Key()) == nil || len(acks) != 2 || l.rejected("tun0", RejectLSA) != 1 {
		t.Errorf("%d acknowledged, %d rejected", len(acks), l.rejected("tun0", RejectLSA))
	}
}

// 13 (2), (3): types that are unknown or not carried are skipped without acknowledgement.
func TestLSUpdate13_2_Types(t *testing.T) {
	for typ := range 256 {
		l := newLab(t)
		p := l.full("tun0", "2.2.2.2", "10.1.0.2")
		var body packet.LSABody = packet.OpaqueLSA{}
		lsid := p.id
		switch packet.LSType(typ) {
		case packet.LSRouter:
			body = packet.RouterLSA{}
		case packet.LSNetwork:
			body = packet.NetworkLSA{Mask: packet.MaskOf(24)}
		case packet.LSSummary, packet.LSASBRSummary:
			body = packet.SummaryLSA{Mask: packet.MaskOf(24), Metric: 1}
		case packet.LSExternal, packet.LSNSSA:
			body = packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1}
		}
		p.update(build(packet.LSType(typ), lsid, p.id, 1, 1, body))
		l.advance(time.Second)
		acks, _ := acked(l.take(), "tun0")
		want := 0
		switch packet.LSType(typ) {
		case 1, 2, 3, 4, 5, 9, 10, 11:
			want = 1
		}
		if len(acks) != want || l.rejected("tun0", RejectLSA) != uint64(1-want) {
			t.Errorf("type %d: %d acknowledgements, %d rejects", typ, len(acks), l.rejected("tun0", RejectLSA))
		}
		l.wantState(p, nbrFull)
	}
}

// 13 (4): a MaxAge LSA that is unknown is acknowledged directly and not stored,
// unless a neighbour is in Exchange or Loading.
func TestLSUpdate13_4_UnknownMaxAge(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	raw := aged(extLSA(p.id, "192.0.2.0", 1), packet.MaxAge)
	p.update(raw)
	acks, dsts := acked(l.take(), "eth0")
	if len(acks) != 1 || dsts[0] != p.addr || l.lsa(header(raw).Key()) != nil {
		t.Errorf("%d acknowledgements to %v", len(acks), dsts)
	}
	q, _ := loading(l, "9.9.9.9", 1)
	p.update(raw)
	if l.lsa(header(raw).Key()) == nil {
		t.Fatal("not stored while a neighbour is in Loading")
	}
	q.nbr().event(killNbr, "test")
	l.advance(6 * time.Second)
	if l.lsa(header(raw).Key()) != nil {
		t.Error("not removed afterwards (14)")
	}
}

// 13 (5)(a): newer instances within MinLSArrival are neither taken nor
// acknowledged before it is over; the newest of them is then, without coming again.
func TestLSUpdate13_5a_MinLSArrival(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	q := l.full("eth0", "3.3.3.3", "10.0.0.3")
	k := header(extLSA(p.id, "192.0.2.0", 1)).Key()
	p.update(extLSA(p.id, "192.0.2.0", 1))
	l.advance(300 * time.Millisecond)
	l.take()
	for _, seq := range []packet.Seq{2, 4, 3} {
		p.update(extLSA(p.id, "192.0.2.0", seq))
		q.update(extLSA(p.id, "192.0.2.0", seq))
	}
	l.advance(690 * time.Millisecond)
	if acks, _ := acked(l.take(), "tun0"); len(acks) != 0 || header(l.lsa(k)).Seq != 1 {
		t.Errorf("taken after 0.99 s: %v", acks)
	}
	l.advance(20 * time.Millisecond)
	list := l.take()
	if header(l.lsa(k)).Seq != 4 {
		t.Errorf("sequence number %d after 1.01 s", header(l.lsa(k)).Seq)
	}
	if back := flooded(list, "tun0"); len(back) != 0 {
		t.Errorf("sent back: %v", back)
	}
	l.advance(time.Second)
	if acks, _ := acked(append(list, l.take()...), "tun0"); len(acks) != 1 || acks[0].Seq != 4 {
		t.Errorf("acknowledged %v", acks)
	}
	l.advance(6 * time.Second)
	for _, h := range flooded(l.take(), "eth0") {
		if h.Key() == k {
			t.Errorf("%v is still on the list of a neighbour that sent it", h)
		}
	}
}

// 13 (5)(a): what is held of a neighbour goes with the adjacency, and is bounded.
func TestLSUpdate13_5a_Held(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 10_000 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	const many = 3000
	send := func(seq packet.Seq) {
		for n := 0; n < many; n += 100 {
			var lsas [][]byte
			for k := range 100 {
				lsas = append(lsas, extLSA(p.id, fmt.Sprintf("192.%d.%d.0", (n+k)/256, (n+k)%256), seq))
			}
			p.update(lsas...)
		}
	}
	send(1)
	send(2)
	held := &p.nbr().held
	if n := len(held.order); held.size > maxHeld || n != len(held.lsas) || n < 1000 || n == many {
		t.Errorf("%d LSAs held, %d bytes", n, held.size)
	}
	p.send(&packet.DBDesc{MTU: p.mtu, Options: p.opts, Flags: packet.DDInit | packet.DDMore | packet.DDMaster, Seq: 77})
	l.wantState(p, nbrExStart)
	if held.size+len(held.order)+len(held.lsas) != 0 || held.timer.armed() {
		t.Errorf("%d LSAs held of a neighbour that starts anew", len(held.order))
	}
	l.advance(2 * time.Second)
	if seq := header(l.lsa(header(extLSA(p.id, "192.0.0.0", 1)).Key())).Seq; seq != 1 {
		t.Errorf("sequence number %d", seq)
	}
}

// 13.1: which of two instances is newer decides what is kept.
func TestLSUpdate13_1_Newer(t *testing.T) {
	low, high := packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1}, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 2}
	mk := func(seq packet.Seq, age uint16, b packet.ExternalLSA) []byte {
		return build(packet.LSExternal, id("192.0.2.0"), id("9.9.9.9"), seq, age, b)
	}
	if header(mk(1, 1, low)).Checksum > header(mk(1, 1, high)).Checksum {
		low, high = high, low
	}
	for _, c := range []struct {
		name        string
		have, comes []byte
		taken       bool
	}{
		{"sequence", mk(1, 1, low), mk(2, 1, low), true},
		{"sequence is signed", mk(packet.InitialSeq, 1, low), mk(1, 1, low), true},
		{"sequence is signed, other way", mk(1, 1, low), mk(-5, 1, low), false},
		{"larger checksum", mk(1, 1, low), mk(1, 1, high), true},
		{"smaller checksum", mk(1, 1, high), mk(1, 1, low), false},
		{"MaxAge", mk(1, 1, low), mk(1, packet.MaxAge, low), true},
		{"younger by more than MaxAgeDiff", mk(1, 1100, low), mk(1, 100, low), true},
		{"younger by MaxAgeDiff", mk(1, 998, low), mk(1, 100, low), false},
		{"older", mk(1, 100, low), mk(1, 1100, low), false},
		{"last sequence number", mk(1, 1, low), mk(packet.MaxSeq, 1, low), true},
	} {
		l := newLab(t)
		p := l.full("tun0", "2.2.2.2", "10.1.0.2")
		q := l.full("eth0", "9.9.9.9", "10.0.0.9")
		q.acks = false
		p.update(c.have)
		l.advance(2 * time.Second)
		p.update(c.comes)
		k := header(c.have).Key()
		got := header(l.lsa(k))
		want := header(c.have)
		if c.taken {
			want = header(c.comes)
		}
		if got.Seq != want.Seq || got.Checksum != want.Checksum || c.taken && got.Age != want.Age {
			t.Errorf("%s: have %+v", c.name, got)
		}
	}
}

// 13 (6): an answer to a request that is not newer than the database copy.
func TestLSUpdate13_6_RequestedButOld(t *testing.T) {
	l := newLab(t)
	q := l.full("eth0", "9.9.9.9", "10.0.0.9")
	q.update(extLSA(id("9.9.9.9"), "192.1.0.0", 5))
	p, _ := loading(l, "2.2.2.2", 1) // describes sequence number 10
	p.update(extLSA(id("9.9.9.9"), "192.1.0.0", 5))
	l.wantState(p, nbrExStart)
	l.wantState(q, nbrFull)
}

// 13 (7): the same instance is an implied acknowledgement when one is awaited,
// else it is acknowledged directly.
func TestLSUpdate13_7_Duplicate(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.full("tun0", "3.3.3.3", "10.1.0.2")
	p.acks = false
	raw := extLSA(q.id, "192.0.2.0", 1)
	q.update(raw)
	k := header(raw).Key()
	if p.nbr().retx.get(k) == nil {
		t.Fatal("not flooded")
	}
	l.advance(time.Second)
	l.take()
	p.update(raw)
	if p.nbr().retx.get(k) != nil {
		t.Error("still on the retransmission list")
	}
	p.update(raw)
	acks, dsts := acked(l.take(), "eth0")
	if len(acks) != 1 || dsts[0] != p.addr {
		t.Errorf("acknowledgements to %v", dsts)
	}
}

// 13 (8): an older instance is answered with ours, once per MinLSArrival, not
// acknowledged; not when ours is being flushed at the last sequence number.
func TestLSUpdate13_8_Older(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	p.update(extLSA(p.id, "192.0.2.0", 5))
	l.advance(2 * time.Second)
	l.take()
	for range 100 {
		p.update(extLSA(p.id, "192.0.2.0", 4))
	}
	list := l.take()
	us, dsts := on[*packet.LSUpdate](list, "eth0")
	if acks, _ := acked(list, "eth0"); len(us) != 1 || dsts[0] != p.addr || header(us[0].LSAs[0]).Seq != 5 || len(acks) != 0 {
		t.Errorf("%d answers to %v, %d acknowledgements", len(us), dsts, len(acks))
	}
	if len(p.nbr().retx.entries) != 0 {
		t.Error("the answer is on the retransmission list")
	}
	l.advance(1100 * time.Millisecond)
	p.update(extLSA(p.id, "192.0.2.0", 4))
	if us, _ := on[*packet.LSUpdate](l.take(), "eth0"); len(us) != 1 {
		t.Errorf("%d answers after MinLSArrival", len(us))
	}
	q, _ := loading(l, "9.9.9.9", 1) // keeps MaxAge LSAs in the database
	p.update(aged(extLSA(p.id, "192.0.3.0", packet.MaxSeq), packet.MaxAge))
	l.advance(2 * time.Second)
	l.take()
	p.update(extLSA(p.id, "192.0.3.0", 4))
	if list := flooded(l.take(), "eth0"); len(list) != 0 {
		t.Errorf("answered with %v", list)
	}
	l.wantState(q, nbrLoading)
}

// table19 is a LAN where we have the given role, with two Full neighbours as far
// as the role has any: "DR" and "other".
func table19(t *testing.T, role ifState) (l *lab, peers map[string]*peer) {
	t.Helper()
	l = newLab(t)
	peers = map[string]*peer{}
	switch role {
	case ifDR:
		l.advance(41 * time.Second)
		peers["other"], peers["third"] = l.full("eth0", "2.2.2.2", "10.0.0.2"), l.full("eth0", "3.3.3.3", "10.0.0.3")
	case ifBackup:
		peers["DR"] = l.full("eth0", "2.2.2.2", "10.0.0.2")
		peers["DR"].hello.BDR = ip("10.0.0.1")
		peers["other"] = l.full("eth0", "3.3.3.3", "10.0.0.3")
	case ifDROther:
		var bdr *peer
		l, peers["DR"], bdr = lan(t, 1)
		peers["Backup"] = bdr
	}
	l.advance(6 * time.Second)
	if s := l.iface("eth0").state; s != role {
		t.Fatalf("we are %s, not %s", s, role)
	}
	for _, p := range peers {
		p.acks = false
	}
	l.out = nil
	return l, peers
}

// 13.5, table 19, and 13.3 (3), (4): who acknowledges and who floods back, cell by cell.
func TestLSUpdate13_5_Table19(t *testing.T) {
	for _, c := range []struct {
		role      ifState
		from      string
		row       string // new, implied, duplicate, maxage
		ack       string // none, delayed, direct
		floodBack bool
	}{
		{ifDR, "other", "new", "none", true}, // the flood is the acknowledgement
		{ifBackup, "DR", "new", "delayed", false},
		{ifBackup, "other", "new", "none", false},
		{ifDROther, "DR", "new", "delayed", false},
		{ifDROther, "Backup", "new", "delayed", false},
		{ifDR, "other", "implied", "none", false},
		{ifBackup, "DR", "implied", "delayed", false},
		{ifBackup, "other", "implied", "none", false},
		{ifDROther, "DR", "implied", "none", false},
		{ifDROther, "Backup", "implied", "none", false},
		{ifDR, "other", "duplicate", "direct", false},
		{ifBackup, "DR", "duplicate", "direct", false},
		{ifBackup, "other", "duplicate", "direct", false},
		{ifDROther, "DR", "duplicate", "direct", false},
		{ifDROther, "Backup", "duplicate", "direct", false},
		{ifDR, "other", "maxage", "direct", false},
		{ifBackup, "DR", "maxage", "direct", false},
		{ifBackup, "other", "maxage", "direct", false},
		{ifDROther, "DR", "maxage", "direct", false},
	} {
		t.Run(fmt.Sprintf("%s/%s/%s", c.role, c.from, c.row), func(t *testing.T) {
			l, peers := table19(t, c.role)
			p := peers[c.from]
			raw := extLSA(id("9.9.9.9"), "192.0.2.0", 1)
			switch c.row {
			case "implied", "duplicate":
				q := l.full("tun0", "9.9.9.9", "10.1.0.2")
				q.update(raw)
				l.advance(2 * time.Second)
				if c.row == "duplicate" {
					l.ack(p, &packet.LSAck{Headers: []packet.LSAHeader{header(raw)}})
				}
			case "maxage":
				raw = aged(raw, packet.MaxAge)
			}
			l.out = nil
			p.update(raw)
			at := l.take()
			l.advance(time.Second)
			later := l.take()
			back := len(flooded(at, "eth0")) > 0
			if back != c.floodBack {
				t.Errorf("flooded back: %t", back)
			}
			now, nowTo := acked(at, "eth0")
			then, thenTo := acked(later, "eth0")
			got := "none"
			var to []netip.Addr
			switch {
			case len(now) > 0:
				got, to = "direct", nowTo
			case len(then) > 0:
				got, to = "delayed", thenTo
			}
			if got != c.ack {
				t.Fatalf("acknowledgement is %s, not %s", got, c.ack)
			}
			if got == "none" {
				return
			}
			want := p.addr
			if got == "delayed" {
				want = map[ifState]netip.Addr{ifDR: allSPFRouters, ifBackup: allSPFRouters, ifDROther: allDRouters}[c.role]
			}
			if len(to) != 1 || to[0] != want {
				t.Errorf("acknowledged to %v, not %s", to, want)
			}
		})
	}
}

// 13.5: delayed acknowledgements share packets and leave well within RxmtInterval.
func TestLSUpdate13_5_DelayedTogether(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	for n := range 30 {
		p.update(extLSA(p.id, fmt.Sprintf("192.0.%d.0", n), 1))
	}
	l.advance(time.Second)
	as, dsts := on[*packet.LSAck](l.take(), "tun0")
	if len(as) != 1 || len(as[0].Headers) != 30 || dsts[0] != allSPFRouters {
		t.Errorf("%d packets to %v", len(as), dsts)
	}
}

// The database is bounded in LSAs and bytes; what is known goes on being updated.
func TestLSUpdate_Limit(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 20 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	q := l.full("eth0", "3.3.3.3", "10.0.0.3")
	for n := range 100 {
		p.update(extLSA(p.id, fmt.Sprintf("192.0.%d.0", n), 1))
	}
	for n := range 50 { // claims to be ours
		p.update(extLSA(self, fmt.Sprintf("193.0.%d.0", n), 1))
	}
	if n := l.e.as.Len(); n != 20 || l.rejected("tun0", RejectLSALimit) != 130 {
		t.Errorf("%d LSAs, %d refused", n, l.rejected("tun0", RejectLSALimit))
	}
	l.advance(2 * time.Second)
	known := extLSA(p.id, "192.0.0.0", 2)
	p.update(known)
	if header(l.lsa(header(known).Key())).Seq != 2 {
		t.Error("a known LSA is no longer updated")
	}
	for n := range 30 {
		p.update(build(packet.LSOpaqueArea, packet.ID(n), p.id, 1, 1, make(packet.OpaqueLSA, 60000)))
	}
	if b := l.e.areas[0].db.Bytes(); b > 1<<20 {
		t.Errorf("%d bytes", b)
	}
	l.wantState(p, nbrFull)
	l.wantState(q, nbrFull)
}

// A neighbour in Loading whose LSAs do not fit gets to Full all the same.
func TestLSUpdate_LimitDoesNotBlockLoading(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxLSAs = 5 })
	p, lsas := loading(l, "2.2.2.2", 5)
	l.cfg.MaxLSAs = 2
	l.step(l.cfg)
	p.update(lsas...)
	l.wantState(p, nbrFull)
}
