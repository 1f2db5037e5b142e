// Package script reads RouterOS scripts and exports, of version 6 and 7: text
// to statements with their places. It knows the grammar and no menu's meaning.
//
//   - script.go: what comes out
//   - lexer.go: characters to words; quotes, escapes, continuations, brackets
//   - parser.go: words to statements; menus, commands, what is no command
//   - menus.go: the menus that are known without their slash
//
// Nothing is refused: what cannot be read is a [Problem], and reading goes on
// behind it. Time and memory grow with the length of the text and not faster.
package script

import "fmt"

// Pos is a place in the text.
type Pos struct {
	Line   int // from 1
	Column int // in characters, from 1
}

// String returns "line:column".
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Script is a text that was read.
type Script struct {
	Version    string // of RouterOS, from the head of an export, such as "6.49.10"; empty when it is not said
	Statements []Statement
	Problems   []Problem
	Foreign    []Foreign
	Lines      []string // of the text, without line ends
}

// Statement is one command.
type Statement struct {
	Pos
	End  int    // its last line
	Menu string // words with one blank between, such as "ip firewall mangle"; empty is the root
	Verb string // "add", "set", ...; with its colon for commands of the language, such as ":local"
	Args []Arg  // in their order
}

// Arg is one word behind the verb: a parameter, or a flag or position without a value.
type Arg struct {
	Pos          // of the name
	At       Pos // of the value
	Name     string
	Value    string // without quotes and escapes
	HasValue bool   // written with "=", even when nothing follows
	Quoted   bool   // the value stands in quotes
	Cut      bool   // the value should stand in the next line, and a new command begins there
	Computed bool   // by a variable, a command or an expression: Value is its text
}

// Arg returns the parameter of this name; ok is false when there is none.
func (s *Statement) Arg(name string) (a Arg, ok bool) {
	for _, a := range s.Args {
		if a.Name == name && a.HasValue {
			return a, true
		}
	}
	return Arg{At: s.Pos}, false
}

// Value returns the value of the parameter of this name, or the empty string.
func (s *Statement) Value(name string) string {
	a, _ := s.Arg(name)
	return a.Value
}

// Flag tells whether a word stands there without a value, or with the value yes or true.
func (s *Statement) Flag(name string) bool {
	for _, a := range s.Args {
		if a.Name == name {
			return !a.HasValue || a.Value == "yes" || a.Value == "true"
		}
	}
	return false
}

// ProblemKind says what is wrong with the text.
type ProblemKind uint8

// Problem kinds.
const (
	Unclosed      ProblemKind = iota + 1 // a quote or bracket
	LongQuote                            // a quote that is closed in a later line
	Unopened                             // a closing bracket
	CutOff                               // a continued line, and the next begins with a new command
	NoMenu                               // a command at the root, behind one with a path of its own
	Twice                                // a parameter for the second time
	StrayContinue                        // a backslash at the end of the text
)

// Problem is a place where the text is not as RouterOS wants it.
type Problem struct {
	Pos
	Kind ProblemKind
	Text string // the parameter, bracket or command that it is about
	With Pos    // the other place, where there is one
}

// Foreign are consecutive lines that hold no command.
type Foreign struct {
	Pos
	End  int    // the last line
	Text string // how the first one begins
}
