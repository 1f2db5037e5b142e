package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

const vlink = "vlink-0.0.0.1-4.4.4.4"

// far is the router at the other end of vlink.
var far = id("4.4.4.4")

var throughArea1 = VirtualLink{Transit: 1, RouterID: far, HelloInterval: 10 * time.Second,
	DeadInterval: 40 * time.Second, RetransmitInterval: 5 * time.Second, TransmitDelay: 2 * time.Second}

// virtualLink is one through area 1, in which eth0 and tun1 are; the backbone has tun0.
func virtualLink(edit ...func(*Config)) func(*lab) {
	return func(l *lab) {
		areas(Area{ID: 0}, Area{ID: 1})(l)
		l.cfg.Areas[1].Interfaces = []InterfaceConfig{interfaceConfig("eth0", "tun1")}
		l.cfg.VirtualLinks = []VirtualLink{throughArea1}
		for _, f := range edit {
			f(&l.cfg)
		}
	}
}

// link is a point-to-point link in a router-LSA.
func link(to packet.ID, data string, cost uint16) packet.RouterLink {
	return packet.RouterLink{Type: packet.LinkPointToPoint, ID: to, Data: id(data), Metric: cost}
}

// path makes the transit area lead to the far router: by 3.3.3.3 on eth0 at the given cost.
func (p *peer) path(seq packet.Seq, cost uint16, flags packet.RouterFlags) {
	p.l.t.Helper()
	p.l.advance(2 * time.Second)
	p.update(
		routerLSA(p.id, packet.InitialSeq+seq, link(self, p.addr.String(), 10), link(far, "10.9.0.1", cost)),
		build(packet.LSRouter, far, far, packet.InitialSeq+seq, 1, packet.RouterLSA{Flags: flags, Links: []packet.RouterLink{link(p.id, "10.9.0.2", 1)}}))
	p.l.advance(6 * time.Second)
}

// otherEnd is the router at the other end.
func (l *lab) otherEnd() *peer {
	l.t.Helper()
	p := l.peer(vlink, far.String(), "10.9.0.2")
	p.link = "eth0"
	return p
}

func (l *lab) virtualState() string {
	for _, i := range l.e.Interfaces() {
		if i.Interface == vlink {
			return fmt.Sprintf("%s %s cost %d: %s", i.State, i.Address, i.Cost, i.Why)
		}
	}
	return "not there"
}

func (l *lab) wantVirtual(want string) {
	l.t.Helper()
	if got := l.virtualState(); got != want {
		l.t.Errorf("virtual link is %q, want %q", got, want)
	}
}

// flags and links of our router-LSA in an area.
func (l *lab) ownIn(area packet.ID) packet.RouterLSA {
	l.t.Helper()
	lsa, err := packet.DecodeRouterLSA(l.e.area(area).db.Lookup(l.e.routerKey()).Raw)
	if err != nil {
		l.t.Fatal(err)
	}
	return lsa
}

// 15, 16.1 (4), 16.7: a virtual link is up while the transit area has a path to the other end, whose distance is
// its cost; own address is that of the way out, the other end's that of its way back.
func TestVirtual15_UpAndDown(t *testing.T) {
	l := newLab(t, virtualLink())
	l.wantVirtual("Down invalid Prefix cost 0: no path to 4.4.4.4 through area 0.0.0.1")
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	p.path(1, 7, packet.RouterB)
	l.wantVirtual("Point-To-Point 10.0.0.1/32 cost 17: ")
	hellos := 0
	for _, s := range l.take() {
		if h, ok := s.body.(*packet.Hello); ok && s.h.AreaID == 0 && s.Interface == "eth0" {
			hellos++
			if s.Dst != ip("10.9.0.2") || s.Src != ip("10.0.0.1") || s.TTL < 2 || !s.Routed || h.Mask != unspecified || h.Options&packet.OptE == 0 {
				t.Errorf("hello on the virtual link: %+v %+v", s.Transmit, h)
			}
		}
	}
	if hellos == 0 {
		t.Error("no hello on the virtual link")
	}
	if slices.ContainsFunc(l.groups, func(m Membership) bool { return m.Interface == vlink }) {
		t.Error("a group was joined on the virtual link")
	}
	p.path(2, 0xffff-10, 0) // 15: 0xffff is the highest cost; the B bit is not asked for
	l.wantVirtual("Point-To-Point 10.0.0.1/32 cost 65535: ")
	p.path(3, 0xffff-9, 0)
	l.wantVirtual("Down invalid Prefix cost 65535: the path to 4.4.4.4 costs 65536, a link of the backbone at most 65535")
	p.path(4, 7, 0)
	l.wantVirtual("Point-To-Point 10.0.0.1/32 cost 17: ")
	l.relink(func(m map[string]*Link) { m["eth0"].Up = false })
	l.advance(6 * time.Second)
	l.wantVirtual("Down invalid Prefix cost 17: no path to 4.4.4.4 through area 0.0.0.1")
}

