package speaker

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// clockStep is by how much the time of day has to jump to be told to the engine.
const clockStep = time.Second

// tellTime tells the engine the time of day, at the start and when the clock was
// set. The instants of Step are monotonic and know nothing of that.
func (s *Speaker) tellTime(now time.Time) {
	wall := now.Round(0)
	if !s.told.IsZero() {
		jump := wall.Sub(s.told.Round(0)) - now.Sub(s.told)
		if jump.Abs() < clockStep {
			return
		}
	}
	s.told = now
	at := s.arrival(now) // no timer before the Hellos that are unread
	s.step(at, ospf.Clock{Wall: wall.Add(at.Sub(now))})
}
