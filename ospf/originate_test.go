package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// describeLinks writes a router-LSA's links, one a line.
func describeLinks(r packet.RouterLSA) string {
	var b strings.Builder
	for _, l := range r.Links {
		fmt.Fprintf(&b, "%s %s %s %d\n", l.Type, l.ID, l.Data, l.Metric)
	}
	return b.String()
}

// 12.4.1: the links of every kind of interface.
func TestOriginate12_4_1_Links(t *testing.T) {
	l := newLab(t)
	l.full("eth0", "2.2.2.2", "10.0.0.2")
	l.full("tun0", "3.3.3.3", "10.1.0.2")
	l.full("tun1", "4.4.4.4", "10.255.0.4")
	l.advance(6 * time.Second)
	h, r := l.own()
	want := `transit 10.0.0.2 10.0.0.1 10
stub 10.255.0.1 255.255.255.255 0
point-to-point 3.3.3.3 10.1.0.1 10
stub 10.1.0.0 255.255.255.252 10
point-to-point 4.4.4.4 0.0.0.4 10
stub 10.255.0.1 255.255.255.255 10
`
	if got := describeLinks(r); got != want || r.Flags != 0 || h.Options != packet.OptE|packet.OptDC { // RFC 1793 2.1
		t.Errorf("flags %x, links:\n%s", r.Flags, got)
	}
	l.reload(func(_ *Config, c *InterfaceConfig) { c.LinkData = LinkDataAddress })
	l.advance(6 * time.Second)
	if _, r := l.own(); !strings.Contains(describeLinks(r), "point-to-point 4.4.4.4 10.255.0.1 10") {
		t.Error("link data is not the address")
	}
}

// 12.4.1.2: without a full adjacency to the DR a LAN is a stub network.
func TestOriginate12_4_1_2_Stub(t *testing.T) {
	l := newLab(t)
	p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.bring(nbrExchange)
	l.advance(6 * time.Second)
	if _, r := l.own(); hasLink(r, packet.LinkTransit) || !strings.Contains(describeLinks(r), "stub 10.0.0.0 255.255.255.0 10") {
		t.Errorf("links:\n%s", describeLinks(r))
	}
}

// Passive interfaces, secondary addresses, addresses of 127/8.
func TestOriginate12_4_1_Subnets(t *testing.T) {
	l := newLab(t, func(l *lab) {
		l.cfg.Areas[0].Interfaces[0].Passive = true
		l.links[1].Addrs = []LinkAddr{{Addr: pfx("127.0.0.5/8")}, {Addr: pfx("10.0.0.1/24")}, {Addr: pfx("10.0.0.9/24"), Secondary: true}, {Addr: pfx("10.8.0.1/16")}}
		l.links[3].Addrs = []LinkAddr{{Addr: pfx("10.7.0.1/32"), Peer: ip("10.7.0.2")}}
	})
	l.advance(6 * time.Second)
	_, r := l.own()
	want := `stub 10.0.0.0 255.255.255.0 10
stub 10.8.0.0 255.255.0.0 10
stub 10.255.0.1 255.255.255.255 0
stub 10.1.0.0 255.255.255.252 10
stub 10.7.0.1 255.255.255.255 10
`
	if got := describeLinks(r); got != want {
		t.Errorf("links:\n%s", got)
	}
	if l.take() != nil {
		t.Error("passive interfaces send")
	}
}

// 12.4.2: the network-LSA exists while the DR has a full neighbour.
func TestOriginate12_4_2_Network(t *testing.T) {
	l := newLab(t)
	l.advance(41 * time.Second)
	k := packet.Key{Type: packet.LSNetwork, ID: id("10.0.0.1"), Adv: self}
	if l.lsa(k) != nil {
		t.Fatal("there without a neighbour")
	}
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	if body, err := packet.DecodeNetworkLSA(l.lsa(k)); err != nil || fmt.Sprint(body.Routers) != "[1.1.1.1 2.2.2.2]" {
		t.Fatalf("%v, %v", body, err)
	}
	q := l.full("tun0", "3.3.3.3", "10.1.0.2")
	p.alive, p.acks, q.acks = false, false, false
	l.advance(41 * time.Second)
	if raw := l.lsa(k); raw == nil || header(raw).Age != packet.MaxAge {
		t.Error("not flushed")
	}
	l.ack(q, &packet.LSAck{Headers: []packet.LSAHeader{header(l.lsa(k))}})
	if l.lsa(k) != nil {
		t.Error("not removed after the acknowledgement")
	}
}

