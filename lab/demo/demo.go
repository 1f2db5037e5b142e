package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ecmpd/ecmpd/lab"
)

// tag starts the names of the demo's namespaces.
const tag = "ecmpd-demo"

// Options are what the user chooses.
type Options struct {
	// Binary is the path of the ecmpd executable that the four routers run.
	Binary string
	// Keep leaves the network running at the end.
	Keep bool
	// Out is where the story is told; live progress only on a terminal.
	Out io.Writer

	connections int   // of each measurement, 400 when zero
	seats       seats // makes the routers, ecmpd when nil
}

// ErrVerdict is in the error of Run when the demo ran to its end and did not
// show what it should.
var ErrVerdict = errors.New("the demo did not show what it should")

// Run tells the whole story. It needs root and nft, touches nothing outside
// its own namespaces and removes them when it is done or ctx ends, and at the
// start those of an earlier run that crashed or was kept. The error is nil only
// when every phase showed what it should.
func Run(ctx context.Context, o Options) (err error) {
	if o.connections == 0 {
		o.connections = 400
	}
	if o.seats == nil {
		o.seats = ecmpdSeats(o.Binary)
	}
	s := newScreen(o.Out)
	defer s.end()
	if err := Clean(o.Out); err != nil {
		return err
	}
	l, err := lab.New(lab.Options{Tag: tag, Keep: o.Keep})
	if err != nil {
		return err
	}
	finished := false
	defer func() {
		if o.Keep && finished {
			return
		}
		if cerr := l.Close(); cerr != nil {
			err = errors.Join(err, fmt.Errorf("clean up: %w", cerr))
		} else if ctx.Err() != nil {
			err = errors.New("interrupted; the demo's network is removed")
		}
	}()

	start := time.Now()
	s.print(drawing)
	d := &demo{Options: o, screen: s, lab: l}
	if err := d.build(ctx); err != nil {
		return err
	}
	err = d.tell(ctx)
	d.screen.end()
	finished = err == nil || errors.Is(err, ErrVerdict)
	if finished {
		d.verdict(time.Since(start))
	}
	if o.Keep && finished {
		d.howToLook()
	}
	return err
}

// Clean removes what an earlier demo left behind whose program has ended,
// because it was kept or because it crashed, and says so.
func Clean(out io.Writer) error {
	swept, err := lab.SweepStale(tag)
	for _, name := range swept {
		fmt.Fprintf(out, "Removed the network of an earlier run, %s.\n", name)
	}
	if err != nil {
		return fmt.Errorf("remove what an earlier run left: %w", err)
	}
	return nil
}

// demo is one run.
type demo struct {
	Options
	screen *screen
	lab    *lab.Lab

	hubs     []*seat
	branches []*seat
	hosts    []*lab.Node
	echo     *lab.Echo
	nextPort uint16 // of the connections' source ports

	findings []finding
}

// finding is one thing that the demo claims, and whether this run showed it.
type finding struct {
	ok   bool
	text string
}

func (d *demo) find(ok bool, format string, args ...any) {
	d.findings = append(d.findings, finding{ok, fmt.Sprintf(format, args...)})
}

// tell runs the phases in order, up to the first that does not show what it
// should: the later ones stand on it.
func (d *demo) tell(ctx context.Context) error {
	defer d.echo.Close()
	phases := []func(context.Context) error{d.problem, d.cure, d.carrierDeath, d.resurrection, d.silentDeath}
	if d.Keep {
		phases = append(phases, d.encore)
	}
	for _, phase := range phases {
		if err := phase(ctx); err != nil {
			return err
		}
		for _, f := range d.findings {
			if !f.ok {
				return fmt.Errorf("%w: %s", ErrVerdict, f.text)
			}
		}
	}
	return nil
}

func (d *demo) verdict(took time.Duration) {
	d.screen.print("\nVerdict after %.0f s\n", took.Seconds())
	for _, f := range d.findings {
		mark := "ok  "
		if !f.ok {
			mark = "FAIL"
		}
		d.screen.print("  %s  %s\n", mark, f.text)
	}
}
