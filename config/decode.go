package config

import (
	"reflect"
	"slices"
	"strings"
)

// Decoding puts nodes into the raw structs: every key of the file is known, and
// stands over a value of the right kind. Where that is not so, it is reported
// and the field stays nil.

var nodeType = reflect.TypeFor[*node]()

// decode fills the raw struct that dst points to from a mapping.
func (r *report) decode(n *node, dst any) {
	if n.kind != mapping {
		r.errorf(n, "a configuration is a mapping (key: value), not %s", n.kind)
		return
	}
	r.decodeStruct(n, reflect.ValueOf(dst).Elem())
}

func (r *report) decodeStruct(n *node, dst reflect.Value) {
	dst.FieldByName("Node").Set(reflect.ValueOf(n))
	known := keysOf(dst.Type())
	for _, p := range n.pairs {
		index := slices.Index(known, p.key.text)
		switch {
		case index >= 0 && known[index] != "":
			field := dst.Type().Field(index)
			r.decodeField(p, dst.Field(index), field.Tag)
		default:
			r.unknownKey(p.key, known)
		}
	}
}

// decodeField stores the value of one key. A list or section that is there but empty counts as absent.
func (r *report) decodeField(p pair, dst reflect.Value, tag reflect.StructTag) {
	n, t, orScalar := p.value, dst.Type(), tag.Get("or") == "scalar"
	if n.kind == null {
		if t == nodeType {
			r.errorf(p.key, "%q has no value: write one or remove the key", p.key.text)
		}
		return
	}
	switch {
	case t == nodeType:
		if r.want(n, scalar) {
			dst.Set(reflect.ValueOf(n))
		}
	case t.Kind() == reflect.Slice && orScalar && n.kind == scalar:
		dst.Set(reflect.ValueOf([]*node{n}))
	case t.Kind() == reflect.Slice:
		if r.want(n, list) {
			r.decodeList(n, dst)
		}
	default: // pointer to a raw struct
		section := reflect.New(t.Elem())
		switch {
		case orScalar && n.kind == scalar:
			section.Elem().FieldByName("Node").Set(reflect.ValueOf(n))
		case !r.want(n, mapping):
			return
		case tag.Get("free") == "keys": // the keys are the file's own; who reads the section looks at them
			section.Elem().FieldByName("Node").Set(reflect.ValueOf(n))
		default:
			r.decodeStruct(n, section.Elem())
		}
		dst.Set(section)
	}
}

// maxItems bounds a list: each item costs checks, and errors of its own.
const maxItems = 10_000

func (r *report) decodeList(n *node, dst reflect.Value) {
	if len(n.items) > maxItems {
		r.errorf(n.items[maxItems], "%q has more than %d items", n.key, maxItems)
		return
	}
	for _, item := range n.items {
		if dst.Type().Elem() == nodeType {
			if r.want(item, scalar) {
				dst.Set(reflect.Append(dst, reflect.ValueOf(item)))
			}
			continue
		}
		element := reflect.New(dst.Type().Elem()).Elem()
		if r.want(item, mapping) {
			r.decodeStruct(item, element)
			dst.Set(reflect.Append(dst, element))
		}
	}
}

func (r *report) want(n *node, k kind) bool {
	if n.kind != k {
		r.errorf(n, "%q wants %s here, not %s", n.key, k, n.kind)
	}
	return n.kind == k
}

func (r *report) unknownKey(key *node, known []string) {
	if near := nearest(key.text, known); near != "" {
		r.errorf(key, "unknown key %q: did you mean %q?", key.text, near)
		return
	}
	var homes []string
	for _, path := range keyPaths(reflect.TypeFor[rawConfig](), "") {
		if parent, ok := strings.CutSuffix(path, "."+key.text); ok {
			homes = append(homes, parent)
		} else if path == key.text {
			homes = append(homes, "the top level")
		}
	}
	if len(homes) > 0 {
		r.errorf(key, "unknown key %q here: it belongs under %s, look at the indentation", key.text, strings.Join(homes, " or "))
		return
	}
	r.errorf(key, "unknown key %q: known here are %s", key.text, strings.Join(withoutEmpty(known), ", "))
}

// keysOf returns the keys of a raw struct, by field index and empty for
// fields that are none.
func keysOf(t reflect.Type) (known []string) {
	for i := range t.NumField() {
		known = append(known, t.Field(i).Tag.Get("key"))
	}
	return known
}

// keyPaths lists every key below a raw struct, as "ospf.areas[].area-id". What a `like` tag
// says to be as elsewhere is listed there.
func keyPaths(t reflect.Type, prefix string) []string {
	var paths []string
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("key")
		if key == "" {
			continue
		}
		path, inner := prefix+key, field.Type
		paths = append(paths, path)
		if inner.Kind() == reflect.Slice {
			path, inner = path+"[]", inner.Elem()
		}
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner != nodeType.Elem() && field.Tag.Get("like") == "" {
			paths = append(paths, keyPaths(inner, path+".")...)
		}
	}
	return paths
}

func withoutEmpty(s []string) []string {
	return slices.DeleteFunc(slices.Clone(s), func(v string) bool { return v == "" })
}
