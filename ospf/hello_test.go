package ospf

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// 9.5: the first Hello at once, then one every HelloInterval, to AllSPFRouters,
// with the interface's parameters and every neighbour heard.
func TestHello9_5_Sending(t *testing.T) {
	l := newLab(t)
	hellos, dsts := on[*packet.Hello](l.take(), "eth0")
	if len(hellos) != 1 || dsts[0] != allSPFRouters {
		t.Fatalf("%d hellos to %v at the start", len(hellos), dsts)
	}
	h := hellos[0]
	if h.Mask != ip("255.255.255.0") || h.HelloInterval != 10 || h.DeadInterval != 40 || h.Options != packet.OptE || h.Priority != 1 || h.DR != unspecified || h.BDR != unspecified {
		t.Errorf("hello is %+v", h)
	}
	p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.alive = true
	p.bring(nbrInit)
	l.take()
	l.advance(40 * time.Second)
	hellos, _ = on[*packet.Hello](l.take(), "eth0")
	if len(hellos) != 4 || !slices.Equal(hellos[3].Neighbors, []packet.ID{p.id}) {
		t.Errorf("%d hellos in 40 s, listing %v", len(hellos), hellos[3].Neighbors)
	}
	for name, mask := range map[string]string{"tun0": "255.255.255.252", "tun1": "0.0.0.0"} {
		if got := l.iface(name).mask().Addr(); got != ip(mask) {
			t.Errorf("%s says mask %s, not %s", name, got, mask)
		}
	}
}

// A Hello of a router that was not known is answered at once, but not more than once a second.
func TestHello_AnsweredOutOfTurn(t *testing.T) {
	l := newLab(t)
	l.advance(3 * time.Second)
	l.take()
	l.peer("eth0", "2.2.2.2", "10.0.0.2").bring(nbrInit)
	l.peer("eth0", "3.3.3.3", "10.0.0.3").bring(nbrInit)
	hellos, _ := on[*packet.Hello](l.take(), "eth0")
	if len(hellos) != 1 || !slices.Contains(hellos[0].Neighbors, id("2.2.2.2")) {
		t.Errorf("%d hellos in answer", len(hellos))
	}
	p := l.full("tun0", "4.4.4.4", "10.1.0.2")
	l.advance(3 * time.Second)
	l.take()
	p.hello.Neighbors = nil // it has restarted
	p.hi()
	if hellos, _ := on[*packet.Hello](l.take(), "tun0"); len(hellos) != 1 || !slices.Contains(hellos[0].Neighbors, p.id) {
		t.Errorf("%d hellos in answer to a neighbour that lists us no longer", len(hellos))
	}
}

// 10.5: each parameter that differs drops the Hello: no neighbour is made, one
// that exists is not refreshed, the reason is counted and shown.
func TestHello10_5_Mismatch(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(*peer)
		reason Reject
		why    string
	}{
		{"mask", func(p *peer) { p.hello.Mask = ip("255.255.0.0") }, RejectMask, "mask mismatch: neighbour has 255.255.0.0, ours is 255.255.255.0"},
		{"mask not contiguous", func(p *peer) { p.hello.Mask = ip("255.0.255.0") }, RejectMask, "mask mismatch"},
		{"mask none", func(p *peer) { p.hello.Mask = unspecified }, RejectMask, "mask mismatch"},
		{"hello interval", func(p *peer) { p.hello.HelloInterval = 9 }, RejectHelloInterval, "neighbour has 9s, ours is 10s"},
		{"hello interval 0", func(p *peer) { p.hello.HelloInterval = 0 }, RejectHelloInterval, "neighbour has 0s"},
		{"dead interval", func(p *peer) { p.hello.DeadInterval = 41 }, RejectDeadInterval, "neighbour has 41s, ours is 40s"},
		{"dead interval 0", func(p *peer) { p.hello.DeadInterval = 0 }, RejectDeadInterval, "dead interval"},
		{"dead interval huge", func(p *peer) { p.hello.DeadInterval = 0x80000000 }, RejectDeadInterval, "dead interval"},
		{"E bit", func(p *peer) { p.hello.Options = 0 }, RejectOptions, "stub area"},
		{"N bit", func(p *peer) { p.hello.Options |= packet.OptNP }, RejectOptions, "NSSA"},
		{"area", func(p *peer) { p.area = 7 }, RejectArea, "area mismatch in hello: neighbour has 0.0.0.7, ours is 0.0.0.0"},
		{"router id", func(p *peer) { p.id = self }, RejectDuplicateID, "duplicate router id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
			c.edit(p)
			p.hi()
			if p.state() != nbrDown || l.rejected("eth0", c.reason) != 1 {
				t.Errorf("neighbour is %s, %d rejects", p.state(), l.rejected("eth0", c.reason))
			}
			if list := l.e.Neighbors(l.now); len(list) != 1 || list[0].State != "Down" || !strings.Contains(list[0].Why, c.why) {
				t.Errorf("status is %+v, want why %q", list, c.why)
			}
			l = newLab(t)
			p = l.full("eth0", "2.2.2.2", "10.0.0.2")
			c.edit(p)
			old := id("2.2.2.2")
			l.advance(39 * time.Second)
			if n := l.neighbor(p.addr); n == nil || n.state != nbrFull || n.id != old {
				t.Fatal("the mismatch ended the adjacency before the dead interval")
			}
			l.advance(2 * time.Second)
			if l.neighbor(p.addr) != nil {
				t.Error("wrong hellos keep the neighbour alive")
			}
		})
	}
}

