package daemon

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/transit"
)

var atomicTime = flag.Duration("atomic.time", 4*time.Second, "how long prefixes come and go in TestAtomicity")

// The judged case: 10,000 prefixes stay, and every 100 ms 500 of 5,000 others come
// or go. Each of the others is the neighbour of one that stays, so that the elements
// of these are joined and parted all the time.
const (
	atomicStay  = 10_000 // half of them on each side of the hub
	atomicMove  = 5_000  // on the far side
	atomicStep  = 500
	atomicEvery = 100 * time.Millisecond
	atomicOther = 1_000 // flows to prefixes that move
)

// noSettings changes nothing in the kernel.
var noSettings = firewallSettings{func(string) {}, func() {}, func() time.Duration { return defaultFlowTimeout }}

// stayPrefix is the i-th prefix that stays on a side; the 16 addresses behind it
// are of one that moves, or of nobody.
func stayPrefix(side, i int) netip.Prefix {
	a := 10<<24 | (16+16*side)<<16 | i<<5
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), 28)
}

func movePrefix(i int) netip.Prefix {
	b := stayPrefix(1, i).Addr().As4()
	b[3] |= 16
	return netip.PrefixFrom(netip.AddrFrom4(b), 28)
}

// TestAtomicity changes sets under load. The operator's chain drops what is
// invalid and conntrack picks up nothing in mid-stream, so that one packet that
// meets a set between two states is lost or leaves an entry.
//
// Flows to prefixes that move are untracked and tracked by turns. Nothing but TCP
// without mid-stream pickup loses anything by that, and that only while its
// prefix is not transit: nobody has seen its SYN.
func TestAtomicity(t *testing.T) {
	for _, loose := range []string{"1", "0"} {
		t.Run("nf_conntrack_tcp_loose="+loose, func(t *testing.T) { atomicity(t, loose) })
	}
}

