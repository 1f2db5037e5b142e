package firewall

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

// space is a network namespace of a test.
type space string

// newSpace makes a namespace that vanishes with the test.
func newSpace(t testing.TB, name string) space {
	t.Helper()
	s := space(fmt.Sprintf("ec-fw-%d-%s", os.Getpid(), name))
	run(t, "ip", "netns", "add", string(s))
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", string(s)).Run() })
	run(t, "ip", "-n", string(s), "link", "set", "lo", "up")
	return s
}

// do runs fn on a thread of its own inside the namespace. The thread is thrown
// away afterwards.
func (s space) do(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		there, err := netns.GetFromName(string(s))
		if err != nil {
			done <- err
			return
		}
		defer there.Close()
		if err := netns.Set(there); err != nil {
			done <- err
			return
		}
		done <- fn()
	}()
	return <-done
}

// exec runs a program inside the namespace and returns what it printed.
func (s space) exec(t testing.TB, args ...string) string {
	t.Helper()
	return run(t, append([]string{"ip", "netns", "exec", string(s)}, args...)...)
}

// nft loads a script.
func (s space) nft(t testing.TB, script string) {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", string(s), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s\n%s", err, out, script)
	}
}

// open opens the firewall of the namespace, and only that moves there.
func (s space) open(t testing.TB) *Firewall {
	t.Helper()
	var f *Firewall
	if err := s.do(func() (err error) { f, err = Open(); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// listing is what an operator sees, with the counters at zero.
func (s space) listing(t testing.TB) string {
	t.Helper()
	return s.exec(t, "nft", "-s", "list", "ruleset")
}

func run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// eventually waits until cond holds and prints state when it does not.
func eventually(t testing.TB, what string, cond func() bool, state func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within 5 s\n%s", what, state())
		}
	}
}
