package dissect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Field is one named value of a packet. Value is a string, a number, a bool, a
// list of strings, [Fields], or a list of Fields.
type Field struct {
	Key   string // in camelCase, as in JSON
	Value any
}

// Fields are named values in the order of the wire.
type Fields []Field

func (f *Fields) add(key string, value any) { *f = append(*f, Field{key, value}) }

// MarshalJSON is an object with the keys in their order.
func (f Fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, field := range f {
		b.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&b, "%q:", field.Key)
		value, err := json.Marshal(field.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Key, err)
		}
		b.Write(value)
	}
	if len(f) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Text is what people read: plain values beside each other on one line, whatever
// has parts on lines of its own, two more spaces to the right.
func (f Fields) Text(indent string) string {
	var line []string
	var blocks strings.Builder
	for _, field := range f {
		switch v := field.Value.(type) {
		case Fields:
			fmt.Fprintf(&blocks, "%s  %s\n%s", indent, field.Key, v.Text(indent+"    "))
		case []Fields:
			for i, part := range v {
				fmt.Fprintf(&blocks, "%s  %s %d\n%s", indent, field.Key, i+1, part.Text(indent+"    "))
			}
		case []string:
			line = append(line, field.Key+" ["+strings.Join(v, " ")+"]")
		default:
			line = append(line, fmt.Sprintf("%s %v", field.Key, v))
		}
	}
	text := ""
	if len(line) > 0 {
		text = indent + strings.Join(line, ", ") + "\n"
	}
	return text + blocks.String()
}
