package routeros

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// use is a place where a name of some kind stands.
type use struct {
	name string
	at   script.Pos
}

// marks is what sets and what asks for the marks of one kind.
type marks struct {
	kind      string // connection, routing or packet
	set, used []use  // in the order of the script
}

// judgeMarks compares what is set with what is asked for, and rules with each other.
func (im *importer) judgeMarks() {
	for _, kind := range []string{"connection", "routing", "packet"} {
		m := im.marksOf(kind)
		set, used := first(m.set), first(m.used)
		for _, u := range distinct(m.set) {
			if _, ok := used[u.name]; !ok {
				im.find(u.at, MarkUnused, "%s mark %s is set here and used nowhere%s", kind, clip(u.name, 40), im.meant(u.name, m.used, set))
			}
		}
		for _, u := range distinct(m.used) {
			if _, ok := set[u.name]; !ok && !im.rulesLeadTo(kind, u.name, set) {
				im.find(u.at, MarkUnset, "%s mark %s is used here and set nowhere%s", kind, clip(u.name, 40), im.meant(u.name, m.set, used))
			}
		}
	}
	im.judgeTables()
	im.judgeTwins()
}

// marksOf collects the marks of one kind.
func (im *importer) marksOf(kind string) marks {
	m := marks{kind: kind}
	for i := range im.Statements {
		s := &im.Statements[i]
		_, vrf := s.Arg("vrf-interface")
		if s.Flag("disabled") || vrf || s.Verb != "add" && s.Verb != "set" {
			continue
		}
		for _, a := range s.Args {
			switch {
			case !a.HasValue || a.Computed:
			case a.Name == "new-"+kind+"-mark":
				m.set = appendMarks(m.set, a)
			case kind == "routing" && a.Name == "default-route-tables":
				for _, name := range items(a.Value) {
					if name, _, _ = strings.Cut(name, ":"); name != "main" {
						m.used = append(m.used, use{name, a.At})
					}
				}
			case a.Name == kind+"-mark" || a.Name == kind+"-marks" || kind == "routing" && a.Name == "routing-table" && s.Menu == "ip route":
				m.used = appendMarks(m.used, a)
			}
		}
	}
	return m
}

// appendMarks adds the marks that a parameter names.
func appendMarks(list []use, a script.Arg) []use {
	for _, name := range items(a.Value) {
		if name = strings.TrimPrefix(name, "!"); name != "no-mark" && name != "main" && name != "" {
			list = append(list, use{name, a.At})
		}
	}
	return list
}

// rulesLeadTo tells whether a routing rule sends packets to the table of this name, one that wants no mark or a mark that is set.
func (im *importer) rulesLeadTo(kind, name string, set map[string]script.Pos) bool {
	leads := func(p routingRule) bool {
		_, ok := set[p.mark]
		return p.table == name && (p.mark == "" || ok)
	}
	return kind == "routing" && (im.vrfs[name] || slices.ContainsFunc(im.policies, leads))
}

func first(list []use) map[string]script.Pos {
	m := make(map[string]script.Pos, len(list))
	for _, u := range list {
		if _, ok := m[u.name]; !ok {
			m[u.name] = u.at
		}
	}
	return m
}

func distinct(list []use) []use {
	seen := make(map[string]bool, len(list))
	var out []use
	for _, u := range list {
		if !seen[u.name] {
			seen[u.name] = true
			out = append(out, u)
		}
	}
	return out
}

// meant suggests a similar name that lacks its other side.
func (im *importer) meant(name string, others []use, paired map[string]script.Pos) string {
	var names []string
	at := make(map[string]script.Pos)
	for _, o := range distinct(others) {
		if _, ok := paired[o.name]; !ok {
			names, at[o.name] = append(names, o.name), o.at
		}
	}
	if near := im.nearest(name, names); near != "" {
		return fmt.Sprintf("; line %d has %s: is the same meant?", at[near].Line, clip(near, 40))
	}
	return ""
}

// judgeTables looks for tables that RouterOS 7 wants declared, with fib.
func (im *importer) judgeTables() {
	declared := make(map[string]table)
	for _, t := range im.tables {
		declared[t.name] = t
	}
	var used []use
	for _, r := range im.routes {
		used = append(used, use{r.table, r.tableAt})
	}
	for i := range im.rules {
		if a, ok := im.rules[i].newMark(); ok && im.rules[i].action == "mark-routing" {
			used = append(used, use{a.Value, a.At})
		}
	}
	for _, p := range im.policies {
		if p.table != "" {
			used = append(used, use{p.table, p.at})
		}
	}
	for _, u := range distinct(used) {
		t, ok := declared[u.name]
		switch {
		case u.name == "main":
		case !ok && im.seven:
			im.find(u.at, TableUndefined, "table %s is not under /routing table, where RouterOS 7 wants it%s", clip(u.name, 40), im.meantTable(u.name))
		case ok && !t.fib:
			im.find(t.at, TableUndefined, "table %s has no fib: RouterOS sends no packet by it", clip(u.name, 40))
		}
	}
}

func (im *importer) meantTable(name string) string {
	var names []string
	for _, t := range im.tables {
		names = append(names, t.name)
	}
	if near := im.nearest(name, names); near != "" {
		return ": is " + near + " meant?"
	}
	return ""
}

// twins are the rules so far that look at the same packets.
type twins struct {
	final *rule            // behind it no packet is left
	marks map[string]*rule // by action
}

// judgeTwins finds rules with the same matchers of which one undoes the other.
func (im *importer) judgeTwins() {
	groups := make(map[string]*twins)
	for n := range im.rules {
		r := &im.rules[n]
		if r.unsure || r.incomplete != "" {
			continue
		}
		key := r.table + "\n" + r.chain + "\n" + strings.Join(r.match, "\n")
		g := groups[key]
		if g == nil {
			g = &twins{marks: make(map[string]*rule)}
			groups[key] = g
		}
		earlier := g.marks[r.action]
		mark, marks := r.newMark()
		switch {
		case g.final != nil:
			r.dead = fmt.Sprintf("it never matches: the rule in line %d takes the same packets, and they go no further", g.final.Line)
			im.find(r.Pos, NeverMatches, "this rule never matches: the one in line %d has the same conditions, and packets go no further (%s)", g.final.Line, g.final.ending())
		case marks && earlier != nil && r.action == "mark-connection" && slices.Contains(r.match, "connection-mark=no-mark"):
			r.dead = fmt.Sprintf("it never matches: line %d has marked the connection", earlier.Line)
			im.find(r.Pos, NeverMatches, "this rule never matches: the one in line %d has the same conditions and marks the connection, which is not no-mark then", earlier.Line)
		case marks && earlier != nil:
			before, _ := earlier.newMark()
			if before.Value == mark.Value {
				im.find(r.Pos, Repeated, "the rule in line %d does the same", earlier.Line)
				break
			}
			earlier.dead = fmt.Sprintf("the rule in line %d overrides its mark", r.Line)
			im.find(mark.At, MarkOverridden, "this rule has the same conditions as the one in line %d and overrides its mark %s with %s (passthrough=yes): is another condition meant in one of them?",
				earlier.Line, clip(before.Value, 40), clip(mark.Value, 40))
		}
		if marks {
			g.marks[r.action] = r
		}
		if !r.passthrough && g.final == nil {
			g.final = r
		}
	}
}

// ending says why packets go no further than the rule.
func (r *rule) ending() string {
	if _, marks := r.newMark(); marks {
		return "passthrough=no"
	}
	return "action=" + clip(r.action, 40)
}
