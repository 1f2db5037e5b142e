package script

import (
	"strings"
	"unicode/utf8"
)

// word is one word of a logical line.
type word struct {
	pos      Pos
	at       Pos // of the value
	name     string
	value    string
	assigned bool // there is a "="
	quoted   bool
	computed bool
	cut      bool // the value is missing, and the next command begins in its place
}

// place is where the lexer is, to come back to.
type place struct {
	i     int // offset
	line  int // from 1
	start int // where the line begins
}

// lexer walks over the text once. What nests is counted, never called into.
type lexer struct {
	text string
	place
	column Pos // the last place that was asked for, so that columns cost no second walk
	at     int // the offset that belongs to it

	// Once the end of the text was met in search of an end, later openings are
	// closed at the end of their line: nothing is searched through twice.
	openQuote, openBracket bool

	problems []Problem
}

func (l *lexer) pos() Pos {
	if l.column.Line != l.line || l.at < l.start || l.at > l.i {
		l.column, l.at = Pos{l.line, 1}, l.start
	}
	l.column.Column += utf8.RuneCountInString(l.text[l.at:l.i])
	l.at = l.i
	return l.column
}

func (l *lexer) problem(at Pos, kind ProblemKind, text string, with Pos) {
	l.problems = append(l.problems, Problem{at, kind, text, with})
}

func (l *lexer) more() bool { return l.i < len(l.text) }

// step goes over one character.
func (l *lexer) step() {
	if l.text[l.i] == '\n' {
		l.line++
		l.start = l.i + 1
	}
	l.i++
}

// to goes to an offset further on.
func (l *lexer) to(end int) {
	for l.i < end {
		l.step()
	}
}

// continued goes over a backslash and the line end behind it.
func (l *lexer) continued() bool {
	if l.text[l.i] != '\\' {
		return false
	}
	j := l.i + 1
	for j < len(l.text) && (l.text[j] == ' ' || l.text[j] == '\t') {
		j++ // blanks behind the backslash are invisible and hardly meant
	}
	if j < len(l.text) && l.text[j] != '\n' {
		return false
	}
	if j == len(l.text) {
		l.problem(l.pos(), StrayContinue, "\\", Pos{})
	} else {
		j++
	}
	l.to(j)
	return true
}

// blanks goes over blanks and line joins; joined tells whether there was one.
func (l *lexer) blanks() (joined bool) {
	for l.more() {
		switch {
		case l.text[l.i] == ' ' || l.text[l.i] == '\t':
			l.i++
		case l.text[l.i] == '\\' && l.continued():
			joined = true
		default:
			return joined
		}
	}
	return joined
}

// rest goes to the end of the physical line and returns what was left of it.
func (l *lexer) rest() string {
	from := l.i
	l.i = l.lineEnd()
	return l.text[from:l.i]
}

func (l *lexer) lineEnd() int {
	if n := strings.IndexByte(l.text[l.i:], '\n'); n >= 0 {
		return l.i + n
	}
	return len(l.text)
}

// ends tells whether a logical line ends here.
func (l *lexer) ends() bool {
	return !l.more() || l.text[l.i] == '\n' || l.text[l.i] == ';' || l.text[l.i] == '}'
}

// next reads the next word; ok is false at the end of the logical line.
func (l *lexer) next() (w word, ok bool) {
	l.blanks()
	if l.ends() {
		return word{}, false
	}
	w.pos = l.pos()
	var text strings.Builder
	for l.more() && !l.ends() {
		switch c := l.text[l.i]; {
		case c == ' ' || c == '\t' || c == '\\' && l.joinHere():
			if w.assigned && text.Len() == 0 && !w.quoted && c == '\\' {
				l.value(&w)
				if w.cut {
					return w, true
				}
				continue
			}
			return l.finish(w, text.String()), true
		case c == '=' && !w.assigned && text.Len() > 0 && !w.quoted && !w.computed:
			l.i++
			w.assigned, w.name = true, text.String()
			w.at = l.pos()
			text.Reset()
		case c == '"':
			w.quoted = true
			w.computed = l.quote(&text) || w.computed
		case c == '[' || c == '(' || c == '{':
			w.computed = true
			l.bracket(&text)
		case c == '\\':
			l.escape(&text)
		default:
			w.computed = w.computed || c == '$'
			text.WriteByte(c)
			l.i++
		}
	}
	return l.finish(w, text.String()), true
}

func (l *lexer) finish(w word, text string) word {
	if w.assigned {
		w.value = text
	} else {
		w.name = text
	}
	return w
}

