package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

var bothHubs = []string{"hub-a", "hub-b"}

// symmetric makes routers hash alike with a level, and hubs do with transit what
// a mode says.
func symmetric(level, mode string) func(node, config string) string {
	return func(node, config string) string {
		before, _, _ := strings.Cut(config, "\necmp:")
		config = before + "\necmp: {hash: symmetric, symmetric-key: all routers of the lab, symmetric-level: " + level + "}\n"
		if strings.HasPrefix(node, "hub") {
			config += "transit: {mode: " + mode + "}\n"
		}
		return config
	}
}

// startStateful is a two-hub network whose hubs pick no connection up half way.
func startStateful(t *testing.T, name string, edit func(node, config string) string) *twoHubs {
	t.Helper()
	n := startTwoHubs(t, name, edit)
	for _, hub := range bothHubs {
		n.run(hub, "sysctl", "-w", "net.netfilter.nf_conntrack_tcp_loose=0")
	}
	n.converge()
	return n
}

// symmetry is what a router says of every pair.
func (n *twoHubs) symmetry(name string) (pairs []api.SymmetryPair) {
	n.t.Helper()
	var body api.SymmetryBody
	n.get(name, api.PathSymmetry, &body)
	return body.Symmetry.Pairs
}

// waitSymmetric waits until a router says of the two branches that they are
// symmetric, or not, for a reason.
func (n *twoHubs) waitSymmetric(name, verdict, why string) {
	n.t.Helper()
	n.wait(name+" calls the branches symmetric: "+verdict, func() (bool, string) {
		pairs := n.symmetry(name)
		for _, p := range pairs {
			if p.A == "10.255.0.11" && p.B == "10.255.0.12" {
				return p.Symmetric == verdict && strings.Contains(strings.Join(p.Why, "; "), why) &&
					slices.Equal(p.Through, []string{"10.255.0.1", "10.255.0.2"}), fmt.Sprintf("%+v", pairs)
			}
		}
		return false, fmt.Sprintf("%+v", pairs)
	})
}

// tracked counts the entries of transit flows on both hubs.
func (n *twoHubs) tracked() int {
	n.t.Helper()
	return len(n.entries("hub-a", host1, service.Addr())) + len(n.entries("hub-b", host1, service.Addr()))
}

// TestSymmetric sends 10,000 connections through two stateful hubs that see
// every packet of a flow or none, because all routers hash alike, and then what lives
// on ICMP errors and fragments. Before, with the seeds that each machine has,
// half of the connections fail.
func TestSymmetric(t *testing.T) {
	configs := map[string]string{}
	n := startStateful(t, "twohubs-ecmpd", func(node, config string) string {
		configs[node] = symmetric("l4", "off")(node, config)
		return withoutTransit(node, config)
	})
	n.waitSymmetric("branch-1", "no", "10.255.0.11 hashes with a seed of its own")
	result, _ := n.connect(service, 400, impatient)
	t.Logf("with a seed of each router %d of 400 connections fail", result.Failed())
	if result.Failed() < 100 {
		t.Errorf("%d of 400 connections failed with different seeds: the test proves nothing", result.Failed())
	}
	seed := n.run("branch-1", "sysctl", "-n", "net.ipv4.fib_multipath_hash_seed")
	for name := range n.Routers {
		if err := n.ecmpd(name).Reload(configs[name]); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"hub-a", "branch-2"} {
		n.waitSymmetric(name, "yes", "")
	}
	before := n.tracked()
	carried := n.allSucceed(10_000)
	share := 100 * carried[0] / max(1, carried[0]+carried[1])
	t.Logf("hub-a carried %d %% of %d packets", share, carried[0]+carried[1])
	if share < 40 || share > 60 {
		t.Errorf("hub-a carried %d %% of %d packets", share, carried[0]+carried[1])
	}
	if list := n.tracked() - before; list < 9_000 {
		t.Errorf("the hubs track %d of 10,000 connections", list)
	}
	n.straysPass()
	// Back to a hash of its own: the seed is what it was.
	if err := n.ecmpd("branch-1").Reload(withoutTransit("branch-1", strings.Replace(configs["branch-1"], "hash: symmetric, symmetric-key: all routers of the lab, symmetric-level: l4", "hash: l4", 1))); err != nil {
		t.Fatal(err)
	}
	n.waitSymmetric("branch-2", "no", "10.255.0.11 hashes with a seed of its own")
	if now := n.run("branch-1", "sysctl", "-n", "net.ipv4.fib_multipath_hash_seed"); now != seed {
		t.Errorf("the seed is %s and was %s", now, seed)
	}
}

// TestSymmetricL3 hashes addresses only, so that all flows of two hosts meet one
// hub, also their ICMP errors and fragments: nothing is untracked.
func TestSymmetricL3(t *testing.T) {
	t.Parallel()
	n := startStateful(t, "twohubs-ecmpd", symmetric("l3", "off"))
	n.waitSymmetric("hub-b", "yes", "")
	n.allSucceed(400)
	n.straysPass()
	for _, hub := range bothHubs {
		if n.nft(hub) != "" {
			t.Errorf("%s has a table:\n%s", hub, n.nft(hub))
		}
	}
	n.run("branch-1", "sysctl", "-w", "net.ipv4.fib_multipath_hash_seed=7")
	n.diagnosed("branch-1", "hash-seed", "not that of ecmp.symmetric-key")
}

