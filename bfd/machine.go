package bfd

import (
	"math/rand/v2"
	"time"
)

// UDP source ports (RFC 5881 4).
const (
	firstPort = 49152
	portCount = 1<<16 - firstPort
)

// Machine is all BFD sessions of a router. It is not safe for concurrent use.
type Machine struct {
	rng          *rand.Rand
	byKey        map[Key]*session
	byDiscr      map[uint32]*session
	pointToPoint map[string]*session // by interface
	ports        map[uint16]int      // sessions that use each source port
	port         uint16              // last one given away, less firstPort
	queue        queue
	sends        []Transmit
	events       []Event
	discards     [discardCount]uint64
}

// Event says that a session changed its state.
type Event struct {
	Key
	From, To   State
	Diag       Diag   // ours
	RemoteDiag Diag   // last received
	Reason     string // why it is down; empty on the way up
	// Failed: the session was Up and the path has failed. An administrative end at
	// either side is none (RFC 5882 4.2).
	Failed bool
}

// New returns a machine without sessions. The seed feeds every random choice:
// discriminators, jitter, sequence numbers.
func New(seed uint64) *Machine {
	m := &Machine{
		rng:   rand.New(rand.NewPCG(seed, 0x6266_64)),
		byKey: map[Key]*session{}, byDiscr: map[uint32]*session{},
		pointToPoint: map[string]*session{}, ports: map[uint16]int{},
	}
	m.port = uint16(m.rng.UintN(portCount))
	return m
}

// Set asks for a session, or changes one. A session keeps its state when its timers
// change (RFC 5880 6.8.3), or its keys; another address and another type of authentication make
// a new one.
func (m *Machine) Set(now time.Duration, c Config) {
	s := m.byKey[c.Key]
	if s != nil && (s.cfg.Local != c.Local || s.cfg.Auth.Type != c.Auth.Type) {
		s.event(now, disable) // no failure, to both sides
		m.remove(s)
		s = nil
	}
	if s == nil {
		m.add(now, c)
		return
	}
	if c.Multiplier != s.cfg.Multiplier {
		s.changed = true // 6.8.12: no Poll Sequence
	}
	s.cfg, s.released = c, false
	m.noteLink(s)
	s.event(now, enable)
	s.retime(now)
	if !s.changed {
		return
	}
	if s.remoteDemand && s.poll == pollIdle { // 6.6
		s.poll = pollActive
	}
	s.transmit(now, false)
}

// noteLink remembers a session as the one of its point-to-point link, or no longer.
func (m *Machine) noteLink(s *session) {
	switch {
	case s.cfg.PointToPoint:
		m.pointToPoint[s.cfg.Interface] = s
	case m.pointToPoint[s.cfg.Interface] == s:
		delete(m.pointToPoint, s.cfg.Interface)
	}
}

func (m *Machine) add(now time.Duration, c Config) {
	s := &session{
		m: m, cfg: c, turn: -1, state: Down, remoteState: Down, since: now,
		requiredRx: c.MinRx, rx: c.MinRx, desiredTx: max(c.MinTx, slowTx), tx: max(c.MinTx, slowTx),
		remoteRx: time.Microsecond, xmitSeq: m.rng.Uint32(), why: "no packet from the neighbor yet",
	}
	for s.local == 0 || m.byDiscr[s.local] != nil {
		s.local = m.rng.Uint32()
	}
	m.port = (m.port + 1) % portCount
	for used := 0; m.ports[m.port] > 0 && used < portCount; used++ { // RFC 5881 4: unique as long as there are ports
		m.port = (m.port + 1) % portCount
	}
	s.port = firstPort + m.port
	m.ports[m.port]++
	m.byKey[c.Key], m.byDiscr[s.local] = s, s
	m.noteLink(s)
	m.queue.push(s)
	s.transmit(now, false)
}

// releaseTime is the least time for which a neighbour is told that a session ends.
const releaseTime = time.Second

// Release asks for a session no longer. It goes AdminDown, so that the neighbour
// takes the end for what it is, for a detection time; one that is Down already
// stays so for that time, because the neighbour may not know yet that the path has
// failed. Then it is forgotten.
func (m *Machine) Release(now time.Duration, k Key) {
	s := m.byKey[k]
	if s == nil || s.released {
		return
	}
	s.released = true
	theirs := time.Duration(s.cfg.Multiplier) * max(s.interval(), slowTx)
	s.removeAt = now + max(releaseTime, min(theirs, 3*slowTx))
	if s.state != Down {
		s.event(now, disable)
	}
	m.queue.update(s)
}

func (m *Machine) remove(s *session) {
	m.queue.remove(s)
	s.turn = -1
	delete(m.byKey, s.cfg.Key)
	delete(m.byDiscr, s.local)
	if m.pointToPoint[s.cfg.Interface] == s {
		delete(m.pointToPoint, s.cfg.Interface)
	}
	port := s.port - firstPort
	if m.ports[port]--; m.ports[port] == 0 {
		delete(m.ports, port)
	}
}

// Deadline is when the next Tick is due; ok is false when there is none.
func (m *Machine) Deadline() (at time.Duration, ok bool) {
	if len(m.queue) == 0 || m.queue[0].wake == never {
		return 0, false
	}
	return m.queue[0].wake, true
}

// Tick does what is due by now; it does no harm when early. All datagrams that have
// arrived must have been handed over. Packets that are due within slack may leave
// now, but never before 75 % of their interval, so that many leave together.
func (m *Machine) Tick(now, slack time.Duration) {
	for len(m.queue) > 0 {
		s := m.queue[0]
		if s.wake > now && (s.txAt > now+slack || s.earliest > now) {
			return
		}
		if s.released && s.removeAt <= now {
			m.remove(s)
			continue
		}
		s.due(now, slack)
	}
}

// Take returns what is to be sent and what has happened since the last Take, in
// order. Both lists are good until the next call of another method.
func (m *Machine) Take() (sends []Transmit, events []Event) {
	sends, events = m.sends, m.events
	m.sends, m.events = m.sends[:0], m.events[:0]
	return sends, events
}

// nextTransmit makes room for a packet.
func (m *Machine) nextTransmit() *Transmit {
	if len(m.sends) == cap(m.sends) {
		m.sends = append(m.sends, Transmit{})
	} else {
		m.sends = m.sends[:len(m.sends)+1]
	}
	return &m.sends[len(m.sends)-1]
}
