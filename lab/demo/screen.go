package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// screen writes the story. On a terminal a line of progress stands below the
// current step until the result replaces it; elsewhere only steps and results
// are written.
type screen struct {
	out      io.Writer
	terminal bool
	drawn    time.Time // of the last progress
	width    int       // of the last progress line
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if f, ok := out.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		s.terminal = err == nil
	}
	return s
}

// print writes text as it is.
func (s *screen) print(format string, args ...any) {
	s.end()
	fmt.Fprintf(s.out, format, args...)
}

// head begins a phase.
func (s *screen) head(text string) { s.print("\n%s\n", text) }

// line writes a result.
func (s *screen) line(format string, args ...any) { s.print("    "+format+"\n", args...) }

// step says what happens now.
func (s *screen) step(format string, args ...any) {
	s.print("  "+format+" …\n", args...)
}

// progress shows how far the current step is, at most ten times a second.
func (s *screen) progress(format string, args ...any) {
	if !s.terminal || time.Since(s.drawn) < 100*time.Millisecond {
		return
	}
	s.drawn = time.Now()
	text := "    " + fmt.Sprintf(format, args...)
	fmt.Fprintf(s.out, "\r%-*s", s.width, text)
	s.width = len(text)
}

// end wipes the progress away.
func (s *screen) end() {
	if s.width > 0 {
		fmt.Fprintf(s.out, "\r%s\r", strings.Repeat(" ", s.width))
		s.width = 0
	}
}

// howToLook prints commands for a network that was kept.
func (d *demo) howToLook() {
	hub, branch := d.hubs[1], d.branches[0] // hub-a is dead when its death ended the story
	d.screen.print("\nThe network is still there. To look at it:\n")
	commands := append(hub.router.Look(), branch.router.Look()...)
	commands = append(commands,
		"ip netns exec "+branch.node.Namespace()+" ip route",
		"ip netns exec "+branch.node.Namespace()+" ip nexthop",
		"ip netns exec "+hub.node.Namespace()+" nft list ruleset",
		"ip netns exec "+d.hosts[0].Namespace()+" ping -c 3 "+service.Addr().String(),
	)
	for _, c := range commands {
		d.screen.print("  %s\n", c)
	}
	d.screen.print("The next demo removes all this, and so does:\n  %s demo --clean\n", d.Binary)
}
