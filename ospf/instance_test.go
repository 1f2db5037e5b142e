package ospf

import (
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// RFC 6549 3.1: packets of other instances are dropped without a word but a number, whatever else is wrong with
// them; with an instance of our own that is the one. Another configuration starts anew.
func TestInstance6549(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	say := func(instance uint8) {
		d := p.datagram(allSPFRouters, &p.hello)
		d.Data = packet.Append(nil, packet.Header{RouterID: p.id, AreaID: p.area, Instance: instance}, &p.hello)
		l.step(d)
	}
	say(5)
	if p.state() != nbrDown || l.rejected("tun0", RejectInstance) != 1 || len(l.e.Neighbors(l.now)) != 0 {
		t.Errorf("state %s, %d dropped, %v", p.state(), l.rejected("tun0", RejectInstance), l.e.Neighbors(l.now))
	}
	for _, ev := range l.events {
		if r, ok := ev.(PacketRejected); ok {
			t.Errorf("told of: %+v", r)
		}
	}
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Instance = 5 })
	l.take()
	say(0)
	l.wantState(p, nbrDown)
	say(5)
	l.wantState(p, nbrExStart)
	for _, s := range l.take() {
		if s.h.Instance != 5 {
			t.Errorf("%s of instance %d sent", s.h.Type, s.h.Instance)
		}
	}
}
