package ospf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// 9.4 (2), (3) as a table. Each candidate is "address priority id declares-dr declares-bdr".
func TestElection9_4_Table(t *testing.T) {
	for _, c := range []struct {
		name, list, dr, bdr string
	}{
		{"nobody", "", "0.0.0.0", "0.0.0.0"},
		{"one alone", ".1 1 1 - -", ".1", ".1"},
		{"highest priority is backup, and DR for want of one", ".1 1 1 - - | .2 2 2 - -", ".2", ".2"},
		{"declared DR is not displaced", ".1 1 1 .1 - | .2 9 2 - -", ".1", ".2"},
		{"declared backup beats priority", ".1 1 1 .1 - | .2 1 2 - .2 | .3 9 3 - -", ".1", ".2"},
		{"two declared DRs: priority", ".1 1 1 .1 - | .2 2 2 .2 -", ".2", "0.0.0.0"},
		{"two declared DRs: router id", ".1 1 9 .1 - | .2 1 2 .2 -", ".1", "0.0.0.0"},
		{"two declared backups: router id", ".1 1 1 .1 - | .2 1 2 - .2 | .3 1 3 - .3", ".1", ".3"},
		{"DR gone: backup takes over", ".2 1 2 .1 .2 | .3 9 3 .1 .2", ".2", ".2"},
		{"declares both: is DR", ".2 1 2 .2 .2 | .3 1 3 .2 .2", ".2", ".3"},
		{"declares an address that is nobody's", ".2 1 2 .77 - | .3 1 3 .77 -", ".3", ".3"},
	} {
		var list []candidate
		addr := func(s string) string {
			if s == "-" {
				return "0.0.0.0"
			}
			if strings.HasPrefix(s, ".") {
				return "10.0.0" + s
			}
			return s
		}
		for _, s := range strings.Split(c.list, "|") {
			var a, dr, bdr string
			var prio, id int
			if n, _ := fmt.Sscan(s, &a, &prio, &id, &dr, &bdr); n == 5 {
				list = append(list, candidate{addr: ip(addr(a)), priority: uint8(prio), id: packet.ID(id), dr: ip(addr(dr)), bdr: ip(addr(bdr))})
			}
		}
		dr, bdr := electDR(list)
		if dr != ip(addr(c.dr)) || bdr != ip(addr(c.bdr)) {
			t.Errorf("%s: DR %s, backup %s, not %s, %s", c.name, dr, bdr, c.dr, c.bdr)
		}
	}
}

// 9.3: alone on a LAN the router is DR when the wait timer ends, and joins AllDRouters.
func TestElection9_3_Alone(t *testing.T) {
	l := newLab(t)
	l.advance(39 * time.Second)
	if s := l.iface("eth0").state; s != ifWaiting {
		t.Fatalf("state is %s", s)
	}
	l.groups = nil
	l.advance(2 * time.Second)
	if i := l.iface("eth0"); i.state != ifDR || i.dr != i.address() || i.bdr != unspecified {
		t.Errorf("%s, DR %s, backup %s", i.state, i.dr, i.bdr)
	}
	if len(l.groups) != 1 || l.groups[0].Group != allDRouters || !l.groups[0].Join {
		t.Errorf("memberships: %v", l.groups)
	}
	if _, body := l.own(); hasLink(body, packet.LinkTransit) {
		t.Error("a network with no other router is a stub network (12.4.1.2)")
	}
}

func hasLink(r packet.RouterLSA, kind packet.LinkType) bool {
	for _, l := range r.Links {
		if l.Type == kind {
			return true
		}
	}
	return false
}

// 9.2 BackupSeen: a Hello of a router that says it is Backup, or DR without
// Backup, ends the waiting, provided that it lists us.
func TestElection9_2_BackupSeen(t *testing.T) {
	for _, c := range []struct {
		dr, bdr string
		listed  bool
		want    ifState
	}{
		{"10.0.0.2", "0.0.0.0", true, ifBackup},
		{"10.0.0.3", "10.0.0.2", true, ifDROther}, // DR unknown yet: 10.0.0.2 is both for now
		{"10.0.0.2", "10.0.0.3", true, ifWaiting},
		{"0.0.0.0", "0.0.0.0", true, ifWaiting},
		{"10.0.0.2", "0.0.0.0", false, ifWaiting},
	} {
		l := newLab(t)
		p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
		p.hello.DR, p.hello.BDR = ip(c.dr), ip(c.bdr)
		if !c.listed {
			p.hello.Neighbors = nil
		}
		p.hi()
		if got := l.iface("eth0").state; got != c.want {
			t.Errorf("DR %s, backup %s, listed %t: %s, not %s", c.dr, c.bdr, c.listed, got, c.want)
		}
	}
}

