package worker

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/lab"
	"golang.org/x/sys/unix"
)

// child finds the BFD process of a player; 0 when it has none.
func (p *player) child() int {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.cmd.Process.Pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", p.cmd.Process.Pid, task.Name()))
		for _, word := range strings.Fields(string(text)) {
			pid, _ := strconv.Atoi(word)
			return pid
		}
	}
	return 0
}

func await(t *testing.T, what string, ok func() (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := lab.Wait(ctx, what, ok); err != nil {
		t.Fatal(err)
	}
}

// A BFD process that dies is started again and knows its sessions; one whose daemon
// dies goes with it, and the neighbour notices both.
func TestDeaths(t *testing.T) {
	t.Parallel()
	nodes := pair(t, 2)
	r := role{Sessions: 2, Interval: 50 * time.Millisecond}
	far := r
	far.Side = 1
	here, there := play(t, nodes[0], r), play(t, nodes[1], far)
	here.allUp(2)
	first := here.child()
	process, err := os.FindProcess(first)
	if err != nil || first == 0 {
		t.Fatal(first, err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "failures at the far end", func() (bool, string) { u := there.usage(); return u.Failures == 2, fmt.Sprintf("%+v", u) })
	here.allUp(2)
	if u := here.usage(); u.Lost != 2 || len(u.Errors) != 1 || !strings.Contains(u.Errors[0], "it is started again") {
		t.Errorf("%d lost, errors %q", u.Lost, u.Errors)
	}
	second := here.child()
	if err := here.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "failures at the far end", func() (bool, string) { u := there.usage(); return u.Failures == 4, fmt.Sprintf("%+v", u) })
	await(t, "the end of the process", func() (bool, string) {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", second))
		return os.IsNotExist(err), fmt.Sprint(second, " is still there")
	})
}

// Whoever floods the control port costs a microsecond or two for each datagram, which matters
// because the process has real-time priority, and takes no session down.
func TestFlood(t *testing.T) {
	nodes := pair(t, 2)
	r := role{Sessions: 2, Interval: 100 * time.Millisecond}
	far := r
	far.Side = 1
	here, there := play(t, nodes[0], r), play(t, nodes[1], far)
	here.allUp(2)
	there.allUp(2)
	var fd int
	err := nodes[1].Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, 255)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Port: 3784, Addr: r.config(0).Local.As4()}
	forged := []byte{1 << 5, 3 << 6, 3, 24, 9, 9, 9, 9, 9, 9, 9, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0} // Up, of no session
	before, sent := here.usage(), uint64(0)
	start := time.Now()
	for time.Since(start) < 3*time.Second {
		for range 256 {
			if unix.Sendto(fd, forged, unix.MSG_DONTWAIT, to) == nil {
				sent++
			}
		}
	}
	after, took := here.usage(), time.Since(start)
	read := after.Counters.Received - before.Counters.Received
	each := (after.Counters.CPU - before.Counters.CPU) / time.Duration(max(read, 1))
	t.Logf("%d datagrams sent in %s, %d read, %s of processor time for each, %s late at most", sent, took, read, each, after.Counters.Late)
	if read < sent/2 || each > 10*time.Microsecond {
		t.Errorf("%d of %d datagrams were read, at %s each", read, sent, each)
	}
	if failures := after.Failures + there.usage().Failures; failures > 0 && after.Counters.Late < 2*r.Interval {
		t.Errorf("%d failures, although nothing was later than %s", failures, after.Counters.Late)
	}
}

// A daemon that ends in order says good-bye: no failure at the far end.
func TestStop(t *testing.T) {
	t.Parallel()
	nodes := pair(t, 2)
	r := role{Sessions: 2, Interval: 50 * time.Millisecond}
	far := r
	far.Side = 1
	here, there := play(t, nodes[0], r), play(t, nodes[1], far)
	here.allUp(2)
	there.allUp(2)
	here.in.Close()
	if err := here.cmd.Wait(); err != nil {
		t.Error(err)
	}
	await(t, "the end", func() (bool, string) { u := there.usage(); return u.Up == 0, fmt.Sprintf("%+v", u) })
	if u := there.usage(); u.Failures != 0 {
		t.Errorf("the far end counts %d failures", u.Failures)
	}
}

// A process that cannot be started is an error, and no reason to keep anybody waiting.
func TestNoProgram(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 16)
	w := New(Options{Command: []string{"/nonexistent"}, OnEvent: func(bfd.Event) {}, OnError: func(err error) { errs <- err }})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	w.Set(role{Interval: 50 * time.Millisecond}.config(0))
	if err := <-errs; !strings.Contains(err.Error(), "/nonexistent") {
		t.Error(err)
	}
	if _, err := w.Status(ctx); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Without sessions there is no process, and questions are answered all the same.
func TestNoProcess(t *testing.T) {
	t.Parallel()
	w := New(Options{Command: []string{"/nonexistent"}, OnError: func(err error) { t.Error(err) }})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	w.Links(map[string]int{"lo": 1})
	if st, err := w.Status(ctx); err != nil || len(st.Sessions) != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
