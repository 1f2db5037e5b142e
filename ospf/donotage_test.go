package ospf

import (
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// lasting makes an LSA one that does not grow old, of a router that knows of such.
func lasting(raw []byte, age uint16) []byte {
	raw = demand(raw)
	packet.SetAge(raw, packet.DoNotAge|age)
	return raw
}

// demand sets the DC bit of an LSA.
func demand(raw []byte) []byte {
	raw[2] |= byte(packet.OptDC)
	packet.SetChecksum(raw)
	return raw
}

// joined is the router-LSA of a peer on tun0 that is Full with us, and with others over unnumbered links.
func joined(p *peer, seq packet.Seq, others ...packet.ID) []byte {
	links := []packet.RouterLink{{Type: packet.LinkPointToPoint, ID: self, Data: packet.IDFromAddr(p.addr), Metric: 1}}
	for n, id := range others {
		links = append(links, packet.RouterLink{Type: packet.LinkPointToPoint, ID: id, Data: packet.ID(n + 1), Metric: 1})
	}
	return routerLSA(p.id, seq, links...)
}

// stays tells whether the LSA is in the database and not on its way out.
func (l *lab) stays(raw []byte) bool {
	got := l.lsa(header(raw).Key())
	return got != nil && header(got).Age&^packet.DoNotAge != packet.MaxAge
}

// RFC 1793 2.2: an LSA with DoNotAge does not grow old, but for InfTransDelay on its way, and is compared
// by its age without the bit.
func TestAging1793_2_2_DoNotAge(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	q := l.full("eth0", "3.3.3.3", "10.0.0.3")
	raw := lasting(extLSA(p.id, "192.0.2.0", 1), 5)
	p.update(lasting(joined(p, 1), 1), raw)
	sent := flooded(l.take(), "eth0")
	if len(sent) == 0 || sent[len(sent)-1].Age != packet.DoNotAge|6 {
		t.Errorf("flooded as %+v", sent)
	}
	l.advance(3 * time.Hour)
	if got := l.lsa(header(raw).Key()); got == nil || header(got).Age != packet.DoNotAge|5 {
		t.Fatalf("after 3 h %x", got)
	}
	l.take()
	q.update(aged(raw, 7)) // the same instance, without the bit
	if got := header(l.lsa(header(raw).Key())); got.Age != packet.DoNotAge|5 {
		t.Errorf("replaced by the same instance: age %x", got.Age)
	}
	p.update(aged(raw, packet.MaxAge))
	if l.stays(raw) {
		t.Error("its originator cannot flush it")
	}
}

// RFC 1793 2.3: what does not grow old goes when it is older than MaxAge and its originator has been
// unreachable for as long.
func TestAging1793_2_3_Unreachable(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	other := id("9.9.9.9")
	back := lasting(routerLSA(other, 1, packet.RouterLink{Type: packet.LinkPointToPoint, ID: p.id, Data: 1, Metric: 1}), 1)
	near, far, ghost := lasting(extLSA(p.id, "192.0.2.0", 1), 5), lasting(extLSA(other, "192.0.3.0", 1), 5), lasting(extLSA(id("8.8.8.8"), "192.0.4.0", 1), 5)
	p.update(lasting(joined(p, 1, other), 1), back, near, far, ghost)
	l.advance(59 * time.Minute)
	if !l.stays(near) || !l.stays(far) || !l.stays(ghost) {
		t.Fatal("flushed too early")
	}
	p.update(lasting(joined(p, 2), 1)) // the link to the other router is gone
	l.advance(4 * time.Minute)
	if !l.stays(near) || !l.stays(far) || l.stays(ghost) {
		t.Fatalf("after 63 min: %t %t %t", l.stays(near), l.stays(far), l.stays(ghost))
	}
	l.advance(50 * time.Minute)
	p.update(lasting(joined(p, 3, other), 1)) // and comes back in time
	l.advance(30 * time.Minute)
	p.update(lasting(joined(p, 4), 1))
	l.advance(58 * time.Minute)
	if !l.stays(far) || !l.stays(back) {
		t.Fatal("the time before it was reachable again counts")
	}
	l.advance(4 * time.Minute)
	if !l.stays(near) || l.stays(far) || l.stays(back) {
		t.Errorf("in the end: %t %t %t", l.stays(near), l.stays(far), l.stays(back))
	}
}

// RFC 1793 2.5: where a router does not know the DoNotAge bit such LSAs do not stay; a router that goes on making
// them is not fought.
func TestAging1793_2_5_Forbidden(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	raw := lasting(extLSA(p.id, "192.0.2.0", 1), 5)
	p.update(lasting(joined(p, 1), 1), raw)
	l.advance(10 * time.Minute)
	if !l.stays(raw) {
		t.Fatal("flushed although everybody knows the bit")
	}
	p.alive = true
	p.update(routerLSA(id("9.9.9.9"), 1))
	l.advance(2 * time.Minute)
	if l.stays(raw) {
		t.Fatal("stays although 9.9.9.9 does not know the bit")
	}
	again := lasting(extLSA(p.id, "192.0.2.0", 2), 5)
	p.update(again)
	l.advance(20 * time.Minute)
	if !l.stays(again) {
		t.Error("flushed again within 30 min")
	}
	l.advance(12 * time.Minute)
	if l.stays(again) {
		t.Error("not flushed again after 30 min")
	}
}

// RFC 1793 2.5.1: an area border router tells an area in which all know the bit that others do not, unless a router
// with a larger id does.
func TestIndication1793_2_5_1(t *testing.T) {
	l := newLab(t, areas(Area{ID: 0}, Area{ID: 1}, Area{ID: 2, Type: AreaStub, Summary: true}))
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	q := l.full("eth0", "3.3.3.3", "10.0.0.3")
	q.area = 1
	key := packet.Key{Type: packet.LSASBRSummary, ID: self, Adv: self}
	indicated := func(area int) bool {
		entry := l.e.areas[area].db.Lookup(key)
		return entry != nil && !entry.IsMaxAge(l.now)
	}
	p.update(demand(joined(p, 1)))
	q.update(demand(routerLSA(q.id, 1, packet.RouterLink{Type: packet.LinkPointToPoint, ID: self, Data: packet.IDFromAddr(q.addr), Metric: 1})))
	l.advance(6 * time.Second)
	if !l.e.border.active || indicated(0) || indicated(1) || indicated(2) {
		t.Fatalf("border router %t; indicated %t %t %t where everybody knows the bit", l.e.border.active, indicated(0), indicated(1), indicated(2))
	}
	p.update(routerLSA(id("9.9.9.9"), 1))
	l.advance(6 * time.Second)
	if indicated(0) || !indicated(1) || indicated(2) {
		t.Fatalf("indicated %t %t %t, not to area 1 alone", indicated(0), indicated(1), indicated(2))
	}
	body, err := packet.DecodeSummaryLSA(l.e.areas[1].db.Lookup(key).Raw)
	if err != nil || body.Metric != packet.LSInfinity {
		t.Errorf("%+v, %v", body, err)
	}
	rival := build(packet.LSASBRSummary, id("7.7.7.7"), id("7.7.7.7"), 1, 1, packet.SummaryLSA{Metric: packet.LSInfinity})
	q.update(rival)
	l.advance(6 * time.Second)
	if indicated(1) {
		t.Error("indicated beside 7.7.7.7")
	}
	q.update(aged(rival, packet.MaxAge))
	l.advance(6 * time.Second)
	if !indicated(1) {
		t.Error("not indicated after 7.7.7.7")
	}
	p.update(aged(routerLSA(id("9.9.9.9"), 1), packet.MaxAge))
	l.advance(6 * time.Second)
	if indicated(1) {
		t.Error("indicated although everybody knows the bit again")
	}
}
