package fib

import (
	"errors"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
)

func (h *hub) show(args string) string {
	h.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "does not exist") {
		h.Fatalf("ip %s: %v\n%s", args, err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

// sync applies a policy and says how much was written.
func (h *hub) syncPolicy(rules []Rule, gates []Gate) int {
	h.Helper()
	h.table.Policy().Set(rules, gates)
	n, err := h.table.Policy().Sync()
	if err != nil {
		h.Fatal(err)
	}
	return n
}

func TestPolicy(t *testing.T) {
	h := newHub(t)
	links := func() {
		list := []Iface{{Name: "v0"}, {Name: "v1"}}
		for i := range list {
			list[i].Index = h.index(list[i].Name)
		}
		h.table.Policy().SetLinks(list)
	}
	links()
	a := netip.MustParseAddr
	rules := func() []Rule {
		return []Rule{
			{Priority: 20100, Destination: netip.MustParsePrefix("198.51.100.9/32"), Table: 20101, Suppress: -1},
			{Priority: 20101, Table: 254, Suppress: 0},
			{Priority: 20102, Mark: 0x1000000, Mask: 0x3f000000, Table: 20101, Suppress: -1},
			{Priority: 20103, Out: "v1", Table: 20102, Suppress: -1},
			{Priority: 20164, Mark: 0x3f000000, Mask: 0x3f000000, Table: 20163, Suppress: -1},
		}
	}
	gates := []Gate{
		{Table: 20101, Interface: "v0", Gateway: a("10.0.0.2"), Source: a("10.0.0.1")},
		{Table: 20102, Interface: "v1", Gateway: a("172.16.0.1"), OnLink: true, Source: a("10.0.1.1")},
		{Table: 20104, Interface: "v1"},
		{Table: 20105, Interface: "gone0", Gateway: a("10.9.0.2")},
		{Table: 20163, Unreachable: true},
	}
	// Of others, and without effect on us.
	h.ip("rule add pref 20102 fwmark 0x7 lookup 20101", "rule add pref 500 fwmark 0x8 lookup 99 protocol 77", "route add default via 10.0.0.9 table 99 proto 77")
	if n := h.syncPolicy(rules(), gates); n != 9 {
		t.Errorf("%d writes", n)
	}
	const want = `0: from all lookup local
500: from all fwmark 0x8 lookup 99 proto 77
20100: from all to 198.51.100.9 lookup 20101 proto 201
20101: from all lookup main suppress_prefixlength 0 proto 201
20102: from all fwmark 0x7 lookup 20101
20102: from all fwmark 0x1000000/0x3f000000 lookup 20101 proto 201
20103: from all oif v1 lookup 20102 proto 201
20164: from all fwmark 0x3f000000/0x3f000000 lookup 20163 proto 201
32766: from all lookup main
32767: from all lookup default`
	if got := h.show("rule"); got != want {
		t.Errorf("rules\n%s\nwant\n%s", got, want)
	}
	for table, want := range map[string]string{
		"20101": "default via 10.0.0.2 dev v0 proto 201 src 10.0.0.1 metric 20",
		"20102": "default via 172.16.0.1 dev v1 proto 201 src 10.0.1.1 metric 20 onlink",
		"20104": "default dev v1 proto 201 scope link metric 20",
		"20163": "unreachable default proto 201 metric 20",
	} {
		if got := h.show("route show table " + table); got != want {
			t.Errorf("table %s: %q, want %q", table, got, want)
		}
	}
	if n := h.syncPolicy(rules(), gates); n != 0 {
		t.Errorf("the second time %d writes", n)
	}

	// A new start adopts everything; until it knows what is wanted nothing goes.
	h.restart()
	links()
	if n, err := h.table.Policy().Sync(); n != 0 || err != nil {
		t.Errorf("before anything is wanted: %d, %v", n, err)
	}
	if n := h.syncPolicy(rules(), gates); n != 0 {
		t.Errorf("after a new start %d writes", n)
	}

	// What others remove comes back; a gateway changes in place.
	h.ip("rule del pref 20101", "route flush table 20101")
	gates[1].Gateway = a("172.16.0.2")
	if n := h.syncPolicy(rules(), gates); n != 3 {
		t.Errorf("after somebody's removal %d writes", n)
	}
	if got := h.show("rule"); got != want {
		t.Errorf("rules\n%s\nwant\n%s", got, want)
	}
	// The main table's reconciler leaves it all alone.
	h.table.SweepStale()
	h.table.Reconcile()
	if n := h.syncPolicy(rules(), gates); n != 0 {
		t.Errorf("after the sweep of the main table %d writes", n)
	}

	// In the way of another program's route: it stays, and the failure says so.
	h.ip("route add default via 10.0.0.9 table 20106 metric 20 proto 77")
	h.table.Policy().Set(rules(), append(gates, Gate{Table: 20106, Interface: "v0", Gateway: a("10.0.0.2")}))
	if _, err := h.table.Policy().Sync(); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "table 20106") {
		t.Errorf("foreign route: %v", err)
	}

	if n := h.syncPolicy(nil, nil); n != 9 {
		t.Errorf("removal: %d writes", n)
	}
	const rest = `0: from all lookup local
500: from all fwmark 0x8 lookup 99 proto 77
20102: from all fwmark 0x7 lookup 20101
32766: from all lookup main
32767: from all lookup default`
	if got := h.show("rule"); got != rest {
		t.Errorf("rules\n%s\nwant\n%s", got, rest)
	}
}
