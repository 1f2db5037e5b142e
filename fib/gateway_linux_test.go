package fib

import (
	"cmp"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
)

// kept lists the gateways that the kernel keeps resolved for us.
func (h *hub) kept() string {
	h.Helper()
	list, err := h.table.kernel.(*kernel).neighbours()
	if err != nil {
		h.Fatal(err)
	}
	list = slices.DeleteFunc(list, func(n neighbour) bool { return !n.ours || !n.managed })
	slices.SortFunc(list, func(a, b neighbour) int { return cmp.Or(a.addr.Compare(b.addr), cmp.Compare(a.ifindex, b.ifindex)) })
	var b strings.Builder
	for _, g := range list {
		fmt.Fprintf(&b, "%s ", g.addr)
	}
	return strings.TrimSpace(b.String())
}

func TestGatewaysStayResolved(t *testing.T) {
	h := newHub(t)
	expect := func(what, want string) {
		t.Helper()
		h.sync()
		if got := h.kept(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	h.set("10.1.0.0/16", setAB)
	h.set("10.2.0.0/16", nexthop.NewSet(nexthop.Hop{Interface: "v1"}))
	expect("two gateways", "10.0.0.2 10.0.1.2")

	// An entry that is resolved stays so, and one that somebody deletes comes back.
	h.ip("neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0 nud reachable")
	h.table.Reconcile()
	out, err := exec.Command("ip", "neigh", "show", "10.0.0.2").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "02:00:00:00:00:02") {
		t.Errorf("the entry is %q, %v", out, err)
	}
	h.ip("neigh replace 10.0.1.2 lladdr 02:00:00:00:01:02 dev v1 nud permanent")
	h.table.Reconcile()
	out, err = exec.Command("ip", "neigh", "show", "10.0.1.2").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PERMANENT") {
		t.Errorf("the operator's entry is %q, %v", out, err)
	}
	h.ip("neigh del 10.0.1.2 dev v1")
	h.table.Reconcile()
	expect("deleted by somebody", "10.0.0.2 10.0.1.2")

	h.table.SweepStale()
	h.set("10.1.0.0/16", setA)
	expect("a next hop that is alone", "")
	h.set("10.1.0.0/16", setAB)
	h.ip("link set v0 arp off")
	h.links()
	expect("one link without ARP", "10.0.1.2")
	h.ip("link set v0 arp on")
	h.links()
	expect("with ARP again", "10.0.0.2 10.0.1.2")
	if _, err := Cleanup(Config{}); err != nil {
		t.Fatal(err)
	}
	if got := h.kept(); got != "" {
		t.Errorf("after the cleanup: %q", got)
	}
}
