package speaker

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"golang.org/x/sys/unix"
)

// ospfBytes is the header of an OSPF packet of the given type and a mark to know it by.
func ospfBytes(kind, mark byte) []byte {
	b := make([]byte, 44)
	b[0], b[1], b[3] = 2, kind, 44
	b[43] = mark
	return b
}

func addrOf(link int, side byte) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(link / 256), byte(link % 256), side})
}

func TestMulticastAndUnicastBothWays(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 1)
	a, b := newStation(t, n.a), newStation(t, n.b)
	for _, kind := range []byte{1, 4, 99} {
		for _, dst := range []netip.Addr{allSPF, addrOf(0, 1)} {
			sent := ospf.Transmit{Interface: "v0", Src: addrOf(0, 0), Dst: dst, TTL: 1 + 254*(kind%2), Data: ospfBytes(kind, 7)}
			a.Post(transmit(sent))
			b.until(t, fmt.Sprintf("type %d to %v", kind, dst), func() bool { return len(b.received) > 0 })
			got := b.take()[0]
			if got.Interface != "v0" || got.Src != sent.Src || got.Dst != dst || got.TTL != sent.TTL || !bytes.Equal(got.Data, sent.Data) {
				t.Errorf("sent %+v, received %+v", sent, got)
			}
		}
	}
	b.Post(transmit(ospf.Transmit{Interface: "v0", Src: addrOf(0, 1), Dst: allSPF, Data: ospfBytes(1, 8)}))
	a.until(t, "answer", func() bool { return len(a.received) > 0 })
	// The answer is all that a ever received: nothing of its own came back.
	if got := a.take(); len(got) != 1 || got[0].Src != addrOf(0, 1) {
		t.Errorf("received %+v, want the one datagram of the other side", got)
	}
}

// On an unnumbered link the neighbour's address is on no connected network and
// there may be a route to it elsewhere: unicast must leave on the named link.
func TestUnicastOnUnnumberedLink(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	for i, ns := range []string{n.a, n.b} {
		run(t, fmt.Sprintf("addr flush dev v0\naddr add 192.0.2.%d/32 dev v0\n", i+1), "ip", "-n", ns, "-batch", "-")
	}
	run(t, "", "ip", "-n", n.a, "route", "add", "192.0.2.2/32", "via", "10.0.1.1", "dev", "v1")
	a, b := newStation(t, n.a), newStation(t, n.b)
	for _, dst := range []string{"224.0.0.5", "192.0.2.2"} {
		a.Post(transmit(ospf.Transmit{Interface: "v0", Src: netip.MustParseAddr("192.0.2.1"),
			Dst: netip.MustParseAddr(dst), Data: ospfBytes(2, 1)}))
		b.until(t, dst, func() bool { return len(b.received) > 0 })
		if got := b.take()[0]; got.Interface != "v0" {
			t.Errorf("datagram to %s left on %s, want v0", dst, got.Interface)
		}
	}
}

// More interfaces than the kernel allows memberships on one socket.
func TestFortyInterfaces(t *testing.T) {
	t.Parallel()
	const count = 40
	n := newNetwork(t, count)
	a, b := newStation(t, n.a), newStation(t, n.b)
	if len(a.errors) > 0 { // nothing writes there any more: settled
		t.Fatalf("errors: %q", a.errors)
	}
	for i := range count {
		b.Post(transmit(ospf.Transmit{Interface: fmt.Sprintf("v%d", i), Src: addrOf(i, 1), Dst: allSPF, Data: ospfBytes(1+byte(i%2), byte(i))}))
	}
	a.until(t, "datagram from each of 40 links", func() bool { return len(a.received) == count })
	seen := map[string]bool{}
	for _, d := range a.take() {
		seen[d.Interface] = true
		if want := fmt.Sprintf("v%d", d.Data[43]); d.Interface != want {
			t.Errorf("datagram of %s arrived as from %s", want, d.Interface)
		}
	}
	if len(seen) != count {
		t.Errorf("heard %d of %d links", len(seen), count)
	}
}

// A lower igmp_max_memberships only means more sockets.
func TestLowMembershipLimit(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 5)
	run(t, "", "ip", "netns", "exec", n.a, "sh", "-c", "echo 2 > /proc/sys/net/ipv4/igmp_max_memberships")
	a := newStation(t, n.a)
	if len(a.errors) > 0 {
		t.Errorf("errors: %q", a.errors)
	}
	if groups := string(run(t, "", "ip", "-n", n.a, "maddr")); strings.Count(groups, "224.0.0.5") != 5 {
		t.Errorf("want 224.0.0.5 on 5 links:\n%s", groups)
	}
}

