package firewall

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite golden files")

func example() Ruleset {
	return Ruleset{
		Interfaces: []string{"vpn1", "vpn2"},
		// Neighbours that touch without being one prefix, and both ends of the space.
		Transit:       prefixes("0.0.0.0/8", "10.10.1.0/24", "10.10.2.0/23", "10.10.4.0/24", "10.9.1.0/30", "10.9.2.1/32", "240.0.0.0/4"),
		Tracked:       prefixes("192.168.77.0/24"),
		ForwardAccept: true,
	}
}

func mustApply(t testing.TB, f *Firewall, r Ruleset) Report {
	t.Helper()
	report, err := f.Apply(r)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func generation(t testing.TB, f *Firewall) uint32 {
	t.Helper()
	gen, err := f.nft.GetGen()
	if err != nil {
		t.Fatal(err)
	}
	return gen.ID
}

// wantKernel reads the kernel afresh and compares it with what is wanted.
func wantKernel(t testing.TB, f *Firewall) {
	t.Helper()
	f.known = false
	ok, err := f.InSync()
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		t.Fatalf("kernel and wanted table differ: %+v", diff(f.have, f.target()))
	}
}

func TestApplyTwiceAndGolden(t *testing.T) {
	s := newSpace(t, "golden")
	f := s.open(t)
	if r := mustApply(t, f, example()); !r.Rebuilt || !r.Untracks {
		t.Errorf("first apply reported %+v", r)
	}
	golden(t, "testdata/table.nft", s.listing(t))

	before := generation(t, f)
	f.known = false // believe nothing
	if r := mustApply(t, f, example()); r.Changed() {
		t.Errorf("second apply reported %+v", r)
	}
	if after := generation(t, f); after != before {
		t.Errorf("second apply moved the generation from %d to %d", before, after)
	}
	if !f.known || f.gen != before {
		t.Errorf("believes in generation %d, kernel has %d", f.gen, before)
	}

	r := example()
	r.ForwardAccept, r.Tracked = false, nil
	if got := mustApply(t, f, r); got.Chains != 1 || got.Deleted != 1 || got.Rebuilt {
		t.Errorf("without accept and tracked: %+v", got)
	}
	golden(t, "testdata/bare.nft", s.listing(t))
	wantKernel(t, f)
}

// TestListingLoads proves that a saved ruleset with our table in it loads again.
// The other scopes have chains and sets of their own, and one becomes another.
func TestScopesGolden(t *testing.T) {
	s := newSpace(t, "scopes")
	f := s.open(t)
	for _, row := range []struct {
		name  string
		scope Scope
	}{{"unseen", Unseen}, {"strays", Strays}, {"", All}} {
		r := example()
		r.Scope, r.FlowTimeout = row.scope, 120*time.Hour
		if report := mustApply(t, f, r); !report.Rebuilt {
			t.Errorf("%s: the table was not rebuilt: %+v", row.name, report)
		}
		golden(t, "testdata/table"+strings.TrimSuffix("-"+row.name, "-")+".nft", s.listing(t))
		wantKernel(t, f)
		if report := mustApply(t, f, r); report.Changed() {
			t.Errorf("%s: the second apply reported %+v", row.name, report)
		}
	}
}

func TestListingLoads(t *testing.T) {
	for _, scope := range []Scope{All, Unseen, Strays} {
		s, other := newSpace(t, fmt.Sprintf("save%d", scope)), newSpace(t, fmt.Sprintf("load%d", scope))
		f := s.open(t)
		r := example()
		r.Scope, r.FlowTimeout = scope, 120*time.Hour
		mustApply(t, f, r)
		other.nft(t, s.exec(t, "nft", "list", "ruleset"))
		if got, want := other.listing(t), s.listing(t); got != want {
			t.Errorf("loaded again it is\n%s\nwant\n%s", got, want)
		}
		g := other.open(t)
		if report := mustApply(t, g, r); report.Changed() {
			t.Errorf("a table that nft loaded is not adopted: %+v\n%+v", report, diff(g.have, g.target()))
		}
	}
}

func TestSetsChangeByDifference(t *testing.T) {
	s := newSpace(t, "diff")
	f := s.open(t)
	mustApply(t, f, Ruleset{})
	before := generation(t, f)
	for i, step := range []struct {
		transit        []netip.Prefix
		added, deleted int
	}{
		{prefixes("10.1.0.0/24", "10.1.1.0/24", "10.1.2.0/24"), 3, 0},
		{prefixes("10.1.0.0/24", "10.1.2.0/24"), 0, 1},
		{prefixes("10.1.0.0/24", "10.1.1.0/24", "10.1.2.0/24"), 1, 0},
		{prefixes("10.1.0.0/23", "10.1.2.0/24"), 1, 2},
		{prefixes("10.1.0.0/25", "10.1.1.0/24", "10.1.2.0/24", "10.1.3.0/24"), 3, 1},
		{prefixes("10.1.0.0/22"), 1, 4},
		{prefixes("0.0.0.0/1", "128.0.0.0/1"), 2, 1},
		{prefixes("255.255.255.254/31", "0.0.0.0/32"), 2, 2},
		{nil, 0, 2},
	} {
		r := mustApply(t, f, Ruleset{Transit: step.transit})
		if r.Added != step.added || r.Deleted != step.deleted || r.Rebuilt || r.Chains != 0 {
			t.Errorf("step %d: %+v, want +%d -%d", i, r, step.added, step.deleted)
		}
		if got, want := generation(t, f), before+uint32(i)+1; got != want {
			t.Errorf("step %d took %d transactions in all, want %d", i, got-before, want-before)
		}
		wantKernel(t, f)
	}
}

