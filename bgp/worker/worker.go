package worker

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"sync"
	"time"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/internal/child"
)

// Options say how the process is started and where its words go. Receive gets [Session], [Update],
// [EndOfRIB], [LogLine] and [Lost], one after the other; while it waits, the process waits.
type Options struct {
	Command []string // that calls [Main]
	Receive func(any)
	OnError func(error)
}

const (
	stopTimeout  = 1500 * time.Millisecond // for its good-byes
	writeTimeout = 5 * time.Second         // for it to read
	pulse        = time.Second             // between questions for a sign of life
	silence      = 10 * time.Second        // without one
	batch        = 256                     // announcements in one request; the next waits until they are made

	firstPause = time.Second // before another start
	lastPause  = time.Minute // it doubles up to this
	stable     = time.Minute // of running, after which the pause is short again
)

// Worker is the daemon's end. Its methods may be called from several goroutines and do not wait, but
// for Status.
type Worker struct {
	options Options
	ready   chan struct{} // something is due

	mu       sync.Mutex
	config   bgp.Config
	changed  bool // the neighbours are to be told
	anew     bool // the process is to be another one
	told     map[netip.Prefix]bgp.Announcement
	dirty    map[netip.Prefix]bool
	resets   []reset
	question uint64
	asked    map[uint64]chan []bgp.Session
	pending  []uint64 // questions that are not put yet
	restarts uint64
	process  *os.Process
}

// New prepares a worker; there is no process before [Worker.Run] and an enabled configuration.
func New(o Options) *Worker {
	return &Worker{
		options: o, ready: make(chan struct{}, 1), told: map[netip.Prefix]bgp.Announcement{},
		dirty: map[netip.Prefix]bool{}, asked: map[uint64]chan []bgp.Session{},
	}
}

// Configure takes a configuration over. Neighbours that are as they were do not notice it; another
// autonomous system, router id or port is another process.
func (w *Worker) Configure(c bgp.Config) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.config
	w.config = c
	switch {
	case reflect.DeepEqual(old, c):
		return
	case !reflect.DeepEqual(own(old), own(c)):
		w.anew = true
	default:
		w.changed = true
	}
	w.wake()
}

// own is what a process cannot change.
func own(c bgp.Config) bgp.Config {
	return bgp.Config{AS: c.AS, RouterID: c.RouterID, ClusterID: c.ClusterID, Port: c.Port, Listen: c.Listen}
}

// Tell says what is announced of some prefixes from now on; of one without targets nobody hears any more. Nobody
// may change the list's attributes any more.
func (w *Worker) Tell(list []bgp.Announcement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range list {
		if len(a.To) == 0 {
			delete(w.told, a.Prefix)
		} else {
			w.told[a.Prefix] = a
		}
		w.dirty[a.Prefix] = true
	}
	w.wake()
}

// Reset ends the session with a neighbour, which begins anew.
func (w *Worker) Reset(neighbor netip.Addr, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resets = append(w.resets, reset{neighbor, reason})
	w.wake()
}

// Restarts counts the processes that had to be replaced.
func (w *Worker) Restarts() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.restarts
}

// PID is the number of the process; 0 when there is none.
func (w *Worker) PID() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process == nil {
		return 0
	}
	return w.process.Pid
}

// Status asks the process for its sessions; without a process there are none. It gives up with ctx.
func (w *Worker) Status(ctx context.Context) ([]bgp.Session, error) {
	w.mu.Lock()
	if w.process == nil {
		w.mu.Unlock()
		return nil, nil
	}
	w.question++
	id := w.question
	found := make(chan []bgp.Session, 1)
	w.asked[id] = found
	w.pending = append(w.pending, id)
	w.wake()
	w.mu.Unlock()
	select {
	case list := <-found:
		return list, nil
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.asked, id)
		return nil, ctx.Err()
	}
}

// wake is called with mu held.
func (w *Worker) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// Run starts the process when there is a configuration for it, and again when it has died, until ctx
// ends; then the neighbours are told that the sessions end.
func (w *Worker) Run(ctx context.Context) error {
	pause, restarting := firstPause, false
	for w.awaitConfig(ctx) {
		began := time.Now()
		err := w.converse(ctx, restarting)
		w.gone()
		if restarting = err != nil; !restarting || ctx.Err() != nil {
			w.options.Receive(Lost{Reason: "BGP is configured anew"})
			continue
		}
		if time.Since(began) > stable {
			pause = firstPause
		}
		w.options.Receive(Lost{Reason: err.Error()})
		w.options.OnError(fmt.Errorf("BGP process: %w; it is started again in %s", err, pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, lastPause)
	}
	return nil
}

// awaitConfig waits until there is a reason for a process.
func (w *Worker) awaitConfig(ctx context.Context) bool {
	for {
		w.mu.Lock()
		enabled := w.config.Enabled()
		w.mu.Unlock()
		if enabled || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
		}
	}
}

// gone answers all questions: without a process there are no sessions.
func (w *Worker) gone() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.process, w.pending, w.resets = nil, nil, nil
	for id, found := range w.asked {
		found <- nil
		delete(w.asked, id)
	}
}

// life is one process.
type life struct {
	conn    *os.File
	out     *bufio.Writer
	encoder *gob.Encoder
	signs   chan uint64   // of life
	done    chan struct{} // the last announcements are made
	ended   chan error

	making     bool // announcements are being made
	fresh      bool // it does not know its neighbours, who are to hear all announcements before the end of RIB
	restarting bool // an earlier process had sessions with them
}

