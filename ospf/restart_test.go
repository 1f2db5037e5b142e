package ospf

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// restarted begins in a graceful restart that was announced.
func restarted(l *lab) {
	restartedAs(Restarting{Left: 2 * time.Minute, Reason: packet.RestartSoftware, Announced: true})(l)
}

func restartedAs(r Restarting) func(*lab) {
	return func(l *lab) {
		l.cfg.GracefulRestart = GracefulRestart{Enabled: true, Interval: 2 * time.Minute, Helper: true, StrictLSA: true}
		l.e.Step(l.now, r)
	}
}

// sync takes a peer that holds these LSAs to Full.
func (p *peer) sync(lsas ...[]byte) {
	p.l.t.Helper()
	p.bring(nbrExchange)
	var headers []packet.LSAHeader
	for _, raw := range lsas {
		headers = append(headers, header(raw))
	}
	p.describe(headers...)
	p.alive, p.due = true, p.l.now.Add(p.l.iface(p.ifname).cfg.HelloInterval)
	if len(lsas) > 0 {
		p.update(lsas...)
	}
}

func p2p(router packet.ID, data string) packet.RouterLink {
	return packet.RouterLink{Type: packet.LinkPointToPoint, ID: router, Data: id(data), Metric: 10}
}

func stubLink(network string) packet.RouterLink {
	return packet.RouterLink{Type: packet.LinkStub, ID: id(network), Data: packet.MaskOf(24), Metric: 1}
}

func transitLink(dr, own string) packet.RouterLink {
	return packet.RouterLink{Type: packet.LinkTransit, ID: id(dr), Data: id(own), Metric: 10}
}

// ownGrace is the Grace-LSA that this router sent before the restart.
func ownGrace(seq packet.Seq) []byte {
	return build(packet.LSOpaqueLink, packet.GraceID, self, seq, 3, packet.GraceLSA{Period: 2 * time.Minute, Reason: packet.RestartSoftware})
}

// ends lists how graceful restarts of the router ended.
func (l *lab) ends() (list []string) {
	for _, ev := range l.events {
		if r, ok := ev.(RestartChange); ok && !r.Active {
			list = append(list, map[bool]string{true: "success: ", false: "failure: "}[r.Success]+r.Reason)
		}
	}
	return list
}

func (l *lab) wantEnds(want ...string) {
	l.t.Helper()
	if got := l.ends(); !slices.Equal(got, want) {
		l.t.Fatalf("restart ended: %q, want %q", got, want)
	}
}

var (
	nbrA, nbrB = id("2.2.2.2"), id("3.3.3.3")
	lsaA       = routerLSA(nbrA, 5, p2p(self, "10.1.0.2"), stubLink("172.16.2.0"))
	lsaB       = routerLSA(nbrB, 5, p2p(self, "10.255.0.3"), stubLink("172.16.3.0"))
	lsaBefore  = build(packet.LSRouter, self, self, 77, 9, packet.RouterLSA{Links: []packet.RouterLink{
		p2p(nbrA, "10.1.0.1"), p2p(nbrB, "0.0.0.4"), {Type: packet.LinkStub, ID: id("10.1.0.0"), Data: packet.MaskOf(30), Metric: 10},
	}})
)

