package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/fib/sysctl"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/nexthop"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/spf"
	"github.com/ecmpd/ecmpd/transit"
)

// inNamespace moves the test into a network namespace of its own, which vanishes
// with the test's thread.
func inNamespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread is thrown away
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
}

func nft(t *testing.T, script string) {
	t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}

// A chain that has dropped all along is found when transit begins to run, not
// only when somebody touches it.
func TestBlockersFollowTransit(t *testing.T) {
	inNamespace(t)
	nft(t, "table inet filter {\n chain forward {\n type filter hook forward priority 0; policy drop;\n}\n}\n")
	f := newFirewallLoop(newLogger(io.Discard), noSettings, newFirewalldLoop(newLogger(io.Discard), t.TempDir()))
	f.settled = true
	if f.fw == nil {
		t.Fatal("no nftables")
	}
	defer f.close()
	tell := func(s transit.State, blocked int) {
		t.Helper()
		f.apply(wantedRules{state: s})
		for f.look.due && f.look.not.After(time.Now()) {
			runtime.Gosched()
		}
		f.write()
		if s := f.status(); !s.inSync || len(s.blockers) != blocked {
			t.Errorf("%d blockers wanted: %+v", blocked, s)
		}
	}
	full := transit.State{Mode: transit.Notrack, Prefixes: []netip.Prefix{pfx("10.0.0.0/8")}, Interfaces: []string{"vpn1", "vpn2"}}
	tell(transit.State{Mode: transit.Notrack}, 0) // no neighbour yet
	tell(full, 1)
	tell(transit.State{Mode: transit.Off}, 0)
	if out, _ := exec.Command("nft", "list", "tables").Output(); strings.Contains(string(out), "ecmpd") {
		t.Errorf("mode off left %s", out)
	}
	tell(full, 1)
}

// Strict reverse path filtering of an OSPF interface is told, loose is not.
func TestWarnReversePath(t *testing.T) {
	inNamespace(t)
	var out bytes.Buffer
	d := &daemon{log: newLogger(&out)}
	var err error
	if d.settings, err = sysctl.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		all, own string
		warns    bool
	}{{"0", "0", false}, {"1", "0", true}, {"0", "1", true}, {"2", "1", false}, {"1", "2", false}} {
		for of, value := range map[string]string{"all": tt.all, "lo": tt.own} {
			if _, err := d.settings.Set("net.ipv4.conf."+of+".rp_filter", value); err != nil {
				t.Fatal(err)
			}
		}
		out.Reset()
		d.config = &config.Config{Transit: config.Transit{Mode: config.TransitNotrack}}
		d.warnReversePath("lo")
		if out.Len() > 0 {
			t.Errorf("where the firewall loop loosens it: log %q", out.String())
		}
		d.config.Transit.Mode = config.TransitOff
		d.warnReversePath("lo")
		if got := strings.Contains(out.String(), "interface=lo"); got != tt.warns {
			t.Errorf("all %s, interface %s: log %q", tt.all, tt.own, out.String())
		}
		d.loosenReversePath("lo")
		if got := d.settings.ReversePath("lo"); got == sysctl.ReversePathStrict {
			t.Errorf("all %s, interface %s: still strict", tt.all, tt.own)
		}
	}
}

// What an earlier run left in the nftables table is released only behind the
// rules of the state that has converged.
func TestSweepComesLast(t *testing.T) {
	inNamespace(t)
	told := make(chan string, 10)
	cfg := &config.Config{Kernel: config.Kernel{Protocol: 201, Metric: 20}}
	r, err := newRouteLoop(newLogger(io.Discard), cfg, func(ospf.Input) {}, func(m any) { told <- fmt.Sprintf("%T", m) }, func(any) {}, newBFDSessions(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	r.inbox.put(sweep{})
	r.inbox.put(fullNeighbors{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.run(ctx) }()
	got := []string{<-told, <-told}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if want := []string{"daemon.wantedRules", "daemon.sweep"}; !slices.Equal(got, want) {
		t.Errorf("told the firewall loop %v, want %v", got, want)
	}
}

// A leg that dies while many routes are written leaves its group between two batches of them.
func TestDeathInterruptsWrites(t *testing.T) {
	inNamespace(t)
	var links []link.Link
	var hops []nexthop.Hop
	for n := range 2 {
		name, far := fmt.Sprint("v", n), fmt.Sprint("w", n)
		address := pfx(fmt.Sprintf("10.0.%d.1/24", n))
		for _, args := range [][]string{
			{"link", "add", name, "up", "type", "veth", "peer", "name", far}, {"link", "set", far, "up"}, {"address", "add", address.String(), "dev", name},
		} {
			if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				t.Fatalf("ip %v: %v\n%s", args, err, out)
			}
		}
		i, err := net.InterfaceByName(name)
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, up(name, i.Index, link.Addr{Addr: address}))
		gateway := netip.AddrFrom4([4]byte{10, 0, byte(n), 2})
		hops = append(hops, nexthop.Hop{RouterID: gateway, Interface: name, Gateway: gateway, Weight: 1})
	}
	const count = 10_000
	var routes ospfRoutes
	for n := range count {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(n >> 8), byte(n), 0}), 24)
		routes.changes = append(routes.changes, spf.Change{Prefix: p, Route: spf.Route{Prefix: p, Type: spf.External2, NextHops: nexthop.NewSet(hops...)}})
	}

	var log bytes.Buffer
	cfg := &config.Config{Kernel: config.Kernel{Protocol: 201, Metric: 20}, ECMP: config.ECMP{MaxPaths: 16}}
	r, err := newRouteLoop(newLogger(&log), cfg, func(ospf.Input) {}, func(any) {}, func(any) {}, newBFDSessions(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	died := false
	r.fib.Interrupt(func() bool {
		if !died {
			r.inbox.put(legChange{nexthop.Leg{Interface: hops[1].Interface, Gateway: hops[1].Gateway}, true})
			died = true
		}
		return r.interrupted()
	})
	r.inbox.put(linkSnapshot{link.Snapshot{Links: links}})
	r.inbox.put(sweep{})
	r.inbox.put(routes)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // asked behind the interruption
		for written := uint64(0); written < count && t.Context().Err() == nil; runtime.Gosched() {
			got := make(chan uint64, 1)
			r.inbox.put(query{func() { got <- r.written }})
			written = <-got
		}
		cancel()
	}()
	if err := r.run(ctx); err != nil {
		t.Error(err)
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		if _, fields, ok := strings.Cut(line, "kernel routes written"); ok {
			var deleted, nexthops, written int
			for _, f := range strings.Fields(fields) {
				for name, to := range map[string]*int{"deleted": &deleted, "nexthops": &nexthops, "written": &written} {
					if value, ok := strings.CutPrefix(f, name+"="); ok {
						fmt.Sscan(value, to)
					}
				}
			}
			got = append(got, fmt.Sprintf("%d written, %d deleted, %d nexthops", written, deleted, nexthops))
		}
	}
	want := []string{"1024 written, 0 deleted, 3 nexthops", "0 written, 0 deleted, 1 nexthops", "8976 written, 0 deleted, 0 nexthops"}
	if !slices.Equal(got, want) {
		t.Errorf("the writer reported\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