// 12.4, appendix B: two instances lie MinLSInterval apart, and the last contents are what is sent.
func TestOriginate12_4_MinLSInterval(t *testing.T) {
	l := newLab(t)
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	l.out = nil
	for n := range 8 {
		l.reload(func(_ *Config, c *InterfaceConfig) { c.Cost = uint16(20 + n) })
		l.advance(500 * time.Millisecond)
	}
	if n := len(flooded(l.take(), "tun0")); n != 1 {
		t.Errorf("%d instances within 4 s", n)
	}
	l.advance(1100 * time.Millisecond)
	list := flooded(l.take(), "tun0")
	if _, r := l.own(); len(list) != 1 || r.Links[0].Metric != 27 {
		t.Errorf("%d instances, metric %d", len(list), r.Links[0].Metric)
	}
}

// 12.4: equal contents make no new instance.
func TestOriginate12_4_NoChange(t *testing.T) {
	l := newLab(t)
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	h, _ := l.own()
	l.step(l.cfg)
	l.step(Links{l.links})
	l.advance(10 * time.Second)
	if again, _ := l.own(); again.Seq != h.Seq {
		t.Errorf("sequence number %d after %d", again.Seq, h.Seq)
	}
}

// 12.1.6: the first sequence number, the last one, and the wrap: flush, wait for
// every acknowledgement, begin anew.
func TestOriginate12_1_6_SequenceWrap(t *testing.T) {
	l := newLab(t)
	l.advance(6 * time.Second)
	if h, _ := l.own(); h.Seq != packet.InitialSeq {
		t.Fatalf("first sequence number is %#x", h.Seq)
	}
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	// 13.4: somebody sends our LSA with the last sequence number (CVE-2017-3224).
	forged := build(packet.LSRouter, self, self, packet.MaxSeq, 1, packet.RouterLSA{Links: []packet.RouterLink{{ID: 1, Data: 2, Type: packet.LinkStub, Metric: 1}}})
	p.acks = false
	l.out = nil
	p.update(forged)
	l.advance(5 * time.Second)
	var flushed packet.LSAHeader
	for _, h := range flooded(l.take(), "tun0") {
		if h.Adv == self {
			flushed = h
		}
	}
	if f := header(forged); flushed.Age != packet.MaxAge || flushed.Seq != f.Seq || flushed.Checksum != f.Checksum {
		t.Fatalf("flushed %+v, not the instance that was received", flushed)
	}
	l.advance(20 * time.Second)
	if h, _ := l.own(); h.Seq != packet.MaxSeq {
		t.Fatal("anew before the acknowledgement")
	}
	l.ack(p, &packet.LSAck{Headers: []packet.LSAHeader{flushed}})
	if h, r := l.own(); h.Seq != packet.InitialSeq || len(r.Links) < 3 {
		t.Errorf("sequence number %#x with %d links", h.Seq, len(r.Links))
	}
}

// 13.4: a newer self-originated LSA: go beyond it when it is wanted, flush it when not.
func TestOriginate13_4_SelfOriginated(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	l.out = nil
	p.update(
		build(packet.LSRouter, self, self, 100, 1, packet.RouterLSA{}),
		build(packet.LSExternal, id("192.0.2.0"), self, 7, 1, packet.ExternalLSA{Mask: packet.MaskOf(24)}),
		build(packet.LSNetwork, id("10.0.0.1"), id("7.7.7.7"), 3, 1, packet.NetworkLSA{Mask: packet.MaskOf(24)}), // our address, an old router id
		build(packet.LSNetwork, id("10.6.0.1"), id("7.7.7.7"), 3, 1, packet.NetworkLSA{Mask: packet.MaskOf(24)}), // not ours
	)
	got := map[string]packet.LSAHeader{}
	l.advance(6 * time.Second)
	for _, h := range flooded(l.take(), "tun0") {
		got[fmt.Sprintf("%s %s", h.Type, h.ID)] = h
	}
	if h := got["router 1.1.1.1"]; h.Seq != 102 || h.Age > 10 { // 101, and once more
		t.Errorf("router-LSA: %+v", h)
	}
	if h := got["as-external 192.0.2.0"]; h.Seq != 7 || h.Age != packet.MaxAge {
		t.Errorf("AS-external-LSA: %+v", h)
	}
	if h := got["network 10.0.0.1"]; h.Seq != 3 || h.Age != packet.MaxAge {
		t.Errorf("network-LSA: %+v", h)
	}
	if h, ok := got["network 10.6.0.1"]; ok {
		t.Errorf("foreign network-LSA: %+v", h)
	}
	if _, r := l.own(); len(r.Links) < 3 {
		t.Error("the forged contents stand")
	}
}

