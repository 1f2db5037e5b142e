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

// network is a lab whose eth0 is of another type; the configuration of the others is as always.
func network(t InterfaceType, edit func(*InterfaceConfig)) func(*lab) {
	return func(l *lab) {
		c := interfaceConfig("eth0")
		c.Type = t
		if edit != nil {
			edit(&c)
		}
		l.cfg.Areas[0].Interfaces = []InterfaceConfig{c, interfaceConfig("*")}
	}
}

// listed is a list of static neighbours with priorities as on an NBMA network.
func listed(list ...string) (static []StaticNeighbor) {
	for _, text := range list {
		var priority uint8
		addr, p, _ := strings.Cut(text, " ")
		fmt.Sscan(p, &priority)
		static = append(static, StaticNeighbor{Address: ip(addr), Priority: priority, PollInterval: 60 * time.Second})
	}
	return static
}

// greeted lists when Hellos were sent on eth0 to an address, in seconds from a beginning.
func (l *lab) greeted(from time.Time, d time.Duration) map[netip.Addr][]int {
	l.t.Helper()
	l.out = nil
	times := map[netip.Addr][]int{}
	note := func() {
		hellos, dsts := on[*packet.Hello](l.take(), "eth0")
		for n := range hellos {
			times[dsts[n]] = append(times[dsts[n]], int(l.now.Sub(from)/time.Second))
		}
	}
	for end := l.now.Add(d); l.now.Before(end); note() {
		l.advance(time.Second)
	}
	return times
}

// 9.3 InterfaceUp, 9.4 (6), 9.5.1, 10.3, C.5: who can be DR is contacted at once, first in state Attempt and
// then each PollInterval; the others once we are DR.
func TestNBMA9_3_Start(t *testing.T) {
	l := newLab(t, network(TypeNonBroadcast, func(c *InterfaceConfig) { c.Static = listed("10.0.0.2 1", "10.0.0.3 0") }))
	if n := l.neighbor(ip("10.0.0.2")); n.state != nbrAttempt {
		t.Errorf("who can be DR is %s", n.state)
	}
	if n := l.neighbor(ip("10.0.0.3")); n.state != nbrDown {
		t.Errorf("who can not is %s", n.state)
	}
	if rows := l.e.Neighbors(l.now); !strings.Contains(rows[1].Why, "sent no hello") {
		t.Errorf("why is %q", rows[1].Why)
	}
	times := l.greeted(l.now, 200*time.Second)
	want := "[10 20 30 100 160]" // Attempt ends after the dead interval, at 40 s; the first Hello was at 0 s
	if got := fmt.Sprint(times[ip("10.0.0.2")]); got != want {
		t.Errorf("hellos to who can be DR: %s, want %s", got, want)
	}
	// The wait timer ends at 40 s, and we are DR: Start, and at that instant the periodic Hello.
	if got := fmt.Sprint(times[ip("10.0.0.3")]); got != "[40 40 50 60 70 140 200]" {
		t.Errorf("hellos to who can not: %s", got)
	}
	if len(times) != 2 || slices.ContainsFunc(l.groups, func(m Membership) bool { return m.Interface == "eth0" }) {
		t.Errorf("multicast on an NBMA network: %v %v", times, l.groups)
	}
}

// 9.5.1: every pair of eligibility, role and state of the neighbour.
func TestNBMA9_5_1_Matrix(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %-8s %-10s %-8s %-6s %-5s %s\n", "priority", "state", "neighbour", "is", "hello", "poll", "reply")
	for _, ours := range []uint8{1, 0} {
		states := []ifState{ifWaiting, ifDROther, ifBackup, ifDR}
		if ours == 0 {
			states = states[1:2]
		}
		for _, s := range states {
			for _, role := range []string{"DR", "Backup", "eligible", "never"} {
				if s == ifWaiting && (role == "DR" || role == "Backup") || s == ifDR && role == "DR" || s == ifBackup && role == "Backup" {
					continue
				}
				for _, theirs := range []nbrState{nbrDown, nbrAttempt, nbrTwoWay} {
					hello, poll, reply := greets(t, ours, s, role, theirs)
					fmt.Fprintf(&b, "%-8d %-8s %-10s %-8s %-6v %-5v %v\n", ours, s, role, theirs, hello, poll, reply)
				}
			}
		}
	}
	golden(t, "nbma.golden", b.String())
}

