package ospf

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

func helpful(l *lab) {
	l.cfg.GracefulRestart = GracefulRestart{Helper: true, StrictLSA: true}
}

// grace is the peer's Grace-LSA; on LANs it names the peer's address.
func (p *peer) grace(seq packet.Seq, age uint16, period time.Duration) []byte {
	g := packet.GraceLSA{Period: period, Reason: packet.RestartSoftware}
	if p.l.iface(p.ifname).kind() == TypeBroadcast {
		g.Address = p.addr
	}
	return build(packet.LSOpaqueLink, packet.GraceID, p.id, seq, age, g)
}

// leaves makes the peer restart: it says so, and is silent.
func (p *peer) leaves(period time.Duration) {
	p.l.t.Helper()
	p.l.advance(10 * time.Second) // what the start left to do is done
	p.l.out, p.l.events, p.l.routes = nil, nil, nil
	p.update(p.grace(packet.InitialSeq, 0, period))
	if !p.nbr().helping.active {
		p.l.t.Fatalf("not helped: %s", p.nbr().helping.last)
	}
	p.alive = false
}

// returns goes from the first Hello after the restart to Full.
func (p *peer) returns() {
	p.l.t.Helper()
	h := p.hello
	h.Neighbors, h.DR, h.BDR = nil, unspecified, unspecified
	p.send(&h)
	h.Neighbors = []packet.ID{self}
	p.send(&h)
	p.l.wantState(p, nbrExStart)
	if p.id < self {
		p.dd(packet.DDMore, p.lastDD().Seq)
	} else {
		p.dd(packet.DDInit|packet.DDMore|packet.DDMaster, p.seq+1000)
	}
	p.describe()
	p.l.wantState(p, nbrFull)
	p.alive, p.due = true, p.l.now
}

// ended lists why the help for neighbours ended.
func (l *lab) ended() (list []string) {
	for _, ev := range l.events {
		if h, ok := ev.(Helping); ok && h.Ended {
			list = append(list, h.Reason)
		}
	}
	return list
}

// told lists what LSAs of types 1 to 5 and 7 were sent on any interface.
func (l *lab) told() (list []packet.Key) {
	sent := l.take()
	for _, i := range l.e.ifaces {
		for _, h := range flooded(sent, i.name) {
			if topological(h.Type) {
				list = append(list, h.Key())
			}
		}
	}
	return list
}

// While the neighbour is away nothing that the network or the routes are made of changes.
func TestHelping3623_3_PointToPoint(t *testing.T) {
	l := newLab(t, helpful)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.update(routerLSA(p.id, 5, packet.RouterLink{Type: packet.LinkPointToPoint, ID: self, Data: id("10.1.0.2"), Metric: 10},
		packet.RouterLink{Type: packet.LinkStub, ID: id("172.16.0.0"), Data: packet.MaskOf(24), Metric: 1}))
	l.advance(10 * time.Second)
	if !slices.Contains(l.routes, "+172.16.0.0/24") {
		t.Fatalf("routes %v", l.routes)
	}
	p.leaves(2 * time.Minute)
	before, _ := l.own()
	l.advance(100 * time.Second)
	l.wantState(p, nbrDown)
	if after, body := l.own(); after.Seq != before.Seq || len(body.Links) == 0 || body.Links[0].ID != p.id && !strings.Contains(describeLinks(body), "2.2.2.2") {
		t.Errorf("router-LSA %+v:\n%s", after, describeLinks(body))
	}
	for _, ev := range l.events {
		if c, ok := ev.(NeighborChange); ok && c.From == "Full" && !c.Helped {
			t.Errorf("%+v", c)
		}
	}
	s := l.e.Neighbors(l.now)[0]
	if s.Helping < 19*time.Second || s.Helping > 20*time.Second || !strings.Contains(s.Why, "restarts gracefully") {
		t.Errorf("%+v", s)
	}
	p.returns()
	if l.ended() != nil || !p.nbr().helping.active {
		t.Errorf("ended: %q", l.ended())
	}
	l.advance(2 * time.Second)
	p.update(p.grace(packet.InitialSeq, packet.MaxAge, 2*time.Minute)) // 3.2 (1)
	l.advance(time.Minute)
	if got := l.ended(); !slices.Equal(got, []string{"the restart is over"}) {
		t.Errorf("ended: %q", got)
	}
	if told := l.told(); len(told) > 0 || len(l.routes) > 0 {
		t.Errorf("flooded %v, routes %v", told, l.routes)
	}
	l.wantState(p, nbrFull)
}

