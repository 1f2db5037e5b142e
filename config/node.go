package config

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxSize bounds a configuration file. A thousand interfaces spelt out need a tenth of it.
const maxSize = 1 << 20

// node is one value of the file with its place. Everything behind yaml.go sees
// the file as nodes and knows no YAML library.
type node struct {
	kind         kind
	line, column int    // of the value, from 1
	key          string // the key that the value, or the list it is in, stands under
	text         string // of a scalar, without quotes
	items        []*node
	pairs        []pair
}

// pair is one key of a mapping; the key is a scalar node.
type pair struct {
	key, value *node
}

// has tells whether a mapping holds the key.
func (n *node) has(key string) bool {
	return slices.ContainsFunc(n.pairs, func(p pair) bool { return p.key.text == key })
}

// hasItems tells whether a mapping holds the key with anything under it.
func (n *node) hasItems(key string) bool {
	return slices.ContainsFunc(n.pairs, func(p pair) bool {
		empty := p.value.kind == null || p.value.kind == list && len(p.value.items) == 0
		return p.key.text == key && !empty
	})
}

type kind uint8

const (
	scalar kind = iota
	list
	mapping
	null // nothing, or ~
)

func (k kind) String() string {
	return [...]string{"a single value", "a list", "a mapping (key: value)", "nothing"}[k]
}

// checkText reports what no parser need see: the file is text, in UTF-8, of
// bounded size, and indented with spaces.
func (r *report) checkText(data []byte) {
	if len(data) > maxSize {
		r.errorAt(1, 1, "the file is larger than 1 MiB: this is no configuration for ecmpd")
		return
	}
	for i, line := range r.lines {
		if !r.checkLine(i+1, line) {
			return
		}
	}
}

func (r *report) checkLine(number int, line string) bool {
	column, indent := 0, true
	for i, c := range line {
		column++
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(line[i:], "\uFFFD"):
			r.errorAt(number, column, "byte 0x%02x is not UTF-8: save the file as UTF-8", line[i])
			return false
		case c == '\t' && indent && strings.TrimSpace(line) != "":
			r.errorAt(number, column, "a tab in the indentation: YAML wants spaces")
			return false
		case c == '\t':
		case c < ' ' || c >= 0x7f && c <= 0x9f || c == 0x2028 || c == 0x2029:
			r.errorAt(number, column, "control character U+%04X: remove it", c)
			return false
		}
		indent = indent && (c == ' ' || c == '\t')
	}
	return true
}
