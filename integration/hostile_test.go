package integration

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
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
  database-control: {max-lsa: 250000}
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

func newHostile(t *testing.T) *hostile {
	t.Helper()
	n := &hostile{network: newNetwork(t)}
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

// honest fails the test unless the adjacency between r and b has been Full
// since start, in the eyes of both.
func (n *hostile) honest(attack string, start time.Time) {
	n.t.Helper()
	for name, id := range map[string]string{"r": "2.2.2.2", "b": "1.1.1.1"} {
		elapsed := time.Since(start)
		body, err := show[api.Neighbors](n.network, name, "ospf", "neighbor")
		n.must(err)
		up := time.Duration(0)
		for _, nb := range body.Neighbors {
			if nb.RouterID == id && strings.HasPrefix(nb.Interface, "vpn") && nb.State == "Full" {
				up = time.Duration(nb.UpTimeMsec) * time.Millisecond
			}
		}
		if up < elapsed.Truncate(time.Millisecond) {
			n.t.Errorf("%s: %s has been Full with %s for %s, the attacks began %s ago", attack, name, id, up, elapsed)
		}
	}
}

// cost is what r has used so far.
type cost struct {
	rss   int // bytes
	cpu   time.Duration
	lines int // of log
}

func (n *hostile) cost() cost {
	n.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", n.ecmpd("r").Pid())
	status, err := os.ReadFile(proc + "status")
	n.must(err)
	var c cost
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Sscan(v, &c.rss)
			c.rss <<= 10
		}
	}
	stat, err := os.ReadFile(proc + "stat")
	n.must(err)
	var user, system time.Duration
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	c.cpu = (user + system) * 10 * time.Millisecond
	log, err := os.ReadFile(filepath.Join(n.Node("r").Dir(), "ecmpd.log"))
	n.must(err)
	c.lines = bytes.Count(log, []byte("\n"))
	return c
}

const (
	victim    packet.ID = 0x01010101 // router id of r
	mallory   packet.ID = 0x09090909 // router id of x
	reachable packet.ID = 0x70000000 // router ids from here on are linked to x
	phantom   packet.ID = 0x30000000 // and from here on to nobody
)

func routerLSA(adv packet.ID, seq packet.Seq, links ...packet.RouterLink) []byte {
	return packet.BuildLSA(packet.LSAHeader{Options: packet.OptE, Type: packet.LSRouter, ID: adv, Adv: adv, Seq: seq},
		packet.RouterLSA{Flags: packet.RouterE, Links: links})
}

func externalLSA(id, adv packet.ID, seq packet.Seq) []byte {
	return packet.BuildLSA(packet.LSAHeader{Options: packet.OptE, Type: packet.LSExternal, ID: id, Adv: adv, Seq: seq},
		packet.ExternalLSA{Mask: packet.MaskOf(28), Type2: true, Metric: 1})
}

func linkTo(id packet.ID) packet.RouterLink {
	return packet.RouterLink{Type: packet.LinkPointToPoint, ID: id, Data: 1, Metric: 1}
}

// bomb is a router-LSA of the longest kind: five thousand host routes.
func bomb(n packet.ID, seq packet.Seq) []byte {
	before := reachable + n - 1
	if n == 0 {
		before = mallory
	}
	links := []packet.RouterLink{linkTo(before), linkTo(reachable + n + 1)}
	for k := range packet.ID(5400) {
		links = append(links, packet.RouterLink{Type: packet.LinkStub, ID: 0x60000000 + n*5400 + k, Data: packet.MaskOf(32), Metric: 1})
	}
	return routerLSA(reachable+n, seq, links...)
}

// spoofed is the i-th of many addresses on the LAN.
func spoofed(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(1 + i>>8%254), byte(i)}) }

// stranger is the i-th of many router ids.
func stranger(i int) packet.ID { return packet.ID(0x0a000000 + i%65_000) }