// A DR that restarts stays DR, and a network-LSA keeps the routers that restart.
func TestHelping3623_3_LAN(t *testing.T) {
	l := newLab(t, helpful)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2") // the DR
	l.advance(41 * time.Second)
	p.leaves(2 * time.Minute)
	l.advance(100 * time.Second)
	if i := l.iface("eth0"); i.dr != p.addr || i.state != ifBackup {
		t.Errorf("%s, DR %s", i.state, i.dr)
	}
	hellos, _ := on[*packet.Hello](slices.Clone(l.take()), "eth0")
	for _, h := range hellos {
		if h.DR != p.addr {
			t.Fatalf("our Hello says DR %s", h.DR)
		}
	}
	p.returns()
	p.hello.DR = p.addr
	p.hi()
	p.update(p.grace(packet.InitialSeq, packet.MaxAge, 2*time.Minute))
	l.advance(10 * time.Second)
	if i := l.iface("eth0"); i.dr != p.addr || i.state != ifBackup || !slices.Equal(l.ended(), []string{"the restart is over"}) {
		t.Errorf("%s, DR %s, ended %q", i.state, i.dr, l.ended())
	}
	if told := l.told(); len(told) > 0 {
		t.Errorf("flooded %v", told)
	}

	l = newLab(t, helpful)
	p = l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.hello.Priority, p.hello.DR = 0, ip("10.0.0.1")
	p.alive = true
	l.advance(41 * time.Second) // we become DR
	p.bring(nbrFull)
	p.leaves(2 * time.Minute)
	l.advance(100 * time.Second)
	if told := l.told(); len(told) > 0 || l.iface("eth0").state != ifDR {
		t.Errorf("flooded %v in state %s", told, l.iface("eth0").state)
	}
	l.advance(30 * time.Second) // 3.2 (2), actions c) and b)
	k := packet.Key{Type: packet.LSNetwork, ID: id("10.0.0.1"), Adv: self}
	if _, body := l.own(); l.lsa(k) != nil || strings.Contains(describeLinks(body), "transit") || l.neighbor(p.addr) != nil {
		t.Errorf("network-LSA % x, links:\n%s", l.lsa(k), describeLinks(body))
	}
}

// Who is not helped, and why.
func TestHelping3623_3_1(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(l *lab)
		do   func(l *lab, p *peer)
		want string
	}{
		{"(1) not Full", nil, func(_ *lab, p *peer) {
			p.bring(nbrLoading)
			p.update(p.grace(1, 0, time.Minute))
		}, "the adjacency is in state Loading"},
		{"(2) changes not acknowledged", nil, func(l *lab, p *peer) {
			p.bring(nbrFull)
			l.advance(10 * time.Second)
			p.acks = false
			l.reload(func(_ *Config, c *InterfaceConfig) { c.Cost = 77 })
			p.update(p.grace(1, 0, time.Minute))
		}, "it has not acknowledged the change of router 1.1.1.1 adv 1.1.1.1"},
		{"(2) and refreshed since", nil, func(l *lab, p *peer) {
			p.bring(nbrFull)
			l.advance(10 * time.Second)
			p.acks = false
			l.reload(func(_ *Config, c *InterfaceConfig) { c.Cost = 77 })
			l.advance(1800 * time.Second)
			p.update(p.grace(1, 0, time.Minute))
		}, "it has not acknowledged the change of router 1.1.1.1 adv 1.1.1.1"},
		{"(2) a refresh", nil, func(l *lab, p *peer) {
			p.bring(nbrFull)
			l.advance(10 * time.Second)
			p.acks = false
			l.advance(1800 * time.Second)
			p.update(p.grace(1, 0, time.Minute))
		}, ""},
		{"(2) not strict", func(l *lab) { l.cfg.GracefulRestart.StrictLSA = false }, func(l *lab, p *peer) {
			p.bring(nbrFull)
			l.advance(10 * time.Second)
			p.acks = false
			l.reload(func(_ *Config, c *InterfaceConfig) { c.Cost = 77 })
			p.update(p.grace(1, 0, time.Minute))
		}, ""},
		{"(3) period over", nil, func(_ *lab, p *peer) {
			p.bring(nbrFull)
			p.update(p.grace(1, 60, time.Minute))
		}, "the grace period is over"},
		{"(3) just not", nil, func(_ *lab, p *peer) {
			p.bring(nbrFull)
			p.update(p.grace(1, 59, time.Minute))
		}, ""},
		{"(4) policy", func(l *lab) { l.cfg.GracefulRestart.Helper = false }, func(_ *lab, p *peer) {
			p.bring(nbrFull)
			p.update(p.grace(1, 0, time.Minute))
		}, "graceful-restart.helper-enabled is off"},
		{"malformed", nil, func(_ *lab, p *peer) {
			p.bring(nbrFull)
			p.update(build(packet.LSOpaqueLink, packet.GraceID, p.id, 1, 0, packet.OpaqueLSA{0, 1, 0, 4}))
		}, "TLV 1 of 4 bytes, 0 are left"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, func(l *lab) {
				helpful(l)
				if c.edit != nil {
					c.edit(l)
				}
			})
			p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
			c.do(l, p)
			n := p.nbr()
			if c.want == "" && !n.helping.active || c.want != "" && (n.helping.active || !strings.Contains(n.helping.last, c.want)) {
				t.Errorf("active %t, %q", n.helping.active, n.helping.last)
			}
		})
	}
}