func TestStartAdoptsAndSweeps(t *testing.T) {
	s := newSpace(t, "adopt")
	first := s.open(t)
	mustApply(t, first, Ruleset{Interfaces: []string{"vpn1", "vpn2"}, Transit: prefixes("10.1.0.0/16", "10.2.1.0/24", "10.3.0.0/16"), Tracked: prefixes("10.3.1.0/24"), ForwardAccept: true})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	golden := s.listing(t)

	// Nothing is known yet, and nothing may leave but what the configuration decides.
	f := s.open(t)
	before := generation(t, f)
	config := Ruleset{Tracked: prefixes("10.3.1.0/24"), ForwardAccept: true}
	if r := mustApply(t, f, config); r.Changed() || generation(t, f) != before || s.listing(t) != golden {
		t.Fatalf("a start changed the table: %+v\n%s", r, s.listing(t))
	}
	// Routes arrive: one nests in an old one, one covers an old one.
	config.Interfaces, config.Transit = []string{"vpn2", "vpn3"}, prefixes("10.1.2.0/24", "10.2.0.0/16")
	if r := mustApply(t, f, config); r.Added != 2 || r.Deleted != 1 {
		t.Errorf("routes that arrive before convergence: %+v", r)
	}
	list := s.listing(t)
	for _, want := range []string{"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", `"vpn1"`, `"vpn3"`} {
		if !strings.Contains(list, want) {
			t.Errorf("%s is missing before convergence\n%s", want, list)
		}
	}
	report, err := f.Sweep()
	if err != nil || report.Added != 1 || report.Deleted != 3 {
		t.Errorf("sweep: %+v, %v", report, err)
	}
	want := wantedTable(config)
	if c := diff(f.have, want); !c.empty() {
		t.Errorf("after the sweep: %+v", c)
	}
	wantKernel(t, f)
}

func TestForeignDamageHeals(t *testing.T) {
	for name, script := range map[string]string{
		"flush ruleset":    "flush ruleset",
		"delete table":     "delete table inet ecmpd",
		"flush table":      "flush table inet ecmpd",
		"flush chain":      "flush chain inet ecmpd output",
		"delete chain":     "flush chain inet ecmpd output; delete chain inet ecmpd output",
		"flush set":        "flush set inet ecmpd transit4",
		"delete element":   "delete element inet ecmpd transit4 { 10.10.4.0/24 }",
		"foreign element":  "add element inet ecmpd transit4 { 172.16.0.1-172.16.0.6 }",
		"foreign rule":     "add rule inet ecmpd forward drop",
		"foreign chain":    "add chain inet ecmpd x { type filter hook forward priority 5; policy drop; }",
		"foreign set":      "add set inet ecmpd x { type ipv4_addr; }",
		"other policy":     "add chain inet ecmpd forward { type filter hook forward priority filter; policy drop; }",
		"dormant":          "add table inet ecmpd { flags dormant; }",
		"two in one batch": "flush ruleset; add table inet ecmpd",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpace(t, "heal-"+strings.ReplaceAll(name, " ", "-"))
			f := s.open(t)
			mustApply(t, f, example())
			want := s.listing(t)
			s.nft(t, "add table ip keep; add chain ip keep c\n")
			events := watch(t, f)
			s.nft(t, strings.ReplaceAll(script, "; ", "\n")+"\n")
			waitFor(t, events, Event{Own: true})
			if ok, err := f.InSync(); ok || err != nil {
				t.Fatalf("damage not seen: %v %v", ok, err)
			}
			if r, err := f.Reconcile(); err != nil || !r.Changed() {
				t.Fatalf("reconcile: %+v %v", r, err)
			}
			got := s.listing(t)
			if rest, found := strings.CutPrefix(got, "table ip keep {\n\tchain c {\n\t}\n}\n"); found {
				got = rest
			} else if rest, found := strings.CutSuffix(got, "table ip keep {\n\tchain c {\n\t}\n}\n"); found {
				got = rest
			} else if !strings.Contains(script, "ruleset") {
				t.Errorf("the operator's table suffered:\n%s", got)
			}
			if sortedLines(got) != sortedLines(want) { // a chain that comes back comes last
				t.Errorf("healed table is\n%s\nwant\n%s", got, want)
			}
			wantKernel(t, f)
		})
	}
}

func sortedLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// watch collects the events of other people's transactions.
func watch(t testing.TB, f *Firewall) chan Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, ended := make(chan Event, 100), make(chan error, 1)
	go func() { ended <- f.Watch(ctx, func(e Event) { events <- e }) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("watch: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("watch does not end with its context")
		}
	})
	return events
}

func waitFor(t testing.TB, events chan Event, want Event) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case e := <-events:
			if e.Own == want.Own && (e.Other || !want.Other) {
				return
			}
		case <-deadline:
			t.Fatalf("no event %+v within 30 s", want)
		}
	}
}

// TestWatchIgnoresOwnTransactions makes many own changes, then one foreign one,
// and wants to hear of that one only.
func TestWatchIgnoresOwnTransactions(t *testing.T) {
	s := newSpace(t, "watch")
	f := s.open(t)
	events := watch(t, f)
	for i := range 50 {
		mustApply(t, f, Ruleset{Transit: prefixes(fmt.Sprintf("10.0.%d.0/24", i))})
	}
	s.nft(t, "add table ip other\n")
	select {
	case e := <-events:
		if e != (Event{Other: true}) {
			t.Errorf("first event is %+v, want the foreign table only", e)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the foreign table went unnoticed")
	}
}

// TestWatchLosesNews overflows the socket: what was lost must be looked at again.
func TestWatchLosesNews(t *testing.T) {
	s := newSpace(t, "lost")
	f := s.open(t)
	if err := f.monitor.SetReadBuffer(1); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		s.nft(t, fmt.Sprintf("add table ip t%d; add chain ip t%d c\n", i, i))
	}
	waitFor(t, watch(t, f), Event{Own: true, Other: true})
}

func TestOpenWithoutPrivilege(t *testing.T) {
	s := newSpace(t, "caps")
	err := s.do(func() error {
		var none [2]unix.CapUserData
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		if err := unix.Capset(&header, &none[0]); err != nil {
			t.Errorf("capset: %v", err)
		}
		_, err := Open()
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "nftables is not available") {
		t.Errorf("Open without CAP_NET_ADMIN: %v", err)
	}
}

// TestRacingTransaction changes the ruleset behind the back of a transaction
// that is already computed: the kernel must refuse it, and a second try succeed.
func TestRacingTransaction(t *testing.T) {
	s := newSpace(t, "race")
	f := s.open(t)
	mustApply(t, f, example())
	stop, done := make(chan struct{}), make(chan struct{})
	var foreign atomic.Int32
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				if exec.Command("ip", "netns", "exec", string(s), "nft", "add table ip x; delete table ip x").Run() == nil {
					foreign.Add(1)
				}
			}
		}
	}()
	eventually(t, "foreign transactions", func() bool { return foreign.Load() > 0 }, func() string { return "" })
	for i := range 200 {
		mustApply(t, f, Ruleset{Transit: prefixes(fmt.Sprintf("10.%d.0.0/16", i))})
	}
	close(stop)
	<-done
	wantKernel(t, f)
}

func TestRemove(t *testing.T) {
	s := newSpace(t, "remove")
	f := s.open(t)
	s.nft(t, "add table ip keep\n")
	mustApply(t, f, example())
	for range 2 {
		if err := f.Remove(); err != nil {
			t.Fatal(err)
		}
		if got := s.listing(t); got != "table ip keep {\n}\n" {
			t.Errorf("left behind:\n%s", got)
		}
	}
}

// TestManyPrefixes measures what a full table costs, and that it comes and goes.
func TestManyPrefixes(t *testing.T) {
	s := newSpace(t, "many")
	f := s.open(t)
	_ = watch(t, f)
	mustApply(t, f, Ruleset{})
	for _, n := range []int{10_000, 30_000} {
		var list []netip.Prefix
		for i := range n { // every other /30, so that the intervals stay apart
			list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + i>>21), byte(i >> 13), byte(i >> 5), byte(i << 3)}), 30))
		}
		took := func(what string, r Ruleset, added, deleted int) {
			start := time.Now()
			report := mustApply(t, f, r)
			t.Logf("%d prefixes, %s: %v", n, what, time.Since(start).Round(time.Millisecond/10))
			if report.Added != added || report.Deleted != deleted {
				t.Errorf("%s: %+v", what, report)
			}
		}
		took("add", Ruleset{Transit: list}, n, 0)
		start := time.Now()
		wantKernel(t, f)
		t.Logf("%d prefixes, read back: %v", n, time.Since(start).Round(time.Millisecond/10))
		took("one goes", Ruleset{Transit: list[1:]}, 0, 1)
		took("delete", Ruleset{}, 0, n-1)
		wantKernel(t, f)
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}
