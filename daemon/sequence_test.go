package daemon

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

func TestSequencesSurvive(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1_800_000_000, 0)
	log := &bytes.Buffer{}
	begin := func() ospf.Sequences { return newSequenceStore(dir, newLogger(log)).begin(now) }
	if got, want := begin(), (ospf.Sequences{Boot: 1_800_000_001}); got != want {
		t.Errorf("the first start begins with %+v, want %+v", got, want)
	}
	s := newSequenceStore(dir, newLogger(log))
	ctx, cancel := context.WithCancel(t.Context())
	s.inbox.put(ospf.Reserve{Boot: 1_800_000_001, Sequence: 5})
	s.inbox.put(ospf.Reserve{Boot: 1_800_000_002, Sequence: 9})
	cancel()
	if err := s.run(ctx); err != nil {
		t.Fatal(err)
	}
	now = time.Unix(0, 0) // the clock is lost, the file is not
	if got, want := begin(), (ospf.Sequences{Boot: 1_800_000_003, First: 9}); got != want {
		t.Errorf("the next start begins with %+v, want %+v", got, want)
	}
	if log.Len() > 0 {
		t.Errorf("log: %s", log)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("the directory holds %v", files)
	}
}

// A file that is cut anywhere, or a directory that is not there, is no reason
// not to start, and is told.
func TestSequencesLost(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1_800_000_000, 0)
	file := filepath.Join(dir, sequenceFile)
	const whole = `{"boot":4000000000,"sequence":7}`
	for n := range len(whole) {
		if err := os.WriteFile(file, []byte(whole[:n]), 0o600); err != nil {
			t.Fatal(err)
		}
		log := &bytes.Buffer{}
		if got, want := newSequenceStore(dir, newLogger(log)).begin(now), (ospf.Sequences{Boot: 1_800_000_001}); got != want {
			t.Errorf("%q: %+v", whole[:n], got)
		}
		if !strings.Contains(log.String(), "is lost") {
			t.Errorf("%q: log %s", whole[:n], log)
		}
	}
	log := &bytes.Buffer{}
	gone := newSequenceStore(filepath.Join(dir, "gone"), newLogger(log))
	if got := gone.begin(now); got.Boot != 1_800_000_001 || !strings.Contains(log.String(), "are not kept") {
		t.Errorf("%+v, log %s", got, log)
	}
}
