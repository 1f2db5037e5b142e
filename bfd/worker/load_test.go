package worker

import (
	"testing"
	"time"
)

// Sessions at their limits keep up while both processes, and so the whole machine,
// have more to do than there are processors, garbage included. What the machine
// stalls for as a whole is measured and no fault of theirs.
func TestUnderLoad(t *testing.T) {
	for _, c := range []struct {
		name string
		role role
	}{
		{"50 sessions of 10 ms", role{Sessions: 50, Interval: 10 * time.Millisecond, Load: 3}},
		{"500 sessions of 50 ms", role{Sessions: 500, Interval: 50 * time.Millisecond, Load: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			nodes := pair(t, c.role.Sessions)
			var ends [2]*player
			for side, n := range nodes {
				r := c.role
				r.Side = side
				ends[side] = play(t, n, r)
			}
			for _, p := range ends {
				p.allUp(c.role.Sessions)
			}
			ends[0].usage()
			<-time.After(8 * time.Second) // the observation itself
			var failures int
			var late time.Duration
			for side, p := range ends {
				u := p.usage()
				t.Logf("side %d: %+v", side, u)
				failures, late = failures+u.Failures, max(late, u.Counters.Late)
			}
			// Only the machine itself may be to blame: a processor that it took away
			// for longer than two of the three intervals.
			if failures > 0 && late < 2*c.role.Interval {
				t.Errorf("%d failures, although nothing was later than %s", failures, late)
			}
			for _, p := range ends {
				p.allUp(c.role.Sessions)
			}
		})
	}
}

// BenchmarkSessions reports what one side costs in percent of one core, sending,
// receiving and the kernel's work included. One iteration lasts a second.
func BenchmarkSessions(b *testing.B) {
	for name, r := range map[string]role{
		"50x10ms":  {Sessions: 50, Interval: 10 * time.Millisecond},
		"500x50ms": {Sessions: 500, Interval: 50 * time.Millisecond},
	} {
		b.Run(name, func(b *testing.B) {
			nodes := pair(b, r.Sessions)
			far := r
			far.Side = 1
			play(b, nodes[1], far)
			hub := play(b, nodes[0], r)
			hub.allUp(r.Sessions)
			first, start := hub.usage(), time.Now()
			<-time.After(time.Duration(b.N) * time.Second) // the measurement itself
			last, elapsed := hub.usage(), time.Since(start)
			core := 100 * float64(last.Counters.CPU-first.Counters.CPU) / float64(elapsed)
			b.ReportMetric(core, "%core")
			b.ReportMetric(core/float64(r.Sessions), "%core/session")
			b.ReportMetric(float64(last.Counters.Turns-first.Counters.Turns)/elapsed.Seconds(), "turns/s")
			b.ReportMetric(float64(last.Counters.Sent-first.Counters.Sent)/elapsed.Seconds(), "sent/s")
			if last.Failures > 0 {
				b.Errorf("%d failures", last.Failures)
			}
		})
	}
}
