package integration

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

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
			n.wait(5*time.Second, "hub-a forwards to the vanishing prefix", func() (bool, string) {
				return n.holds("hub-a", vanishing)
			})
			n.awaitConverged("hub-a")
			routes, sets := n.kernelRoutes("hub-a"), n.nft("hub-a")

			tr := n.startTraffic()
			events := n.watchKernel("hub-a")
			n.ecmpd("hub-a").Kill()
			n.run("branch-1", "ip", "address", "del", "10.10.9.1/24", "dev", "lan")
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
				if strings.HasPrefix(line, "Deleted") && !strings.Contains(line, vanishing.String()) {
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
	n.wait(2*deadInterval+2*time.Second, name+" converged", func() (bool, string) {
		s := n.status(name)
		return s.Converged, fmt.Sprintf("%+v", s)
	})
}

// leavesAfterConvergence waits until a stale prefix has left the kernel and
// demands that it was there for as long as the daemon had not converged.
func (n *twoHubs) leavesAfterConvergence(node string, p netip.Prefix) {
	n.t.Helper()
	n.wait(2*deadInterval+2*time.Second, "stale "+p.String()+" leaves", func() (bool, string) {
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
	// A route of our own in it shows that it has begun.
	const sign = "203.0.113.0/24"
	n.run(node, "ip", "route", "add", "blackhole", sign)
	n.wait(5*time.Second, "ip monitor has begun", func() (bool, string) {
		n.run(node, "ip", "route", "replace", "blackhole", sign)
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

// TestHubDaemonLeaves ends hub-a's daemon in order under traffic: its LSAs are
// flushed, both branches turn away at once, nothing is lost, and its kernel
// keeps everything.
func TestHubDaemonLeaves(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", nil)
	n.converge()
	routes, sets := n.kernelRoutes("hub-a"), n.nft("hub-a")
	tr := n.startTraffic()

	ctx, cancel := context.WithTimeout(n.ctx, 5*time.Second)
	defer cancel()
	start := time.Now()
	if err := n.ecmpd("hub-a").Stop(ctx); err != nil {
		t.Fatal(err)
	}
	stopped := time.Since(start)
	for _, branch := range []struct {
		name string
		far  netip.Prefix
	}{{"branch-1", lan2}, {"branch-2", lan1}} {
		n.wait(time.Second, branch.name+" turned away from hub-a", func() (bool, string) {
			hops, err := n.Node(branch.name).NextHops(branch.far)
			return err == nil && len(hops) == 1 && hops[0].Interface == "vpn2", fmt.Sprint(hops, err)
		})
		list, err := n.Routers[branch.name].Database(n.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, lsa := range list {
			if lsa.AdvertisingRouter == netip.MustParseAddr("10.255.0.1") {
				t.Errorf("%s still has %s", branch.name, lsa)
			}
		}
	}
	t.Logf("stopped after %s, branches turned away after %s", stopped, time.Since(start))
	tr.nothingLost("orderly end of hub-a's daemon")
	if got := n.kernelRoutes("hub-a"); got != routes {
		t.Errorf("hub-a's kernel holds\n%s\nand held\n%s", got, routes)
	}
	if got := n.nft("hub-a"); got != sets {
		t.Errorf("hub-a's table is\n%s\nand was\n%s", got, sets)
	}
}

// hashSettings are the sysctls that ecmpd sets.
var hashSettings = []string{"net.ipv4.fib_multipath_hash_policy", "net.ipv4.fib_multipath_hash_fields"}

// TestKernelStateRemoved takes ecmpd's kernel state away in both ways there
// are: when the daemon ends as configured, and by command after a crash.
func TestKernelStateRemoved(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", func(_, config string) string {
		return config + "\nkernel:\n  shutdown: remove\n"
	})
	n.converge()
	for _, hub := range []string{"hub-a", "hub-b"} {
		if policy, err := n.Node(hub).ReadSysctl(hashSettings[0]); err != nil || policy != "3" {
			t.Fatalf("%s: hash policy %s, %v", hub, policy, err)
		}
	}
	ctx, cancel := context.WithTimeout(n.ctx, 5*time.Second)
	defer cancel()
	if err := n.ecmpd("hub-a").Stop(ctx); err != nil {
		t.Fatal(err)
	}
	n.nothingLeft("hub-a")

	hub := n.ecmpd("hub-b")
	cleanup := []string{
		binary, "cleanup", "--config", hub.ConfigFile(), "--socket", hub.Socket(),
		"--state-dir", filepath.Join(hub.Node().Dir(), "state"),
	}
	if out, err := hub.Node().Run(n.ctx, cleanup...); err == nil {
		t.Errorf("cleanup beside a running daemon succeeded: %s", out)
	}
	hub.Kill()
	if n.kernelRoutes("hub-b") == "--\n" || n.nft("hub-b") == "" {
		t.Error("a killed daemon's kernel state is gone")
	}
	n.run("hub-b", cleanup...)
	n.nothingLeft("hub-b")
}

// nothingLeft demands that a node holds nothing of ecmpd's, that the sysctls
// have the kernel's defaults again, and that the operator's firewall stands.
func (n *twoHubs) nothingLeft(node string) {
	n.t.Helper()
	if got := n.kernelRoutes(node); got != "--\n" {
		n.t.Errorf("%s still has\n%s", node, got)
	}
	if got := n.nft(node); got != "" {
		n.t.Errorf("%s still has\n%s", node, got)
	}
	for i, want := range []string{"0", "7"} {
		if got, err := n.Node(node).ReadSysctl(hashSettings[i]); err != nil || got != want {
			n.t.Errorf("%s: %s is %s, want %s; %v", node, hashSettings[i], got, want, err)
		}
	}
	n.run(node, "nft", "list", "table", "inet", "filter")
}
