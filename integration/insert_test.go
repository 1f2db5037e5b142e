package integration

import (
	"context"
	"strings"
	"testing"
)

// TestInsertAccept takes the rule for untracked packets out of the hubs' own
// firewalls and lets ecmpd keep it there: traffic passes, a reload of the firewall
// costs nothing for long, and the rule stays after a stop until cleanup.
func TestInsertAccept(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", func(node, config string) string {
		if strings.HasPrefix(node, "hub") {
			config += "\n  insert-accept: [{table: filter, chain: forward}]\n"
		}
		return config
	})
	n.converge()
	hubs := []string{"hub-a", "hub-b"}
	for _, hub := range hubs {
		n.accepting(hub, true)
		n.run(hub, "nft", "delete", "rule", "inet", "filter", "forward", "handle", n.untrackedRule(hub))
	}
	n.allSucceed(100)
	for _, hub := range hubs {
		n.run(hub, "nft", "flush table inet filter; add rule inet filter forward ct state established,related accept")
		n.accepting(hub, true)
	}
	n.allSucceed(100)

	hub := n.ecmpd("hub-a")
	ctx, cancel := context.WithTimeout(n.ctx, patient)
	defer cancel()
	if err := hub.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	n.accepting("hub-a", true)
	n.run("hub-a", hub.Binary(), "cleanup", "--config", hub.ConfigFile(), "--socket", hub.Socket(), "--state-dir", n.Node("hub-a").Dir())
	n.accepting("hub-a", false)
}

// accepting waits until ecmpd's rule is first in the hub's chain, or nowhere.
func (n *twoHubs) accepting(hub string, want bool) {
	n.t.Helper()
	n.wait(hub+" accepts untracked packets", func() (bool, string) {
		text := n.run(hub, "nft", "list", "chain", "inet", "filter", "forward")
		_, rules, _ := strings.Cut(text, "policy drop;")
		first, _, _ := strings.Cut(strings.TrimSpace(rules), "\n")
		if !want {
			return !strings.Contains(text, "ecmpd"), text
		}
		return strings.Contains(first, `comment "ecmpd: untracked transit"`) && strings.Count(text, "ecmpd") == 1, text
	})
}
