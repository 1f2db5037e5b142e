package integration

import (
	"fmt"
	"strings"
	"testing"
)

// symmetric makes routers hash alike; hubs keep tracking.
func symmetric(level, transit string) func(node, config string) string {
	return func(node, config string) string {
		before, _, _ := strings.Cut(config, "\necmp:")
		return before + fmt.Sprintf("\necmp: {hash: symmetric, symmetric-key: all routers of the lab, symmetric-level: %s}\ntransit: {mode: %s}\n", level, transit)
	}
}

// startSymmetric is the two-hub network with hubs that pick no connection up
// half way.
func startSymmetric(t *testing.T, level, transit string) *twoHubs {
	t.Helper()
	n := startTwoHubs(t, "twohubs-ecmpd", symmetric(level, transit))
	for _, hub := range []string{"hub-a", "hub-b"} {
		n.run(hub, "sysctl", "-w", "net.netfilter.nf_conntrack_tcp_loose=0")
	}
	return n
}

// TestSymmetric sends connections through two stateful hubs that see every
// packet of a flow or none, because all routers hash alike.
func TestSymmetric(t *testing.T) {
	for _, level := range []string{"l3", "l4"} {
		t.Run(level, func(t *testing.T) {
			n := startSymmetric(t, level, "off")
			n.converge()
			carried := n.allSucceed(400)
			share := 100 * carried[0] / max(1, carried[0]+carried[1])
			t.Logf("hub-a carried %d %% of %d packets", share, carried[0]+carried[1])
			if level == "l4" && (share < 40 || share > 60) {
				t.Errorf("hub-a carried %d %% of %d packets", share, carried[0]+carried[1])
			}
			tracked := len(n.entries("hub-a", host1, service.Addr())) + len(n.entries("hub-b", host1, service.Addr()))
			if tracked < 400 {
				t.Errorf("the hubs track %d of 400 connections", tracked)
			}
		})
	}
}