// 2 (1), (2): nothing is originated, flushed or installed until all adjacencies are back; 2.2 (1), 2.3.
func TestRestart3623_2(t *testing.T) {
	l := newLab(t, restarted, redistributing(Redistribute{Source: Static, Metric: 1}))
	l.step(Offer{Source: Static, Add: prefixes("192.168.1.0/24")})
	stale := extLSA(self, "192.168.9.0", 7)
	a, b := l.peer("tun0", "2.2.2.2", "10.1.0.2"), l.peer("tun1", "3.3.3.3", "10.255.0.3")
	a.sync(lsaBefore, lsaA, lsaB, stale, ownGrace(4), extLSA(self, "192.168.1.0", 7))
	l.wantState(a, nbrFull)
	l.advance(60 * time.Second)
	if told := l.told(); len(told) > 0 || len(l.routes) > 0 || l.e.Converged(l.now) {
		t.Errorf("flooded %v, routes %v, converged %t", told, l.routes, l.e.Converged(l.now))
	}
	if got := header(l.lsa(header(lsaBefore).Key())).Seq; got != 77 {
		t.Errorf("our router-LSA has sequence number %d", got)
	}
	if r := l.e.Restart(l.now); !r.Active || r.Left < 59*time.Second || r.Left > time.Minute {
		t.Errorf("%+v", r)
	}
	l.wantEnds()
	b.sync(ownGrace(4))
	l.wantState(b, nbrFull)
	l.wantEnds() // 2.2.2.2 and 3.3.3.3 may not be Full yet
	l.advance(calmTime)
	l.wantEnds("success: all adjacencies are back")
	if !slices.Contains(l.routes, "+172.16.2.0/24") || !slices.Contains(l.routes, "+172.16.3.0/24") {
		t.Errorf("routes %v", l.routes) // 2.3 (3)
	}
	h, body := l.own()
	if h.Seq != 78 || !strings.Contains(describeLinks(body), "2.2.2.2") || !strings.Contains(describeLinks(body), "3.3.3.3") { // 2.3 (1)
		t.Errorf("%+v\n%s", h, describeLinks(body))
	}
	sent := l.take()
	for _, i := range []string{"tun0", "tun1"} { // 2.3 (6)
		if !slices.ContainsFunc(flooded(sent, i), func(h packet.LSAHeader) bool { return h.Key().IsGrace() && h.Age == packet.MaxAge && h.Seq == 4 }) {
			t.Errorf("the Grace-LSA is not flushed on %s: %v", i, flooded(sent, i))
		}
	}
	if got := header(l.lsa(header(extLSA(self, "192.168.1.0", 7)).Key())).Seq; got != 8 {
		t.Errorf("the external has sequence number %d", got)
	}
	l.advance(10 * time.Second) // 2.3 (5)
	if !slices.ContainsFunc(flooded(l.take(), "tun0"), func(h packet.LSAHeader) bool { return h.Key() == header(stale).Key() && h.Age == packet.MaxAge }) {
		t.Error("the stale external is not flushed")
	}
	if !l.e.Converged(l.now) || l.alarms("forged-lsa") > 0 {
		t.Errorf("converged %t, %d alarms", l.e.Converged(l.now), l.alarms("forged-lsa"))
	}
}

// 2 (3): a neighbour's Hello says that we were DR, or Backup.
func TestRestart3623_2_DesignatedRouter(t *testing.T) {
	for _, c := range []struct {
		dr, bdr string
		want    ifState
	}{{"10.0.0.1", "10.0.0.2", ifDR}, {"10.0.0.2", "10.0.0.1", ifBackup}} {
		l := newLab(t, restarted)
		p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
		p.hello.DR, p.hello.BDR = ip(c.dr), ip(c.bdr)
		p.hi()
		i := l.iface("eth0")
		if i.state != c.want || i.dr != ip(c.dr) || i.bdr != ip(c.bdr) {
			t.Errorf("%s, DR %s, Backup %s; want %s", i.state, i.dr, i.bdr, c.want)
		}
		l.wantState(p, nbrExStart)
	}
	l := newLab(t, restarted) // we were Backup, as another says before the DR does: who is not heard yet can not be elected
	p, dr := l.peer("eth0", "2.2.2.2", "10.0.0.2"), l.peer("eth0", "3.3.3.3", "10.0.0.3")
	for _, o := range l.peers {
		o.hello.DR, o.hello.BDR = dr.addr, ip("10.0.0.1")
	}
	i := l.iface("eth0")
	if p.hi(); i.state != ifWaiting {
		t.Errorf("state %s before the DR was heard", i.state)
	}
	if dr.hi(); i.state != ifBackup || i.dr != dr.addr {
		t.Errorf("%s, DR %s", i.state, i.dr)
	}
	l = newLab(t) // without a restart the election waits
	p = l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.hello.DR = ip("10.0.0.1")
	p.hi()
	if s := l.iface("eth0").state; s != ifWaiting {
		t.Errorf("state %s", s)
	}
}

