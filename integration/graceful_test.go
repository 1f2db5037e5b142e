package integration

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// restart is a router r that restarts gracefully between two others:
//
//	host-a -- a -- r == b -- host-b
//
// The link of a is point-to-point, that of b a LAN. Probes flow from host-a to host-b.
type restart struct {
	*network
	probes *lab.Stream
	stop   []func() string // the kernel's reports of a and b
}

// setting is what else the network of a restart may be.
type setting struct {
	area areaKind // of area 1
	name string   // of the area of the link between a and r; the backbone when empty, else r is its border
	keys bool     // packets are authenticated, with the best that the other make of the link has
	nbma bool     // the LAN is non-broadcast
	p2mp string   // the LAN is point-to-multipoint: "multicast", or "unicast" with listed neighbours
}

// key is the key of a link.
func (s setting) key(makers ...string) key {
	switch {
	case !s.keys:
		return key{}
	case slices.Contains(makers, "frr"): // 8.4 has nothing better
		return key{id: 7, algorithm: "md5", secret: "sixteenbyteskey!"}
	}
	return key{id: 8, algorithm: "hmac-sha-256", secret: "secret"}
}

// newRestart starts the three routers, r with a priority on the LAN where b has 10.
func newRestart(t *testing.T, a, r, b string, priority int, s setting) *restart {
	t.Helper()
	n := newNetwork(t)
	n.wire("host-a:eth0 172.16.1.2/24", "a:net 172.16.1.1/24")
	n.wire("a:eth0 10.0.1.1/30", "r:eth0 10.0.1.2/30")
	n.lan("lan", "r:eth1 10.0.2.2/24", "b:eth1 10.0.2.3/24")
	n.wire("b:net 172.16.2.1/24", "host-b:eth0 172.16.2.2/24")
	n.ip("host-a", "route add default via 172.16.1.1")
	n.ip("host-b", "route add default via 172.16.2.1")
	kinds := map[string]areaKind{s.name: s.area}
	left := func(maker string) port { return port{name: "eth0", area: s.name, text: s.key(a, r).text(maker)} }
	right := func(maker string, priority int, other neighbor) port {
		p := port{name: "eth1", lan: true, priority: priority, text: s.key(r, b).text(maker)}
		switch {
		case s.nbma:
			p.lan, p.kind, p.neighbors = false, "non-broadcast", []neighbor{other}
		case s.p2mp != "":
			p.lan, p.kind, p.priority = false, "point-to-multipoint", 0
			if s.p2mp == "unicast" {
				p.neighbors = []neighbor{{address: other.address}}
			}
		}
		return p
	}
	var externals []external
	if s.area.kind == "nssa" {
		externals = []external{{prefix: "172.16.9.0/24", metric: 20}}
	}
	n.seat(a, "a", seat{id: "10.255.0.1", kinds: kinds, externals: externals, ports: []port{left(a), {name: "net", passive: true, area: s.name}}, graceful: true})
	n.seat(r, "r", seat{id: "10.255.0.2", kinds: kinds, ports: []port{left(r), right(r, priority, neighbor{address: "10.0.2.3", priority: 10})}, graceful: true})
	n.seat(b, "b", seat{id: "10.255.0.3", ports: []port{right(b, 10, neighbor{address: "10.0.2.2", priority: priority}), {name: "net", passive: true}}, graceful: true})
	n.full(2, "r")
	if externals != nil {
		n.waitHops("b", "172.16.9.0/24", 1)
	}
	for node, prefix := range map[string]string{"a": "172.16.2.0/24", "b": "172.16.1.0/24", "r": "172.16.1.0/24"} {
		n.wait(node+" knows the way to "+prefix, func() (bool, string) {
			hops, err := n.Node(node).NextHops(netip.MustParsePrefix(prefix))
			return len(hops) == 1, fmt.Sprint(hops, err)
		})
	}
	for node, maker := range map[string]string{"a": a, "r": r, "b": b} {
		if maker == "ecmpd" {
			n.acknowledged(node)
		}
	}
	n.databasesRest()
	return &restart{network: n}
}

// acknowledged waits until all neighbours of an ecmpd know what it knows: changes that they do not
// know of forbid to help them (RFC 3623 3.1 (2)).
func (n *network) acknowledged(node string) {
	n.t.Helper()
	n.wait("neighbours of "+node+" know everything", func() (bool, string) {
		body, err := show[api.Status](n, node, "status")
		return body.OSPF.StubRouter.Acknowledged, fmt.Sprint(body.OSPF, err)
	})
}

// databasesRest waits until nobody has had anything to say for longer than MinLSInterval.
func (n *network) databasesRest() {
	n.t.Helper()
	last, since := "", time.Now()
	n.wait("the databases are at rest", func() (bool, string) {
		var now string
		for _, node := range []string{"a", "r", "b"} {
			db, err := n.routers[node].Database(n.ctx)
			if err != nil {
				return false, err.Error()
			}
			now += node + lsaLines(db)
		}
		if now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 6*time.Second, last
	})
}

