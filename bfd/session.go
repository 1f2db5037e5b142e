package bfd

import (
	"math"
	"net/netip"
	"time"
)

// Key names a session: there is one with a neighbour's address over an interface
// (RFC 5881 3).
type Key struct {
	Interface string
	Peer      netip.Addr
}

// Config is what is asked of one session.
type Config struct {
	Key
	Local netip.Addr // source address
	// PointToPoint: there is one neighbour on the link. Its first packet is
	// accepted from any address (RFC 5881 6).
	PointToPoint bool
	MinTx        time.Duration // bfd.DesiredMinTxInterval while Up; 1 µs..1 h
	MinRx        time.Duration // bfd.RequiredMinRxInterval; 1 µs..1 h
	Multiplier   uint8         // bfd.DetectMult, 1..255
	Auth         Auth
}

// slowTx is the least DesiredMinTxInterval while a session is not Up (RFC 5880 6.8.3).
const slowTx = time.Second

// never is an instant that is not reached.
const never = time.Duration(math.MaxInt64)

// session holds the state variables of RFC 5880 6.8.1.
type session struct {
	m        *Machine
	cfg      Config
	port     uint16 // UDP source
	released bool   // nobody asks for it any more: it is removed at removeAt
	removeAt time.Duration

	state, remoteState State
	local, remote      uint32 // discriminators
	diag, remoteDiag   Diag

	desiredTx, requiredRx time.Duration // as announced
	tx, rx                time.Duration // as in use: a slower rate waits for the end of a Poll Sequence
	remoteTx, remoteRx    time.Duration
	remoteMult            uint8
	remoteDemand          bool
	poll                  pollState

	xmitSeq, rcvSeq uint32
	seqKnown        bool

	changed  bool // the contents differ from those of the last packet (but for Poll and Final)
	lastTx   time.Duration
	earliest time.Duration // of the next periodic packet: 75 % of the interval
	txAt     time.Duration // when it is due; never: no periodic packets
	heard    bool          // within the last detection time
	lastRx   time.Duration
	turn     int           // place in the queue
	wake     time.Duration // at or before whatever is due next

	since    time.Duration // of the last change of state
	why      string
	ups      uint64
	failures uint64
	sent     uint64
	received uint64
	dropped  uint64
}

// pollState is where a Poll Sequence stands (RFC 5880 6.5).
type pollState uint8

const (
	pollIdle pollState = iota
	pollActive
	// pollSettling: ended, but a new one must wait for a packet with the Final
	// bit clear, so that its Final is not mistaken (6.8.3, third choice).
	pollSettling
)

// detection is the detection time (RFC 5880 6.8.4); 0 before the first packet.
func (s *session) detection() time.Duration {
	return time.Duration(s.remoteMult) * max(s.rx, s.remoteTx)
}

// expireAt is when the detection time ends; never when nothing is heard anyway.
func (s *session) expireAt() time.Duration {
	if !s.heard {
		return never
	}
	return s.lastRx + s.detection()
}

// interval is the agreed interval between periodic packets (6.8.7).
func (s *session) interval() time.Duration { return max(s.tx, s.remoteRx) }

// retime announces the intervals that are wanted now and brings those in use in
// line (RFC 5880 6.8.3).
func (s *session) retime(now time.Duration) {
	desired := s.cfg.MinTx
	if s.state != Up {
		desired = max(desired, slowTx)
	}
	// A change while a Poll Sequence runs, or has just ended, is held until its
	// answer could not be mistaken. Only while Up: elsewhere nothing depends on it.
	if (desired != s.desiredTx || s.cfg.MinRx != s.requiredRx) && (s.state != Up || s.poll == pollIdle) {
		s.desiredTx, s.requiredRx = desired, s.cfg.MinRx
		s.poll, s.changed = pollActive, true
	}
	if s.state != Up || s.poll != pollActive || s.desiredTx < s.tx {
		s.tx = s.desiredTx
	}
	if s.state != Up || s.poll != pollActive || s.requiredRx > s.rx {
		s.rx = s.requiredRx
	}
	s.schedule(now)
}

