package fib

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/nexthop"
)

// hub is a namespace with two links, v0 (10.0.0.1/24) and v1 (10.0.1.1/24),
// whose far ends are w0 and w1.
type hub struct {
	testing.TB
	table *Table
	name  string
}

func newHub(t testing.TB) *hub {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("ec-fib-%d-%s", os.Getpid(), strings.ToLower(strings.NewReplacer("/", "-", "=", "").Replace(t.Name())))
	ns, err := netns.NewNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ns.Close()
		if err := netns.Set(home); err != nil {
			t.Error(err)
		}
		home.Close()
		if err := netns.DeleteNamed(name); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
	h := &hub{TB: t, name: name}
	h.ip("link add v0 type veth peer name w0", "link add v1 type veth peer name w1",
		"link set w0 up", "link set w1 up", "link set v0 up", "link set v1 up",
		"addr add 10.0.0.1/24 dev v0", "addr add 10.0.1.1/24 dev v1")
	h.restart()
	h.linksOnce(true, true)
	return h
}

// restart forgets the table as SIGKILL would and opens a new one.
func (h *hub) restart() {
	h.Helper()
	if h.table != nil {
		h.table.Close()
	}
	table, err := Open(Config{})
	if err != nil {
		h.Fatal(err)
	}
	h.table = table
	h.Cleanup(table.Close)
	h.links()
}

// ip runs iproute2 once a line: in a batch one line's options leak into the next.
func (h *hub) ip(lines ...string) {
	h.Helper()
	for _, l := range lines {
		if out, err := exec.Command("ip", strings.Fields(l)...).CombinedOutput(); err != nil {
			h.Fatalf("ip %s: %v\n%s", l, err, out)
		}
	}
}

const runningFlags = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP

// links hands the kernel's links to the table, as the link watcher would.
func (h *hub) links() {
	h.Helper()
	list, err := netlink.LinkList()
	if err != nil {
		h.Fatal(err)
	}
	var out []Iface
	for _, l := range list {
		a := l.Attrs()
		out = append(out, Iface{Name: a.Name, Index: a.Index, Up: a.RawFlags&runningFlags == runningFlags})
	}
	h.table.SetLinks(out)
}

// linksOnce waits until v0 and v1 are as said (carrier travels by a kernel worker)
// and hands the links to the table.
func (h *hub) linksOnce(v0, v1 bool) {
	h.Helper()
	var got string
	want := fmt.Sprint(v0, v1)
	for deadline := time.Now().Add(5 * time.Second); got != want; runtime.Gosched() {
		up := map[string]bool{}
		for _, name := range []string{"v0", "v1"} {
			l, err := netlink.LinkByName(name)
			if err != nil {
				h.Fatal(err)
			}
			up[name] = l.Attrs().RawFlags&runningFlags == runningFlags
		}
		if got = fmt.Sprint(up["v0"], up["v1"]); time.Now().After(deadline) {
			h.Fatalf("links are %s, want %s", got, want)
		}
	}
	h.links()
}

// sync wants a Sync without failures.
func (h *hub) sync() Report {
	h.Helper()
	rep := h.table.Sync()
	for _, f := range rep.Failed {
		h.Errorf("sync: %s: %v", f.Prefix, f.Err)
	}
	return rep
}

// read returns what ip -j answers.
func (h *hub) read(out any, args ...string) {
	h.Helper()
	b, err := exec.Command("ip", append([]string{"-j"}, args...)...).Output()
	if err != nil {
		h.Fatalf("ip %v: %v", args, err)
	}
	if len(b) == 0 {
		b = []byte("[]")
	}
	if err := json.Unmarshal(b, out); err != nil {
		h.Fatalf("ip %v: %v in %s", args, err, b)
	}
}

