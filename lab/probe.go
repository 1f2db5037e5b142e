package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Probe is a steady stream of UDP probes to an echo server, over several flows
// so that all equal-cost paths are in use.
type Probe struct {
	From      *Node
	To        netip.AddrPort
	Flows     int           // one source port each
	FirstPort uint16        // of Flows consecutive source ports
	Interval  time.Duration // between two probes of one flow
}

// ProbeResult is what became of the probes.
type ProbeResult struct {
	Sent, Lost int
	// LongestGap is the longest time that one flow was without an answer:
	// between the sending of the last probe answered before a loss and the
	// first one after it, or the end. Zero when nothing was lost.
	LongestGap time.Duration
	// LostAt is when the lost probes were sent, flow by flow.
	LostAt []time.Time
}

// Stream is a probe stream that is running.
type Stream struct {
	flows    []*flow
	interval time.Duration
	stop     chan struct{}
	stopOnce sync.Once
	busy     sync.WaitGroup
}

type flow struct {
	conn net.Conn

	mu       sync.Mutex
	first    int         // the first probe that counts
	sent     []time.Time // by sequence number
	answered []bool
}

// Start begins to send. The caller calls Stop.
func (p Probe) Start() (*Stream, error) {
	s := &Stream{interval: p.Interval, stop: make(chan struct{})}
	for i := range p.Flows {
		var conn net.Conn
		err := p.From.Do(func() (err error) {
			dialer := net.Dialer{LocalAddr: &net.UDPAddr{Port: int(p.FirstPort) + i}}
			if conn, err = dialer.Dial("udp4", p.To.String()); err != nil {
				return err
			}
			if err = patient(conn.(*net.UDPConn)); err != nil {
				return errors.Join(err, conn.Close())
			}
			return nil
		})
		if err != nil {
			s.close()
			return nil, fmt.Errorf("probes from %s: %w", p.From.name, err)
		}
		f := &flow{conn: conn}
		s.flows = append(s.flows, f)
		s.busy.Go(f.receive)
	}
	s.busy.Go(s.send)
	return s, nil
}

func (s *Stream) send() {
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	for {
		for _, f := range s.flows {
			f.send()
		}
		select {
		case <-s.stop:
			s.settle()
			s.close()
			return
		case <-tick.C:
		}
	}
}

func (s *Stream) close() {
	for _, f := range s.flows {
		f.conn.Close()
	}
}

// settle gives the last probes time to come back, on a busy machine too.
func (s *Stream) settle() {
	deadline := time.Now().Add(2 * time.Second)
	for time.Now().Before(deadline) && slices.ContainsFunc(s.flows, (*flow).waits) {
		time.Sleep(5 * time.Millisecond)
	}
}

// waits tells whether the last probe is unanswered.
func (f *flow) waits() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.answered) > 0 && !f.answered[len(f.answered)-1]
}

func (f *flow) send() {
	f.mu.Lock()
	seq := len(f.sent)
	f.sent = append(f.sent, time.Now())
	f.answered = append(f.answered, false)
	f.mu.Unlock()
	// A probe that cannot leave, for example for want of a route, is lost.
	_, _ = f.conn.Write(binary.BigEndian.AppendUint64(nil, uint64(seq)))
}

func (f *flow) receive() {
	buf := make([]byte, 64)
	for {
		n, err := f.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != 8 {
			continue // an ICMP error about an earlier probe
		}
		seq := binary.BigEndian.Uint64(buf)
		f.mu.Lock()
		if seq < uint64(len(f.answered)) {
			f.answered[seq] = true
		}
		f.mu.Unlock()
	}
}

// Answered tells whether every flow had all the probes answered that it sent
// in the last window of time, those of the last 50 ms excepted, which may be
// under way. A window of 0 looks at all probes.
func (s *Stream) Answered(window time.Duration) bool {
	now := time.Now()
	for _, f := range s.flows {
		if !f.answeredSince(now, window) {
			return false
		}
	}
	return true
}

func (f *flow) answeredSince(now time.Time, window time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	some := false
	for i := len(f.sent) - 1; i >= f.first; i-- {
		age := now.Sub(f.sent[i])
		if window > 0 && age > window {
			break
		}
		if f.answered[i] {
			some = true
		} else if window == 0 || age > 50*time.Millisecond {
			return false
		}
	}
	return some
}

// Mark begins the count anew: Result then covers the probes sent from now on.
func (s *Stream) Mark() {
	for _, f := range s.flows {
		f.mu.Lock()
		f.first = len(f.sent)
		f.mu.Unlock()
	}
}

// Result counts so far. Probes under way count as lost, so stop first for
// exact figures.
func (s *Stream) Result() ProbeResult {
	var r ProbeResult
	for _, f := range s.flows {
		f.count(&r)
	}
	return r
}

func (f *flow) count(r *ProbeResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.Sent += len(f.sent) - f.first
	last, lost := f.first, 0 // the last answered probe, and the losses since
	for i := f.first; i < len(f.sent); i++ {
		if !f.answered[i] {
			lost++
			r.Lost++
			r.LostAt = append(r.LostAt, f.sent[i])
		}
		if lost > 0 && (f.answered[i] || i == len(f.sent)-1) {
			r.LongestGap = max(r.LongestGap, f.sent[i].Sub(f.sent[last]))
		}
		if f.answered[i] {
			last, lost = i, 0
		}
	}
}

// Stop ends the stream, gives the last probes up to two seconds to return and
// counts.
func (s *Stream) Stop() ProbeResult {
	s.stopOnce.Do(func() { close(s.stop) })
	s.busy.Wait()
	return s.Result()
}
