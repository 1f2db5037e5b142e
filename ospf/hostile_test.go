package ospf

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// checksum sets the checksum of a packet whose bytes were changed.
func checksum(data []byte) []byte {
	if len(data) < packet.HeaderLen {
		return data
	}
	n := min(int(binary.BigEndian.Uint16(data[2:])), len(data))
	data[12], data[13] = 0, 0
	var sum uint32
	for i := 0; i < n; i += 2 {
		if i >= 16 && i < 24 {
			continue
		}
		sum += uint32(data[i]) << 8
		if i+1 < n {
			sum += uint32(data[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(data[12:], ^uint16(sum))
	return data
}

// patched is the peer's packet with bytes replaced from offset on, checksum right.
func (p *peer) patched(body packet.Body, offset int, bytes ...byte) Datagram {
	dst := allSPFRouters
	if body.Type() != packet.TypeHello {
		dst = ip("10.0.0.1")
	}
	d := p.datagram(dst, body)
	copy(d.Data[offset:], bytes)
	d.Data = checksum(d.Data)
	return d
}

// cut is the peer's packet with another length.
func (p *peer) cut(body packet.Body, length int) Datagram {
	d := p.patched(body, 2, byte(length>>8), byte(length))
	for len(d.Data) < length && length < 1000 {
		d.Data = append(d.Data, 0)
	}
	d.Data = checksum(d.Data)
	return d
}

// Hostile and malformed packets to a router that is Full with 2.2.2.2 on eth0,
// which is the (spoofed) sender, and with 3.3.3.3 on tun0. Each is dropped and
// counted; no neighbour changes its state and nothing is stored, sent or logged
// more than once, unless the row says otherwise. Rows are named by the section that decides.
func TestHostileInput(t *testing.T) {
	hello := func(p *peer) packet.Body { h := p.hello; return &h }
	dd := func(p *peer) packet.Body {
		return &packet.DBDesc{MTU: 1500, Options: p.opts, Flags: msBit, Seq: p.seq + 9, Headers: []packet.LSAHeader{{Type: 1}}}
	}
	lsa := func(raw []byte) *packet.LSUpdate { return &packet.LSUpdate{LSAs: [][]byte{raw}} }
	src := func(addr string) func(*lab, *peer) Datagram {
		return func(_ *lab, p *peer) Datagram {
			d := p.datagram(allSPFRouters, hello(p))
			d.Src = ip(addr)
			return d
		}
	}
	dst := func(addr string) func(*lab, *peer) Datagram {
		return func(_ *lab, p *peer) Datagram { return p.datagram(ip(addr), dd(p)) }
	}
	update := func(make func(p *peer) []byte) func(*lab, *peer) Datagram {
		return func(_ *lab, p *peer) Datagram { return p.datagram(ip("10.0.0.1"), lsa(make(p))) }
	}
	spoil := func(offset int, bytes ...byte) func(*lab, *peer) Datagram {
		return update(func(p *peer) []byte { // an LSA with bytes replaced, checksum right
			raw := extLSA(p.id, "192.0.2.0", 1)
			copy(raw[offset:], bytes)
			packet.SetChecksum(raw)
			return raw
		})
	}
	raw := func(t packet.LSType, lsid func(*peer) packet.ID, n int, body ...byte) func(*lab, *peer) Datagram {
		return update(func(p *peer) []byte {
			return build(t, lsid(p), p.id, 1, 1, append(packet.OpaqueLSA(body), make([]byte, n)...))
		})
	}
	own := func(p *peer) packet.ID { return p.id }
	net := func(*peer) packet.ID { return id("10.0.0.2") }
	none := Reject(0)
	for _, c := range []struct {
		row    string
		make   func(*lab, *peer) Datagram
		reason Reject   // none: accepted
		state  nbrState // of 2.2.2.2 afterwards; 0: Full
	}{
		// A. addresses
		{"8.2 not our address", dst("10.0.0.99"), RejectDestination, 0},
		{"8.2 subnet broadcast", dst("10.0.0.255"), RejectDestination, 0},
		{"8.2 broadcast", dst("255.255.255.255"), RejectDestination, 0},
		{"8.2 our address on another link", dst("10.1.0.1"), RejectDestination, 0},
		{"8.2 our own multicast", src("10.0.0.1"), RejectSource, 0},
		{"8.2 source 0.0.0.0", src("0.0.0.0"), RejectSource, 0},
		{"8.2 source loopback", src("127.0.0.1"), RejectSource, 0},
		{"8.2 source multicast", src("224.0.0.5"), RejectSource, 0},
		{"8.2 source class E", src("240.0.0.1"), RejectSource, 0},
		{"8.2 source IPv6", src("fe80::1"), RejectSource, 0},
		{"8.2 source mapped", src("::ffff:10.0.0.2"), RejectSource, 0},
		{"8.2 source outside the subnet", src("10.0.1.2"), RejectSource, 0},
		{"8.2 source is the network", src("10.0.0.0"), RejectSource, 0},
		{"8.2 source is the broadcast address", src("10.0.0.255"), RejectSource, 0},
		{"8.2 replayed on another link", func(l *lab, p *peer) Datagram {
			d := p.datagram(ip("10.0.0.1"), dd(p))
			d.Interface = "tun0"
			return d
		}, none, 0},
		{"9 unknown interface", func(l *lab, p *peer) Datagram {
			d := p.datagram(allSPFRouters, hello(p))
			d.Interface = "wlan0"
			return d
		}, none, 0},
		{"9 loopback", func(l *lab, p *peer) Datagram {
			d := p.datagram(allSPFRouters, hello(p))
			d.Interface = "lo"
			return d
		}, none, 0},
		// B. header
		{"A.3.1 empty", func(l *lab, p *peer) Datagram {
			d := p.datagram(allSPFRouters, hello(p))
			d.Data = nil
			return d
		}, RejectMalformed, 0},
		{"A.3.1 short", func(l *lab, p *peer) Datagram {
			d := p.datagram(allSPFRouters, hello(p))
			d.Data = d.Data[:23]
			return d
		}, RejectMalformed, 0},
		{"8.2 version 3", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 0, 3) }, RejectMalformed, 0},
		{"8.2 type 0", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 1, 0) }, RejectMalformed, 0},
		{"8.2 type 10", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 1, 10) }, RejectMalformed, 0},
		{"A.3.1 length 0", func(l *lab, p *peer) Datagram { return p.cut(hello(p), 0) }, RejectMalformed, 0},
		{"A.3.1 length 45", func(l *lab, p *peer) Datagram { return p.cut(hello(p), 45) }, RejectMalformed, 0},
		{"A.3.1 length 0xffff", func(l *lab, p *peer) Datagram { return p.cut(hello(p), 0xffff) }, RejectMalformed, 0},
		{"8.2 checksum", func(l *lab, p *peer) Datagram {
			d := p.datagram(allSPFRouters, hello(p))
			d.Data[30] ^= 1
			return d
		}, RejectChecksum, 0},
		{"8.2 router id 0.0.0.0", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 4, 0, 0, 0, 0) }, RejectRouterID, 0},
		{"10.5 our router id", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 4, 1, 1, 1, 1) }, RejectDuplicateID, 0},
		{"8.2 other area", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 8, 0, 0, 0, 1) }, RejectArea, 0},
		{"D AuType 1", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 14, 0, 1) }, RejectAuthType, 0},
		{"D AuType 2", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 14, 0, 2) }, RejectAuthType, 0},
		{"RFC 6549 3.1 instance", func(l *lab, p *peer) Datagram { return p.patched(hello(p), 14, 1) }, RejectInstance, 0},
		{"A.3.1 oversized", func(l *lab, p *peer) Datagram {
			d := p.datagram(allSPFRouters, hello(p))
			d.Data = append(d.Data, make([]byte, 70000)...)
			return d
		}, RejectMalformed, 0},
		{"RFC 5613 2 bytes behind the packet", func(l *lab, p *peer) Datagram {
			d := p.datagram(allSPFRouters, hello(p))
			d.Data = append(d.Data, 0xff, 0xff, 0xff, 0xff, 1)
			return d
		}, none, 0},
		// D. Hello
		{"A.3.2 length 40", func(l *lab, p *peer) Datagram { return p.cut(hello(p), 40) }, RejectMalformed, 0},
		{"9.4 unknown BDR", func(l *lab, p *peer) Datagram {
			h := p.hello
			h.BDR = ip("10.0.0.77")
			return p.datagram(allSPFRouters, &h)
		}, none, 0},
		{"9.4 one router is both", func(l *lab, p *peer) Datagram {
			h := p.hello
			h.DR, h.BDR = p.addr, p.addr
			return p.datagram(allSPFRouters, &h)
		}, none, 0},
		{"10.5 our id 1000 times", func(l *lab, p *peer) Datagram {
			h := p.hello
			h.Neighbors = slices.Repeat([]packet.ID{self}, 1000)
			return p.datagram(allSPFRouters, &h)
		}, none, 0},
		{"10.5 16,000 ids", func(l *lab, p *peer) Datagram {
			h := p.hello
			h.Neighbors = append(make([]packet.ID, 16000), self)
			return p.datagram(allSPFRouters, &h)
		}, none, 0},
		{"8.1 unicast", func(l *lab, p *peer) Datagram { return p.datagram(ip("10.0.0.1"), hello(p)) }, RejectUnicastHello, 0},
		// E. Database Description
		{"A.3.3 length 31", func(l *lab, p *peer) Datagram { return p.cut(dd(p), 31) }, RejectMalformed, 0},
		{"A.3.3 length 39", func(l *lab, p *peer) Datagram { return p.cut(dd(p), 40) }, RejectMalformed, 0},
		{"10.6 from a Full neighbour", func(l *lab, p *peer) Datagram {
			return p.datagram(ip("10.0.0.1"), &packet.DBDesc{MTU: 1500, Options: p.opts, Flags: iBit | mBit | msBit, Seq: 1})
		}, none, nbrExStart},
		// F. Link State Request
		{"A.3.4 length 35", func(l *lab, p *peer) Datagram {
			return p.cut(&packet.LSReq{Keys: []packet.Key{{Type: 1}}}, 32)
		}, RejectMalformed, 0},
		{"10.7 unknown LSA", func(l *lab, p *peer) Datagram {
			return p.datagram(ip("10.0.0.1"), &packet.LSReq{Keys: []packet.Key{{Type: 1, ID: 9, Adv: 9}}})
		}, none, nbrExStart},
		{"10.7 wide type", func(l *lab, p *peer) Datagram {
			return p.patched(&packet.LSReq{Keys: []packet.Key{{Type: 1, ID: self, Adv: self}}}, 24, 0, 1, 0, 1)
		}, none, nbrExStart},
		{"10.7 5,000 times the same", func(l *lab, p *peer) Datagram {
			return p.datagram(ip("10.0.0.1"), &packet.LSReq{Keys: slices.Repeat([]packet.Key{{Type: 1, ID: self, Adv: self}}, 5000)})
		}, none, 0},
		// G. Link State Update
		{"13 stranger", func(l *lab, p *peer) Datagram {
			d := p.datagram(ip("10.0.0.1"), lsa(extLSA(p.id, "192.0.2.0", 1)))
			d.Src = ip("10.0.0.50")
			return d
		}, RejectUnknownNeighbor, 0},
		{"A.3.5 length 24", func(l *lab, p *peer) Datagram { return p.cut(&packet.LSUpdate{}, 24) }, RejectMalformed, 0},
		{"A.3.5 count 0xffffffff", func(l *lab, p *peer) Datagram {
			return p.patched(lsa(extLSA(p.id, "192.0.2.0", 1)), 24, 0xff, 0xff, 0xff, 0xff)
		}, RejectMalformed, 0},
		{"A.4.1 LSA length 19", func(l *lab, p *peer) Datagram {
			return p.patched(lsa(extLSA(p.id, "192.0.2.0", 1)), 28+18, 0, 19)
		}, RejectMalformed, 0},
		{"A.4.1 LSA length 0xffff", func(l *lab, p *peer) Datagram {
			return p.patched(lsa(extLSA(p.id, "192.0.2.0", 1)), 28+18, 0xff, 0xff)
		}, RejectMalformed, 0},
		{"A.4.1 LSA of a header only", raw(packet.LSExternal, own, 0), RejectLSA, 0},
		// H. any LSA
		{"12.1.7 checksum 0", update(func(p *peer) []byte {
			raw := extLSA(p.id, "192.0.2.0", 1)
			raw[16], raw[17] = 0, 0
			return raw
		}), RejectLSA, 0},
		{"13 (2) type 0", spoil(3, 0), RejectLSA, 0},
		{"13 (2) type 6", spoil(3, 6), RejectLSA, 0},
		{"13 (2) type 7", spoil(3, 7), RejectLSA, 0},
		{"13 (2) type 255", spoil(3, 255), RejectLSA, 0},
		{"12.1.6 reserved sequence number", spoil(12, 0x80, 0, 0, 0), RejectLSA, 0},
		{"13 (1) age 3601", spoil(0, 0x0e, 0x11), RejectLSA, 0},
		{"13 (1) age 0x7fff", spoil(0, 0x7f, 0xff), RejectLSA, 0},
		{"12.1.5 advertising router 0.0.0.0", spoil(8, 0, 0, 0, 0), RejectLSA, 0},
		{"12.1.5 advertising router 224.0.0.5", spoil(8, 224, 0, 0, 5), RejectLSA, 0},
		{"12.1.5 advertising router 255.255.255.255", spoil(8, 255, 255, 255, 255), RejectLSA, 0},
		{"13 (4) MaxAge, unknown", update(func(p *peer) []byte { return aged(extLSA(p.id, "192.0.2.0", 1), packet.MaxAge) }), none, 0},
		// I. router-LSA
		{"12.4.1 link state id", raw(packet.LSRouter, func(*peer) packet.ID { return id("8.8.8.8") }, 0, 0, 0, 0, 0), RejectLSA, 0},
		{"A.4.2 count 2, none there", raw(packet.LSRouter, own, 0, 0, 0, 0, 2), RejectLSA, 0},
		{"A.4.2 count 1, bytes for 2", raw(packet.LSRouter, own, 24, 0, 0, 0, 1), RejectLSA, 0},
		{"A.4.2 8 bytes of a link", raw(packet.LSRouter, own, 8, 0, 0, 0, 1), RejectLSA, 0},
		{"A.4.2 TOS count 255", raw(packet.LSRouter, own, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 1, 255, 0, 1), RejectLSA, 0},
		// J. network-LSA
		{"A.4.3 empty", raw(packet.LSNetwork, net, 0), RejectLSA, 0},
		// N. acknowledgement
		{"13.7 length 43", func(l *lab, p *peer) Datagram {
			return p.cut(&packet.LSAck{Headers: []packet.LSAHeader{{Type: 1}}}, 40)
		}, RejectMalformed, 0},
		{"13.7 unknown LSA", func(l *lab, p *peer) Datagram {
			return p.datagram(ip("10.0.0.1"), &packet.LSAck{Headers: []packet.LSAHeader{{Type: 77, Age: 0xffff}}})
		}, none, 0},
	} {
		t.Run(c.row, func(t *testing.T) {
			l := newLab(t)
			p := l.full("eth0", "2.2.2.2", "10.0.0.2")
			q := l.full("tun0", "3.3.3.3", "10.1.0.2")
			l.advance(10 * time.Second)
			p.alive, p.acks = false, false
			deadAt := p.nbr().deadAt
			before := l.e.Database(l.now)
			l.out, l.events = nil, nil
			d := c.make(l, p)
			keep := slices.Clone(d.Data)
			l.step(d)
			if c.state != 0 {
				l.wantState(p, c.state)
				l.wantState(q, nbrFull)
				return
			}
			l.step(d)
			l.step(d)
			if !slices.Equal(d.Data, keep) {
				t.Error("the datagram was changed")
			}
			l.wantState(p, nbrFull)
			l.wantState(q, nbrFull)
			if after := l.e.Database(l.now); after.External.Fingerprint != before.External.Fingerprint || after.Areas[0].Fingerprint != before.Areas[0].Fingerprint {
				t.Error("the database changed")
			}
			if c.reason == none {
				return
			}
			if n := l.rejected("eth0", c.reason); n != 3 {
				t.Errorf("%d counted, %v", n, l.e.Interfaces()[0].Rejected)
			}
			reports := 0
			for _, ev := range l.events {
				if r, ok := ev.(PacketRejected); ok {
					reports++
					if r.Reason != c.reason {
						t.Errorf("reported as %s", r.Reason)
					}
				}
			}
			if reports > 1 || l.out != nil {
				t.Errorf("%d reports, %d packets sent", reports, len(l.out))
			}
			if p.nbr().deadAt != deadAt {
				t.Error("the inactivity timer was restarted")
			}
		})
	}
}

