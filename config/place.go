package config

import "slices"

// Place is where a value stands in the file.
type Place struct {
	Line, Column int    // from 1; of the key, where the value has one
	Text         string // of a single value, as it is written; empty for what is longer, and for secrets
	Found        bool   // false: the file leaves the value out, and this is what would hold it
}

// secretKeys are keys whose values are not shown.
var secretKeys = []string{"key", "symmetric-key"}

// Place follows a path of keys (string) and numbers of list items (int) into the file.
func (c *Config) Place(path ...any) Place {
	_, p := c.follow(path)
	return p
}

// PlaceOfChange is where, at the path or below it, the file first differs from another one,
// which has the same thing at the path old. was is what the other one has there.
func (c *Config) PlaceOfChange(path []any, other *Config, old []any) (is, was Place) {
	a, is := c.follow(path)
	b, was := other.follow(old)
	if !is.Found || !was.Found {
		return is, was
	}
	for {
		step, found := firstChange(a, b)
		if !found {
			return is, was
		}
		path, old = append(slices.Clone(path), step), append(slices.Clone(old), step)
		nextA, nextIs := c.follow(path)
		nextB, nextWas := other.follow(old)
		if !nextIs.Found || !nextWas.Found {
			return nextIs, nextWas
		}
		a, b, is, was = nextA, nextB, nextIs, nextWas
	}
}

// firstChange is the first step below two nodes at which they differ.
func firstChange(a, b *node) (step any, found bool) {
	for i := range max(len(a.items), len(b.items)) {
		if i >= len(a.items) || i >= len(b.items) || !a.items[i].equal(b.items[i]) {
			return i, true
		}
	}
	for _, pairs := range [][]pair{a.pairs, b.pairs} {
		for _, p := range pairs {
			x, _ := a.step(p.key.text)
			y, _ := b.step(p.key.text)
			if x == nil || y == nil || !x.equal(y) {
				return p.key.text, true
			}
		}
	}
	return nil, false
}

// equal tells whether two values say the same.
func (n *node) equal(o *node) bool {
	if n.kind != o.kind || n.kind == scalar && n.text != o.text {
		return false
	}
	_, differ := firstChange(n, o)
	return !differ
}

func (c *Config) follow(path []any) (at *node, p Place) {
	at, p = c.tree, Place{Line: 1, Column: 1}
	if at == nil {
		return nil, p
	}
	for _, step := range path {
		next, where := at.step(step)
		if next == nil {
			return nil, p
		}
		at = next
		p.Line, p.Column = where.line, where.column
	}
	p.Found = true
	if at.kind == scalar && !slices.Contains(secretKeys, at.key) {
		p.Text = at.text
	}
	return at, p
}

// step goes to a key of a mapping or to an item of a list; where is what an operator looks for.
func (n *node) step(step any) (next, where *node) {
	switch step := step.(type) {
	case string:
		for _, p := range n.pairs {
			if p.key.text == step {
				return p.value, p.key
			}
		}
	case int:
		if step >= 0 && step < len(n.items) {
			return n.items[step], n.items[step]
		}
	}
	return nil, nil
}
