package ospf

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func withBFD(l *lab) {
	l.cfg.Areas[0].Interfaces[0].BFD = BFD{MinInterval: 50 * time.Millisecond, Multiplier: 3}
}

// RFC 5882 10.1.1: a session is asked for with the neighbours that hear us, on links of
// all kinds, and not before.
func TestBFDSessions(t *testing.T) {
	l := newLab(t, withBFD)
	for _, c := range []struct {
		ifname, addr string
		state        nbrState
		want         string
	}{
		{"eth0", "10.0.0.2", nbrInit, "[]"},
		{"eth0", "10.0.0.3", nbrTwoWay, "[{{50ms 3 { [] false} false} 10.0.0.1 10.0.0.3 false}]"},
		{"tun0", "10.1.0.2", nbrFull, "[{{50ms 3 { [] false} false} 10.1.0.1 10.1.0.2 true}]"},
		{"tun1", "10.255.0.9", nbrFull, "[{{50ms 3 { [] false} false} 10.255.0.1 10.255.0.9 true}]"},
	} {
		l.peer(c.ifname, "9."+strings.TrimPrefix(c.addr, "10."), c.addr).bring(c.state)
		if got := fmt.Sprint(l.e.BFDSessions(c.ifname)); got != c.want {
			t.Errorf("%s: %s, want %s", c.ifname, got, c.want)
		}
	}
	if got := l.e.BFDSessions("gone"); got != nil {
		t.Errorf("of no interface: %v", got)
	}
	l.cfg.Areas[0].Interfaces[0].BFD = BFD{}
	l.step(l.cfg)
	if got := l.e.BFDSessions("tun0"); got != nil {
		t.Errorf("without BFD in the configuration: %v", got)
	}
	if n := l.iface("tun0").neighbors[0]; n.state != nbrFull {
		t.Errorf("and the neighbour is %s", n.state)
	}
}

// RFC 5882 10.1.2: the neighbour, and no other, goes Down at once, says why, and may
// come back at once.
func TestBFDDown(t *testing.T) {
	l := newLab(t, withBFD)
	p, other := l.peer("tun0", "2.2.2.2", "10.1.0.2"), l.peer("eth0", "3.3.3.3", "10.0.0.3")
	p.bring(nbrFull)
	other.bring(nbrFull)
	l.events = nil
	l.step(BFDDown{Interface: "eth0", Neighbor: ip("10.1.0.2"), Reason: "not there"})
	l.step(BFDDown{Interface: "gone", Neighbor: ip("10.1.0.2"), Reason: "not there"})
	l.step(BFDDown{Interface: "tun0", Neighbor: ip("10.1.0.2"), Reason: "control detection time expired (150ms)"})
	var changes []NeighborChange
	for _, ev := range l.events {
		if c, ok := ev.(NeighborChange); ok {
			changes = append(changes, c)
		}
	}
	if len(changes) != 1 || changes[0].From != "Full" || changes[0].To != "Down" ||
		changes[0].Reason != "InactivityTimer: BFD down: control detection time expired (150ms)" {
		t.Errorf("%+v", changes)
	}
	if len(l.iface("tun0").neighbors) != 0 || len(l.iface("eth0").neighbors) != 1 {
		t.Error("the wrong neighbours are left")
	}
	p.bring(nbrFull)
}

// An interface without BFD does not care.
func TestBFDDownIgnored(t *testing.T) {
	l := newLab(t)
	l.peer("tun0", "2.2.2.2", "10.1.0.2").bring(nbrFull)
	l.step(BFDDown{Interface: "tun0", Neighbor: ip("10.1.0.2")})
	if len(l.iface("tun0").neighbors) != 1 {
		t.Error("the neighbour is gone")
	}
}
