package ospf

import (
	"container/heap"
	"time"
)

// timer is one deadline of the engine. Its owner embeds it and sets fire once;
// it lives in the queue only while armed.
type timer struct {
	fire  func()
	at    time.Time
	order uint64 // ties fire in the order in which they were armed
	index int    // position in the queue plus one; 0 when not armed
}

func (t *timer) armed() bool { return t.index != 0 }

// timerQueue is the engine's table of deadlines, earliest first.
type timerQueue struct {
	heap  timerHeap
	order uint64
}

// set arms t for the instant at, or moves it there.
func (q *timerQueue) set(t *timer, at time.Time) {
	q.order++
	t.at, t.order = at, q.order
	if t.armed() {
		heap.Fix(&q.heap, t.index-1)
		return
	}
	heap.Push(&q.heap, t)
}

// stop disarms t; stopping an idle timer does nothing.
func (q *timerQueue) stop(t *timer) {
	if t.armed() {
		heap.Remove(&q.heap, t.index-1)
	}
}

// next returns the earliest deadline.
func (q *timerQueue) next() (time.Time, bool) {
	if len(q.heap) == 0 {
		return time.Time{}, false
	}
	return q.heap[0].at, true
}

// run fires everything that is due, timers armed meanwhile included unless
// they lie in the future.
func (q *timerQueue) run(now time.Time) {
	for len(q.heap) > 0 && !q.heap[0].at.After(now) {
		heap.Pop(&q.heap).(*timer).fire()
	}
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].order < h[j].order
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.index = len(*h)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = 0
	return t
}