// greets tells whether a neighbour gets the periodic Hello, the one each PollInterval, and an answer to its own.
func greets(t *testing.T, ours uint8, s ifState, role string, theirs nbrState) (hello, poll, reply bool) {
	l := newLab(t, network(TypeNonBroadcast, func(c *InterfaceConfig) {
		c.Priority, c.Static = ours, listed("10.0.0.2 1")
		if role == "never" {
			c.Static[0].Priority = 0
		}
	}))
	i, n := l.iface("eth0"), l.neighbor(ip("10.0.0.2"))
	i.state, n.state = s, theirs
	i.dr, i.bdr = ip("10.0.0.8"), ip("10.0.0.9") // others
	switch {
	case s == ifWaiting:
		i.dr, i.bdr = unspecified, unspecified
	case s == ifDR:
		i.dr = i.address()
	case s == ifBackup:
		i.bdr = i.address()
	}
	switch role {
	case "DR":
		i.dr = n.addr
	case "Backup":
		i.bdr = n.addr
	}
	sends := func(f func()) bool {
		l.e.now, l.e.out = l.now, Output{}
		f()
		return len(l.e.out.Send) > 0
	}
	hello = sends(i.sendHello)
	poll = theirs == nbrDown && sends(n.pollDue)
	if theirs == nbrTwoWay { // the first one is answered in any case
		p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
		p.hello.Priority, p.hello.DR, p.hello.BDR = n.priority, i.dr, i.bdr
		n.id, n.dr, n.bdr = p.id, i.dr, i.bdr
		d := p.datagram(i.address(), &p.hello)
		reply = sends(func() { i.receiveHello(d, packet.Header{RouterID: p.id}, &p.hello) })
	}
	return hello, poll, reply
}

// 10.1: from Down to Full and back; a listed neighbour is Down then, with its router id forgotten, and polled.
func TestNBMA10_1_DownAndUp(t *testing.T) {
	l := newLab(t, network(TypeNonBroadcast, func(c *InterfaceConfig) { c.Static = listed("10.0.0.2 1", "10.0.0.3 1") }))
	p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.hello.DR = p.addr
	p.bring(nbrFull)
	if got := fmt.Sprint(l.happened(p.addr)); got != "[Down>Attempt Attempt>Init Init>2-Way 2-Way>ExStart ExStart>Exchange Exchange>Full]" {
		t.Error(got)
	}
	for _, tx := range l.out {
		if tx.Interface == "eth0" && tx.Dst.IsMulticast() {
			t.Fatalf("a packet to %s", tx.Dst)
		}
	}
	l.advance(time.Minute)
	p.alive = false
	l.advance(41 * time.Second)
	n := l.neighbor(p.addr)
	if n == nil || n.state != nbrDown || n.id != 0 || !n.poll.armed() {
		t.Fatalf("after its death: %+v", n)
	}
	if rows := l.e.Neighbors(l.now); len(rows) != 2 || rows[0].State != "Down" || !strings.Contains(rows[0].Why, "every 1m0s") {
		t.Errorf("shown as %+v", rows)
	}
	p.bring(nbrFull)

	// Another router at the same address, and one that nobody has listed.
	q := l.peer("eth0", "7.7.7.7", "10.0.0.2")
	q.hi()
	if n := l.neighbor(q.addr); n.id != q.id || n.state < nbrTwoWay {
		t.Errorf("after the exchange of a router: %s %s", n.id, n.state)
	}
	r := l.peer("eth0", "8.8.8.8", "10.0.0.8")
	r.hi()
	if r.state() < nbrTwoWay {
		t.Errorf("who is not listed is %s", r.state())
	}
	// The interface goes and comes: only the listed are there then.
	l.relink(func(m map[string]*Link) { m["eth0"].Up = false })
	if i := l.iface("eth0"); len(i.neighbors) != 0 || l.e.iface("eth0").hello.armed() {
		t.Errorf("%d neighbours on a link that is down", len(i.neighbors))
	}
	l.relink(func(m map[string]*Link) { m["eth0"].Up = true })
	if i := l.iface("eth0"); len(i.neighbors) != 2 {
		t.Errorf("%d neighbours are listed", len(i.neighbors))
	}
}

