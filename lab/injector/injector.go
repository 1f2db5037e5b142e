package injector

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Link is one point-to-point link to a router under test, and the synthetic
// router at this end of it.
type Link struct {
	Interface string       // of the namespace in which Open is called
	Address   netip.Prefix // of the interface
	RouterID  packet.ID    // of the synthetic router
}

// Config says what an injector is.
type Config struct {
	Links []Link
	// LSAs are the database, which is described on every link; with Isolated
	// a link describes only those of its own router, as the branches of a hub do that
	// know each other through that hub alone.
	LSAs     [][]byte
	Isolated bool
	Area     packet.ID
	// Hello and Dead are whole seconds, 1 s and 4 s when zero.
	Hello, Dead time.Duration
	// BFD answers BFD sessions with 50 ms × 3, after RFC 5880 and 5881.
	BFD bool
	// MTU of the links in bytes, 1500 when zero.
	MTU int
	// Window is how many flooded LSAs may be unacknowledged on a link, 2,000
	// when zero. The database exchange goes at the neighbour's pace.
	Window int
}

// Injector speaks on its links from Open to Close. Its methods may be called
// from several goroutines.
type Injector struct {
	config Config
	socket *socket
	opened time.Time
	stop   chan struct{}
	busy   sync.WaitGroup

	mu      sync.Mutex
	db      map[packet.Key][]byte
	order   []packet.Key // of db, as given
	links   []*link
	byIndex map[int]*link                  // by interface index
	watched map[packet.ID]packet.LSAHeader // newest router-LSA of each neighbour
	bfd     *bfd                           // nil without
	silent  bool
	ticked  time.Time
	changed chan struct{} // closed when a link becomes Full, then replaced
	stats   Stats
}

// Stats counts what has happened since Open.
type Stats struct {
	Requested     int // LSAs that were asked for and sent
	Flooded       int // LSAs sent without being asked for
	Retransmitted int
	Acknowledged  int // of those flooded
	Received      int // LSAs of the other side
	Restarts      int // adjacencies that fell back
	Refused       int // datagrams that the kernel did not take
	// Err is why the kernel did not take or give the last of them, nil when it did.
	Err error
	// Late is the longest time between two looks at the clock: near a dead interval, it
	// is the machine that is measured, not the router.
	Late time.Duration
}

// Open begins to speak in the network namespace of the calling thread
// (lab.Node.Do). The first Hello is on the wire when it returns.
func Open(c Config) (*Injector, error) {
	defaults(&c)
	in := &Injector{
		config: c, stop: make(chan struct{}), changed: make(chan struct{}),
		db: make(map[packet.Key][]byte, len(c.LSAs)), byIndex: map[int]*link{},
		watched: map[packet.ID]packet.LSAHeader{},
	}
	for _, raw := range c.LSAs {
		in.install(raw)
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("injector: %w", err)
	}
	indexes := map[string]int{}
	for _, ifc := range interfaces {
		indexes[ifc.Name] = ifc.Index
	}
	var ifindexes []int
	for _, l := range c.Links {
		index, ok := indexes[l.Interface]
		if !ok {
			return nil, fmt.Errorf("injector: there is no interface %s", l.Interface)
		}
		ifindexes = append(ifindexes, index)
		own := &link{Link: l, injector: in, ifindex: index, inflight: map[packet.Key]flight{}}
		in.links = append(in.links, own)
		in.byIndex[index] = own
	}
	if in.socket, err = openSocket(ifindexes); err != nil {
		return nil, fmt.Errorf("injector: %w", err)
	}
	if c.BFD {
		if in.bfd, err = openBFD(); err != nil {
			in.socket.close()
			return nil, fmt.Errorf("injector: %w", err)
		}
		in.busy.Go(in.bfd.receive)
		in.busy.Go(func() { in.bfd.clock(in.stop) })
	}
	in.opened = time.Now()
	in.ticked = in.opened
	in.tick(in.opened)
	in.busy.Go(in.receive)
	in.busy.Go(in.clock)
	return in, nil
}

func defaults(c *Config) {
	if c.Hello == 0 {
		c.Hello = time.Second
	}
	if c.Dead == 0 {
		c.Dead = 4 * time.Second
	}
	if c.MTU == 0 {
		c.MTU = 1500
	}
	if c.Window == 0 {
		c.Window = 2000
	}
}

