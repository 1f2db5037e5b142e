package record

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestRecordings runs every recording in testdata again. What became of neighbours and interfaces, and the
// neighbours and routes when the daemon was told to stop, or in the end, is in the golden file beside it. Another
// version may send other bytes; it has to come to the same.
//
// To make a test of what a daemon did, let it run on for some seconds (later versions may take their time in another
// way), stop it, copy its recording to testdata/NAME.recording (secrets are
// in it: change them in the network first), run
//
//	go test ./record -run TestRecordings -update
//
// and read the new testdata/NAME.golden: it is what every later version must do.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("testdata/*.recording")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".recording"), func(t *testing.T) {
			golden := strings.TrimSuffix(file, ".recording") + ".golden"
			got := story(t, file)
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
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// story is what a recording shows, without the times.
func story(t *testing.T, file string) string {
	t.Helper()
	var b strings.Builder
	var end time.Duration // of what the story is about
	run := func(until time.Duration, each func(Step)) (*ospf.Engine, time.Time) {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		engine, now, err := Replay(f, until, each)
		if err != nil {
			t.Fatal(err)
		}
		return engine, now
	}
	var first time.Time
	run(0, func(s Step) {
		if first.IsZero() {
			first = s.At
		}
		if s.Input == ospf.Shutdown && end == 0 {
			end = s.At.Sub(first)
		}
		for _, ev := range s.Output.Events {
			switch ev := ev.(type) {
			case ospf.NeighborChange:
				fmt.Fprintf(&b, "neighbour %s on %s: %s to %s\n", ev.RouterID, ev.Interface, ev.From, ev.To)
			case ospf.InterfaceChange:
				fmt.Fprintf(&b, "interface %s: %s to %s\n", ev.Interface, ev.From, ev.To)
			}
		}
	})
	engine, now := run(end, func(Step) {})
	b.WriteByte('\n')
	for _, n := range engine.Neighbors(now) {
		fmt.Fprintf(&b, "%s on %s: %s\n", n.RouterID, n.Interface, n.State)
	}
	for _, r := range engine.Routes() {
		fmt.Fprintf(&b, "%s %s cost %d via %s\n", r.Prefix, r.Type, r.Cost, r.NextHops)
	}
	return b.String()
}