// 13.3 (5), 13.5: LSAs and acknowledgements go to each neighbour alone; as DROther and Backup the latter go to
// all that we are adjacent with, else to who sent the LSA.
func TestNBMA13_3_Unicast(t *testing.T) {
	l := newLab(t, network(TypeNonBroadcast, func(c *InterfaceConfig) {
		c.Priority, c.Static = 0, listed("10.0.0.2 1", "10.0.0.3 1", "10.0.0.4 0")
	}))
	dr, bdr := l.peer("eth0", "2.2.2.2", "10.0.0.2"), l.peer("eth0", "3.3.3.3", "10.0.0.3")
	for _, p := range []*peer{dr, bdr} {
		p.hello.DR, p.hello.BDR = dr.addr, bdr.addr
		p.bring(nbrFull)
	}
	l.advance(6 * time.Second)
	l.out = nil
	dr.update(routerLSA(id("9.9.9.9"), packet.InitialSeq))
	l.advance(time.Second)
	_, to := acked(l.take(), "eth0")
	if got := fmt.Sprint(to); got != "[10.0.0.2 10.0.0.3]" {
		t.Errorf("acknowledgements go to %s", got)
	}
	l.advance(6 * time.Second)
	l.out = nil
	l.reload(func(_ *Config, c *InterfaceConfig) { c.Cost = 11 })
	us, dsts := on[*packet.LSUpdate](l.take(), "eth0")
	if got := fmt.Sprint(dsts); len(us) != 2 || got != "[10.0.0.2 10.0.0.3]" {
		t.Errorf("our LSA goes to %s", got)
	}
}

// p2mp is a lab with three full neighbours, the last of them not listed.
func p2mp(t *testing.T, unicast bool, static ...StaticNeighbor) (l *lab, peers []*peer) {
	l = newLab(t, network(TypePointToMultipoint, func(c *InterfaceConfig) { c.Unicast, c.Static = unicast, static }))
	for n := 2; n <= 4; n++ {
		p := l.peer("eth0", fmt.Sprintf("%d.%d.%d.%d", n, n, n, n), fmt.Sprintf("10.0.0.%d", n))
		p.bring(nbrFull)
		peers = append(peers, p)
	}
	l.advance(6 * time.Second)
	l.out, l.events = nil, nil
	return l, peers
}

// 12.4.1.4: a host route to ourselves and a link to each neighbour, with its own cost where it has one.
func TestP2MP12_4_1_4_Links(t *testing.T) {
	l, _ := p2mp(t, true, StaticNeighbor{Address: ip("10.0.0.3"), Cost: 30, PollInterval: time.Second}, StaticNeighbor{Address: ip("10.0.0.9"), PollInterval: time.Second})
	describe := func() string { _, r := l.own(); return strings.Join(strings.Split(describeLinks(r), "\n")[:4], "\n") }
	const want = `stub 10.0.0.1 255.255.255.255 0
point-to-point 2.2.2.2 10.0.0.1 10
point-to-point 3.3.3.3 10.0.0.1 30
point-to-point 4.4.4.4 10.0.0.1 10`
	if got := describe(); got != want {
		t.Errorf("links:\n%s", got)
	}
	for _, lsa := range l.e.LSAs(l.now) {
		if lsa.Header.Type == packet.LSNetwork {
			t.Error("a network-LSA")
		}
	}
	l.reload(func(c *Config, i *InterfaceConfig) { c.StubRouter.Administrative, i.LinkData = true, LinkDataIfIndex })
	l.advance(6 * time.Second)
	if got := describe(); got != strings.NewReplacer("30", "65535", "1 10", "1 65535").Replace(want) {
		t.Errorf("links of a stub router:\n%s", got)
	}
}

