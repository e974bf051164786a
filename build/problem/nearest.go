package problem

import "strings"

// Nearest returns the candidate that was probably meant by word, "" if none is close: at most
// a third of the word may be wrong, and never more than three bytes.
func Nearest(word string, candidates []string) string {
	best := ""
	nearest := 1 + min(3, max(1, len(strings.TrimLeft(word, "-"))/3))
	for _, c := range candidates {
		d := editDistance(word, c)
		if d < nearest && d < len(c) {
			best = c
			nearest = d
		}
	}
	return best
}

// editDistance returns how many edits turn a into b: bytes that are removed, added or
// replaced, and neighbours that are swapped (optimal string alignment).
func editDistance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}

	for i := range len(a) {
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d[i+1][j+1] = min(d[i][j]+cost, d[i][j+1]+1, d[i+1][j]+1)

			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d[i+1][j+1] = min(d[i+1][j+1], d[i-1][j-1]+1)
			}
		}
	}

	return d[len(a)][len(b)]
}