// begin starts the traffic and looks at the kernels of a and b from now on.
func (s *restart) begin() {
	s.t.Helper()
	at := netip.MustParseAddrPort("172.16.2.2:7")
	echo, err := s.Node("host-b").Echo(at)
	s.must(err)
	s.t.Cleanup(func() { echo.Close() })
	s.probes, err = lab.Probe{From: s.Node("host-a"), To: at, Flows: 2, FirstPort: 40000, Interval: 5 * time.Millisecond}.Start()
	s.must(err)
	s.t.Cleanup(func() { s.probes.Stop() })
	s.answered()
	s.probes.Mark()
	for _, node := range []string{"a", "b", "r"} {
		s.stop = append(s.stop, s.watchRoutes(node))
	}
}

func (s *restart) answered() {
	s.t.Helper()
	s.wait("probes are answered", func() (bool, string) { return s.probes.Answered(300 * time.Millisecond), "" })
}

// watchRoutes records what a kernel reports about OSPF's routes until the returned function is called.
func (n *network) watchRoutes(node string) (stop func() string) {
	n.t.Helper()
	p, err := n.Node(node).Start("monitor", "ip", "-o", "monitor", "route")
	n.must(err)
	const sign = "203.0.113.0/24" // shows that it has begun
	n.wait("ip monitor has begun", func() (bool, string) {
		n.ip(node, "route add blackhole "+sign)
		n.ip(node, "route delete blackhole "+sign)
		text, _ := os.ReadFile(p.LogFile())
		return strings.Contains(string(text), sign), fmt.Sprintf("%q, %v", text, p.Err())
	})
	return func() string {
		n.t.Helper()
		p.Kill()
		text, err := os.ReadFile(p.LogFile())
		n.must(err)
		var b strings.Builder
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "172.16.") {
				b.WriteString(node + ": " + line)
			}
		}
		return b.String()
	}
}

// unnoticed demands that all adjacencies are back, no probe was lost and no route of a neighbour ever changed.
func (s *restart) unnoticed() {
	s.t.Helper()
	s.full(2, "r")
	if err := lab.Pause(s.ctx, 2*time.Second); err != nil { // what a restart leaves to be done
		s.t.Fatal(err)
	}
	s.full(2, "r")
	s.answered()
	if r := s.probes.Stop(); r.Lost > 0 {
		s.t.Errorf("%d of %d probes lost, longest gap %s", r.Lost, r.Sent, r.LongestGap)
	} else {
		s.t.Logf("none of %d probes lost", r.Sent)
	}
	for i, stop := range s.stop {
		reports := stop()
		if i == 2 && !strings.Contains(reports, "Deleted") { // r may write a route again that is there
			continue
		}
		if reports != "" {
			s.t.Errorf("routes changed:\n%s", reports)
		}
	}
}

// restartEcmpd restarts r, by SIGTERM for longer than the dead interval or by SIGKILL for a moment.
func (s *restart) restartEcmpd(kill bool) {
	s.t.Helper()
	r := s.ecmpd("r")
	s.wait("r has converged", func() (bool, string) {
		body, err := show[api.Status](s.network, "r", "status")
		return body.Converged, fmt.Sprint(body.OSPF, err)
	})
	s.begin()
	if kill {
		r.Kill()
	} else {
		s.must(r.Stop(s.ctx))
		s.must(lab.Pause(s.ctx, 5*time.Second))
	}
	s.must(r.Start(s.ctx))
	s.wait("the graceful restart is over", func() (bool, string) {
		log := r.Log()
		return strings.Contains(log, "graceful restart is over") || strings.Contains(log, "graceful restart has failed"), "still going on"
	})
	if strings.Contains(r.Log(), "graceful restart has failed") {
		s.t.Error("the graceful restart has failed")
	}
	s.unnoticed()
}

// restartOther restarts r, FRR or BIRD, for longer than the dead interval while a and b help to the end.
func (s *restart) restartOther() {
	s.t.Helper()
	s.begin()
	help := func() {
		s.t.Helper()
		s.wait("a and b help", func() (bool, string) { return s.helping("a") && s.helping("b"), "not yet" })
	}
	switch r := s.routers["r"].(type) {
	case *peer.FRR:
		_, err := r.Show(s.ctx, "graceful-restart prepare ip ospf")
		s.must(err)
		help()
		r.KillDaemon("ospfd")
		s.must(lab.Pause(s.ctx, 5*time.Second))
		s.must(r.StartDaemon(s.ctx, "ospfd"))
	case *peer.BIRD:
		_, err := r.Show(s.ctx, "graceful restart")
		s.must(err)
		help()
		s.must(r.Stop(s.ctx))
		s.must(lab.Pause(s.ctx, 5*time.Second))
		s.must(r.Recover(s.ctx))
	}
	s.wait("the restart is over", func() (bool, string) { return !s.helping("a") && !s.helping("b"), "still helping" })
	for _, node := range []string{"a", "b"} {
		body, err := show[api.Neighbors](s.network, node, "ospf", "neighbor")
		s.must(err)
		for _, n := range body.Neighbors {
			if n.LastHelp != "the restart is over" {
				s.t.Errorf("%s: %s", node, n.LastHelp)
			}
		}
	}
}