// 12.4.1.4: secondary addresses have networks of their own.
func TestP2MP12_4_1_4_Secondary(t *testing.T) {
	l := newLab(t, network(TypePointToMultipoint, nil), func(l *lab) {
		l.links[1].Addrs = append(l.links[1].Addrs, LinkAddr{Addr: pfx("10.0.0.7/24"), Secondary: true}, LinkAddr{Addr: pfx("10.6.0.1/24")})
	})
	l.advance(6 * time.Second)
	if _, r := l.own(); !strings.HasPrefix(describeLinks(r), "stub 10.0.0.1 255.255.255.255 0\nstub 10.6.0.0 255.255.255.0 10\n") {
		t.Errorf("links:\n%s", describeLinks(r))
	}
}

// 9.5, C.6: separate Hellos to each neighbour, listed or found by its own, and none to groups; who is silent is polled.
func TestP2MP9_5_Hellos(t *testing.T) {
	l, peers := p2mp(t, true, StaticNeighbor{Address: ip("10.0.0.2"), PollInterval: time.Second}, StaticNeighbor{Address: ip("10.0.0.9"), PollInterval: 25 * time.Second})
	times := l.greeted(l.now, 100*time.Second)
	for _, p := range peers {
		if n := len(times[p.addr]); n != 10 {
			t.Errorf("%d hellos in 100 s to %s", n, p.addr)
		}
	}
	l.advance(10 * time.Second)
	hellos, dsts := on[*packet.Hello](l.take(), "eth0")
	for n, h := range hellos {
		if want := l.neighbor(dsts[n]).id; !slices.Equal(h.Neighbors, []packet.ID{want}) && want != 0 {
			t.Errorf("hello to %s lists %v", dsts[n], h.Neighbors)
		}
	}
	if n := len(times[ip("10.0.0.9")]); n != 4 || len(times) != 4 {
		t.Errorf("%d polls in 100 s: %v", n, times)
	}
	if slices.ContainsFunc(l.groups, func(m Membership) bool { return m.Interface == "eth0" }) {
		t.Errorf("memberships %v", l.groups)
	}
	// With multicast there is one Hello for all, and the list is not polled.
	l, _ = p2mp(t, false, StaticNeighbor{Address: ip("10.0.0.9"), Cost: 3})
	if times := l.greeted(l.now, 100*time.Second); len(times) != 1 || len(times[allSPFRouters]) != 10 {
		t.Errorf("with multicast: %v", times)
	}
	l.step(Shutdown)
	l.advance(5 * time.Second)
	if !l.done {
		t.Error("no end")
	}
}

// 13.3 (1) (c), (5): an LSA goes back out to the others. Without multicast its sender gets an acknowledgement, with
// multicast the LSA itself.
func TestP2MP13_3_BackOut(t *testing.T) {
	for _, unicast := range []bool{true, false} {
		l, peers := p2mp(t, unicast)
		peers[0].update(routerLSA(id("9.9.9.9"), packet.InitialSeq))
		l.advance(time.Second)
		out := l.take()
		_, updates := on[*packet.LSUpdate](out, "eth0")
		_, acks := acked(out, "eth0")
		got, want := fmt.Sprint(updates, acks), "[224.0.0.5] []"
		if unicast {
			want = "[10.0.0.3 10.0.0.4] [10.0.0.2]"
		}
		if got != want {
			t.Errorf("unicast=%v: updates and acknowledgements go to %s, want %s", unicast, got, want)
		}
	}
}

