package config

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The YAML library is known in this file only. It is asked for tokens and for a
// syntax tree, never to fill Go values: places, strictness and limits are ours.
//
// What makes YAML dangerous or surprising is refused while it is still a flat
// list of tokens, before anything recursive runs: anchors, aliases and merge keys, tags,
// further documents, explicit keys, deep nesting.

const (
	maxDepth  = 32  // open brackets, and "- - -" in one line
	maxIndent = 128 // columns in front of a line's first token
	maxKeys   = 100 // keys of one block mapping: the library's time grows with their square
)

// parseYAML returns the file's top value, or nil after reporting why not.
func (r *report) parseYAML(text string) (top *node) {
	defer func() {
		if p := recover(); p != nil {
			r.errorAt(1, 1, "the YAML parser gave up on this file (%v): simplify it", p)
			top = nil
		}
	}()
	tokens := lexer.Tokenize(text)
	if !r.checkTokens(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			return r.convert(doc.Body, "")
		}
	}
	r.errorAt(1, 1, "the file is empty: a configuration has at least a router-id")
	return nil
}

func (r *report) syntaxError(err error) {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		r.errorAt(1, 1, "not YAML: %v", err)
		return
	}
	at := e.GetToken().Position
	r.errorAt(at.Line, at.Column, "not YAML: %s", e.GetMessage())
}

// checkTokens refuses what is not wanted, at the first place where it stands.
func (r *report) checkTokens(tokens token.Tokens) bool {
	var open, entries, line int
	var content, ended bool
	keys := make(map[int]int) // of the open block mappings, by column
	for i, tk := range tokens {
		at := tk.Position
		if at.Line != line {
			line, entries = at.Line, 0
			maps.DeleteFunc(keys, func(column, _ int) bool { return column > at.Column })
			if indentation(r.lines, line) > maxIndent {
				r.errorAt(at.Line, at.Column, "nested too deeply: at most %d columns of indentation", maxIndent)
				return false
			}
		}
		if refusal := refuseToken(tokens, i); refusal != "" {
			r.errorAt(at.Line, at.Column, "%s", refusal)
			return false
		}
		switch tk.Type {
		case token.CommentType:
			continue
		case token.DocumentHeaderType:
			if content || ended {
				r.errorAt(at.Line, at.Column, "a second YAML document: a configuration is one document")
				return false
			}
			continue
		case token.DocumentEndType:
			ended = true
			continue
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType:
			entries++
		case token.MappingValueType:
			if open == 0 && i > 0 {
				keys[tokens[i-1].Position.Column]++
			}
		}
		if i > 0 && keys[tokens[i-1].Position.Column] > maxKeys {
			r.errorAt(at.Line, at.Column, "more than %d keys in one mapping", maxKeys)
			return false
		}
		if ended {
			r.errorAt(at.Line, at.Column, "text after the end of the document (\"...\")")
			return false
		}
		if open > maxDepth || entries > maxDepth {
			r.errorAt(at.Line, at.Column, "nested too deeply: at most %d levels", maxDepth)
			return false
		}
		content = true
	}
	return true
}

// refuseToken says why the token is not accepted; empty when it is.
func refuseToken(tokens token.Tokens, i int) string {
	switch tk := tokens[i]; tk.Type {
	case token.TagType:
		return fmt.Sprintf("%q is a YAML tag, which is not used here: a value that begins with ! stands in quotes, %[1]q", tk.Value)
	case token.AliasType:
		name := ""
		if i+1 < len(tokens) && tokens[i+1].Position.Line == tk.Position.Line {
			name = tokens[i+1].Value
		}
		return fmt.Sprintf("\"*%s\" is a YAML alias, which is not used here: a value that begins with * stands in quotes, \"*%[1]s\"", name)
	case token.AnchorType:
		return "\"&\" begins a YAML anchor: anchors and aliases are not used here, write the value out"
	case token.MergeKeyType:
		return "\"<<\" is a YAML merge key: anchors and aliases are not used here, write the keys out"
	case token.MappingKeyType:
		return "\"?\" begins an explicit YAML key: write key: value"
	case token.DirectiveType:
		return "\"%\" begins a YAML directive: remove the line"
	}
	return ""
}

func indentation(lines []string, line int) int {
	if line < 1 || line > len(lines) {
		return 0
	}
	return len(lines[line-1]) - len(strings.TrimLeft(lines[line-1], " "))
}

// convert turns the syntax tree into nodes. Values inherit the key above them.
func (r *report) convert(n ast.Node, key string) *node {
	at := &node{key: key, line: 1, column: 1}
	if tk := n.GetToken(); tk != nil {
		at.line, at.column, at.text = tk.Position.Line, tk.Position.Column, tk.Value
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		r.convertPairs(at, n.Values)
		if !n.IsFlowStyle && len(at.pairs) > 0 {
			// The library puts a block mapping at its first colon.
			at.line, at.column = at.pairs[0].key.line, at.pairs[0].key.column
		}
	case *ast.MappingValueNode:
		r.convertPairs(at, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		at.kind = list
		for _, v := range n.Values {
			at.items = append(at.items, r.convert(v, key))
		}
	case *ast.NullNode:
		at.kind = null
	case *ast.LiteralNode:
		if n.Value != nil {
			at.text = n.Value.Value
		}
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
	default:
		r.errorf(at, "%s is not used in a configuration: write a value, a list or key: value", n.Type())
	}
	return at
}

func (r *report) convertPairs(at *node, values []*ast.MappingValueNode) {
	at.kind = mapping
	first := make(map[string]int) // key to its line
	for _, v := range values {
		key := r.convert(v.Key, at.key)
		key.key = key.text
		if line, ok := first[key.text]; ok {
			r.errorf(key, "%q is already written in line %d: remove one", key.text, line)
			continue
		}
		first[key.text] = key.line
		at.pairs = append(at.pairs, pair{key: key, value: r.convert(v.Value, key.text)})
	}
}
