package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowSymmetry(a *asking) *cobra.Command {
	v := view[api.SymmetryBody]{path: api.PathSymmetry, pick: picker{"routerId", "pairs of router", checkRouterID}, draw: drawSymmetry}
	return v.command(a, &cobra.Command{
		Use:   "symmetry [ROUTER-ID]",
		Short: "Show whether both directions of flows meet the same hub",
		Long: `Show of every two routers with networks whether both directions of the flows
between them meet the same hub, from the link state database, and what is in the
way. A router that does not say how it hashes leaves its pairs unproven.`,
	})
}

func drawSymmetry(s screen, body api.SymmetryBody, _ bool) {
	y := body.Symmetry
	seed := "shared, from symmetric-key"
	switch {
	case !y.Shared:
		seed = s.bad("of its own: ecmp.hash is not symmetric here")
	case y.Guessable:
		seed = s.bad("shared, from the area id: anybody can guess it (set ecmp.symmetric-key)")
	}
	rows := [][]string{{"Hash", y.Hash}, {"Seed", seed}}
	if y.Strays {
		rows = append(rows, []string{"Strays", "ICMP errors and fragments may meet another hub than their flow: hubs pass them untracked"})
	}
	s.table(nil, rows)
	if len(y.Pairs) == 0 {
		s.line("\nNo two routers with more than one path between their networks.")
		return
	}
	rows = nil
	for _, p := range y.Pairs {
		verdict := s.good(p.Symmetric)
		if p.Symmetric != "yes" {
			verdict = s.bad(p.Symmetric)
		}
		rows = append(rows, []string{s.router(p.A), s.router(p.B), verdict, list(s.routers(p.Through)), strings.Join(p.Why, "; ")})
	}
	s.line("")
	s.table([]string{"Router ID", "Router ID", "Symmetric", "Through", "Why"}, rows)
	if y.Truncated {
		s.line("\nThere are more: name a router.")
	}
}
