package worker

import (
	"bufio"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/bfd/speaker"
	"github.com/ecmpd/ecmpd/internal/child"
)

// request is what the daemon says; exactly one field is set, beside ID.
type request struct {
	Set     *bfd.Config
	Release *bfd.Key
	Links   map[string]int
	Status  uint64 // number of the question
	Stop    bool
}

// message is what the process says; exactly one field is set.
type message struct {
	Event  *bfd.Event
	Error  string
	Status *answer
}

type answer struct {
	ID     uint64
	Status Status
}

// Status is what there is to know about all sessions.
type Status struct {
	Sessions []bfd.Status // in no order
	Discards map[string]uint64
	Counters speaker.Counters
}

// memoryLimit is what the process may use before it collects garbage after all: only
// answers and changes make any.
const memoryLimit = 32 << 20

// Main is the process: it serves the daemon at descriptor 3 until that ends.
func Main() error {
	// The daemon says when to stop; signals to all of its processes are for it.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	runtime.GOMAXPROCS(2) // the loop, and the conversation with the daemon
	conn, err := child.Daemon()
	if err != nil {
		return err
	}
	out := newOutbox()
	if err := raisePriority(); err != nil {
		out.put(message{Error: err.Error()})
	}
	s, err := speaker.New(uint64(time.Now().UnixNano()), speaker.Options{
		OnEvent: func(e bfd.Event) { out.put(message{Event: &e}) },
		OnError: func(err error) { out.put(message{Error: err.Error()}) },
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go out.run(conn)
	go func() {
		if err := serve(s, out, conn); err != nil { // the daemon is gone: say nothing to anybody
			os.Exit(1)
		}
		stop()
	}()
	return s.Run(ctx)
}

// serve carries requests out until it is told to stop.
func serve(s *speaker.Speaker, out *outbox, conn io.Reader) error {
	for requests := gob.NewDecoder(bufio.NewReader(conn)); ; {
		var r request
		if err := requests.Decode(&r); err != nil {
			return fmt.Errorf("requests of the daemon: %w", err)
		}
		switch {
		case r.Set != nil:
			s.Set(*r.Set)
		case r.Release != nil:
			s.Release(*r.Release)
		case r.Links != nil:
			s.Links(r.Links)
		case r.Status > 0:
			out.put(message{Status: &answer{r.Status, status(s)}})
		case r.Stop:
			return nil
		}
	}
}

func status(s *speaker.Speaker) (st Status) {
	n := 0
	_ = s.Do(func(_ time.Duration, m *bfd.Machine) { n = m.Len() })
	st.Sessions = make([]bfd.Status, 0, n+16) // the loop should not allocate
	_ = s.Do(func(now time.Duration, m *bfd.Machine) {
		st.Sessions, st.Discards, st.Counters = m.Sessions(now, st.Sessions), m.Discards(), s.Counters()
	})
	return st
}

// outbox hands messages to the daemon in their order; putting never blocks.
type outbox struct {
	mu    sync.Mutex
	queue []message
	ready chan struct{}
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

func (o *outbox) put(m message) {
	o.mu.Lock()
	o.queue = append(o.queue, m)
	o.mu.Unlock()
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// run writes what is put until nobody reads any more.
func (o *outbox) run(w io.Writer) {
	buffered := bufio.NewWriter(w)
	encoder := gob.NewEncoder(buffered)
	for range o.ready {
		o.mu.Lock()
		queue := o.queue
		o.queue = nil
		o.mu.Unlock()
		for _, m := range queue {
			if encoder.Encode(m) != nil {
				return
			}
		}
		if buffered.Flush() != nil {
			return
		}
	}
}