// joinHere tells whether the backslash here joins lines.
func (l *lexer) joinHere() bool {
	rest := strings.TrimLeft(l.text[l.i+1:min(l.i+64, len(l.text))], " \t")
	return rest == "" && l.i+64 >= len(l.text) || strings.HasPrefix(rest, "\n")
}

// value goes to a value that stands in the line below its name. Where a command
// begins there instead, the value is missing.
func (l *lexer) value(w *word) {
	before := l.i
	l.blanks()
	if before == l.i {
		return
	}
	w.at = l.pos()
	w.cut = startsCommand(l.text[l.i:])
}

// startsCommand tells whether text begins with a command that needs no path.
func startsCommand(text string) bool {
	for _, verb := range []string{"add", "set"} {
		if rest, ok := strings.CutPrefix(text, verb); ok && (strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\t")) {
			return true
		}
	}
	return false
}

// quote reads a string in quotes; computed tells whether it holds a variable or command.
func (l *lexer) quote(text *strings.Builder) (computed bool) {
	open := l.pos()
	l.i++
	from, length := l.place, text.Len()
	for l.more() {
		switch c := l.text[l.i]; {
		case c == '"':
			l.i++
			if l.line != open.Line && strings.Contains(l.text[from.i:l.i], "\n") && !onlyJoins(l.text[from.i:l.i]) {
				l.problem(open, LongQuote, "\"", l.pos())
			}
			return computed
		case c == '\\':
			if l.joinHere() {
				l.continued()
				l.indentation()
				continue
			}
			l.escape(text)
			continue
		case c == '\n' && l.openQuote:
			l.problem(open, Unclosed, "\"", Pos{})
			return computed
		case c == '$':
			computed = true
		}
		text.WriteByte(l.text[l.i])
		l.step()
	}
	l.problem(open, Unclosed, "\"", Pos{})
	// It ends with its line, then: what stands below is read as if it were closed.
	l.openQuote = true
	whole := text.String()[:length]
	text.Reset()
	text.WriteString(whole)
	l.place = from
	text.WriteString(l.rest())
	return computed
}

// onlyJoins tells whether every line end in text is a line join.
func onlyJoins(text string) bool {
	for {
		before, after, found := strings.Cut(text, "\n")
		if !found {
			return true
		}
		if !strings.HasSuffix(strings.TrimRight(before, " \t"), "\\") {
			return false
		}
		text = after
	}
}

// indentation goes over the blanks that an export puts before the rest of a string.
func (l *lexer) indentation() {
	for l.more() && (l.text[l.i] == ' ' || l.text[l.i] == '\t') {
		l.i++
	}
}

// escape reads what a backslash stands for.
func (l *lexer) escape(text *strings.Builder) {
	l.i++
	if !l.more() {
		text.WriteByte('\\')
		return
	}
	const plain, meant = `nrtabfv_`, "\n\r\t\a\b\f\v "
	c := l.text[l.i]
	switch n := strings.IndexByte(plain, c); {
	case l.i+1 < len(l.text) && isHex(c) && isHex(l.text[l.i+1]):
		text.WriteByte(hex(c)<<4 | hex(l.text[l.i+1]))
		l.i++
	case n >= 0:
		text.WriteByte(meant[n])
	default:
		text.WriteByte(c)
	}
	l.step()
}

// isHex knows the capital digits only: \a is a bell, \A0 a character.
func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

func hex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'A' + 10
}

// bracket reads from an opening bracket to the closing one, as text.
func (l *lexer) bracket(text *strings.Builder) {
	open, from := l.pos(), l.place
	if end, ok := l.matching(); ok {
		text.WriteString(l.text[from.i:end])
		return
	}
	l.problem(open, Unclosed, l.text[from.i:from.i+1], Pos{})
	l.openBracket = true
	l.place = from
	text.WriteString(l.rest())
}

// maxIndent bounds how far in front of a comment a line is looked at.
const maxIndent = 256

// matching goes behind the bracket that closes the one here.
func (l *lexer) matching() (end int, ok bool) {
	depth, quoted := 0, false
	for l.more() {
		c := l.text[l.i]
		switch {
		case c == '\\' && l.i+1 < len(l.text):
			l.step()
		case c == '\n' && l.openBracket:
			return 0, false
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '(' || c == '{':
			depth++
		case c == ']' || c == ')' || c == '}':
			depth--
		case c == '#' && strings.TrimLeft(l.text[max(l.start, l.i-maxIndent):l.i], " \t{") == "":
			l.rest()
			continue
		}
		l.step()
		if depth == 0 {
			return l.i, true
		}
	}
	return 0, false
}
