package daemon

import "testing"

func TestHeapWatch(t *testing.T) {
	const mb = 1 << 20
	var w heapWatch
	for i, step := range []struct {
		heapState
		want bool
	}{
		{heapState{allocated: 100 * mb, live: 40 * mb, resident: 80 * mb}, false}, // a burst
		{heapState{allocated: 101 * mb, live: 40 * mb, resident: 80 * mb}, true},  // it is over
		{heapState{allocated: 102 * mb, live: 40 * mb, resident: 80 * mb}, false}, // nothing since then
		{heapState{allocated: 103 * mb, live: 40 * mb, resident: 45 * mb}, false},
		{heapState{allocated: 130 * mb, live: 40 * mb, resident: 72 * mb}, false}, // the next burst
		{heapState{allocated: 131 * mb, live: 40 * mb, resident: 72 * mb}, true},
		{heapState{allocated: 170 * mb, live: 80 * mb, resident: 90 * mb}, false},
		{heapState{allocated: 171 * mb, live: 80 * mb, resident: 90 * mb}, true},  // growth, or garbage of a collection amid it
		{heapState{allocated: 210 * mb, live: 80 * mb, resident: 94 * mb}, false}, // it was growth
		{heapState{allocated: 211 * mb, live: 80 * mb, resident: 94 * mb}, false},
		{heapState{allocated: 1500 * mb, live: 600 * mb, resident: 1000 * mb}, false},
		{heapState{allocated: 1520 * mb, live: 600 * mb, resident: 1000 * mb}, false}, // routes go to the kernel
		{heapState{allocated: 1522 * mb, live: 600 * mb, resident: 1000 * mb}, true},
	} {
		got := w.worthwhile(step.heapState)
		if got != step.want {
			t.Errorf("step %d, %+v: %v", i, step.heapState, got)
		}
		if got {
			w.released(step.heapState)
		}
	}
}
