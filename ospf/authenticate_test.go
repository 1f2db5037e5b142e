package ospf

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

func authKey(id uint8, a auth.Algorithm) auth.Key {
	return auth.Key{ID: id, Algorithm: a, Secret: auth.NewSecret("secret" + string('0'+rune(id)))}
}

func scheme(keys ...auth.Key) auth.Scheme { return auth.Scheme{Chain: "backbone", Keys: keys} }

var (
	md5Scheme      = scheme(authKey(1, auth.MD5))
	extendedScheme = auth.Scheme{Extended: true, Keys: []auth.Key{authKey(1, auth.HMACSHA256)}}
)

// authenticating makes all interfaces use the scheme.
func authenticating(s auth.Scheme) func(*lab) {
	return func(l *lab) { l.cfg.Areas[0].Interfaces[0].Auth = s }
}

// secured adds a peer that uses the scheme's n-th key, its sequence numbers from first on.
func (l *lab) secured(ifname, routerID, addr string, s auth.Scheme, n int, first uint64) *peer {
	l.t.Helper()
	p := l.peer(ifname, routerID, addr)
	p.auth, p.key, p.csn = s, s.Keys[n], first
	return p
}

// RFC 2328 D.4, RFC 5709, RFC 7474: everything that is sent is authentic, and
// adjacencies form with every kind of key.
func TestAuth2328_D4_Sent(t *testing.T) {
	for _, s := range []auth.Scheme{
		scheme(authKey(1, auth.Cleartext)), md5Scheme, scheme(authKey(9, auth.HMACSHA1)), scheme(authKey(255, auth.HMACSHA256)),
		scheme(authKey(2, auth.HMACSHA384)), scheme(authKey(3, auth.HMACSHA512)), extendedScheme,
	} {
		l := newLab(t, authenticating(s))
		p := l.secured("tun0", "2.2.2.2", "10.1.0.2", s, 0, 1<<32|1)
		p.bring(nbrFull)
		p.update(extLSA(p.id, "192.0.2.0", packet.InitialSeq))
		l.advance(15 * time.Second)
		l.wantState(p, nbrFull)
		types := map[packet.Type]bool{}
		var last uint64
		for _, tx := range l.out {
			if tx.Interface != "tun0" {
				continue
			}
			h, err := packet.PeekHeader(tx.Data)
			if err != nil {
				t.Fatal(err)
			}
			types[h.Type] = true
			proof, err := s.Verify(tx.Data, h, tx.Src, l.now)
			if err != nil {
				t.Fatalf("%s: %s: %v", s.Keys[0], h.Type, err)
			}
			if s.Keys[0].Algorithm != auth.Cleartext && proof.Sequence <= last {
				t.Fatalf("%s: sequence number %d after %d", s.Keys[0], proof.Sequence, last)
			}
			last = proof.Sequence
			if len(tx.Data)+20 > l.iface("tun0").link.MTU {
				t.Errorf("%d bytes", len(tx.Data))
			}
		}
		for _, want := range []packet.Type{packet.TypeHello, packet.TypeDBDesc, packet.TypeLSUpdate, packet.TypeLSAck} {
			if !types[want] {
				t.Errorf("%s: no %s was sent", s.Keys[0], want)
			}
		}
	}
}

// The digest has to fit into the MTU as well.
func TestAuth_Room(t *testing.T) {
	plain, secured := newLab(t), newLab(t, authenticating(extendedScheme))
	if a, b := plain.iface("tun0").room(), secured.iface("tun0").room(); a-b != 8+32 {
		t.Errorf("room for %d and %d bytes", a, b)
	}
}

// RFC 2328 D.5.3 (2): a lower sequence number is refused, an equal one is not;
// each type of packet has its own, because Hellos overtake the rest.
func TestAuth2328_D5_3_Sequence(t *testing.T) {
	l := newLab(t, authenticating(md5Scheme))
	p := l.secured("tun0", "2.2.2.2", "10.1.0.2", md5Scheme, 0, 1000)
	p.bring(nbrFull)
	send := func(csn uint64, body packet.Body) (refused bool) {
		before := l.rejected("tun0", RejectAuthSequence)
		d := p.sealed(l.iface("tun0").address(), body, csn)
		if body.Type() == packet.TypeHello {
			d.Dst = allSPFRouters
		}
		l.step(d)
		return l.rejected("tun0", RejectAuthSequence) > before
	}
	hello := p.hello
	for _, c := range []struct {
		csn     uint64
		body    packet.Body
		refused bool
	}{
		{2000, &hello, false},
		{2000, &hello, false},
		{1999, &hello, true},
		{1500, &packet.LSAck{}, false}, // was overtaken by the Hello
		{1499, &packet.LSAck{}, true},
		{900, &packet.LSUpdate{}, true}, // from before the adjacency
		{2001, &hello, false},
	} {
		if got := send(c.csn, c.body); got != c.refused {
			t.Errorf("%s with %d: refused %v", c.body.Type(), c.csn, got)
		}
	}
	l.wantState(p, nbrFull)
}

