package main

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowWAN(a *asking) *cobra.Command {
	v := view[api.WANBody]{path: api.PathWAN, draw: drawWAN}
	cmd := v.command(a, &cobra.Command{
		Use:   "wan",
		Short: "Show the uplinks: state, shares, probes",
	})
	rules := view[api.WANBody]{path: api.PathWAN, draw: drawWANRules}
	cmd.AddCommand(rules.command(a, &cobra.Command{
		Use:   "rules",
		Short: "Show what is sent through which uplink",
	}))
	return cmd
}

func drawWAN(s screen, body api.WANBody, wide bool) {
	w := body.WAN
	if len(w.Uplinks) == 0 {
		s.line("no uplinks are configured (wan.uplinks)")
		return
	}
	headings := []string{"Uplink", "State", "Since", "Used", "Interface", "Gateway", "Tier", "Weight", "Share", "Measured", "Pinned", "Reason"}
	if wide {
		headings = append(headings, "Source", "NAT", "Mark", "Table", "New")
	}
	var rows, targets [][]string
	for _, u := range w.Uplinks {
		state := s.bad(u.State)
		if u.State == "up" {
			state = s.good(u.State)
		}
		used := yes(u.Used)
		if u.Endpoints {
			used += ", endpoints"
		}
		row := []string{
			u.Name, state, span(u.SinceMsec), used, cmp.Or(u.Interface, "-"), cmp.Or(u.Gateway, "-"), strconv.Itoa(u.Tier), strconv.Itoa(u.Weight),
			percent(u.SharePercent), percent(u.MeasuredPercent), strconv.Itoa(u.Pinned), u.Reason,
		}
		if wide {
			row = append(row, cmp.Or(u.Source, "-"), u.NAT, u.Mark, strconv.FormatUint(uint64(u.Table), 10), strconv.FormatUint(u.NewConnections, 10))
		}
		rows = append(rows, row)
		for _, t := range u.Targets {
			rtt := "-"
			if t.RTTUsec > 0 {
				rtt = fmt.Sprintf("%.1f ms", float64(t.RTTUsec)/1000)
			}
			targets = append(targets, []string{u.Name, t.Target, percent(t.LossPercent), rtt, cmp.Or(t.Why, "-")})
		}
	}
	s.table(headings, rows)
	if len(targets) > 0 {
		s.line("")
		s.table([]string{"Uplink", "Target", "Loss", "RTT", "Last Failure"}, targets)
	}
	switch {
	case w.Error != "":
		s.line("\n%s", s.bad("The kernel does not do what is wanted: "+w.Error))
	case !w.InSync:
		s.line("\n%s", s.bad("The kernel is not in sync yet"))
	}
	if !w.Healthy {
		text := "No uplink is up: what carried traffic last still does"
		if w.Elsewhere {
			text = "No uplink is up: another default route takes over (ecmpd show route 0.0.0.0/0)"
		}
		s.line("\n%s", s.bad(text))
	}
}

func percent(n int) string { return fmt.Sprintf("%d %%", n) }

func drawWANRules(s screen, body api.WANBody, _ bool) {
	var rows [][]string
	for _, r := range body.WAN.Rules {
		number := "resolver"
		if r.Number > 0 {
			number = strconv.Itoa(r.Number)
		}
		now := r.Action
		if r.Action == "uplink" {
			now = "through " + r.Uplink
		}
		rows = append(rows, []string{
			number, cmp.Or(list(r.Source), "any"), cmp.Or(list(r.Destination), "any"), cmp.Or(r.Protocol, "any"), cmp.Or(list(r.Ports), "any"),
			r.Uplink, now, strconv.FormatUint(r.Connections, 10),
		})
	}
	rows = append(rows, []string{"default", "any", "any", "any", "any", "-", cmp.Or(body.WAN.Balance, "no uplinks"), "-"})
	s.table([]string{"Rule", "Source", "Destination", "Protocol", "Ports", "Uplink", "Now", "Connections"}, rows)
}
