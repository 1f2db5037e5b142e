package ospf

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// loading brings a peer on tun0 to Loading with n LSAs of 9.9.9.9 described.
func loading(l *lab, routerID string, n int) (*peer, [][]byte) {
	l.t.Helper()
	p := l.peer("tun0", routerID, "10.1.0.2")
	p.bring(nbrExchange)
	var lsas [][]byte
	var headers []packet.LSAHeader
	for k := range n {
		lsas = append(lsas, extLSA(id("9.9.9.9"), fmt.Sprintf("192.%d.%d.0", 1+k/256, k%256), 10))
		headers = append(headers, header(lsas[k]))
	}
	p.describe(headers...)
	l.wantState(p, nbrLoading)
	p.alive = true
	return p, lsas
}

// 10.9: as many requests as fit into a packet; the next ones when these are
// answered; Full at the end.
func TestLSReq10_9_Batches(t *testing.T) {
	for _, rid := range []string{"2.2.2.2", "0.0.0.9"} {
		l := newLab(t)
		p, lsas := loading(l, rid, 300)
		asked := 0
		for range 3 {
			reqs, _ := on[*packet.LSReq](l.take(), "tun0")
			if len(reqs) != 1 {
				t.Fatalf("%s: %d requests out after %d LSAs", rid, len(reqs), asked)
			}
			if n := len(reqs[0].Keys); n > (1400-20-24)/12 {
				t.Errorf("%d keys in a packet", n)
			}
			for range reqs[0].Keys {
				p.update(lsas[asked])
				asked++
			}
		}
		if asked != 300 {
			t.Errorf("%s: %d LSAs asked for", rid, asked)
		}
		l.wantState(p, nbrFull)
	}
}

// 10.9: requests are repeated every RxmtInterval.
func TestLSReq10_9_Repeated(t *testing.T) {
	l := newLab(t)
	p, lsas := loading(l, "2.2.2.2", 3)
	l.take()
	l.advance(11 * time.Second)
	if reqs, dsts := on[*packet.LSReq](l.take(), "tun0"); len(reqs) != 2 || len(reqs[1].Keys) != 3 || dsts[0] != allSPFRouters {
		t.Fatalf("%d requests in 11 s", len(reqs))
	}
	p.update(lsas[1])
	l.advance(5 * time.Second)
	if reqs, _ := on[*packet.LSReq](l.take(), "tun0"); len(reqs) != 1 || len(reqs[0].Keys) != 2 {
		t.Errorf("what arrived is asked for again: %v", reqs)
	}
}

// 13.3 (1)(b): LSAs that arrive through another neighbour leave the list, too.
func TestLSReq13_3_AnsweredByAnother(t *testing.T) {
	l := newLab(t)
	q := l.full("eth0", "9.9.9.9", "10.0.0.9")
	p, lsas := loading(l, "2.2.2.2", 3)
	p.acks = false
	q.update(lsas...)
	l.wantState(p, nbrFull)
	if p.nbr().retx.get(header(lsas[0]).Key()) != nil {
		t.Error("the same instance is sent to a neighbour that has it")
	}

	l = newLab(t)
	q = l.full("eth0", "9.9.9.9", "10.0.0.9")
	p, lsas = loading(l, "2.2.2.2", 1)
	p.acks = false
	q.update(extLSA(id("9.9.9.9"), "192.1.0.0", 9)) // older than what p has: stays on the list
	l.wantState(p, nbrLoading)
	l.advance(2 * time.Second)
	q.update(extLSA(id("9.9.9.9"), "192.1.0.0", 11)) // newer: off the list, and p gets it
	l.wantState(p, nbrFull)
	if p.nbr().retx.get(header(lsas[0]).Key()) == nil {
		t.Error("a newer instance is not sent to a neighbour that has the older one")
	}
}

// 10.7: requests are answered directly, each LSA once, in as many packets as they need.
func TestLSReq10_7_Answer(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	var keys []packet.Key
	for n := range 100 {
		raw := extLSA(p.id, fmt.Sprintf("192.0.%d.0", n), 1)
		p.update(raw)
		keys = append(keys, header(raw).Key())
	}
	l.take()
	p.acks = false
	p.send(&packet.LSReq{Keys: append(keys, keys...)})
	list := l.take()
	us, dsts := on[*packet.LSUpdate](list, "eth0")
	n := 0
	for k, u := range us {
		n += len(u.LSAs)
		if dsts[k] != p.addr {
			t.Errorf("answer to %s", dsts[k])
		}
	}
	if n != 100 || len(us) != 3 {
		t.Errorf("%d LSAs in %d packets", n, len(us))
	}
	if len(p.nbr().retx.entries) != 0 {
		t.Error("answers to requests are not retransmitted: the request is")
	}
}