// RFC 2328 D.3: a neighbour that restarts with a lower number is heard again
// when it has been Down, and not before.
func TestAuth2328_D3_PeerGoesBack(t *testing.T) {
	l := newLab(t, authenticating(md5Scheme))
	p := l.secured("tun0", "2.2.2.2", "10.1.0.2", md5Scheme, 0, 5000)
	p.bring(nbrFull)
	p.csn = 10
	l.advance(25 * time.Second)
	l.wantState(p, nbrFull) // nothing that it says counts
	l.advance(30 * time.Second)
	l.wantState(p, nbrExStart) // it was Down, and is heard again
	ok := false
	for _, ev := range l.events {
		c, is := ev.(NeighborChange)
		ok = ok || is && c.To == "Down" && strings.Contains(c.Reason, "sequence number")
	}
	if !ok {
		t.Errorf("the reason of the loss is not told: %v", l.events)
	}
}

// RFC 7474 2: extended sequence numbers go up and are remembered when the
// neighbour has long been gone; a higher boot count goes on, and another key begins anew.
func TestAuth7474_2_Sequence(t *testing.T) {
	second := extendedScheme
	second.Keys = append(slices.Clone(second.Keys), authKey(2, auth.HMACSHA256))
	l := newLab(t, authenticating(second))
	p := l.secured("tun0", "2.2.2.2", "10.1.0.2", second, 0, 7<<32|100)
	p.bring(nbrFull)
	hello := p.hello
	old := p.sealed(allSPFRouters, &hello, p.csn)
	l.step(old)
	for _, csn := range []uint64{p.csn, p.csn - 1, 6<<32 | 1<<31} {
		before := l.rejected("tun0", RejectAuthSequence)
		l.step(p.sealed(allSPFRouters, &hello, csn))
		if l.rejected("tun0", RejectAuthSequence) != before+1 {
			t.Errorf("sequence number %#x was taken after %#x", csn, p.csn)
		}
	}
	p.alive = false
	l.advance(time.Hour)
	l.relink(func(m map[string]*Link) { m["tun0"].Name = "" })
	l.relink(func(m map[string]*Link) {})
	l.links = append(l.links, baseLinks()[2])
	l.step(Links{l.links})
	l.step(old)
	l.wantState(p, nbrDown)
	p.csn = 8 << 32
	p.hi()
	l.wantState(p, nbrExStart)
	// A replaced router has a lower boot count and a key of its own.
	p.key, p.csn = second.Keys[1], 1
	before := l.rejected("tun0", RejectAuthSequence)
	p.hi()
	if l.rejected("tun0", RejectAuthSequence) != before {
		t.Error("a new key did not begin anew")
	}
}

// Everything that a neighbour has said is said again by somebody else: nothing happens.
func TestAuth_Replay(t *testing.T) {
	for _, s := range []auth.Scheme{md5Scheme, extendedScheme} {
		l := newLab(t, authenticating(s))
		p := l.secured("tun0", "2.2.2.2", "10.1.0.2", s, 0, 1<<32|500)
		p.bring(nbrFull)
		p.update(extLSA(p.id, "192.0.2.0", packet.InitialSeq))
		heard := slices.Clone(p.said)
		l.advance(15 * time.Second) // two Hellos later
		l.events = nil
		before := l.rejected("tun0", RejectAuthSequence)
		for _, d := range heard {
			d.Data = bytes.Clone(d.Data)
			l.step(d)
		}
		l.wantState(p, nbrFull)
		if got := l.happened(p.addr); len(got) > 0 {
			t.Errorf("%s: %v", s.Keys[0], got)
		}
		refused := l.rejected("tun0", RejectAuthSequence) - before
		if refused == 0 || s.Extended && refused != uint64(len(heard)) {
			t.Errorf("%s: %d of %d replayed packets refused", s.Keys[0], refused, len(heard))
		}
		// The same from another address (RFC 7474 5; RFC 2328 by the sequence number).
		for _, d := range heard {
			d.Src, d.Data = ip("10.1.0.3"), bytes.Clone(d.Data)
			l.step(d)
		}
		l.wantState(p, nbrFull)
		if s.Extended && l.rejected("tun0", RejectAuthDigest) != uint64(len(heard)) {
			t.Errorf("%d of %d refused from another address", l.rejected("tun0", RejectAuthDigest), len(heard))
		}
	}
}