// 8.2: a packet of any type that names another area is dropped, and what is said about it names the type.
func TestReceive8_2_Area(t *testing.T) {
	for _, body := range []packet.Body{
		&packet.Hello{}, &packet.DBDesc{}, &packet.LSReq{Keys: []packet.Key{{Type: 1}}}, &packet.LSUpdate{}, &packet.LSAck{},
	} {
		l := newLab(t)
		p := l.full("tun0", "2.2.2.2", "10.1.0.2")
		p.area = 7
		l.step(p.datagram(allSPFRouters, body))
		var why []string
		for _, ev := range l.events {
			if r, ok := ev.(PacketRejected); ok {
				why = append(why, r.Detail)
			}
		}
		if l.rejected("tun0", RejectArea) != 1 || len(why) != 1 || !strings.Contains(why[0], "area mismatch in "+body.Type().String()) {
			t.Errorf("%s: %d rejected: %q", body.Type(), l.rejected("tun0", RejectArea), why)
		}
		l.wantState(p, nbrFull)
	}
}

// 8.2: AllDRouters is for the DR and the Backup.
func TestReceive8_2_AllDRouters(t *testing.T) {
	for _, c := range []struct {
		state ifState
		taken bool
	}{{ifDROther, false}, {ifBackup, true}, {ifDR, true}} {
		l, peers := table19(t, c.state)
		var p *peer
		for _, name := range []string{"DR", "other"} {
			if peers[name] != nil {
				p = peers[name]
			}
		}
		raw := extLSA(p.id, "192.0.2.0", 1)
		l.step(p.datagram(allDRouters, &packet.LSUpdate{LSAs: [][]byte{raw}}))
		if taken := l.lsa(header(raw).Key()) != nil; taken != c.taken || (l.rejected("eth0", RejectDestination) == 0) != c.taken {
			t.Errorf("%s: taken %t", c.state, taken)
		}
	}
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.step(p.datagram(allDRouters, &packet.LSUpdate{}))
	if l.rejected("tun0", RejectDestination) != 1 {
		t.Error("taken on a point-to-point link")
	}
}

