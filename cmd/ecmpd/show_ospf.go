package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowNeighbor(a *asking) *cobra.Command {
	v := view[api.Neighbors]{path: api.PathNeighbors, pick: picker{"routerId", "neighbour", checkRouterID}, draw: drawNeighbors}
	return withHistory(a, v.command(a, &cobra.Command{
		Use:     "neighbor [ROUTER-ID]",
		Aliases: []string{"neighbors", "neighbour", "neighbours"},
		Short:   "Show OSPF neighbours, and why one is not Full; with a router id, what happened to it",
	}))
}

func drawNeighbors(s screen, body api.Neighbors, wide bool) {
	if len(body.Neighbors) == 0 {
		s.line("No OSPF neighbour.")
		return
	}
	head := []string{"Neighbor ID", "Pri", "State", "Up Time", "Dead Time", "Address", "Interface"}
	bfd := slices.ContainsFunc(body.Neighbors, func(n api.Neighbor) bool { return n.BFD != "" })
	if bfd {
		head = append(head, "BFD")
	}
	if wide {
		head = append(head, "Area", "DR", "BDR", "RXmtL", "RqstL", "DBsmL", "LLS", "Graceful Restart")
	}
	var rows [][]string
	for _, n := range body.Neighbors {
		state := n.State + "/" + n.Role
		if n.State == "Full" {
			state = s.good(state)
		}
		row := []string{
			s.router(n.RouterID), strconv.Itoa(n.Priority), state, span(n.UpTimeMsec), span(n.DeadTimeMsec), n.Address, n.Interface,
		}
		if bfd {
			row = append(row, n.BFD)
		}
		if wide {
			row = append(row, n.Area, id(n.DR), id(n.BDR), strconv.Itoa(n.RetransmitCount), strconv.Itoa(n.RequestCount), strconv.Itoa(n.SummaryCount), cmp.Or(n.ExtendedOptions, "-"), help(n))
		}
		rows = append(rows, append(row, s.bad(n.Why)))
	}
	s.table(append(head, "Why"), rows)
}

// help says whether a neighbour is helped through a graceful restart, or how that ended.
func help(n api.Neighbor) string {
	switch {
	case n.HelpingMsec > 0:
		return "helped for another " + span(n.HelpingMsec)
	case n.LastHelp != "":
		return n.LastHelp
	}
	return "-"
}

func newShowInterface(a *asking) *cobra.Command {
	v := view[api.Interfaces]{path: api.PathInterfaces, pick: picker{"interface", "OSPF interface", anyName}, draw: drawInterfaces}
	return v.command(a, &cobra.Command{
		Use:     "interface [NAME]",
		Aliases: []string{"interfaces"},
		Short:   "Show the interfaces that OSPF runs on",
	})
}

func drawInterfaces(s screen, body api.Interfaces, wide bool) {
	if len(body.Interfaces) == 0 {
		s.line("No OSPF interface.")
		return
	}
	head := []string{"Interface", "Address", "Area", "Type", "State", "Cost", "DR", "BDR", "Full"}
	if wide {
		head = append(head, "MTU", "Pri", "Hello", "Dead", "Authentication", "Rejected")
	}
	var rows [][]string
	for _, i := range body.Interfaces {
		full := fmt.Sprintf("%d/%d", i.AdjacentCount, i.NeighborCount)
		if i.Passive {
			full = "passive"
		}
		row := []string{i.Interface, i.Address, i.Area, i.Type, i.State, strconv.Itoa(i.Cost), id(i.DR), id(i.BDR), full}
		if wide {
			row = append(row, strconv.Itoa(i.MTU), strconv.Itoa(i.Priority), timer(i.HelloMsec), timer(i.DeadMsec), i.Authentication, counts(i.Rejected))
		}
		rows = append(rows, append(row, s.bad(i.Why)))
	}
	s.table(append(head, "Why"), rows)
}

// timer writes a configured time, which is in whole seconds.
func timer(msec int64) string { return strconv.FormatInt(msec/1000, 10) + "s" }

