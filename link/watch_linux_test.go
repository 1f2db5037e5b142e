package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// inNamespace moves the test's thread to a fresh network namespace that has the
// name it returns, until the test ends.
func inNamespace(t testing.TB, suffix string) string {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("ec-link-%d-%s", os.Getpid(), suffix)
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
	return name
}

// ip runs iproute2 lines as one batch in the thread's namespace.
func ip(t testing.TB, lines ...string) {
	t.Helper()
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ip %q: %v\n%s", lines, err, out)
	}
}

// watched runs a Watcher and waits for conditions on what it delivers.
type watched struct {
	t    testing.TB
	ch   chan Snapshot
	last Snapshot
	n    int
}

func watch(t testing.TB) *watched {
	t.Helper()
	w, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ch, done := make(chan Snapshot, 10000), make(chan error, 1)
	go func() { done <- w.Run(ctx, func(s Snapshot) { ch <- s }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.Close()
	})
	return &watched{t: t, ch: ch}
}

func (w *watched) until(what string, ok func(Snapshot) bool) Snapshot {
	w.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case w.last = <-w.ch:
			w.n++
			if ok(w.last) {
				return w.last
			}
		case <-deadline:
			w.t.Fatalf("no snapshot with %s; last of %d: %.2000s", what, w.n, fmt.Sprintf("%+v", w.last))
		}
	}
}

func has(name string) func(Snapshot) bool {
	return func(s Snapshot) bool { _, ok := s.ByName(name); return ok }
}

func state(name string, up bool) func(Snapshot) bool {
	return func(s Snapshot) bool { l, ok := s.ByName(name); return ok && l.Up == up }
}

func TestWatchFollowsLinks(t *testing.T) {
	ns := inNamespace(t, "follow")
	w := watch(t)
	lo := w.until("lo", has("lo"))
	if l, _ := lo.ByName("lo"); !l.Loopback || l.Index != 1 || l.Up {
		t.Errorf("lo = %+v", l)
	}
	ip(t, "link add name a mtu 1400 type veth peer name b", "link set dev a up", "link set dev b up",
		"addr add 10.0.0.1/24 dev a", "addr add 10.0.0.2/24 dev a", "addr add 10.9.0.1 peer 10.9.0.2/32 dev a")
	s := w.until("a with three addresses", func(s Snapshot) bool { l, _ := s.ByName("a"); return l.Up && len(l.Addrs) == 3 })
	a, _ := s.ByName("a")
	want := []Addr{
		{Addr: netip.MustParsePrefix("10.0.0.1/24")},
		{Addr: netip.MustParsePrefix("10.9.0.1/32"), Peer: netip.MustParseAddr("10.9.0.2")},
		{Addr: netip.MustParsePrefix("10.0.0.2/24"), Secondary: true},
	}
	if !reflect.DeepEqual(a.Addrs, want) || a.MTU != 1400 || a.PointToPoint {
		t.Errorf("a = %+v, want addresses %+v", a, want)
	}
	if byIndex, ok := s.ByIndex(a.Index); !ok || byIndex.Name != "a" {
		t.Errorf("index %d finds %+v", a.Index, byIndex)
	}

	ip(t, "link set dev b down")
	w.until("a without carrier", state("a", false))
	ip(t, "link set dev b up")
	w.until("a with carrier", state("a", true))
	ip(t, "addr del 10.0.0.2/24 dev a")
	w.until("two addresses", func(s Snapshot) bool { l, _ := s.ByName("a"); return len(l.Addrs) == 2 })
	ip(t, "link set dev a mtu 1300")
	w.until("mtu 1300", func(s Snapshot) bool { l, _ := s.ByName("a"); return l.MTU == 1300 })

	ip(t, "link set dev a down", "link set dev a name c")
	w.until("the new name", func(s Snapshot) bool {
		c, ok := s.ByName("c")
		return ok && !has("a")(s) && c.Index == a.Index
	})
	ip(t, "link del c", "link add name c type veth peer name d")
	w.until("another index", func(s Snapshot) bool { c, ok := s.ByName("c"); return ok && c.Index != a.Index })

	ip(t, "link add tun0 type vxlan id 7 dstport 4789 local 127.0.0.1")
	w.until("tun0", has("tun0"))
	other := netnsName(t, ns)
	ip(t, "link set tun0 netns "+other)
	w.until("tun0 gone to another namespace", func(s Snapshot) bool { return !has("tun0")(s) })
}