// 2.2 (1) on a LAN: as the DR with all that the network-LSA lists, else with the DR.
func TestRestart3623_2_2_LAN(t *testing.T) {
	lan := func(dr string, routers ...packet.ID) []byte {
		return build(packet.LSNetwork, id(dr), map[bool]packet.ID{true: self, false: nbrA}[dr == "10.0.0.1"], 3, 1,
			packet.NetworkLSA{Mask: packet.MaskOf(24), Routers: routers})
	}
	before := func(dr string) []byte { return routerLSA(self, 77, transitLink(dr, "10.0.0.1")) }

	l := newLab(t, restarted) // we are DR
	a, b := l.peer("eth0", "2.2.2.2", "10.0.0.2"), l.peer("eth0", "3.3.3.3", "10.0.0.3")
	for _, p := range l.peers {
		p.hello.DR, p.hello.BDR = ip("10.0.0.1"), a.addr
	}
	known := [][]byte{before("10.0.0.1"), lan("10.0.0.1", self, nbrA, nbrB), routerLSA(nbrA, 1, transitLink("10.0.0.1", "10.0.0.2")), routerLSA(nbrB, 1, transitLink("10.0.0.1", "10.0.0.3"))}
	a.sync(known...)
	l.wantEnds()
	b.sync()
	l.advance(calmTime)
	l.wantEnds("success: all adjacencies are back")
	n, err := packet.DecodeNetworkLSA(l.lsa(header(known[1]).Key()))
	if h := header(l.lsa(header(known[1]).Key())); h.Seq != 4 || err != nil || len(n.Routers) != 3 { // 2.3 (2)
		t.Errorf("%+v %+v %v", h, n, err)
	}

	l = newLab(t, restarted) // 2.2.2.2 is
	a = l.peer("eth0", "2.2.2.2", "10.0.0.2")
	a.hello.DR, a.hello.BDR = a.addr, ip("10.0.0.1")
	a.sync(before("10.0.0.2"), lan("10.0.0.2", nbrA, self, nbrB), routerLSA(nbrA, 1, transitLink("10.0.0.2", "10.0.0.2")))
	l.advance(calmTime)
	l.wantEnds("success: all adjacencies are back")

	l = newLab(t, restarted) // and has forgotten us
	a = l.peer("eth0", "2.2.2.2", "10.0.0.2")
	a.hello.DR, a.hello.BDR = a.addr, ip("10.0.0.1")
	a.sync(before("10.0.0.2"), lan("10.0.0.2", nbrA, nbrB))
	l.wantEnds("failure: the network-LSA of 10.0.0.2 does not list us")
}

// 2.2 (2), (3): what ends a restart without success. Everything is normal then.
func TestRestart3623_2_2_Failure(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(l *lab, a, b *peer)
		want string
	}{
		{"neighbour does not list us", func(_ *lab, a, _ *peer) {
			a.sync(lsaBefore, routerLSA(nbrA, 6, stubLink("172.16.2.0")))
		}, "failure: the router-LSA of 2.2.2.2 does not list us"},
		{"the other one ceases to", func(_ *lab, a, _ *peer) {
			a.sync(lsaBefore, lsaA, lsaB)
			a.update(routerLSA(nbrB, 6, stubLink("172.16.3.0")))
		}, "failure: the router-LSA of 3.3.3.3 does not list us"},
		{"nobody has our router-LSA", func(_ *lab, a, _ *peer) { a.sync(lsaA) }, "failure: 2.2.2.2 on tun0 does not have our router-LSA"},
		{"the grace period is over", func(l *lab, a, _ *peer) {
			a.sync(lsaBefore, lsaA, lsaB)
			l.advance(2 * time.Minute)
		}, "failure: the grace period is over"},
		{"switched off", func(l *lab, a, _ *peer) {
			a.sync(lsaBefore, lsaA, lsaB)
			l.reload(func(c *Config, _ *InterfaceConfig) { c.GracefulRestart.Enabled = false })
		}, "failure: graceful-restart.enabled is off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, restarted)
			a, b := l.peer("tun0", "2.2.2.2", "10.1.0.2"), l.peer("tun1", "3.3.3.3", "10.255.0.3")
			c.do(l, a, b)
			l.wantEnds(c.want)
			l.wantState(a, nbrFull)
			_, body := l.own()
			if links := describeLinks(body); !strings.Contains(links, "2.2.2.2") || strings.Contains(links, "3.3.3.3") {
				t.Errorf("links:\n%s", links)
			}
		})
	}
}

