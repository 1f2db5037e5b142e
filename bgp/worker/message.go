package worker

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/bgp"
)

// request is what the daemon says; one field is set.
type request struct {
	Start     *bgp.Config    // first of all; its neighbours come later
	Announce  []announcement // new and changed ones
	Withdraw  []byte         // packed prefixes
	Neighbors *neighbors     // all that there are to be
	Reset     *reset
	Ping      uint64
	Status    uint64 // number of the question
	Stop      bool
}

// announcement is one on its way to the process. Package gob takes a pointer to 0 for none, and a MED or a local
// preference of 0 is not none: Zeros says of each target which of its pointers lead to 0.
type announcement struct {
	bgp.Announcement
	Zeros []zeros
}

type zeros struct{ MED, LocalPref bool }

func pointsToZero(p *uint32) bool { return p != nil && *p == 0 }

// wrap prepares an announcement for its way.
func wrap(a bgp.Announcement) announcement {
	w := announcement{Announcement: a, Zeros: make([]zeros, len(a.To))}
	for i, t := range a.To {
		w.Zeros[i] = zeros{pointsToZero(t.Adjust.MED), pointsToZero(t.Adjust.LocalPref)}
	}
	return w
}

// unwrap is the reverse, in place; nobody else has what was decoded.
func (w *announcement) unwrap() bgp.Announcement {
	for i, z := range w.Zeros[:min(len(w.Zeros), len(w.To))] {
		if z.MED {
			w.To[i].Adjust.MED = new(uint32)
		}
		if z.LocalPref {
			w.To[i].Adjust.LocalPref = new(uint32)
		}
	}
	return w.Announcement
}

type neighbors struct {
	Configured []bgp.Neighbor
	Dynamic    []bgp.Dynamic
	Restarting bool // an earlier process had sessions with them
}

type reset struct {
	Neighbor netip.Addr
	Reason   string
}

// message is what the process says; one field is set.
type message struct {
	Session  *Session
	Update   *update
	EndOfRIB netip.Addr
	Log      *LogLine
	Pong     uint64
	Made     bool // the last announcements are made, or their errors said
	Status   *answer
}

// update is what a neighbour says of prefixes: one set of attributes for all of Reachable.
type update struct {
	Neighbor   netip.Addr
	Attributes *bgp.Attributes
	Reachable  []byte // packed prefixes
	Withdrawn  []byte
}

type answer struct {
	ID       uint64
	Sessions []bgp.Session
}

// Session says that a session has changed.
type Session struct {
	bgp.Event
	Source bgp.Source // while established
	// Graceful is how long the paths of a session that fell are to be kept, because its neighbour
	// only restarts (RFC 4724 4.2); 0: not at all.
	Graceful time.Duration
}

// Update is what a neighbour says of prefixes. Nobody else has the slices.
type Update struct {
	Neighbor   netip.Addr
	Attributes *bgp.Attributes // of Reachable
	Reachable  []netip.Prefix
	Withdrawn  []netip.Prefix
}

// EndOfRIB says that a neighbour has told all that it had to tell (RFC 4724 2).
type EndOfRIB struct{ Neighbor netip.Addr }

// Lost says that the process is gone, and with it all sessions. Another one follows.
type Lost struct{ Reason string }

// LogLine is a word of the implementation for the log.
type LogLine struct {
	Level    Level
	Text     string
	Neighbor string // whom it is about; empty: nobody
	Fields   map[string]string
}

// Level says how much a line of the log matters.
type Level uint8

// Levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// packed is how many bytes a prefix takes in a message.
const packed = 5

// pack appends an IPv4 prefix.
func pack(to []byte, p netip.Prefix) []byte {
	a := p.Addr().As4()
	return append(append(to, a[:]...), byte(p.Bits()))
}

// unpack reads what pack has written; what is no prefix is left out.
func unpack(data []byte) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(data)/packed)
	for ; len(data) >= packed; data = data[packed:] {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(data))
		if p := netip.PrefixFrom(netip.AddrFrom4(a), int(data[4])); p.IsValid() {
			list = append(list, p.Masked())
		}
	}
	return list
}
