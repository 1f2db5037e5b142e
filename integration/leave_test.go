package integration

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab/peer"
)

// TestHubDaemonLeaves ends hub-a's daemon in order under traffic: its LSAs are
// flushed, both branches turn away at once, nothing is lost, and its kernel
// keeps everything.
func TestHubDaemonLeaves(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", nil)
	n.converge()
	routes, sets := n.kernelRoutes("hub-a"), n.nft("hub-a")
	tr := n.startTraffic()

	ctx, cancel := context.WithTimeout(n.ctx, patient)
	defer cancel()
	start := time.Now()
	if err := n.ecmpd("hub-a").Stop(ctx); err != nil {
		t.Fatal(err)
	}
	stopped := time.Since(start)
	n.turnedAway()
	for _, branch := range []string{"branch-1", "branch-2"} {
		n.wait(branch+" has no LSA of hub-a", func() (bool, string) {
			list, err := n.Routers[branch].Database(n.ctx)
			left := slices.ContainsFunc(list, func(l peer.LSA) bool { return l.AdvertisingRouter == netip.MustParseAddr("10.255.0.1") })
			return err == nil && !left, fmt.Sprint(list, err)
		})
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

// turnedAway waits until both branches reach each other through hub-b only.
func (n *twoHubs) turnedAway() {
	n.t.Helper()
	for branch, far := range map[string]netip.Prefix{"branch-1": lan2, "branch-2": lan1} {
		n.wait(branch+" turned away from hub-a", func() (bool, string) {
			hops, err := n.Node(branch).NextHops(far)
			return err == nil && len(hops) == 1 && hops[0].Interface == "vpn2", fmt.Sprint(hops, err)
		})
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
	ctx, cancel := context.WithTimeout(n.ctx, patient)
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
