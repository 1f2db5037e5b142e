package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newExplain() *cobra.Command {
	a := &asking{format: "table"}
	var q api.ExplainQuery
	cmd := &cobra.Command{
		Use:   "explain SOURCE DESTINATION [PROTOCOL [SOURCE-PORT DESTINATION-PORT]]",
		Short: "Show the life of a packet, and of its answer, on this router",
		Long: `Show what this router does with a packet, and with its answer: tracked or not and by
which rule, policy rule, table, route, nexthop group, the member that the kernel
chooses, NAT, what drops it, and whether both directions meet the same hub.

The protocol is tcp (the default), udp, icmp or a number. The member is asked from
the kernel. Where a packet's own hash decides, none is named. "-o json" prints
what the API returns.`,
		Example: "  ecmpd explain 10.10.1.2 10.10.4.2 tcp 40000 443 --in vpn1",
		Args: func(_ *cobra.Command, args []string) (err error) {
			q, err = explainArgs(args, q)
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := api.NewClient(a.socket).Body(cmd.Context(), api.PathExplain+"?"+q.Values().Encode())
			if err != nil {
				return err
			}
			if a.format == "json" {
				_, err := cmd.OutOrStdout().Write(body)
				return err
			}
			var e api.Explain
			if err := json.Unmarshal(body, &e); err != nil {
				return fmt.Errorf("answer of the daemon on %s: %w", a.socket, err)
			}
			s := newScreen(cmd.OutOrStdout())
			s.names = hostnames(cmd.Context(), a.socket)
			drawExplain(s, e)
			return s.flush()
		},
	}
	flags := cmd.Flags()
	socketFlag(flags, &a.socket)
	flags.VarP(&a.format, "output", "o", "how to print")
	flags.StringVar(&q.In, "in", "", "interface that the packet comes in through (default: where the route to the source leads)")
	flags.IntVar(&q.Sample, "sample", 0, "try this many random source ports and show how they spread")
	return cmd
}

// explainArgs reads what is asked about.
func explainArgs(args []string, q api.ExplainQuery) (api.ExplainQuery, error) {
	if n := len(args); n != 2 && n != 3 && n != 5 {
		return q, fmt.Errorf("write SOURCE DESTINATION, then a protocol, then both ports; %d arguments are none of that", n)
	}
	var err error
	for i, to := range []*netip.Addr{&q.Source, &q.Destination} {
		if *to, err = netip.ParseAddr(args[i]); err != nil || !to.Is4() {
			return q, fmt.Errorf("%q is no IPv4 address", args[i])
		}
	}
	q.Protocol = 6
	if len(args) > 2 {
		if q.Protocol, err = api.ParseProtocol(args[2]); err != nil {
			return q, err
		}
	}
	if len(args) > 3 {
		for i, to := range []*uint16{&q.SourcePort, &q.DestinationPort} {
			port, err := strconv.ParseUint(args[3+i], 10, 16)
			if err != nil {
				return q, fmt.Errorf("%q is no port: write a number up to 65535", args[3+i])
			}
			*to = uint16(port)
		}
	}
	if q.Sample < 0 || q.Sample > api.MaxSample {
		return q, fmt.Errorf("--sample %d: write a number up to %d", q.Sample, api.MaxSample)
	}
	return q, nil
}

func drawExplain(s screen, e api.Explain) {
	s.line("Forward")
	drawDirection(s, e.Forward, e.Hash)
	s.line("\nReverse")
	drawDirection(s, e.Reverse, e.Hash)
	same := e.SameHub
	switch same {
	case "yes":
		same = s.good(same)
	case "no":
		same = s.bad(same)
	}
	s.line("\nSame hub in both directions: %s (%s)", same, e.SameHubWhy)
	if e.Sample.Why != "" {
		s.line("\nNo sample: %s", e.Sample.Why)
	}
	if len(e.Sample.Members) > 0 {
		var rows [][]string
		for _, m := range e.Sample.Members {
			rows = append(rows, []string{m.Via, m.Interface, s.router(id(m.RouterID)), strconv.Itoa(m.Weight), strconv.Itoa(m.Flows), m.Configured + "%", m.Measured + "%"})
		}
		s.line("\n%d flows with random source ports", e.Sample.Flows)
		s.table([]string{"Via", "Interface", "Router ID", "Weight", "Flows", "Configured", "Measured"}, rows)
	}
}

func drawDirection(s screen, d api.Direction, h api.Hash) {
	tracked := yes(d.Tracked)
	if !d.TrackedCertain {
		tracked = "maybe"
	}
	in := d.In
	if in == "" {
		in = "(own packet)"
	}
	group, object := "", "Nexthop group"
	if d.Group != 0 {
		group = strconv.FormatUint(uint64(d.Group), 10)
	}
	if len(d.Members) == 1 {
		object = "Nexthop"
	}
	rows := [][]string{
		{"Packet", fmt.Sprintf("%s:%d → %s:%d %s", d.Source, d.SourcePort, d.Destination, d.DestinationPort, d.Protocol)},
		{"In", in},
		{"Tracked", tracked + ": " + d.TrackedBy},
	}
	if u := d.Uplink; u.Why != "" {
		text := u.Why
		if u.Name != "" {
			text = fmt.Sprintf("%s: %s (mark %s, nat %s)", u.Name, u.Why, u.Mark, u.NAT)
		}
		rows = append(rows, []string{"Uplink", text})
	}
	rows = append(rows, [][]string{
		{"Policy rule", d.Rule},
		{"Table", d.Table},
		{"Route", d.Route},
		{object, group},
		{"Hash", fmt.Sprintf("policy %d: %s", h.Policy, h.Fields)},
	}...)
	for _, m := range d.Members {
		mark := ""
		if m.Interface == d.Interface && m.Via == d.Via {
			mark = s.good("  ← chosen")
		}
		rows = append(rows, []string{"Member", fmt.Sprintf("%s dev %s weight %d router %s%s",
			cmp.Or(m.Via, "direct"), m.Interface, m.Weight, cmp.Or(s.router(id(m.RouterID)), "-"), mark)})
	}
	rows = append(rows, []string{"Out", d.Interface}, []string{"Via", d.Via})
	if d.Why != "" {
		rows = append(rows, []string{"Why", d.Why})
	}
	rows = append(rows, drawPlaces(s, "Translated by", d.TranslatedBy)...)
	rows = append(rows, drawPlaces(s, "Goes round rules by", d.OffloadedBy)...)
	rows = append(rows, drawPlaces(s, "Dropped by", d.DroppedBy)...)
	s.table(nil, rows)
}

func drawPlaces(s screen, title string, list []api.Blocker) (rows [][]string) {
	for _, b := range list {
		text := fmt.Sprintf("%s %s %s: %s", b.Family, b.Table, b.Chain, b.Rule)
		if b.Certain {
			text = s.bad("surely") + " " + text
		} else {
			text = "maybe " + text
		}
		rows = append(rows, []string{title, text})
	}
	return rows
}