// A Grace-LSA counts for the neighbour whose address and router id it names.
func TestHelping3623_3_1_WhichNeighbor(t *testing.T) {
	l := newLab(t, helpful)
	p := l.full("eth0", "2.2.2.2", "10.0.0.2") // the DR
	q := l.full("eth0", "3.3.3.3", "10.0.0.3")
	l.advance(41 * time.Second)
	for name, g := range map[string]packet.GraceLSA{
		"no address":        {Period: time.Minute},
		"another's address": {Period: time.Minute, Address: p.addr},
		"nobody's address":  {Period: time.Minute, Address: ip("10.0.0.99")},
	} {
		p.update(build(packet.LSOpaqueLink, packet.GraceID, q.id, 1, 0, g))
		if q.nbr().helping.active || p.nbr().helping.active {
			t.Fatalf("%s: helped", name)
		}
		p.update(build(packet.LSOpaqueLink, packet.GraceID, q.id, 1, packet.MaxAge, g))
		l.advance(10 * time.Second)
	}
	p.update(q.grace(10, 0, time.Minute)) // flooded by the DR
	if p.nbr().helping.active || q.nbr().helping.active != (q.state() == nbrFull) {
		t.Errorf("helped: %t, %t in state %s", p.nbr().helping.active, q.nbr().helping.active, q.state())
	}
}

// Another Grace-LSA moves the end (3.1, the exception).
func TestHelping3623_3_1_Again(t *testing.T) {
	l := newLab(t, helpful)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.leaves(time.Minute)
	l.advance(10 * time.Second)
	p.update(p.grace(packet.InitialSeq+1, 0, 20*time.Minute))
	l.advance(10 * time.Minute)
	if !p.nbr().helping.active {
		t.Fatal("no longer helped")
	}
	l.advance(11 * time.Minute)
	if got := l.ended(); !slices.Equal(got, []string{"the grace period is over"}) {
		t.Errorf("ended %q", got)
	}
}

// 3.2: the end of the period, and what is done then.
func TestHelping3623_3_2_Period(t *testing.T) {
	l := newLab(t, helpful)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.leaves(2 * time.Minute)
	l.advance(119 * time.Second)
	if _, body := l.own(); !strings.Contains(describeLinks(body), "2.2.2.2") {
		t.Fatal("the link went too early")
	}
	l.advance(2 * time.Second)
	if _, body := l.own(); strings.Contains(describeLinks(body), "2.2.2.2") || l.neighbor(p.addr) != nil {
		t.Errorf("still there:\n%s", describeLinks(body))
	}
	if got := l.ended(); !slices.Equal(got, []string{"the grace period is over"}) {
		t.Errorf("ended %q", got)
	}
}

// 3.2 (3): which LSAs end it.
func TestHelping3623_3_2_Topology(t *testing.T) {
	other := id("7.7.7.7")
	known := routerLSA(other, 5, packet.RouterLink{Type: packet.LinkStub, ID: id("172.16.0.0"), Data: packet.MaskOf(24), Metric: 1})
	for _, c := range []struct {
		name string
		edit func(c *Config)
		lsa  []byte
		want bool
	}{
		{"new", nil, extLSA(other, "192.0.2.0", 1), true},
		{"changed", nil, routerLSA(other, 6), true},
		{"flushed", nil, aged(known, packet.MaxAge), true},
		{"flushed and never known", nil, aged(extLSA(other, "192.0.2.0", 1), packet.MaxAge), false},
		{"refreshed", nil, routerLSA(other, 6, packet.RouterLink{Type: packet.LinkStub, ID: id("172.16.0.0"), Data: packet.MaskOf(24), Metric: 1}), false},
		{"opaque", nil, build(packet.LSOpaqueArea, packet.RouterInfoID, other, 1, 1, packet.OpaqueLSA{0, 1, 0, 4, 0, 0, 0, 0}), false},
		{"its own", nil, routerLSA(id("2.2.2.2"), 9), false},
		{"not strict", func(c *Config) { c.GracefulRestart.StrictLSA = false }, routerLSA(other, 6), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, helpful, func(l *lab) {
				if c.edit != nil {
					c.edit(&l.cfg)
				}
			})
			p := l.full("tun0", "2.2.2.2", "10.1.0.2")
			q := l.full("eth0", "3.3.3.3", "10.0.0.3")
			q.update(known)
			l.advance(50 * time.Second)
			p.leaves(30 * time.Minute)
			l.advance(100 * time.Second)
			l.out = nil
			q.update(c.lsa)
			l.advance(time.Second)
			if got := len(l.ended()) == 1; got != c.want {
				t.Fatalf("ended %q", l.ended())
			}
			_, body := l.own()
			if got := strings.Contains(describeLinks(body), "2.2.2.2"); got == c.want {
				t.Errorf("links:\n%s", describeLinks(body))
			}
		})
	}
}

