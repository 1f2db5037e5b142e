package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

// checkAgainstRunning asks the daemon what it would do with a file.
func checkAgainstRunning(a *asking, cmd *cobra.Command, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	body, err := api.NewClient(a.socket).Plan(cmd.Context(), absolute(path), text)
	if err != nil {
		return err
	}
	if a.format == "json" {
		_, err := cmd.OutOrStdout().Write(body)
		return err
	}
	var plan api.Plan
	if err := json.Unmarshal(body, &plan); err != nil {
		return fmt.Errorf("answer of the daemon on %s to %s: %w", a.socket, api.PathPlan, err)
	}
	s := newScreen(cmd.OutOrStdout())
	s.names = hostnames(cmd.Context(), a.socket)
	drawPlan(s, path, plan)
	return s.flush()
}

// impacts are what a reload does, in words.
var impacts = map[string]string{
	"none": "none", "lsa": "new LSA", "adjacency": "adjacency restarts", "restart": "needs a restart of the daemon",
}

func drawPlan(s screen, path string, plan api.Plan) {
	if len(plan.Differences) == 0 {
		s.line("%s: nothing differs from what runs", path)
		return
	}
	var rows [][]string
	refused := false
	for _, d := range plan.Differences {
		refused = refused || d.Impact == "restart"
		impact := impacts[d.Impact]
		if d.Impact == "adjacency" || d.Impact == "restart" {
			impact = s.bad(impact)
		}
		var neighbors []string
		for _, id := range d.Neighbors {
			neighbors = append(neighbors, s.router(id))
		}
		rows = append(rows, []string{
			fmt.Sprintf("%s:%d:%d", path, d.Line, d.Column), subject(d), d.Running, d.File, impact, few(neighbors), d.Detail,
		})
	}
	s.table([]string{"Place", "What", "Running", "File", "Impact", "Neighbors", "Why"}, rows)
	if refused {
		s.line("\n%s", s.bad("A reload refuses this file: restart the daemon."))
	}
}

// subject names what a difference is about: "interface vpn1 cost".
func subject(d api.Difference) string {
	var words []string
	switch {
	case len(d.Interfaces) > 0:
		words = append(words, "interface", few(d.Interfaces))
	case d.Area != "":
		words = append(words, "area", d.Area)
	}
	if d.Key != "" {
		words = append(words, d.Key)
	}
	return strings.Join(words, " ")
}

// few names the first of many.
func few(names []string) string {
	const shown = 4
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
