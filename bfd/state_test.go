package bfd

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// The whole matrix of states and events, so that a changed cell is a changed line.
func TestStateMatrix(t *testing.T) {
	var b strings.Builder
	for s := AdminDown; s < stateCount; s++ {
		for ev := event(0); ev < eventCount; ev++ {
			to, diag, changed := next(s, ev)
			switch {
			case !changed:
				fmt.Fprintf(&b, "%-9s  %-22s  -\n", s, eventNames[ev])
			case diag == NoDiag:
				fmt.Fprintf(&b, "%-9s  %-22s  %s\n", s, eventNames[ev], to)
			default:
				fmt.Fprintf(&b, "%-9s  %-22s  %s, %s\n", s, eventNames[ev], to, diag)
			}
		}
	}
	const file = "testdata/states.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the matrix has changed (go test -update writes it):\n%s", b.String())
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Up.String(): "Up", State(9).String(): "state(9)", Diag(3).String(): "neighbor signaled session down",
		Diag(31).String(): "diagnostic 31", BadTTL.Error(): "BFD packet discarded: ttl", Discard(99).String(): "discard(99)",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
