package fib

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
)

// sources lists the routes of ours that have a preferred source, as
// "destination source".
func (h *hub) sources() string {
	h.Helper()
	out, err := exec.Command("ip", "-4", "route", "show", "proto", "201").CombinedOutput()
	if err != nil {
		h.Fatalf("%v\n%s", err, out)
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		for i, w := range words {
			if w == "src" {
				list = append(list, words[0]+" "+words[i+1])
			}
		}
	}
	return strings.Join(list, ", ")
}

func TestSource(t *testing.T) {
	h := newHub(t)
	h.ip("link set lo up", "addr add 10.255.0.1/32 dev lo")
	h.set("10.1.0.0/16", setAB)
	h.set("10.3.0.0/16", setA)
	h.sync()
	expect := func(what, want string, written int) {
		t.Helper()
		if rep := h.sync(); rep.Written != written {
			t.Errorf("%s: %+v", what, rep)
		}
		if got := h.sources(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
		if rep := h.table.Reconcile(); !rep.Quiet() || !h.table.InSync() {
			t.Errorf("%s: the comparison wrote %+v", what, rep)
		}
	}
	expect("none", "", 0)
	h.table.SetSource(netip.MustParseAddr("10.255.0.1"))
	expect("loopback", "10.1.0.0/16 10.255.0.1", 1)
	h.table.SetDead(legB, true)
	expect("a dead leg rewrites no route", "10.1.0.0/16 10.255.0.1", 0)
	h.restart()
	h.set("10.1.0.0/16", setAB)
	h.set("10.3.0.0/16", setA)
	h.table.SetSource(netip.MustParseAddr("10.255.0.1"))
	expect("adopted", "10.1.0.0/16 10.255.0.1", 0)
	h.table.SweepStale()
	h.sync()
	// With the address the kernel takes the routes away, and says so.
	h.ip("addr del 10.255.0.1/32 dev lo")
	h.table.SetSource(netip.Addr{})
	if h.table.Reconcile(); h.sources() != "" || len(h.routes()) != 2 {
		t.Errorf("without the address: %v", h.routes())
	}
	h.table.SetSource(netip.MustParseAddr("10.0.0.1"))
	expect("another", "10.1.0.0/16 10.0.0.1", 1)
}
