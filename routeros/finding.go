package routeros

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// Kind names what a finding is about.
type Kind string

// Kinds of findings.
const (
	EmptyValue       Kind = "empty-value"
	InvalidValue     Kind = "invalid-value"
	Syntax           Kind = "syntax"
	NoMenu           Kind = "no-menu"
	Repeated         Kind = "repeated"
	MarkUnused       Kind = "mark-unused"
	MarkUnset        Kind = "mark-unset"
	MarkOverridden   Kind = "mark-overridden"
	NeverMatches     Kind = "never-matches"
	TableUndefined   Kind = "table-undefined"
	ListUndefined    Kind = "list-undefined"
	GatewayOwn       Kind = "gateway-own-address"
	GatewayUnknown   Kind = "gateway-unconnected"
	Crossed          Kind = "crossed-gateway"
	InterfaceDiffers Kind = "interface-differs"
	InterfaceName    Kind = "interface-name"
	NameDiffers      Kind = "name-differs"
	ReplyMissing     Kind = "reply-missing"
	ShareIncomplete  Kind = "share-incomplete"
	RouteConflict    Kind = "route-conflict"
	Assumed          Kind = "assumed"
)

// Finding is something in the script that is wrong, or that was decided in a way one should know.
type Finding struct {
	script.Pos
	Kind    Kind
	Note    bool // nothing is wrong: this is how the script was understood
	Message string
	Source  string // the line of the script; empty when the statement holds a secret
}

// Skipped are statements that were not taken over, or lines that are none.
type Skipped struct {
	script.Pos
	End   int    // the last line
	Count int    // of statements
	What  string // the first of them, shortened and without secrets
	Why   string
}

func (im *importer) find(at script.Pos, kind Kind, format string, args ...any) {
	im.findings = append(im.findings, Finding{Pos: at, Kind: kind, Message: fmt.Sprintf(format, args...)})
}

// note says what was decided.
func (im *importer) note(at script.Pos, kind Kind, format string, args ...any) {
	im.findings = append(im.findings, Finding{Pos: at, Kind: kind, Note: true, Message: fmt.Sprintf(format, args...)})
}

// skip says why statement i is not taken over; the first reason stays.
func (im *importer) skip(i int, format string, args ...any) {
	if im.fate[i] == "" {
		im.fate[i] = fmt.Sprintf(format, args...)
	}
}

// maxFindings bounds the findings of one kind: more help nobody.
const maxFindings = 200

func (im *importer) sortedFindings() []Finding {
	all := im.findings
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	secret := im.secretLines()
	seen, count := make(map[Finding]bool), make(map[Kind]int)
	list := []Finding{}
	for _, f := range all {
		if seen[f] || count[f.Kind] == maxFindings {
			continue
		}
		seen[f] = true
		count[f.Kind]++
		if f.Line >= 1 && f.Line <= len(im.Lines) && !secret[f.Line] {
			f.Source = im.Lines[f.Line-1]
		}
		list = append(list, f)
	}
	return list
}

// secretLines are the lines of statements that hold a secret.
func (im *importer) secretLines() map[int]bool {
	secret := make(map[int]bool)
	for _, s := range im.Statements {
		if slices.ContainsFunc(s.Args, isSecret) {
			for line := s.Line; line <= s.End; line++ {
				secret[line] = true
			}
		}
	}
	return secret
}

// isSecret goes by the name, of which RouterOS has many.
func isSecret(a script.Arg) bool {
	for _, part := range []string{"password", "secret", "key", "passphrase", "community", "token", "source"} {
		if strings.Contains(a.Name, part) && a.Name != "key-id" && a.Name != "authentication-key-id" {
			return true
		}
	}
	return false
}

// maxSkipped bounds the entries of one menu with one reason; what is beyond joins the last one.
const maxSkipped = 100

