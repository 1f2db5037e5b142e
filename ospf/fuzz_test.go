package ospf

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// script turns bytes into inputs.
type script struct{ b []byte }

func (s *script) byte() byte {
	if len(s.b) == 0 {
		return 0
	}
	b := s.b[0]
	s.b = s.b[1:]
	return b
}

func (s *script) n(limit int) int { return int(s.byte()) % limit }

// The small worlds from which the script chooses.
var (
	fuzzLinks   = []string{"eth0", "tun0", "tun1", "lo"}
	fuzzIDs     = []packet.ID{self, id("2.2.2.2"), id("3.3.3.3"), id("0.0.0.9"), id("10.0.0.1"), 0, 0xffffffff}
	fuzzAddrs   = []netip.Addr{ip("10.0.0.2"), ip("10.1.0.2"), ip("10.255.0.4"), ip("10.0.0.3"), ip("10.0.0.1"), ip("10.1.0.1"), allSPFRouters, allDRouters, unspecified}
	fuzzSeqs    = []packet.Seq{packet.InitialSeq, packet.InitialSeq + 1, 0, 5, packet.MaxSeq - 1, packet.MaxSeq, packet.ReservedSeq}
	fuzzSchemes = []auth.Scheme{
		{}, scheme(authKey(1, auth.Cleartext)), scheme(authKey(1, auth.MD5), authKey(2, auth.HMACSHA256)), extendedScheme,
	}
	fuzzAges = []uint16{0, 1, 900, 1800, 3590, packet.MaxAge, packet.MaxAge + 1, packet.DoNotAge, 0xffff}
)

func pick[T any](s *script, list []T) T { return list[s.n(len(list))] }

func (s *script) lsa() []byte {
	h := packet.LSAHeader{
		Age: pick(s, fuzzAges), Options: packet.OptE | packet.OptNP, Type: packet.LSType(s.n(13)),
		ID: pick(s, fuzzIDs), Adv: pick(s, fuzzIDs), Seq: pick(s, fuzzSeqs),
	}
	var body packet.LSABody
	switch h.Type {
	case packet.LSRouter:
		h.ID = h.Adv
		r := packet.RouterLSA{Flags: packet.RouterFlags(s.byte())}
		for range s.n(4) {
			r.Links = append(r.Links, packet.RouterLink{ID: pick(s, fuzzIDs), Data: pick(s, fuzzIDs), Type: packet.LinkType(s.n(6)), Metric: uint16(s.byte()) << 8})
		}
		body = r
	case packet.LSNetwork:
		body = packet.NetworkLSA{Mask: packet.MaskOf(s.n(33)), Routers: []packet.ID{pick(s, fuzzIDs), pick(s, fuzzIDs)}}
	case packet.LSSummary, packet.LSASBRSummary:
		body = packet.SummaryLSA{Mask: packet.MaskOf(s.n(33)), Metric: uint32(s.byte())}
	case packet.LSExternal, packet.LSNSSA:
		body = packet.ExternalLSA{Mask: packet.MaskOf(s.n(33)), Metric: uint32(s.byte()), Forward: pick(s, fuzzIDs), Type2: s.byte()&1 == 0}
	default:
		body = make(packet.OpaqueLSA, 4*s.n(64))
		if h.Type == packet.LSOpaqueLink && s.n(2) == 0 {
			h.ID = packet.GraceID
			body = packet.GraceLSA{Period: time.Duration(s.n(256)) * time.Second, Reason: packet.RestartReason(s.n(4)), Address: pick(s, fuzzAddrs)}
		}
	}
	raw := packet.BuildLSA(h, body)
	if s.n(8) == 0 {
		raw[s.n(len(raw))] ^= s.byte()
		if s.n(2) == 0 {
			packet.SetChecksum(raw)
		}
	}
	return raw
}