// 8.2, 10.5: neighbours are known by their address, their mask counts, and they are in our network, unless listed.
func TestP2MP10_5_Neighbours(t *testing.T) {
	l, peers := p2mp(t, true, StaticNeighbor{Address: ip("10.9.9.9"), PollInterval: time.Minute})
	p := l.peer("eth0", "5.5.5.5", "10.0.0.5")
	p.hello.Mask = ip("255.255.0.0")
	p.hi()
	q := l.peer("eth0", "6.6.6.6", "10.9.9.8")
	q.hi()
	if l.rejected("eth0", RejectMask) != 1 || l.rejected("eth0", RejectSource) != 1 {
		t.Errorf("rejected: mask %d, source %d", l.rejected("eth0", RejectMask), l.rejected("eth0", RejectSource))
	}
	r := l.peer("eth0", "9.9.9.9", "10.9.9.9")
	r.bring(nbrFull)
	moved := l.peer("eth0", "2.2.2.2", "10.0.0.22")
	moved.hi()
	if peers[0].state() != nbrFull || moved.state() < nbrTwoWay || l.alarms("duplicate-router-id") != 1 {
		t.Errorf("one router id at two addresses: %s, %s, %d alarms", peers[0].state(), moved.state(), l.alarms("duplicate-router-id"))
	}
	for _, s := range l.e.BFDSessions("eth0") {
		if s.PointToPoint {
			t.Errorf("BFD session with %s counts as the only one of the link", s.Peer)
		}
	}
}

// A new list of neighbours leaves those alone that it does not concern.
func TestP2MP_Reload(t *testing.T) {
	l, peers := p2mp(t, true, StaticNeighbor{Address: ip("10.0.0.2"), PollInterval: time.Minute}, StaticNeighbor{Address: ip("10.0.0.9"), PollInterval: time.Minute})
	l.reload(func(_ *Config, c *InterfaceConfig) {
		c.Static = []StaticNeighbor{{Address: ip("10.0.0.4"), Cost: 40, PollInterval: time.Minute}, {Address: ip("10.0.0.7"), PollInterval: time.Minute}}
	})
	for _, p := range peers {
		if got := l.happened(p.addr); got != nil || p.state() != nbrFull {
			t.Errorf("%s went through %v", p.addr, got)
		}
	}
	if l.neighbor(ip("10.0.0.9")) != nil || l.neighbor(ip("10.0.0.7")) == nil {
		t.Error("the list is not the new one")
	}
	l.advance(6 * time.Second)
	if _, r := l.own(); !strings.Contains(describeLinks(r), "point-to-point 4.4.4.4 10.0.0.1 40\n") {
		t.Errorf("links:\n%s", describeLinks(r))
	}
	// Multicast is another network.
	l.reload(func(_ *Config, c *InterfaceConfig) { c.Unicast = false })
	if n := len(l.iface("eth0").neighbors); n != 0 {
		t.Errorf("%d neighbours after a change of how packets travel", n)
	}
}

// RFC 6860 2: networks that adjacencies run over are in no router-LSA, and a network-LSA has mask 255.255.255.255;
// secondary, passive and loopback networks stay.
func TestSuppression6860_2(t *testing.T) {
	suppress := func(l *lab) {
		l.cfg.Areas[0].Interfaces[0].SuppressPrefix = true
		l.links[2].Addrs = append(l.links[2].Addrs, LinkAddr{Addr: pfx("10.6.0.1/24")})
		l.links = append(l.links, Link{Name: "eth1", Index: 9, MTU: 1500, Up: true, Addrs: []LinkAddr{{Addr: pfx("10.5.0.1/24")}}})
		passive := interfaceConfig("eth1")
		passive.Passive, passive.SuppressPrefix = true, true
		l.cfg.Areas[0].Interfaces = append([]InterfaceConfig{passive}, l.cfg.Areas[0].Interfaces...)
	}
	l := newLab(t, suppress)
	l.full("tun0", "3.3.3.3", "10.1.0.2")
	l.full("tun1", "4.4.4.4", "10.255.0.4")
	l.advance(50 * time.Second) // alone on eth0
	const rest = `stub 10.5.0.0 255.255.255.0 10
stub 10.255.0.1 255.255.255.255 0
point-to-point 3.3.3.3 10.1.0.1 10
stub 10.6.0.0 255.255.255.0 10
point-to-point 4.4.4.4 0.0.0.4 10
`
	if _, r := l.own(); describeLinks(r) != rest {
		t.Errorf("links:\n%s", describeLinks(r))
	}
	p := l.peer("eth0", "2.2.2.2", "10.0.0.2")
	p.hello.DR, p.hello.Priority = ip("10.0.0.1"), 0
	p.bring(nbrFull)
	l.advance(6 * time.Second)
	if _, r := l.own(); !strings.HasPrefix(describeLinks(r), "transit 10.0.0.1 10.0.0.1 10\n") {
		t.Errorf("links with a neighbour on the LAN:\n%s", describeLinks(r))
	}
	mask := func() packet.ID {
		n, err := packet.DecodeNetworkLSA(l.lsa(packet.Key{Type: packet.LSNetwork, ID: id("10.0.0.1"), Adv: self}))
		if err != nil {
			t.Fatal(err)
		}
		return n.Mask
	}
	if mask() != packet.MaskOf(32) {
		t.Errorf("mask of the network-LSA is %s", mask())
	}
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Areas[0].Interfaces[1].SuppressPrefix = false })
	l.advance(6 * time.Second)
	if _, r := l.own(); mask() != packet.MaskOf(24) || !strings.Contains(describeLinks(r), "stub 10.1.0.0 255.255.255.252 10\n") {
		t.Errorf("no longer suppressed: mask %s, links:\n%s", mask(), describeLinks(r))
	}
}