// lan is a LAN with a DR (10.0.0.2), a Backup (10.0.0.3) and us as DROther.
func lan(t *testing.T, priority uint8) (l *lab, dr, bdr *peer) {
	t.Helper()
	l = newLab(t, func(l *lab) { l.cfg.Areas[0].Interfaces[0].Priority = priority })
	dr, bdr = l.peer("eth0", "2.2.2.2", "10.0.0.2"), l.peer("eth0", "3.3.3.3", "10.0.0.3")
	for _, p := range []*peer{dr, bdr} {
		p.hello.DR, p.hello.BDR = dr.addr, bdr.addr
		p.hello.Neighbors = append(p.hello.Neighbors, dr.id, bdr.id)
	}
	dr.hi()
	bdr.bring(nbrFull)
	dr.bring(nbrFull)
	if i := l.iface("eth0"); i.state != ifDROther || i.dr != dr.addr || i.bdr != bdr.addr {
		t.Fatalf("%s, DR %s, backup %s", i.state, i.dr, i.bdr)
	}
	l.advance(6 * time.Second)
	l.out, l.events = nil, nil
	return l, dr, bdr
}

// 9.4: a newcomer with a higher priority displaces nobody.
func TestElection9_4_NoPreemption(t *testing.T) {
	l, dr, bdr := lan(t, 1)
	q := l.peer("eth0", "9.9.9.9", "10.0.0.9")
	q.hello.Priority, q.hello.DR, q.hello.BDR = 255, dr.addr, bdr.addr
	q.alive = true
	q.hi()
	l.wantState(q, nbrTwoWay) // 10.4: two DROthers stay 2-Way
	l.advance(30 * time.Second)
	if i := l.iface("eth0"); i.dr != dr.addr || i.bdr != bdr.addr {
		t.Errorf("DR %s, backup %s", i.dr, i.bdr)
	}
}

// 9.4: the DR dies. The Backup is DR at once; when it says so we are the new
// Backup, with the adjacency to it untouched.
func TestElection9_4_DRDies(t *testing.T) {
	l, dr, bdr := lan(t, 1)
	dr.alive = false
	l.advance(41 * time.Second)
	i := l.iface("eth0")
	if dr.state() != nbrDown || i.dr != bdr.addr {
		t.Fatalf("old DR is %s, DR is %s", dr.state(), i.dr)
	}
	l.wantState(bdr, nbrFull)
	bdr.hello.DR, bdr.hello.BDR = bdr.addr, unspecified
	bdr.hi()
	if i.state != ifBackup || i.dr != bdr.addr || i.bdr != i.address() {
		t.Errorf("%s, DR %s, backup %s", i.state, i.dr, i.bdr)
	}
	l.wantState(bdr, nbrFull)
}

// 9.4 (4), 12.4.2: as Backup we become DR when the DR dies, elect a new Backup,
// start an adjacency with everyone and originate the network-LSA.
func TestElection9_4_BackupTakesOver(t *testing.T) {
	l := newLab(t)
	dr := l.full("eth0", "2.2.2.2", "10.0.0.2")
	if s := l.iface("eth0").state; s != ifBackup {
		t.Fatalf("state is %s", s)
	}
	other := l.full("eth0", "3.3.3.3", "10.0.0.3")
	other.hello.DR, other.hello.BDR = dr.addr, ip("10.0.0.1")
	dr.alive = false
	l.advance(41 * time.Second)
	i := l.iface("eth0")
	if i.state != ifDR || i.bdr != other.addr {
		t.Fatalf("%s, backup %s", i.state, i.bdr)
	}
	l.wantState(other, nbrFull)
	raw := l.lsa(packet.Key{Type: packet.LSNetwork, ID: id("10.0.0.1"), Adv: self})
	body, err := packet.DecodeNetworkLSA(raw)
	if err != nil || fmt.Sprint(body.Routers) != "[1.1.1.1 3.3.3.3]" || body.Mask != packet.MaskOf(24) {
		t.Errorf("network-LSA %+v, %v", body, err)
	}
	if _, r := l.own(); !hasLink(r, packet.LinkTransit) {
		l.advance(6 * time.Second) // MinLSInterval
		if _, r = l.own(); !hasLink(r, packet.LinkTransit) {
			t.Error("no transit link")
		}
	}
}