// TestSymmetricWeights gives hub-b three quarters, at both ends.
func TestSymmetricWeights(t *testing.T) {
	t.Parallel()
	n := startStateful(t, "twohubs-ecmpd", func(node, config string) string {
		config = symmetric("l4", "off")(node, config)
		if strings.HasPrefix(node, "branch") {
			config = strings.Replace(config, `        - match: "vpn*"`, "        - match: vpn2\n          ecmp-weight: 3\n"+
				"          interface-type: point-to-point\n          cost: 10\n          hello-interval: 1s\n          dead-interval: 4s\n"+`        - match: "vpn*"`, 1)
		}
		return config
	})
	n.waitSymmetric("branch-1", "yes", "")
	carried := n.allSucceed(800)
	if share := 100 * carried[0] / max(1, carried[0]+carried[1]); share < 17 || share > 33 {
		t.Errorf("hub-a carried %d %% of %d packets, want 25", share, carried[0]+carried[1])
	}
	n.sharesCounted("branch-1")
	config, err := os.ReadFile(n.ecmpd("branch-2").ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.ecmpd("branch-2").Reload(strings.Replace(string(config), "ecmp-weight: 3", "ecmp-weight: 1", 1)); err != nil {
		t.Fatal(err)
	}
	n.waitSymmetric("branch-1", "no", "unmirrored weights: 10.255.0.11 has 10.255.0.1:1 10.255.0.2:3, 10.255.0.12 has 10.255.0.1:1 10.255.0.2:1")
}

// sharesCounted demands that the kernel has counted a quarter and three quarters
// of the packets over a group with these weights.
func (n *twoHubs) sharesCounted(name string) {
	n.t.Helper()
	var body api.NextHops
	n.get(name, api.PathNextHops, &body)
	for _, g := range body.Groups {
		if len(g.Members) == 2 && g.Members[0].Packets > 1000 {
			a, b := g.Members[0], g.Members[1]
			if a.Share != 25 || b.Share != 75 || a.Measured < 17 || a.Measured > 33 || a.Measured+b.Measured < 99 {
				n.t.Errorf("shares of %+v", g)
			}
			return
		}
	}
	n.t.Errorf("no group has counted the connections: %+v", body.Groups)
}

// TestSymmetricStrays sends what a hash over ports sends another way than its
// flow.
func TestSymmetricStrays(t *testing.T) {
	t.Parallel()
	n := startStateful(t, "twohubs-ecmpd", symmetric("l4", "off"))
	n.waitSymmetric("branch-1", "yes", "")
	n.straysPass()
	var untracked string
	for _, hub := range bothHubs {
		out, _ := n.Node(hub).Run(n.ctx, "nft", "list", "chain", "inet", "ecmpd", "strays")
		untracked += out
	}
	for _, kind := range []string{"fragments", "ICMP errors"} {
		if !passed(untracked, kind) {
			t.Errorf("no packet met the rule for %s: the test proves nothing\n%s", kind, untracked)
		}
	}
}

// TestSymmetricStraysDropped shows what the hubs' rules are for: where only the
// branches are told to be symmetric, hubs track strays, and drop them.
func TestSymmetricStraysDropped(t *testing.T) {
	t.Parallel()
	n := startStateful(t, "twohubs-ecmpd", func(node, config string) string {
		if strings.HasPrefix(node, "hub") {
			return withoutTransit(node, config)
		}
		return symmetric("l4", "off")(node, config)
	})
	n.waitSymmetric("branch-1", "yes", "")
	n.allSucceed(100)
	stalled, unanswered := n.strays(10, 3*time.Second)
	t.Logf("without the rules %d of 10 transfers stall, and %d of 40 UDP questions are not answered", stalled, unanswered)
	if stalled == 0 {
		t.Error("the strays test proves nothing")
	}
}

// passed tells whether a rule with a comment has counted a packet.
func passed(listing, comment string) bool {
	for line := range strings.Lines(listing) {
		if strings.Contains(line, `comment "`+comment+`"`) && !strings.Contains(line, "counter packets 0 ") {
			return true
		}
	}
	return false
}

// TestSymmetricForeign has branches of another make: they flood what ecmpd says,
// and say nothing themselves.
func TestSymmetricForeign(t *testing.T) {
	t.Parallel()
	for name, why := range map[string]string{
		"twohubs-hubs-ecmpd-branches-frr":  "10.255.0.12 does not say how it hashes",
		"twohubs-hubs-ecmpd-branches-bird": "10.255.0.11 does not say how it hashes",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startTwoHubs(t, name, symmetric("l4", "off"))
			n.converge()
			n.waitSymmetric("hub-a", "unproven", why)
			for _, router := range []string{"hub-b", "branch-1", "branch-2"} {
				list, err := n.Routers[router].Database(n.ctx)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.ContainsFunc(list, func(l peer.LSA) bool { return strings.Contains(fmt.Sprint(l), "4.0.0.0") }) {
					t.Errorf("%s has no router information: %v", router, list)
				}
			}
		})
	}
}