// RFC 5309: two routers on a LAN are a point-to-point link; a third one is refused in so many words, and takes the place of
// one that has gone.
func TestP2P5309_SecondNeighbour(t *testing.T) {
	l := newLab(t, network(TypePointToPoint, nil))
	p := l.full("eth0", "2.2.2.2", "10.0.0.2")
	if _, r := l.own(); !strings.HasPrefix(describeLinks(r), "point-to-point 2.2.2.2 10.0.0.1 10\nstub 10.0.0.0 255.255.255.0 10\n") {
		t.Errorf("links:\n%s", describeLinks(r))
	}
	q := l.peer("eth0", "3.3.3.3", "10.0.0.3")
	q.hi()
	rows := l.e.Neighbors(l.now)
	if len(rows) != 2 || rows[1].State != "Down" || rows[1].Reject != RejectSecondNeighbor || !strings.Contains(rows[1].Why, "beside 2.2.2.2 (10.0.0.2)") {
		t.Errorf("shown as %+v", rows)
	}
	if l.alarms("second-neighbor") != 1 {
		t.Error("no alarm")
	}
	p.alive = false
	l.advance(41 * time.Second)
	q.bring(nbrFull)
}

// C.3: the cost of an interface by the speed of its link.
func TestCostC3_ReferenceBandwidth(t *testing.T) {
	for _, c := range []struct {
		reference uint32
		speed     int
		want      uint16
	}{
		{0, 1000, 10}, {100_000, 0, 10}, {100_000, 10_000, 10}, {100_000, 1000, 100}, {100_000, 25_000, 4}, {100_000, 400_000, 1},
		{4_294_967, 10, 65535}, {1, 1, 1}, {100_000, -1, 10},
	} {
		l := newLab(t, func(l *lab) {
			l.cfg.Areas[0].Interfaces[0].ReferenceBandwidth = c.reference
			l.links[1].Speed = c.speed
		})
		if got := l.iface("eth0").cost(); got != c.want {
			t.Errorf("reference %d Mbit/s, speed %d Mbit/s: cost %d, want %d", c.reference, c.speed, got, c.want)
		}
	}
	l := newLab(t, func(l *lab) { l.cfg.Areas[0].Interfaces[0].ReferenceBandwidth = 100_000 })
	l.full("tun0", "3.3.3.3", "10.1.0.2")
	l.advance(6 * time.Second)
	l.relink(func(m map[string]*Link) { m["eth0"].Speed = 2500 })
	l.advance(6 * time.Second)
	if _, r := l.own(); !strings.HasPrefix(describeLinks(r), "stub 10.0.0.0 255.255.255.0 40\n") || len(l.happened(ip("10.1.0.2"))) > 5 {
		t.Errorf("after a change of speed:\n%s", describeLinks(r))
	}
}
