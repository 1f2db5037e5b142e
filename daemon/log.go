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

// newLogger logs to w, one line per event.
func newLogger(w io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	log.SetFormatter(&limiter{
		inner: &logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "2006-01-02T15:04:05.000Z07:00"},
		kinds: make(map[lineKind]*lineCount),
	})
	return log
}

const (
	// maxLines bounds the lines a second with the same message about the same
	// interface, whatever somebody on the wire makes happen.
	maxLines = 10
	maxKinds = 4096 // bounds the memory of the limiter
)

// limiter is a formatter that leaves lines out when there are too many of one
// kind. The next line of the kind says how many.
type limiter struct {
	inner logrus.Formatter
	mu    sync.Mutex
	kinds map[lineKind]*lineCount
}

type lineKind struct {
	message string
	iface   any
}

type lineCount struct {
	since            time.Time
	written, omitted int
}

// Format implements logrus.Formatter; nothing comes back for a line that is left out.
func (l *limiter) Format(e *logrus.Entry) ([]byte, error) {
	omitted, ok := l.admit(lineKind{e.Message, e.Data["interface"]}, e.Time)
	if !ok {
		return nil, nil
	}
	if omitted > 0 {
		e.Data["omitted"] = omitted
	}
	return l.inner.Format(e)
}

// admit tells whether a line may be written, and how many were not before it.
func (l *limiter) admit(kind lineKind, now time.Time) (omitted int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.kinds[kind]
	if c == nil {
		if len(l.kinds) >= maxKinds {
			clear(l.kinds)
		}
		c = &lineCount{since: now}
		l.kinds[kind] = c
	}
	if now.Sub(c.since) >= time.Second {
		c.since, c.written = now, 0
	}
	if c.written == maxLines {
		c.omitted++
		return 0, false
	}
	c.written++
	omitted, c.omitted = c.omitted, 0
	return omitted, true
}

// logQueue is how many lines wait for a slow reader of stderr.
const logQueue = 4096

// lineWriter decouples the loops from whoever reads stderr: a reader that stops
// costs lines, whose number is told, and never holds routing up.
type lineWriter struct {
	out   io.Writer
	lines chan []byte
	lost  atomic.Uint64
	quit  chan struct{} // closed by close
	done  chan struct{} // closed when everything is written
}

func newLineWriter(out io.Writer) *lineWriter {
	w := &lineWriter{out: out, lines: make(chan []byte, logQueue), quit: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// Write implements io.Writer; it never blocks and never fails.
func (w *lineWriter) Write(line []byte) (int, error) {
	if len(line) == 0 {
		return 0, nil
	}
	select {
	case w.lines <- append([]byte(nil), line...):
	default:
		w.lost.Add(1)
	}
	return len(line), nil
}

func (w *lineWriter) run() {
	defer close(w.done)
	for {
		select {
		case line := <-w.lines:
			w.write(line)
			continue
		default:
		}
		// Nothing is queued: wait, or end.
		select {
		case line := <-w.lines:
			w.write(line)
		case <-w.quit:
			return
		}
	}
}

// write has nobody to tell about an error.
func (w *lineWriter) write(line []byte) {
	if n := w.lost.Swap(0); n > 0 {
		_, _ = fmt.Fprintf(w.out, "level=warning msg=\"%d log lines lost: stderr is read too slowly\"\n", n)
	}
	_, _ = w.out.Write(line)
}

// close writes what is queued, for at most a second. It is to be called once;
// lines that come later are lost.
func (w *lineWriter) close() {
	close(w.quit)
	select {
	case <-w.done:
	case <-time.After(time.Second):
	}
}

func stderrLog() (*logrus.Logger, func()) {
	w := newLineWriter(os.Stderr)
	return newLogger(w), w.close
}