// datagram makes a packet that is often right: for a neighbour's Database
// Description and acknowledgement the engine's own state is looked at.
func (s *script) datagram(l *lab) Datagram {
	d := Datagram{Interface: pick(s, fuzzLinks), Dst: allSPFRouters, TTL: 1}
	d.Src = pick(s, fuzzAddrs)
	h := packet.Header{RouterID: pick(s, fuzzIDs)}
	name := d.Interface
	if v := l.e.iface(vlink); v != nil && s.n(3) > 0 {
		name, d.Interface, d.Src, d.Dst, d.TTL, h.RouterID = vlink, pick(s, fuzzLinks[:3]), ip("10.9.0.2"), ip("10.0.0.1"), 9, far
	}
	if i := l.e.iface(name); i != nil {
		h.AreaID = i.area.id
		if len(i.neighbors) > 0 && s.n(4) > 0 {
			n := i.neighbors[s.n(len(i.neighbors))]
			d.Src, h.RouterID = n.addr, n.id
		}
	}
	n := l.e.iface(name).lookupAny(h.RouterID, d.Src)
	var body packet.Body
	switch s.n(6) {
	case 0:
		i := l.e.iface(name)
		if i == nil {
			break
		}
		hello := &packet.Hello{Mask: i.mask().Addr(), HelloInterval: uint16(i.cfg.HelloInterval / time.Second), Options: i.area.helloOptions(), Priority: byte(s.n(3)),
			DeadInterval: uint32(i.cfg.DeadInterval / time.Second), DR: pick(s, fuzzAddrs), BDR: pick(s, fuzzAddrs)}
		if s.n(4) > 0 {
			hello.Neighbors = []packet.ID{l.e.cfg.RouterID}
		}
		if s.n(8) == 0 {
			hello.Options |= packet.OptL
		}
		body = hello
	case 1:
		dd := &packet.DBDesc{MTU: 1400, Options: packet.OptE | packet.OptO, Flags: packet.DDFlags(s.n(16)), Seq: uint32(s.byte())}
		if n != nil && s.n(4) > 0 {
			dd.Seq = n.exchange.seq + uint32(s.n(3)) - 1
			if !n.exchange.master {
				dd.Flags |= msBit
			}
		}
		for range s.n(4) {
			lh, _ := packet.DecodeLSAHeader(s.lsa())
			dd.Headers = append(dd.Headers, lh)
		}
		body = dd
	case 2:
		r := &packet.LSReq{}
		for range s.n(4) {
			r.Keys = append(r.Keys, packet.Key{Type: packet.LSType(s.n(13)), ID: pick(s, fuzzIDs), Adv: pick(s, fuzzIDs)})
		}
		if s.n(2) == 0 {
			r.Keys = []packet.Key{{Type: packet.LSRouter, ID: self, Adv: self}}
		}
		body = r
	case 3, 4:
		u := &packet.LSUpdate{}
		for range 1 + s.n(4) {
			u.LSAs = append(u.LSAs, s.lsa())
		}
		body = u
	default:
		a := &packet.LSAck{}
		if n != nil {
			for _, q := range n.retx.queues {
				for _, r := range q {
					a.Headers = append(a.Headers, r.entry.HeaderAt(l.now))
				}
			}
		}
		body = a
	}
	if body == nil {
		return d
	}
	if body.Type() != packet.TypeHello && s.n(3) > 0 {
		if i := l.e.iface(name); i != nil {
			d.Dst = i.address()
		}
	}
	d.Data = packet.Append(nil, h, body)
	if a := l.cfg.Areas[0].Interfaces[0].Auth; len(a.Keys) > 0 && s.n(8) > 0 {
		l.peers[0].csn += uint64(s.n(3))
		d.Data = a.Append(nil, h, body, pick(s, a.Keys), d.Src, l.peers[0].csn-uint64(s.n(2)))
	}
	if hello, ok := body.(*packet.Hello); ok && hello.Options&packet.OptL != 0 {
		d.Data = append(d.Data, 0xff, 0xf6, 0, s.byte()&7, 0, s.byte()&3, 0, s.byte()&15, 0, 0, 0, 1)
	}
	switch s.n(10) {
	case 0:
		d.Data[s.n(len(d.Data))] ^= s.byte()
		d.Data = checksum(d.Data)
	case 1:
		d.Data = d.Data[:s.n(len(d.Data))]
	}
	return d
}

func (i *iface) lookupAny(id packet.ID, addr netip.Addr) *neighbor {
	if i == nil {
		return nil
	}
	return i.findNeighbor(id, addr)
}

var fuzzTimes = []time.Duration{0, time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second, 41 * time.Second, 10 * time.Minute, time.Hour}

