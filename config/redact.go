package config

import (
	"regexp"
	"strings"
)

// Messages show the line that they are about, and secrets must not get into a log
// that way. The text is searched, not the tree: a file that is no YAML has none.

// secretKey finds the key before a secret.
var secretKey = regexp.MustCompile(`(?:^|[\s{,\[-])["']?(?:key|password)["']?\s*:\s*`)

// redacted returns the lines of a file with stars in the place of secrets. A secret
// that ends its line goes on in those below that are indented deeper.
func redacted(lines []string) []string {
	out := make([]string, len(lines))
	open := -1 // indentation of the line whose secret may go on; -1: none
	for n, line := range lines {
		depth := indentation(lines, n+1)
		if open >= 0 && (depth > open || strings.TrimSpace(line) == "") {
			out[n] = stars(line)
			continue
		}
		open = -1
		var b strings.Builder
		done := 0
		for _, at := range secretKey.FindAllStringIndex(line, -1) {
			if at[1] < done {
				continue
			}
			end := at[1] + valueLen(line[at[1]:])
			b.WriteString(line[done:at[1]] + stars(line[at[1]:end]))
			done = end
			if end == len(line) {
				open = depth
			}
		}
		out[n] = b.String() + line[done:]
	}
	return out
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

// stars writes one star for each character, so that a caret below stays in its place.
func stars(s string) string {
	trimmed := strings.TrimLeft(s, " ")
	return s[:len(s)-len(trimmed)] + strings.Repeat("*", len([]rune(trimmed)))
}