// TestGracefulRestart restarts ecmpd as DR and as Backup.
func TestGracefulRestart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b     string
		priority int
		kill     bool
	}{{"frr", "bird", 20, false}, {"bird", "frr", 1, false}, {"frr", "bird", 1, true}, {"bird", "frr", 20, true}, {"ecmpd", "ecmpd", 20, false}, {"ecmpd", "ecmpd", 1, true}} {
		how := map[bool]string{true: "killed", false: "stopped"}[c.kill]
		t.Run(fmt.Sprintf("%s between %s and %s", how, c.a, c.b), func(t *testing.T) {
			t.Parallel()
			newRestart(t, c.a, "ecmpd", c.b, c.priority, setting{}).restartEcmpd(c.kill)
		})
	}
}

// TestGracefulRestartOfNeighbors restarts FRR and BIRD, which ecmpd helps.
func TestGracefulRestartOfNeighbors(t *testing.T) {
	t.Parallel()
	for _, maker := range []string{"frr", "bird"} {
		priorities := []int{1, 20}
		if maker == "bird" { // 2.0.12 waits for an adjacency with itself when it was DR (ospf_update_gr_recovery)
			priorities = priorities[:1]
		}
		for _, priority := range priorities {
			t.Run(fmt.Sprintf("%s with priority %d", maker, priority), func(t *testing.T) {
				t.Parallel()
				s := newRestart(t, "ecmpd", maker, "ecmpd", priority, setting{})
				s.restartOther()
				s.unnoticed()
			})
		}
	}
}

// TestGracefulRestartSettings restarts ecmpd at the border of a normal area and of a not-so-stubby one, with authenticated
// packets, on a non-broadcast network and on point-to-multipoint ones, and others with authenticated packets and on
// point-to-multipoint networks. At a border others lose packets by themselves: FRR 8.4 ends its restart when one of the two areas is
// complete, BIRD 2.0.12 takes its summaries back for a second; and so it does with its router-LSA when all its adjacencies are back
// within a second, as they are on point-to-multipoint networks.
func TestGracefulRestartSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		setting setting
		makers  [][3]string // a, r and b
		kill    bool
		gap     bool // whoever restarts loses packets by itself
	}{
		{name: "border", setting: setting{name: "0.0.0.1"}, makers: [][3]string{{"frr", "ecmpd", "bird"}, {"bird", "ecmpd", "frr"}}},
		{name: "nssa", setting: setting{name: "0.0.0.1", area: areaKind{kind: "nssa", defaultCost: 7}}, makers: [][3]string{{"frr", "ecmpd", "bird"}, {"bird", "ecmpd", "frr"}}},
		{name: "non-broadcast", setting: setting{nbma: true}, makers: [][3]string{{"frr", "ecmpd", "bird"}, {"bird", "ecmpd", "frr"}}},
		{name: "point-to-multipoint", setting: setting{p2mp: "multicast"}, makers: [][3]string{{"bird", "ecmpd", "frr"}, {"ecmpd", "frr", "ecmpd"}}},
		{name: "point-to-multipoint killed", setting: setting{p2mp: "multicast"}, makers: [][3]string{{"bird", "ecmpd", "frr"}}, kill: true},
		{name: "point-to-multipoint unicast", setting: setting{p2mp: "unicast"}, makers: [][3]string{{"frr", "ecmpd", "bird"}}},
		{name: "point-to-multipoint unicast killed", setting: setting{p2mp: "unicast"}, makers: [][3]string{{"frr", "ecmpd", "bird"}}, kill: true},
		{name: "point-to-multipoint unicast", setting: setting{p2mp: "unicast"}, makers: [][3]string{{"ecmpd", "bird", "ecmpd"}}, gap: true},
		{name: "authenticated", setting: setting{keys: true}, makers: [][3]string{{"frr", "ecmpd", "bird"}, {"bird", "ecmpd", "frr"}, {"ecmpd", "frr", "ecmpd"}, {"ecmpd", "bird", "ecmpd"}}},
	} {
		for _, makers := range c.makers {
			t.Run(c.name+" "+strings.Join(makers[:], "-"), func(t *testing.T) {
				t.Parallel()
				s := newRestart(t, makers[0], makers[1], makers[2], 1, c.setting)
				if makers[1] == "ecmpd" {
					s.restartEcmpd(c.kill)
					return
				}
				s.restartOther()
				if c.gap {
					s.full(2, "r")
					s.answered()
				} else {
					s.unnoticed()
				}
			})
		}
	}
}

// helping tells whether a router helps its neighbour.
func (s *restart) helping(node string) bool {
	s.t.Helper()
	body, err := show[api.Neighbors](s.network, node, "ospf", "neighbor")
	return err == nil && len(body.Neighbors) == 1 && body.Neighbors[0].HelpingMsec > 0
}
