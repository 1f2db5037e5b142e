package routeros_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/routeros"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// imported imports a script and wants a configuration that check accepts.
func imported(t testing.TB, name, text string) routeros.Result {
	t.Helper()
	r, err := routeros.Import(name, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Parse(name+".yaml", []byte(r.YAML)); err != nil {
		t.Fatalf("%v\n%.20000s", err, r.YAML)
	}
	return r
}

// report writes a result as a person would read it.
func report(r routeros.Result) string {
	var b strings.Builder
	b.WriteString(r.YAML + "\n--- findings\n")
	for _, f := range r.Findings {
		note := ""
		if f.Note {
			note = " (note)"
		}
		fmt.Fprintf(&b, "%s %s: %s%s\n", f.Pos, f.Kind, f.Message, note)
	}
	b.WriteString("\n--- not taken over\n")
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "%d-%d (%d) %s\n    %s\n", s.Line, s.End, s.Count, s.What, s.Why)
	}
	return b.String()
}

func script(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.rsc")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".rsc"), func(t *testing.T) {
			text := script(t, name)
			r := imported(t, name, text)
			got := report(r)
			if again := report(imported(t, name, text)); again != got {
				t.Fatal("the same script gives another result the second time")
			}
			golden := strings.TrimSuffix(file, ".rsc") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs (go test ./routeros -update rewrites it):\n%s", golden, got)
			}
		})
	}
}
