package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowBorderRouters(a *asking) *cobra.Command {
	v := view[api.BorderRouters]{path: api.PathBorderRouters, pick: picker{"routerId", "border router", checkRouterID}, draw: drawBorderRouters}
	return v.command(a, &cobra.Command{
		Use:     "border-routers [ROUTER-ID]",
		Aliases: []string{"border-router"},
		Short:   "Show the ways to area border routers and AS boundary routers",
	})
}

func drawBorderRouters(s screen, body api.BorderRouters, _ bool) {
	if len(body.BorderRouters) == 0 {
		s.line("No border router.")
		return
	}
	var rows [][]string
	for _, r := range body.BorderRouters {
		for i, h := range r.NextHops {
			row := []string{s.router(r.RouterID), duties(r), r.Type, fmt.Sprintf("[%d]", r.Cost), r.Area, via(h), h.Interface}
			rows = append(rows, continued(row, i, 5))
		}
	}
	s.table([]string{"Router ID", "Role", "Type", "Cost", "Area", "Via", "Interface"}, rows)
}

// duties is what a router is on the border of.
func duties(r api.BorderRouter) string {
	switch {
	case r.AreaBorder && r.Boundary:
		return "ABR/ASBR"
	case r.AreaBorder:
		return "ABR"
	}
	return "ASBR"
}
