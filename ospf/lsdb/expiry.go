package lsdb

import (
	"container/heap"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// expiry holds the entries that will reach MaxAge by growing old, the earliest first.
type expiry struct{ heap entryHeap }

func (x *expiry) push(e *Entry) {
	if e.Age >= packet.MaxAge { // MaxAge already, or DoNotAge
		return
	}
	heap.Push(&x.heap, e)
}

func (x *expiry) remove(e *Entry) {
	if e.heapPos > 0 {
		heap.Remove(&x.heap, int(e.heapPos)-1)
	}
}

func (x *expiry) next() (time.Time, bool) {
	if len(x.heap) == 0 {
		return time.Time{}, false
	}
	return x.heap[0].expires(), true
}

// pop takes out what has expired at now and returns it in the order of the keys.
func (x *expiry) pop(now time.Time) []*Entry {
	var expired []*Entry
	for len(x.heap) > 0 && !x.heap[0].expires().After(now) {
		expired = append(expired, heap.Pop(&x.heap).(*Entry))
	}
	slices.SortFunc(expired, func(a, b *Entry) int { return a.Key().Compare(b.Key()) })
	return expired
}

// entryHeap is a [heap.Interface]; the entries know their places in it.
type entryHeap []*Entry

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].expires().Before(h[j].expires()) }

func (h entryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapPos, h[j].heapPos = int32(i+1), int32(j+1)
}

func (h *entryHeap) Push(e any) {
	*h = append(*h, e.(*Entry))
	(*h)[len(*h)-1].heapPos = int32(len(*h))
}

func (h *entryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.heapPos = 0
	return e
}
