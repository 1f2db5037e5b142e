package integration

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

var tunnels = []string{"vpn1", "vpn2"}

// How long a connection of a scenario may take: one that has to succeed has time on the busiest machine, for that costs
// nothing; one of those that may fail has what several retransmissions take.
const (
	patient   = time.Minute
	impatient = 7 * time.Second
)

// connect makes TCP connections from host-1 and tells how many failed and how
// many packets came into hub-a and hub-b through their tunnels meanwhile.
func (n *twoHubs) connect(to netip.AddrPort, count int, timeout time.Duration) (result lab.LoadResult, carried [2]uint64) {
	n.t.Helper()
	load := lab.Load{
		From: n.Node("host-1"), To: to, Count: count, FirstPort: n.nextPort,
		Payload: 4096, Timeout: timeout, Parallel: 400,
	}
	n.nextPort += uint16(count)
	before := n.hubCounters()
	result, err := load.Run(n.ctx)
	if err != nil {
		n.t.Fatal(err)
	}
	after := n.hubCounters()
	for i := range carried {
		carried[i] = after[i].Sub(before[i]).RxPackets
	}
	return result, carried
}

func (n *twoHubs) hubCounters() (c [2]lab.Counters) {
	n.t.Helper()
	for i, hub := range []string{"hub-a", "hub-b"} {
		var err error
		if c[i], err = n.Node(hub).Counters(tunnels...); err != nil {
			n.t.Fatal(err)
		}
	}
	return c
}

// allSucceed makes connections that must all succeed.
func (n *twoHubs) allSucceed(count int) (carried [2]uint64) {
	n.t.Helper()
	result, carried := n.connect(service, count, patient)
	if result.Failed() > 0 {
		n.t.Errorf("%d of %d connections failed, the first with %v", result.Failed(), count, result.FirstError())
	}
	return carried
}

// entries are the conntrack entries of a node that name both addresses.
func (n *twoHubs) entries(node string, a, b netip.Addr) []string {
	n.t.Helper()
	var list []string
	for line := range strings.Lines(n.run(node, "conntrack", "-L")) {
		if strings.Contains(line, "="+a.String()+" ") && strings.Contains(line, "="+b.String()+" ") {
			list = append(list, line)
		}
	}
	return list
}

// traffic is a probe stream over eight flows and one TCP connection.
type traffic struct {
	n      *twoHubs
	probes *lab.Stream
	flow   *longFlow
}

// startTraffic returns when all probes are answered, and counts from then on.
func (n *twoHubs) startTraffic() *traffic {
	n.t.Helper()
	stream, err := lab.Probe{
		From: n.Node("host-1"), To: service, Flows: 8, FirstPort: 40000, Interval: 5 * time.Millisecond,
	}.Start()
	if err != nil {
		n.t.Fatal(err)
	}
	flow, err := openFlow(n.Node("host-1"), service, 10*time.Millisecond)
	if err != nil {
		stream.Stop()
		n.t.Fatal(err)
	}
	tr := &traffic{n, stream, flow}
	n.t.Cleanup(func() { tr.probes.Stop(); _ = tr.flow.end() })
	tr.settle()
	stream.Mark()
	return tr
}

// settle waits until nothing has been lost for 300 ms.
func (tr *traffic) settle() {
	tr.n.t.Helper()
	const steady = 300 * time.Millisecond
	if err := lab.Pause(tr.n.ctx, steady); err != nil {
		tr.n.t.Fatal(err)
	}
	tr.n.wait("all probes answered", func() (bool, string) {
		return tr.probes.Answered(steady), ""
	})
}

// stop settles, counts, and demands that the connection still works.
func (tr *traffic) stop() lab.ProbeResult {
	tr.n.t.Helper()
	tr.settle()
	result := tr.probes.Stop()
	if err := tr.flow.end(); err != nil {
		tr.n.t.Errorf("the TCP connection broke: %v", err)
	}
	return result
}

// nothingLost stops and demands that every probe was answered.
func (tr *traffic) nothingLost(during string) {
	tr.n.t.Helper()
	if r := tr.stop(); r.Lost > 0 {
		tr.n.t.Errorf("%s: %d of %d probes lost, longest gap %s", during, r.Lost, r.Sent, r.LongestGap)
	} else {
		tr.n.t.Logf("%s: none of %d probes lost", during, r.Sent)
	}
}

// longFlow is one TCP connection that is used all the time.
type longFlow struct {
	conn  net.Conn
	size  int // bytes each way
	every time.Duration
	beats atomic.Int64 // packets that were answered
	stop  chan struct{}
	end   func() error // once, and then the same answer
}

func openFlow(from *lab.Node, to netip.AddrPort, every time.Duration) (*longFlow, error) {
	f := &longFlow{size: 4096, every: every, stop: make(chan struct{})}
	err := from.Do(func() (err error) {
		dialer := net.Dialer{Timeout: patient}
		f.conn, err = dialer.Dial("tcp4", to.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- f.use() }()
	f.end = sync.OnceValue(func() error {
		close(f.stop)
		return errors.Join(<-done, f.conn.Close())
	})
	return f, nil
}

// use exchanges packets both ways at regular times. A connection that lies
// still for a minute is dead: its retransmissions may be as far apart as its
// way was away.
func (f *longFlow) use() error {
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	buf := make([]byte, f.size)
	for {
		select {
		case <-f.stop:
			return nil
		case <-tick.C:
		}
		if err := f.conn.SetDeadline(time.Now().Add(patient)); err != nil {
			return err
		}
		if _, err := f.conn.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(f.conn, buf); err != nil {
			return err
		}
		f.beats.Add(1)
	}
}
