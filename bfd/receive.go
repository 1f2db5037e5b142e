package bfd

import (
	"net/netip"
	"time"
)

// From says how a datagram came in.
type From struct {
	Interface string
	Src       netip.Addr
	TTL       uint8
}

// Receive takes one datagram to UDP port 3784 that arrived at the instant at, which
// may lie before the latest Tick, and tells whether it was accepted (nil) or why
// not (a [Discard]). Nothing of data is kept.
func (m *Machine) Receive(now, at time.Duration, from From, data []byte) error {
	d, s := m.receive(now, min(at, now), from, data)
	if d == accepted {
		return nil
	}
	m.discards[d]++
	if s != nil {
		s.dropped++
	}
	return d
}

func (m *Machine) receive(now, at time.Duration, from From, data []byte) (Discard, *session) {
	if from.TTL != 255 { // RFC 5881 5
		return BadTTL, nil
	}
	var p Packet
	if d := decode(data, &p); d != accepted {
		return d, nil
	}
	s, d := m.demultiplex(&p, from)
	if d != accepted {
		return d, s
	}
	if d := s.authenticate(data, p.Auth); d != accepted {
		return d, s
	}
	return s.accept(now, at, &p), s
}

// demultiplex finds the session of a packet (RFC 5880 6.8.6, RFC 5881 3 and 6). No
// packet ever creates one.
func (m *Machine) demultiplex(p *Packet, from From) (*session, Discard) {
	if p.YourDiscr != 0 {
		s := m.byDiscr[p.YourDiscr]
		switch {
		case s == nil:
			return nil, UnknownSession
		case s.cfg.Interface != from.Interface: // RFC 5881 3: bound to its interface
			return s, WrongInterface
		}
		return s, accepted
	}
	if p.State != Down && p.State != AdminDown {
		return nil, UnexpectedState
	}
	if s := m.byKey[Key{from.Interface, from.Src}]; s != nil {
		return s, accepted
	}
	// RFC 5881 6: on a point-to-point link any source address will do.
	if s := m.pointToPoint[from.Interface]; s != nil {
		return s, accepted
	}
	return nil, UnknownSession
}

// accept is the rest of RFC 5880 6.8.6, for a packet that was authenticated.
func (s *session) accept(now, at time.Duration, p *Packet) Discard {
	if s.remote != p.MyDiscr { // the neighbour may have started anew
		s.remote, s.changed = p.MyDiscr, true
	}
	s.remoteState, s.remoteDiag = p.State, p.Diag
	agreed, quiet := s.interval(), s.silent()
	s.remoteDemand = p.Demand
	s.remoteRx = time.Duration(p.RequiredMinRx) * time.Microsecond
	s.remoteTx, s.remoteMult = time.Duration(p.DesiredMinTx)*time.Microsecond, p.Multiplier
	switch {
	case s.poll == pollActive && p.Final:
		s.poll = pollSettling
		if p.Demand { // it sends nothing else to settle on, and does not watch our packets
			s.poll = pollIdle
		}
		s.retime(now)
	case s.poll == pollSettling && !p.Final:
		s.poll = pollIdle
		s.retime(now)
	case s.interval() != agreed || s.silent() != quiet:
		s.schedule(now)
	}
	if s.state == AdminDown || s.released {
		return SessionAdminDown
	}
	s.received++
	s.heard, s.lastRx = true, max(s.lastRx, at)
	quiet = s.silent()
	s.event(now, event(p.State))
	if s.silent() != quiet { // 6.6: Demand mode has become active at the neighbour, or has ended
		s.schedule(now)
	}
	switch {
	case p.Poll: // 6.8.7: at once, whatever the timers say
		s.transmit(now, true)
	case s.changed:
		s.transmit(now, false)
	}
	s.m.queue.update(s)
	return accepted
}
