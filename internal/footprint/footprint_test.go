package footprint_test

import (
	"runtime"
	"testing"

	"github.com/ecmpd/ecmpd/internal/footprint"
)

// The estimate is near what the heap says.
func TestMap(t *testing.T) {
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	for _, n := range []int{10_000, 100_000, 300_000} {
		before := heap()
		m := map[uint64]*int{}
		for i := range n {
			m[uint64(i)] = nil
		}
		got, estimate := heap()-before, footprint.Map[uint64, *int](n)
		runtime.KeepAlive(m)
		if ratio := float64(estimate) / float64(got); ratio < 0.6 || ratio > 1.6 {
			t.Errorf("%d entries: %d bytes, estimated %d", n, got, estimate)
		}
	}
}