// 9.4: priority 0 is never elected; two of them stay 2-Way and there is no network-LSA.
func TestElection9_4_PriorityZero(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.Areas[0].Interfaces[0].Priority = 0 })
	if s := l.iface("eth0").state; s != ifDROther {
		t.Fatalf("state is %s (9.3: no waiting)", s)
	}
	p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.hello.Priority, p.alive = 0, true
	p.hi()
	l.advance(100 * time.Second)
	l.wantState(p, nbrTwoWay)
	if i := l.iface("eth0"); i.dr != unspecified || l.lsa(packet.Key{Type: packet.LSNetwork, ID: id("10.0.0.1"), Adv: self}) != nil {
		t.Errorf("DR is %s", i.dr)
	}
}

// 9.4: after a partition two DRs meet; the worse one gives way and flushes its network-LSA.
func TestElection9_4_TwoDRs(t *testing.T) {
	l := newLab(t)
	l.advance(41 * time.Second)
	p := l.peer("eth0", "3.3.3.3", "10.0.0.3")
	p.hi()
	p.bring(nbrFull)
	l.advance(10 * time.Second)
	k := packet.Key{Type: packet.LSNetwork, ID: id("10.0.0.1"), Adv: self}
	if l.iface("eth0").state != ifDR || l.lsa(k) == nil {
		t.Fatal("we are not DR")
	}
	l.take()
	q := l.peer("eth0", "9.9.9.9", "10.0.0.9")
	q.hello.DR = q.addr
	q.hi()
	i := l.iface("eth0")
	if i.state == ifDR || i.dr != q.addr {
		t.Fatalf("%s, DR %s", i.state, i.dr)
	}
	gone := false
	for _, h := range flooded(l.take(), "eth0") {
		gone = gone || h.Key() == k && h.Age == packet.MaxAge
	}
	if !gone {
		t.Error("network-LSA is not flushed")
	}
}

// 9.2 NeighborChange: priority of a neighbour goes to 0, or ours does by reload.
func TestElection9_2_PriorityChanges(t *testing.T) {
	l, dr, bdr := lan(t, 1)
	bdr.hello.Priority = 0 // and goes on saying that it is Backup
	bdr.hi()
	i := l.iface("eth0")
	if i.state != ifBackup {
		t.Errorf("%s after the Backup gave up", i.state)
	}
	l.reload(func(_ *Config, c *InterfaceConfig) { c.Priority = 0 })
	if i.state != ifDROther || i.bdr != unspecified || i.dr != dr.addr {
		t.Errorf("%s, DR %s, backup %s with priority 0", i.state, i.dr, i.bdr)
	}
	l.wantState(dr, nbrFull)
}

// The wait timer follows the dead interval.
func TestElection9_3_WaitTimerFollowsDeadInterval(t *testing.T) {
	l := newLab(t)
	l.reload(func(_ *Config, c *InterfaceConfig) { c.DeadInterval = 4 * time.Second })
	l.advance(5 * time.Second)
	if s := l.iface("eth0").state; s != ifDR {
		t.Errorf("state is %s", s)
	}
}

// The interface state machine, every state and event.
func TestISM9_3_Matrix(t *testing.T) {
	var b strings.Builder
	for s := ifDown; s <= ifDR; s++ {
		for ev := interfaceUp; ev <= interfaceDown; ev++ {
			l := newLab(t)
			i := l.iface("eth0")
			l.e.now = l.now
			i.state, i.up = s, s != ifDown
			if s == ifDR {
				i.dr = i.address()
			}
			i.event(ev, "test")
			next := i.state.String()
			if next == s.String() {
				next = "-"
			}
			fmt.Fprintf(&b, "%-15s %-15s %s\n", s, ev, next)
		}
	}
	golden(t, "ism.golden", b.String())
}

// 9.4: a DR and a Backup that nobody has heard of are not elected, whoever names them.
func TestElection9_4_UnknownRouters(t *testing.T) {
	l := newLab(t)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	p.hello.DR, p.hello.BDR = ip("10.0.0.77"), ip("10.0.0.78")
	for range 3 {
		p.hi()
		l.advance(10 * time.Second)
	}
	if i := l.iface("eth0"); i.dr != p.addr && i.dr != ip("10.0.0.1") || i.bdr == ip("10.0.0.77") || i.bdr == ip("10.0.0.78") {
		t.Errorf("DR %s, Backup %s", i.dr, i.bdr)
	}
	l.wantState(p, nbrFull)
}
