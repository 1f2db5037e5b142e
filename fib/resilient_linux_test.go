package fib

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/nexthop"
)

// reopen is a restart with another configuration.
func (h *hub) reopen(c Config) {
	h.Helper()
	h.table.Close()
	table, err := Open(c)
	if err != nil {
		h.Fatal(err)
	}
	h.table = table
	h.Cleanup(table.Close)
	h.links()
}

// kinds counts the groups of the kernel that are resilient, and the others.
func (h *hub) kinds() (resilient, plain int) {
	h.Helper()
	out, err := exec.Command("ip", "nexthop", "show", "groups").CombinedOutput()
	if err != nil {
		h.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "type resilient buckets 64 idle_timer 30 ") {
			resilient++
		} else {
			plain++
		}
	}
	return resilient, plain
}

// A group of one kind is never taken for one of the other: both are there until
// the sweep, and no route is without a group in between.
func TestResilientGroups(t *testing.T) {
	h := newHub(t)
	want := func() {
		h.set("10.1.0.0/16", setAB)
		h.set("10.2.0.0/16", nexthop.NewSet(hop(legA, 1), hop(legB, 3)))
	}
	want()
	h.sync()
	kind := Config{Resilient: Resilient{Buckets: 64, Idle: 30 * time.Second}}
	expect := func(what string, resilient, plain int) {
		t.Helper()
		h.expect("10.1.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "10.2.0.0/16 10.0.0.2@v0 10.0.1.2@v1*3")
		if r, p := h.kinds(); r != resilient || p != plain {
			t.Errorf("%s: %d resilient and %d plain groups, want %d and %d", what, r, p, resilient, plain)
		}
		if rep := h.table.Reconcile(); !rep.Quiet() || !h.table.InSync() {
			t.Errorf("%s: the comparison wrote %+v", what, rep)
		}
	}
	h.reopen(kind)
	want()
	h.table.SweepStale()
	h.sync()
	expect("plain to resilient", 2, 0)
	h.reopen(kind)
	want()
	if rep := h.sync(); !rep.Quiet() {
		t.Errorf("adopted: %+v", rep)
	}
	expect("adopted", 2, 0)
	h.table.SetDead(legB, true)
	if rep := h.sync(); rep.Written != 0 {
		t.Errorf("a dead leg wrote %+v", rep)
	}
	h.expect("10.1.0.0/16 10.0.0.2@v0", "10.2.0.0/16 10.0.0.2@v0")
	h.table.SetDead(legB, false)
	h.sync()
	expect("the leg again", 2, 0)
	h.reopen(Config{})
	want()
	h.table.SweepStale()
	h.sync()
	expect("back to plain", 0, 2)
}
