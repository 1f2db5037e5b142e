package bgp

import (
	"net/netip"
	"time"
)

// State is the state of a session (RFC 4271 8.2.2).
type State uint8

// States, in the order in which a session goes through them.
const (
	Idle State = iota + 1
	Connect
	Active
	OpenSent
	OpenConfirm
	Established
)

// String returns the name of the RFC, and Unknown.
func (s State) String() string {
	switch s {
	case Idle:
		return "Idle"
	case Connect:
		return "Connect"
	case Active:
		return "Active"
	case OpenSent:
		return "OpenSent"
	case OpenConfirm:
		return "OpenConfirm"
	case Established:
		return "Established"
	}
	return "Unknown"
}

// Session is what there is to know about the session with a neighbour.
type Session struct {
	Neighbor    netip.Addr
	Description string
	AS          uint32 // of the neighbour
	RouterID    netip.Addr
	Local       netip.Addr // own address; the zero Addr while there is no session
	State       State
	Since       time.Time // it is in the state; established or down since
	Reason      string    // why it is not established, as far as that is known
	Dynamic     netip.Prefix
	Internal    bool

	Received   int    // prefixes that the neighbour announces
	Accepted   int    // of them, after the import policy
	Advertised int    // prefixes that are told to it
	Flaps      uint32 // times that it was established and fell
	Messages   Messages
}

// Messages counts what was sent and received.
type Messages struct{ Sent, Received, UpdatesSent, UpdatesReceived uint64 }

// Event says that the state of a session has changed.
type Event struct {
	Neighbor netip.Addr
	AS       uint32
	From, To State
	Reason   string
}
