package build

// Nearest returns the candidate that word is most likely a slip of, "" if none is close.
func Nearest(word string, candidates []string) string {
	best, distance := "", 4 // further away than this, a guess is noise
	for _, c := range candidates {
		if d := editDistance(word, c); d < distance && d < len(c) {
			best, distance = c, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance of a and b, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
