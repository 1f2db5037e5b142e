package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	"github.com/ecmpd/ecmpd/ospf"
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
	f := newFirewallLoop(newLogger(io.Discard), noSettings)
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