// install takes an LSA into the database.
func (in *Injector) install(raw []byte) packet.LSAHeader {
	h, err := packet.DecodeLSAHeader(raw)
	if err != nil {
		panic("injector: not an LSA: " + err.Error()) // made by this program
	}
	if _, known := in.db[h.Key()]; !known {
		in.order = append(in.order, h.Key())
	}
	in.db[h.Key()] = raw
	return h
}

// Opened is when the first Hello was sent.
func (in *Injector) Opened() time.Time { return in.opened }

// Stats returns the counters.
func (in *Injector) Stats() Stats {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.stats
	s.Refused, s.Err = in.socket.refused, in.socket.err
	return s
}

// Flood takes new LSAs or new instances into the database and sends them on
// one link, without waiting for the acknowledgements. It returns the time just before
// the first datagram.
func (in *Injector) Flood(link int, lsas ...[]byte) time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	l := in.links[link]
	for _, raw := range lsas {
		l.queue = append(l.queue, in.install(raw).Key())
	}
	start := time.Now()
	l.pump(start)
	in.socket.flush()
	return start
}

// WaitFull waits until the router under test tells in its router-LSA that the
// links are Full.
func (in *Injector) WaitFull(ctx context.Context) error {
	return in.wait(ctx, "Full", func(l *link) bool { return !l.fullAt.IsZero() })
}

// WaitAcked waits until everything flooded is acknowledged.
func (in *Injector) WaitAcked(ctx context.Context) error {
	return in.wait(ctx, "acknowledged", func(l *link) bool { return len(l.queue) == 0 && len(l.inflight) == 0 })
}

// AfterHello waits until the next Hello on the first link has just been sent.
func (in *Injector) AfterHello(ctx context.Context) error {
	asked := time.Now()
	return in.wait(ctx, "greeted", func(l *link) bool { return l != in.links[0] || l.greeted.After(asked) })
}

func (in *Injector) wait(ctx context.Context, what string, holds func(*link) bool) error {
	for {
		in.mu.Lock()
		n, last := 0, ""
		for _, l := range in.links {
			if holds(l) {
				n++
			} else {
				last = fmt.Sprintf("%s is %s", l.Interface, l.state)
			}
		}
		changed := in.changed
		in.mu.Unlock()
		if n == len(in.links) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("injector: %d of %d links %s, %s: %w", n, len(in.links), what, last, ctx.Err())
		case <-changed:
		}
	}
}

// Full counts the links that the router under test has declared Full, and
// tells when the last of them was.
func (in *Injector) Full() (count int, last time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, l := range in.links {
		if !l.fullAt.IsZero() {
			count++
			if l.fullAt.After(last) {
				last = l.fullAt
			}
		}
	}
	return count, last
}

// Silence makes the injector dead at once: from now on it neither sends nor
// hears.
func (in *Injector) Silence() {
	in.mu.Lock()
	in.silent = true
	in.mu.Unlock()
	if in.bfd != nil {
		in.bfd.silence()
	}
}

// Close ends the injector without a good-bye.
func (in *Injector) Close() {
	in.Silence()
	close(in.stop)
	if in.bfd != nil {
		in.bfd.close()
	}
	in.busy.Wait()
	in.socket.close()
}

// notify wakes up those who wait for a change of state.
func (in *Injector) notify() {
	close(in.changed)
	in.changed = make(chan struct{})
}

func (in *Injector) clock() {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-in.stop:
			return
		case <-tick.C:
			in.tick(time.Now())
		}
	}
}

func (in *Injector) tick(now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.silent {
		return
	}
	in.stats.Late, in.ticked = max(in.stats.Late, now.Sub(in.ticked)), now
	for _, l := range in.links {
		l.tick(now)
	}
	in.socket.flush()
}

func (in *Injector) receive() {
	for {
		select {
		case <-in.stop:
			return
		default:
		}
		locked := false // once the wait is over
		err := in.socket.receive(func(b []byte, ifindex int) {
			if !locked {
				in.mu.Lock()
				locked = true
			}
			in.deliver(b, ifindex)
		})
		if locked {
			in.socket.flush()
			in.mu.Unlock()
		}
		if err != nil {
			in.fail(err)
			return
		}
	}
}

// fail remembers that nothing can be received any longer.
func (in *Injector) fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.socket.err = err
}

func (in *Injector) deliver(b []byte, ifindex int) {
	l := in.byIndex[ifindex]
	if l == nil || in.silent {
		return
	}
	if h, body, err := packet.Decode(b); err == nil && h.RouterID != l.RouterID {
		l.receive(h, body, time.Now())
	}
}