// 10.7: a request for what we do not have is a BadLSReq.
func TestLSReq10_7_BadLSReq(t *testing.T) {
	for name, k := range map[string]packet.Key{
		"unknown":            {Type: packet.LSExternal, ID: 1, Adv: 2},
		"type 0":             {ID: 1, Adv: 2},
		"type 7":             {Type: packet.LSNSSA, ID: 1, Adv: 2},
		"type 9, other link": {Type: packet.LSOpaqueLink, ID: id("3.0.0.1"), Adv: id("2.2.2.2")},
	} {
		l := newLab(t)
		p := l.full("eth0", "2.2.2.2", "10.0.0.2")
		q := l.full("tun0", "3.3.3.3", "10.1.0.2")
		p.update(build(packet.LSOpaqueLink, id("3.0.0.1"), p.id, 1, 1, packet.OpaqueLSA{}))
		q.send(&packet.LSReq{Keys: []packet.Key{k}})
		if q.state() != nbrExStart {
			t.Errorf("%s: %s", name, q.state())
		}
		l.wantState(p, nbrFull)
	}
}

// 10.7: below Exchange requests are dropped.
func TestLSReq10_7_EarlyStates(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExStart)
	p.send(&packet.LSReq{Keys: []packet.Key{{Type: packet.LSRouter, ID: self, Adv: self}}})
	if l.rejected("tun0", RejectNeighborState) != 1 || p.state() != nbrExStart {
		t.Error("answered in ExStart")
	}
}

// An LSA that came intact and is refused for good is not asked for again: it
// would keep the adjacency in Loading for ever.
func TestLSReq_RefusedLSADoesNotBlockLoading(t *testing.T) {
	for name, bad := range map[string][]byte{
		"router-LSA of another": build(packet.LSRouter, id("8.8.8.8"), id("9.9.9.9"), 1, 1, packet.RouterLSA{}),
		"metric missing":        build(packet.LSExternal, id("192.0.2.0"), id("9.9.9.9"), 1, 1, packet.OpaqueLSA{1, 2, 3, 4}),
	} {
		l := newLab(t)
		p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
		p.bring(nbrExchange)
		p.describe(header(bad))
		l.wantState(p, nbrLoading)
		broken := append([]byte(nil), bad...)
		broken[len(broken)-1] ^= 1
		p.update(broken)
		l.wantState(p, nbrLoading) // damaged on the way: ask again
		p.update(bad)
		if p.state() != nbrFull || l.rejected("tun0", RejectLSA) != 2 {
			t.Errorf("%s: %s", name, p.state())
		}
	}
}

// 10.9, 13 (5)(a): the answer to a request comes within MinLSArrival of an
// instance that another neighbour flooded. Loading ends with MinLSArrival, not
// with the next request.
func TestLSReq_AnsweredWithinMinLSArrival(t *testing.T) {
	l := newLab(t)
	q := l.full("eth0", "9.9.9.9", "10.0.0.9")
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExchange)
	q.update(routerLSA(p.id, 1))
	p.describe(header(routerLSA(p.id, 3)))
	p.update(routerLSA(p.id, 4))
	l.wantState(p, nbrLoading)
	l.advance(1010 * time.Millisecond)
	l.wantState(p, nbrFull)
	if h := header(l.lsa(packet.Key{Type: packet.LSRouter, ID: p.id, Adv: p.id})); h.Seq != 4 {
		t.Errorf("sequence number %d", h.Seq)
	}
}

// 13 (5)(a): MinLSArrival counts from a copy that came by flooding. One that was
// asked for, from whomever, makes way for a newer one at once.
func TestLSReq_AnswersAreNotFlooded(t *testing.T) {
	l := newLab(t)
	k := packet.Key{Type: packet.LSRouter, ID: id("2.2.2.2"), Adv: id("2.2.2.2")}
	q := l.peer("eth0", "9.9.9.9", "10.0.0.9")
	q.bring(nbrExchange)
	q.describe(header(routerLSA(k.Adv, 1)))
	q.update(routerLSA(k.Adv, 1))
	l.wantState(q, nbrFull)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExchange)
	p.describe(header(routerLSA(k.Adv, 3)))
	for _, c := range []struct{ sent, taken packet.Seq }{{3, 3}, {4, 4}, {5, 4}} {
		p.update(routerLSA(k.Adv, c.sent))
		if h := header(l.lsa(k)); h.Seq != c.taken {
			t.Errorf("after %d: sequence number %d", c.sent, h.Seq)
		}
	}
	l.wantState(p, nbrFull)
}
