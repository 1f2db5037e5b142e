package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/sys/unix"
)

// blank is a cell that stays empty; an empty cell is drawn as "-".
const blank = " "

// minLast is the narrowest that a table's last column gets, in columns of the terminal.
const minLast = 24

// screen is where tables are drawn.
type screen struct {
	out   *bufio.Writer
	width int               // columns of the terminal; 0 when out is none, and nothing is wrapped then
	color bool              // terminal, and NO_COLOR is not set
	names map[string]string // of routers that tell theirs (RFC 5642), by router id
}

// newScreen looks at out once.
func newScreen(out io.Writer) screen {
	s := screen{out: bufio.NewWriter(out)}
	if f, ok := out.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			s.width = int(size.Col)
			s.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		}
	}
	return s
}

func (s screen) flush() error { return s.out.Flush() }

// line prints one line of text.
func (s screen) line(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// good and bad colour a word that a reader looks for.
func (s screen) good(word string) string { return s.paint(text.FgGreen, word) }
func (s screen) bad(word string) string  { return s.paint(text.FgRed, word) }

func (s screen) paint(c text.Color, word string) string {
	if !s.color || word == "" {
		return word
	}
	return c.Sprint(word)
}

// router is a router id with the router's name, where it is known.
func (s screen) router(id string) string {
	if name := s.names[id]; name != "" {
		return id + " (" + name + ")"
	}
	return id
}

func (s screen) routers(ids []string) []string {
	named := make([]string, len(ids))
	for i, id := range ids {
		named[i] = s.router(id)
	}
	return named
}

// table draws rows under their headings, two blanks apart. A last column that
// does not fit the terminal is wrapped inside itself. Headings may be nil.
func (s screen) table(headings []string, rows [][]string) {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	if headings != nil {
		w.AppendHeader(cells(headings))
	}
	for _, row := range rows {
		w.AppendRow(cells(row))
	}
	if room := s.room(headings, rows); room > 0 {
		w.SetColumnConfigs([]table.ColumnConfig{{
			Number: columns(headings, rows), WidthMax: room, WidthMaxEnforcer: text.WrapSoft,
		}})
	}
	s.line("%s", w.Render())
}

// room is how wide the last column may be; 0 when that does not matter.
func (s screen) room(headings []string, rows [][]string) int {
	if s.width == 0 {
		return 0
	}
	widths := make([]int, columns(headings, rows)-1)
	for _, row := range append([][]string{headings}, rows...) {
		for i := range min(len(row), len(widths)) {
			widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(row[i]))
		}
	}
	room := s.width
	for _, w := range widths {
		room -= w + len("  ")
	}
	return max(room, minLast)
}

func columns(headings []string, rows [][]string) int {
	if headings == nil && len(rows) > 0 {
		return len(rows[0])
	}
	return len(headings)
}

func cells(row []string) table.Row {
	out := make(table.Row, len(row))
	for i, cell := range row {
		if cell == "" {
			cell = "-"
		}
		out[i] = cell
	}
	return out
}

// yes says a truth in the way of a table.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// span writes milliseconds in the way of FRR's tables: 3.512s, 1m02s, 1h02m03s, 1d02h03m.
func span(msec int64) string {
	sec := msec / 1000
	m, h, d := sec/60, sec/3600, sec/86400
	switch {
	case d > 0:
		return fmt.Sprintf("%dd%02dh%02dm", d, h%24, m%60)
	case h > 0:
		return fmt.Sprintf("%dh%02dm%02ds", h, m%60, sec%60)
	case m > 0:
		return fmt.Sprintf("%dm%02ds", m, sec%60)
	}
	return fmt.Sprintf("%d.%03ds", sec, msec%1000)
}

// id writes a router id, or nothing for the one that means none.
func id(routerID string) string {
	if routerID == "0.0.0.0" {
		return ""
	}
	return routerID
}

func list(all []string) string { return strings.Join(all, ", ") }