// sortedSkipped joins neighbours of one menu with one reason.
func (im *importer) sortedSkipped() []Skipped {
	type key struct{ menu, why string }
	type entries struct{ number, last int }
	list, seen := []Skipped{}, make(map[key]entries)
	var neighbour key
	for i, why := range im.fate {
		s := &im.Statements[i]
		k := key{s.Menu, why}
		e := seen[k]
		switch {
		case why == "":
		case k == neighbour || e.number == maxSkipped:
			list[e.last].End = s.End
			list[e.last].Count++
		default:
			seen[k] = entries{e.number + 1, len(list)}
			list = append(list, Skipped{Pos: s.Pos, End: s.End, Count: 1, What: describe(s), Why: why})
		}
		neighbour = k
	}
	for _, f := range im.Foreign {
		list = append(list, Skipped{Pos: f.Pos, End: f.End, What: printable(clip(f.Text, 60)), Why: "this is no command of RouterOS"})
	}
	slices.SortStableFunc(list, func(a, b Skipped) int { return cmp.Compare(a.Line, b.Line) })
	return list
}

// describe writes a statement in one short line.
func describe(s *script.Statement) string {
	var b strings.Builder
	if s.Menu != "" {
		b.WriteString("/" + s.Menu + " ")
	}
	b.WriteString(s.Verb)
	for n, a := range s.Args {
		switch {
		case b.Len() > 100:
			return printable(b.String()) + " …"
		case n > 0 && (s.Verb == ":local" || s.Verb == ":global" || s.Verb == ":set"):
			return printable(b.String()) + " …" // it may be a secret
		case isSecret(a):
			b.WriteString(" " + clip(a.Name, 40) + "=***")
		case a.HasValue:
			b.WriteString(" " + clip(a.Name, 40) + "=" + clip(a.Value, 40))
		default:
			b.WriteString(" " + clip(a.Name, 40))
		}
	}
	return printable(b.String())
}

// syntax reports what the grammar objects to.
func (im *importer) syntax() {
	for _, p := range im.Problems {
		switch p.Kind {
		case script.Unclosed:
			im.find(p.Pos, Syntax, "%s is not closed: it was taken to end with its line", p.Text)
		case script.LongQuote:
			im.note(p.Pos, Syntax, "the text that begins here ends in line %d: is a quote missing?", p.With.Line)
		case script.Unopened:
			im.find(p.Pos, Syntax, "%s closes nothing", p.Text)
		case script.CutOff:
			im.find(p.Pos, Syntax, "the line above ends in \\, so that this command would be part of the one in line %d: it was read as one of its own", p.With.Line)
		case script.NoMenu:
			im.find(p.Pos, NoMenu, "%s has no menu: the command in line %d has a path of its own, which enters no menu; it was read as one of the same menu", p.Text, p.With.Line)
		case script.Twice:
			im.find(p.Pos, Repeated, "%s is in this command already, at %s", clip(p.Text, 40), p.With)
		case script.StrayContinue:
			im.find(p.Pos, Syntax, "the text ends in \\: is its last part missing?")
		}
	}
}

// emptyValues reports parameters of which the value was forgotten.
func (im *importer) emptyValues() {
	for i := range im.Statements {
		s := &im.Statements[i]
		for _, a := range s.Args {
			switch {
			case a.Name == "gateway" && a.Quoted && a.Value == "":
				im.find(a.Pos, EmptyValue, "gateway has no value")
			case !a.HasValue || a.Quoted || a.Computed: // most parameters are emptied by ""
			case a.Cut:
				im.find(a.Pos, EmptyValue, "%s has no value: the line ends in \\, and the next begins a new command", a.Name)
			case a.Value == "":
				im.find(a.Pos, EmptyValue, "%s has no value", clip(a.Name, 40))
			case hasEmptyItem(a.Value):
				im.find(a.Pos, EmptyValue, "%s=%s: an item of the list is empty", clip(a.Name, 40), clip(a.Value, 40))
			}
		}
	}
}

func hasEmptyItem(value string) bool {
	return value == "!" || strings.HasPrefix(value, ",") || strings.HasSuffix(value, ",") || strings.Contains(value, ",,")
}

// clip shortens a text from the script for a message.
func clip(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return printable(text)
}
