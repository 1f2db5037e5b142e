package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse: any file gives a configuration or an Error with a place inside
// the file, never a panic, and the same answer twice.
func FuzzParse(f *testing.F) {
	f.Add([]byte(Reference()))
	for _, s := range []string{
		"", "router-id: 10.0.0.1\n", "a: &a [*a]\n", "? - !x\n: |\n  b\n", "ospf: {areas: [{area-id: 0, interfaces: [{match: [a, '!b']}]}]}\n",
		"%YAML 1.2\n---\n...\n", "a: \"\\x\n", "<<: {}\n", "router-id: 1.1.1.1\nstatic: [{prefix: 10.0.0.0/8, next-hops: [{via: 10.0.0.1}]}]\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f.yaml", data)
		c2, err2 := Parse("f.yaml", data)
		if !reflect.DeepEqual(c, c2) || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("two answers: %v %v, %v %v", c, err, c2, err2)
		}
		if err == nil {
			if c.OSPF.RouterID == 0 || c.ECMP.MaxPaths < 1 {
				t.Fatalf("not validated: %+v", c)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || len(e.Problems) == 0 || len(e.Problems) > maxProblems {
			t.Fatalf("error %v", err)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range e.Problems {
			if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" {
				t.Fatalf("no such place: %v in %d lines", p, lines)
			}
		}
	})
}
