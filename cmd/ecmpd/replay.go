package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/record"
)

func newReplay() *cobra.Command {
	out := format("table")
	var until time.Duration
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Run a recording again and show what happened",
		Long: `Run a recording of "ecmpd run --record FILE" again, and show every change of a
neighbour, an interface or a route with its time since the start, then neighbours
and routes as they are in the end. Nothing is started, sent or written.

When this version does something else than the one that recorded, the first
difference is named and the exit code is 1.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s takes one file, not %d", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			var r replay
			engine, now, err := record.Replay(f, until, r.step)
			if engine == nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			r.Neighbors, r.Routes = replayedNeighbors(engine, now), replayedRoutes(engine)
			s := newScreen(cmd.OutOrStdout())
			if out == "json" {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				if err := e.Encode(r); err != nil {
					return err
				}
			} else {
				r.draw(s)
			}
			if err := s.flush(); err != nil {
				return err
			}
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", args[0], err)
			case r.Diverged > 0:
				return fmt.Errorf("%s: from step %d on this version does something else than the one that recorded", args[0], r.Diverged)
			}
			return nil
		},
	}
	cmd.Flags().VarP(&out, "output", "o", "how to print")
	cmd.Flags().DurationVar(&until, "until", 0, "stop at this time since the start; 0s: at the end")
	return cmd
}

// replay is what a recording shows.
type replay struct {
	Events    []replayedEvent    `json:"events"`
	Neighbors []replayedNeighbor `json:"neighbors"`
	Routes    []replayedRoute    `json:"routes"`
	Diverged  int                `json:"diverged"` // first step that differs; 0: none

	start time.Time
}

type replayedEvent struct {
	Step      int    `json:"step"`
	AfterMsec int64  `json:"afterMsec"` // since the start
	Text      string `json:"text"`
}

type replayedNeighbor struct {
	RouterID  string `json:"routerId"`
	Address   string `json:"address"`
	Interface string `json:"interface"`
	State     string `json:"state"`
	Why       string `json:"why"`
}

type replayedRoute struct {
	Prefix   string   `json:"prefix"`
	Type     string   `json:"type"`
	Cost     uint32   `json:"cost"`
	NextHops []string `json:"nexthops"`
}

// step takes in one step.
func (r *replay) step(s record.Step) {
	if r.start.IsZero() {
		r.start, r.Events = s.At, []replayedEvent{}
	}
	if s.Diverged && r.Diverged == 0 {
		r.Diverged = s.Number - 1
	}
	note := func(format string, args ...any) {
		r.Events = append(r.Events, replayedEvent{s.Number, s.At.Sub(r.start).Milliseconds(), fmt.Sprintf(format, args...)})
	}
	switch in := s.Input.(type) {
	case ospf.Config:
		note("configuration: router id %s, %d areas", in.RouterID, len(in.Areas))
	case ospf.Command:
		note("order: %s", in)
	}
	for _, ev := range s.Output.Events {
		switch ev := ev.(type) {
		case ospf.NeighborChange:
			note("neighbour %s on %s: %s to %s (%s)", ev.RouterID, ev.Interface, ev.From, ev.To, ev.Reason)
		case ospf.InterfaceChange:
			note("interface %s: %s to %s (%s)", ev.Interface, ev.From, ev.To, ev.Reason)
		case ospf.SPFRun:
			note("SPF: %d vertices, %s", ev.Vertices, ev.Trigger)
		case ospf.PacketRejected:
			note("packet rejected: %+v", ev)
		case ospf.OverflowChange:
			note("externals: %d of at most %d, overflow %t", ev.Externals, ev.Limit, ev.Active)
		case ospf.Alarm:
			note("alarm %s: %s", ev.Kind, ev.Detail)
		}
	}
	for _, c := range s.Output.Routes {
		if c.Withdrawn {
			note("route %s withdrawn", c.Prefix)
		} else {
			note("route %s: %s, cost %d, %d next hops", c.Prefix, c.Route.Type, c.Route.Cost, c.Route.NextHops.Len())
		}
	}
}

func replayedNeighbors(e *ospf.Engine, now time.Time) []replayedNeighbor {
	list := []replayedNeighbor{}
	for _, n := range e.Neighbors(now) {
		list = append(list, replayedNeighbor{n.RouterID.String(), n.Address.String(), n.Interface, n.State, n.Why})
	}
	return list
}

func replayedRoutes(e *ospf.Engine) []replayedRoute {
	list := []replayedRoute{}
	for _, r := range e.Routes() {
		hops := []string{}
		for _, h := range r.NextHops.Hops() {
			via := h.Interface
			if h.Gateway.IsValid() {
				via = h.Gateway.String() + " " + h.Interface
			}
			hops = append(hops, via)
		}
		list = append(list, replayedRoute{r.Prefix.String(), r.Type.String(), r.Cost, hops})
	}
	return list
}

func (r *replay) draw(s screen) {
	for _, ev := range r.Events {
		s.line("+%.3fs  %s", float64(ev.AfterMsec)/1000, ev.Text)
	}
	var rows [][]string
	for _, n := range r.Neighbors {
		rows = append(rows, []string{n.RouterID, n.Address, n.Interface, n.State, n.Why})
	}
	s.line("")
	s.table([]string{"Neighbor ID", "Address", "Interface", "State", "Why"}, rows)
	rows = nil
	for _, route := range r.Routes {
		rows = append(rows, []string{route.Prefix, route.Type, fmt.Sprint(route.Cost), strings.Join(route.NextHops, ", ")})
	}
	s.line("")
	s.table([]string{"Prefix", "Type", "Cost", "Next Hops"}, rows)
}
