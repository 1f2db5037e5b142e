package speaker

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"golang.org/x/sys/unix"
)

// inbox is the way in for other goroutines: a queue and a file descriptor
// that becomes readable when something is in it.
type inbox struct {
	mu     sync.Mutex
	queue  []letter
	closed bool
	event  int // eventfd
}

// letter is an input for the engine or a function to run in the loop.
type letter struct {
	in   ospf.Input
	do   func(now time.Time)
	done chan<- bool // gets true after do ran, false when it never will
}

func newInbox() (*inbox, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("open eventfd: %w", err)
	}
	return &inbox{event: fd}, nil
}

// put queues a letter and wakes the loop. False: the loop has ended.
func (b *inbox) put(l letter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.queue = append(b.queue, l)
	if len(b.queue) == 1 {
		b.signal()
	}
	return true
}

// wake makes the loop look round.
func (b *inbox) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.signal()
	}
}

// signal can fail only when the counter is full, and then the loop is awake anyway.
func (b *inbox) signal() {
	_, _ = unix.Write(b.event, binary.NativeEndian.AppendUint64(nil, 1))
}

// take empties the queue.
func (b *inbox) take() []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	var count [8]byte
	_, _ = unix.Read(b.event, count[:])
	queue := b.queue
	b.queue = nil
	return queue
}

// close refuses further letters and returns those that will not be read.
func (b *inbox) close() {
	b.mu.Lock()
	queue := b.queue
	b.queue, b.closed = nil, true
	unix.Close(b.event)
	b.mu.Unlock()
	for _, l := range queue {
		if l.done != nil {
			l.done <- false
		}
	}
}