// RFC 6860 4.2: a hidden address is no end of a virtual link.
func TestVirtual6860_4_2(t *testing.T) {
	l := newLab(t, virtualLink())
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	p.path(1, 7, packet.RouterB)
	hide := func(hidden bool, want string) {
		t.Helper()
		l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].Interfaces[0].SuppressPrefix = hidden })
		l.advance(6 * time.Second)
		l.wantVirtual(want)
	}
	hide(true, "Down invalid Prefix cost 17: prefix-suppression hides our address on eth0, the way to 4.4.4.4")
	hide(false, "Point-To-Point 10.0.0.1/32 cost 17: ")
}

// 15: the other end's way back is unnumbered.
func TestVirtual15_NoAddress(t *testing.T) {
	l := newLab(t, virtualLink())
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	p.update(routerLSA(p.id, packet.InitialSeq+1, link(self, "10.0.0.2", 10), link(far, "0.0.0.9", 1)),
		routerLSA(far, packet.InitialSeq, link(p.id, "0.0.0.8", 1)))
	l.advance(6 * time.Second)
	l.wantVirtual("Down invalid Prefix cost 0: router-LSA of 4.4.4.4 has no address on its way to us: its links there are unnumbered")
}

// 12.4.1.3: the link is in the backbone's router-LSA, the V bit (12.4.1) in the transit area's, both while the other end is
// Full; without a further backbone link both ends become area border routers by it.
func TestVirtual12_4_1_3_LSA(t *testing.T) {
	l := newLab(t, virtualLink(), func(l *lab) { l.cfg.Areas[0].Interfaces = []InterfaceConfig{interfaceConfig("none")} })
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	p.path(1, 7, 0)
	if f := l.ownIn(1).Flags; f != packet.RouterB {
		t.Errorf("flags in the transit area before: %v", f)
	}
	q := l.otherEnd()
	q.bring(nbrFull)
	l.advance(6 * time.Second)
	want := []packet.RouterLink{{Type: packet.LinkVirtual, ID: far, Data: id("10.0.0.1"), Metric: 17}}
	if got := l.ownIn(0).Links; !slices.Equal(got, want) {
		t.Errorf("links in the backbone: %v", got)
	}
	if a, b := l.ownIn(1).Flags, l.ownIn(0).Flags; a != packet.RouterB|packet.RouterV || b != packet.RouterB {
		t.Errorf("flags in the transit area %v, in the backbone %v", a, b)
	}
	p.path(2, 9, 0) // the cost follows, the adjacency stays
	l.wantState(q, nbrFull)
	if got := l.ownIn(0).Links; got[0].Metric != 19 {
		t.Errorf("links in the backbone: %v", got)
	}
	q.alive = false
	l.advance(50 * time.Second)
	if a, b := l.ownIn(1).Flags, l.ownIn(0).Links; a != packet.RouterB || len(b) != 0 {
		t.Errorf("flags %v, links in the backbone %v", a, b)
	}
}

