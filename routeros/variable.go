package routeros

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// variable is one that a script gives a value once and for all.
type variable struct {
	i     int // the statement that does it
	value string
}

// maxVariables bounds how many are followed: each is looked for in the whole script.
const maxVariables = 100

// reference finds a variable in a value: $name or $"name".
var reference = regexp.MustCompile(`\$(?:"([A-Za-z0-9]+)"|([A-Za-z0-9]+))`)

// variables replaces variables with what they hold, where that is certain: they get one constant value, and nothing
// else in the script, neither a loop nor a block nor the text of another script, can give them another one.
func (im *importer) variables() {
	known := im.constants()
	if len(known) == 0 {
		return
	}
	for i := range im.Statements {
		s := &im.Statements[i]
		if strings.HasPrefix(s.Verb, ":") {
			continue
		}
		for n := range s.Args {
			im.replace(i, &s.Args[n], known)
		}
	}
}

// constants are the variables that are certain.
func (im *importer) constants() map[string]variable {
	known := make(map[string]variable)
	looked := 0
	for i := range im.Statements {
		s := &im.Statements[i]
		if s.Verb != ":local" && s.Verb != ":global" || len(s.Args) != 2 {
			continue
		}
		name, value := s.Args[0], s.Args[1]
		if value.HasValue || value.Computed || looked == maxVariables {
			continue
		}
		if looked++; im.certain(i, name.Name) {
			known[name.Name] = variable{i, value.Name}
		}
	}
	return known
}

// certain tells whether no other statement than number i can change the variable.
func (im *importer) certain(i int, name string) bool {
	for k := range im.Statements {
		s := &im.Statements[k]
		language := strings.HasPrefix(s.Verb, ":") && s.Verb != ":put" && s.Verb != ":log"
		if k == i || s.Verb == ":global" && len(s.Args) == 1 { // which only says that it is there
			continue
		}
		if slices.ContainsFunc(s.Args, func(a script.Arg) bool {
			return language && (names(a.Name, name) || names(a.Value, name)) || strings.Contains(a.Value, "set "+name)
		}) {
			return false
		}
	}
	return true
}

// names tells whether a text names a variable otherwise than to read it, as $name or $"name".
func names(text, name string) bool {
	for rest := text; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return false
		}
		if before := strings.TrimSuffix(rest[:i], `"`); !strings.HasSuffix(before, "$") {
			return true
		}
		rest = rest[i+len(name):]
	}
}

// replace puts values into an argument of statement i, all or none.
func (im *importer) replace(i int, a *script.Arg, known map[string]variable) {
	if !a.Computed {
		return
	}
	text := a.Value
	if inner, ok := strings.CutPrefix(text, "("); ok && strings.HasSuffix(inner, ")") {
		text = strings.TrimSuffix(inner, ")")
	}
	var from []string
	complete := true
	text = reference.ReplaceAllStringFunc(text, func(match string) string {
		name := strings.Trim(match[1:], `"`)
		v, ok := known[name]
		if complete = complete && ok && v.i < i; !complete {
			return match
		}
		from = append(from, name)
		return v.value
	})
	if !complete || from == nil || strings.ContainsAny(text, "$[](){} ") {
		return
	}
	a.Value, a.Computed = text, false
	for _, name := range from {
		im.defines[known[name].i] = true
		im.note(a.At, Assumed, "$%s is what line %d says", name, im.Statements[known[name].i].Line)
	}
}