// converse runs one process to its end. No error means that another one is wanted.
func (w *Worker) converse(ctx context.Context, restarting bool) error {
	// Listeners of Go speak MPTCP where the kernel does, and those know neither MD5 nor a TTL.
	conn, cmd, err := child.Start(w.options.Command, "GODEBUG=multipathtcp=0")
	if err != nil {
		return err
	}
	defer conn.Close()
	l := &life{conn: conn, out: bufio.NewWriterSize(conn, gather), signs: make(chan uint64, 1), done: make(chan struct{}, 1), ended: make(chan error, 1),
		fresh: true, restarting: restarting}
	l.encoder = gob.NewEncoder(l.out)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		w.listen(conn, l)
	}()
	go func() {
		err := cmd.Wait()
		conn.Close()
		<-heard
		l.ended <- err
	}()
	err = w.talk(ctx, l, cmd)
	_ = cmd.Process.Kill() // it is dead already, or is to be
	<-heard
	return err
}

// talk tells the process what it has to know, until it dies, is to end, or gives no sign of life.
func (w *Worker) talk(ctx context.Context, l *life, cmd *exec.Cmd) error {
	if err := l.say([]request{w.begin(cmd.Process, l.restarting)}); err != nil {
		return w.ending(l, err)
	}
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	var asked uint64
	last := time.Now()
	for {
		list, anew := w.due(l)
		if anew {
			l.farewell()
			return nil
		}
		if err := l.say(list); err != nil {
			return w.ending(l, err)
		}
		select {
		case <-w.ready:
		case <-l.done:
			l.making, last = false, time.Now()
		case <-l.signs:
			last = time.Now()
		case now := <-tick.C:
			if now.Sub(last) > silence {
				return fmt.Errorf("it gave no sign of life for %s", silence)
			}
			asked++
			if err := l.say([]request{{Ping: asked}}); err != nil {
				return w.ending(l, err)
			}
		case err := <-l.ended:
			return exited(err)
		case <-ctx.Done():
			l.farewell()
			return nil
		}
	}
}

// ending finds out why a process cannot be talked to: mostly it has ended.
func (w *Worker) ending(l *life, err error) error {
	select {
	case ended := <-l.ended:
		return exited(ended)
	case <-time.After(stopTimeout):
		return fmt.Errorf("it does not read: %w", err)
	}
}

func exited(err error) error {
	if err == nil {
		err = errors.New("exit status 0")
	}
	return fmt.Errorf("it has ended: %w", err)
}

// say writes requests; the process has some time to read them.
func (l *life) say(list []request) error {
	for _, r := range list {
		_ = l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err := l.encoder.Encode(r); err != nil {
			return err
		}
	}
	return l.out.Flush()
}

// farewell asks the process to end in order.
func (l *life) farewell() {
	if l.say([]request{{Stop: true}}) != nil {
		return
	}
	select {
	case <-l.ended:
	case <-time.After(stopTimeout):
	}
}

// begin is what a new process has to know first of all; the rest is due.
func (w *Worker) begin(p *os.Process, restarting bool) request {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.process, w.anew, w.changed = p, false, true
	if restarting {
		w.restarts++
	}
	for prefix := range w.told {
		w.dirty[prefix] = true
	}
	start := own(w.config)
	return request{Start: &start}
}

// due is what the process has to hear now; with anew it is to be replaced. Announcements go in pieces, of which the next
// waits for the one before: what changes meanwhile is said once, and other words are heard between them.
func (w *Worker) due(l *life) (list []request, anew bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.anew {
		return nil, true
	}
	if !l.making && len(w.dirty) > 0 {
		l.making = true
		list = append(list, w.piece())
	}
	if w.changed && !(l.fresh && l.making) {
		list = append(list, request{Neighbors: &neighbors{Configured: w.config.Neighbors, Dynamic: w.config.Dynamic, Restarting: l.restarting}})
		w.changed, l.fresh, l.restarting = false, false, false
	}
	for _, r := range w.resets {
		list = append(list, request{Reset: &r})
	}
	for _, id := range w.pending {
		list = append(list, request{Status: id})
	}
	w.resets, w.pending = nil, nil
	return list, false
}

// piece takes some of the announcements that have changed.
func (w *Worker) piece() (r request) {
	for p := range w.dirty {
		if a, ok := w.told[p]; ok {
			r.Announce = append(r.Announce, wrap(a))
		} else {
			r.Withdraw = pack(r.Withdraw, p)
		}
		delete(w.dirty, p)
		if len(r.Announce)+len(r.Withdraw)/packed >= batch {
			break
		}
	}
	return r
}

// listen passes on what the process says until it ends.
func (w *Worker) listen(conn *os.File, l *life) {
	for messages := gob.NewDecoder(bufio.NewReaderSize(conn, gather)); ; {
		var m message
		if messages.Decode(&m) != nil {
			return
		}
		switch {
		case m.Update != nil:
			w.options.Receive(Update{m.Update.Neighbor, m.Update.Attributes, unpack(m.Update.Reachable), unpack(m.Update.Withdrawn)})
		case m.Session != nil:
			w.options.Receive(*m.Session)
		case m.EndOfRIB.IsValid():
			w.options.Receive(EndOfRIB{m.EndOfRIB})
		case m.Log != nil:
			w.options.Receive(*m.Log)
		case m.Status != nil:
			w.mu.Lock()
			found := w.asked[m.Status.ID]
			delete(w.asked, m.Status.ID)
			w.mu.Unlock()
			if found != nil {
				found <- m.Status.Sessions
			}
		case m.Pong > 0:
			select {
			case l.signs <- m.Pong:
			default:
			}
		case m.Made:
			l.done <- struct{}{} // there is one at a time
		}
	}
}
