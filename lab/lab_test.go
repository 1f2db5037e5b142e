package lab_test

import (
	"bufio"
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

func newLab(t *testing.T) *lab.Lab {
	t.Helper()
	l, err := lab.New(lab.Options{Tag: "ec-lab"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func addNode(t *testing.T, l *lab.Lab, name string) *lab.Node {
	t.Helper()
	n, err := l.AddNode(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func prefixes(s ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, p := range s {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}

// pair is two nodes, left 10.0.0.1 and right 10.0.0.2, on one link "eth0".
func pair(t *testing.T) (left, right *lab.Node) {
	t.Helper()
	l := newLab(t)
	left, right = addNode(t, l, "left"), addNode(t, l, "right")
	err := l.Connect(
		lab.End{Node: left, Interface: "eth0", Addresses: prefixes("10.0.0.1/24")},
		lab.End{Node: right, Interface: "eth0", Addresses: prefixes("10.0.0.2/24")}, 1400)
	if err != nil {
		t.Fatal(err)
	}
	return left, right
}

func run(t *testing.T, n *lab.Node, argv ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := n.Run(ctx, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func TestNodeIsAMachineOfItsOwn(t *testing.T) {
	left, right := pair(t)
	home, _ := os.Readlink("/proc/self/ns/net")
	if got := run(t, left, "hostname"); got != "left" {
		t.Errorf("hostname %q, want left", got)
	}
	if got := run(t, left, "readlink", "/proc/self/ns/net"); got == home || got == run(t, right, "readlink", "/proc/self/ns/net") {
		t.Errorf("left runs in namespace %s, which is not its own", got)
	}
	if got, _ := os.Readlink("/proc/self/ns/net"); got != home {
		t.Errorf("this program moved from %s to %s", home, got)
	}
	if host, _ := os.Hostname(); host == "left" || host == "right" {
		t.Errorf("this machine is now called %s", host)
	}
	seeds := map[string]bool{}
	for _, n := range []*lab.Node{left, right} {
		seed := run(t, n, "cat", "/proc/sys/net/ipv4/fib_multipath_hash_seed")
		if seed == "0" || seeds[seed] {
			t.Errorf("%s has multipath hash seed %s, want one of its own", n.Name(), seed)
		}
		seeds[seed] = true
		for key, want := range map[string]string{"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0.rp_filter": "2", "net.ipv4.conf.eth0.forwarding": "1"} {
			if got, err := n.ReadSysctl(key); got != want || err != nil {
				t.Errorf("%s: %s = %q, %v, want %s", n.Name(), key, got, err, want)
			}
		}
	}
	if out := run(t, left, "ip", "-o", "link", "show", "eth0"); !strings.Contains(out, "mtu 1400") {
		t.Errorf("want mtu 1400: %s", out)
	}
	run(t, left, "ping", "-c1", "-W2", "10.0.0.2")
}

func TestRunReportsFailure(t *testing.T) {
	left, _ := pair(t)
	_, err := left.Run(t.Context(), "ls", "/does/not/exist")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(err.Error(), "/does/not/exist") || !strings.HasPrefix(err.Error(), "left: ls") {
		t.Errorf("got %v, want node, command, exit status and what it said", err)
	}
	if _, err := left.Run(t.Context(), "no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
}

func TestProcessStopsAndIsKilled(t *testing.T) {
	left, _ := pair(t)
	polite, err := left.Start("polite", "sh", "-c", "echo ready; exec sleep 1000")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err = lab.Wait(ctx, "output in the log", func() (bool, string) { return strings.Contains(polite.Log(), "ready"), polite.Log() })
	if err != nil {
		t.Fatal(err)
	}
	if polite.Err() != nil {
		t.Errorf("running process has error %v", polite.Err())
	}
	if err := polite.Stop(ctx); err != nil {
		t.Error(err)
	}
	if polite.Err() == nil {
		t.Error("stopped process has no error")
	}
	family, err := left.Start("family", "sh", "-c", "trap '' TERM; sleep 1000 & echo $!; wait")
	if err != nil {
		t.Fatal(err)
	}
	err = lab.Wait(ctx, "pid of the child", func() (bool, string) { return strings.Contains(family.Log(), "\n"), family.Log() })
	if err != nil {
		t.Fatal(err)
	}
	child := strings.TrimSpace(family.Log())
	family.Kill()
	err = lab.Wait(ctx, "child gone", func() (bool, string) { return !alive(child), child })
	if err != nil {
		t.Error(err)
	}
}

func alive(pid string) bool {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

func TestLoadCountsConnections(t *testing.T) {
	left, right := pair(t)
	at := netip.MustParseAddrPort("10.0.0.2:7")
	echo, err := right.Echo(at)
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	// The operator's rule lets only odd source ports in.
	err = right.Firewall(t.Context(), `table ip t {
		chain in {
			type filter hook input priority 0
			tcp sport & 1 == 0 drop
		}
	}`)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	load := lab.Load{From: left, To: at, Count: 40, FirstPort: 20000, Payload: 100_000, Timeout: 500 * time.Millisecond,
		Progress: func(done, failed int) { calls++ }}
	result, err := load.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(result) != 40 || result.Failed() != 20 || calls != 40 {
		t.Errorf("%d connections, %d failed, %d progress calls, want 40, 20, 40: %v", len(result), result.Failed(), calls, result.FirstError())
	}
	for i, err := range result {
		if (err != nil) != (i%2 == 0) {
			t.Errorf("source port %d: %v", 20000+i, err)
		}
	}
}

func TestProbeMeasuresAnOutage(t *testing.T) {
	left, right := pair(t)
	at := netip.MustParseAddrPort("10.0.0.2:7")
	echo, err := right.Echo(at)
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	before, err := left.Counters("eth0")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := lab.Probe{From: left, To: at, Flows: 4, FirstPort: 30000, Interval: 2 * time.Millisecond}.Start()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answered := func() (bool, string) { return stream.Answered(200 * time.Millisecond), "silence" }
	if err := lab.Wait(ctx, "first answers", answered); err != nil {
		t.Fatal(err)
	}
	if r := stream.Result(); r.Sent == 0 {
		t.Errorf("nothing was sent: %+v", r)
	}
	if err := right.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	down := time.Now()
	err = lab.Wait(ctx, "300 ms of silence", func() (bool, string) { return time.Since(down) > 300*time.Millisecond, "" })
	if err != nil {
		t.Fatal(err)
	}
	if stream.Answered(100 * time.Millisecond) {
		t.Error("answers over a link that is down")
	}
	if err := right.SetLink("eth0", true); err != nil {
		t.Fatal(err)
	}
	if err := lab.Wait(ctx, "answers again", answered); err != nil {
		t.Fatal(err)
	}
	outage := time.Since(down)
	r := stream.Stop()
	if r.LongestGap < 300*time.Millisecond || r.LongestGap > outage || r.Lost == 0 || r.Lost > r.Sent {
		t.Errorf("%+v, want a gap between 300 ms and %s", r, outage)
	}
	after, err := left.Counters("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if d := after.Sub(before); d.TxPackets < uint64(r.Sent-r.Lost) || d.RxPackets < uint64(r.Sent-r.Lost) {
		t.Errorf("counted %+v for %+v", d, r)
	}
}

func TestNextHops(t *testing.T) {
	l := newLab(t)
	a, b := addNode(t, l, "a"), addNode(t, l, "b")
	for i, net := range []string{"10.0.1.", "10.0.2."} {
		ifname := "eth" + strconv.Itoa(i)
		err := l.Connect(
			lab.End{Node: a, Interface: ifname, Addresses: prefixes(net + "1/24")},
			lab.End{Node: b, Interface: ifname, Addresses: prefixes(net + "2/24")}, 0)
		if err != nil {
			t.Fatal(err)
		}
	}
	dst := netip.MustParsePrefix("10.9.0.0/24")
	hops := func() string {
		list, err := a.NextHops(dst)
		if err != nil {
			t.Fatal(err)
		}
		var s []string
		for _, h := range list {
			s = append(s, h.Via.String()+"%"+h.Interface)
		}
		return strings.Join(s, " ")
	}
	if got := hops(); got != "" {
		t.Errorf("got %q before there is a route", got)
	}
	run(t, a, "ip", "nexthop", "add", "id", "1", "via", "10.0.1.2", "dev", "eth0")
	run(t, a, "ip", "nexthop", "add", "id", "2", "via", "10.0.2.2", "dev", "eth1")
	run(t, a, "ip", "nexthop", "add", "id", "3", "group", "1/2")
	run(t, a, "ip", "route", "add", dst.String(), "nhid", "3")
	if got, want := hops(), "10.0.1.2%eth0 10.0.2.2%eth1"; got != want {
		t.Errorf("group: got %q, want %q", got, want)
	}
	run(t, a, "ip", "route", "replace", dst.String(), "nexthop", "via", "10.0.1.2", "nexthop", "via", "10.0.2.2")
	if err := b.SetLink("eth1", false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := lab.Wait(ctx, "only the leg with carrier", func() (bool, string) { s := hops(); return s == "10.0.1.2%eth0", s })
	if err != nil {
		t.Error(err)
	}
}

func TestCloseRemovesEverything(t *testing.T) {
	l, err := lab.New(lab.Options{Tag: "ec-lab"})
	if err != nil {
		t.Fatal(err)
	}
	n := addNode(t, l, "one")
	if _, err := l.AddNode("one"); err == nil {
		t.Error("two nodes of one name")
	}
	p, err := n.Start("sleep", "sh", "-c", "setsid sleep 1000 & wait")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if p.Err() == nil {
		t.Error("the process still runs")
	}
	if left := leftovers(l.Name()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func leftovers(name string) []string {
	spaces, _ := filepath.Glob("/run/netns/" + name + "*")
	dirs, _ := filepath.Glob("/run/" + name + "*")
	return append(spaces, dirs...)
}

// TestSweepStale crashes a program that has a lab, and one that keeps its lab.
func TestSweepStale(t *testing.T) {
	const helper = "EC_LAB_HELPER"
	if mode := os.Getenv(helper); mode != "" {
		liveInALab(mode == "keep")
	}
	for _, mode := range []string{"crash", "keep"} {
		t.Run(mode, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSweepStale$")
			cmd.Env = append(os.Environ(), helper+"="+mode)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, _ := bufio.NewReader(out).ReadString('\n')
			name, pid, ok := strings.Cut(strings.TrimSpace(line), " ")
			if !ok {
				t.Fatalf("helper said %q", line)
			}
			if swept, err := lab.SweepStale("ec-lab-sweep"); err != nil || len(swept) > 0 {
				t.Errorf("swept %v of a program that lives, %v", swept, err)
			}
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if mode == "crash" {
				err := lab.Wait(ctx, "process dies with its program", func() (bool, string) { return !alive(pid), pid })
				if err != nil {
					t.Error(err)
				}
			} else if !alive(pid) {
				t.Error("the process of a kept lab died with its program")
			}
			swept, err := lab.SweepStale("ec-lab-sweep")
			if err != nil || len(swept) != 1 || swept[0] != name {
				t.Errorf("swept %v, %v, want %s", swept, err, name)
			}
			if alive(pid) {
				t.Error("the process survived the sweep")
			}
			if left := leftovers(name); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// liveInALab is the program that TestSweepStale kills.
func liveInALab(keep bool) {
	l, err := lab.New(lab.Options{Tag: "ec-lab-sweep", Keep: keep})
	if err != nil {
		panic(err)
	}
	n, err := l.AddNode("one")
	if err != nil {
		panic(err)
	}
	p, err := n.Start("sleep", "sleep", "100")
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString(l.Name() + " " + strconv.Itoa(p.Pid()) + "\n")
	select {}
}

func TestWaitTellsTheLastState(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	err := lab.Wait(ctx, "two neighbours Full", func() (bool, string) { return false, "one in ExStart" })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "two neighbours Full") || !strings.Contains(err.Error(), "one in ExStart") {
		t.Errorf("got %v", err)
	}
}