// 10.5: on point-to-point links the mask does not count, nor does the subnet of the source.
func TestHello10_5_PointToPointMaskIgnored(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "172.16.5.5")
	p.hello.Mask = ip("255.0.0.0")
	p.hi()
	l.wantState(p, nbrExStart)
}

// A.2: unknown option bits do not matter.
func TestHello10_5_UnknownOptions(t *testing.T) {
	l := newLab(t)
	p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.hello.Options = 0xff &^ packet.OptNP
	p.hi()
	l.wantState(p, nbrTwoWay)
}

// 10.5: a Hello that no longer lists us brings the neighbour back to Init and
// empties its lists, but does not stop its inactivity timer.
func TestHello10_5_OneWay(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.acks = false
	p.hello.Neighbors = nil
	l.step(Offer{Source: Static, Add: nil})
	p.hi()
	l.wantState(p, nbrInit)
	n := p.nbr()
	if len(n.retx.entries)+len(n.requests.wanted)+len(n.exchange.summary) != 0 {
		t.Error("lists are not empty")
	}
	if list := l.e.Neighbors(l.now); !strings.Contains(list[0].Why, "one-way") {
		t.Errorf("why is %q", list[0].Why)
	}
	p.alive = false
	l.advance(41 * time.Second)
	l.wantState(p, nbrDown)
}

// 10.5: on a LAN another router id at a known address is another router.
func TestHello10_5_RouterIDChanges(t *testing.T) {
	for _, ifname := range []string{"eth0", "tun0"} {
		l := newLab(t)
		addr := map[string]string{"eth0": "10.0.0.2", "tun0": "10.1.0.2"}[ifname]
		p := l.full(ifname, "2.2.2.2", addr)
		p.alive = false
		q := l.peer(ifname, "9.9.9.9", addr)
		q.bring(nbrInit)
		if p.state() != nbrDown || len(l.iface(ifname).neighbors) != 1 {
			t.Errorf("%s: old neighbour is %s beside the new one", ifname, p.state())
		}
	}
}

// 10.5: on a point-to-point link a neighbour is known by its router id; when its
// address changes the adjacency starts anew.
func TestHello10_5_PointToPointAddressChanges(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.addr = ip("172.16.0.9")
	p.hi()
	l.wantState(p, nbrExStart)
	if len(l.iface("tun0").neighbors) != 1 {
		t.Error("the old address lives on")
	}
}

// A router id that shows up at a second address is an alarm and a second neighbour.
func TestHello_DuplicateNeighborID(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	q := l.peer("eth0", "2.2.2.2", "10.0.0.3")
	q.hi()
	l.wantState(p, nbrFull)
	if q.state() == nbrDown || l.alarms("duplicate-router-id") != 1 {
		t.Errorf("second neighbour is %s, %d alarms", q.state(), l.alarms("duplicate-router-id"))
	}
}

// Neighbours of one interface are limited.
func TestHello_NeighborLimit(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxNeighbors = 2 })
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	for n := range 20 {
		q := l.peer("eth0", "5.5.5.5", "10.0.0.100")
		q.id += packet.ID(n)
		q.addr = packet.ID(uint32(packet.IDFromAddr(q.addr)) + uint32(n)).Addr()
		q.hi()
	}
	if n := len(l.iface("eth0").neighbors); n != 2 || l.rejected("eth0", RejectNeighborLimit) != 19 {
		t.Errorf("%d neighbours, %d refused", n, l.rejected("eth0", RejectNeighborLimit))
	}
	l.wantState(p, nbrFull)
}