// fuzzAreas makes an area border router: backbone, NSSA and stub area, with ranges over what the script
// has networks of.
func fuzzAreas(l *lab) {
	areas(Area{ID: 0, Ranges: []Range{{Prefix: pfx("2.0.0.0/8"), Advertise: true}}},
		Area{ID: 1, Type: AreaNSSA, Summary: true, DefaultCost: 1, Ranges: []Range{{Prefix: pfx("10.0.0.0/8"), Advertise: true}}},
		Area{ID: 2, Type: AreaStub, Summary: true, DefaultCost: 1, Ranges: []Range{{Prefix: pfx("3.3.0.0/16"), Cost: 5}}})(l)
}

// play runs the script against an engine that has a Full neighbour and returns
// a hash over everything that came out.
func play(t *testing.T, data []byte) uint64 {
	s := &script{data}
	scheme := pick(s, fuzzSchemes)
	world, virtual := func(*lab) {}, false
	restart := pick(s, []func(*lab){func(*lab) {}, helpful, restarted, restartedAs(Restarting{Left: time.Minute})})
	switch s.n(3) {
	case 1:
		world = fuzzAreas
	case 2:
		world, virtual = virtualLink(), true
	}
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 1}), world, authenticating(scheme), restart)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	if p.csn = 1 << 32; len(scheme.Keys) > 0 {
		p.auth, p.key = scheme, scheme.Keys[0]
	}
	l.advance(2 * time.Second) // Grace-LSAs are out
	p.bring(nbrFull)
	if virtual {
		l.full("eth0", "3.3.3.3", "10.0.0.2").path(1, 7, packet.RouterB)
	}
	p.alive, p.said = false, nil
	h := fnv.New64a()
	for steps := 0; len(s.b) > 0 && steps < 400; steps++ {
		switch s.n(12) {
		default:
			l.step(s.datagram(l))
		case 8:
			l.advance(pick(s, fuzzTimes))
		case 9:
			op, name := s.byte(), pick(s, fuzzLinks)
			l.relink(func(m map[string]*Link) {
				k := m[name]
				if k == nil {
					*m["eth0"] = baseLinks()[1]
					return
				}
				switch op % 7 {
				case 0:
					k.Up = !k.Up
				case 1:
					k.MTU = 576 + 4*int(op)
				case 2:
					k.Index += 100
				case 3:
					k.Addrs = nil
				case 4:
					k.Addrs = append(k.Addrs, LinkAddr{Addr: netip.PrefixFrom(packet.ID(0x0a000000|uint32(op)<<8|1).Addr(), 24+int(op)%9)})
				case 5:
					k.Up, k.Addrs = true, baseLinks()[slices.Index([]string{"lo", "eth0", "tun0", "tun1"}, name)].Addrs
				case 6:
					k.PointToPoint = !k.PointToPoint
				}
			})
		case 10:
			op := s.byte()
			l.reload(func(c *Config, i *InterfaceConfig) {
				switch op % 14 {
				case 13: // a virtual link comes or goes
					if c.VirtualLinks == nil {
						c.VirtualLinks = []VirtualLink{throughArea1}
					} else {
						c.VirtualLinks = nil
					}
				case 12:
					i.Auth = fuzzSchemes[op/13%4]
				case 10:
					a := &c.Areas[len(c.Areas)-1]
					a.Type, a.Summary, a.Translator = AreaType(op/12%3), op/36%2 == 0, TranslatorRole(op/72%3)
				case 11:
					a := &c.Areas[len(c.Areas)-1]
					a.Ranges = append(slices.Clone(a.Ranges), Range{Prefix: netip.PrefixFrom(ip("2.0.0.0"), 7+int(op/12)), Advertise: true})
				case 0:
					i.Cost = uint16(op)
				case 1:
					i.Priority = op / 10 % 3
				case 2:
					i.DeadInterval = time.Duration(4+op%40) * time.Second
				case 3:
					i.HelloInterval = time.Duration(1+op%10) * time.Second
				case 4:
					i.Passive = !i.Passive
				case 5:
					c.Areas[0].ID = packet.ID(op / 10 % 2)
				case 6:
					c.RouterID = packet.ID(uint32(self) + uint32(op/10%2))
				case 7:
					i.Type = InterfaceType(op / 10 % 3)
				case 8:
					c.MaxLSAs, c.MaxExternals, c.ExitOverflow = 5+int(op), int(op)/16, time.Minute
					c.MaxForming, c.MaxAllNeighbors, c.MaxRetransmissions = int(op)%3, int(op)%5, int(op)%9
					c.LSAThrottle = LSAThrottle{time.Duration(op%2) * time.Second, 2 * time.Second, 8 * time.Second}
				case 9:
					c.StubRouter.OnShutdown = time.Second
				}
			})
		case 11:
			op := s.byte()
			p := []netip.Prefix{netip.PrefixFrom(packet.ID(0x0a000000|uint32(op&3)<<16).Addr(), 8*(1+int(op>>6)))}
			switch {
			case op == 255:
				l.step(Shutdown)
			case op == 254:
				l.step(PrepareRestart)
			case op%2 == 0:
				l.step(Offer{Source: Static, Add: p})
			default:
				l.step(Offer{Source: Static, Remove: p})
			}
		}
		for _, tx := range l.take() {
			fmt.Fprint(h, tx.Interface, tx.Dst)
			h.Write(tx.Data)
			if len(tx.Data) > packet.MaxLen {
				t.Fatalf("packet of %d bytes", len(tx.Data))
			}
		}
		fmt.Fprint(h, l.events, l.routes, l.groups)
		l.events, l.routes, l.groups = nil, nil, nil
		invariants(t, l)
	}
	return h.Sum64()
}