// 13.4: what is not wanted is still on its way through the area when it arrives. A flush at once would be dropped by who
// has it already (13 (5)(a)); where it came first, nobody would know that it has been (13 (4)), and what it ends would stay.
func TestOriginate13_4_FlushDoesNotOvertake(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.alive = true
	l.advance(10 * time.Second)
	k := packet.Key{Type: packet.LSExternal, ID: id("192.0.2.0"), Adv: self}
	stale := func(seq packet.Seq) []byte { return extLSA(self, "192.0.2.0", seq) }
	flushed := func(after time.Duration, want ...packet.Seq) {
		t.Helper()
		l.take()
		l.advance(after)
		var got []packet.Seq
		for _, h := range flooded(l.take(), "tun0") {
			if h.Key() == k && h.Age == packet.MaxAge {
				got = append(got, h.Seq)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %v: instances %v are flushed, want %v", after, got, want)
		}
	}

	p.update(stale(7))
	flushed(time.Second)
	flushed(100*time.Millisecond, 7)
	l.advance(10 * time.Second)
	if l.lsa(k) != nil || len(l.e.origin) != 1 { // the router-LSA
		t.Errorf("%d own LSAs are remembered", len(l.e.origin))
	}

	p.update(stale(20)) // further instances do not put it off
	flushed(900 * time.Millisecond)
	p.update(stale(21))
	flushed(150*time.Millisecond, 21)
	l.advance(10 * time.Second)

	p.update(stale(30)) // wanted in the meantime: passed, not flushed
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Redistribute = []Redistribute{{Source: Static}} })
	l.step(Offer{Source: Static, Add: []netip.Prefix{pfx("192.0.2.0/24")}})
	flushed(3 * time.Second)
	if raw := l.lsa(k); raw == nil || header(raw).Seq != 31 {
		t.Errorf("what is wanted again is not there beyond the stale instance")
	}
}

// 13.4, RFC 5250 3: an opaque LSA of link scope in our name is flushed on its link alone, and forgotten with it.
func TestOriginate13_4_LinkScope(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.full("eth0", "3.3.3.3", "10.0.0.3")
	l.advance(10 * time.Second)
	stale := build(packet.LSOpaqueLink, id("9.0.0.1"), self, 7, 1, packet.OpaqueLSA{})
	flushed := func(ifname string, list []sent) bool {
		return slices.ContainsFunc(flooded(list, ifname), func(h packet.LSAHeader) bool { return h.Key() == header(stale).Key() && h.Age == packet.MaxAge })
	}
	l.take()
	p.update(stale)
	l.advance(3 * time.Second)
	if list := l.take(); !flushed("tun0", list) || flushed("eth0", list) {
		t.Errorf("flushed on tun0 %t, on eth0 %t", flushed("tun0", list), flushed("eth0", list))
	}
	stale = build(packet.LSOpaqueLink, id("9.0.0.2"), self, 7, 1, packet.OpaqueLSA{})
	p.update(stale)
	known := len(l.e.origin)
	p.alive = false
	l.relink(func(m map[string]*Link) { *m["tun0"] = Link{} })
	l.advance(time.Minute)
	if len(l.e.origin) >= known {
		t.Errorf("%d own LSAs are remembered after the link is gone, %d before", len(l.e.origin), known)
	}
}

// 13.4: neighbours may remember the MaxAge instance of an earlier run longer than
// we do. Ours passes it at once, and also when it had to wait and it is forgotten here.
func TestOriginate13_4_MaxAgeRemembered(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.alive = true
	l.advance(time.Second)
	for _, c := range []struct {
		seq  packet.Seq
		wait time.Duration
	}{{100, 0}, {200, 6 * time.Second}} {
		p.update(build(packet.LSRouter, self, self, c.seq, packet.MaxAge, packet.RouterLSA{}))
		l.advance(c.wait)
		if h, r := l.own(); h.Seq != c.seq+1 || h.Age >= packet.MaxAge || len(r.Links) == 0 {
			t.Errorf("after MaxAge instance %d: sequence number %d, age %d, %d links", c.seq, h.Seq, h.Age, len(r.Links))
		}
		l.advance(2 * time.Second)
	}
}

