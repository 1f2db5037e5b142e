package integration

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

const hostileConfig = `
router-id: %s
ospf:
  areas:
    - area-id: 0.0.0.0
      interfaces:
        - {match: "vpn*", interface-type: point-to-point, hello-interval: 1s, dead-interval: 4s}
        - {match: "lan", interface-type: broadcast, hello-interval: 1s, dead-interval: 4s}
`

// hostile is a router under attack: over a tunnel by a neighbour and on a LAN
// by a stranger, while an honest neighbour watches whether it still speaks.
//
//	x ──vpn1── r ──vpn2── b
//	└───────── lan ───────┘
type hostile struct {
	*network
	x, y *attacker
}

func newHostile(t *testing.T, limit time.Duration) *hostile {
	t.Helper()
	n := &hostile{network: newNetwork(t, limit)}
	n.wire("r:vpn1 10.0.1.1/30", "x:vpn1 10.0.1.2/30")
	n.wire("r:vpn2 10.0.2.1/30", "b:vpn1 10.0.2.2/30")
	n.lan("sw", "r:lan 10.1.0.1/16", "b:lan 10.1.0.2/16", "x:lan 10.1.0.3/16")
	for name, id := range map[string]string{"r": "1.1.1.1", "b": "2.2.2.2"} {
		n.start(peer.NewEcmpd(n.Node(name), binary, fmt.Sprintf(hostileConfig, id)))
	}
	n.full(2, "b")
	var err error
	n.x, err = newAttacker(n.Node("x"), "vpn1", "10.0.1.2", "10.0.1.1", "9.9.9.9")
	n.must(err)
	n.y, err = newAttacker(n.Node("x"), "lan", "10.1.0.3", "10.1.0.1", "9.9.9.8")
	n.must(err)
	n.x.befriend()
	close(n.y.done) // y only sends
	t.Cleanup(n.x.close)
	t.Cleanup(n.y.close)
	select {
	case <-n.x.full:
	case <-n.ctx.Done():
		t.Fatal("the attacker did not become a neighbour")
	}
	n.full(3, "r")
	return n
}

// figures are what an attack may cost.
type figures struct {
	rss        int // KB
	cpu        time.Duration
	lines      int
	changesR   uint64
	changesB   uint64
	neighborsR int
}

func (n *hostile) read() figures {
	n.t.Helper()
	var f figures
	pid := strconv.Itoa(n.ecmpd("r").Pid())
	status, err := os.ReadFile("/proc/" + pid + "/status")
	n.must(err)
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Sscan(v, &f.rss)
		}
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	n.must(err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	f.cpu = time.Duration(user+system) * 10 * time.Millisecond
	log, err := os.ReadFile(filepath.Join(n.Node("r").Dir(), "ecmpd.log"))
	n.must(err)
	f.lines = bytes.Count(log, []byte("\n"))
	for name, to := range map[string]*uint64{"r": &f.changesR, "b": &f.changesB} {
		s, err := show[api.Status](n.network, name, "status")
		n.must(err)
		*to = s.OSPF.NeighborChanges
	}
	list, err := n.routers["r"].Neighbors(n.ctx)
	n.must(err)
	f.neighborsR = len(list)
	return f
}

// attack runs f again and again for d and logs what it cost.
func (n *hostile) attack(name string, d time.Duration, f func(i int)) (before, after figures) {
	n.t.Helper()
	before = n.read()
	start := time.Now()
	heard := n.x.received()
	i := 0
	for ; time.Since(start) < d; i++ {
		f(i)
	}
	took := time.Since(start)
	after = n.read()
	n.t.Logf("%-22s %7d in %5s: RSS %6d → %6d KB, CPU %4.0f%%, %4d log lines, changes r +%d b +%d, neighbours %d, heard %d KB, answer after %s",
		name, i, took.Round(10*time.Millisecond), before.rss, after.rss, 100*(after.cpu-before.cpu).Seconds()/time.Since(start).Seconds(),
		after.lines-before.lines, after.changesR-before.changesR, after.changesB-before.changesB, after.neighborsR, (n.x.received()-heard)>>10, (time.Since(start) - took).Round(time.Millisecond))
	return before, after
}