// counts writes reasons in order: "area-mismatch 2, checksum 1".
func counts(c api.Counts) string {
	var out []string
	for _, reason := range slices.Sorted(maps.Keys(c)) {
		out = append(out, fmt.Sprintf("%s %d", reason, c[reason]))
	}
	return list(out)
}

func drawDatabase(s screen, body api.Database, _ bool) {
	s.line("OSPF router with id %s", s.router(body.RouterID))
	for _, d := range body.Limits.Databases {
		if d.Incomplete {
			s.line("%s", s.bad(fmt.Sprintf("The database of the %s is full: %d of at most %d, %d were refused, routes may be missing.", d.Scope, d.LSAs, d.MaxLSAs, d.Refused)))
		}
	}
	if l := body.Limits; l.Overflow {
		s.line("%s", s.bad(fmt.Sprintf("Own externals are taken back: there are %d externals, at most %d may be.", l.Externals, l.MaxExternals)))
	}
	section := func(title string, lsas []api.LSA) {
		s.line("\n%s\n", title)
		drawLSAs(s, lsas)
	}
	for _, area := range body.Areas {
		section(fmt.Sprintf("Area %s, fingerprint %s", area.Area, area.Fingerprint), area.LSAs)
	}
	if len(body.External) > 0 {
		section("Autonomous system", body.External)
	}
	for _, link := range body.Link {
		section("Link "+link.Interface, link.LSAs)
	}
}

func drawLSAs(s screen, lsas []api.LSA) {
	if len(lsas) == 0 {
		s.line("No LSA.")
		return
	}
	var rows [][]string
	for _, l := range lsas {
		rows = append(rows, []string{
			l.Type, l.LinkStateID, s.router(l.AdvertisingRouter), age(l), l.SequenceNumber, l.Checksum, strconv.Itoa(l.Length),
		})
	}
	s.table([]string{"Type", "Link ID", "ADV Router", "Age", "Seq#", "CkSum", "Length"}, rows)
}

// age is how old an LSA is; DNA marks one that does not grow older (RFC 1793).
func age(l api.LSA) string {
	if l.DoNotAge {
		return fmt.Sprintf("%d (DNA)", l.Age)
	}
	return strconv.Itoa(l.Age)
}

func newShowOSPFRoute(a *asking) *cobra.Command {
	v := view[api.Routes]{path: api.PathOSPFRoutes, pick: picker{"prefix", "OSPF route", checkDestination}, draw: drawOSPFRoutes}
	return v.command(a, &cobra.Command{
		Use:     "route [PREFIX|ADDRESS]",
		Aliases: []string{"routes"},
		Short:   "Show the routes that OSPF calculated",
	})
}

func drawOSPFRoutes(s screen, body api.Routes, wide bool) {
	if len(body.Routes) == 0 {
		s.line("No OSPF route.")
		return
	}
	head := []string{"Prefix", "Type", "Cost", "Area", "Via", "Interface", "Router ID"}
	if wide {
		head = append(head, "Weight", "Tag")
	}
	var rows [][]string
	for _, r := range body.Routes {
		cost := fmt.Sprintf("[%d]", r.Cost)
		if type2(r) {
			cost = fmt.Sprintf("[%d/%d]", r.Cost, r.Type2Cost)
		}
		for i, h := range hops(r) {
			row := []string{r.Prefix, r.Type, cost, r.Area, via(h), h.Interface, s.router(id(h.RouterID))}
			if wide {
				row = append(row, strconv.Itoa(h.Weight), strconv.FormatUint(uint64(r.Tag), 10))
			}
			rows = append(rows, continued(row, i, 4))
		}
	}
	s.table(head, rows)
}

// hops returns the next hops of r; one empty hop for a route without any, so
// that it gets its line.
func hops(r api.Route) []api.Hop {
	if len(r.NextHops) == 0 {
		return []api.Hop{{}}
	}
	return r.NextHops
}

func via(h api.Hop) string {
	if h.Via == "" && h.Interface != "" {
		return "directly connected"
	}
	return h.Via
}

// continued blanks the first n cells of every row of an entry but its first.
func continued(row []string, nth, n int) []string {
	if nth > 0 {
		for i := range n {
			row[i] = blank
		}
	}
	return row
}
