package script

import (
	"regexp"
	"slices"
	"strings"
)

// Parse reads a script.
func Parse(text string) Script {
	text = strings.TrimPrefix(text, "\uFEFF")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	p := parser{lexer: lexer{text: text, place: place{line: 1}}}
	for p.more() {
		p.begin()
	}
	p.strangers()
	p.out.Problems = p.problems
	p.out.Lines = strings.Split(text, "\n")
	return p.out
}

type parser struct {
	lexer
	out    Script
	menu   string  // where a line without a path is
	last   string  // menu of the last command with a path of its own
	where  Pos     // of that command
	blocks []block // open braces that only hold commands
	// entered are the menus in their order, to find those that are none.
	entered []entry
}

// block is an open brace. Behind a menu ("/ip route { add … }") it holds commands of that menu.
type block struct {
	ofMenu bool
	menu   string // where the lines behind it are
}

// entry is a line that enters a menu.
type entry struct {
	Foreign
	menu   string
	before int // statements that stand in front of it
}

// strangers takes lines for no command that enter an unknown menu in which nothing stands.
func (p *parser) strangers() {
	for i, e := range p.entered {
		end := len(p.out.Statements)
		if i+1 < len(p.entered) {
			end = p.entered[i+1].before
		}
		within := func(s Statement) bool { return strings.HasPrefix(s.Menu+" ", e.menu+" ") }
		if e.menu != "" && !isMenu(e.menu) && !slices.ContainsFunc(p.out.Statements[e.before:end], within) {
			p.out.Foreign = append(p.out.Foreign, e.Foreign)
		}
	}
	slices.SortStableFunc(p.out.Foreign, func(a, b Foreign) int { return a.Line - b.Line })
}

// verbs are the commands that a menu has, as far as scripts use them.
var verbs = []string{
	"add", "set", "remove", "print", "enable", "disable", "export", "import", "find", "get", "move", "edit", "unset",
	"comment", "reset", "reset-counters", "reset-counters-all", "run", "monitor", "release", "renew", "flush", "ping", "reboot", "refresh-counters", "clear",
}

// words are those of the language that scripts write without their colon as well.
var words = []string{"foreach", "for", "while", "if", "do", "local", "global"}

// begin reads what stands at the beginning of a logical line.
func (p *parser) begin() {
	switch c := p.text[p.i]; c {
	case ' ', '\t', '\n', ';':
		p.step()
	case '\\':
		if !p.continued() {
			p.foreign()
		}
	case '{':
		p.blocks = append(p.blocks, block{})
		p.step()
	case '}':
		if n := len(p.blocks); n == 0 {
			p.problem(p.pos(), Unopened, "}", Pos{})
		} else {
			if last := p.blocks[n-1]; last.ofMenu {
				p.menu = last.menu
			}
			p.blocks = p.blocks[:n-1]
		}
		p.step()
	case '#':
		p.remark()
	case '[':
		if !p.prompt() {
			p.foreign()
		}
	default:
		p.command()
	}
}

var byRouterOS = regexp.MustCompile(`by RouterOS ([0-9][0-9A-Za-z.]*)`)

// remark reads a comment, and the version out of the head of an export.
func (p *parser) remark() {
	text := p.rest()
	if len(text) > maxIndent {
		return
	}
	if m := byRouterOS.FindStringSubmatch(text); m != nil && p.out.Version == "" {
		p.out.Version = m[1]
	}
}

// prompt goes over the prompt of a terminal, such as "[admin@router] /ip route>".
func (p *parser) prompt() bool {
	line := p.text[p.i:p.lineEnd()]
	name, rest, closed := strings.Cut(line[:min(len(line), maxIndent)], "]")
	path, _, ended := strings.Cut(rest, ">")
	if !closed || !ended || !strings.Contains(name, "@") || strings.ContainsAny(path, "=\"$[{(") {
		return false
	}
	p.menu = strings.Join(strings.Fields(strings.ReplaceAll(path, "/", " ")), " ")
	p.i += len(name) + 1 + len(path) + 1
	return true
}

// foreign takes the physical line for no command.
func (p *parser) foreign() {
	f := Foreign{Pos: p.pos(), End: p.line, Text: p.rest()}
	if n := len(p.out.Foreign); n > 0 {
		last := &p.out.Foreign[n-1]
		if m := len(p.out.Statements); m == 0 || p.out.Statements[m-1].Line < last.Line {
			last.End = f.End
			return
		}
	}
	p.out.Foreign = append(p.out.Foreign, f)
}