// Who finds nobody does not wait for the end of the grace period.
func TestRestart3623_2_2_Alone(t *testing.T) {
	l := newLab(t, restarted)
	l.advance(39 * time.Second)
	l.wantEnds()
	l.advance(2 * time.Second)
	l.wantEnds("success: all adjacencies are back")
}

// A restart that is over, or not configured, is none.
func TestRestart_None(t *testing.T) {
	for name, edit := range map[string]func(*lab){
		"over": restartedAs(Restarting{Announced: true}),
		"off":  func(l *lab) { restarted(l); l.cfg.GracefulRestart.Enabled = false },
	} {
		l := newLab(t, edit)
		if l.e.Restart(l.now).Active {
			t.Errorf("%s: active", name)
		}
	}
}

// 3.1 (5): who restarts does not help.
func TestRestart3623_3_1_NoHelp(t *testing.T) {
	l := newLab(t, restarted)
	a := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	a.sync(lsaBefore, lsaA, lsaB)
	a.update(a.grace(1, 0, time.Minute))
	if n := a.nbr(); n.helping.active || !strings.Contains(n.helping.last, "this router restarts itself") {
		t.Errorf("%+v", n.helping)
	}
}

// 2.1: Grace-LSAs until they are acknowledged, nothing is flushed and nobody told good-bye.
func TestRestart3623_2_1(t *testing.T) {
	l := newLab(t, restarted, func(l *lab) { l.cfg.StubRouter.OnShutdown = time.Second })
	l.step(l.cfg)
	l.e.endRestart(true, "for the test")
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	q := l.full("eth0", "3.3.3.3", "10.0.0.3")
	l.advance(50 * time.Second)
	q.acks = false
	l.out, l.events = nil, nil
	l.step(PrepareRestart)
	sent := l.take()
	for name, addr := range map[string]netip.Addr{"tun0": {}, "eth0": ip("10.0.0.1")} {
		us, _ := on[*packet.LSUpdate](sent, name)
		if len(us) != 1 || len(us[0].LSAs) != 1 {
			t.Fatalf("%s: %d updates", name, len(us))
		}
		g, err := packet.DecodeGraceLSA(us[0].LSAs[0])
		if want := (packet.GraceLSA{Period: 2 * time.Minute, Reason: packet.RestartSoftware, Address: addr}); err != nil || g != want {
			t.Errorf("%s: %+v %v, want %+v", name, g, err, want)
		}
		if age := header(us[0].LSAs[0]).Age; age > 1 {
			t.Errorf("age %d", age)
		}
	}
	if l.done {
		t.Fatal("done before all have acknowledged")
	}
	l.advance(1100 * time.Millisecond)
	if n := len(flooded(l.take(), "eth0")); n != 2 {
		t.Errorf("sent again %d times in 1.1 s", n)
	}
	l.advance(2 * time.Second)
	var done []RestartPrepared
	for _, ev := range l.events {
		if d, ok := ev.(RestartPrepared); ok {
			done = append(done, d)
		}
	}
	if !l.done || len(done) != 1 || done[0].Acknowledged != 1 || !slices.Equal(done[0].Missing, []string{"10.0.0.3 on eth0"}) || done[0].Left != 117*time.Second {
		t.Errorf("done %t: %+v", l.done, done)
	}
	if told := l.told(); len(told) > 0 || !l.e.Deadline().IsZero() {
		t.Errorf("flooded %v, deadline %v", told, l.e.Deadline())
	}
	l.wantState(p, nbrFull)
}