// The why column names what is wrong with a stranger's packets, and the
// interface's what is wrong with our keys.
func TestAuth_Why(t *testing.T) {
	ours := md5Scheme
	for _, c := range []struct {
		theirs auth.Scheme
		reason Reject
		why    string
	}{
		{auth.Scheme{}, RejectAuthType, "neighbour uses none, ours is digests (type 2)"},
		{scheme(authKey(2, auth.MD5)), RejectAuthKey, "neighbour sends key 2, which we do not have"},
		{scheme(auth.Key{ID: 1, Algorithm: auth.MD5, Secret: auth.NewSecret("x")}), RejectAuthDigest, "digest of key 1 is wrong"},
	} {
		l := newLab(t, authenticating(ours))
		p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
		p.auth, p.csn = c.theirs, 1
		if len(c.theirs.Keys) > 0 {
			p.key = c.theirs.Keys[0]
		}
		p.hi()
		list := l.e.Neighbors(l.now)
		if len(list) != 1 || !strings.Contains(list[0].Why, c.why) || l.rejected("tun0", c.reason) != 1 {
			t.Errorf("%+v, want %s", list, c.why)
		}
	}
}

// RFC 2328 D.3: when the last key ends, it goes on, and an alarm says so.
func TestAuth2328_D3_LastKeyEnds(t *testing.T) {
	l := newLab(t, func(l *lab) {
		k := authKey(1, auth.MD5)
		k.Send.Until, k.Accept.Until = l.now.Add(time.Minute), l.now.Add(time.Minute)
		authenticating(scheme(k))(l)
	})
	s := l.cfg.Areas[0].Interfaces[0].Auth
	p := l.secured("tun0", "2.2.2.2", "10.1.0.2", s, 0, 1)
	p.bring(nbrFull)
	if l.alarms("authentication-key") != 0 {
		t.Error("an alarm before the end")
	}
	l.advance(5 * time.Minute)
	l.wantState(p, nbrFull)
	if n := l.alarms("authentication-key"); n < 4 || n > 5 {
		t.Errorf("%d alarms in four minutes", n)
	}
	for _, i := range l.e.Interfaces() {
		if i.Interface == "tun0" && (i.Auth != "md5, key 1 of backbone" || !strings.Contains(i.Why, "no key of key chain backbone is valid for sending: key 1")) {
			t.Errorf("%q, %q", i.Auth, i.Why)
		}
	}
}

// Lifetimes go by the time of day, adjacencies do not.
func TestAuth_ClockJumps(t *testing.T) {
	l := newLab(t, func(l *lab) {
		l.step(Clock{Wall: time.Unix(1000, 0)}) // not set yet
		old, young := authKey(1, auth.MD5), authKey(2, auth.MD5)
		young.Send.From = l.now
		authenticating(scheme(old, young))(l)
	})
	s := l.cfg.Areas[0].Interfaces[0].Auth
	p := l.secured("tun0", "2.2.2.2", "10.1.0.2", s, 1, 1)
	p.bring(nbrFull)
	sent := func() (id uint8, csn uint64) {
		t.Helper()
		l.out = nil
		l.advance(10 * time.Second)
		tx := l.out[len(l.out)-1]
		h, err := packet.PeekHeader(tx.Data)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := s.Verify(tx.Data, h, tx.Src, l.now)
		if err != nil {
			t.Fatal(err)
		}
		return proof.KeyID, proof.Sequence
	}
	id, first := sent()
	if id != 1 {
		t.Errorf("key %d is sent before the clock is set", id)
	}
	var last uint64
	for _, wall := range []time.Time{l.now, l.now.AddDate(1, 0, 0), l.now.AddDate(0, 0, -1), l.now.AddDate(-100, 0, 0)} {
		l.step(Clock{Wall: wall})
		id, csn := sent()
		if want := uint8(2); wall.Before(s.Keys[1].Send.From) == (id == want) {
			t.Errorf("key %d is sent at %s", id, wall)
		}
		if csn <= max(first, last) {
			t.Errorf("sequence number %d after %d", csn, last)
		}
		last = csn
	}
	l.wantState(p, nbrFull)
}

