package worker

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/ecmpd/ecmpd/internal/child"
)

const (
	// deafTime is how long the daemon may read nothing before the process ends.
	deafTime = 30 * time.Second
	// memoryLimit is what the garbage collector holds the process to, as long as what it has to
	// remember is less. A table of 200,000 prefixes from two neighbours takes less than half of it.
	memoryLimit = 1 << 30
	// gather is how long messages may wait for others.
	gather = 64 << 10 // bytes
)

// Main is the process: it serves the daemon until that ends.
func Main() error {
	// The daemon says when to stop; signals to all of its processes are for it.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := confine(); err != nil {
		return err
	}
	debug.SetMemoryLimit(memoryLimit)
	conn, err := child.Daemon()
	if err != nil {
		return err
	}
	out := newOutbox(conn)
	p := &process{out: out, told: outward{}}
	for requests := gob.NewDecoder(bufio.NewReader(conn)); ; {
		var r request
		if err := requests.Decode(&r); err != nil { // the daemon is gone
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("requests of the daemon: %w", err)
		}
		if done, err := p.serve(&r); done || err != nil {
			return err
		}
	}
}

// process is what the daemon's requests work on.
type process struct {
	out     *outbox
	speaker *speaker
	told    outward
}

// serve carries one request out; an error is one that the process cannot go on with.
func (p *process) serve(r *request) (done bool, err error) {
	ctx := context.Background()
	switch {
	case r.Start != nil:
		if p.speaker, err = newSpeaker(*r.Start, p.out.put); err != nil {
			return false, err
		}
		return false, release()
	case p.speaker == nil:
		return false, errors.New("the first request does not start anything")
	case r.Neighbors != nil:
		p.complain(p.speaker.neighbors(*r.Neighbors))
	case len(r.Announce)+len(r.Withdraw) > 0:
		for _, prefix := range unpack(r.Withdraw) {
			p.complain(p.speaker.withdraw(ctx, p.told, prefix))
		}
		for i := range r.Announce {
			p.complain(p.speaker.announce(ctx, p.told, r.Announce[i].unwrap()))
		}
		p.out.put(message{Made: true})
	case r.Reset != nil:
		p.complain(p.speaker.reset(*r.Reset))
	case r.Ping > 0:
		if err := p.speaker.alive(); err != nil {
			return false, err
		}
		p.out.put(message{Pong: r.Ping})
	case r.Status > 0:
		sessions, err := p.speaker.sessions(ctx)
		p.complain(err)
		p.out.put(message{Status: &answer{ID: r.Status, Sessions: sessions}})
	case r.Stop:
		p.speaker.stop()
		return true, nil
	}
	return false, nil
}

func (p *process) complain(err error) {
	if err != nil {
		p.out.put(message{Log: &LogLine{Level: Error, Text: short(err.Error())}})
	}
}

// outbox hands messages to the daemon. Whoever puts one waits while the daemon does not read, and the
// process ends when that lasts: so what waits is bounded by what GoBGP has to say in that time.
type outbox struct {
	mu      sync.Mutex
	conn    *os.File
	out     *bufio.Writer
	encoder *gob.Encoder
	due     chan struct{} // something is to be flushed
}

func newOutbox(conn *os.File) *outbox {
	o := &outbox{conn: conn, due: make(chan struct{}, 1)}
	o.out = bufio.NewWriterSize(conn, gather)
	o.encoder = gob.NewEncoder(o.out)
	go o.run()
	return o
}

func (o *outbox) put(m message) {
	o.mu.Lock()
	_ = o.conn.SetWriteDeadline(time.Now().Add(deafTime))
	err := o.encoder.Encode(m)
	o.mu.Unlock()
	if err != nil {
		fail(err)
	}
	select {
	case o.due <- struct{}{}:
	default:
	}
}

// run flushes behind what is put, so that what comes together goes together.
func (o *outbox) run() {
	for range o.due {
		o.mu.Lock()
		_ = o.conn.SetWriteDeadline(time.Now().Add(deafTime))
		err := o.out.Flush()
		o.mu.Unlock()
		if err != nil {
			fail(err)
		}
	}
}

// fail ends the process when there is nobody to talk to. Its sessions end with their sockets.
func fail(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		fmt.Fprintln(os.Stderr, "BGP process: the daemon does not read")
	}
	os.Exit(1)
}
