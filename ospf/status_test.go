package ospf

import (
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// The why column: what keeps each neighbour from Full.
func TestStatus_Why(t *testing.T) {
	for _, c := range []struct {
		name   string
		ifname string
		do     func(*lab, *peer)
		state  string
		why    string
	}{
		{"full", "tun0", func(l *lab, p *peer) { p.bring(nbrFull) }, "Full", ""},
		{"elects a DR", "tun0", func(l *lab, p *peer) { p.bring(nbrFull); p.hello.DR = p.addr; p.hi() }, "Full", "the neighbour elects a DR"},
		{"one-way", "tun0", func(l *lab, p *peer) { p.bring(nbrInit) }, "Init", "one-way"},
		{"waiting", "eth0", func(l *lab, p *peer) { p.hi() }, "2-Way", "waiting for the DR election"},
		{"mtu", "tun0", func(l *lab, p *peer) { p.mtu = 9000; p.bring(nbrExStart); p.dd(7, 1) }, "ExStart", "MTU mismatch: neighbour has 9000, ours is 1400"},
		{"area", "tun0", func(l *lab, p *peer) { p.area = 1; p.hi() }, "Down", "area mismatch"},
		{"hello interval", "tun0", func(l *lab, p *peer) { p.hello.HelloInterval = 1; p.hi() }, "Down", "hello interval mismatch"},
		{"dead interval", "tun0", func(l *lab, p *peer) { p.hello.DeadInterval = 1; p.hi() }, "Down", "dead interval mismatch"},
		{"mask", "eth0", func(l *lab, p *peer) { p.hello.Mask = ip("255.255.255.128"); p.hi() }, "Down", "mask mismatch"},
		{"stub area", "tun0", func(l *lab, p *peer) { p.hello.Options = 0; p.hi() }, "Down", "area type mismatch"},
		{"duplicate id", "tun0", func(l *lab, p *peer) { p.id = self; p.hi() }, "Down", "duplicate router id"},
		{"authentication", "tun0", func(l *lab, p *peer) {
			d := p.datagram(allSPFRouters, &p.hello)
			d.Data = packet.Append(nil, packet.Header{RouterID: p.id, AuType: packet.AuCrypto}, &p.hello)
			l.step(d)
		}, "Down", "authentication mismatch: neighbour uses digests (type 2), ours is none"},
		{"unicast", "tun0", func(l *lab, p *peer) { l.step(p.datagram(ip("10.1.0.1"), &p.hello)) }, "Down", "hello was sent to 10.1.0.1"},
		{"outside the subnet", "eth0", func(l *lab, p *peer) { p.addr = ip("10.9.9.9"); p.hi() }, "Down", "outside our subnet 10.0.0.0/24"},
		{"no hello", "tun0", func(l *lab, p *peer) { p.dd(7, 1) }, "Down", "sent no hello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			addr := map[string]string{"tun0": "10.1.0.2", "eth0": "10.0.0.2"}[c.ifname]
			c.do(l, l.peer(c.ifname, "2.2.2.2", addr))
			list := l.e.Neighbors(l.now)
			if len(list) != 1 || list[0].State != c.state || !strings.Contains(list[0].Why, c.why) || (list[0].Why == "") != (c.why == "") {
				t.Errorf("%+v", list)
			}
			if c.state == "Down" {
				l.advance(81 * time.Second)
				if list := l.e.Neighbors(l.now); len(list) != 0 {
					t.Errorf("shown for ever: %+v", list)
				}
			}
		})
	}
	l, dr, bdr := lan(t, 1)
	q := l.peer("eth0", "9.9.9.9", "10.0.0.9")
	q.hello.DR, q.hello.BDR = dr.addr, bdr.addr
	q.hi()
	roles := ""
	for _, n := range l.e.Neighbors(l.now) {
		roles += n.Role + " " + n.State + " " + n.Why + "\n"
	}
	if roles != "DR Full \nBackup Full \nDROther 2-Way neither of us is DR or Backup: no adjacency is needed\n" {
		t.Errorf("roles:\n%s", roles)
	}
}

// Converged: one dead interval has passed since the start and no neighbour is
// between Init and Full, at most twice the longest dead interval.
func TestStatus_Converged(t *testing.T) {
	l := newLab(t)
	l.full("tun0", "2.2.2.2", "10.1.0.2").announce(1)
	l.advance(39*time.Second - l.now.Sub(l.e.started))
	if l.e.Converged(l.now) {
		t.Error("before one dead interval")
	}
	l.advance(2 * time.Second)
	if !l.e.Converged(l.now) {
		t.Error("not after one dead interval")
	}
	p := l.peer("eth0", "3.3.3.3", "10.0.0.3")
	p.alive = true
	p.bring(nbrExchange)
	if l.e.Converged(l.now) {
		t.Error("while a neighbour is in Exchange")
	}
	l.advance(40 * time.Second)
	if p.state() != nbrExchange || !l.e.Converged(l.now) {
		t.Error("not after two dead intervals")
	}
	l = newLab(t, func(l *lab) { l.links = nil })
	l.advance(39 * time.Second)
	before := l.e.Converged(l.now)
	l.advance(2 * time.Second)
	if before || !l.e.Converged(l.now) {
		t.Error("without links")
	}
}

// Interfaces: what is shown, and why one is down.
func TestStatus_Interfaces(t *testing.T) {
	l := newLab(t, func(l *lab) { l.links[2].Up = false; l.links[3].Addrs = nil })
	l.full("eth0", "2.2.2.2", "10.0.0.2")
	list := l.e.Interfaces()
	if len(list) != 4 {
		t.Fatalf("%+v", list)
	}
	eth0, lo, tun0, tun1 := list[0], list[1], list[2], list[3]
	if eth0.Type != "broadcast" || eth0.State != "Backup" || eth0.DR != ip("10.0.0.2") || eth0.Neighbors != 1 || eth0.Adjacent != 1 || eth0.Rejected == nil {
		t.Errorf("eth0: %+v", eth0)
	}
	if lo.State != "Loopback" || tun0.Why != "link is down" || tun1.Why != "no IPv4 address" {
		t.Errorf("lo %s, tun0 %q, tun1 %q", lo.State, tun0.Why, tun1.Why)
	}
	d := l.e.Database(l.now)
	if d.RouterID != self || len(d.Areas) != 1 || d.External.LSAs == nil || d.Links == nil {
		t.Errorf("%+v", d)
	}
}
