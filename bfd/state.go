package bfd

import "fmt"

// State is a session state, with its number on the wire (RFC 5880 4.1).
type State uint8

// Session states.
const (
	AdminDown State = iota
	Down
	Init
	Up
	stateCount
)

var stateNames = [stateCount]string{"AdminDown", "Down", "Init", "Up"}

// String returns the state's name in RFC 5880.
func (s State) String() string {
	if s < stateCount {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Diag is a diagnostic code (RFC 5880 4.1): why the session last left Up.
type Diag uint8

// Diagnostics.
const (
	NoDiag Diag = iota
	DetectionExpired
	EchoFailed
	NeighborDown
	ForwardingReset
	PathDown
	ConcatenatedDown
	Administrative
	ReverseConcatenatedDown
	diagCount
)

var diagNames = [diagCount]string{
	"no diagnostic", "control detection time expired", "echo function failed", "neighbor signaled session down",
	"forwarding plane reset", "path down", "concatenated path down", "administratively down", "reverse concatenated path down",
}

// String returns the diagnostic's name in RFC 5880 8, in small letters.
func (d Diag) String() string {
	if d < diagCount {
		return diagNames[d]
	}
	return fmt.Sprintf("diagnostic %d", uint8(d))
}

// event is what moves the state machine: the states that a received packet can
// carry, the end of the detection time, and orders.
type event uint8

const (
	gotAdminDown event = iota // the four in the order of State
	gotDown
	gotInit
	gotUp
	detectionExpired
	disable
	enable
	eventCount
)

var eventNames = [eventCount]string{
	"received AdminDown", "received Down", "received Init", "received Up", "detection time expired", "disable", "enable",
}

// row is one row of the state machine: in state from, ev leads to state to, and diag
// becomes the local diagnostic.
type row struct {
	from State
	ev   event
	to   State
	diag Diag
}

// fsm is the state machine (RFC 5880 6.2) in the order of 6.8.6, 6.8.4 and 6.8.16.
// A pair that has no row changes nothing.
var fsm = [...]row{
	{Init, gotAdminDown, Down, NeighborDown},
	{Up, gotAdminDown, Down, NeighborDown},
	{Down, gotDown, Init, NoDiag},
	{Down, gotInit, Up, NoDiag},
	{Init, gotInit, Up, NoDiag},
	{Init, gotUp, Up, NoDiag},
	{Up, gotDown, Down, NeighborDown},
	{Init, detectionExpired, Down, DetectionExpired},
	{Up, detectionExpired, Down, DetectionExpired},
	{Down, disable, AdminDown, Administrative},
	{Init, disable, AdminDown, Administrative},
	{Up, disable, AdminDown, Administrative},
	{AdminDown, enable, Down, NoDiag},
}

// next looks the pair up. Where the RFC sets no diagnostic, on the way up, the old
// one stays: it tells why the session was down before.
func next(from State, ev event) (to State, diag Diag, changed bool) {
	for _, r := range fsm {
		if r.from == from && r.ev == ev {
			return r.to, r.diag, true
		}
	}
	return from, NoDiag, false
}
