package integration

import (
	"fmt"
	"net/netip"
	"os"
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

// newRestart starts the three routers, r with a priority on the LAN where b has 10.
func newRestart(t *testing.T, a, r, b string, priority int) *restart {
	t.Helper()
	n := newNetwork(t)
	n.wire("host-a:eth0 172.16.1.2/24", "a:net 172.16.1.1/24")
	n.wire("a:eth0 10.0.1.1/30", "r:eth0 10.0.1.2/30")
	n.lan("lan", "r:eth1 10.0.2.2/24", "b:eth1 10.0.2.3/24")
	n.wire("b:net 172.16.2.1/24", "host-b:eth0 172.16.2.2/24")
	n.ip("host-a", "route add default via 172.16.1.1")
	n.ip("host-b", "route add default via 172.16.2.1")
	n.seat(a, "a", seat{id: "10.255.0.1", ports: []port{{name: "eth0"}, {name: "net", passive: true}}, graceful: true})
	n.seat(r, "r", seat{id: "10.255.0.2", ports: []port{{name: "eth0"}, {name: "eth1", lan: true, priority: priority}}, graceful: true})
	n.seat(b, "b", seat{id: "10.255.0.3", ports: []port{{name: "eth1", lan: true, priority: 10}, {name: "net", passive: true}}, graceful: true})
	n.full(2, "r")
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
	return &restart{network: n}
}

// acknowledged waits until all neighbours of an ecmpd know what it knows: changes that they do not
// know of forbid to help them (RFC 3623 3.1 (2)).
func (n *network) acknowledged(node string) {
	n.t.Helper()
	n.waitSame("a", "r", "b")
	n.wait("neighbours of "+node+" know everything", func() (bool, string) {
		body, err := show[api.Status](n, node, "status")
		return body.OSPF.StubRouter.Acknowledged, fmt.Sprint(body.OSPF, err)
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

// TestGracefulRestart restarts ecmpd, by SIGTERM for longer than the dead interval and by SIGKILL for
// a moment, as DR and as Backup.
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
			s := newRestart(t, c.a, "ecmpd", c.b, c.priority)
			r := s.ecmpd("r")
			s.wait("r has converged", func() (bool, string) {
				body, err := show[api.Status](s.network, "r", "status")
				return body.Converged, fmt.Sprint(body.OSPF, err)
			})
			s.begin()
			if c.kill {
				r.Kill()
			} else {
				s.must(r.Stop(s.ctx))
				if err := lab.Pause(s.ctx, 5*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			s.must(r.Start(s.ctx))
			s.wait("the graceful restart is over", func() (bool, string) {
				log := r.Log()
				return strings.Contains(log, "graceful restart is over") || strings.Contains(log, "graceful restart has failed"), "still going on"
			})
			if strings.Contains(r.Log(), "graceful restart has failed") {
				t.Error("the graceful restart has failed")
			}
			s.unnoticed()
		})
	}
}

// TestGracefulRestartOfNeighbors restarts FRR and BIRD, which ecmpd helps.
func TestGracefulRestartOfNeighbors(t *testing.T) {
	t.Parallel()
	for maker, restart := range map[string]func(s *restart){
		"frr": func(s *restart) {
			f := s.routers["r"].(*peer.FRR)
			_, err := f.Show(s.ctx, "graceful-restart prepare ip ospf")
			s.must(err)
			s.wait("a and b help", func() (bool, string) { return s.helping("a") && s.helping("b"), "not yet" })
			f.KillDaemon("ospfd")
			s.must(lab.Pause(s.ctx, 5*time.Second)) // longer than the dead interval
			s.must(f.StartDaemon(s.ctx, "ospfd"))
		},
		"bird": func(s *restart) {
			b := s.routers["r"].(*peer.BIRD)
			_, err := b.Show(s.ctx, "graceful restart")
			s.must(err)
			s.wait("a and b help", func() (bool, string) { return s.helping("a") && s.helping("b"), "not yet" })
			s.must(b.Stop(s.ctx))
			s.must(lab.Pause(s.ctx, 5*time.Second)) // longer than the dead interval
			s.must(b.Recover(s.ctx))
		},
	} {
		priorities := []int{1, 20}
		if maker == "bird" { // 2.0.12 waits for an adjacency with itself when it was DR (ospf_update_gr_recovery)
			priorities = priorities[:1]
		}
		for _, priority := range priorities {
			t.Run(fmt.Sprintf("%s with priority %d", maker, priority), func(t *testing.T) {
				t.Parallel()
				s := newRestart(t, "ecmpd", maker, "ecmpd", priority)
				s.begin()
				restart(s)
				s.wait("the restart is over", func() (bool, string) { return !s.helping("a") && !s.helping("b"), "still helping" })
				for _, node := range []string{"a", "b"} {
					body, err := show[api.Neighbors](s.network, node, "ospf", "neighbor")
					s.must(err)
					for _, n := range body.Neighbors {
						if n.LastHelp != "the restart is over" {
							t.Errorf("%s: %s", node, n.LastHelp)
						}
					}
				}
				s.unnoticed()
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