// TestHostile attacks a running daemon on the wire, one way after the other.
// All the while the honest neighbour's adjacency stays Full, the log grows by
// a bounded number of lines a second, and memory stays bounded.
func TestHostile(t *testing.T) {
	n := newHostile(t)
	x, y := n.x, n.y
	rng := rand.New(rand.NewPCG(1, 2))
	x.update(1400, routerLSA(mallory, packet.InitialSeq, linkTo(victim), linkTo(reachable)))
	key := packet.Key{Type: packet.LSRouter, ID: reachable, Adv: reachable}
	count := packet.ID(0)
	several := func(n int, next func(packet.ID) []byte) (list [][]byte) {
		for range n {
			list = append(list, next(count))
			count++
		}
		return list
	}
	attacks := []struct {
		name  string
		pause time.Duration // after each shot
		shoot func(i int)
	}{
		{"a hello every millisecond", time.Millisecond, func(int) { x.sayHello() }},
		{"hellos without end", 0, func(int) { x.sayHello() }},
		{"strangers on the LAN", 20 * time.Microsecond, func(i int) {
			y.sendRaw(forged{src: spoofed(i)}, y.packet(stranger(i), y.hello(16, victim)))
		}},
		{"one address, many router ids", time.Millisecond, func(i int) {
			y.sendRaw(forged{}, y.packet(stranger(i), y.hello(16, victim)))
		}},
		{"our own router id", time.Millisecond, func(i int) {
			y.sendRaw(forged{src: spoofed(i)}, y.packet(victim, y.hello(16, victim)))
		}},
		{"strangers in the tunnel", 20 * time.Microsecond, func(i int) {
			x.sendRaw(forged{src: spoofed(i)}, x.packet(stranger(i), x.hello(30, victim)))
		}},
		{"wrong authentication", time.Millisecond, func(i int) {
			h := packet.Header{RouterID: mallory, AuType: uint16(1 + i%3)}
			x.sendRaw(forged{ttl: uint8(i)}, packet.Append(nil, h, x.hello(30, victim)))
		}},
		{"bent packets", 0, func(i int) {
			b := x.packet(mallory, &packet.LSUpdate{LSAs: [][]byte{routerLSA(phantom, packet.MaxSeq, linkTo(victim))}})
			for range 1 + rng.IntN(4) {
				b[rng.IntN(len(b))] = byte(rng.Uint32())
			}
			x.sendRaw(forged{ttl: uint8(i), options: 4 * rng.IntN(10)}, b[:rng.IntN(len(b)+1)])
		}},
		{"a router-LSA of 64 KB that changes", 50 * time.Millisecond, func(i int) {
			x.update(65_500, bomb(0, packet.InitialSeq+packet.Seq(i)))
		}},
		{"requests for 64 KB", time.Millisecond, func(int) { x.send(&packet.LSReq{Keys: []packet.Key{key}}) }},
		{"a network of 16,000 routers", 20 * time.Millisecond, func(i int) {
			b := packet.NetworkLSA{Mask: packet.MaskOf(16)}
			for k := range packet.ID(16_000) {
				b.Routers = append(b.Routers, phantom+k)
			}
			h := packet.LSAHeader{Type: packet.LSNetwork, ID: 0x0a630000 + packet.ID(i), Adv: mallory, Seq: packet.InitialSeq}
			x.update(65_500, packet.BuildLSA(h, b))
		}},
		{"LSAs in our name", 100 * time.Millisecond, func(i int) {
			seq := packet.Seq(0x100000 + i)
			x.update(1400, routerLSA(victim, seq), externalLSA(0xc0a80000, victim, seq))
		}},
		{"many LSAs in our name", time.Millisecond, func(int) {
			x.update(1400, several(30, func(c packet.ID) []byte { return externalLSA(c<<8, victim, 5) })...)
		}},
		{"the last sequence number in our name", 100 * time.Millisecond, func(i int) {
			x.update(1400, routerLSA(victim, packet.MaxSeq, linkTo(packet.ID(i))))
		}},
		{"acknowledgements without end", 0, func(int) {
			ack := &packet.LSAck{}
			for k := range packet.ID(70) {
				ack.Headers = append(ack.Headers, packet.LSAHeader{Type: packet.LSRouter, ID: k, Adv: k, Seq: 1})
			}
			x.send(ack)
		}},
		{"routes without end", 10 * time.Millisecond, func(i int) {
			x.update(65_500, bomb(packet.ID(i), packet.InitialSeq+1000))
		}},
		{"300,000 LSAs of nobody", 0, func(i int) {
			if count >= 300_000 { // again: a busy machine loses some
				count = 0
			}
			x.update(1400, several(30, func(c packet.ID) []byte { return externalLSA(c<<8, phantom+c%5000, packet.InitialSeq) })...)
			if i%10 == 0 {
				n.pause(time.Millisecond)
			}
		}},
		{"exchanges begun anew", 10 * time.Millisecond, func(i int) {
			x.send(&packet.DBDesc{MTU: 1500, Options: packet.OptE, Flags: packet.DDInit | packet.DDMore | packet.DDMaster, Seq: uint32(i)})
		}},
		{"no acknowledgement", 10 * time.Millisecond, func(int) { x.setMute(true) }},
	}
	const (
		each       = 1200 * time.Millisecond
		linesLimit = 100 // a second
		rssLimit   = 1 << 30
	)
	begin := time.Now()
	for _, a := range attacks {
		before, start := n.cost(), time.Now()
		shots, refused := 0, n.rejected("lsa-limit")
		more := func() bool {
			return a.name == "300,000 LSAs of nobody" && (shots < 10_000 || shots%1000 != 0 || n.rejected("lsa-limit") == refused)
		}
		for ; time.Since(start) < each || more(); shots++ {
			a.shoot(shots)
			if a.pause > 0 {
				n.pause(a.pause)
			}
		}
		n.honest(a.name, begin)
		took, now := time.Since(start), n.cost()
		lines := now.lines - before.lines
		t.Logf("%-36s %6d shots, CPU %3.0f %%, RSS %3d MB, %3d lines of log", a.name, shots, 100*(now.cpu-before.cpu).Seconds()/took.Seconds(), now.rss>>20, lines)
		if float64(lines) > linesLimit*took.Seconds() {
			t.Errorf("%s: %d lines of log in %s", a.name, lines, took)
		}
		if now.rss > rssLimit {
			t.Errorf("%s: %d MB of memory", a.name, now.rss>>20)
		}
	}
	for _, reason := range []string{"malformed", "duplicate-router-id", "neighbor-limit", "authentication-type", "lsa-limit"} {
		if n.rejected(reason) == 0 {
			t.Errorf("nothing was rejected for %s", reason)
		}
	}
}

// rejected is how many packets the victim has refused for a reason.
func (n *hostile) rejected(reason string) uint64 {
	n.t.Helper()
	var status api.Status
	n.wait("the victim's status", func() (bool, string) { // a busy machine may take its time for 250,000 routes
		s, err := show[api.Status](n.network, "r", "status")
		if err != nil {
			return false, err.Error()
		}
		status = s
		return true, ""
	})
	return status.OSPF.Rejected[reason]
}

// pause lets a moment pass between two shots.
func (n *hostile) pause(d time.Duration) {
	n.t.Helper()
	n.must(lab.Pause(n.ctx, d))
}
