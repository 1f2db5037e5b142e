package daemon

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/sirupsen/logrus"
)

// tendInterval is how often the heap is looked at, and the time without much
// allocation after which a burst counts as over.
const tendInterval = 500 * time.Millisecond

// startTime is how long the start is given: after it, what only the start needed goes.
const startTime = 2 * time.Second

// tendMemory gives back to the system what bursts leave: a database that is
// taken over passes through many short-lived copies, and the garbage collector
// by itself keeps as much memory for the next burst as the last one took. It gives
// back what only the start needed of the program, too.
func tendMemory(ctx context.Context, log logrus.FieldLogger) error {
	tick := time.NewTicker(tendInterval)
	defer tick.Stop()
	var h heapWatch
	started := time.After(startTime)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-started:
			if err := releaseProgram(); err != nil {
				log.WithError(err).Debug("memory of the program is not given back")
			}
			continue
		case <-tick.C:
		}
		if h.worthwhile(readHeap()) {
			debug.FreeOSMemory()
			h.released(readHeap())
		}
	}
}

// heapState is the Go heap in bytes.
type heapState struct {
	allocated uint64 // since the start, all in all
	live      uint64 // that the last collection found in use
	resident  uint64 // of the system's memory, garbage and free spans included
}

func readHeap() heapState {
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	value := func(i int) uint64 { return s[i].Value.Uint64() }
	return heapState{allocated: value(0), live: value(1), resident: value(2) + value(3) + value(4)}
}

// heapWatch decides when the heap is worth a collection out of turn.
type heapWatch struct {
	last    uint64 // allocated at the last look
	settled uint64 // allocated when memory was last given back
	live    uint64 // what lived then: amid a burst its garbage seems to live
}

// A collection costs time in proportion to what lives, so it has to be worth it:
// a quarter of what lives, and this much in any case.
const worthwhileBytes = 4 << 20

// calmBytes is what may be allocated between two looks after a burst. Half a million routes on
// their way to the kernel need more, however much lives.
const calmBytes = 4 << 20

// worthwhile reports that a burst is over and has left enough to be given back.
func (w *heapWatch) worthwhile(h heapState) bool {
	since := h.allocated - w.last
	w.last = h.allocated
	margin := max(worthwhileBytes, h.live/4)
	return since < min(margin/4, calmBytes) && h.allocated-w.settled > margin && h.resident > w.live+margin
}

func (w *heapWatch) released(h heapState) {
	w.last, w.settled, w.live = h.allocated, h.allocated, h.live
}
