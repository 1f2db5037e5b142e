package main

import (
	"cmp"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowTransit(a *asking) *cobra.Command {
	v := view[api.TransitBody]{path: api.PathTransit, draw: drawTransit}
	return v.command(a, &cobra.Command{
		Use:   "transit",
		Short: "Show which prefixes are transit, and what would drop their packets",
	})
}

func drawTransit(s screen, body api.TransitBody, _ bool) {
	t := body.Transit
	sync := s.good("yes")
	if !t.InSync {
		sync = s.bad("no")
	}
	s.table(nil, [][]string{
		{"Mode", t.Mode},
		{"In sync", sync},
		{"Interfaces", list(t.Interfaces)},
		{"Prefixes", list(t.Prefixes)},
		{"Tracked", list(t.Tracked)},
	})
	if len(t.Holes) > 0 {
		var rows [][]string
		for _, h := range t.Holes {
			rows = append(rows, []string{h.Prefix, h.Reason})
		}
		s.line("")
		s.table([]string{"Not Transit", "Reason"}, rows)
	}
	if len(t.Policy) > 0 {
		var rows [][]string
		for _, r := range t.Policy {
			number, protocol := strconv.Itoa(r.Number), cmp.Or(r.Protocol, "any")
			if r.Number == 0 {
				number = "default"
			}
			rows = append(rows, []string{number, cmp.Or(list(r.From), "any"), cmp.Or(list(r.To), "any"), protocol, cmp.Or(list(r.Ports), "any"), r.Action, strconv.FormatUint(r.Packets, 10)})
		}
		s.line("\nPolicy for untracked packets, the first match wins:")
		s.table([]string{"Rule", "From", "To", "Protocol", "Ports", "Action", "Packets"}, rows)
	}
	if len(t.Warnings) > 0 {
		var rows [][]string
		for _, w := range t.Warnings {
			rows = append(rows, []string{w.Prefix, w.Reason})
		}
		s.line("\n%s", s.bad("Tracking may see only one direction of flows to:"))
		s.table([]string{"Tracked", "Reason"}, rows)
	}
	if len(t.MayTranslate) > 0 {
		var rows [][]string
		for _, b := range t.MayTranslate {
			rows = append(rows, []string{b.Family, b.Table, b.Chain, b.Rule})
		}
		s.line("\n%s", s.bad("NAT rules that are not understood (list what they translate under transit.tracked):"))
		s.table([]string{"Family", "Table", "Chain", "Rule"}, rows)
	}
	if len(t.BlockedBy) > 0 {
		var rows [][]string
		for _, b := range t.BlockedBy {
			drops := "some"
			if b.Certain {
				drops = s.bad("all")
			}
			rows = append(rows, []string{b.Family, b.Table, b.Chain, drops, b.Rule})
		}
		s.line("\nUntracked packets are dropped by:")
		s.table([]string{"Family", "Table", "Chain", "Drops", "Rule"}, rows)
	}
}
