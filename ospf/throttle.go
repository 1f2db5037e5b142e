package ospf

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// minArrival is MinLSArrival, within which neighbours drop what follows an
// instance (13 (5)(a)), with a margin: their clocks start when it arrives.
const minArrival = packet.MinLSArrival*time.Second + 50*time.Millisecond

// schedule originates now, or as soon as the throttle allows (12.4). A router
// on its way out waits only as long as neighbours would not listen, and so does
// what they may not have listened to.
func (e *Engine) schedule(s *selfLSA) {
	wait, start := s.hold, e.cfg.LSAThrottle.Start
	if e.shutdown.active || e.restart.active || s.repeat {
		wait, start = minArrival, 0
	}
	at := s.sent.Add(wait)
	if s.sent.IsZero() || !at.After(e.now) {
		at = e.now.Add(start)
	}
	switch {
	case !at.After(e.now):
		e.emitLSA(s)
	case !s.pending || at.Before(s.timer.at):
		s.pending = true
		e.timers.set(&s.timer, at)
	}
}

// nextHold is how long after the origination at hand the next one has to wait: twice as long as this one
// had to if it comes soon after the end of that, else the shortest interval again.
func (e *Engine) nextHold(s *selfLSA) time.Duration {
	shortest := e.cfg.LSAThrottle.Hold
	if shortest == 0 {
		shortest = packet.MinLSInterval * time.Second
	}
	longest := max(e.cfg.LSAThrottle.Max, shortest)
	if s.hold == 0 || e.now.Sub(s.sent) >= 2*s.hold {
		return shortest
	}
	return min(2*s.hold, longest)
}

// overdue tells whether the LSA says something that the network does not know
// yet, because the throttle holds it back.
func (s *selfLSA) overdue() bool { return s.pending }

// refreshGroup is the grid of refreshes: those of one step share packets.
const refreshGroup = time.Second

// refreshIn is the time to the next refresh: at most LSRefreshTime (12.4, 14.1), spread evenly over its second half,
// so that LSAs which were originated together are not refreshed together.
func (e *Engine) refreshIn() time.Duration {
	const t = packet.LSRefreshTime * time.Second
	at := e.now.Add(t - time.Duration(e.rng.Int64N(int64(t/2))))
	return at.Add(-(at.Sub(e.started) % refreshGroup)).Sub(e.now)
}