func TestExplore(t *testing.T) {
	n := newHostile(t, 300*time.Second)
	only := os.Getenv("ONLY")
	dur := 4 * time.Second
	run := func(name string, f func(i int)) {
		if only != "" && !strings.Contains(name, only) {
			return
		}
		n.attack(name, dur, f)
		n.must(lab.Pause(n.ctx, time.Second))
	}
	rid := packet.ID(0x01010101)
	rng := rand.New(rand.NewPCG(1, 2))
	spoof := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(4 + i%250)}) }

	if os.Getenv("PART") == "2" {
		n.explore2(run)
		return
	}
	run("hello 1ms", func(i int) { n.x.sayHello(); time.Sleep(time.Millisecond) })
	run("hello max", func(i int) { n.x.sayHello() })
	run("lan spoofed", func(i int) {
		n.y.sendRaw(forged{src: spoof(i)}, n.y.packet(packet.ID(0x0a000000+i%65000), n.y.hello(16, rid)))
		if i%20 == 0 { time.Sleep(time.Millisecond) }
	})
	run("lan same addr, ids", func(i int) {
		n.y.sendRaw(forged{src: n.y.addr}, n.y.packet(packet.ID(0x0a000000+i%65000), n.y.hello(16, rid)))
		time.Sleep(time.Millisecond)
	})
	run("lan bad hellos", func(i int) {
		h := n.y.hello(16, rid)
		h.HelloInterval = 9
		n.y.sendRaw(forged{src: spoof(i)}, n.y.packet(packet.ID(0x0a000000+i%65000), h))
	})
	run("p2p spoofed", func(i int) {
		n.x.sendRaw(forged{src: spoof(i)}, n.x.packet(packet.ID(0x0a000000+i%65000), n.x.hello(30, rid)))
		if i%20 == 0 { time.Sleep(time.Millisecond) }
	})
	time.Sleep(5 * time.Second)
	n.full(3, "r")
	run("dup id", func(i int) {
		n.y.sendRaw(forged{src: spoof(i)}, n.y.packet(rid, n.y.hello(16, rid)))
		time.Sleep(time.Millisecond)
	})
	ext := func(id, adv uint32, seq packet.Seq) []byte {
		return packet.BuildLSA(packet.LSAHeader{Options: packet.OptE, Type: packet.LSExternal, ID: packet.ID(id), Adv: packet.ID(adv), Seq: seq},
			packet.ExternalLSA{Mask: packet.MaskOf(24), Type2: true, Metric: 1})
	}
	c := uint32(0)
	run("phantom externals", func(i int) {
		var l [][]byte
		for range 30 {
			c++
			l = append(l, ext(c<<8, 0x20000000+c%5000, packet.InitialSeq))
		}
		n.x.update(1400, l...)
		if i%10 == 0 { time.Sleep(time.Millisecond) }
	})
	router := func(adv uint32, seq packet.Seq, links ...packet.RouterLink) []byte {
		return packet.BuildLSA(packet.LSAHeader{Options: packet.OptE, Type: packet.LSRouter, ID: packet.ID(adv), Adv: packet.ID(adv), Seq: seq}, packet.RouterLSA{Links: links})
	}
	p2p := func(id, data uint32) packet.RouterLink {
		return packet.RouterLink{Type: packet.LinkPointToPoint, ID: packet.ID(id), Data: packet.ID(data), Metric: 1}
	}
	own := func(seq packet.Seq, links ...packet.RouterLink) []byte {
		return router(0x09090909, seq, append([]packet.RouterLink{p2p(0x01010101, 0x0a000102)}, links...)...)
	}
	n.x.update(1400, own(packet.InitialSeq))
	c = 0
	run("phantom routers", func(i int) {
		var l [][]byte
		for range 20 {
			c++
			l = append(l, router(0x30000000+c, packet.InitialSeq, p2p(0x30000000+c-1, 1), p2p(0x30000000+c+1, 2)))
		}
		n.x.update(1400, l...)
		if i%10 == 0 { time.Sleep(time.Millisecond) }
	})
	run("phantom lsas over", func(i int) { // over the limit
		var l [][]byte
		for range 30 {
			c++
			l = append(l, ext(rng.Uint32(), 0x20000000+c, packet.InitialSeq))
		}
		n.x.update(1400, l...)
	})
	run("own routes flap", func(i int) {
		l := own(packet.InitialSeq+1+packet.Seq(i), packet.RouterLink{Type: packet.LinkStub, ID: packet.ID(0xc0a80000 + uint32(i%2)<<8), Data: packet.MaskOf(24), Metric: 1})
		n.x.update(1400, l)
		time.Sleep(100 * time.Millisecond)
	})
	run("big router lsa", func(i int) {
		var links []packet.RouterLink
		for k := range 5400 {
			links = append(links, packet.RouterLink{Type: packet.LinkStub, ID: packet.ID(0xc0000000 + uint32(k+i)<<8), Data: packet.MaskOf(24), Metric: 1})
		}
		n.x.update(65000, own(packet.InitialSeq+1000+packet.Seq(i), links...))
		time.Sleep(100 * time.Millisecond)
	})
	n.x.update(65000, own(packet.InitialSeq+2000))
	run("big network lsa", func(i int) {
		b := packet.NetworkLSA{Mask: packet.MaskOf(16)}
		for k := range 16000 {
			b.Routers = append(b.Routers, packet.ID(0x30000000+uint32(k)))
		}
		n.x.update(65500, packet.BuildLSA(packet.LSAHeader{Options: packet.OptE, Type: packet.LSNetwork, ID: packet.ID(0x0a630000 + uint32(i)), Adv: 0x09090909, Seq: packet.InitialSeq}, b))
		time.Sleep(20 * time.Millisecond)
	})
	run("forged self 100ms", func(i int) {
		n.x.update(1400, router(0x01010101, 0x100000+packet.Seq(i)), ext(0xc0a80000, 0x01010101, 0x100000+packet.Seq(i)))
		time.Sleep(100 * time.Millisecond)
	})
	run("forged self many", func(i int) {
		var l [][]byte
		for range 30 {
			c++
			l = append(l, ext(c<<8, 0x01010101, 5))
		}
		n.x.update(1400, l...)
		time.Sleep(time.Millisecond)
	})
	run("seq max", func(i int) {
		n.x.update(1400, router(0x01010101, packet.MaxSeq, p2p(uint32(i), 1)))
		time.Sleep(100 * time.Millisecond)
	})
	run("lsr", func(i int) {
		q := &packet.LSReq{}
		for k := range 110 {
			q.Keys = append(q.Keys, packet.Key{Type: packet.LSExternal, ID: packet.ID(uint32(k+1) << 8), Adv: packet.ID(0x20000000 + uint32(k+1)%5000)})
		}
		q.Keys = []packet.Key{{Type: packet.LSRouter, ID: 0x01010101, Adv: 0x01010101}, {Type: packet.LSRouter, ID: 0x02020202, Adv: 0x02020202}}
		for k := range 100 {
			q.Keys = append(q.Keys, packet.Key{Type: packet.LSRouter, ID: packet.ID(0x30000000 + uint32(k+1)), Adv: packet.ID(0x30000000 + uint32(k+1))})
		}
		n.x.send(q)
		time.Sleep(time.Millisecond)
	})
	run("ack flood", func(i int) {
		q := &packet.LSAck{}
		for k := range 70 {
			q.Headers = append(q.Headers, packet.LSAHeader{Type: packet.LSRouter, ID: packet.ID(k), Adv: packet.ID(k), Seq: 1})
		}
		n.x.send(q)
	})
	run("malformed", func(i int) {
		b := n.x.packet(n.x.id, n.x.hello(30, rid))
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		n.x.sendRaw(forged{ttl: uint8(rng.IntN(256)), options: 4 * rng.IntN(10)}, b)
	})
	n.x.setMute(true)
	run("never ack", func(i int) { time.Sleep(100 * time.Millisecond) })
	n.x.setMute(false)
	run("dd restart", func(i int) {
		n.x.send(&packet.DBDesc{MTU: 1500, Options: packet.OptE, Flags: packet.DDInit | packet.DDMore | packet.DDMaster, Seq: uint32(i)})
		time.Sleep(10 * time.Millisecond)
	})
	n.attack("calm", 5*time.Second, func(i int) { time.Sleep(100 * time.Millisecond) })
	log, _ := os.ReadFile(filepath.Join(n.Node("r").Dir(), "ecmpd.log"))
	os.WriteFile("/tmp/hx/r.log", log, 0o644)
	log, _ = os.ReadFile(filepath.Join(n.Node("b").Dir(), "ecmpd.log"))
	os.WriteFile("/tmp/hx/b.log", log, 0o644)
}

