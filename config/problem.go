package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// maxProblems is how many errors one Error lists: more help nobody.
const maxProblems = 10

// Problem is one thing that is wrong or doubtful in a configuration file.
type Problem struct {
	File    string
	Line    int    // from 1
	Column  int    // in characters, from 1
	Message string // what is wrong and what would be right
	Source  string // the line of the file, without secrets
}

// String returns "file:line:column: message", for a log.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// Excerpt returns the source line with a caret under the column, in two lines.
func (p Problem) Excerpt() string {
	const width = 100 // a longer line is shown around the column
	line, column := []rune(p.Source), p.Column-1
	if skip := column - width/2; len(line) > width && skip > 0 {
		line, column = line[skip:], column-skip
	}
	line = line[:min(len(line), width)]
	for i, r := range line {
		if !unicode.IsPrint(r) {
			line[i] = ' ' // one column each, and nothing that steers a terminal
		}
	}
	number := fmt.Sprintf("%5d", p.Line)
	gap := strings.Repeat(" ", len(number))
	return fmt.Sprintf("%s | %s\n%s | %s^", number, string(line), gap, strings.Repeat(" ", max(column, 0)))
}

// Error is the error of a file that was read and is wrong. Its text shows each
// problem with the source line and a caret.
type Error struct {
	Problems []Problem // in the order of the file, at least one and at most ten
	More     int       // problems beyond these
}

func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.String() + "\n" + p.Excerpt())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.More)
	}
	return b.String()
}

// report collects what is found in one file.
type report struct {
	file     string
	lines    []string
	shown    []string // the lines without secrets; nil before the first problem
	errors   []Problem
	warnings []Problem
	unready  []Problem            // what does not stop a check
	chains   map[string]*keyChain // read before what refers to them
	policies map[string]*placedPolicy
	virtual  []placedVirtualLink // of all areas
}

func (r *report) problem(line, column int, format string, args []any) Problem {
	p := Problem{File: r.file, Line: max(line, 1), Column: max(column, 1), Message: fmt.Sprintf(format, args...)}
	if p.Line <= len(r.lines) {
		if r.shown == nil {
			r.shown = redacted(r.lines)
		}
		p.Source = r.shown[p.Line-1]
	}
	return p
}

func (r *report) errorAt(line, column int, format string, args ...any) {
	r.errors = append(r.errors, r.problem(line, column, format, args))
}

func (r *report) errorf(n *node, format string, args ...any) {
	r.errorAt(n.line, n.column, format, args...)
}

func (r *report) warnf(n *node, format string, args ...any) {
	r.warnings = append(r.warnings, r.problem(n.line, n.column, format, args))
}

func (r *report) unreadyf(n *node, format string, args ...any) {
	r.unready = append(r.unready, r.problem(n.line, n.column, format, args))
}

// place says where something stands that is named later, in tables and logs.
func (r *report) place(what string, n *node) string {
	return fmt.Sprintf("%s (%s:%d)", what, filepath.Base(r.file), n.line)
}

// err is nil when no error was reported.
func (r *report) err() error {
	return newError(r.errors)
}

func newError(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	sortProblems(problems)
	shown := min(len(problems), maxProblems)
	return &Error{Problems: problems[:shown], More: len(problems) - shown}
}

func sortProblems(ps []Problem) {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