// schedule sets when the next periodic packet is due, with the jitter of 6.8.7.
// The interval counts from the last packet, so that a shorter one holds at once.
func (s *session) schedule(now time.Duration) {
	if s.silent() {
		s.txAt = never
		s.m.queue.update(s)
		return
	}
	interval := s.interval()
	s.earliest = s.lastTx + interval*3/4
	span := interval / 4
	if s.cfg.Multiplier == 1 { // 6.8.7: 75 % to 90 %
		span = interval * 15 / 100
	}
	s.txAt = max(now, s.earliest+time.Duration(s.m.rng.Int64N(int64(span)+1)))
	s.m.queue.update(s)
}

// silent tells whether no periodic packets are sent (6.8.7).
func (s *session) silent() bool {
	if s.remoteRx == 0 {
		return true
	}
	return s.remoteDemand && s.state == Up && s.remoteState == Up && s.poll != pollActive
}

// event runs the state machine and performs a change of state with every
// consequence of it.
func (s *session) event(now time.Duration, ev event) {
	to, diag, changed := next(s.state, ev)
	if !changed {
		return
	}
	from := s.state
	s.state, s.since, s.changed = to, now, true
	if to != Init && to != Up {
		if ev != enable {
			s.diag = diag
		}
		s.why = s.explain(ev)
	}
	if to == Up {
		s.why, s.poll = "", pollIdle // no timer has waited for the answer of an earlier Poll Sequence
		s.ups++
	}
	e := Event{
		Key: s.cfg.Key, From: from, To: to, Diag: s.diag, RemoteDiag: s.remoteDiag, Reason: s.why,
		// RFC 5882 4.2: administrative ends say nothing about the path.
		Failed: from == Up && to == Down && ev != gotAdminDown,
	}
	if e.Failed {
		s.failures++
	}
	s.m.events = append(s.m.events, e)
	s.retime(now)
	s.transmit(now, false)
}

// explain says why the session is down.
func (s *session) explain(ev event) string {
	switch ev {
	case detectionExpired:
		return DetectionExpired.String() + " (" + s.detection().String() + ")"
	case gotAdminDown:
		return "neighbor is administratively down"
	case gotDown:
		if s.remoteDiag == NoDiag {
			return NeighborDown.String()
		}
		return NeighborDown.String() + ": " + s.remoteDiag.String()
	case disable:
		return Administrative.String()
	}
	return "waiting for the neighbor"
}

// due does what is due for the session now; packets may leave up to slack early.
func (s *session) due(now, slack time.Duration) {
	if now >= s.expireAt() {
		s.expire(now)
	}
	// 6.8.1 (bfd.AuthSeqKnown)
	if s.seqKnown && now >= s.forgetSeqAt() {
		s.seqKnown = false
	}
	if s.txAt <= now+slack && s.earliest <= now {
		s.transmit(now, false)
	}
	s.m.queue.update(s)
}

func (s *session) forgetSeqAt() time.Duration { return s.lastRx + 2*s.detection() }

// expire: a detection time has passed without a packet (RFC 5880 6.8.4, 6.8.1,
// 6.8.18).
func (s *session) expire(now time.Duration) {
	s.heard = false
	s.remote, s.remoteRx, s.remoteDemand = 0, time.Microsecond, false
	before := s.state
	s.event(now, detectionExpired)
	if s.state == before {
		s.changed = true
		s.schedule(now)
	}
}

// nextWake is the next instant at which [session.due] has something to do.
func (s *session) nextWake() time.Duration {
	at := min(s.txAt, s.expireAt())
	if s.seqKnown {
		at = min(at, s.forgetSeqAt())
	}
	if s.released {
		at = min(at, s.removeAt)
	}
	return at
}
