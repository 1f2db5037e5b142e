package config

import (
	"regexp"
	"strings"
)

// Messages show the line that they are about, and secrets must not get into a log
// that way. The text is searched, not the tree: a file that is no YAML has none.

// secretKey finds the key before a secret.
var secretKey = regexp.MustCompile(`(?:^|[\s{,\[-])["']?key["']?\s*:\s*`)

// redacted returns a line of the file, from 0, with stars in the place of
// secrets, which may have begun in a line above.
func redacted(lines []string, n int) string {
	if continues(lines, n) {
		return stars(lines[n])
	}
	line := lines[n]
	for _, at := range secretKey.FindAllStringIndex(line, -1) {
		end := at[1] + valueLen(line[at[1]:])
		line = line[:at[1]] + stars(line[at[1]:end]) + line[end:]
	}
	return line
}

// valueLen is the length of the YAML value that a text begins with.
func valueLen(s string) int {
	if s == "" {
		return 0
	}
	if q := s[0]; q == '"' || q == '\'' {
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\\' && q == '"':
				i++
			case s[i] == q:
				return i + 1
			}
		}
		return len(s)
	}
	if end := strings.IndexAny(s, ",}"); end >= 0 {
		return end
	}
	return len(s)
}

// continues tells whether a line goes on with a secret: it is indented deeper than
// the nearest such line above, which ends in one.
func continues(lines []string, n int) bool {
	depth := indentation(lines, n+1)
	for m := n - 1; m >= 0; m-- {
		if strings.TrimSpace(lines[m]) == "" || indentation(lines, m+1) >= depth {
			continue
		}
		at := secretKey.FindAllStringIndex(lines[m], -1)
		if at == nil {
			return false
		}
		last := at[len(at)-1][1]
		return last+valueLen(lines[m][last:]) == len(lines[m])
	}
	return false
}

// stars writes one star for each character, so that a caret below stays in its place.
func stars(s string) string {
	trimmed := strings.TrimLeft(s, " ")
	return s[:len(s)-len(trimmed)] + strings.Repeat("*", len([]rune(trimmed)))
}
