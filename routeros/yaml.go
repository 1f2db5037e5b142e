package routeros

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"
)

// text is a configuration as it is written, line by line.
type text struct {
	b   strings.Builder
	off bool // what is written is commented out
}

// column is where the comments begin.
const column = 44

// line writes one line; why is its comment, which may be empty.
func (t *text) line(indent int, content, why string) {
	line := strings.Repeat(" ", indent) + content
	if t.off {
		line = "# " + line
	}
	t.b.WriteString(line)
	if why != "" {
		gap := max(column-utf8.RuneCountInString(line), 1)
		t.b.WriteString(strings.Repeat(" ", gap) + "# " + clip(why, 200))
	}
	t.b.WriteByte('\n')
}

// remark writes a comment over the whole line, or an empty line.
func (t *text) remark(format string, args ...any) {
	if format == "" {
		t.b.WriteByte('\n')
		return
	}
	t.b.WriteString("# " + clip(fmt.Sprintf(format, args...), 400) + "\n")
}

// out comments out what write writes when there is a reason for it.
func (t *text) out(indent int, reason string, write func()) {
	if reason == "" || t.off {
		write()
		return
	}
	t.b.WriteString("# " + strings.Repeat(" ", indent) + "commented out: " + clip(reason, 300) + "\n")
	t.off = true
	write()
	t.off = false
}

var (
	plain    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	reserved = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|nan|inf)$`)
)

// scalar writes a value, in quotes unless it is surely read as text or number without.
func scalar(value string) string {
	if plain.MatchString(value) && !reserved.MatchString(value) {
		return value
	}
	if _, err := netip.ParseAddr(value); err == nil {
		return value
	}
	if _, err := netip.ParsePrefix(value); err == nil {
		return value
	}
	if _, ok := decimal(value); ok {
		return value
	}
	return quoted(printable(value))
}

// flow writes a list in one line, or its only item.
func flow(items []string) string {
	if len(items) == 1 {
		return scalar(items[0])
	}
	quoted := make([]string, len(items))
	for n, item := range items {
		quoted[n] = scalar(item)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// word makes a name out of letters, digits, - _ and . of at most 32 characters
// that is not among those taken.
func word(name string, taken map[string]bool) string {
	name = strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (plain.MatchString("a" + string(r))) {
			return r
		}
		return '-'
	}, name)
	base := name[:min(len(name), 28)]
	if base == "" {
		base = "unnamed"
	}
	name = base
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	return name
}

// isLinkName tells whether Linux and the configuration take the name of an interface.
func isLinkName(name string) bool {
	if len(name) == 0 || len(name) > 15 || name == "lo" || name == "." || name == ".." {
		return false
	}
	if _, isAddr := parsePrefix(name); isAddr {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/!*?[]\:"`, r) })
}