// 13.4: a storm of false self-originated LSAs is answered every MinLSInterval at
// most and flooded on every MinLSArrival at most.
func TestOriginate13_4_Storm(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.full("tun1", "3.3.3.3", "10.255.0.3")
	l.advance(10 * time.Second)
	l.out = nil
	for n := range 300 { // 30 s
		p.update(build(packet.LSRouter, self, self, packet.Seq(1000+2*n), 1, packet.RouterLSA{Links: []packet.RouterLink{{ID: packet.ID(n), Type: packet.LinkStub}}}))
		l.advance(100 * time.Millisecond)
	}
	list := l.take()
	if n := len(flooded(list, "tun0")); n > 8 {
		t.Errorf("%d answers in 30 s", n)
	}
	if n := len(flooded(list, "tun1")); n > 45 {
		t.Errorf("%d LSAs flooded on in 30 s", n)
	}
}

// A stale LSA of an earlier run that comes during the first exchange is passed
// over, twice: neighbours that have only just learned it drop the first answer.
func TestOriginate13_4_StaleAfterRestart(t *testing.T) {
	l := newLab(t)
	stale := build(packet.LSRouter, self, self, 50, 900, packet.RouterLSA{})
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExchange)
	p.describe(header(stale))
	p.update(stale)
	l.wantState(p, nbrFull)
	p.alive = true
	l.advance(6 * time.Second)
	if h, r := l.own(); h.Seq != 52 || !hasLink(r, packet.LinkPointToPoint) {
		t.Errorf("sequence number %d", h.Seq)
	}
	l.advance(1801 * time.Second)
	if h, _ := l.own(); h.Seq != 53 {
		t.Errorf("not refreshed: sequence number %d", h.Seq)
	}
}

// No packet carries an LSA above 65487 bytes: an alarm, and the last instance stays.
func TestOriginate_TooLong(t *testing.T) {
	l := newLab(t)
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	l.relink(func(m map[string]*Link) {
		for n := range 6000 {
			m["lo"].Addrs = append(m["lo"].Addrs, LinkAddr{Addr: netip.PrefixFrom(packet.ID(0x0b000000+n).Addr(), 32)})
		}
	})
	l.advance(10 * time.Second)
	if _, r := l.own(); len(r.Links) > 10 || l.alarms("lsa-too-long") == 0 {
		t.Errorf("%d links, %d alarms", len(r.Links), l.alarms("lsa-too-long"))
	}
}

// RFC 6987: max-metric at the start and on demand; stub links keep their cost.
func TestOriginate6987_StubRouter(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.StubRouter.OnStartup = time.Minute })
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	const transit, stubs = "point-to-point 2.2.2.2 10.1.0.1 65535", "stub 10.1.0.0 255.255.255.252 10"
	if _, r := l.own(); !strings.Contains(describeLinks(r), transit) || !strings.Contains(describeLinks(r), stubs) {
		t.Errorf("at the start:\n%s", describeLinks(r))
	}
	l.advance(time.Minute)
	if _, r := l.own(); strings.Contains(describeLinks(r), transit) {
		t.Error("for ever")
	}
	l.reload(func(c *Config, _ *InterfaceConfig) { c.StubRouter.Administrative = true })
	l.advance(6 * time.Second)
	if _, r := l.own(); !strings.Contains(describeLinks(r), transit) {
		t.Error("not on demand")
	}
}

// A reload moves the end of the start, which counts from the start.
func TestOriginate6987_OnStartupReloaded(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.StubRouter.OnStartup = time.Hour })
	l.advance(20 * time.Second)
	for _, c := range []struct {
		wait, pass time.Duration
		want       bool
	}{{time.Minute, 30 * time.Second, true}, {time.Minute, 11 * time.Second, false}, {time.Hour, 0, false}} {
		l.reload(func(cfg *Config, _ *InterfaceConfig) { cfg.StubRouter.OnStartup = c.wait })
		l.advance(c.pass)
		if l.e.stubRouter() != c.want {
			t.Errorf("with %s, %s after the start: %t", c.wait, l.now.Sub(l.e.started), !c.want)
		}
	}
}
