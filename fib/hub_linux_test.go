package fib

import (
	"encoding/json"
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
		out = append(out, Iface{Name: a.Name, Index: a.Index, Up: a.RawFlags&runningFlags == runningFlags, ARP: a.RawFlags&unix.IFF_NOARP == 0})
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
	return nexthop.Hop{RouterID: l.Gateway, Interface: l.Interface, Gateway: l.Gateway, Weight: weight}
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
