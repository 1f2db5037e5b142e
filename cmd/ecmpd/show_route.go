package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowRoute(a *asking) *cobra.Command {
	v := view[api.Routes]{path: api.PathRoutes, pick: picker{"prefix", "route", checkDestination}, draw: drawRoutes}
	return v.command(a, &cobra.Command{
		Use:     "route [PREFIX|ADDRESS]",
		Aliases: []string{"routes"},
		Short:   "Show the routes of all sources",
		Long: `Show the routes of all sources: a prefix chooses its routes, an address those of
the longest prefix around it.`,
	})
}

func drawRoutes(s screen, body api.Routes, wide bool) {
	s.line("Codes: C - connected, S - static, K - kernel, O - OSPF, B - BGP, W - uplinks,")
	s.line("       > - best, * - in the kernel, q - queued or leg down, r - rejected\n")
	if len(body.Routes) == 0 {
		s.line("No route.")
		return
	}
	head := []string{blank, "Prefix", "Distance/Cost", "Type", "Via", "Interface", "Weight"}
	if wide {
		head = append(head, "Router ID", "Tag")
	}
	var rows [][]string
	for _, r := range body.Routes {
		for _, row := range recursiveRows(r) {
			if wide {
				row = append(row, blank, strconv.FormatUint(uint64(r.Tag), 10))
			}
			rows = append(rows, append(row, s.bad(r.Reason)))
		}
		if len(r.Gateways) > 0 && len(r.NextHops) == 0 {
			continue
		}
		for i, h := range hops(r) {
			i += len(r.Gateways)
			row := []string{
				code(r, h, i), r.Prefix, fmt.Sprintf("[%d/%d]", r.Distance, cost(r)), r.Type, target(r, h), h.Interface, weight(h),
			}
			if wide {
				row = append(row, s.router(id(h.RouterID)), strconv.FormatUint(uint64(r.Tag), 10))
			}
			continued(row[1:], i, 3)
			rows = append(rows, append(row, s.bad(r.Reason)))
		}
	}
	s.table(append(head, "Why"), rows)
}

// recursiveRows are the gateways of a recursive route; what they lead to comes below.
func recursiveRows(r api.Route) (rows [][]string) {
	for i, g := range r.Gateways {
		mark := blank
		if i == 0 {
			mark = code(r, api.Hop{Installed: true}, i)
		}
		rows = append(rows, continued([]string{
			mark, r.Prefix, fmt.Sprintf("[%d/%d]", r.Distance, cost(r)), r.Type, g.Via + " (recursive)", "", strconv.Itoa(g.Weight),
		}, i, 4))
	}
	return rows
}

// target is where a route leads by one next hop. A blackhole has none.
func target(r api.Route, h api.Hop) string {
	if len(r.NextHops) == 0 && (r.Protocol == "static" || r.Type == "discard") {
		return "blackhole"
	}
	return via(h)
}

// code is the mark of one line: "O>*" for a route's first, "  *" for the others.
func code(r api.Route, h api.Hop, nth int) string {
	source, best := blank, blank
	if nth == 0 {
		source = strings.ToUpper(r.Protocol[:min(1, len(r.Protocol))])
		if r.Selected {
			best = ">"
		}
	}
	switch {
	case r.Installed && (h.Installed || len(r.NextHops) == 0):
		return source + best + "*"
	case r.Selected && r.Reason != "":
		return source + best + "r"
	case r.Selected:
		return source + best + "q"
	}
	return source + best + blank
}

// type2 tells whether a route has a type 2 external metric above its cost.
func type2(r api.Route) bool { return r.Type == "external-2" || r.Type == "nssa-2" }

// cost is what the other sources compete with: of a type 2 external the
// second of its costs.
func cost(r api.Route) uint32 {
	if type2(r) {
		return r.Type2Cost
	}
	return r.Cost
}

func weight(h api.Hop) string {
	if h.Weight == 0 {
		return ""
	}
	return strconv.Itoa(h.Weight)
}

func newShowNextHop(a *asking) *cobra.Command {
	v := view[api.NextHops]{path: api.PathNextHops, pick: picker{"id", "nexthop group", checkGroup}, draw: drawGroups}
	return v.command(a, &cobra.Command{
		Use:     "nexthop [GROUP]",
		Aliases: []string{"nexthops"},
		Short:   "Show the kernel nexthop groups",
	})
}

func drawGroups(s screen, body api.NextHops, _ bool) {
	if len(body.Groups) == 0 {
		s.line("No nexthop group.")
		return
	}
	var rows [][]string
	for _, g := range body.Groups {
		members := g.Members
		if len(members) == 0 {
			members = []api.Member{{}}
		}
		for i, m := range members {
			state := s.good("yes")
			if !m.Installed {
				state = s.bad("no")
			}
			rows = append(rows, continued([]string{
				number(g.ID), strconv.Itoa(g.Routes), number(m.ID), via(m.Hop), m.Interface, s.router(id(m.RouterID)), weight(m.Hop), state,
				share(m.Share, m.Weight > 0), packets(g, m), share(m.Measured, g.Counted && m.ID != 0),
			}, i, 2))
		}
	}
	s.table([]string{"Group", "Routes", "Nexthop", "Via", "Interface", "Router ID", "Weight", "In Kernel", "Share", "Packets", "Measured"}, rows)
}

// share writes per cent, or nothing where there is none.
func share(percent int, known bool) string {
	if !known {
		return ""
	}
	return strconv.Itoa(percent) + " %"
}

// packets writes what the kernel counted, or nothing where it does not count.
func packets(g api.Group, m api.Member) string {
	if !g.Counted || m.ID == 0 {
		return ""
	}
	return strconv.FormatUint(m.Packets, 10)
}

// number writes a kernel id, or nothing for the one that means none.
func number(n uint32) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n), 10)
}
