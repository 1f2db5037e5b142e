package speaker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"golang.org/x/sys/unix"
)

const (
	idleLinks = 200
	sideEnv   = "ECMPD_SPEAKER_SIDE" // set: this binary plays that side, 0 or 1
)

// chorus is an engine that sends a Hello a second on every link, each at its
// own moment, and counts what it hears.
type chorus struct {
	side  byte
	next  []time.Time
	first int // index of the earliest
	heard int
}

func (c *chorus) Step(now time.Time, in ospf.Input) (out ospf.Output) {
	switch in := in.(type) {
	case ospf.Links:
		for i, l := range in.Links {
			out.Groups = append(out.Groups, ospf.Membership{Interface: l.Name, Group: allSPF, Join: true})
			phase := time.Duration(i*7919%idleLinks) * time.Second / idleLinks
			c.next = append(c.next, now.Add(phase))
		}
		c.find()
	case ospf.Datagram:
		c.heard++
	case ospf.Tick:
		for !c.next[c.first].After(now) {
			i := c.first
			out.Send = append(out.Send, ospf.Transmit{Interface: fmt.Sprintf("v%d", i),
				Src: addrOf(i, c.side), Dst: allSPF, Data: ospfBytes(1, 0)})
			c.next[i] = c.next[i].Add(time.Second)
			c.find()
		}
	}
	return out
}

func (c *chorus) find() {
	c.first = 0
	for i, t := range c.next {
		if t.Before(c.next[c.first]) {
			c.first = i
		}
	}
}

func (c *chorus) Deadline() time.Time {
	if len(c.next) == 0 {
		return time.Time{}
	}
	return c.next[c.first]
}

func chorusLinks(side byte) (snapshot ospf.Links) {
	for i := range idleLinks {
		iface, err := interfaceIndex(fmt.Sprintf("v%d", i))
		if err != nil {
			panic(err)
		}
		snapshot.Links = append(snapshot.Links, ospf.Link{Name: fmt.Sprintf("v%d", i), Index: iface,
			Up: true, Addrs: []ospf.LinkAddr{{Addr: netip.PrefixFrom(addrOf(i, side), 31)}}})
	}
	return snapshot
}

func interfaceIndex(name string) (int, error) {
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

// TestMain plays one side of BenchmarkIdle when it is started by that: it runs
// until its standard input ends, and for every line there it prints
// the processor time it has used and the Hellos it has heard.
func TestMain(m *testing.M) {
	side := os.Getenv(sideEnv)
	if side == "" {
		os.Exit(m.Run())
	}
	engine := &chorus{side: side[0] - '0'}
	s, err := New(engine, Options{OnError: func(iface string, err error) { fmt.Fprintln(os.Stderr, err) }})
	if err != nil {
		panic(err)
	}
	s.Post(chorusLinks(engine.side))
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for line := bufio.NewScanner(os.Stdin); line.Scan(); {
			var u unix.Rusage
			if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
				panic(err)
			}
			heard := 0
			if err := s.Do(func(time.Time) { heard = engine.heard }); err != nil {
				panic(err)
			}
			fmt.Println(u.Utime.Nano()+u.Stime.Nano(), u.Nvcsw, heard)
		}
	}()
	if err := s.Run(ctx); err != nil {
		panic(err)
	}
}

// chorusProcess is one side of BenchmarkIdle in a process of its own.
type chorusProcess struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startChorus(b *testing.B, ns string, side string) chorusProcess {
	c := exec.Command("ip", "netns", "exec", ns, os.Args[0])
	c.Env = append(os.Environ(), sideEnv+"="+side)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); _ = c.Wait() })
	return chorusProcess{in, bufio.NewReader(out)}
}

// usage is processor time in nanoseconds, waits of all threads and Hellos heard, so far.
func (p chorusProcess) usage(b *testing.B) (u [3]float64) {
	if _, err := fmt.Fprintln(p.in); err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Fscanln(p.out, &u[0], &u[1], &u[2]); err != nil {
		b.Fatal(err)
	}
	return u
}

// awaitHellos waits until n Hellos were heard: both ends run.
func (p chorusProcess) awaitHellos(b *testing.B, n float64) [3]float64 {
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		u := p.usage(b)
		if u[2] >= n {
			return u
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.Fatalf("%.0f of %.0f Hellos heard after 15 s", u[2], n)
		}
	}
}

// BenchmarkIdle is a hub with 200 tunnels and Hellos every second in both
// directions; it reports what that costs in percent of one core, sending,
// receiving and the kernel's work included. One iteration lasts a second.
func BenchmarkIdle(b *testing.B) {
	n := newNetwork(b, idleLinks)
	startChorus(b, n.b, "1")
	hub := startChorus(b, n.a, "0")
	first := hub.awaitHellos(b, idleLinks)
	start := time.Now()
	<-time.After(time.Duration(b.N) * time.Second) // the measurement itself
	last, elapsed := hub.usage(b), time.Since(start).Seconds()
	b.ReportMetric((last[0]-first[0])/1e7/elapsed, "%core")
	b.ReportMetric((last[1]-first[1])/elapsed, "waits/s")
	b.ReportMetric((last[2]-first[2])/elapsed, "hellos/s")
}