// 16.1.1, 16.3: next hops across the link are those of the transit area's path; they follow it without a new
// adjacency, and several are all used.
func TestVirtual16_1_NextHops(t *testing.T) {
	l := newLab(t, virtualLink())
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	p.path(1, 7, packet.RouterB)
	q := l.otherEnd()
	q.bring(nbrFull)
	l.advance(6 * time.Second)
	stub := packet.RouterLink{Type: packet.LinkStub, ID: id("172.30.0.0"), Data: packet.MaskOf(24), Metric: 5}
	q.update(routerLSA(far, packet.InitialSeq, packet.RouterLink{Type: packet.LinkVirtual, ID: self, Data: id("10.9.0.2"), Metric: 17}, stub))
	l.advance(6 * time.Second)
	hops := func(want string) {
		t.Helper()
		r, _ := l.e.table.Lookup(pfx("172.30.0.0/24"))
		if got := fmt.Sprintf("%s %s %d %s", r.Type, r.Area, r.Cost, r.NextHops); got != want {
			t.Errorf("route is %q, want %q", got, want)
		}
	}
	hops("intra-area 0.0.0.0 22 via 10.0.0.2 dev eth0")
	second := l.full("tun1", "5.5.5.5", "10.255.0.4")
	l.advance(2 * time.Second)
	second.update(routerLSA(second.id, packet.InitialSeq, link(self, "10.255.0.4", 10), link(far, "10.8.0.1", 7)),
		build(packet.LSRouter, far, far, packet.InitialSeq+2, 1, packet.RouterLSA{Flags: packet.RouterB, Links: []packet.RouterLink{
			link(p.id, "10.9.0.2", 1), link(second.id, "10.8.0.2", 1)}}))
	l.advance(6 * time.Second)
	hops("intra-area 0.0.0.0 22 via 10.0.0.2 dev eth0, via 10.255.0.4 dev tun1 onlink")
	p.path(3, 700, packet.RouterB) // eth0's way is dear now, and the far router's link to tun1's neighbour is gone
	l.wantState(q, nbrFull)
	hops("intra-area 0.0.0.0 715 via 10.0.0.2 dev eth0")
}

// 8.2: packets of the backbone in a transit area are the virtual link's, if the other end sent them to an own
// address.
func TestVirtual8_2_Receive(t *testing.T) {
	l := newLab(t, virtualLink())
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	q := l.otherEnd()
	q.hi() // there is no path yet
	if n := l.rejected(vlink, RejectPassive); n != 1 {
		t.Errorf("%d packets rejected while the link is down", n)
	}
	p.path(1, 7, packet.RouterB)
	for _, c := range []struct {
		dst    netip.Addr
		link   string
		router packet.ID
		want   string // interface that rejects
		reason Reject
	}{
		{allSPFRouters, "eth0", far, vlink, RejectDestination},
		{ip("10.0.0.99"), "eth0", far, vlink, RejectDestination},
		{ip("10.0.0.1"), "eth0", id("9.9.9.9"), "eth0", RejectArea},
		{ip("10.0.0.1"), "tun1", id("9.9.9.9"), "tun1", RejectDestination},
		{allSPFRouters, "tun1", id("9.9.9.9"), "tun1", RejectArea},
		{ip("10.1.0.1"), "tun0", far, "tun0", RejectUnicastHello},
	} {
		before := l.rejected(c.want, c.reason)
		h := q.hello
		l.step(Datagram{Interface: c.link, Src: q.addr, Dst: c.dst, TTL: 60, Data: packet.Append(nil, packet.Header{RouterID: c.router}, &h)})
		if l.rejected(c.want, c.reason) != before+1 {
			t.Errorf("%+v: %v %v", c, l.iface(c.want).rejected, l.iface("eth0").rejected)
		}
	}
	q.link = "tun1" // what comes in by another link of the area, for any address of ours, is as good
	q.bring(nbrExStart)
	q.addr = ip("10.8.0.2") // nor does the address count that it comes from
	q.hi()
	l.wantState(q, nbrExStart)
}