func netnsName(t *testing.T, ns string) string {
	t.Helper()
	name := ns + "-2"
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", name).Run() })
	return name
}

// TestWatchThousandInterfaces: all arrive, in few dumps, and then a carrier loss
// still arrives at once.
func TestWatchThousandInterfaces(t *testing.T) {
	inNamespace(t, "many")
	w := watch(t)
	w.until("lo", has("lo"))
	var lines []string
	lines = append(lines, "link add name base type veth peer name far", "link set base up", "link set far up")
	for i := range 998 {
		lines = append(lines, fmt.Sprintf("link add name m%d link base type macvlan mode bridge", i), fmt.Sprintf("link set m%d up", i))
	}
	start := time.Now()
	ip(t, lines...)
	made := time.Since(start)
	w.until("1,001 links, 1,000 up", func(s Snapshot) bool {
		up := 0
		for _, l := range s.Links {
			if l.Up {
				up++
			}
		}
		return len(s.Links) == 1001 && up == 1000
	})
	t.Logf("1,000 links made in %v, seen in %v with %d dumps", made, time.Since(start), w.n)
	if w.n > 500 {
		t.Errorf("%d dumps for one burst", w.n)
	}
}

// TestWatchOverrun: while the receiver of a snapshot is busy, more happens than
// the socket's buffer holds. Nothing of it may be missing afterwards.
func TestWatchOverrun(t *testing.T) {
	inNamespace(t, "overrun")
	w, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var bufErr error
	err = w.raw.Control(func(fd uintptr) { bufErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1) })
	if err := errors.Join(err, bufErr); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	busy, goOn, seen := make(chan bool), make(chan bool), make(chan bool, 1)
	done := make(chan error, 1)
	go func() {
		first := true
		done <- w.Run(ctx, func(s Snapshot) {
			if first {
				first = false
				busy <- true
				<-goOn
			}
			if has("last")(s) {
				select {
				case seen <- true:
				default:
				}
			}
		})
	}()
	<-busy
	var lines []string
	for range 200 {
		lines = append(lines, "link set lo up", "link set lo down")
	}
	ip(t, append(lines, "link add last type veth peer name peer")...)
	goOn <- true
	select {
	case <-seen:
	case err := <-done:
		t.Fatalf("watcher ended: %v", err)
	case <-ctx.Done():
		t.Fatal("the last change was never seen")
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestWatchCarrierLossIsQuick measures, among a thousand links, from the end of the
// write that takes the carrier away to the snapshot.
func TestWatchCarrierLossIsQuick(t *testing.T) {
	inNamespace(t, "quick")
	lines := []string{"link add name base type veth peer name far", "link add name a type veth peer name b",
		"link set dev a up", "link set dev b up"}
	for i := range 998 {
		lines = append(lines, fmt.Sprintf("link add name m%d link base type macvlan mode bridge", i))
	}
	ip(t, lines...)
	w := watch(t)
	w.until("a up", state("a", true))
	h, err := netlink.NewHandle()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	b, err := h.LinkByName("b")
	if err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 10 {
		if err := h.LinkSetDown(b); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		w.until("a without carrier", state("a", false))
		best = min(best, time.Since(start))
		if err := h.LinkSetUp(b); err != nil {
			t.Fatal(err)
		}
		w.until("a with carrier", state("a", true))
	}
	t.Logf("carrier loss delivered after %v", best)
	if best > 50*time.Millisecond {
		t.Errorf("best of ten carrier losses delivered after %v", best)
	}
}

func BenchmarkSnapshot1000Links(b *testing.B) {
	inNamespace(b, "bench")
	var lines []string
	lines = append(lines, "link add name base type veth peer name far")
	for i := range 998 {
		lines = append(lines, fmt.Sprintf("link add name m%d link base type macvlan mode bridge", i))
	}
	ip(b, lines...)
	d, err := openDumper()
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	for b.Loop() {
		if s, err := d.snapshot(); err != nil || len(s.Links) != 1001 {
			b.Fatal(len(s.Links), err)
		}
	}
}
