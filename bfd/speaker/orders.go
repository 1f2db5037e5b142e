package speaker

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// orders is the way in for other goroutines: functions for the loop, and a file
// descriptor that becomes readable when there are some.
type orders struct {
	mu     sync.Mutex
	queue  []order
	closed bool
	event  int // eventfd
}

// order is a function to run in the loop; done, which may be nil, gets true after it
// ran and false when it never will.
type order struct {
	do   func(now time.Duration)
	done chan<- bool
}

func newOrders() (*orders, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("open eventfd: %w", err)
	}
	return &orders{event: fd}, nil
}

// put queues an order and wakes the loop. False: the loop has ended.
func (o *orders) put(what order) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.queue = append(o.queue, what)
	if len(o.queue) == 1 {
		o.signal()
	}
	return true
}

// wake makes the loop look round.
func (o *orders) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.signal()
	}
}

// signal can fail only when the counter is full, and then the loop is awake anyway.
func (o *orders) signal() {
	_, _ = unix.Write(o.event, binary.NativeEndian.AppendUint64(nil, 1))
}

// take empties the queue.
func (o *orders) take() []order {
	o.mu.Lock()
	defer o.mu.Unlock()
	var count [8]byte
	_, _ = unix.Read(o.event, count[:])
	queue := o.queue
	o.queue = nil
	return queue
}

// close refuses further orders and answers those that nobody will carry out.
func (o *orders) close() {
	o.mu.Lock()
	queue := o.queue
	o.queue, o.closed = nil, true
	unix.Close(o.event)
	o.mu.Unlock()
	for _, left := range queue {
		if left.done != nil {
			left.done <- false
		}
	}
}
