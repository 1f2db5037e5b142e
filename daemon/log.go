package daemon

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// newLogger logs to stderr, one line per event.
func newLogger(w io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "2006-01-02T15:04:05.000Z07:00"})
	return log
}

// logQueue is how many lines wait for a slow reader of stderr.
const logQueue = 4096

// lineWriter decouples the loops from whoever reads stderr: a reader that stops
// costs lines, whose number is told, and never holds routing up.
type lineWriter struct {
	out     io.Writer
	lines   chan []byte
	lost    atomic.Uint64
	closing sync.Once
	done    chan struct{}
}

func newLineWriter(out io.Writer) *lineWriter {
	w := &lineWriter{out: out, lines: make(chan []byte, logQueue), done: make(chan struct{})}
	go w.run()
	return w
}

// Write implements io.Writer; it never blocks and never fails.
func (w *lineWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- append([]byte(nil), line...):
	default:
		w.lost.Add(1)
	}
	return len(line), nil
}

func (w *lineWriter) run() {
	defer close(w.done)
	for line := range w.lines {
		if n := w.lost.Swap(0); n > 0 {
			fmt.Fprintf(w.out, "level=warning msg=\"%d log lines lost: stderr is read too slowly\"\n", n)
		}
		w.out.Write(line)
	}
}

// close writes what is queued, for at most a second. Nobody may write any more.
func (w *lineWriter) close() {
	w.closing.Do(func() { close(w.lines) })
	select {
	case <-w.done:
	case <-time.After(time.Second):
	}
}

func stderrLog() (*logrus.Logger, func()) {
	w := newLineWriter(os.Stderr)
	return newLogger(w), w.close
}
