package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/injector"
)

const (
	probePort  = 7000
	perAddress = 100 // probes a second to one address: an outage is seen to 10 ms
	probeBurst = 64  // at most at a time, when the processors were busy
	probeTime  = 90  // seconds for which there is room
)

// prober sends numbered datagrams from one node to externals that another
// holds, and that one counts them: a way, not a round trip.
type prober struct {
	from, to *net.UDPConn
	targets  []netip.AddrPort
	rate     int
	done     chan struct{}
	busy     sync.WaitGroup

	mu      sync.Mutex
	sent    []time.Time // by number
	arrived []bool
}

// probe starts rate probes a second to addresses all over the prefixes.
func probe(from, to *lab.Node, prefixes, rate int) (*prober, error) {
	p := &prober{
		rate: rate, done: make(chan struct{}),
		sent: make([]time.Time, 0, probeTime*rate), arrived: make([]bool, probeTime*rate),
	}
	for i := range rate / perAddress {
		address := injector.External(i * prefixes / (rate / perAddress)).Addr().Next()
		p.targets = append(p.targets, netip.AddrPortFrom(address, probePort))
	}
	open := func(n *lab.Node, port int) (c *net.UDPConn, err error) {
		err = n.Do(func() error {
			c, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
			return err
		})
		return c, err
	}
	var err error
	if p.to, err = open(to, probePort); err != nil {
		return nil, fmt.Errorf("probes: %w", err)
	}
	if p.from, err = open(from, 0); err != nil {
		p.to.Close()
		return nil, fmt.Errorf("probes: %w", err)
	}
	_ = p.to.SetReadBuffer(8 << 20)
	p.busy.Go(p.receive)
	p.busy.Go(p.send)
	return p, nil
}

func (p *prober) send() {
	start, payload := time.Now(), make([]byte, 8)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-tick.C:
		}
		due := int(time.Since(start).Seconds()*float64(p.rate)) + 1
		if behind := due - len(p.sent) - probeBurst; behind > 0 {
			start = start.Add(time.Duration(behind) * time.Second / time.Duration(p.rate))
			due -= behind
		}
		for i := len(p.sent); i < min(due, cap(p.sent)); i++ {
			binary.BigEndian.PutUint64(payload, uint64(i))
			p.mu.Lock()
			p.sent = append(p.sent, time.Now())
			p.mu.Unlock()
			_, _ = p.from.WriteToUDPAddrPort(payload, p.targets[i%len(p.targets)]) // what cannot leave is lost
		}
	}
}

func (p *prober) receive() {
	buffer := make([]byte, 64)
	for {
		n, _, err := p.to.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return // closed
		}
		if n != 8 {
			continue
		}
		if i := binary.BigEndian.Uint64(buffer); i < uint64(len(p.arrived)) {
			p.mu.Lock()
			p.arrived[i] = true
			p.mu.Unlock()
		}
	}
}

// arrive tells whether most of the probes of late have arrived.
func (p *prober) arrive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	recent := p.arrived[max(0, len(p.sent)-p.rate/4):len(p.sent)]
	for _, ok := range recent {
		if ok {
			n++
		}
	}
	return n > len(recent)/2
}

// probeResult is what became of the probes since a failure.
type probeResult struct {
	lost, lostAfterDown int
	// gap is the longest time between two probes of one address that
	// arrived, with lost ones between them.
	gap time.Duration
}

// stop gives the last probes time to arrive and counts those since start.
func (p *prober) stop(start, down time.Time) probeResult {
	close(p.done)
	time.Sleep(200 * time.Millisecond)
	p.close()
	var r probeResult
	for first := range p.targets {
		last, lost := time.Time{}, false
		for i := first; i < len(p.sent); i += len(p.targets) {
			switch {
			case !p.arrived[i]:
				lost = true
				if !p.sent[i].Before(start) {
					r.lost++
				}
				if !down.IsZero() && p.sent[i].After(down) {
					r.lostAfterDown++
				}
			case lost && !last.IsZero():
				r.gap = max(r.gap, p.sent[i].Sub(last))
				fallthrough
			default:
				last, lost = p.sent[i], false
			}
		}
	}
	return r
}

// close may follow stop.
func (p *prober) close() {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	p.from.Close()
	p.to.Close()
	p.busy.Wait()
}