// 2.1: done at once when everybody has acknowledged, and the routes are what the databases say.
func TestRestart3623_2_1_Acknowledged(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.GracefulRestart = GracefulRestart{Enabled: true, Interval: time.Minute} })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.update(lsaA)
	l.step(PrepareRestart)
	if !l.done || !slices.Contains(l.routes, "+172.16.2.0/24") {
		t.Errorf("done %t, routes %v", l.done, l.routes)
	}
	if hellos, _ := on[*packet.Hello](l.take(), "tun0"); slices.ContainsFunc(hellos, func(h *packet.Hello) bool { return len(h.Neighbors) == 0 }) {
		t.Error("said good-bye")
	}
}

// 5: after an outage the Grace-LSAs go out to AllSPFRouters before the first Hello.
func TestRestart3623_5(t *testing.T) {
	outage := Restarting{Left: 2 * time.Minute, Reason: packet.RestartUnknown}
	l := newLab(t, restartedAs(outage))
	first := func(name string, d time.Duration) (copies int, greeted bool) {
		l.advance(d)
		for _, s := range l.take() {
			if s.Interface != name {
				continue
			}
			switch b := s.body.(type) {
			case *packet.LSUpdate:
				g, err := packet.DecodeGraceLSA(b.LSAs[0])
				if greeted || err != nil || g.Reason != packet.RestartUnknown || g.Period != 2*time.Minute || s.Dst != allSPFRouters {
					t.Errorf("%s: %+v %v to %s, after a Hello: %t", name, g, err, s.Dst, greeted)
				}
				copies++
			case *packet.Hello:
				greeted = true
			default:
				t.Errorf("%s: %T", name, s.body)
			}
		}
		return copies, greeted
	}
	if copies, greeted := first("eth0", 1100*time.Millisecond); copies != 3 || greeted {
		t.Errorf("%d copies, greeted %t", copies, greeted)
	}
	if copies, greeted := first("eth0", time.Second); copies != 0 || !greeted {
		t.Errorf("%d copies, greeted %t", copies, greeted)
	}

	// Neither a Hello nor an acknowledgement makes us break the silence: who has the Grace-LSA may calculate routes
	// within a second, and has to find us Full then.
	l = newLab(t, restartedAs(outage))
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.hi()
	if copies, greeted := first("tun0", 100*time.Millisecond); copies != 1 || greeted {
		t.Errorf("%d copies, greeted %t", copies, greeted)
	}
	p.send(&packet.LSAck{Headers: []packet.LSAHeader{l.e.iface("tun0").ownGrace().LSAHeader}})
	l.advance(750 * time.Millisecond)
	p.hi() // after the last copy
	if copies, greeted := first("tun0", 250*time.Millisecond); copies != 2 || greeted || l.rejected("tun0", RejectNeighborState) != 0 {
		t.Errorf("%d copies, greeted %t", copies, greeted)
	}
	if copies, greeted := first("tun0", 100*time.Millisecond); copies != 0 || !greeted {
		t.Errorf("%d copies, greeted %t", copies, greeted)
	}
	p.sync(lsaBefore, lsaA, lsaB)
	l.advance(time.Second)
	l.peer("tun1", "3.3.3.3", "10.255.0.3").sync()
	l.advance(calmTime)
	l.wantEnds("success: all adjacencies are back")
	l.advance(5 * time.Second)
	if !slices.ContainsFunc(flooded(l.take(), "tun0"), func(h packet.LSAHeader) bool { return h.Key().IsGrace() && h.Age == packet.MaxAge }) {
		t.Error("the Grace-LSA is not flushed")
	}
}
