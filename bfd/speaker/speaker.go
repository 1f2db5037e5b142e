package speaker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/ecmpd/ecmpd/bfd"
	"golang.org/x/sys/unix"
)

const (
	gatherTime  = 2 * time.Millisecond // how long packets may wait for company, both ways
	maxBatches  = 64                   // of received datagrams in a turn
	retryBind   = 10 * time.Second
	reportEvery = 10 * time.Second // of send errors
	forever     = time.Duration(math.MaxInt64)
)

// ErrStopped is what [Speaker.Do] returns after the loop has ended.
var ErrStopped = errors.New("BFD loop has ended")

// Options are the speaker's ways out. Its functions are called in the loop: they must
// neither block nor take long.
type Options struct {
	OnEvent func(bfd.Event)
	// OnError gets what went wrong and did not stop the loop.
	OnError func(error)
}

// Counters count what the loop has done since the start.
type Counters struct {
	Received   uint64 // datagrams
	Sent       uint64 // datagrams that the kernel took
	SendErrors uint64
	Turns      uint64        // wake-ups
	CPU        time.Duration // of the loop's thread
	Late       time.Duration // the longest that a turn came after it was due
}

// Speaker connects the sessions with the wire and the clock.
type Speaker struct {
	machine *bfd.Machine
	options Options
	orders  *orders
	recv    *receiver
	send    *sender
	sleeper sleeper
	start   time.Time

	names   map[int]string // of the links, by index
	indexes map[string]int

	bound    bool
	bindAt   time.Duration // when to try
	deafTill time.Duration // datagrams gather until then
	drained  time.Duration // at that instant everything that had arrived was read
	reportAt time.Duration // of send errors: not before
	unsaid   uint64        // send errors since the last report
	counters Counters
}

// New opens the sockets in the network namespace of the calling thread; the control
// port is taken when the first session is asked for. The seed feeds the sessions'
// random choices.
func New(seed uint64, options Options) (*Speaker, error) {
	s := &Speaker{
		machine: bfd.New(seed), options: options, start: time.Now(),
		names: map[int]string{}, indexes: map[string]int{},
	}
	recv, err := openReceive()
	if err != nil {
		return nil, err
	}
	s.recv = newReceiver(recv)
	send, err := openSend()
	if err != nil {
		unix.Close(recv)
		return nil, err
	}
	s.send = newSender(send)
	if s.orders, err = newOrders(); err != nil {
		unix.Close(recv)
		unix.Close(send)
		return nil, err
	}
	s.sleeper.fds = [2]unix.PollFd{{Fd: int32(s.orders.event), Events: unix.POLLIN}, {Fd: int32(recv), Events: unix.POLLIN}}
	return s, nil
}

// Set asks for a session or changes it; see [bfd.Machine.Set]. It does not wait.
func (s *Speaker) Set(c bfd.Config) {
	s.orders.put(order{do: func(now time.Duration) { s.machine.Set(now, c) }})
}

// Release asks for a session no longer; see [bfd.Machine.Release]. It does not wait.
func (s *Speaker) Release(k bfd.Key) {
	s.orders.put(order{do: func(now time.Duration) { s.machine.Release(now, k) }})
}

// Links says which links there are: their kernel indexes by name. It does not wait.
func (s *Speaker) Links(indexes map[string]int) {
	names := make(map[int]string, len(indexes))
	for name, index := range indexes {
		names[index] = name
	}
	s.orders.put(order{do: func(time.Duration) { s.indexes, s.names = indexes, names }})
}

// Do runs f in the loop and returns after it did; f must be short and should not
// allocate. [ErrStopped]: the loop has ended and f did not run.
func (s *Speaker) Do(f func(now time.Duration, m *bfd.Machine)) error {
	done := make(chan bool, 1)
	run := func(now time.Duration) { f(now, s.machine) }
	if !s.orders.put(order{run, done}) || !<-done {
		return ErrStopped
	}
	return nil
}

// Counters returns the counters so far; to be called inside [Speaker.Do].
func (s *Speaker) Counters() Counters {
	c := s.counters
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &used) == nil {
		c.CPU = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return c
}

// Run is the loop. It ends with ctx: the neighbours are told that the sessions end
// administratively. It can run once and closes the sockets.
func (s *Speaker) Run(ctx context.Context) error {
	runtime.LockOSThread() // for good: the thread ends with the loop
	defer s.close()
	defer context.AfterFunc(ctx, s.orders.wake)()
	for ctx.Err() == nil {
		s.wait()
		s.turn()
	}
	now := s.now(time.Now())
	for _, st := range s.machine.Sessions(now, nil) {
		s.machine.Release(now, st.Key)
	}
	s.flush(now)
	return nil
}

