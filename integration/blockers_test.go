package integration

import (
	"fmt"
	"strings"
	"testing"
)

// TestBlockers takes the rule for untracked packets out of the hubs' own
// firewalls: ecmpd names the chain that drops, and is right about it, until
// the rule is there.
func TestBlockers(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", nil)
	n.converge()
	hubs := []string{"hub-a", "hub-b"}
	for _, hub := range hubs {
		if list := n.transit(hub).BlockedBy; len(list) > 0 {
			t.Errorf("%s with the rule: blocked by %+v", hub, list)
		}
		n.run(hub, "nft", "delete", "rule", "inet", "filter", "forward", "handle", n.untrackedRule(hub))
		n.wait(hub+" names the chain", func() (bool, string) {
			list := n.transit(hub).BlockedBy
			for _, b := range list {
				if b.Family != "inet" || b.Table != "filter" || b.Chain != "forward" {
					t.Errorf("%s: blocked by %+v", hub, b)
				}
			}
			return len(list) > 0, fmt.Sprint(list)
		})
	}
	if result, _ := n.connect(service, 40, impatient); result.Failed() != 40 {
		t.Errorf("%d of 40 connections failed through chains that drop, want all", result.Failed())
	}
	for _, hub := range hubs {
		n.run(hub, "nft", "insert", "rule", "inet", "filter", "forward", "ct", "state", "untracked", "accept")
		n.wait(hub+" is content", func() (bool, string) {
			list := n.transit(hub).BlockedBy
			return len(list) == 0, fmt.Sprint(list)
		})
	}
	n.allSucceed(100)
}

// untrackedRule is the handle of the first rule of the hub's own chain.
func (n *twoHubs) untrackedRule(hub string) string {
	n.t.Helper()
	handle := ""
	for line := range strings.Lines(n.run(hub, "nft", "-a", "list", "chain", "inet", "filter", "forward")) {
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "ct state untracked accept # handle %s", &handle); err == nil {
			return handle
		}
	}
	n.t.Fatalf("%s has no rule for untracked packets", hub)
	return ""
}
