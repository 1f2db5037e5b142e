package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowStatus(a *asking) *cobra.Command {
	v := view[api.Status]{path: api.PathStatus, draw: drawStatus}
	return v.command(a, &cobra.Command{
		Use:   "status",
		Short: "Show how the daemon itself is",
	})
}

func drawStatus(s screen, body api.Status, _ bool) {
	s.table(nil, [][]string{
		{"Version", body.Version},
		{"Router ID", s.router(body.RouterID)},
		{"PID", strconv.Itoa(body.PID)},
		{"Up", span(body.UpTimeMsec) + " since " + body.StartedAt},
		{"Converged", yes(body.Converged)},
		{"Configuration", body.Config.Path + " of " + body.Config.LoadedAt},
		{"Reload error", s.bad(body.Config.Error)},
		{"Kernel in sync", yes(body.Kernel.InSync)},
		{"Kernel error", s.bad(body.Kernel.Error)},
		{"Stub router", stubRouter(body.OSPF.StubRouter)},
		{"Graceful restart", gracefulRestart(body.OSPF.GracefulRestart)},
		{"SPF runs", strconv.FormatUint(body.OSPF.SPFRuns, 10)},
		{"Rejected packets", counts(body.OSPF.Rejected)},
	})
}

func gracefulRestart(s api.RestartStatus) string {
	switch {
	case s.Active:
		return "goes on, for another " + span(s.LeftMsec) + " at most"
	case s.Last != "":
		return "over: " + s.Last
	}
	return "-"
}

func stubRouter(s api.StubRouterStatus) string {
	text := "no"
	switch {
	case s.Drained:
		text = "yes, drained"
	case s.Active:
		text = "yes"
	}
	if !s.Acknowledged {
		text += "; not every neighbour knows yet"
	}
	return text
}
