package integration

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab"
)

// vanishing is announced by branch-1 until its hub's daemon is dead.
var vanishing = netip.MustParsePrefix("10.10.9.0/24")

// TestHubDaemonRestarts kills hub-a's daemon and starts it again under traffic:
// no packet is lost, the kernel's routes, nexthops and sets stay what they are,
// and what nobody announces any more leaves after convergence, not before. The
// daemon is away for a moment, or for longer than the dead interval.
func TestHubDaemonRestarts(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]time.Duration{"at once": 0, "after the dead interval": deadInterval + 500*time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startTwoHubs(t, "twohubs-ecmpd", nil)
			n.run("branch-1", "ip", "address", "add", "10.10.9.1/24", "dev", "lan")
			n.converge()
			n.wait("hub-a forwards to the vanishing prefix", func() (bool, string) {
				return n.holds("hub-a", vanishing)
			})
			n.awaitConverged("hub-a")
			n.awaitLSAAge("branch-1", 6)
			routes, sets := n.kernelRoutes("hub-a"), n.nft("hub-a")

			tr := n.startTraffic()
			events := n.watchKernel("hub-a")
			n.ecmpd("hub-a").Kill()
			n.run("branch-1", "ip", "address", "del", "10.10.9.1/24", "dev", "lan")
			n.wait("the prefix vanishes", func() (bool, string) {
				hops, err := n.Node("branch-2").NextHops(vanishing)
				return err == nil && len(hops) == 0, fmt.Sprint(hops, err)
			})
			if err := lab.Pause(n.ctx, away); err != nil {
				t.Fatal(err)
			}
			if got := n.kernelRoutes("hub-a"); got != routes {
				t.Errorf("without its daemon hub-a's kernel holds\n%s\nand held\n%s", got, routes)
			}
			if err := n.ecmpd("hub-a").Start(n.ctx); err != nil {
				t.Fatal(err)
			}
			n.leavesAfterConvergence("hub-a", vanishing)
			n.converge()
			tr.nothingLost("kill and restart of hub-a's daemon")

			if got, want := n.kernelRoutes("hub-a"), without(routes, vanishing); got != want {
				t.Errorf("after the restart hub-a's kernel holds\n%s\nwant\n%s", got, want)
			}
			if got := n.nft("hub-a"); !slices.Equal(words(got, ""), words(sets, vanishing.String())) {
				t.Errorf("after the restart the table is\n%s\nand was\n%s", got, sets)
			}
			for line := range strings.Lines(events()) {
				if strings.HasPrefix(line, "Deleted") && strings.Contains(line, "proto 201") && !strings.Contains(line, vanishing.String()) {
					t.Errorf("the kernel reported: %s", line)
				}
			}
		})
	}
}

// holds tells whether the kernel of a node has a route of ecmpd for a prefix
// and, on a hub, the prefix in its transit set.
func (n *twoHubs) holds(node string, p netip.Prefix) (bool, string) {
	n.t.Helper()
	routes, sets := n.kernelRoutes(node), n.nft(node)
	return strings.Contains(routes, p.String()) && strings.Contains(sets, p.String()), routes + sets
}

func (n *twoHubs) awaitConverged(name string) {
	n.t.Helper()
	n.wait(name+" converged", func() (bool, string) {
		s := n.status(name)
		return s.Converged, fmt.Sprintf("%+v", s)
	})
}

// awaitLSAAge waits until a router's own router-LSA has lasted for some seconds,
// so that MinLSInterval does not hold the next one back.
func (n *twoHubs) awaitLSAAge(name string, seconds int) {
	n.t.Helper()
	n.wait("LSA of "+name+" is old enough", func() (bool, string) {
		var db api.Database
		n.get(name, api.PathDatabase, &db)
		for _, lsa := range db.Areas[0].LSAs {
			if lsa.AdvertisingRouter == db.RouterID {
				return lsa.Age >= seconds, fmt.Sprintf("%+v", lsa)
			}
		}
		return false, "none"
	})
}

// leavesAfterConvergence waits until a stale prefix has left the kernel and
// demands that it was there for as long as the daemon had not converged.
func (n *twoHubs) leavesAfterConvergence(node string, p netip.Prefix) {
	n.t.Helper()
	n.wait("stale "+p.String()+" leaves", func() (bool, string) {
		routes, sets := n.kernelRoutes(node), n.nft(node)
		route, element := strings.Contains(routes, p.String()), strings.Contains(sets, p.String())
		if converged := n.status(node).Converged; !converged && (!route || !element) {
			n.t.Fatalf("before convergence: route %t, element %t of %s\n%s%s", route, element, p, routes, sets)
		}
		return !route && !element, routes + sets
	})
}

// without is a listing without the lines of a prefix.
func without(listing string, p netip.Prefix) string {
	var b strings.Builder
	for line := range strings.Lines(listing) {
		if !strings.HasPrefix(line, p.String()) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// words are the words of a ruleset but one, whatever their order and line.
func words(ruleset, except string) []string {
	list := strings.FieldsFunc(ruleset, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	list = slices.DeleteFunc(list, func(w string) bool { return w == except })
	slices.Sort(list)
	return list
}

// watchKernel records what the kernel of a node tells about routes and
// nexthops until the returned function is called.
func (n *twoHubs) watchKernel(node string) (stop func() string) {
	n.t.Helper()
	p, err := n.Node(node).Start("monitor", "ip", "-o", "monitor", "route", "nexthop")
	if err != nil {
		n.t.Fatal(err)
	}
	// A route of somebody's in it shows that it has begun.
	const sign = "203.0.113.0/24"
	n.wait("ip monitor has begun", func() (bool, string) {
		n.run(node, "ip", "route", "add", "blackhole", sign)
		n.run(node, "ip", "route", "delete", "blackhole", sign)
		text, _ := os.ReadFile(p.LogFile())
		return strings.Contains(string(text), sign), fmt.Sprintf("%q, %v", text, p.Err())
	})
	return func() string {
		n.t.Helper()
		p.Kill()
		text, err := os.ReadFile(p.LogFile())
		if err != nil {
			n.t.Fatal(err)
		}
		return string(text)
	}
}
