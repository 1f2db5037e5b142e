package ospf

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// RFC 5082 3: sent with 255, and nothing below is believed.
func TestAdmission5082_TTL(t *testing.T) {
	for _, c := range []struct {
		hops    uint8
		sent    uint8
		ttl     uint8
		refused bool
	}{
		{0, 1, 1, false},
		{1, 255, 255, false},
		{1, 255, 254, true},
		{1, 255, 1, true},
		{3, 255, 253, false},
		{3, 255, 252, true},
		{254, 255, 2, false},
		{254, 255, 0, true},
	} {
		l := newLab(t, func(l *lab) { l.cfg.Areas[0].Interfaces[0].TTLHops = c.hops })
		p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
		d := p.datagram(allSPFRouters, &p.hello)
		d.TTL = c.ttl
		l.step(d)
		if got := l.rejected("tun0", RejectTTL) == 1; got != c.refused || (p.state() == nbrDown) != c.refused {
			t.Errorf("%d hops, TTL %d: refused %v, neighbour is %s", c.hops, c.ttl, got, p.state())
		}
		for _, tx := range l.out {
			if tx.TTL != c.sent {
				t.Errorf("%d hops: sent with TTL %d", c.hops, tx.TTL)
			}
		}
	}
}

// Only those that are allowed become neighbours, or stay.
func TestAdmission_Allowed(t *testing.T) {
	allow := func(list ...netip.Prefix) func(*Config, *InterfaceConfig) {
		return func(_ *Config, i *InterfaceConfig) { i.Allowed = list }
	}
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.reload(allow(pfx("10.1.0.0/30"), pfx("10.0.0.3/32")))
	l.wantState(p, nbrFull)
	stranger := l.peer("eth0", "4.4.4.4", "10.0.0.4")
	stranger.hi()
	l.wantState(stranger, nbrDown)
	if l.rejected("eth0", RejectNotAllowed) != 1 {
		t.Error("the stranger was not counted")
	}
	i := slices.IndexFunc(l.e.Neighbors(l.now), func(n NeighborStatus) bool {
		return strings.Contains(n.Why, "10.0.0.4 is not one of allowed-neighbors")
	})
	if i < 0 {
		t.Errorf("%+v", l.e.Neighbors(l.now))
	}
	l.reload(allow(pfx("10.0.0.0/24")))
	l.wantState(p, nbrDown)
	if got := l.happened(p.addr); !slices.Equal(got, []string{"Full>Down"}) {
		t.Errorf("%v", got)
	}
	p.alive = false
	stranger.hi()
	l.wantState(stranger, nbrTwoWay)
}
