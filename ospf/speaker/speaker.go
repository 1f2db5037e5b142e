package speaker

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"golang.org/x/sys/unix"
)

const (
	gatherTime  = 20 * time.Millisecond  // how long Hellos and timers may wait for company
	alertTime   = 300 * time.Millisecond // after a change, in which nothing waits
	helloSlice  = 4096                   // Hellos read at once, some milliseconds of work
	otherSlice  = 20 * time.Millisecond  // of a turn, for other datagrams: what they lead to is put together
	maxHeldBack = 256                    // turns that unread Hellos may hold timers back
	maxBehind   = 100 * time.Millisecond // by which other unread datagrams may
	retryJoin   = time.Second
	reportEvery = time.Second // of send errors, per interface
)

// ErrStopped is what [Speaker.Do] returns after the loop has ended.
var ErrStopped = errors.New("OSPF loop has ended")

// Engine is the part of the OSPF engine that the loop drives.
type Engine interface {
	Step(now time.Time, in ospf.Input) ospf.Output
	Deadline() time.Time
}

// Options are the speaker's ways out. Its functions are called in the loop and must not block.
type Options struct {
	// OnOutput gets the route changes, events and Done of all outputs, those of one turn
	// together, after their memberships and datagrams were handed to the kernel. It
	// keeps what it gets.
	OnOutput func(now time.Time, out ospf.Output)
	// OnError gets what went wrong and did not stop the loop: datagrams that
	// could not be sent (at most one report a second and interface) and
	// memberships that could not be joined. iface is empty when it concerns no single one.
	OnError func(iface string, err error)
}

// Counters count datagrams at the socket.
type Counters struct {
	Received    uint64 // handed to the engine
	Malformed   uint64 // dropped: not one whole IPv4 datagram
	UnknownLink uint64 // dropped: came in through a link that no snapshot names
	Sent        uint64 // accepted by the kernel
	SendErrors  uint64 // refused by the kernel, or without a link to send on
}

// Speaker connects an engine with the wire and the clock.
type Speaker struct {
	engine  Engine
	options Options
	inbox   *inbox
	poller  *poller

	hello, other *receiver // of the two raw sockets; other's sends on links, hello's through routers
	sender       *sender
	groups       *memberships
	names        map[int]string // of the latest snapshot
	indexes      map[string]int

	queue    []ospf.Transmit // of this turn
	outlet   []int           // interface index of each
	output   ospf.Output     // of this turn, for OnOutput
	troubles map[string]*trouble
	counters Counters

	gatherUntil time.Time // Hellos and timers wait until then
	alertUntil  time.Time // but none does until then
	stepped     time.Time // instant of the latest Step
	heldBack    int       // turns since a timer was due
	joinAt      time.Time // when to try failed joins again; zero: none failed
	told        told      // time of day
}

