package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newDoctor() *cobra.Command {
	a := &asking{format: "table"}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong on this router, and the command that repairs it",
		Long: `Say what is wrong on this router: kernel settings, other programs, rulesets, OSPF
neighbours and routes; each finding with what, why and the command that repairs it.

The exit code is 5 when something is wrong, and 0 when there are notes at most.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := api.NewClient(a.socket).Body(cmd.Context(), api.PathDoctor)
			if err != nil {
				return err
			}
			var d api.Doctor
			if err := json.Unmarshal(body, &d); err != nil {
				return fmt.Errorf("answer of the daemon on %s: %w", a.socket, err)
			}
			s := newScreen(cmd.OutOrStdout())
			if a.format == "json" {
				s.line("%s", strings.TrimSpace(string(body)))
			} else {
				drawDoctor(s, d)
			}
			if err := s.flush(); err != nil || d.Wrong == 0 {
				return err
			}
			verb := "are"
			if d.Wrong == 1 {
				verb = "is"
			}
			return fmt.Errorf("%d of %d findings %s wrong: %w", d.Wrong, len(d.Findings), verb, errUnmet)
		},
	}
	flags := cmd.Flags()
	socketFlag(flags, &a.socket)
	flags.VarP(&a.format, "output", "o", "how to print")
	return cmd
}

func drawDoctor(s screen, d api.Doctor) {
	if len(d.Findings) == 0 {
		s.line("%s", s.good("Nothing is wrong."))
		return
	}
	for i, f := range d.Findings {
		if i > 0 {
			s.line("")
		}
		severity := f.Severity
		if severity == "wrong" {
			severity = s.bad(severity)
		}
		s.line("%d. %s (%s, %s)", f.Number, f.What, severity, f.Check)
		s.table(nil, [][]string{{"   Why", f.Why}, {"   Repair", f.Repair}})
	}
}
