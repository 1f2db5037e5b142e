package main

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowBGP(a *asking) *cobra.Command {
	show := group(&cobra.Command{Use: "bgp", Short: "Show what BGP knows"})
	neighbors := view[api.BGPBody]{path: api.PathBGPNeighbors, pick: picker{"peer", "BGP neighbour", checkPeer}, draw: drawBGPNeighbors}
	paths := view[api.BGPPaths]{path: api.PathBGPRIB, pick: picker{"prefix", "BGP path to", checkDestination}, draw: drawBGPPaths}
	show.AddCommand(
		neighbors.command(a, &cobra.Command{Use: "neighbor [PEER]", Short: "Show BGP sessions, and why one is down"}),
		paths.command(a, &cobra.Command{Use: "rib [PREFIX|ADDRESS]", Short: "Show what BGP neighbours say, and why a path is not used"}),
		newShowBGPAnnouncements(a),
	)
	return show
}

// newShowBGPAnnouncements chooses by a neighbour or by a prefix, which has a slash.
func newShowBGPAnnouncements(a *asking) *cobra.Command {
	cmd := &cobra.Command{Use: "announcements [PEER|PREFIX]", Short: "Show what is announced to which neighbour, and because of which rule or why not"}
	v := view[api.BGPAnnouncements]{path: api.PathBGPAnnouncements, draw: drawBGPAnnouncements}
	v.pick = picker{"prefix", "announcement of", checkDestination}
	ofPrefix := v.command(a, cmd).RunE
	v.pick = picker{"peer", "BGP neighbour", checkPeer}
	toPeer := v.command(a, cmd).RunE
	cmd.Args = picker{check: checkDestination}.args
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && strings.Contains(args[0], "/") {
			return ofPrefix(cmd, args)
		}
		return toPeer(cmd, args)
	}
	return cmd
}

func drawBGPNeighbors(s screen, body api.BGPBody, wide bool) {
	b := body.BGP
	if b.AS == 0 {
		s.line("There is no BGP (section bgp).")
		return
	}
	head := []string{"Peer", "AS", "Up/Down", "State", "#Received", "Accepted"}
	if wide {
		head = append(head, "Advertised", "Router ID", "Local", "Flaps", "Messages In", "Messages Out", "Dynamic", "Description")
	}
	var rows [][]string
	for _, n := range b.Neighbors {
		state, since := s.bad(n.State), "never"
		if n.State == "Established" {
			state = s.good(n.State)
		}
		if n.SinceMsec > 0 {
			since = span(n.SinceMsec)
		}
		row := []string{n.Peer, strconv.FormatUint(uint64(n.AS), 10), since, state, strconv.Itoa(n.Received), strconv.Itoa(n.Accepted)}
		if wide {
			row = append(row, strconv.Itoa(n.Advertised), cmp.Or(n.RouterID, "-"), cmp.Or(n.Local, "-"), strconv.FormatUint(uint64(n.FlapCount), 10),
				count(n.MessagesIn), count(n.MessagesOut), cmp.Or(n.Dynamic, "-"), n.Description)
		}
		rows = append(rows, append(row, s.bad(n.Reason)))
	}
	s.table(append(head, "Why"), rows)
	switch {
	case b.PID == 0:
		s.line("\n%s", s.bad("The BGP process is not running; it is started again"))
	case b.Restarts > 0:
		s.line("\nRestarts of the BGP process: %d", b.Restarts)
	}
	if b.Stale > 0 {
		s.line("%s", s.bad(strconv.Itoa(b.Stale)+" paths wait to be learnt again, for "+span(b.StaleMsec)+" at most"))
	}
}

// drawBGPPaths marks what is used as the gobgp tool does: *> the best path, * one that is as good.
func drawBGPPaths(s screen, body api.BGPPaths, _ bool) {
	if len(body.Paths) == 0 {
		s.line("No path.")
		return
	}
	var rows [][]string
	for _, p := range body.Paths {
		mark := ""
		switch {
		case p.Best:
			mark = "*>"
		case p.Used:
			mark = "*"
		case p.Rejected:
			mark = "R"
		}
		if p.Stale {
			mark += "S"
		}
		rows = append(rows, []string{mark, p.Network, p.NextHop, p.ASPath, span(p.AgeMsec), p.Attributes, p.Peer, s.bad(p.Reason)})
	}
	s.table([]string{"", "Network", "Next Hop", "AS_PATH", "Age", "Attrs", "Peer", "Why Not"}, rows)
	s.line("\n*> best, * as good, R rejected, S stale")
}

// drawBGPAnnouncements marks what is told.
func drawBGPAnnouncements(s screen, body api.BGPAnnouncements, _ bool) {
	if len(body.Announcements) == 0 {
		s.line("Nothing is announced.")
		return
	}
	var rows [][]string
	for _, a := range body.Announcements {
		if a.Announced {
			rows = append(rows, []string{"*", a.Network, a.Peer, cmp.Or(a.NextHop, "self"), a.ASPath, a.Attributes, a.Rule})
		} else {
			rows = append(rows, []string{"", a.Network, a.Peer, "-", "-", "-", s.bad(a.Rule)})
		}
	}
	s.table([]string{"", "Network", "Peer", "Next Hop", "AS_PATH", "Attrs", "Because Of"}, rows)
	s.line("\n* announced, as it arrives there")
}
