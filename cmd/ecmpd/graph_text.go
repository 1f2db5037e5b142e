package main

import (
	"fmt"
	"strings"
)

// dot writes a drawing for Graphviz.
func (d drawing) dot() string {
	var b strings.Builder
	b.WriteString("graph ospf {\n\tlayout=dot; rankdir=LR; fontname=\"sans-serif\";\n\tnode [shape=box, style=rounded, fontname=\"sans-serif\"]; edge [fontname=\"sans-serif\", fontsize=10];\n")
	for _, c := range d.clusters {
		fmt.Fprintf(&b, "\tsubgraph %s {\n\t\tlabel=%s;\n", dotText("cluster_"+c.area), dotText("area "+c.area))
		for _, n := range c.nodes {
			b.WriteString("\t\t" + n.dot())
		}
		b.WriteString("\t}\n")
	}
	for _, n := range d.between {
		b.WriteString("\t" + n.dot())
	}
	for _, l := range d.lines {
		var attributes []string
		if l.atA != "" {
			attributes = append(attributes, "taillabel="+dotText(l.atA))
		}
		if l.atB != "" {
			attributes = append(attributes, "headlabel="+dotText(l.atB))
		}
		switch {
		case l.dashed:
			attributes = append(attributes, "style=dashed")
		case l.virtual:
			attributes = append(attributes, "style=dotted")
		}
		fmt.Fprintf(&b, "\t%s -- %s [%s];\n", dotText(l.a), dotText(l.b), strings.Join(attributes, ", "))
	}
	b.WriteString("}\n")
	return b.String()
}

func (n node) dot() string {
	attributes := []string{"label=" + dotText(strings.Join(n.label, "\n"))}
	switch {
	case n.self:
		attributes = append(attributes, "style=\"rounded,filled\"", "fillcolor=lightblue", "penwidth=2")
	case n.network:
		attributes = append(attributes, "shape=ellipse")
	}
	if n.unknown {
		attributes = append(attributes, "color=grey", "fontcolor=grey")
	}
	return fmt.Sprintf("%s [%s];\n", dotText(n.name), strings.Join(attributes, ", "))
}

// dotText quotes a text of which parts come from other routers.
func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// mermaid writes a drawing for Mermaid.
func (d drawing) mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := make(map[string]string)
	write := func(indent string, n node) {
		id := fmt.Sprintf("n%d", len(ids))
		ids[n.name] = id
		left, right := "[", "]"
		if n.network {
			left, right = "([", "])"
		}
		fmt.Fprintf(&b, "%s%s%s%s%s", indent, id, left, mermaidText(strings.Join(n.label, "\n")), right)
		switch {
		case n.self:
			b.WriteString(":::self")
		case n.unknown:
			b.WriteString(":::unknown")
		}
		b.WriteString("\n")
	}
	for i, c := range d.clusters {
		fmt.Fprintf(&b, "  subgraph a%d[%s]\n", i, mermaidText("area "+c.area))
		for _, n := range c.nodes {
			write("    ", n)
		}
		b.WriteString("  end\n")
	}
	for _, n := range d.between {
		write("  ", n)
	}
	for _, l := range d.lines {
		arrow := "---"
		if l.dashed || l.virtual {
			arrow = "-.-"
		}
		costs := l.atA
		if l.atB != "" {
			costs += " / " + l.atB
		}
		if costs != "" {
			arrow += "|" + mermaidText(costs) + "|"
		}
		fmt.Fprintf(&b, "  %s %s %s\n", ids[l.a], arrow, ids[l.b])
	}
	b.WriteString("  classDef self fill:#add8e6,stroke-width:3px\n  classDef unknown color:#888,stroke:#888\n")
	return b.String()
}

// mermaidText quotes a text of which parts come from other routers.
func mermaidText(s string) string {
	return `"` + strings.NewReplacer("#", "#35;", `"`, "#quot;", "&", "#amp;", "<", "#lt;", ">", "#gt;", "`", "#96;", "\n", "<br/>").Replace(s) + `"`
}
