// Package record writes down everything that happens to an OSPF engine, and lets
// it happen again: the engine is a function of its inputs, so a recording of them
// is a complete account of what it did. record.go writes, replay.go reads.
//
// The file has one JSON value a line: the header, then the inputs with the time
// since the start. An input is written before the engine sees it, so that one
// that kills the engine is the last of the file; the fingerprint of what the
// engine answered stands in the line after it.
//
// Configurations are inputs, and the secrets in them are in the file.
package record

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// Header begins a recording.
type Header struct {
	Format  string    `json:"format"`  // always [Format]
	Version string    `json:"version"` // of the program that recorded
	Seed    uint64    `json:"seed"`    // of the engine
	Start   time.Time `json:"start"`   // wall clock of the start
}

// Format names the layout of the file.
const Format = "ecmpd-recording-1"

// entry is one input. Exactly one of the inputs is there; none is a tick.
type entry struct {
	At         time.Duration    `json:"at"`                 // nanoseconds since the start
	Previous   string           `json:"previous,omitempty"` // fingerprint of the answer to the entry before
	Datagram   *ospf.Datagram   `json:"datagram,omitempty"`
	Links      *ospf.Links      `json:"links,omitempty"`
	Config     *ospf.Config     `json:"config,omitempty"`
	Offer      *ospf.Offer      `json:"offer,omitempty"`
	BFDDown    *ospf.BFDDown    `json:"bfdDown,omitempty"`
	Command    *ospf.Command    `json:"command,omitempty"`
	Clock      *ospf.Clock      `json:"clock,omitempty"`
	Sequences  *ospf.Sequences  `json:"sequences,omitempty"`
	Restarting *ospf.Restarting `json:"restarting,omitempty"`
}

// Recorder is an engine that writes its inputs down. It is used like the engine.
type Recorder struct {
	engine   *ospf.Engine
	w        *json.Encoder
	start    time.Time
	previous string
	left     int64 // bytes that may still be written
	fail     func(error)
}

// New returns a recorder of an engine that was made with the header's seed and has
// seen no input. It writes at most limit bytes to w. When that is reached, or
// writing fails, it says so to fail once and the engine goes on without it.
func New(engine *ospf.Engine, w io.Writer, h Header, limit int64, fail func(error)) *Recorder {
	r := &Recorder{engine: engine, start: h.Start, left: limit, fail: fail}
	r.w = json.NewEncoder(limited{w, &r.left})
	h.Format = Format
	r.write(h)
	return r
}

// limited refuses what would go past a limit.
type limited struct {
	w    io.Writer
	left *int64
}

func (l limited) Write(b []byte) (int, error) {
	if int64(len(b)) > *l.left {
		return 0, fmt.Errorf("the recording has reached its largest size")
	}
	*l.left -= int64(len(b))
	return l.w.Write(b)
}

func (r *Recorder) write(v any) {
	if r.w == nil {
		return
	}
	if err := r.w.Encode(v); err != nil {
		r.w = nil
		r.fail(err)
	}
}

// Step writes the input down and hands it to the engine.
func (r *Recorder) Step(now time.Time, in ospf.Input) ospf.Output {
	if r.w == nil {
		return r.engine.Step(now, in)
	}
	e := entry{At: now.Sub(r.start), Previous: r.previous}
	switch in := in.(type) {
	case ospf.Datagram:
		e.Datagram = &in
	case ospf.Links:
		e.Links = &in
	case ospf.Config:
		e.Config = &in
	case ospf.Offer:
		e.Offer = &in
	case ospf.BFDDown:
		e.BFDDown = &in
	case ospf.Command:
		e.Command = &in
	case ospf.Clock:
		e.Clock = &in
	case ospf.Sequences:
		e.Sequences = &in
	case ospf.Restarting:
		e.Restarting = &in
	}
	r.write(e)
	out := r.engine.Step(now, in)
	r.previous = fingerprint(out)
	return out
}

// Deadline is the engine's.
func (r *Recorder) Deadline() time.Time { return r.engine.Deadline() }

// fingerprint tells outputs apart.
func fingerprint(out ospf.Output) string {
	if len(out.Groups)+len(out.Send)+len(out.Routes)+len(out.Events) == 0 && !out.Done {
		return ""
	}
	h := fnv.New64a()
	for _, s := range out.Send {
		fmt.Fprintf(h, "%s %s %s %x\n", s.Interface, s.Src, s.Dst, s.Data)
	}
	for _, c := range out.Routes {
		fmt.Fprintf(h, "%s %t %s %d %d %d %v\n", c.Prefix, c.Withdrawn, c.Route.Type, c.Route.Cost, c.Route.Type2Cost, c.Route.Tag, c.Route.NextHops.Hops())
	}
	fmt.Fprintf(h, "%+v %+v %t", out.Groups, out.Events, out.Done)
	return fmt.Sprintf("%016x", h.Sum64())
}
