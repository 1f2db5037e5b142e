package fib

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
)

func TestApplyTwice(t *testing.T) {
	h := newHub(t)
	weighted := nexthop.NewSet(hop(legA, 1), hop(legB, 3))
	direct := nexthop.NewSet(nexthop.Hop{Interface: "v1"})
	onlink := hop(nexthop.Leg{Interface: "v1", Gateway: netip.MustParseAddr("192.0.2.9")}, 1)
	onlink.OnLink = true
	h.set("10.1.0.0/16", setAB)
	h.set("10.2.0.0/16", setAB)
	h.set("10.3.0.0/16", setA)
	h.set("10.4.0.0/16", weighted)
	h.set("10.5.0.0/16", direct)
	h.set("10.6.0.0/16", nexthop.NewSet(onlink, hop(legA, 1)))
	h.set("0.0.0.0/0", setB)
	h.table.Set(Route{Prefix: netip.MustParsePrefix("10.7.0.0/16"), Discard: true})
	rep := h.sync()
	if rep.Written != 8 || rep.Deleted != 0 || rep.Objects != 7 {
		t.Errorf("first sync: %+v", rep)
	}
	want := []string{
		"10.1.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "10.2.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "10.3.0.0/16 10.0.0.2@v0",
		"10.4.0.0/16 10.0.0.2@v0 10.0.1.2@v1*3", "10.5.0.0/16 @v1", "10.6.0.0/16 10.0.0.2@v0 192.0.2.9@v1",
		"default 10.0.1.2@v1", "blackhole 10.7.0.0/16",
	}
	h.expect(want...)
	for _, o := range h.objects() {
		if fmt.Sprint(o.Protocol) != "201" || o.ID>>24 != 201 {
			t.Errorf("nexthop %+v has a wrong protocol or id", o)
		}
	}
	if rep := h.sync(); !rep.Quiet() {
		t.Errorf("second sync wrote: %+v", rep)
	}
	if rep := h.table.Reconcile(); !rep.Quiet() {
		t.Errorf("reconcile wrote: %+v", rep)
	}
	if s := h.table.Status(); !s.InSync || len(s.Groups) != 3 || s.Groups[0].Routes != 2 {
		t.Errorf("status %+v", s)
	}

	// Change in place, discard ↔ unicast, delete; stale objects leave after the sweep.
	h.set("10.7.0.0/16", setAB)
	h.table.Set(Route{Prefix: netip.MustParsePrefix("10.1.0.0/16"), Discard: true})
	h.table.Delete(netip.MustParsePrefix("10.4.0.0/16"))
	h.table.Delete(netip.MustParsePrefix("10.6.0.0/16"))
	h.table.SweepStale()
	if rep := h.sync(); rep.Written != 2 || rep.Deleted != 2 || rep.Objects != 3 {
		t.Errorf("change: %+v", rep)
	}
	h.expect("blackhole 10.1.0.0/16", "10.2.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "10.3.0.0/16 10.0.0.2@v0",
		"10.5.0.0/16 @v1", "10.7.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "default 10.0.1.2@v1")
}

func TestFailoverWritesNoRoute(t *testing.T) {
	h := newHub(t)
	for i := range 100 {
		h.table.Set(Route{Prefix: prefixOf(i), NextHops: setAB})
	}
	h.set("10.9.0.0/16", setB)
	h.sync()
	h.table.SweepStale()
	h.sync()
	h.table.SetDead(legB, true)
	if rep := h.sync(); rep.Written != 0 || rep.Deleted != 1 || rep.Objects != 1 {
		t.Errorf("leg dead: %+v", rep)
	}
	if got := h.routes(); len(got) != 100 || got[0] != "100.0.0.0 10.0.0.2@v0" {
		t.Fatalf("%d routes, first %q", len(got), got[0])
	}
	if r, _ := h.table.Route(netip.MustParsePrefix("10.9.0.0/16")); r.Installed || !strings.Contains(r.Reason, "dead") {
		t.Errorf("single-hop route: %+v", r)
	}
	if !h.table.InSync() {
		t.Error("a dead leg is no reason to be out of sync")
	}
	h.links() // an unrelated event does not raise the dead
	if rep := h.sync(); !rep.Quiet() {
		t.Errorf("wrote while dead: %+v", rep)
	}
	h.table.SetDead(legA, true) // all legs
	if rep := h.sync(); rep.Deleted != 100 {
		t.Errorf("all dead: %+v", rep)
	}
	h.expect()
	h.table.SetDead(legA, false)
	h.table.SetDead(legB, false)
	if rep := h.sync(); rep.Written != 101 {
		t.Errorf("alive again: %+v", rep)
	}
	if got := h.routes(); len(got) != 101 || got[1] != "100.0.0.0 10.0.0.2@v0 10.0.1.2@v1" {
		t.Fatalf("%d routes, second %q", len(got), got[1])
	}
}

// The kernel takes objects away without a word when carrier goes.
func TestCarrierLossAndReturn(t *testing.T) {
	h := newHub(t)
	h.set("10.1.0.0/16", setAB)
	h.set("10.2.0.0/16", setB)
	h.sync()
	h.table.SweepStale()
	h.sync()
	both := []string{"10.1.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "10.2.0.0/16 10.0.1.2@v1"}
	h.expect(both...)
	for range 3 {
		h.ip("link set w1 down")
		h.linksOnce(true, false)
		if rep := h.sync(); rep.Written != 0 {
			t.Errorf("the group lived on, but: %+v", rep)
		}
		h.expect("10.1.0.0/16 10.0.0.2@v0")
		h.ip("link set w0 down")
		h.linksOnce(false, false)
		h.sync()
		h.expect()
		if r, _ := h.table.Route(netip.MustParsePrefix("10.1.0.0/16")); r.Installed || !strings.Contains(r.Reason, "down") {
			t.Errorf("status %+v", r)
		}
		h.ip("link set w1 up", "link set w0 up")
		h.linksOnce(true, true)
		if rep := h.sync(); rep.Written != 2 {
			t.Errorf("links back: %+v", rep)
		}
		h.expect(both...)
	}
	// A flap between two snapshots: the second looks like the first.
	h.ip("link set v0 down", "link set v1 down", "link set v0 up", "link set v1 up")
	h.linksOnce(true, true)
	h.sync()
	h.expect(both...)
	// The write is the first to learn of it: no snapshot came yet.
	h.ip("link set v0 down", "link set v0 up")
	h.set("10.3.0.0/16", setA)
	h.sync()
	h.expect(append(both, "10.3.0.0/16 10.0.0.2@v0")...)
	if !h.table.InSync() {
		t.Error("not in sync")
	}
}

func TestLinkRecreated(t *testing.T) {
	h := newHub(t)
	h.set("10.1.0.0/16", setAB)
	h.sync()
	h.ip("link del v1")
	h.links()
	h.sync()
	h.expect("10.1.0.0/16 10.0.0.2@v0")
	h.ip("link add v1 type veth peer name w1", "link set w1 up", "link set v1 up", "addr add 10.0.1.1/24 dev v1")
	h.linksOnce(true, true)
	if rep := h.sync(); rep.Written != 0 {
		t.Errorf("the group lived on, but: %+v", rep)
	}
	h.expect("10.1.0.0/16 10.0.0.2@v0 10.0.1.2@v1")
	h.ip("link set v1 down", "link set v1 name x1", "link set x1 up")
	h.links()
	h.sync()
	h.expect("10.1.0.0/16 10.0.0.2@v0")
}

func TestForeignRouteInTheWay(t *testing.T) {
	h := newHub(t)
	h.ip("route add 10.1.0.0/16 via 10.0.0.9 proto static metric 20", "nexthop add id 3372220417 via 10.0.0.8 dev v0")
	h.set("10.1.0.0/16", setAB)
	h.set("10.2.0.0/16", setAB)
	rep := h.table.Sync()
	if len(rep.Failed) != 1 || !errors.Is(rep.Failed[0].Err, ErrForeign) || !strings.Contains(rep.Failed[0].Err.Error(), "10.1.0.0/16") {
		t.Fatalf("report %+v", rep)
	}
	h.expect("10.2.0.0/16 10.0.0.2@v0 10.0.1.2@v1")
	r, _ := h.table.Route(netip.MustParsePrefix("10.1.0.0/16"))
	if r.Installed || !strings.Contains(r.Reason, "static") || h.table.InSync() {
		t.Errorf("status %+v", r)
	}
	if rep := h.sync(); !rep.Quiet() {
		t.Errorf("tried again at once: %+v", rep)
	}
	h.ip("route del 10.1.0.0/16 proto static metric 20")
	if rep := h.table.Reconcile(); rep.Written != 1 || !h.table.InSync() {
		t.Errorf("way free: %+v", rep)
	}
	// Replaced by another program, then deleted by us: theirs stays.
	h.ip("route replace 10.1.0.0/16 via 10.0.0.9 proto static metric 20")
	h.table.Delete(netip.MustParsePrefix("10.1.0.0/16"))
	h.sync()
	var list []any
	if h.read(&list, "route", "show", "proto", "static"); len(list) != 1 {
		t.Error("the foreign route was deleted")
	}
	// Ours already, unknown to us: replaced, not refused.
	h.ip("route add 10.5.0.0/16 via 10.0.0.9 proto 201 metric 20")
	h.set("10.5.0.0/16", setAB)
	h.sync()
	h.expect("10.2.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "10.5.0.0/16 10.0.0.2@v0 10.0.1.2@v1")
}

// A static route depends on no adjacency: the leg that its gateway shares with
// OSPF may be dead.
func TestDeadLegLeavesStatic(t *testing.T) {
	h := newHub(t)
	h.set("10.1.0.0/16", setAB)
	h.set("10.2.0.0/16", nexthop.NewSet(nexthop.Hop{Interface: legA.Interface, Gateway: legA.Gateway}))
	h.table.SetDead(legA, true)
	h.sync()
	h.expect("10.1.0.0/16 10.0.1.2@v1", "10.2.0.0/16 10.0.0.2@v0")
	for _, p := range []string{"10.1.0.0/16", "10.2.0.0/16"} {
		if s, _ := h.table.Route(netip.MustParsePrefix(p)); !s.Installed || s.Hops[0].Dead != (p == "10.1.0.0/16") {
			t.Errorf("%s: %+v", p, s)
		}
	}
}

func TestRefusedGatewayLeavesTheOthers(t *testing.T) {
	h := newHub(t)
	bad := nexthop.NewSet(hop(legA, 1), hop(nexthop.Leg{Interface: "v1", Gateway: netip.MustParseAddr("192.0.2.1")}, 1))
	h.set("10.1.0.0/16", bad)
	rep := h.table.Sync()
	if len(rep.Failed) != 1 || !strings.Contains(rep.Failed[0].Err.Error(), "interface v1: add nexthop") ||
		!strings.Contains(rep.Failed[0].Err.Error(), "192.0.2.1") {
		t.Errorf("report %+v", rep)
	}
	h.expect("10.1.0.0/16 10.0.0.2@v0")
	if h.table.InSync() {
		t.Error("claims to be in sync")
	}
	h.ip("addr add 192.0.2.2/24 dev v1")
	h.links()
	h.sync()
	h.expect("10.1.0.0/16 10.0.0.2@v0 192.0.2.1@v1")
}

// SIGKILL and restart: everything is adopted, nothing is written; what is stale
// leaves when told.
func TestAdopt(t *testing.T) {
	h := newHub(t)
	want := func() {
		for i := range 50 {
			h.table.Set(Route{Prefix: prefixOf(i), NextHops: setAB})
		}
		h.set("10.3.0.0/16", setA)
		h.table.Set(Route{Prefix: netip.MustParsePrefix("10.7.0.0/16"), Discard: true})
	}
	want()
	h.set("10.9.0.0/16", nexthop.NewSet(hop(legA, 1), hop(legB, 9)))
	h.sync()
	h.ip("route add 10.8.0.0/16 via 10.0.0.9 proto 201 metric 77") // an earlier configuration's
	before := h.objects()
	h.restart()
	if rep := h.sync(); !rep.Quiet() {
		t.Errorf("empty start wrote: %+v", rep)
	}
	want()
	if rep := h.sync(); !rep.Quiet() {
		t.Errorf("adoption wrote: %+v", rep)
	}
	if !reflect.DeepEqual(before, h.objects()) {
		t.Errorf("objects changed: %+v → %+v", before, h.objects())
	}
	h.table.SweepStale()
	if rep := h.sync(); rep.Written != 0 || rep.Deleted != 2 || rep.Objects != 1 {
		t.Errorf("sweep: %+v", rep)
	}
	if got := h.routes(); len(got) != 52 || len(h.objects()) != 3 {
		t.Errorf("%d routes, %d objects", len(got), len(h.objects()))
	}
	if n, err := Cleanup(Config{}); err != nil || n < 52 {
		t.Errorf("cleanup: %d, %v", n, err)
	}
	h.expect()
	if left := h.objects(); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

// Before convergence a route of an earlier run changes only when its leg dies.
func TestAdoptedRoutesWait(t *testing.T) {
	h := newHub(t)
	for _, p := range []string{"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"} {
		h.set(p, setA)
	}
	h.set("10.4.0.0/16", setAB)
	h.sync()
	h.restart()
	h.set("10.1.0.0/16", setB)
	h.set("10.2.0.0/16", setA)
	h.table.Delete(netip.MustParsePrefix("10.2.0.0/16"))
	h.set("10.4.0.0/16", setB)
	h.set("10.5.0.0/16", setB)
	h.sync()
	h.expect("10.1.0.0/16 10.0.0.2@v0", "10.2.0.0/16 10.0.0.2@v0", "10.3.0.0/16 10.0.0.2@v0",
		"10.4.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "10.5.0.0/16 10.0.1.2@v1")
	if st, _ := h.table.Route(netip.MustParsePrefix("10.1.0.0/16")); st.Installed || !strings.Contains(st.Reason, "until convergence") {
		t.Errorf("status %+v", st)
	}
	h.table.SetDead(legA, true)
	h.sync()
	h.expect("10.1.0.0/16 10.0.1.2@v1", "10.2.0.0/16 10.0.0.2@v0", "10.3.0.0/16 10.0.0.2@v0",
		"10.4.0.0/16 10.0.1.2@v1", "10.5.0.0/16 10.0.1.2@v1")
	h.set("10.1.0.0/16", setA)
	h.table.SetDead(legA, false)
	h.table.SweepStale()
	h.sync()
	h.expect("10.1.0.0/16 10.0.0.2@v0", "10.4.0.0/16 10.0.1.2@v1", "10.5.0.0/16 10.0.1.2@v1")
}

func TestCleanupLeavesOthersAlone(t *testing.T) {
	h := newHub(t)
	h.ip("route add 10.1.0.0/16 via 10.0.0.9 proto static", "nexthop add id 5 via 10.0.0.8 dev v0 proto static",
		"rule add from 10.0.0.0/8 lookup 77 protocol 201", "rule add from 10.1.0.0/16 lookup 78 protocol static",
		"route add 10.2.0.0/16 via 10.0.0.9 proto 201 table 77")
	if n, err := Cleanup(Config{}); err != nil || n != 2 {
		t.Errorf("cleanup: %d, %v", n, err)
	}
	out, _ := exec.Command("sh", "-c", "ip rule; ip route show table all proto 201; ip route show proto static; ip nexthop").CombinedOutput()
	s := string(out)
	if strings.Contains(s, "77") || !strings.Contains(s, "lookup 78") || !strings.Contains(s, "10.1.0.0/16") || !strings.Contains(s, "id 5") {
		t.Errorf("after cleanup:\n%s", s)
	}
}
