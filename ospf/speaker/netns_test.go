package speaker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"golang.org/x/sys/unix"
)

var allSPF = netip.MustParseAddr("224.0.0.5")

// network is two fresh namespaces, each end of every link in one of them.
type network struct{ a, b string }

var networks atomic.Int32 // made so far, for their names

func newNetwork(t testing.TB, links int) network {
	t.Helper()
	base := fmt.Sprintf("ec-speaker-%d-%d-", os.Getpid(), networks.Add(1))
	n := network{base + "a", base + "b"}
	for _, ns := range []string{n.a, n.b} {
		run(t, "", "ip", "netns", "add", ns)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
	}
	var batch strings.Builder
	for i := range links {
		n.addLink(&batch, i)
	}
	run(t, batch.String(), "ip", "-n", n.a, "-batch", "-")
	batch.Reset()
	for i := range links {
		n.addPeer(&batch, i)
	}
	run(t, batch.String(), "ip", "-n", n.b, "-batch", "-")
	n.awaitUp(t)
	return n
}

// awaitUp returns when every link passes packets: the kernel attaches the
// queue a moment after the carrier, and drops in silence what is sent before.
func (n network) awaitUp(t testing.TB) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for _, ns := range []string{n.a, n.b} {
		for {
			out := run(t, "", "ip", "-n", ns, "-o", "link", "show", "type", "veth")
			if strings.Count(string(out), "state UP") == strings.Count(string(out), "\n") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("links in %s are not up after 10 s:\n%s", ns, out)
			}
		}
	}
}

// addLink is link i: v<i> in both namespaces, 10.<i>/31 as address.
func (n network) addLink(batch *strings.Builder, i int) {
	fmt.Fprintf(batch, "link add v%d type veth peer name v%d netns %s\n", i, i, n.b)
	fmt.Fprintf(batch, "addr add 10.%d.%d.0/31 dev v%d\nlink set v%d up\n", i/256, i%256, i, i)
}

func (n network) addPeer(batch *strings.Builder, i int) {
	fmt.Fprintf(batch, "addr add 10.%d.%d.1/31 dev v%d\nlink set v%d up\n", i/256, i%256, i, i)
}

func run(t testing.TB, stdin, name string, args ...string) []byte {
	t.Helper()
	c := exec.Command(name, args...)
	c.Stdin = strings.NewReader(stdin)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// links reads the snapshot of a namespace.
func links(t testing.TB, ns string) ospf.Links {
	t.Helper()
	var list []struct {
		IfIndex  int
		IfName   string
		MTU      int
		Flags    []string
		AddrInfo []struct {
			Local     string
			PrefixLen int
			Family    string
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(run(t, "", "ip", "-n", ns, "-j", "addr"), &list); err != nil {
		t.Fatal(err)
	}
	var snapshot ospf.Links
	for _, l := range list {
		if l.IfName == "lo" {
			continue
		}
		link := ospf.Link{Name: l.IfName, Index: l.IfIndex, MTU: l.MTU, Up: true}
		for _, a := range l.AddrInfo {
			if a.Family == "inet" {
				link.Addrs = append(link.Addrs, ospf.LinkAddr{
					Addr: netip.PrefixFrom(netip.MustParseAddr(a.Local), a.PrefixLen)})
			}
		}
		snapshot.Links = append(snapshot.Links, link)
	}
	return snapshot
}

// inNamespace runs f on a thread of its own inside the namespace; the thread ends with f.
func inNamespace(t testing.TB, ns string, f func()) (done <-chan struct{}) {
	t.Helper()
	fd, err := os.Open("/run/netns/" + ns)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer fd.Close()
		runtime.LockOSThread() // and never unlocked: the thread is not used again
		if err := unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Errorf("enter %s: %v", ns, err)
			return
		}
		f()
	}()
	return ended
}

// script is an engine whose behaviour a test writes down.
type script struct {
	step     func(now time.Time, in ospf.Input) ospf.Output
	deadline func() time.Time
}

func (s *script) Step(now time.Time, in ospf.Input) ospf.Output { return s.step(now, in) }

func (s *script) Deadline() time.Time {
	if s.deadline == nil {
		return time.Time{}
	}
	return s.deadline()
}

// station is a speaker in a namespace with an engine that joins AllSPFRouters
// on every link it hears of, sends what it is told and keeps what it receives.
type station struct {
	*Speaker
	mu       sync.Mutex
	received []ospf.Datagram
	errors   []string
	changed  chan struct{} // gets a token after every change
	stop     context.CancelFunc
	done     <-chan struct{}
}

func (s *station) note(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// toSend marks a datagram that is to be sent.
const toSend = "to send on "

// transmit is the input by which a test makes a station send: the engine's
// inputs are a closed set, so it borrows the one that carries datagrams.
func transmit(t ospf.Transmit) ospf.Input {
	return ospf.Datagram{Interface: toSend + t.Interface, Src: t.Src, Dst: t.Dst, TTL: t.TTL, Data: t.Data}
}

func (s *station) Step(_ time.Time, in ospf.Input) (out ospf.Output) {
	switch in := in.(type) {
	case ospf.Links:
		for _, l := range in.Links {
			out.Groups = append(out.Groups, ospf.Membership{Interface: l.Name, Group: allSPF, Join: true})
		}
	case ospf.Datagram:
		if name, ok := strings.CutPrefix(in.Interface, toSend); ok {
			out.Send = append(out.Send, ospf.Transmit{Interface: name, Src: in.Src, Dst: in.Dst, TTL: in.TTL, Data: in.Data})
			return out
		}
		in.Data = append([]byte(nil), in.Data...)
		s.note(func() { s.received = append(s.received, in) })
	}
	return out
}

func (s *station) Deadline() time.Time { return time.Time{} }

func newStation(t testing.TB, ns string) *station {
	t.Helper()
	s := &station{changed: make(chan struct{}, 1)}
	s.start(t, ns, s, Options{OnError: func(iface string, err error) {
		s.note(func() { s.errors = append(s.errors, iface+": "+err.Error()) })
	}})
	s.Post(links(t, ns))
	s.settled(t)
	return s
}

// start runs a speaker in the namespace until the test ends.
func (s *station) start(t testing.TB, ns string, engine Engine, options Options) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan error, 1)
	s.stop = cancel
	s.done = inNamespace(t, ns, func() {
		var err error
		s.Speaker, err = New(engine, options)
		ready <- err
		if err == nil {
			if err := s.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	})
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-s.done })
}

// settled returns when everything posted so far was processed.
func (s *station) settled(t testing.TB) {
	t.Helper()
	if err := s.Do(func(time.Time) {}); err != nil {
		t.Fatal(err)
	}
}

// take returns what was received so far and forgets it.
func (s *station) take() []ospf.Datagram {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.received
	s.received = nil
	return list
}

// until waits for a condition on the station's record.
func (s *station) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		ok := cond()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-s.changed:
		case <-deadline:
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Fatalf("no %s within 5 s; received %v, errors %q", what, s.received, s.errors)
		}
	}
}