// New opens the sockets in the network namespace of the calling thread. The
// engine belongs to the speaker from here on.
func New(engine Engine, options Options) (*Speaker, error) {
	if options.OnOutput == nil {
		options.OnOutput = func(time.Time, ospf.Output) {}
	}
	if options.OnError == nil {
		options.OnError = func(string, error) {}
	}
	s := &Speaker{
		engine: engine, options: options, groups: newMemberships(), sender: newSender(),
		names: map[int]string{}, indexes: map[string]int{}, troubles: map[string]*trouble{},
	}
	if err := s.openAll(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Speaker) openAll() error {
	hello, err := openSocket(typeFilter(true), false)
	if err != nil {
		return err
	}
	s.hello = newReceiver(hello)
	other, err := openSocket(typeFilter(false), true)
	if err != nil {
		return err
	}
	s.other = newReceiver(other)
	if s.inbox, err = newInbox(); err != nil {
		return err
	}
	s.poller, err = newPoller(s.inbox.event, other, hello)
	return err
}

// close also closes what New could not complete.
func (s *Speaker) close() {
	if s.inbox != nil {
		s.inbox.close()
	}
	if s.poller != nil {
		s.poller.close()
	}
	for _, r := range []*receiver{s.hello, s.other} {
		if r != nil {
			unix.Close(r.fd)
		}
	}
	s.groups.close()
}

// Post hands an input to the engine soon, after those posted before it. It
// does not wait; after the loop has ended it does nothing. An [ospf.Links] snapshot
// also tells the speaker which interface names exist.
func (s *Speaker) Post(in ospf.Input) {
	s.inbox.put(letter{in: in})
}

// Do runs f in the loop, where it may read the engine, and returns after it
// did; f must be short. [ErrStopped]: the loop has ended and f did not run. To
// be called from other goroutines than the loop's.
func (s *Speaker) Do(f func(now time.Time)) error {
	done := make(chan bool, 1)
	if !s.inbox.put(letter{do: f, done: done}) || !<-done {
		return ErrStopped
	}
	return nil
}

// Counters returns the counters so far; to be called inside [Speaker.Do].
func (s *Speaker) Counters() Counters { return s.counters }

// Run is the loop. It returns nil when ctx ends, an error when the sockets can
// not be waited for; it can run once and closes the sockets.
func (s *Speaker) Run(ctx context.Context) error {
	defer s.close()
	defer context.AfterFunc(ctx, s.inbox.wake)()
	for more := false; ctx.Err() == nil; {
		busy, err := s.wait(more)
		if err != nil {
			return err
		}
		more = s.turn(busy)
	}
	return nil
}

// wait sleeps until there is something to do; with more it only looks. Soon
// after a Hello or a timer, further ones are left to gather, unless something
// has just changed.
func (s *Speaker) wait(more bool) (ready, error) {
	now := time.Now()
	until := earliest(s.engine.Deadline(), s.joinAt)
	gather := now.Before(s.gatherUntil) && !now.Before(s.alertUntil)
	switch {
	case more:
		until = now
	case gather:
		until = s.gatherUntil
	}
	return s.poller.wait(now, until, gather)
}

// earliest returns the earlier of two instants; a zero one means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// turn does what there is to do, a bounded amount at a time. True: there is more.
// Hellos are read in every turn and before the timers are looked at, so
// that none is late because of our own delay.
func (s *Speaker) turn(busy ready) (more bool) {
	s.tellTime(time.Now())
	routine := s.hellos()
	if busy.inbox {
		s.open(s.inbox.take())
		s.hellos() // what came meanwhile
	}
	if (busy.other || s.other.more()) && s.others() {
		s.hellos()
		s.alertUntil = time.Now().Add(alertTime)
	}
	now := time.Now()
	if d := s.engine.Deadline(); !d.IsZero() && !now.Before(d) && s.mayTick(now, d) {
		if s.telling() { // a dead neighbour does not wait for the SPF run that follows from it
			s.flush(now)
		}
		s.step(now, ospf.Tick{})
		routine = true
	}
	if routine {
		s.gatherUntil = now.Add(gatherTime)
	}
	if !s.joinAt.IsZero() && !now.Before(s.joinAt) {
		s.settle(now)
	}
	s.flush(now)
	return s.hello.more() || s.other.more()
}

// mayTick holds timers back while Hellos that came before them are unread, and for a
// while while anything else is: acknowledgements come before retransmissions, and the
// more is read before LSAs are flooded, the fewer packets they take. Not for ever: a flood
// of packets does not stop the clock.
func (s *Speaker) mayTick(now, due time.Time) bool {
	s.heldBack++
	if s.hello.more() && s.heldBack < maxHeldBack || s.other.more() && now.Sub(due) < maxBehind {
		return false
	}
	s.heldBack = 0
	return true
}

// open deals with the letters in their order.
func (s *Speaker) open(letters []letter) {
	for _, l := range letters {
		now := time.Now()
		if l.do != nil {
			l.do(now)
			l.done <- true
			continue
		}
		s.alertUntil = now.Add(alertTime)
		if links, ok := l.in.(ospf.Links); ok {
			s.relink(now, links)
		}
		s.step(s.arrival(now), l.in) // no timer before the Hellos that are unread
	}
}

// relink takes over the names of a snapshot and moves memberships to the
// links that bear them now.
func (s *Speaker) relink(now time.Time, links ospf.Links) {
	clear(s.names)
	clear(s.indexes)
	for _, l := range links.Links {
		s.names[l.Index] = l.Name
		s.indexes[l.Name] = l.Index
	}
	for name := range s.troubles {
		if _, ok := s.indexes[name]; !ok {
			delete(s.troubles, name)
		}
	}
	s.settle(now)
}

func (s *Speaker) settle(now time.Time) {
	s.joinAt = time.Time{}
	if err := s.groups.settleAll(func(link string) int { return s.indexes[link] }); err != nil {
		s.joinAt = now.Add(retryJoin)
		s.options.OnError("", err)
	}
}

// hellos reads Hellos, as many as there are up to helloSlice: by number, for a busy
// machine may let much time pass in which little is done. True: there were some.
func (s *Speaker) hellos() bool { return s.receive(s.hello, helloSlice, time.Time{}) }

// others reads other datagrams, not much longer than otherSlice.
func (s *Speaker) others() bool {
	return s.receive(s.other, math.MaxInt, time.Now().Add(otherSlice))
}

// receive reads from a socket into the engine until there is no more, at most a number
// of datagrams or until an instant (zero: for ever). True: there were some.
func (s *Speaker) receive(from *receiver, limit int, until time.Time) bool {
	for n := 0; n < limit; n++ {
		if from.empty() {
			if n > 0 && !from.more() {
				return true
			}
			from.fill()
		}
		now := time.Now()
		if from.empty() || !until.IsZero() && now.After(until) {
			return n > 0
		}
		s.accept(now, from)
	}
	return true
}

// accept hands one received datagram to the engine.
func (s *Speaker) accept(now time.Time, from *receiver) {
	b, ifindex := from.take()
	header, payload, ok := parseIPv4(b)
	if !ok {
		s.counters.Malformed++
		return
	}
	name, ok := s.names[ifindex]
	if !ok {
		s.counters.UnknownLink++
		return
	}
	s.counters.Received++
	s.step(s.arrival(now), ospf.Datagram{
		Interface: name, Src: header.src, Dst: header.dst, TTL: header.ttl, Data: payload,
	})
}

// arrival is the instant at which an input that is read now counts as
// received. The engine runs the timers that are due before it looks at its input,
// but what waited in the kernel was there before the timer: a Hello must
// not come too late because the loop was held up.
func (s *Speaker) arrival(now time.Time) time.Time {
	due := s.engine.Deadline()
	if due.IsZero() || now.Before(due) {
		return now
	}
	if before := due.Add(-1); before.After(s.stepped) {
		return before
	}
	return s.stepped
}
