package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

// graphFormat is the value of --format.
type graphFormat string

// String implements [pflag.Value].
func (f *graphFormat) String() string { return string(*f) }

// Set implements [pflag.Value].
func (f *graphFormat) Set(s string) error {
	if s != "dot" && s != "mermaid" {
		return fmt.Errorf("it is dot or mermaid")
	}
	*f = graphFormat(s)
	return nil
}

// Type implements [pflag.Value].
func (f *graphFormat) Type() string { return "dot|mermaid" }

func newShowGraph(a *asking) *cobra.Command {
	format := graphFormat("dot")
	stubs := false
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Draw the topology, for Graphviz or Mermaid",
		Long: `Draw the topology as the link-state database has it: routers by name, transit
networks, the cost of each direction, areas as clusters. Border routers stand
between their areas, this router is marked, and a link of which the other end
says nothing, so that no route uses it, is dashed.

  ecmpd show ospf graph | dot -Tsvg > ospf.svg`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := api.NewClient(a.socket).Body(cmd.Context(), api.PathGraph)
			if err != nil {
				return err
			}
			if a.format == "json" {
				_, err := cmd.OutOrStdout().Write(body)
				return err
			}
			var g api.Graph
			if err := json.Unmarshal(body, &g); err != nil {
				return fmt.Errorf("answer of the daemon on %s to %s: %w", a.socket, api.PathGraph, err)
			}
			text := layOut(g, stubs).dot()
			if format == "mermaid" {
				text = layOut(g, stubs).mermaid()
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	cmd.Flags().Var(&format, "format", "what to draw for")
	cmd.Flags().BoolVar(&stubs, "stubs", false, "draw the networks of single routers, too")
	return cmd
}

// drawing is a graph as it is drawn: nodes once, the two directions of a link as one line.
type drawing struct {
	clusters []cluster
	between  []node // of several areas
	lines    []line
}

type cluster struct {
	area  string
	nodes []node
}

type node struct {
	name    string // unique
	label   []string
	self    bool
	network bool
	unknown bool // it is named, and says nothing itself
}

// line joins two nodes; there is a cost at each end that says so.
type line struct {
	a, b     string
	atA, atB string // cost in this direction; empty: none
	dashed   bool   // one-sided
	virtual  bool
}

// layOut decides what is drawn where.
func layOut(g api.Graph, stubs bool) drawing {
	var d drawing
	areas := make(map[string]int) // of a router
	for _, a := range g.Areas {
		for _, r := range a.Routers {
			areas[r.RouterID]++
		}
	}
	placed := make(map[string]bool)
	for _, a := range g.Areas {
		c := cluster{area: a.Area}
		for _, r := range a.Routers {
			n := routerNode(r)
			switch {
			case areas[r.RouterID] == 1:
				c.nodes = append(c.nodes, n)
			case !placed[r.RouterID]:
				d.between = append(d.between, n)
			}
			placed[r.RouterID] = true
			for i, s := range r.Stubs {
				if stubs {
					name := fmt.Sprintf("stub %s %s %d", a.Area, r.RouterID, i)
					c.nodes = append(c.nodes, node{name: name, label: []string{s.Prefix}, network: true})
					d.lines = append(d.lines, line{a: r.RouterID, b: name, atA: fmt.Sprint(s.Cost)})
				}
			}
		}
		for _, n := range a.Networks {
			label := n.Prefix
			if label == "" {
				label = n.ID
			}
			c.nodes = append(c.nodes, node{name: networkName(a.Area, n.ID), label: []string{label}, network: true, unknown: n.Prefix == ""})
		}
		d.clusters = append(d.clusters, c)
		d.lines = append(d.lines, lines(a)...)
	}
	return d
}

func networkName(area, id string) string { return "net " + area + " " + id }

func routerNode(r api.GraphRouter) node {
	n := node{name: r.RouterID, label: []string{r.RouterID}, self: r.Self, unknown: !r.Known}
	if r.Hostname != "" {
		n.label = []string{r.Hostname, r.RouterID}
	}
	switch {
	case r.AreaBorder && r.Boundary:
		n.label = append(n.label, "ABR, ASBR")
	case r.AreaBorder:
		n.label = append(n.label, "ABR")
	case r.Boundary:
		n.label = append(n.label, "ASBR")
	}
	return n
}

// lines joins the two directions of each link, of parallel ones in their order.
func lines(a api.GraphArea) []line {
	var out []line
	used := make([]bool, len(a.Links))
	for i, l := range a.Links {
		n := line{a: l.From, b: l.To, atA: fmt.Sprint(l.Cost), dashed: l.OneSided, virtual: l.Type == "virtual"}
		switch l.Type {
		case "transit":
			n.b = networkName(a.Area, l.To)
		case "network":
			if !l.OneSided {
				continue // the router says it, with its cost
			}
			n.a, n.atA = networkName(a.Area, l.From), ""
		default:
			if used[i] {
				continue
			}
			for j := i + 1; j < len(a.Links); j++ {
				if b := a.Links[j]; !used[j] && b.Type == l.Type && b.From == l.To && b.To == l.From {
					used[j], n.atB = true, fmt.Sprint(b.Cost)
					break
				}
			}
			n.dashed = n.atB == ""
		}
		out = append(out, n)
	}
	return out
}
