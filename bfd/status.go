package bfd

import (
	"net/netip"
	"time"
)

// Status is what there is to know about one session.
type Status struct {
	Key
	Local                   netip.Addr
	State, RemoteState      State
	Diag, RemoteDiag        Diag
	LocalDiscr, RemoteDiscr uint32
	SrcPort                 uint16
	Since                   time.Duration // in this state
	TxInterval              time.Duration // agreed, between our packets
	RxInterval              time.Duration // agreed, between theirs; 0 before the first
	Detection               time.Duration // until the session is Down without a packet; 0 before the first
	Multiplier              uint8         // ours
	RemoteMultiplier        uint8
	Sent, Received, Dropped uint64 // packets
	Ups, Failures           uint64 // how often it came up, and failed
	Released                bool   // on its way out
	Why                     string // why it is not Up
}

// Len is the number of sessions, those on their way out included.
func (m *Machine) Len() int { return len(m.byKey) }

// Sessions appends the sessions to list, in no order.
func (m *Machine) Sessions(now time.Duration, list []Status) []Status {
	for _, s := range m.byKey {
		st := Status{
			Key: s.cfg.Key, Local: s.cfg.Local, State: s.state, RemoteState: s.remoteState, Diag: s.diag, RemoteDiag: s.remoteDiag,
			LocalDiscr: s.local, RemoteDiscr: s.remote, SrcPort: s.port, Since: now - s.since,
			TxInterval: s.interval(), Multiplier: s.cfg.Multiplier, RemoteMultiplier: s.remoteMult,
			Sent: s.sent, Received: s.received, Dropped: s.dropped, Ups: s.ups, Failures: s.failures, Released: s.released, Why: s.why,
		}
		if s.remoteMult > 0 {
			st.RxInterval, st.Detection = max(s.rx, s.remoteTx), s.detection()
		}
		list = append(list, st)
	}
	return list
}

// Discards counts dropped packets by reason.
func (m *Machine) Discards() map[string]uint64 {
	counts := map[string]uint64{}
	for d, n := range m.discards {
		if n > 0 {
			counts[Discard(d).String()] = n
		}
	}
	return counts
}
