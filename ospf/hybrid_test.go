package ospf

import (
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// RFC 6845 4.6: DR and flooding as on a LAN; once we are synchronised with the DR the router-LSA has a link with a cost of its own
// to each neighbour in 2-Way or above that the DR has one to.
func TestHybrid6845(t *testing.T) {
	l := newLab(t, network(TypeHybrid, func(c *InterfaceConfig) {
		c.Priority, c.Static = 0, []StaticNeighbor{{Address: ip("10.0.0.4"), Cost: 40}}
	}))
	links := func(what, want string) {
		t.Helper()
		l.advance(6 * time.Second)
		const stubs = "stub 10.0.0.1 255.255.255.255 0\nstub 10.0.0.0 255.255.255.0 10\n" // 4.6.1
		if _, r := l.own(); !strings.HasPrefix(describeLinks(r), stubs+want+"stub 10.255") {
			t.Errorf("%s:\n%s", what, describeLinks(r))
		}
	}
	dr, other := l.peer("eth0", "2.2.2.2", "10.0.0.2"), l.peer("eth0", "4.4.4.4", "10.0.0.4")
	says := func(p *peer, seq packet.Seq, linked ...packet.ID) {
		var list []packet.RouterLink
		for _, id := range linked {
			list = append(list, packet.RouterLink{Type: packet.LinkPointToPoint, ID: id, Data: packet.IDFromAddr(p.addr), Metric: 10})
		}
		dr.update(routerLSA(p.id, seq, list...))
	}
	dr.hello.DR = dr.addr
	other.hello.DR, other.hello.Priority, other.alive = dr.addr, 0, true
	dr.hi()
	other.hi()
	l.wantState(other, nbrTwoWay)
	links("before the DR is Full", "")
	dr.bring(nbrFull)
	const toDR, toOther = "point-to-point 2.2.2.2 10.0.0.1 10\n", "point-to-point 4.4.4.4 10.0.0.1 40\n"
	links("who is synchronised with the DR is not known", toDR)
	says(dr, 1, self, other.id)
	links("the DR links to both", toDR+toOther)
	says(dr, 2, self)
	links("the DR no longer links to the other", toDR)

	// The DR leaves, and the Backup takes its place: its links count once it says that it does.
	says(dr, 3, self, other.id)
	other.hello.BDR, other.hello.Priority = other.addr, 1
	other.hi()
	other.bring(nbrFull)
	says(other, 1, self)
	links("with a Backup", toDR+toOther)
	dr.alive = false
	l.advance(42 * time.Second)
	if i := l.iface("eth0"); i.dr != other.addr {
		t.Fatalf("DR is %s", i.dr)
	}
	links("the new DR does not know it yet", "")
	other.hello.DR, other.hello.BDR = other.addr, unspecified
	other.hi()
	links("the new DR knows that it is", toOther)

	// 5: somebody takes the network for a broadcast network.
	l.events = nil
	other.update(build(packet.LSNetwork, packet.IDFromAddr(other.addr), other.id, 1, 1, packet.NetworkLSA{Mask: packet.MaskOf(24), Routers: []packet.ID{other.id, self}}))
	if l.alarms("network-type") != 1 {
		t.Errorf("%d alarms of a network-LSA", l.alarms("network-type"))
	}
}

// RFC 6845 4.5, 4.6: the DR originates no network-LSA and has links to those that are Full.
func TestHybrid6845_DR(t *testing.T) {
	l := newLab(t, network(TypeHybrid, nil))
	l.advance(41 * time.Second)
	if i := l.iface("eth0"); i.state != ifDR {
		t.Fatalf("we are %s", i.state)
	}
	p, q := l.peer("eth0", "2.2.2.2", "10.0.0.2"), l.peer("eth0", "4.4.4.4", "10.0.0.4")
	for _, o := range l.peers {
		o.hello.DR, o.hello.Priority = ip("10.0.0.1"), 0
	}
	p.bring(nbrFull)
	q.bring(nbrExchange)
	q.alive = true
	l.advance(6 * time.Second)
	if _, r := l.own(); !strings.Contains(describeLinks(r), "point-to-point 2.2.2.2 10.0.0.1 10\n") || strings.Contains(describeLinks(r), "4.4.4.4") {
		t.Errorf("links:\n%s", describeLinks(r))
	}
	if l.lsa(packet.Key{Type: packet.LSNetwork, ID: id("10.0.0.1"), Adv: self}) != nil {
		t.Error("a network-LSA")
	}
}
