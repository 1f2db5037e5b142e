package ospf

import (
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// peer is a scripted neighbour of the engine under test.
type peer struct {
	l      *lab
	ifname string
	link   string // that its packets come in through: ifname, but for virtual links
	id     packet.ID
	addr   netip.Addr
	area   packet.ID
	hello  packet.Hello // what it says in Hellos
	mtu    uint16
	opts   packet.Options // of its Database Description packets
	seq    uint32         // of the last Database Description packet
	alive  bool           // sends Hellos while time passes
	acks   bool           // acknowledges what is flooded to it
	due    time.Time      // of the next Hello

	auth auth.Scheme // how it authenticates; key is one of the scheme's
	key  auth.Key
	csn  uint64     // cryptographic sequence number of the next packet
	said []Datagram // authenticated packets so far
}

// peer adds a scripted neighbour that agrees with the interface in everything.
func (l *lab) peer(ifname, routerID, addr string) *peer {
	i := l.iface(ifname)
	p := &peer{
		l: l, ifname: ifname, link: ifname, id: id(routerID), addr: ip(addr), area: i.area.id, mtu: uint16(i.link.MTU),
		opts: i.area.options() | packet.OptO, seq: 1000, acks: true,
		hello: packet.Hello{
			Mask: i.mask().Addr(), HelloInterval: uint16(i.cfg.HelloInterval.Seconds()), Options: i.area.helloOptions(),
			Priority: 1, DeadInterval: uint32(i.cfg.DeadInterval.Seconds()), DR: unspecified, BDR: unspecified,
			Neighbors: []packet.ID{self},
		},
	}
	l.peers = append(l.peers, p)
	return p
}

// datagram wraps a body the way the peer sends it.
func (p *peer) datagram(dst netip.Addr, body packet.Body) Datagram {
	if len(p.auth.Keys) > 0 {
		p.csn++
		d := p.sealed(dst, body, p.csn)
		p.said = append(p.said, d)
		return d
	}
	data := packet.Append(nil, packet.Header{RouterID: p.id, AreaID: p.area}, body)
	return Datagram{Interface: p.link, Src: p.addr, Dst: dst, TTL: 1, Data: data}
}

// sealed wraps a body with a cryptographic sequence number.
func (p *peer) sealed(dst netip.Addr, body packet.Body, csn uint64) Datagram {
	data := p.auth.Append(nil, packet.Header{RouterID: p.id, AreaID: p.area}, body, p.key, p.addr, csn)
	return Datagram{Interface: p.link, Src: p.addr, Dst: dst, TTL: 1, Data: data}
}

// send delivers a packet to the engine; Hellos go to AllSPFRouters, all else to its address.
func (p *peer) send(body packet.Body) {
	p.l.t.Helper()
	dst := p.l.iface(p.ifname).address()
	if body.Type() == packet.TypeHello && p.link == p.ifname && !p.l.iface(p.ifname).unicast() {
		dst = allSPFRouters
	}
	p.l.step(p.datagram(dst, body))
}

// hi sends a Hello.
func (p *peer) hi() {
	p.l.t.Helper()
	p.due = p.l.now.Add(p.l.iface(p.ifname).cfg.HelloInterval)
	h := p.hello
	p.send(&h)
}

func (p *peer) state() nbrState {
	if i := p.l.e.iface(p.ifname); i != nil {
		for _, n := range i.neighbors {
			if n.addr == p.addr && n.id == p.id {
				return n.state
			}
		}
	}
	return nbrDown
}

func (p *peer) nbr() *neighbor {
	p.l.t.Helper()
	n := p.l.iface(p.ifname).findNeighbor(p.id, p.addr)
	if n == nil {
		p.l.t.Fatalf("%s is no neighbour", p.id)
	}
	return n
}

// lastDD is the Database Description packet that the engine sent last to the peer.
func (p *peer) lastDD() *packet.DBDesc {
	p.l.t.Helper()
	var last *packet.DBDesc
	for _, s := range p.l.out {
		if s.Interface != p.link || s.Dst != p.addr && s.Dst != allSPFRouters {
			continue
		}
		if _, body, err := packet.Decode(s.Data); err == nil {
			if d, ok := body.(*packet.DBDesc); ok {
				last = d
			}
		}
	}
	if last == nil {
		p.l.t.Fatalf("no database description to %s", p.id)
	}
	return last
}

// dd sends a Database Description packet with the peer's MTU and options.
func (p *peer) dd(flags packet.DDFlags, seq uint32, headers ...packet.LSAHeader) {
	p.l.t.Helper()
	p.seq = seq
	p.send(&packet.DBDesc{MTU: p.mtu, Options: p.opts, Flags: flags, Seq: seq, Headers: headers})
}

// describe goes through the exchange, describing headers, until the peer has
// said and heard everything.
func (p *peer) describe(headers ...packet.LSAHeader) {
	p.l.t.Helper()
	if p.id < self { // the engine is master
		for {
			last := p.lastDD()
			p.dd(0, last.Seq, headers...)
			headers = nil
			if p.state() != nbrExchange {
				return
			}
		}
	}
	for p.state() == nbrExchange {
		p.dd(packet.DDMaster, p.seq+1, headers...)
		headers = nil
	}
}

// bring takes a fresh peer to a state. On a LAN it is the DR. On the way to
// Loading it describes an LSA that it does not send.
func (p *peer) bring(to nbrState) {
	p.l.t.Helper()
	kind := p.l.iface(p.ifname).kind()
	lan := kind == TypeBroadcast || kind == TypeNonBroadcast || kind == TypeHybrid
	switch {
	case to == nbrDown:
		return
	case to == nbrInit:
		h := p.hello
		h.Neighbors = nil
		p.send(&h)
		p.l.wantState(p, to)
		return
	case lan && to >= nbrExStart && p.hello.DR == unspecified && p.l.iface(p.ifname).dr == unspecified:
		p.hello.DR = p.addr
	case lan && to == nbrTwoWay && p.l.iface(p.ifname).state == ifWaiting:
		p.hello.Priority = 0
	}
	p.hi()
	if to >= nbrExchange {
		if p.id < self {
			p.l.wantState(p, nbrExStart)
			p.dd(packet.DDMore, p.lastDD().Seq)
		} else {
			p.dd(packet.DDInit|packet.DDMore|packet.DDMaster, p.seq)
		}
	}
	switch to {
	case nbrLoading:
		p.describe(header(extLSA(p.id, "192.0.2.0", packet.InitialSeq)))
	case nbrFull:
		p.describe()
		p.alive, p.due = true, p.l.now.Add(p.l.iface(p.ifname).cfg.HelloInterval)
	}
	p.l.wantState(p, to)
}

// full adds a peer and brings it to Full, and the router to its first router-LSA;
// what was sent on the way is forgotten.
func (l *lab) full(ifname, routerID, addr string) *peer {
	l.t.Helper()
	p := l.peer(ifname, routerID, addr)
	p.bring(nbrFull)
	for !p.nbr().i.area.announced {
		l.advance(100 * time.Millisecond)
	}
	p.hi()
	l.out, l.events, l.routes = nil, nil, nil
	return p
}

// update sends LSAs.
func (p *peer) update(lsas ...[]byte) {
	p.l.t.Helper()
	p.send(&packet.LSUpdate{LSAs: lsas})
}

// acknowledge lets the peers acknowledge what was flooded to them.
func (l *lab) acknowledge(out []Transmit) {
	for _, tx := range out {
		for _, p := range l.peers {
			if !p.acks || p.link != tx.Interface || p.state() < nbrExchange || tx.Dst != p.addr && !tx.Dst.IsMulticast() {
				continue
			}
			_, body, err := packet.Decode(tx.Data)
			u, ok := body.(*packet.LSUpdate)
			if err != nil || !ok {
				continue
			}
			ack := &packet.LSAck{}
			for _, raw := range u.LSAs {
				ack.Headers = append(ack.Headers, header(raw))
			}
			l.ack(p, ack)
		}
	}
}

// ack delivers acknowledgements without following their own consequences.
func (l *lab) ack(p *peer, ack *packet.LSAck) {
	out := l.e.Step(l.now, p.datagram(l.e.iface(p.ifname).address(), ack))
	l.out = append(l.out, out.Send...)
	l.events = append(l.events, out.Events...)
	l.done = l.done || out.Done
}

// build makes an LSA.
func build(t packet.LSType, lsid, adv packet.ID, seq packet.Seq, age uint16, body packet.LSABody) []byte {
	return packet.BuildLSA(packet.LSAHeader{Age: age, Options: packet.OptE, Type: t, ID: lsid, Adv: adv, Seq: seq}, body)
}

// extLSA is an AS-external-LSA for a /24.
func extLSA(adv packet.ID, network string, seq packet.Seq) []byte {
	return build(packet.LSExternal, id(network), adv, seq, 1, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 20, Type2: true})
}

// routerLSA is the router-LSA of adv.
func routerLSA(adv packet.ID, seq packet.Seq, links ...packet.RouterLink) []byte {
	return build(packet.LSRouter, adv, adv, seq, 1, packet.RouterLSA{Links: links})
}

// aged returns the LSA with another age.
func aged(raw []byte, age uint16) []byte {
	raw = slices.Clone(raw)
	packet.SetAge(raw, age)
	return raw
}
