package daemon

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// However often something happens, it makes at most maxLines lines a second
// for each interface, and none of the others is silenced by it.
func TestLogLimit(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range 1000 {
		at := start.Add(time.Duration(n) * time.Millisecond)
		log.WithTime(at).WithField("interface", "vpn1").WithField("neighbor", n).Info("neighbor changed")
	}
	log.WithTime(start).WithField("interface", "vpn2").Info("neighbor changed")
	log.WithTime(start).WithField("interface", "vpn1").Info("interface changed")
	if n := strings.Count(out.String(), "\n"); n != maxLines+2 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	out.Reset()
	log.WithTime(start.Add(time.Second)).WithField("interface", "vpn1").Info("neighbor changed")
	if want := fmt.Sprintf("omitted=%d", 1000-maxLines); !strings.Contains(out.String(), want) {
		t.Errorf("%s is missing: %s", want, out.String())
	}
}

// stuck is a reader of stderr that has stopped until it is released.
type stuck struct {
	release chan struct{}
	bytes.Buffer
}

func (s *stuck) Write(b []byte) (int, error) {
	<-s.release
	return s.Buffer.Write(b)
}

// A reader that stops holds nobody up, and what was lost is told.
func TestStuckReader(t *testing.T) {
	out := &stuck{release: make(chan struct{})}
	w := newLineWriter(out)
	const lines = logQueue + 100
	for range lines {
		io.WriteString(w, "line\n")
	}
	close(out.release)
	w.close()
	io.WriteString(w, "too late\n")
	written, lost := strings.Count(out.String(), "line\n"), 0
	if i := strings.Index(out.String(), "msg=\""); i >= 0 {
		fmt.Sscanf(out.String()[i:], "msg=\"%d log lines lost", &lost)
	}
	if lost < 99 || written+lost != lines || strings.Contains(out.String(), "too late") {
		t.Errorf("%d lines written, %d said to be lost, of %d", written, lost, lines)
	}
}