// Our own multicast that comes back, from a secondary address or by way of
// another of our interfaces, is no duplicate router id.
func TestReceive8_2_OwnPackets(t *testing.T) {
	l := newLab(t, func(l *lab) {
		l.links[1].Addrs = append(l.links[1].Addrs, LinkAddr{Addr: pfx("10.0.0.9/24"), Secondary: true})
		l.links = append(l.links, Link{Name: "eth1", Index: 9, MTU: 1500, Up: true, Addrs: []LinkAddr{{Addr: pfx("10.0.0.8/24")}}})
	})
	p := l.peer("eth0", "1.1.1.1", "10.0.0.9")
	p.hi()
	p.addr = ip("10.0.0.8")
	p.hi()
	if l.rejected("eth0", RejectSource) != 2 || len(l.events) > 0 && l.alarms("duplicate-router-id") != 0 || len(l.e.Neighbors(l.now)) != 0 {
		t.Errorf("%v, %d alarms", l.e.Interfaces()[0].Rejected, l.alarms("duplicate-router-id"))
	}
}

// A passive interface takes nothing.
func TestReceive_Passive(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.Areas[0].Interfaces[0].Passive = true })
	l.peer("eth0", "2.2.2.2", "10.0.0.2").hi()
	if l.rejected("eth0", RejectPassive) != 1 || len(l.iface("eth0").neighbors) != 0 {
		t.Error("taken")
	}
}

// A flood of packets from made-up addresses: memory and reports stay bounded.
func TestReceive_StrangerFlood(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.area = 9
	d := p.datagram(allSPFRouters, &p.hello)
	l.events = nil
	for n := range 20_000 {
		d.Src = netip.AddrFrom4([4]byte{10, 2, byte(n >> 8), byte(n)})
		l.step(d)
	}
	if n := len(l.iface("tun0").strangers.seen); n > maxStrangers {
		t.Errorf("%d senders remembered", n)
	}
	if len(l.events) > 2*maxStrangers || l.rejected("tun0", RejectArea) != 20_000 {
		t.Errorf("%d reports", len(l.events))
	}
}

// The duplicate router id alarm comes at most once a minute.
func TestReceive_DuplicateIDAlarm(t *testing.T) {
	l := newLab(t)
	p := l.peer("tun0", "1.1.1.1", "10.1.0.2")
	for range 120 {
		p.hi()
		l.advance(time.Second)
	}
	if n := l.alarms("duplicate-router-id"); n != 2 {
		t.Errorf("%d alarms in two minutes", n)
	}
}