func (s *Speaker) close() {
	s.orders.close()
	unix.Close(s.recv.fd)
	unix.Close(s.send.fd)
}

func (s *Speaker) now(t time.Time) time.Duration { return t.Sub(s.start) }

// wait sleeps until there is something to do.
func (s *Speaker) wait() {
	now := s.now(time.Now())
	due, ok := s.machine.Deadline()
	if !ok {
		due = forever
	}
	if !s.bound && s.machine.Len() > 0 {
		due = min(due, s.bindAt)
	}
	until, deaf := due, now < s.deafTill
	if deaf {
		until = min(due, s.deafTill)
	}
	if until == forever {
		s.sleeper.wait(forever, deaf)
		return
	}
	s.sleeper.wait(until-now, deaf)
	if late := s.now(time.Now()) - due; late > s.counters.Late {
		s.counters.Late = late
	}
}

// turn does what there is to do: read everything, carry out orders, look at the
// clock, send.
func (s *Speaker) turn() {
	s.counters.Turns++
	// Whatever arrived before this instant is read before the timers are looked at.
	now := s.now(time.Now())
	some, all := s.receive()
	if some {
		s.deafTill = now + gatherTime
	}
	if all {
		s.drained = now
	}
	if s.sleeper.fds[0].Revents != 0 {
		s.sleeper.fds[0].Revents = 0
		for _, o := range s.orders.take() {
			o.do(now)
			if o.done != nil {
				o.done <- true
			}
		}
		s.bind(now)
	} else if !s.bound {
		s.bind(now)
	}
	s.machine.Tick(now, gatherTime)
	s.flush(now)
}

// bind takes the control port once there is a session.
func (s *Speaker) bind(now time.Duration) {
	if s.bound || s.machine.Len() == 0 || now < s.bindAt {
		return
	}
	if err := bindControl(s.recv.fd); err != nil {
		s.bindAt = now + retryBind
		s.options.OnError(err)
		return
	}
	s.bound = true
}

// receive reads what has arrived into the machine, all of it unless somebody floods
// the port; some: there was something.
func (s *Speaker) receive() (some, all bool) {
	for range maxBatches {
		n := s.recv.fill()
		wall := time.Now()
		now := s.now(wall)
		for i := range n {
			s.accept(now, wall.UnixNano(), s.recv.take(i))
		}
		some = some || n > 0
		if n < receiveBatch {
			return some, true
		}
	}
	return some, false
}

func (s *Speaker) accept(now time.Duration, wall int64, d datagram) {
	s.counters.Received++
	at := now
	if d.arrived != 0 {
		// The wall clock may have been set meanwhile: what is read now cannot have
		// come before the queue was last found empty.
		at = min(now, max(s.drained, now-time.Duration(wall-d.arrived)))
	}
	// The machine counts what it does not take.
	_ = s.machine.Receive(now, at, bfd.From{Interface: s.names[d.ifindex], Src: d.src, TTL: d.ttl}, d.data)
}

// flush sends what the machine wants sent and passes its events on.
func (s *Speaker) flush(now time.Duration) {
	sends, events := s.machine.Take()
	n := 0
	for i := range sends {
		t := &sends[i]
		index := s.indexes[t.Interface]
		if index == 0 { // without one the kernel would choose a link itself
			s.sendFailed(now, t.Interface, unix.ENODEV)
			continue
		}
		s.send.put(n, t, index)
		if n++; n == sendBatch {
			s.sendBatch(now, n)
			n = 0
		}
	}
	s.sendBatch(now, n)
	for _, e := range events {
		s.options.OnEvent(e)
	}
}

func (s *Speaker) sendBatch(now time.Duration, n int) {
	s.counters.Sent += uint64(n)
	s.send.flush(n, func(link string, err error) {
		s.counters.Sent--
		s.sendFailed(now, link, err)
	})
}

// sendFailed counts a datagram that did not leave; one in a while is reported.
func (s *Speaker) sendFailed(now time.Duration, link string, err error) {
	s.counters.SendErrors++
	s.unsaid++
	if now < s.reportAt {
		return
	}
	s.reportAt = now + reportEvery
	s.options.OnError(fmt.Errorf("send on %s: %w (%d BFD packets lost since the last report)", link, err, s.unsaid))
	s.unsaid = 0
}