func TestLinkComesBackUnderAnotherIndex(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	a := newStation(t, n.a)
	for round := range 3 {
		run(t, "", "ip", "-n", n.a, "link", "del", "v0")
		if round == 1 { // the snapshot between is not always seen
			a.Post(links(t, n.a))
		}
		var batch, peer strings.Builder
		n.addLink(&batch, 0)
		n.addPeer(&peer, 0)
		run(t, batch.String(), "ip", "-n", n.a, "-batch", "-")
		run(t, peer.String(), "ip", "-n", n.b, "-batch", "-")
		n.awaitUp(t)
		// The speaker remembers the membership: no Join is repeated here.
		snapshot := links(t, n.a)
		if err := a.Do(func(now time.Time) { a.relink(now, snapshot) }); err != nil {
			t.Fatal(err)
		}
		b := newStation(t, n.b)
		b.Post(transmit(ospf.Transmit{Interface: "v0", Src: addrOf(0, 1), Dst: allSPF, Data: ospfBytes(1, 3)}))
		a.until(t, "datagram on the new link", func() bool { return len(a.received) > round })
	}
	if holders := len(a.groups.holders); holders != 1 {
		t.Errorf("%d sockets hold 2 memberships, want 1: leaves of vanished links are lost", holders)
	}
}

func TestLeaveEndsMembership(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 1)
	a := newStation(t, n.a)
	err := a.Do(func(time.Time) { a.groups.leave("v0", allSPF) })
	if err != nil {
		t.Fatal(err)
	}
	if groups := string(run(t, "", "ip", "-n", n.a, "maddr")); strings.Contains(groups, "224.0.0.5") {
		t.Errorf("still a member:\n%s", groups)
	}
}

func TestSendErrorsAreReportedOnceASecond(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 2)
	a, b := newStation(t, n.a), newStation(t, n.b)
	run(t, "", "ip", "-n", n.a, "link", "set", "v0", "down")
	for range 50 {
		for _, l := range []string{"v0", "v1", "gone"} {
			i := 0
			if l == "v1" {
				i = 1
			}
			a.Post(transmit(ospf.Transmit{Interface: l, Src: addrOf(i, 0), Dst: allSPF, Data: ospfBytes(1, 1)}))
		}
	}
	b.until(t, "all 50 on the link that is up", func() bool { return len(b.received) == 50 })
	var c Counters
	if err := a.Do(func(time.Time) { c = a.Counters() }); err != nil {
		t.Fatal(err)
	}
	if c.Sent != 50 || c.SendErrors != 100 {
		t.Errorf("counters %+v, want 50 sent and 100 errors", c)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.errors) != 2 {
		t.Errorf("reports %q, want one for v0 and one for gone", a.errors)
	}
}

func TestTickAndOrderOfOutput(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 1)
	var due time.Time // owned by the loop
	ticked := make(chan time.Duration, 1)
	s := &station{}
	s.start(t, n.a, &script{
		step: func(now time.Time, in ospf.Input) ospf.Output {
			if _, ok := in.(ospf.Tick); !ok {
				due = now.Add(30 * time.Millisecond)
				return ospf.Output{}
			}
			late := now.Sub(due)
			due = time.Time{}
			ticked <- late
			return ospf.Output{Done: true}
		},
		deadline: func() time.Time { return due },
	}, Options{OnOutput: func(_ time.Time, out ospf.Output) {
		if !out.Done {
			t.Error("an output without anything in it was passed on")
		}
	}})
	s.Post(ospf.Links{})
	select {
	case late := <-ticked:
		if late < 0 {
			t.Errorf("tick %v before the deadline", -late)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no tick within 30 s")
	}
}

// No wake-up is ever lost, however Posts and Dos fall.
func TestWakeUps(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 0)
	a := newStation(t, n.a)
	const callers, calls = 4, 2000
	done := make(chan struct{}, callers)
	ran := 0 // in the loop
	for range callers {
		go func() {
			defer func() { done <- struct{}{} }()
			for range calls {
				a.Post(ospf.Tick{})
				if err := a.Do(func(time.Time) { ran++ }); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	timeout := time.After(20 * time.Second)
	for range callers {
		select {
		case <-done:
		case <-timeout:
			t.Fatal("callers still wait after 20 s")
		}
	}
	if ran != callers*calls {
		t.Errorf("%d functions ran, want %d", ran, callers*calls)
	}
}

func TestDoAfterTheEnd(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 0)
	a := newStation(t, n.a)
	a.stop()
	<-a.done
	if err := a.Do(func(time.Time) { t.Error("ran") }); !errors.Is(err, ErrStopped) {
		t.Errorf("Do returned %v, want ErrStopped", err)
	}
	a.Post(ospf.Tick{})
}

func TestWithoutCapability(t *testing.T) {
	t.Parallel()
	<-inNamespace(t, newNetwork(t, 0).a, func() {
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&head, &none[0]); err != nil {
			t.Errorf("drop capabilities: %v", err)
			return
		}
		_, err := New(&script{}, Options{})
		if err == nil || !strings.Contains(err.Error(), "needs root or CAP_NET_RAW") {
			t.Errorf("New returned %v", err)
		}
	})
}
