package ospf

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// hub is an engine with n point-to-point tunnels, each with a Full neighbour.
func hub(tb testing.TB, n int) (*lab, []*peer) {
	l := newLab(tb, func(l *lab) {
		for k := range n {
			l.links = append(l.links, Link{Name: fmt.Sprintf("vpn%d", k), Index: 100 + k, MTU: 1420, Up: true, PointToPoint: true,
				Addrs: []LinkAddr{{Addr: pfx(fmt.Sprintf("10.%d.%d.1/30", 128+k/256, k%256))}}})
		}
		l.cfg.MaxLSAs = 250_000
	})
	var peers []*peer
	for k := range n {
		p := l.peer(fmt.Sprintf("vpn%d", k), fmt.Sprintf("20.%d.%d.1", k/256, k%256), fmt.Sprintf("10.%d.%d.2", 128+k/256, k%256))
		p.bring(nbrFull)
		peers = append(peers, p)
	}
	l.peers = nil
	l.advance(6 * time.Second)
	l.out, l.events = nil, nil
	return l, peers
}

// A Hello that changes nothing, on one of 200 tunnels.
func BenchmarkStepHello(b *testing.B) {
	l, peers := hub(b, 200)
	var ds []Datagram
	for _, p := range peers {
		ds = append(ds, p.datagram(allSPFRouters, &p.hello))
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		l.e.Step(l.now, ds[n%len(ds)])
	}
}

// 10,000 AS-external-LSAs in updates of 35, flooded to one other neighbour that
// acknowledges; one operation is all of them.
func BenchmarkStepExternals(b *testing.B) {
	const count, perUpdate = 10_000, 35
	for b.Loop() {
		b.StopTimer()
		l, peers := hub(b, 2)
		var ds []Datagram
		for n := 0; n < count; n += perUpdate {
			u := &packet.LSUpdate{}
			for k := n; k < min(n+perUpdate, count); k++ {
				u.LSAs = append(u.LSAs, build(packet.LSExternal, packet.ID(0xc0000000+k<<8), peers[0].id, 1, 1, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1}))
			}
			ds = append(ds, peers[0].datagram(ip("10.128.0.1"), u))
		}
		b.StartTimer()
		for _, d := range ds {
			l.e.Step(l.now, d)
		}
		b.StopTimer()
		if n := l.e.as.Len(); n != count {
			b.Fatalf("%d LSAs", n)
		}
		b.StartTimer()
	}
}

// A flood of externals that there is no room for; one operation is one LSA.
func BenchmarkStepRefused(b *testing.B) {
	const perUpdate = 35
	l, peers := hub(b, 2)
	l.reload(func(c *Config, _ *InterfaceConfig) { c.MaxExternals = 1000 })
	flood := func(n int) Datagram {
		u := &packet.LSUpdate{}
		for k := range perUpdate {
			u.LSAs = append(u.LSAs, build(packet.LSExternal, packet.ID(n+k)<<8, packet.ID(0xb0000000+n), 1, 1, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1}))
		}
		return peers[0].datagram(ip("10.128.0.1"), u)
	}
	for n := 0; l.e.as.Len() < 1000; n += perUpdate {
		l.e.Step(l.now, flood(n))
	}
	var ds []Datagram
	for n := range 1000 {
		ds = append(ds, flood(1_000_000+n*perUpdate))
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%perUpdate == 0 {
			l.e.Step(l.now, ds[n/perUpdate%len(ds)])
		}
	}
}

// A router-LSA of one of 1,000 tunnels: flooded to all others, which
// acknowledge.
func BenchmarkStepHub(b *testing.B) {
	const count = 1000
	l, peers := hub(b, count)
	seq := packet.InitialSeq
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		from := peers[n%count]
		raw := build(packet.LSRouter, from.id, from.id, seq+packet.Seq(n)+1, 1, packet.RouterLSA{Links: []packet.RouterLink{
			{ID: self, Data: packet.ID(n), Type: packet.LinkPointToPoint, Metric: 10}}})
		l.e.Step(l.now, from.datagram(allSPFRouters, &packet.LSUpdate{LSAs: [][]byte{raw}}))
		l.now = l.now.Add(time.Millisecond)
		l.e.Step(l.now, Tick{})
		h, _ := packet.DecodeLSAHeader(raw)
		for _, p := range peers {
			if p != from {
				l.e.Step(l.now, p.datagram(allSPFRouters, &packet.LSAck{Headers: []packet.LSAHeader{h}}))
			}
		}
	}
}