// invariants checks what must hold between any two Steps.
func invariants(t *testing.T, l *lab) {
	t.Helper()
	e := l.e
	refs := map[any]int32{}
	for _, i := range e.ifaces {
		if len(i.neighbors) > e.cfg.MaxNeighbors || len(i.strangers.seen) > maxStrangers {
			t.Fatalf("%d neighbours, %d strangers", len(i.neighbors), len(i.strangers.seen))
		}
		if !i.up && len(i.neighbors)+len(i.acks)+len(i.flooding) > 0 {
			t.Fatalf("%s is down and keeps something", i.name)
		}
		for _, n := range i.neighbors {
			if n.state == nbrDown && !n.helping.active && !e.shutdown.done {
				t.Fatalf("%s is listed and Down", n.id)
			}
			if n.state < nbrExchange && len(n.retx.entries)+len(n.requests.wanted) > 0 {
				t.Fatalf("lists in state %s", n.state)
			}
			if n.state == nbrLoading && n.requests.empty() {
				t.Fatal("no requests in state Loading")
			}
			for k, h := range n.requests.wanted {
				if n.state == nbrFull && h.Seq != packet.ReservedSeq { // only what was missed is asked for then
					t.Fatalf("%s is requested in state Full", k)
				}
			}
			if len(n.requests.wanted) > 3*e.lsaLimit(e.as) || len(n.replied) > maxReplies {
				t.Fatalf("%d requests, %d replies", len(n.requests.wanted), len(n.replied))
			}
			for k, entry := range n.retx.entries {
				refs[entry]++
				if d := i.database(k.Type); d == nil || d.Lookup(k) != entry {
					t.Fatalf("%s on the retransmission list of %s is not in the database", k, n.id)
				}
			}
		}
	}
	listed := 0
	for _, n := range refs {
		listed += int(n)
	}
	if listed != e.retransmissions {
		t.Fatalf("%d LSAs on retransmission lists, %d counted", listed, e.retransmissions)
	}
	if e.started.IsZero() || e.shutdown.done {
		return
	}
	dbs := []*database{e.as}
	for _, a := range e.areas {
		dbs = append(dbs, a.db)
	}
	for _, i := range e.ifaces {
		dbs = append(dbs, i.db)
	}
	for _, d := range dbs {
		for entry := range d.All() {
			if entry.Refs != refs[entry] {
				t.Fatalf("%s has %d references, counted %d", entry.Key(), entry.Refs, refs[entry])
			}
		}
		if d.Len() > e.lsaLimit(d)+500 {
			t.Fatalf("%d LSAs", d.Len())
		}
	}
}

// FuzzStep: whatever comes, the engine does not panic or hang, keeps its
// invariants and gives equal outputs for equal inputs.
func FuzzStep(f *testing.F) {
	for seed := range 40 {
		b := make([]byte, 1200)
		x := uint32(seed*2654435761 + 1)
		for n := range b {
			x ^= x << 13
			x ^= x >> 17
			x ^= x << 5
			b[n] = byte(x >> 11)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 8192 {
			return
		}
		if a, b := play(t, data), play(t, data); a != b {
			t.Error("two runs differ")
		}
	})
}
