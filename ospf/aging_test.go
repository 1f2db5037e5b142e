package ospf

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// 14: a foreign LSA that reaches MaxAge is flooded as such, leaves the
// calculation, and leaves the database when it was acknowledged.
func TestAging14_Expiry(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	p.acks = false
	raw := aged(extLSA(id("9.9.9.9"), "192.0.2.0", 1), 3590)
	p.update(raw)
	k := header(raw).Key()
	l.advance(9 * time.Second)
	l.out = nil
	if h := header(l.lsa(k)); h.Age != 3599 {
		t.Errorf("age %d", h.Age)
	}
	l.advance(2 * time.Second)
	list := flooded(l.take(), "tun0")
	if len(list) != 1 || list[0].Key() != k || list[0].Age != packet.MaxAge {
		t.Fatalf("flooded %v", list)
	}
	if l.lsa(k) == nil {
		t.Fatal("gone before the acknowledgement")
	}
	l.ack(p, &packet.LSAck{Headers: list})
	if l.lsa(k) != nil {
		t.Error("still there after the acknowledgement")
	}
}

// 14: while a neighbour is in Exchange or Loading a MaxAge LSA stays.
func TestAging14_KeptDuringExchange(t *testing.T) {
	l := newLab(t)
	q := l.full("eth0", "9.9.9.9", "10.0.0.9")
	raw := extLSA(q.id, "192.0.2.0", 1)
	q.update(raw)
	p, lsas := loading(l, "2.2.2.2", 1)
	l.advance(2 * time.Second)
	q.update(aged(raw, packet.MaxAge))
	l.advance(time.Second)
	if l.lsa(header(raw).Key()) == nil {
		t.Fatal("gone while a neighbour is in Loading")
	}
	p.update(lsas...)
	l.wantState(p, nbrFull)
	if l.lsa(header(raw).Key()) != nil {
		t.Error("still there afterwards")
	}
}

// 14: without neighbours a MaxAge LSA leaves at once.
func TestAging14_NoNeighbours(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	raw := aged(extLSA(id("9.9.9.9"), "192.0.2.0", 1), 3000)
	p.update(raw)
	p.alive = false
	l.advance(601 * time.Second)
	if l.lsa(header(raw).Key()) != nil {
		t.Error("still there")
	}
	if n := len(l.e.maxAged); n != 0 {
		t.Errorf("%d wait to be removed", n)
	}
}

// 12.4: own LSAs are refreshed before LSRefreshTime, with the next sequence
// number, and not all together.
func TestAging14_Refresh(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.Redistribute = []Redistribute{{Source: Static, Metric: 1}} })
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	offer := Offer{Source: Static}
	for n := range 50 {
		offer.Add = append(offer.Add, prefix24(n))
	}
	l.step(offer)
	l.advance(10 * time.Second)
	l.out = nil
	before, body := l.own()
	l.advance(890 * time.Second)
	if n := len(flooded(l.take(), "tun0")); n != 0 {
		t.Errorf("%d refreshes in the first 890 s", n)
	}
	times := map[time.Time]int{}
	for range 905 {
		l.advance(time.Second)
		if n := len(flooded(l.take(), "tun0")); n > 0 {
			times[l.now] += n
		}
	}
	total := 0
	for _, n := range times {
		total += n
	}
	after, again := l.own()
	if total != 51 || len(times) < 20 || after.Seq != before.Seq+1 || describeLinks(body) != describeLinks(again) {
		t.Errorf("%d refreshes at %d instants, sequence number %d after %d", total, len(times), after.Seq, before.Seq)
	}
}

// 14: what memory has changed is found within CheckAge, told, and not used; an own LSA is originated anew,
// another comes with its next instance.
func TestAging14_CheckAge(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.alive = true
	for n := range 100 {
		p.update(extLSA(p.id, fmt.Sprintf("192.0.%d.0", n), 1))
	}
	spoil := func(d *database, k packet.Key) { d.Lookup(k).Raw[packet.LSAHeaderLen+3] ^= 4 }
	other := header(extLSA(p.id, "192.0.57.0", 1)).Key()
	spoil(l.e.as, other)
	before, _ := l.own()
	spoil(l.e.areas[0].db, before.Key())
	l.advance((packet.CheckAge + 10) * time.Second)
	if l.lsa(other) != nil || l.e.as.Len() != 99 {
		t.Errorf("%d externals, the bad one among them: %t", l.e.as.Len(), l.lsa(other) != nil)
	}
	if after, _ := l.own(); after.Seq != before.Seq+1 || l.alarms("corrupt-lsa") != 2 {
		t.Errorf("sequence number %d after %d, %d alarms", after.Seq, before.Seq, l.alarms("corrupt-lsa"))
	}
	p.update(extLSA(p.id, "192.0.57.0", 2))
	if l.lsa(other) == nil {
		t.Error("the next instance is not taken")
	}
	l.events = nil
	l.advance(2 * packet.CheckAge * time.Second)
	if l.alarms("corrupt-lsa") != 0 {
		t.Error("alarms without a reason")
	}
}