func (n *hostile) explore2(run func(string, func(int))) {
	router := func(adv uint32, seq packet.Seq, links ...packet.RouterLink) []byte {
		return packet.BuildLSA(packet.LSAHeader{Options: packet.OptE, Type: packet.LSRouter, ID: packet.ID(adv), Adv: packet.ID(adv), Seq: seq}, packet.RouterLSA{Flags: packet.RouterE, Links: links})
	}
	p2p := func(id, data uint32) packet.RouterLink {
		return packet.RouterLink{Type: packet.LinkPointToPoint, ID: packet.ID(id), Data: packet.ID(data), Metric: 1}
	}
	stub := func(net uint32) packet.RouterLink {
		return packet.RouterLink{Type: packet.LinkStub, ID: packet.ID(net), Data: packet.MaskOf(32), Metric: 1}
	}
	const me = 0x09090909
	seq := packet.InitialSeq
	own := func(links ...packet.RouterLink) {
		seq++
		n.x.update(65000, router(me, seq, append([]packet.RouterLink{p2p(0x01010101, 0x0a000102)}, links...)...))
	}
	own()
	time.Sleep(2 * time.Second)
	run("big router lsa", func(i int) {
		var links []packet.RouterLink
		for k := range 5400 {
			links = append(links, stub(0xc0000000+uint32(k+i)<<8))
		}
		own(links...)
		time.Sleep(100 * time.Millisecond)
	})
	run("lsr big", func(i int) {
		n.x.send(&packet.LSReq{Keys: []packet.Key{{Type: packet.LSRouter, ID: me, Adv: me}}})
		time.Sleep(time.Millisecond)
	})
	own()
	run("big network lsa", func(i int) {
		b := packet.NetworkLSA{Mask: packet.MaskOf(16)}
		for k := range 16000 {
			b.Routers = append(b.Routers, packet.ID(0x30000000+uint32(k)))
		}
		n.x.update(65500, packet.BuildLSA(packet.LSAHeader{Options: packet.OptE, Type: packet.LSNetwork, ID: packet.ID(0x0a630000 + uint32(i)), Adv: 0x09090909, Seq: packet.InitialSeq}, b))
		time.Sleep(20 * time.Millisecond)
	})
	c := uint32(0)
	own(p2p(0x30000001, 9))
	run("reachable chain", func(i int) {
		var l [][]byte
		for range 20 {
			c++
			prev := 0x30000000 + c - 1
			if c == 1 {
				prev = me
			}
			l = append(l, router(0x30000000+c, packet.InitialSeq, p2p(prev, 1), p2p(0x30000000+c+1, 2)))
		}
		if c > 100000 { time.Sleep(10*time.Millisecond); return }
		n.x.update(1400, l...)
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
	})
	run("chain wait", func(i int) { time.Sleep(10 * time.Millisecond) })
	c = 0
	for k := 0; k < 3; k++ {
	run("externals", func(i int) {
		var l [][]byte
		for range 30 {
			c++
			l = append(l, packet.BuildLSA(packet.LSAHeader{Options: packet.OptE, Type: packet.LSExternal, ID: packet.ID(0x50000000+c<<4), Adv: me, Seq: packet.InitialSeq},
			packet.ExternalLSA{Mask: packet.MaskOf(28), Type2: true, Metric: 1}))
		}
		if c > 250000 { time.Sleep(10*time.Millisecond); return }
		n.x.update(1400, l...)
		if i%10 == 0 { time.Sleep(2*time.Millisecond) }
	})
	}
	own(p2p(0x70000001, 9))
	c = 0
	for k := 0; k < 4; k++ {
		run("stub bombs", func(i int) {
			c++
			if c > 300 { time.Sleep(10*time.Millisecond); return }
			prev := 0x70000000 + c - 1
			if c == 1 {
				prev = me
			}
			links := []packet.RouterLink{p2p(prev, 1), p2p(0x70000000+c+1, 2)}
			for k := range uint32(5400) {
				links = append(links, stub(0x60000000+c*5400+k))
			}
			n.x.update(65500, router(0x70000000+c, packet.InitialSeq, links...))
			time.Sleep(15*time.Millisecond)
		})
	}
	log, _ := os.ReadFile(filepath.Join(n.Node("r").Dir(), "ecmpd.log"))
	os.WriteFile("/tmp/hx/r2.log", log, 0o644)
}
