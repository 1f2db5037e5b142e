package speaker

import (
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// The engine hears the time of day before anything else, and again when the
// clock was set, not otherwise.
func TestTellTime(t *testing.T) {
	var heard []time.Time
	s := &Speaker{engine: &script{step: func(now time.Time, in ospf.Input) ospf.Output {
		heard = append(heard, in.(ospf.Clock).Wall)
		return ospf.Output{}
	}}}
	now := time.Now()
	s.tellTime(now)
	s.tellTime(now.Add(time.Hour)) // an hour by both clocks
	if len(heard) != 1 || !heard[0].Equal(now) {
		t.Fatalf("told %v at %v", heard, now)
	}
	for n, jump := range []time.Duration{-time.Hour, 2 * time.Second, -900 * time.Millisecond} {
		s.told.wall = s.told.wall.Add(-jump) // as if the clock had gone on by more
		now = now.Add(time.Minute)
		s.tellTime(now)
		if want := min(n+2, 3); len(heard) != want {
			t.Fatalf("told %d times after a jump of %v", len(heard), jump)
		}
		if last := heard[len(heard)-1]; n < 2 && !last.Equal(now) {
			t.Errorf("told %v at %v", last, now)
		}
	}
}
