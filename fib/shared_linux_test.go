package fib

import (
	"net/netip"
	"testing"

	"github.com/ecmpd/ecmpd/nexthop"
)

// Routes over a shared set follow it without being written, to one member, to two and past
// legs that all died; after a restart they are found as they are.
func TestSharedSet(t *testing.T) {
	h := newHub(t)
	route := func(p string) Route {
		return Route{Prefix: netip.MustParsePrefix(p), NextHops: setA, Shared: "bgp 192.0.2.1"}
	}
	h.table.SweepStale()
	h.table.Set(route("10.1.0.0/16"))
	h.table.Set(route("10.2.0.0/16"))
	h.set("10.3.0.0/16", setA)
	if rep := h.sync(); rep.Written != 3 || rep.Objects != 2 {
		t.Errorf("first sync: %+v", rep)
	}
	h.expect("10.1.0.0/16 10.0.0.2@v0", "10.2.0.0/16 10.0.0.2@v0", "10.3.0.0/16 10.0.0.2@v0")
	move := func(set nexthop.Set, want ...string) {
		t.Helper()
		h.table.SetShared("bgp 192.0.2.1", set)
		if rep := h.sync(); rep.Written+rep.Deleted != 0 || rep.Objects == 0 {
			t.Errorf("%v: %+v", set, rep)
		}
		h.expect(append(want, "10.3.0.0/16 10.0.0.2@v0")...)
	}
	move(setAB, "10.1.0.0/16 10.0.0.2@v0 10.0.1.2@v1", "10.2.0.0/16 10.0.0.2@v0 10.0.1.2@v1")
	move(setB, "10.1.0.0/16 10.0.1.2@v1", "10.2.0.0/16 10.0.1.2@v1")

	withRouter := setB.Map(func(h nexthop.Hop) nexthop.Hop { h.RouterID = h.Gateway; return h })
	h.table.SetShared("bgp 192.0.2.1", withRouter)
	h.table.SetDead(legB, true)
	if rep := h.sync(); !rep.Quiet() {
		t.Errorf("the last leg died: %+v", rep)
	}
	move(setA, "10.1.0.0/16 10.0.0.2@v0", "10.2.0.0/16 10.0.0.2@v0")

	h.restart()
	h.table.Set(route("10.1.0.0/16"))
	h.table.Set(route("10.2.0.0/16"))
	h.set("10.3.0.0/16", setA)
	h.table.SweepStale()
	if rep := h.sync(); !rep.Quiet() {
		t.Errorf("after a restart: %+v", rep)
	}
	h.table.Delete(netip.MustParsePrefix("10.1.0.0/16"))
	h.table.Delete(netip.MustParsePrefix("10.2.0.0/16"))
	h.sync()
	h.expect("10.3.0.0/16 10.0.0.2@v0")
	if n := len(h.objects()); n != 1 {
		t.Errorf("%d objects are left, want 1", n)
	}
}
