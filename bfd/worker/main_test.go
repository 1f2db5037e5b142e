package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/bfd/speaker"
	"github.com/ecmpd/ecmpd/lab"
	"golang.org/x/sys/unix"
)

// role is what a child process of these tests does: one side of many sessions over
// one link, and work that the rest of a daemon might do meanwhile.
type role struct {
	Side     int
	Sessions int
	Interval time.Duration
	Load     int // goroutines that calculate and make garbage
}

const (
	roleEnv    = "ECMPD_BFD_ROLE" // set: this binary plays that role
	processArg = "bfd-process"    // the only argument: it is the process
)

// usage is what a child answers: so far.
type usage struct {
	Up, Failures int
	Counters     speaker.Counters
	Errors       []string
	Lost         int // sessions that went with the process
}

// sessions of a role: pairs of addresses on the link v0.
func (r role) config(i int) bfd.Config {
	end := func(side int) netip.Addr {
		return netip.AddrFrom4([4]byte{10, byte(i / 250), byte(i % 250), byte(1 + side)})
	}
	return bfd.Config{
		Key: bfd.Key{Interface: "v0", Peer: end(1 - r.Side)}, Local: end(r.Side),
		MinTx: r.Interval, MinRx: r.Interval, Multiplier: 3,
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == processArg {
		if err := Main(); err != nil {
			panic(err)
		}
		return
	}
	text := os.Getenv(roleEnv)
	if text == "" {
		_, _ = lab.SweepStale(tag)
		os.Exit(m.Run())
	}
	var r role
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		panic(err)
	}
	r.play()
}

// play runs until the standard input ends and answers every line there.
func (r role) play() {
	var mu sync.Mutex
	var errs []string
	lost := 0
	w := New(Options{Command: []string{os.Args[0], processArg}, OnEvent: func(e bfd.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Reason == "the BFD process has ended" {
			lost++
		}
	}, OnError: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err.Error())
	}})
	index, err := linkIndex("v0")
	if err != nil {
		panic(err)
	}
	w.Links(map[string]int{"v0": index})
	for i := range r.Sessions {
		w.Set(r.config(i))
	}
	for range r.Load {
		go burn()
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for line := bufio.NewScanner(os.Stdin); line.Scan(); {
			st, err := w.Status(ctx)
			if err != nil {
				panic(err)
			}
			u := usage{Counters: st.Counters}
			mu.Lock()
			u.Errors, u.Lost = errs, lost
			mu.Unlock()
			for _, s := range st.Sessions {
				u.Failures += int(s.Failures)
				if s.State == bfd.Up && s.Detection <= 3*r.Interval {
					u.Up++
				}
			}
			_ = json.NewEncoder(os.Stdout).Encode(u)
		}
	}()
	if err := w.Run(ctx); err != nil {
		panic(err)
	}
}

// burn is what a daemon does at its worst: calculate, encode, make garbage.
func burn() {
	type route struct {
		Prefix, Via string
		Hops        []string
	}
	for {
		routes := make([]*route, 20000)
		for i := range routes {
			routes[i] = &route{fmt.Sprint("10.", i), "192.0.2.1", []string{"a", "b", fmt.Sprint(i)}}
		}
		_ = json.NewEncoder(io.Discard).Encode(routes)
	}
}

func linkIndex(name string) (int, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, err
	}
	return int(req.Uint32()), nil
}

const tag = "ec-bfdwrk"

// pair is two nodes with a link v0 between them.
func pair(t testing.TB, addresses int) (nodes [2]*lab.Node) {
	t.Helper()
	l, err := lab.New(lab.Options{Tag: tag})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	var ends [2]lab.End
	for side, name := range []string{"a", "b"} {
		if nodes[side], err = l.AddNode(name); err != nil {
			t.Fatal(err)
		}
		ends[side] = lab.End{Node: nodes[side], Interface: "v0"}
		for i := range addresses {
			ends[side].Addresses = append(ends[side].Addresses, netip.PrefixFrom(role{Side: side}.config(i).Local, 30))
		}
	}
	if err := l.Connect(ends[0], ends[1], 0); err != nil {
		t.Fatal(err)
	}
	return nodes
}

// player is a child process that plays a role.
type player struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func play(t testing.TB, n *lab.Node, r role) *player {
	t.Helper()
	text, _ := json.Marshal(r)
	p := &player{t: t, cmd: exec.Command("ip", "netns", "exec", n.Namespace(), os.Args[0])}
	p.cmd.Env = append(os.Environ(), roleEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	return p
}

func (p *player) end() {
	p.in.Close()
	_ = p.cmd.Wait()
}

func (p *player) usage() (u usage) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in); err != nil {
		p.t.Fatal(err)
	}
	if err := p.out.Decode(&u); err != nil {
		p.t.Fatal(err)
	}
	return u
}

// allUp waits until n sessions are up at their fast rate.
func (p *player) allUp(n int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := lab.Wait(ctx, "sessions up", func() (bool, string) {
		u := p.usage()
		return u.Up == n, fmt.Sprintf("%+v", u)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}