func atomicity(t *testing.T, loose string) {
	inNamespace(t)
	w := newWires(t)
	sysctls := []string{"-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"}
	if out, err := exec.Command("sysctl", sysctls...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.hub(t, 0, "vpn1", "10.16.0.0/12")
	w.hub(t, 1, "vpn2", "10.32.0.0/12")
	nft(t, fmt.Sprintf(`
table inet filter {
	counter tracked { }
	chain forward {
		type filter hook forward priority 0; policy drop
		th dport %[1]d ct state != untracked counter name tracked
		th sport %[1]d ct state != untracked counter name tracked
		ct state invalid drop
		ct state untracked accept
		ct state new,established accept
	}
}
`, portStay))
	if out, err := exec.Command("sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose="+loose, "net.netfilter.nf_conntrack_tcp_be_liberal=0").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	var log bytes.Buffer
	f := newFirewallLoop(newLogger(&log), noSettings, newFirewalldLoop(newLogger(io.Discard), t.TempDir()))
	f.settled = true
	if f.fw == nil {
		t.Fatal("no nftables")
	}
	defer f.close()
	ctx, cancel := context.WithCancel(t.Context())
	var beside sync.WaitGroup
	defer cancel()
	beside.Go(func() { _ = f.runConntrack(ctx) })
	moves := newMoves()
	f.apply(moves.wanted())
	f.apply(sweep{})
	f.write()

	flows := newFlows(w)
	load := startLoad(t, w, flows)
	var took []time.Duration
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	steps := int(*atomicTime / atomicEvery)
	start := time.Now()
	// Each at its time, whatever the ones before took.
	for moves.n < steps {
		select {
		case <-time.After(time.Until(start.Add(time.Duration(moves.n) * atomicEvery))):
			moves.step(load.clock)
			f.apply(moves.wanted())
		case <-again.C:
		}
		before := time.Now()
		if later := f.write(); later > 0 {
			again.Reset(later)
		}
		moves.written(load.clock)
		took = append(took, time.Since(before))
	}
	over := time.Since(start)
	load.stop(t)
	cancel()
	beside.Wait()

	sent, lost := load.tally()
	wrong := slices.DeleteFunc(slices.Clone(lost), func(l wireLoss) bool {
		return loose == "0" && l.flow.tcp && l.flow.move >= 0 && moves.away(l.flow.move, l.at)
	})
	if len(wrong) > 0 {
		t.Errorf("%d packets lost that must not be, of them %v", len(wrong), wrong[:min(len(wrong), 10)])
	}
	out, err := exec.Command("nft", "list", "counter", "inet", "filter", "tracked").Output()
	if err != nil || !strings.Contains(string(out), "packets 0 ") {
		t.Errorf("flows between prefixes that stay were tracked: %s, %v", out, err)
	}
	slices.Sort(took)
	t.Logf("%d packets, %d lost; %d changes of the sets in %v: half took less than %v, the slowest %v with what follows it",
		sent, len(lost), moves.n, over.Round(time.Millisecond), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	if t.Failed() {
		t.Log(log.String())
	}
}

// moves is which prefixes are transit, and were.
type moves struct {
	n       int
	present [atomicMove]bool
	routes  []transit.Route
	since   [atomicMove][]time.Duration // by prefix: gone, back, gone …: when told, when written
	back    []int                       // told and not written
}

func newMoves() *moves {
	m := &moves{}
	for i := range atomicStay / 2 {
		m.routes = append(m.routes, m.route(stayPrefix(0, i), "vpn1"), m.route(stayPrefix(1, i), "vpn2"))
	}
	for i := range m.present {
		m.present[i] = true
	}
	return m
}

func (m *moves) route(p netip.Prefix, iface string) transit.Route {
	return transit.Route{Prefix: p, Kind: transit.OSPF, NextHops: nexthop.NewSet(nexthop.Hop{Interface: iface})}
}

// step lets the next prefixes come or go.
func (m *moves) step(clock func() time.Duration) {
	now := clock()
	for i := range atomicStep {
		i := (m.n*atomicStep + i) % atomicMove
		if m.present[i] = !m.present[i]; m.present[i] {
			m.back = append(m.back, i)
		} else {
			m.since[i] = append(m.since[i], now)
		}
	}
	m.n++
}

// written notes that those that were to come back are there.
func (m *moves) written(clock func() time.Duration) {
	now := clock()
	for _, i := range m.back {
		m.since[i] = append(m.since[i], now)
	}
	m.back = nil
}

// away reports that a prefix may not have been transit when a packet came by that
// was sent then. It may have waited in a queue.
func (m *moves) away(i int, at time.Duration) bool {
	before, _ := slices.BinarySearch(m.since[i], at)
	after, _ := slices.BinarySearch(m.since[i], at+100*time.Millisecond)
	return before%2 == 1 || after > before
}

// wanted goes the whole way from routes to sets.
func (m *moves) wanted() wantedRules {
	routes := slices.Clone(m.routes)
	for i, present := range m.present {
		if present {
			routes = append(routes, m.route(movePrefix(i), "vpn2"))
		}
	}
	interfaces := []transit.Interface{{Name: "vpn1", PointToPoint: true}, {Name: "vpn2", PointToPoint: true}}
	return wantedRules{state: transit.Compute(transit.Config{Mode: transit.Notrack}, routes, interfaces, nil)}
}

// newFlows gives flows between prefixes that stay, and to prefixes that move;
// every other one is TCP.
func newFlows(w *wires) (flows []*wireFlow) {
	for i := range atomicStay / 2 {
		flows = append(flows, &wireFlow{
			ends: [2]netip.Addr{stayPrefix(0, i).Addr().Next(), stayPrefix(1, i).Addr().Next()}, port: portStay, tcp: i%2 == 0, move: -1,
		})
	}
	for i := range atomicOther {
		i := i * (atomicMove / atomicOther)
		flows = append(flows, &wireFlow{
			ends: [2]netip.Addr{stayPrefix(0, i).Addr().Next(), movePrefix(i).Addr().Next()}, port: portMove, tcp: i%2 == 0, move: i,
		})
	}
	return flows
}
