package integration

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestReload changes the configuration of running daemons under traffic: the
// new values hold, adjacencies stay up, and a wrong file changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	// Several changes in a row would wait for the long delay of RFC 8405.
	n := startTwoHubs(t, "twohubs-ecmpd", func(_, config string) string {
		return strings.Replace(config, "ospf:\n", "ospf:\n  spf-delay: {long-delay: 200ms}\n", 1)
	})
	n.converge()
	config := func(name string) string {
		text, err := os.ReadFile(n.ecmpd(name).ConfigFile())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	branch, hub := config("branch-1"), config("hub-a")
	tr := n.startTraffic()
	before := n.neighborChanges()

	// The first rule that matches an interface is its own.
	dear := strings.Replace(branch, `        - match: "vpn*"`, `        - match: vpn1
          interface-type: point-to-point
          cost: 50
          hello-interval: 1s
          dead-interval: 4s
        - match: "vpn*"`, 1)
	n.reload("branch-1", dear)
	n.awaitHops("branch-1", "a larger cost", 1)
	n.reload("branch-1", branch)
	n.awaitHops("branch-1", "the old cost", 2)

	n.reload("branch-1", strings.Replace(branch, "max-paths: 16", "max-paths: 1", 1))
	n.awaitHops("branch-1", "max-paths 1", 1)
	n.reload("branch-1", branch)
	n.awaitHops("branch-1", "max-paths 16", 2)

	tr.nothingLost("changes of cost and max-paths")
	n.reload("hub-a", withoutTransit("", hub))
	n.wait("mode off removes the table", func() (bool, string) { return n.nft("hub-a") == "", n.nft("hub-a") })
	n.reload("hub-a", hub)
	n.wait("mode notrack brings it back", func() (bool, string) {
		tr := n.transit("hub-a")
		return tr.Mode == "notrack" && tr.InSync && strings.Contains(n.nft("hub-a"), "notrack"), fmt.Sprintf("%+v", tr)
	})
	n.allSucceed(100)
	if now := n.neighborChanges(); now != before {
		t.Errorf("neighbours changed state %d times", now-before)
	}
	n.wrongFiles(branch)
}

// wrongFiles reloads files that must not be taken over.
func (n *twoHubs) wrongFiles(good string) {
	routes := n.kernelRoutes("branch-1")
	for _, c := range []struct{ old, new, want string }{
		{"cost: 10", "cost: ten", "ecmpd.yaml:10:"},
		{"dead-interval: 4s", "dead-intervall: 4s", "dead-interval"},
		{"router-id: 10.255.0.11", "router-id: 10.255.0.999", "ecmpd.yaml:1:"},
		{"ecmp:", "kernel: {protocol: 202}\necmp:", "restart"},
	} {
		n.reload("branch-1", strings.Replace(good, c.old, c.new, 1))
		n.wait("the daemon refuses "+c.new, func() (bool, string) {
			said := n.status("branch-1").Config.Error
			return strings.Contains(said, c.want), said
		})
		if pid := n.status("branch-1").PID; pid != n.ecmpd("branch-1").Pid() {
			n.t.Errorf("%s: another process answers", c.new)
		}
		if got := n.kernelRoutes("branch-1"); got != routes {
			n.t.Errorf("%s: the kernel holds\n%s\nand held\n%s", c.new, got, routes)
		}
		n.wait("the log says so of "+c.new, func() (bool, string) {
			log := n.ecmpd("branch-1").Log()
			return strings.Contains(log, c.want), log
		})
	}
	// The command says so to whoever typed it.
	out, err := n.Node("branch-1").Run(n.ctx, binary, "reload", "--socket", n.ecmpd("branch-1").Socket())
	if err == nil || !strings.Contains(err.Error()+out, "restart") {
		n.t.Errorf("ecmpd reload of a file that needs a restart: %v\n%s", err, out)
	}
	n.reload("branch-1", good)
	if out := n.run("branch-1", binary, "reload", "--socket", n.ecmpd("branch-1").Socket()); !strings.HasSuffix(out, "ecmpd.yaml: loaded\n") {
		n.t.Errorf("ecmpd reload says %q", out)
	}
	n.wait("a good file ends the complaint", func() (bool, string) {
		said := n.status("branch-1").Config.Error
		return said == "", said
	})
}

func (n *twoHubs) reload(name, config string) {
	n.t.Helper()
	if err := n.ecmpd(name).Reload(config); err != nil {
		n.t.Fatal(err)
	}
}

// awaitHops waits until branch-1 has so many ways to the other LAN.
func (n *twoHubs) awaitHops(node, why string, count int) {
	n.t.Helper()
	n.wait(why, func() (bool, string) {
		hops, err := n.Node(node).NextHops(lan2)
		return err == nil && len(hops) == count, fmt.Sprint(hops, err)
	})
}

// neighborChanges counts the changes of neighbour states of all routers.
func (n *twoHubs) neighborChanges() (sum uint64) {
	n.t.Helper()
	for name := range n.Routers {
		sum += n.status(name).OSPF.NeighborChanges
	}
	return sum
}

// TestReloadBurst sends many SIGHUPs: each is a whole reload or none.
func TestReloadBurst(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", nil)
	n.converge()
	tr := n.startTraffic()
	before := n.neighborChanges()
	for range 50 {
		if err := syscall.Kill(n.ecmpd("hub-a").Pid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	n.converge()
	tr.nothingLost("50 reloads of the same file")
	if now := n.neighborChanges(); now != before {
		t.Errorf("neighbours changed state %d times", now-before)
	}
}