// 3.2 (3) b): what would not be flooded to the neighbour does not end the help.
func TestHelping3623_3_2_Scope(t *testing.T) {
	l := newLab(t, helpful, func(l *lab) {
		l.cfg.Areas = []Area{
			{ID: 0, Interfaces: []InterfaceConfig{interfaceConfig("eth0")}},
			{ID: 1, Type: AreaStub, Summary: true, DefaultCost: 1, Interfaces: []InterfaceConfig{interfaceConfig("tun0")}},
		}
	})
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	q := l.full("eth0", "3.3.3.3", "10.0.0.3")
	l.advance(50 * time.Second)
	p.leaves(30 * time.Minute)
	q.update(extLSA(q.id, "192.0.2.0", 1))
	l.advance(10 * time.Second)
	if got := l.ended(); got != nil {
		t.Errorf("ended %q", got)
	}
}

// What ends the neighbour itself ends the help as well.
func TestHelping_NeighborEnds(t *testing.T) {
	for name, do := range map[string]func(l *lab, p *peer){
		"link down":         func(l *lab, _ *peer) { l.relink(func(m map[string]*Link) { m["tun0"].Up = false }) },
		"passive":           func(l *lab, _ *peer) { l.reload(func(_ *Config, c *InterfaceConfig) { c.Passive = true }) },
		"another address":   func(_ *lab, p *peer) { p.addr = ip("10.1.0.3"); p.hi() },
		"another router id": func(_ *lab, p *peer) { p.id = id("9.9.9.9"); p.hi() },
		"helper-enabled off": func(l *lab, _ *peer) {
			l.reload(func(c *Config, _ *InterfaceConfig) { c.GracefulRestart.Helper = false })
		},
		"it gave up": func(_ *lab, p *peer) {
			p.bring(nbrExchange)
			p.update(p.grace(packet.InitialSeq, packet.MaxAge, time.Hour/2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, helpful)
			p := l.full("tun0", "2.2.2.2", "10.1.0.2")
			p.leaves(30 * time.Minute)
			l.advance(100 * time.Second)
			do(l, p)
			l.advance(10 * time.Second)
			if got := l.ended(); len(got) != 1 {
				t.Errorf("ended %q", got)
			}
			if _, body := l.own(); strings.Contains(describeLinks(body), "2.2.2.2") {
				t.Errorf("links:\n%s", describeLinks(body))
			}
			if n := l.neighbor(ip("10.1.0.2")); n != nil && n.id == id("2.2.2.2") && name != "it gave up" {
				t.Error("the neighbour is still there")
			}
		})
	}
}

// A BFD session that ends because its process restarts does not end the help (RFC 5882 4.3).
func TestHelping5882_4_3(t *testing.T) {
	l := newLab(t, helpful, func(l *lab) {
		l.cfg.Areas[0].Interfaces[0].BFD = BFD{MinInterval: 50 * time.Millisecond, Multiplier: 3}
	})
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.leaves(2 * time.Minute)
	l.step(BFDDown{Interface: "tun0", Neighbor: p.addr, Reason: "control detection time expired"})
	l.advance(time.Minute)
	if told := l.told(); len(told) > 0 || l.ended() != nil {
		t.Errorf("flooded %v, ended %q", told, l.ended())
	}
}

// Over a virtual link the V bit stays as well.
func TestHelping3623_3_Virtual(t *testing.T) {
	l := newLab(t, virtualLink(), helpful)
	l.full("eth0", "3.3.3.3", "10.0.0.2").path(1, 7, packet.RouterB)
	q := l.otherEnd()
	q.bring(nbrFull)
	q.leaves(2 * time.Minute)
	l.advance(100 * time.Second)
	if q.state() != nbrDown || l.ownIn(1).Flags&packet.RouterV == 0 || !strings.Contains(describeLinks(l.ownIn(0)), far.String()) {
		t.Errorf("%s, flags %v, links:\n%s", q.state(), l.ownIn(1).Flags, describeLinks(l.ownIn(0)))
	}
	l.advance(30 * time.Second) // 3.2, action d)
	if l.ownIn(1).Flags&packet.RouterV != 0 {
		t.Errorf("flags %v", l.ownIn(1).Flags)
	}
}