// 13.3, 15, 10.6: AS-external-LSAs are neither described nor flooded nor asked for on a virtual link; packets carry MTU 0, take any,
// and stay within 576 bytes (A.1).
func TestVirtual13_3_NoExternals(t *testing.T) {
	l := newLab(t, virtualLink())
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	p.path(1, 7, packet.RouterB)
	p.update(extLSA(p.id, "192.0.2.0", packet.InitialSeq))
	for n := range 60 {
		p.summary(1, fmt.Sprintf("172.20.%d.0/24", n), 5)
	}
	q := l.otherEnd()
	q.mtu = 9000
	l.take()
	q.bring(nbrExchange)
	q.describe(header(extLSA(far, "198.18.0.0", packet.InitialSeq)))
	l.wantState(q, nbrFull)
	p.update(extLSA(p.id, "192.0.3.0", packet.InitialSeq))
	l.advance(time.Second)
	q.update(extLSA(far, "198.18.0.0", packet.InitialSeq))
	if l.rejected(vlink, RejectLSA) != 1 {
		t.Error("an AS-external-LSA was taken over the virtual link")
	}
	described := 0
	for _, s := range l.take() {
		if s.h.AreaID != 0 || s.Interface != "eth0" {
			continue
		}
		if len(s.Data) > 556 {
			t.Errorf("%s of %d bytes", s.h.Type, len(s.Data))
		}
		var headers []packet.LSAHeader
		switch b := s.body.(type) {
		case *packet.DBDesc:
			if b.MTU != 0 {
				t.Errorf("MTU %d", b.MTU)
			}
			headers = b.Headers
			described += len(headers)
		case *packet.LSUpdate:
			for _, raw := range b.LSAs {
				headers = append(headers, header(raw))
			}
		}
		if slices.ContainsFunc(headers, func(h packet.LSAHeader) bool { return h.Type == packet.LSExternal }) {
			t.Errorf("%s has an AS-external-LSA: %v", s.h.Type, headers)
		}
	}
	if described == 0 {
		t.Error("nothing was described")
	}
}

// C.4: a virtual link authenticates by keys of its own.
func TestVirtual_Authentication(t *testing.T) {
	keys := scheme(authKey(1, auth.MD5))
	l := newLab(t, virtualLink(func(c *Config) { c.VirtualLinks[0].Auth = keys }))
	l.full("eth0", "3.3.3.3", "10.0.0.2").path(1, 7, packet.RouterB)
	q := l.otherEnd()
	q.hi()
	if l.rejected(vlink, RejectAuthType) != 1 {
		t.Error("taken without authentication")
	}
	q.auth, q.key = keys, keys.Keys[0]
	q.bring(nbrFull)
}

// A configuration adds and removes virtual links, and changes their timers, and nothing else falls.
func TestVirtual_Reload(t *testing.T) {
	l := newLab(t, virtualLink())
	p := l.full("eth0", "3.3.3.3", "10.0.0.2")
	b := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.path(1, 7, packet.RouterB)
	q := l.otherEnd()
	q.bring(nbrFull)
	links := l.cfg.VirtualLinks
	l.reload(func(c *Config, _ *InterfaceConfig) {
		c.VirtualLinks = append(slices.Clone(links), VirtualLink{Transit: 1, RouterID: id("6.6.6.6"), HelloInterval: time.Second, DeadInterval: 4 * time.Second})
	})
	l.wantState(q, nbrFull)
	l.events = nil
	l.reload(func(c *Config, _ *InterfaceConfig) { c.VirtualLinks = nil })
	l.advance(6 * time.Second)
	l.wantVirtual("not there")
	for _, e := range l.events {
		if c, ok := e.(NeighborChange); ok && c.RouterID != far {
			t.Errorf("%+v", c)
		}
	}
	l.wantState(p, nbrFull)
	l.wantState(b, nbrFull)
	if f := l.ownIn(1).Flags; f != packet.RouterB {
		t.Errorf("flags in the transit area: %v", f)
	}
	l.peers = l.peers[:2]
	l.reload(func(c *Config, _ *InterfaceConfig) { c.VirtualLinks = links })
	l.wantVirtual("Point-To-Point 10.0.0.1/32 cost 17: ")
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[1].Type = AreaStub }) // 15: no such thing, whatever comes
	l.advance(6 * time.Second)
	if got := l.virtualState(); !strings.HasPrefix(got, "Down") {
		t.Errorf("through a stub area: %s", got)
	}
}

// Stub router (RFC 6987): our own links' highest metric does not end a virtual link.
func TestVirtual_StubRouter(t *testing.T) {
	l := newLab(t, virtualLink())
	l.full("eth0", "3.3.3.3", "10.0.0.2").path(1, 7, packet.RouterB)
	q := l.otherEnd()
	q.bring(nbrFull)
	l.step(Drain)
	l.advance(10 * time.Second)
	l.wantState(q, nbrFull)
	l.step(Undrain)
	l.advance(10 * time.Second)
	l.wantState(q, nbrFull)
	l.wantVirtual("Point-To-Point 10.0.0.1/32 cost 17: ")
}
