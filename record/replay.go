package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// Step is one input of a recording and what the engine makes of it now.
type Step struct {
	Number int // from 1
	At     time.Time
	Input  ospf.Input
	Output ospf.Output
	// Diverged says that the step before this one made something else of its input
	// than it did when it was recorded.
	Diverged bool
}

// Replay runs a recording in a new engine and calls each after every step. With
// until it stops before what lies that far from the start or further. What a
// crash or a full disk left incomplete at the end is an error that wraps
// [io.ErrUnexpectedEOF], after all steps before it. Replay returns the engine as it
// then is, and its time.
func Replay(in io.Reader, until time.Duration, each func(Step)) (engine *ospf.Engine, now time.Time, err error) {
	d := json.NewDecoder(in)
	var h Header
	if err := d.Decode(&h); err != nil || h.Format != Format {
		return nil, now, fmt.Errorf("this is no recording of %q: %w", "ecmpd run --record", errors.Join(err, errFormat(h.Format)))
	}
	engine, now = ospf.New(h.Seed), h.Start
	previous := ""
	for number := 1; ; number++ {
		var e entry
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return engine, now, nil
		} else if err != nil {
			return engine, now, fmt.Errorf("step %d: %w", number, err)
		}
		if until > 0 && e.At >= until {
			return engine, now, nil
		}
		at := h.Start.Add(e.At)
		if at.Before(now) {
			return engine, now, fmt.Errorf("step %d: its time %s lies before that of the step before it", number, e.At)
		}
		now = at
		s := Step{Number: number, At: now, Input: e.input(), Diverged: number > 1 && e.Previous != previous}
		s.Output = engine.Step(now, s.Input)
		previous = fingerprint(s.Output)
		each(s)
	}
}

func errFormat(f string) error {
	if f == Format {
		return nil
	}
	return fmt.Errorf("its format is %q, not %q", f, Format)
}

func (e entry) input() ospf.Input {
	switch {
	case e.Datagram != nil:
		return *e.Datagram
	case e.Links != nil:
		return *e.Links
	case e.Config != nil:
		return *e.Config
	case e.Offer != nil:
		return *e.Offer
	case e.BFDDown != nil:
		return *e.BFDDown
	case e.Command != nil:
		return *e.Command
	case e.Clock != nil:
		return *e.Clock
	case e.Sequences != nil:
		return *e.Sequences
	case e.Restarting != nil:
		return *e.Restarting
	}
	return ospf.Tick{}
}
