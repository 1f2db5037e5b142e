package daemon

import (
	"context"
	"slices"
	"sync"
)

// mailbox hands values to a loop in their order. Putting never blocks, so no
// loop ever waits for another one; what gathers meanwhile is taken in one go.
type mailbox[T any] struct {
	mu    sync.Mutex
	items []T
	ready chan struct{}
}

// whole is a message that says everything about its subject, so that a newer
// one takes the place of one that was not read yet: a loop that is held up finds
// one picture, not the whole film.
type whole interface{ replaces(other any) bool }

func newMailbox[T any]() *mailbox[T] {
	return &mailbox[T]{ready: make(chan struct{}, 1)}
}

func (m *mailbox[T]) put(v T) {
	m.mu.Lock()
	m.enter(v)
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

func (m *mailbox[T]) enter(v T) {
	if w, ok := any(v).(whole); ok {
		for i, o := range m.items {
			if w.replaces(o) {
				m.items[i] = v
				return
			}
		}
	}
	m.items = append(m.items, v)
}

// waits tells whether a value that was not taken yet is of some sort.
func (m *mailbox[T]) waits(sort func(T) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.items, sort)
}

// more returns what gathered, if anything did, for a loop that waits for ready and for other things, too.
func (m *mailbox[T]) more() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = nil
	return items
}

// take returns what gathered, at least one value; nil when ctx ends.
func (m *mailbox[T]) take(ctx context.Context) []T {
	for {
		if items := m.more(); len(items) > 0 {
			return items
		}
		select {
		case <-m.ready:
		case <-ctx.Done():
			return nil
		}
	}
}