// A restart goes on above everything that was sent, whatever the clock says,
// and so does an interface that was away.
func TestAuth_SequenceNeverGoesBack(t *testing.T) {
	l := newLab(t, authenticating(md5Scheme))
	highest := func(l *lab) (highest uint64, reserved Reserve) {
		for _, tx := range l.out {
			h, _ := packet.PeekHeader(tx.Data)
			p, err := md5Scheme.Verify(tx.Data, h, tx.Src, l.now)
			if err != nil {
				t.Fatal(err)
			}
			highest = max(highest, p.Sequence)
		}
		for _, ev := range l.events {
			if r, ok := ev.(Reserve); ok {
				reserved = r
			}
		}
		return highest, reserved
	}
	l.advance(90 * time.Minute)
	used, reserved := highest(l)
	if uint64(reserved.Sequence) < used || used == 0 {
		t.Fatalf("%d was used, %d is reserved", used, reserved.Sequence)
	}
	// The link goes away and returns.
	l.relink(func(m map[string]*Link) { m["tun0"].Name = "" })
	l.out = nil
	l.links = append(l.links, baseLinks()[2])
	l.step(Links{l.links})
	l.step(Clock{Wall: time.Unix(0, 0)})
	l.advance(11 * time.Second)
	for _, tx := range l.out {
		h, _ := packet.PeekHeader(tx.Data)
		p, _ := md5Scheme.Verify(tx.Data, h, tx.Src, l.now)
		if tx.Interface == "tun0" && p.Sequence <= used-uint64(time.Hour/time.Second) {
			t.Errorf("a new interface sends %d after %d", p.Sequence, used)
		}
	}
	used, reserved = highest(l)
	// Killed, and started again with the clock back in 1970.
	again := newLab(t, func(l *lab) {
		l.step(Clock{Wall: time.Unix(0, 0)})
		l.step(Sequences{Boot: reserved.Boot + 1, First: reserved.Sequence})
		authenticating(md5Scheme)(l)
	})
	again.advance(time.Second)
	for _, tx := range again.out {
		h, _ := packet.PeekHeader(tx.Data)
		if p, _ := md5Scheme.Verify(tx.Data, h, tx.Src, l.now); p.Sequence < used {
			t.Errorf("after the restart %d, before it %d", p.Sequence, used)
		}
	}
}

// RFC 7474 2: the boot count leads, the counter goes up with every packet of the router
// and carries into the boot count; RFC 2328 D.3: 32 bits begin anew.
func TestAuth_SequenceEnds(t *testing.T) {
	l := newLab(t, func(l *lab) { l.step(Sequences{Boot: 41, First: 77}) }, authenticating(extendedScheme))
	i := l.iface("tun0")
	if a, b := i.nextSequence(true), l.iface("eth0").nextSequence(true); a>>32 != 41 || b != a+1 {
		t.Errorf("%#x, then %#x", a, b)
	}
	l.e.sequences.packets = 1<<32 - 2
	l.e.out.Events = nil
	if a, b := i.nextSequence(true), i.nextSequence(true); a != 42<<32-1 || b != 42<<32|1 {
		t.Errorf("%#x, then %#x", a, b)
	}
	if want := (Reserve{Boot: 42, Sequence: 77}); len(l.e.out.Events) != 1 || l.e.out.Events[0] != want {
		t.Errorf("%v", l.e.out.Events)
	}
	i.sequence, l.e.sequences.highest, l.e.sequences.reserved = 1<<32-1, 1<<32-1, 1<<32-1
	l.e.out.Events = nil
	now := uint32(l.now.Unix())
	if got := i.nextSequence(false); got != uint64(now) {
		t.Errorf("after the end comes %d", got)
	}
	if want := (Reserve{Boot: 42, Sequence: now + reserveAhead}); len(l.e.out.Events) != 1 || l.e.out.Events[0] != want {
		t.Errorf("%v", l.e.out.Events)
	}
}

// What is remembered of extended sequence numbers is bounded.
func TestAuth_MemoryIsBounded(t *testing.T) {
	l := newLab(t, authenticating(extendedScheme))
	i := l.iface("tun0")
	for n := range packet.ID(2 * maxExtended) {
		i.accepted(ip("10.1.0.2"), packet.Header{Type: packet.TypeHello, RouterID: n + 1}, auth.Proof{AuType: packet.AuExtended, KeyID: 1, Sequence: 5})
		l.e.now = l.e.now.Add(time.Millisecond)
	}
	if len(l.e.extended) != maxExtended || l.e.extended[extendedKey{"tun0", 2 * maxExtended, 1}] == nil {
		t.Errorf("%d routers are remembered", len(l.e.extended))
	}
}

// New keys by reload leave adjacencies alone.
func TestAuth_Reload(t *testing.T) {
	l := newLab(t, authenticating(md5Scheme))
	p := l.secured("tun0", "2.2.2.2", "10.1.0.2", md5Scheme, 0, 1)
	p.bring(nbrFull)
	both := scheme(authKey(1, auth.MD5), authKey(2, auth.HMACSHA512))
	for _, step := range []struct {
		ours  auth.Scheme
		peers auth.Key
	}{{both, both.Keys[0]}, {both, both.Keys[1]}, {scheme(both.Keys[1]), both.Keys[1]}} {
		l.reload(func(_ *Config, i *InterfaceConfig) { i.Auth = step.ours })
		p.auth, p.key = step.ours, step.peers
		l.advance(2 * time.Minute)
		l.wantState(p, nbrFull)
	}
	if got := l.happened(p.addr); !slices.Equal(got, []string{"Down>Init", "Init>ExStart", "ExStart>Exchange", "Exchange>Full"}) {
		t.Errorf("%v", got)
	}
}
