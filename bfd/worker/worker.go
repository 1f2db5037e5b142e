package worker

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/internal/child"
)

// Options say how the process is started and where its words go. The functions are
// never called at the same time. When the process dies, every session is reported Down.
type Options struct {
	Command []string // that calls [Main]
	OnEvent func(bfd.Event)
	OnError func(error)
}

const (
	restartAfter = time.Second            // when the process has died
	stopTimeout  = 500 * time.Millisecond // for its good-byes
	writeTimeout = 2 * time.Second        // for it to read
)

// Worker is the daemon's end. Its methods may be called from several goroutines and
// do not wait, but for Status.
type Worker struct {
	options Options
	ready   chan struct{} // something is in queue

	mu       sync.Mutex
	wanted   map[bfd.Key]bfd.Config
	links    map[string]int
	queue    []request
	question uint64
	asked    map[uint64]chan Status
}

// New prepares a worker; there is no process before [Worker.Run] and the first session.
func New(o Options) *Worker {
	return &Worker{
		options: o, ready: make(chan struct{}, 1), wanted: map[bfd.Key]bfd.Config{}, links: map[string]int{}, asked: map[uint64]chan Status{},
	}
}

// Set asks for a session or changes it; see [bfd.Machine.Set].
func (w *Worker) Set(c bfd.Config) {
	w.mu.Lock()
	w.wanted[c.Key] = c
	w.put(request{Set: &c})
}

// Release asks for a session no longer; see [bfd.Machine.Release].
func (w *Worker) Release(k bfd.Key) {
	w.mu.Lock()
	delete(w.wanted, k)
	w.put(request{Release: &k})
}

// Links says which links there are: their kernel indexes by name.
func (w *Worker) Links(indexes map[string]int) {
	w.mu.Lock()
	if maps.Equal(w.links, indexes) {
		w.mu.Unlock()
		return
	}
	w.links = indexes
	w.put(request{Links: indexes})
}

// Status asks the process; without one there are no sessions. It gives up with ctx.
func (w *Worker) Status(ctx context.Context) (Status, error) {
	w.mu.Lock()
	w.question++
	id := w.question
	found := make(chan Status, 1)
	w.asked[id] = found
	w.put(request{Status: id})
	select {
	case st := <-found:
		return st, nil
	case <-ctx.Done():
		w.mu.Lock()
		delete(w.asked, id)
		w.mu.Unlock()
		return Status{}, ctx.Err()
	}
}

// put queues a request and gives mu back.
func (w *Worker) put(r request) {
	w.queue = append(w.queue, r)
	w.mu.Unlock()
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// Run starts the process when the first session is asked for, and again when it has
// died, until ctx ends; then the neighbours are told that the sessions end.
func (w *Worker) Run(ctx context.Context) error {
	for w.awaitSession(ctx) {
		if err := w.converse(ctx); err != nil && ctx.Err() == nil {
			w.options.OnError(fmt.Errorf("BFD process: %w; it is started again", err))
			w.answerNothing()
			w.lost()
			select {
			case <-time.After(restartAfter):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// awaitSession waits until there is a reason for a process. Questions are answered
// meanwhile: there is nothing.
func (w *Worker) awaitSession(ctx context.Context) bool {
	for {
		w.mu.Lock()
		sessions := len(w.wanted)
		if sessions == 0 {
			w.queue = nil
		}
		w.mu.Unlock()
		if sessions == 0 {
			w.answerNothing()
		}
		if ctx.Err() != nil || sessions > 0 {
			return ctx.Err() == nil
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
		}
	}
}

// lost says that no session is up any more, which is no failure of a path.
func (w *Worker) lost() {
	w.mu.Lock()
	keys := slices.Collect(maps.Keys(w.wanted))
	w.mu.Unlock()
	for _, k := range keys {
		w.options.OnEvent(bfd.Event{Key: k, From: bfd.Up, To: bfd.Down, Reason: "the BFD process has ended"})
	}
}

// answerNothing answers all questions: without a process there are no sessions.
func (w *Worker) answerNothing() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, found := range w.asked {
		found <- Status{}
		delete(w.asked, id)
	}
}

// converse runs one process to its end.
func (w *Worker) converse(ctx context.Context) error {
	// Nobody is to interrupt the loop while it sleeps: it is alone on its processor.
	conn, cmd, err := child.Start(w.options.Command, "GODEBUG=asyncpreemptoff=1")
	if err != nil {
		return err
	}
	defer conn.Close()
	gone := make(chan error, 1)
	go func() {
		w.listen(conn)
		conn.Close()
		gone <- cmd.Wait()
	}()
	out := bufio.NewWriter(conn)
	encoder := gob.NewEncoder(out)
	say := func(list []request) {
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		for _, r := range list {
			_ = encoder.Encode(r) // the writer keeps its error for Flush
		}
		if out.Flush() != nil { // it does not read: without the daemon it ends
			conn.Close()
		}
	}
	say(w.whole())
	for {
		select {
		case <-w.ready:
			w.mu.Lock()
			queue := w.queue
			w.queue = nil
			w.mu.Unlock()
			say(queue)
		case err := <-gone:
			if err == nil {
				err = errors.New("exit status 0")
			}
			return fmt.Errorf("it has ended: %w", err)
		case <-ctx.Done():
			say([]request{{Stop: true}})
			select {
			case <-gone:
			case <-time.After(stopTimeout):
				_ = cmd.Process.Kill()
			}
			return nil
		}
	}
}

// whole is everything that a new process has to know.
func (w *Worker) whole() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = nil
	list := []request{{Links: w.links}}
	for _, c := range w.wanted {
		list = append(list, request{Set: &c})
	}
	for id := range w.asked {
		list = append(list, request{Status: id})
	}
	return list
}

// listen passes on what the process says until it ends.
func (w *Worker) listen(conn *os.File) {
	for messages := gob.NewDecoder(bufio.NewReader(conn)); ; {
		var m message
		if messages.Decode(&m) != nil {
			return
		}
		switch {
		case m.Event != nil:
			w.options.OnEvent(*m.Event)
		case m.Error != "":
			w.options.OnError(errors.New(m.Error))
		case m.Status != nil:
			w.mu.Lock()
			found := w.asked[m.Status.ID]
			delete(w.asked, m.Status.ID)
			w.mu.Unlock()
			if found != nil {
				found <- m.Status.Status
			}
		}
	}
}
