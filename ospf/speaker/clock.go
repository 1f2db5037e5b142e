package speaker

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// clockStep is by how much the time of day has to jump to be told to the engine.
const clockStep = time.Second

// told is the time of day that the engine knows of, and when it was told.
type told struct{ at, wall time.Time }

// tellTime tells the engine the time of day, at the start and when the clock was
// set. The instants of Step are monotonic and know nothing of that.
func (s *Speaker) tellTime(now time.Time) {
	wall := now.Round(0) // what the clock says, without the monotonic reading
	if !s.told.at.IsZero() {
		expected := s.told.wall.Add(now.Sub(s.told.at))
		if wall.Sub(expected).Abs() < clockStep {
			return
		}
	}
	s.told = told{now, wall}
	at := s.arrival(now) // no timer before the Hellos that are unread
	s.step(at, ospf.Clock{Wall: wall.Add(at.Sub(now))})
}
