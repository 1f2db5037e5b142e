package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// healTime is how long what somebody destroyed may be away: much less than until the kernel
// is read again for no reason.
const healTime = 25 * time.Second

// TestHeals destroys ecmpd's kernel state under traffic, in every way that an
// operator's script does: soon all is as it was, on hub and branch, and no flow
// was silent for longer.
func TestHeals(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", func(_, config string) string {
		return config + "static: [{prefix: 10.99.0.0/24, blackhole: true}]\n"
	})
	n.converge()
	for _, c := range []struct {
		name, node string
		destroy    func()
	}{
		{"nft flush ruleset", "hub-a", func() { n.run("hub-a", "nft", "flush", "ruleset") }},
		{"nft delete table", "hub-a", func() { n.run("hub-a", "nft", "delete", "table", "inet", "ecmpd") }},
		{"nft flush set", "hub-a", func() { n.run("hub-a", "nft", "flush", "set", "inet", "ecmpd", "transit4") }},
		{"nft flush chain", "hub-a", func() { n.run("hub-a", "nft", "flush", "chain", "inet", "ecmpd", "prerouting") }},
		{"hub: all routes deleted", "hub-a", func() { n.flushRoutes("hub-a") }},
		{"branch: all routes deleted", "branch-1", func() { n.flushRoutes("branch-1") }},
		{"hub: ip route flush", "hub-a", func() { n.tryFlush("hub-a", "proto", "201") }},
		{"branch: ip route flush", "branch-1", func() { n.tryFlush("branch-1", "proto", "201") }},
		{"branch: ip route flush table main", "branch-1", func() { n.tryFlush("branch-1", "table", "main", "proto", "201") }},
		{"branch: ip route flush root", "branch-1", func() { n.tryFlush("branch-1", "root", "10.0.0.0/8", "proto", "201") }},
		{"hub: ip nexthop flush", "hub-a", func() { n.run("hub-a", "ip", "nexthop", "flush", "proto", "201") }},
		{"branch: ip nexthop flush", "branch-1", func() { n.run("branch-1", "ip", "nexthop", "flush", "proto", "201") }},
		{"branch: one group deleted", "branch-1", func() {
			id, _ := n.group("branch-1")
			n.run("branch-1", "ip", "nexthop", "del", "id", id)
		}},
		{"branch: one member of the group deleted", "branch-1", func() {
			_, member := n.group("branch-1")
			n.run("branch-1", "ip", "nexthop", "del", "id", member)
		}},
		{"branch: one route deleted", "branch-1", func() { n.run("branch-1", "ip", "route", "delete", lan2.String()) }},
		{"branch: one route replaced", "branch-1", func() {
			n.run("branch-1", "ip", "route", "replace", lan2.String(), "metric", "20", "proto", "201", "via", "10.0.11.1")
		}},
	} {
		n.sub(t, c.name, func(n *twoHubs) {
			routes, table := withoutIDs(n.kernelRoutes(c.node)), n.nft(c.node)
			resyncs := n.status(c.node).Kernel.Resyncs
			tr := n.startTraffic()
			start := time.Now()
			c.destroy()
			n.wait(c.node+" healed", func() (bool, string) {
				gotRoutes, gotTable := withoutIDs(n.kernelRoutes(c.node)), n.nft(c.node)
				return gotRoutes == routes && gotTable == table, fmt.Sprintf("has\n%s%s\nhad\n%s%s", gotRoutes, gotTable, routes, table)
			})
			healed := time.Since(start).Round(time.Millisecond)
			r := tr.stop()
			n.t.Logf("healed after %s, %d of %d probes lost, longest gap %s", healed, r.Lost, r.Sent, r.LongestGap)
			if r.LongestGap > healTime {
				n.t.Errorf("a flow was silent for %s", r.LongestGap)
			}
			n.allSucceed(50)
			n.wait("a kernel in sync", func() (bool, string) {
				k := n.status(c.node).Kernel
				return k.InSync && k.Error == "", fmt.Sprintf("%+v", k)
			})
			if n.status(c.node).Kernel.Resyncs == resyncs && !strings.HasPrefix(c.name, "nft") {
				n.t.Error("the daemon noticed nothing: was anything destroyed?")
			}
		})
	}
}

// sub runs a subtest in the same network.
func (n *twoHubs) sub(t *testing.T, name string, f func(n *twoHubs)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		inner := *n
		inner.t = t
		f(&inner)
		n.nextPort = inner.nextPort
	})
}

// tryFlush runs `ip route flush` as it is. Iproute2 6.1 asks the kernel to delete
// nexthop id and gateway at once, which is refused for every route on a nexthop
// object; routes without one, such as the blackhole, do go. Whatever the
// command achieved and said, all must be there again.
func (n *twoHubs) tryFlush(node string, selector ...string) {
	n.t.Helper()
	out, err := n.Node(node).Run(n.ctx, append([]string{"ip", "route", "flush"}, selector...)...)
	n.t.Logf("ip route flush %s: %q, %v", strings.Join(selector, " "), out, err)
}

// flushRoutes deletes all routes: where the kernel does not show gateways beside
// nexthop ids, `ip route flush` works.
func (n *twoHubs) flushRoutes(node string) {
	n.t.Helper()
	const key = "net.ipv4.nexthop_compat_mode"
	n.run(node, "sysctl", "-w", key+"=0")
	n.tryFlush(node, "proto", "201") // which does not like that they come back meanwhile
	n.run(node, "sysctl", "-w", key+"=1")
}

// group is the id of a nexthop group of a node, and of one of its members.
func (n *twoHubs) group(node string) (id, member string) {
	n.t.Helper()
	var list []struct {
		ID    uint32 `json:"id"`
		Group []struct {
			ID uint32 `json:"id"`
		} `json:"group"`
	}
	if err := json.Unmarshal([]byte(n.run(node, "ip", "-j", "nexthop", "show", "groups")), &list); err != nil {
		n.t.Fatal(err)
	}
	if len(list) == 0 || len(list[0].Group) < 2 {
		n.t.Fatalf("%s has no nexthop group: %+v", node, list)
	}
	return fmt.Sprint(list[0].ID), fmt.Sprint(list[0].Group[0].ID)
}
