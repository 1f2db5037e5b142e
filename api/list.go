package api

import "encoding/json"

// List is a slice that encodes as [] when it is nil, never as null. A plain
// slice of the same element type can be assigned to it.
type List[T any] []T

// MarshalJSON implements [json.Marshaler].
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// Counts maps a reason (kebab case) to how often it occurred since the start.
// It encodes as {} when it is nil, never as null, with its keys in order.
type Counts map[string]uint64

// MarshalJSON implements [json.Marshaler].
func (c Counts) MarshalJSON() ([]byte, error) {
	if c == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]uint64(c))
}

// Document is a JSON value as it came; the zero value is an empty object.
type Document []byte

// MarshalJSON returns the value.
func (d Document) MarshalJSON() ([]byte, error) {
	if len(d) == 0 {
		return []byte("{}"), nil
	}
	return d, nil
}

// UnmarshalJSON keeps the value.
func (d *Document) UnmarshalJSON(b []byte) error {
	*d = append((*d)[:0], b...)
	return nil
}
