package config

import "strings"

// nearest returns the word that was probably meant, or nothing when none is near.
func nearest(text string, words []string) string {
	text = strings.ReplaceAll(strings.ToLower(text), "_", "-")
	best, distance := "", 1+len(text)/3 // the more letters, the more may be wrong
	if len(text) > 40 {
		return "" // no word that is known is that long
	}
	for _, w := range words {
		if w == "" {
			continue
		}
		if d := editDistance(text, w); d < distance || d == distance && best == "" {
			best, distance = w, d
		}
	}
	return best
}

// editDistance counts the letters to insert, delete, replace or swap with their
// neighbour that turn a into b.
func editDistance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