// routes lists our routes as "prefix → dev/via …", as iproute2 sees them.
func (h *hub) routes() []string {
	h.Helper()
	var list []struct {
		Type, Dst, Gateway, Dev string
		Nhid                    uint32
		Metric                  int
		Nexthops                []struct {
			Gateway, Dev string
			Weight       int
			Flags        []string
		}
	}
	h.read(&list, "route", "show", "proto", "201")
	out := []string{}
	for _, r := range list {
		if r.Metric != 20 {
			h.Errorf("%s has metric %d", r.Dst, r.Metric)
		}
		s := r.Dst
		if r.Type != "" && r.Type != "unicast" {
			s = r.Type + " " + s
		}
		if len(r.Nexthops) == 0 && r.Dev != "" && r.Type != "blackhole" {
			s += fmt.Sprintf(" %s@%s", r.Gateway, r.Dev)
		}
		for _, n := range r.Nexthops {
			s += fmt.Sprintf(" %s@%s", n.Gateway, n.Dev)
			if n.Weight != 1 {
				s += fmt.Sprintf("*%d", n.Weight)
			}
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func (h *hub) expect(want ...string) {
	h.Helper()
	slices.Sort(want)
	if want == nil {
		want = []string{}
	}
	if got := h.routes(); !reflect.DeepEqual(got, want) {
		out, _ := exec.Command("sh", "-c", "ip nexthop; ip route; ip link").CombinedOutput()
		h.Fatalf("routes\n got %q\nwant %q\n%s", got, want, out)
	}
}

type object struct {
	ID       uint32
	Protocol any
	Group    []struct{ ID uint32 }
}

func (h *hub) objects() []object {
	h.Helper()
	var list []object
	h.read(&list, "nexthop")
	return list
}

var (
	legA = nexthop.Leg{Interface: "v0", Gateway: netip.MustParseAddr("10.0.0.2")}
	legB = nexthop.Leg{Interface: "v1", Gateway: netip.MustParseAddr("10.0.1.2")}
)

func hop(l nexthop.Leg, weight uint8) nexthop.Hop {
	return nexthop.Hop{Interface: l.Interface, Gateway: l.Gateway, Weight: weight}
}

var (
	setA  = nexthop.NewSet(hop(legA, 1))
	setB  = nexthop.NewSet(hop(legB, 1))
	setAB = nexthop.NewSet(hop(legA, 1), hop(legB, 1))
)

func prefixOf(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
}

func (h *hub) set(prefix string, s nexthop.Set) {
	h.table.Set(Route{Prefix: netip.MustParsePrefix(prefix), NextHops: s})
}

func TestApplyTwice(t *testing.T) {
	h := newHub(t)
	weighted := nexthop.NewSet(hop(legA, 1), hop(legB, 3))
	direct := nexthop.NewSet(nexthop.Hop{Interface: "v1"})
	onlink := nexthop.NewSet(nexthop.Hop{Interface: "v1", Gateway: netip.MustParseAddr("192.0.2.9"), OnLink: true}, hop(legA, 1))
	h.set("10.1.0.0/16", setAB)
	h.set("10.2.0.0/16", setAB)
	h.set("10.3.0.0/16", setA)
	h.set("10.4.0.0/16", weighted)
	h.set("10.5.0.0/16", direct)
	h.set("10.6.0.0/16", onlink)
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
	if rep := h.sync(); rep.Written != 0 || rep.Deleted != 1 || rep.Objects != 2 {
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

func TestRefusedGatewayLeavesTheOthers(t *testing.T) {
	h := newHub(t)
	bad := nexthop.NewSet(hop(legA, 1), nexthop.Hop{Interface: "v1", Gateway: netip.MustParseAddr("192.0.2.1")})
	h.set("10.1.0.0/16", bad)
	rep := h.table.Sync()
	if len(rep.Failed) != 1 || !strings.Contains(rep.Failed[0].Err.Error(), "192.0.2.1") {
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

// events runs a monitor and collects.
func (h *hub) events() chan Event {
	h.Helper()
	m, err := h.table.Monitor()
	if err != nil {
		h.Fatal(err)
	}
	ch, done := make(chan Event, 1000), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- m.Run(ctx, func(e Event) { ch <- e }) }()
	h.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.Error(err)
		}
		m.Close()
	})
	return ch
}

func await(t testing.TB, ch chan Event, what string, ok func(Event) bool) Event {
	t.Helper()
	deadline := time.After(5 * time.Second)
	var last Event
	for {
		select {
		case last = <-ch:
			if ok(last) {
				return last
			}
		case <-deadline:
			t.Fatalf("no event with %s; last %+v", what, last)
		}
	}
}

func TestFlushByOthersHeals(t *testing.T) {
	h := newHub(t)
	// With compatibility on, iproute2 cannot flush routes that have a nexthop id:
	// it sends back the id together with the hops that the kernel listed.
	h.compat("0")
	const n = 2000
	for i := range n {
		h.table.Set(Route{Prefix: prefixOf(i), NextHops: setAB})
	}
	h.sync()
	h.table.SweepStale()
	h.sync()
	ch := h.events()
	await(t, ch, "the first list", func(e Event) bool { return e.Foreign != nil })
	for _, cmd := range []string{"route flush proto 201", "nexthop flush", "route flush table main proto 201", "route del 100.0.0.7 proto 201"} {
		h.ip(cmd)
		start := time.Now()
		for deadline := start.Add(2 * time.Second); ; {
			await(t, ch, "reconcile after "+cmd, func(e Event) bool { return e.Reconcile })
			h.table.Reconcile()
			if got := len(h.routes()); got == n && h.table.InSync() {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("after %q: %d routes", cmd, got)
			}
		}
		t.Logf("%q healed after %v", cmd, time.Since(start))
	}
}

func TestMonitorForeignRoutesAndOwnEchoes(t *testing.T) {
	h := newHub(t)
	ch := h.events()
	first := await(t, ch, "the first list", func(e Event) bool { return e.Foreign != nil })
	if len(first.Foreign) != 2 || !first.Foreign[0].Connected() {
		t.Errorf("first list %+v", first.Foreign)
	}
	for i := range 20000 {
		h.table.Set(Route{Prefix: prefixOf(i), NextHops: setAB})
	}
	h.sync()
	h.table.SetDead(legA, true)
	h.sync()
	h.ip("route add 198.51.100.0/24 via 10.0.0.9 proto static", "route add blackhole 203.0.113.0/24")
	e := await(t, ch, "two more", func(e Event) bool {
		if e.Reconcile {
			t.Errorf("our own writes asked for a reconcile: %s", e.Why)
		}
		return len(e.Foreign) == 4
	})
	want := Foreign{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Protocol: 4, Gateway: netip.MustParseAddr("10.0.0.9"), Ifindex: h.index("v0"), Type: 1}
	if e.Foreign[2] != want || e.Foreign[3].Type != 6 {
		t.Errorf("got %+v, want %+v", e.Foreign, want)
	}
	h.ip("link set w1 down", "link set v1 down") // connected route goes in silence
	await(t, ch, "no 10.0.1.0/24", func(e Event) bool { return len(e.Foreign) == 3 })
}

func (h *hub) index(name string) int {
	l, err := netlink.LinkByName(name)
	if err != nil {
		h.Fatal(err)
	}
	return l.Attrs().Index
}

// compat sets whether the kernel expands and notifies every route of a group.
func (h *hub) compat(value string) {
	h.Helper()
	if err := os.WriteFile("/proc/sys/net/ipv4/nexthop_compat_mode", []byte(value), 0); err != nil {
		h.Fatal(err)
	}
}

func BenchmarkRoutes100k(b *testing.B) {
	for _, compat := range []string{"0", "1"} {
		b.Run("compat="+compat, func(b *testing.B) { benchmarkRoutes(b, compat) })
	}
}

func benchmarkRoutes(b *testing.B, compat string) {
	h := newHub(b)
	h.compat(compat)
	const n = 100000
	for b.Loop() {
		for i := range n {
			h.table.Set(Route{Prefix: prefixOf(i), NextHops: setAB})
		}
		w := h.sync()
		h.table.SetDead(legB, true)
		f := h.sync()
		h.table.SetDead(legB, false)
		h.sync()
		h.set("10.1.0.0/16", setAB)
		one := h.sync()
		start := time.Now()
		h.table.Reconcile()
		r := time.Since(start)
		start = time.Now()
		h.table.Status()
		st := time.Since(start)
		for i := range n {
			h.table.Delete(prefixOf(i))
		}
		d := h.sync()
		b.ReportMetric(float64(w.Duration.Milliseconds()), "write-ms")
		b.ReportMetric(float64(f.Duration.Microseconds()), "failover-µs")
		b.ReportMetric(float64(one.Duration.Microseconds()), "one-µs")
		b.ReportMetric(float64(r.Milliseconds()), "reconcile-ms")
		b.ReportMetric(float64(st.Milliseconds()), "status-ms")
		b.ReportMetric(float64(d.Duration.Milliseconds()), "delete-ms")
	}
}
