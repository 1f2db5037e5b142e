package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowEvents(a *asking) *cobra.Command {
	v := view[api.Events]{path: api.PathEvents, pick: picker{"routerId", "event of neighbour", checkRouterID}, draw: drawEvents}
	return v.command(a, &cobra.Command{
		Use:   "events [ROUTER-ID]",
		Short: "Show what happened to OSPF lately, and why",
		Long: `Show what happened to OSPF lately, newest first: changes of neighbours and
interfaces, rejected packets, alarms. With a router id, what happened to that
neighbour, which is remembered longer.`,
	})
}

func drawEvents(s screen, body api.Events, _ bool) {
	if len(body.Events) == 0 {
		s.line("Nothing has happened.")
		return
	}
	var rows [][]string
	for _, e := range body.Events {
		what := e.Kind
		if e.To != "" {
			what += " " + e.From + " to " + e.To
		}
		rows = append(rows, []string{e.Time, e.Interface, s.router(e.RouterID), e.Address, what, e.Reason})
	}
	s.table([]string{"Time", "Interface", "Router ID", "Address", "What", "Why"}, rows)
}

// withHistory draws below the neighbour that a command shows what happened to it.
func withHistory(a *asking, cmd *cobra.Command) *cobra.Command {
	show := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := show(cmd, args); err != nil || len(args) == 0 || a.format == "json" {
			return err
		}
		v := view[api.Events]{path: api.PathEvents, draw: func(s screen, body api.Events, wide bool) {
			s.line("")
			drawEvents(s, body, wide)
		}}
		err := v.show(a, cmd, v.path+"?"+url.Values{"routerId": args}.Encode())
		if errors.Is(err, api.ErrNotFound) { // nothing but dropped packets is known of it
			return nil
		}
		return err
	}
	return cmd
}

func newShowSPF(a *asking) *cobra.Command {
	v := view[api.SPF]{path: api.PathSPF, draw: drawSPF}
	return v.command(a, &cobra.Command{
		Use:   "spf",
		Short: "Show the latest calculations of routes, and their delay (RFC 8405)",
	})
}

func drawSPF(s screen, body api.SPF, _ bool) {
	d := body.Delay
	s.line("Delay state %s%s%s", d.State, until(d.LearnMsec, ", LONG_WAIT in "), until(d.HoldDownMsec, ", QUIET in "))
	if d.Pending {
		s.line("Next run in %s, asked for by %s", span(d.RunMsec), d.Trigger)
	}
	if len(body.Runs) == 0 {
		s.line("No run yet.")
		return
	}
	s.line("")
	var rows [][]string
	for _, r := range body.Runs {
		kind := r.Kind
		if r.Runs > 1 {
			kind = fmt.Sprintf("%s ×%d", kind, r.Runs)
		}
		duration := fmt.Sprintf("%d.%03dms", r.DurationUsec/1000, r.DurationUsec%1000)
		rows = append(rows, []string{r.Time, kind, duration, strconv.Itoa(r.Areas), strconv.Itoa(r.Vertices), strconv.Itoa(r.Changed), r.Trigger})
	}
	s.table([]string{"Time", "Kind", "Duration", "Areas", "Vertices", "Changed", "Trigger"}, rows)
}

// until writes a time that is left; nothing when none is.
func until(msec int64, text string) string {
	if msec == 0 {
		return ""
	}
	return text + span(msec)
}