// command reads a logical line.
func (p *parser) command() {
	from, s := p.place, Statement{Pos: p.pos(), Menu: p.menu}
	ok := false
	switch {
	case p.text[p.i] == ':':
		p.i++
		s.Verb = ":" + p.run()
		ok = len(s.Verb) > 1
	default:
		ok = p.path(&s)
	}
	if !ok {
		p.place = from
		p.foreign()
		return
	}
	if s.Verb == "" {
		if p.more() && p.text[p.i] == '{' {
			p.blocks = append(p.blocks, block{true, p.menu})
			p.step()
		}
		p.menu = s.Menu
		text, _, _ := strings.Cut(p.text[from.i:p.i], "\n")
		p.entered = append(p.entered, entry{Foreign{Pos: s.Pos, End: p.line, Text: text}, s.Menu, len(p.out.Statements)})
		return
	}
	p.args(&s)
	s.End = p.line
	p.out.Statements = append(p.out.Statements, s)
}

// run reads the letters of a word of a path.
func (p *parser) run() string {
	from := p.i
	for p.more() {
		c := p.text[p.i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			break
		}
		p.i++
	}
	return p.text[from:p.i]
}

// maxPath is the longest path in words; RouterOS has no menu that is deeper.
const maxPath = 8

// path reads menu and verb; without a verb the menu is entered. False when this
// is no command.
func (p *parser) path(s *Statement) bool {
	absolute := p.text[p.i] == '/'
	var menu []string
	if !absolute && p.menu != "" {
		menu = strings.Split(p.menu, " ")
	}
	depth := len(menu)
	for n := 0; ; n++ {
		for p.more() && p.text[p.i] == '/' {
			p.i++
		}
		p.blanks()
		if p.ends() {
			s.Menu = strings.Join(menu, " ")
			// A word alone in its line is rather prose, unless there is a menu that it is in.
			return absolute || n > 1 || n == 1 && depth > 0
		}
		if p.text[p.i] == '{' && n > 0 && isMenu(strings.Join(menu, " ")) {
			s.Menu = strings.Join(menu, " ")
			return true
		}
		word := p.run()
		switch {
		case word == "" || len(menu) > maxPath || !p.wordEnds():
			return false
		case slices.Contains(verbs, word):
			s.Menu, s.Verb = strings.Join(menu, " "), word
			return p.placed(s, absolute || len(menu) != depth || n > 0)
		case n == 0 && !absolute && slices.Contains(words, word):
			s.Verb = ":" + word
			line := p.text[p.i:p.lineEnd()]
			return strings.ContainsAny(line, "={[($")
		case word == "..":
			menu = menu[:max(len(menu)-1, 0)]
		default:
			menu = append(menu, word)
			if !absolute && !isMenu(strings.Join(menu, " ")) {
				return false
			}
		}
	}
}

// wordEnds tells whether a word of a path ends here.
func (p *parser) wordEnds() bool {
	return p.ends() || strings.IndexByte(" \t/\\[", p.text[p.i]) >= 0
}

// placed finds the menu of a command. One with a path of its own does not enter
// the menu: a command in the next line is where it was before.
func (p *parser) placed(s *Statement, own bool) bool {
	switch {
	case own:
		p.last, p.where = s.Menu, s.Pos
	case s.Menu == "" && p.last != "" && (s.Verb == "add" || s.Verb == "set"):
		p.problem(s.Pos, NoMenu, s.Verb, p.where)
		s.Menu = p.last
	case s.Menu == "":
		return s.Verb == "export" || s.Verb == "import" || s.Verb == "ping" // what the root has
	}
	return true
}

// args reads what stands behind the verb.
func (p *parser) args(s *Statement) {
	seen := make(map[string]Pos)
	group := "" // of "remote.address=… .as=…": what the name before had in front of its last dot
	for {
		if joined := p.blanks(); joined && len(s.Args) > 0 && p.more() && (p.text[p.i] == '/' || startsCommand(p.text[p.i:])) {
			p.problem(p.pos(), CutOff, "", s.Pos)
			return
		}
		if p.more() && p.text[p.i] == '#' {
			p.remark()
			return
		}
		w, ok := p.next()
		if !ok {
			return
		}
		a := Arg{Pos: w.pos, At: w.at, Name: w.name, Value: w.value, HasValue: w.assigned, Quoted: w.quoted, Computed: w.computed, Cut: w.cut}
		if strings.HasPrefix(a.Name, ".") {
			a.Name = group + a.Name
		} else if dot := strings.LastIndexByte(a.Name, '.'); dot > 0 {
			group = a.Name[:dot]
		}
		if a.HasValue {
			if first, twice := seen[a.Name]; twice {
				p.problem(a.Pos, Twice, a.Name, first)
			} else {
				seen[a.Name] = a.Pos
			}
		}
		s.Args = append(s.Args, a)
		if w.cut {
			return
		}
	}
}
