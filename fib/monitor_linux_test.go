package fib

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

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
	deadline := time.After(30 * time.Second)
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

// The kernel keeps a foreign route whose links lose their carrier; the monitor
// tells which hop is left, and when none is.
func TestForeignWithoutCarrier(t *testing.T) {
	h := newHub(t)
	h.ip("route add 0.0.0.0/0 nexthop via 10.0.0.9 nexthop via 10.0.1.9", "route add 192.0.2.0/24 via 10.0.0.9")
	ch := h.events()
	find := func(e Event, prefix string) (f Foreign) {
		for _, r := range e.Foreign {
			if r.Prefix.String() == prefix {
				f = r
			}
		}
		return f
	}
	await(t, ch, "both routes alive", func(e Event) bool {
		def, one := find(e, "0.0.0.0/0"), find(e, "192.0.2.0/24")
		return def.Ifindex == h.index("v0") && !def.Down && one.Ifindex == h.index("v0") && !one.Down
	})
	h.ip("link set w0 down")
	await(t, ch, "the second hop only", func(e Event) bool {
		def := find(e, "0.0.0.0/0")
		return def.Ifindex == h.index("v1") && def.Gateway.String() == "10.0.1.9" && !def.Down && find(e, "192.0.2.0/24").Down
	})
	h.ip("link set w1 down")
	await(t, ch, "no hop", func(e Event) bool { return find(e, "0.0.0.0/0").Down })
}
