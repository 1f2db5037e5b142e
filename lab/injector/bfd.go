package injector

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	bfdPort     = 3784 // RFC 5881 4
	bfdSource   = 49152
	bfdLength   = 24 // bytes, RFC 5880 4.1 without authentication
	bfdInterval = 50 * time.Millisecond
	bfdSlow     = time.Second // RFC 5880 6.8.3, before a session is Up
	bfdMultiple = 3
	bfdPoll     = 0x20
	bfdFinal    = 0x10
)

// BFD session states (RFC 5880 4.1).
const (
	bfdDown = 1
	bfdInit = 2
	bfdUp   = 3
)

// bfd answers whoever speaks BFD to this namespace: the passive role, in
// asynchronous mode, 50 ms × 3. It does not look at its own detection time. It
// has a lock and a clock of its own, and real-time priority when it may: a session that
// fails because this process or the machine is busy would be no measurement.
type bfd struct {
	listen, speak *net.UDPConn

	mu       sync.Mutex // guards what follows
	sessions map[netip.Addr]*bfdSession
	silent   bool
}

type bfdSession struct {
	to           netip.AddrPort
	state        byte
	mine, yours  uint32 // discriminators
	poll         bool
	yourInterval time.Duration // Required Min RX of the other side
	next         time.Time
}

func openBFD() (*bfd, error) {
	ttl := func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, 255) }); err != nil {
			return err
		}
		return failed
	}
	open := func(port int) (*net.UDPConn, error) {
		config := net.ListenConfig{Control: ttl}
		c, err := config.ListenPacket(context.Background(), "udp4", fmt.Sprintf(":%d", port))
		if err != nil {
			return nil, fmt.Errorf("BFD: %w", err)
		}
		return c.(*net.UDPConn), nil
	}
	listen, err := open(bfdPort)
	if err != nil {
		return nil, err
	}
	speak, err := open(bfdSource)
	if err != nil {
		listen.Close()
		return nil, err
	}
	return &bfd{listen: listen, speak: speak, sessions: map[netip.Addr]*bfdSession{}}, nil
}

func (b *bfd) close() {
	b.listen.Close()
	b.speak.Close()
}

// BFDUp says whether there is a BFD session on every link, and all are Up.
func (in *Injector) BFDUp() bool {
	if in.bfd == nil {
		return false
	}
	in.bfd.mu.Lock()
	defer in.bfd.mu.Unlock()
	if len(in.bfd.sessions) < len(in.links) {
		return false
	}
	for _, s := range in.bfd.sessions {
		if s.state != bfdUp || s.poll {
			return false
		}
	}
	return true
}

func (b *bfd) silence() {
	b.mu.Lock()
	b.silent = true
	b.mu.Unlock()
}

func (b *bfd) receive() {
	buffer := make([]byte, 256)
	for {
		n, from, err := b.listen.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return // closed
		}
		b.mu.Lock()
		if !b.silent && n >= bfdLength {
			b.take(buffer[:n], from.Addr().Unmap(), time.Now())
		}
		b.mu.Unlock()
	}
}

// clock sends until stop is closed, from a thread that ends with it.
func (b *bfd) clock(stop <-chan struct{}) {
	runtime.LockOSThread()
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			b.tick(now)
		}
	}
}

// take follows RFC 5880 6.8.6 as far as a well-behaved neighbour makes it.
func (b *bfd) take(p []byte, from netip.Addr, now time.Time) {
	s := b.sessions[from]
	if s == nil {
		s = &bfdSession{to: netip.AddrPortFrom(from, bfdPort), state: bfdDown, mine: uint32(len(b.sessions) + 1)}
		b.sessions[from] = s
	}
	was := s.state
	s.yours = binary.BigEndian.Uint32(p[4:])
	s.yourInterval = time.Duration(binary.BigEndian.Uint32(p[16:])) * time.Microsecond
	switch theirs := p[1] >> 6; {
	case theirs < bfdDown:
		s.state = bfdDown
	case s.state == bfdDown && theirs == bfdDown:
		s.state = bfdInit
	case s.state == bfdDown && theirs == bfdInit, s.state == bfdInit && theirs >= bfdInit:
		s.state, s.poll = bfdUp, true // the interval changes
	case s.state == bfdUp && theirs == bfdDown:
		s.state = bfdDown
	}
	if p[1]&bfdFinal != 0 {
		s.poll = false
	}
	if p[1]&bfdPoll != 0 {
		b.send(s, bfdFinal)
	}
	if s.state != was {
		s.next = now
	}
}

func (b *bfd) send(s *bfdSession, flags byte) {
	interval := bfdSlow
	if s.state == bfdUp {
		interval = bfdInterval
	}
	p := make([]byte, bfdLength)
	p[0], p[1], p[2], p[3] = 1<<5, s.state<<6|flags, bfdMultiple, bfdLength
	binary.BigEndian.PutUint32(p[4:], s.mine)
	binary.BigEndian.PutUint32(p[8:], s.yours)
	binary.BigEndian.PutUint32(p[12:], uint32(interval/time.Microsecond))
	binary.BigEndian.PutUint32(p[16:], uint32(bfdInterval/time.Microsecond))
	_, _ = b.speak.WriteToUDPAddrPort(p, s.to) // a lost packet is a lost packet
}

// tick sends what is due. The jitter of RFC 5880 6.8.7 is a fixed 15 %.
func (b *bfd) tick(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent {
		return
	}
	for _, s := range b.sessions {
		if now.Before(s.next) {
			continue
		}
		interval := bfdSlow
		if s.state == bfdUp {
			interval = max(bfdInterval, s.yourInterval)
		}
		s.next = now.Add(interval * 85 / 100)
		var flags byte
		if s.poll {
			flags = bfdPoll
		}
		b.send(s, flags)
	}
}
