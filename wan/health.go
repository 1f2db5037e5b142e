package wan

import (
	"fmt"
	"net/netip"
	"time"
)

const (
	// MaxHoldUp bounds what damping makes of check.hold-up, unless that is longer.
	MaxHoldUp = 10 * time.Minute
	// flapping: a death so soon after the return doubles the time of the next return.
	flapping = 10 * time.Minute
	// window is how many rounds the loss of a target is counted over.
	window = 50
)

// Round is the outcome of asking all targets of an uplink once.
type Round struct {
	Name    string
	At      Attachment // that was asked through
	Results []Result   // as the targets of the configuration
}

// Result is the outcome of one probe.
type Result struct {
	OK  bool
	RTT time.Duration
	Why string // it failed
}

// health is what the rounds have said.
type health struct {
	fresh     bool // has never been judged
	assumed   bool // up, though no round has said so
	bad, good int  // rounds in a row
	well      time.Time
	risen     time.Time
	hold      time.Duration // that the next return takes; 0 before the first death
	targets   []target
}

// target is the record of one target.
type target struct {
	Target
	answers [window]bool
	next, n int
	rtt     time.Duration // smoothed as in RFC 6298 2, without the variation
	why     string
}

func newTargets(list []Target) []target {
	out := make([]target, len(list))
	for i, t := range list {
		out[i].Target = t
	}
	return out
}

func (t *target) note(r Result) {
	t.answers[t.next], t.why = r.OK, r.Why
	t.next, t.n = (t.next+1)%window, min(t.n+1, window)
	switch {
	case !r.OK:
	case t.rtt == 0:
		t.rtt = r.RTT
	default:
		t.rtt += (r.RTT - t.rtt) / 8
	}
}

// loss is the share of probes without an answer, 0..1.
func (t *target) loss() float64 {
	if t.n == 0 {
		return 0
	}
	lost := 0
	for i := range t.n {
		if !t.answers[i] {
			lost++
		}
	}
	return float64(lost) / float64(t.n)
}

// forget what was said about another attachment.
func (h *health) forget() { h.bad, h.good, h.well = 0, 0, time.Time{} }

// damp makes the next return wait: for hold, and twice as long as the last time
// when the uplink dies again soon after it came back.
func (h *health) damp(now time.Time, hold time.Duration) {
	if again := h.hold > 0 && now.Sub(h.risen) < flapping; again {
		h.hold = min(2*h.hold, max(hold, MaxHoldUp))
	} else {
		h.hold = hold
	}
	h.forget()
}

// Take judges a round. A round of another attachment or configuration is stale and says nothing.
func (m *Machine) Take(now time.Time, r Round) []Event {
	for _, u := range m.uplinks {
		if u.Name == r.Name && u.at == r.At && u.at.Attached() && len(r.Results) == len(u.targets) {
			return u.take(now, r.Results)
		}
	}
	return nil
}

func (u *uplink) take(now time.Time, results []Result) []Event {
	for i := range results {
		u.targets[i].note(results[i])
	}
	if trouble := u.trouble(results); trouble != "" {
		u.good, u.well = 0, time.Time{}
		if u.bad++; u.bad >= u.Check.DownAfter || !u.up {
			return u.fall(now, trouble)
		}
		return nil
	}
	u.assumed = false
	if u.bad = 0; u.good == 0 {
		u.well = now
	}
	u.good++
	switch {
	case u.up:
		u.reason = "well"
	case u.good < u.Check.UpAfter:
		u.reason = fmt.Sprintf("well for %d rounds of %d", u.good, u.Check.UpAfter)
	case now.Sub(u.well) < u.hold:
		u.reason = fmt.Sprintf("well, held back for %s", (u.hold - now.Sub(u.well)).Round(time.Second))
	default:
		return u.rise(now, "well")
	}
	return nil
}

// trouble says why a round is bad; nothing when it is good. The gateway is a
// condition of its own, of the other targets the quorum must answer.
func (u *uplink) trouble(results []Result) string {
	asked, answered := 0, 0
	for i, t := range u.targets {
		switch {
		case t.Kind == ProbeGateway && !results[i].OK:
			return "the gateway does not answer"
		case t.Kind == ProbeGateway:
		default:
			asked++
			if results[i].OK {
				answered++
			}
		}
	}
	if asked > 0 && answered < u.Check.Quorum {
		return fmt.Sprintf("%d of %d targets answer, %d must", answered, asked, u.Check.Quorum)
	}
	return ""
}

// String gives the target as the configuration writes it.
func (t Target) String() string {
	switch t.Kind {
	case ProbeGateway:
		return "gateway"
	case ProbeICMP:
		return "icmp " + t.Address.String()
	case ProbeTCP:
		return "tcp " + netip.AddrPortFrom(t.Address, t.Port).String()
	}
	return "dns " + t.Address.String()
}
