package problem

import "strings"

// Nearest returns the candidate that was probably meant by word, "" if none is close. It returns
// none rather than one that is far-fetched.
//
// A candidate that differs only in case or separators comes first, then one that word is the
// beginning of, then the one with the fewest typing mistakes.
func Nearest(word string, candidates []string) string {
	word = strings.ToLower(word)

	letters := strings.Join(partsOf(word), "")
	for _, c := range candidates {
		if letters != "" && letters == strings.Join(partsOf(strings.ToLower(c)), "") {
			return c
		}
	}

	if c := completion(word, candidates); c != "" {
		return c
	}

	best := ""
	fewest := 0
	for _, c := range candidates {
		mistakes, ok := compareWords(word, strings.ToLower(c))
		if ok && (best == "" || mistakes < fewest) {
			best = c
			fewest = mistakes
		}
	}
	return best
}

// completion returns the candidate that word is the beginning of: the only one, or else the
// shortest of those that only complete its last part. It returns "" if there is none, or if there
// are too few letters to say.
func completion(word string, candidates []string) string {
	const fewestLetters = 3
	if len(strings.TrimLeft(word, "-")) < fewestLetters {
		return ""
	}

	var longer []string
	best := ""
	lastPart := word[strings.LastIndexAny(word, separators)+1:]
	for _, c := range candidates {
		rest, ok := strings.CutPrefix(strings.ToLower(c), word)
		if !ok {
			continue
		}

		longer = append(longer, c)
		completesPart := len(lastPart) >= fewestLetters && !strings.ContainsAny(rest, separators)
		if completesPart && (best == "" || len(c) < len(best)) {
			best = c
		}
	}

	if len(longer) == 1 {
		return longer[0]
	}
	return best
}

// compareWords returns the number of typing mistakes that turn word into candidate. It reports
// false if there are too many.
//
// The parts of the words are compared with each other, so that many letters in one part do not
// excuse mistakes in another: linux/foo is not linux/386.
func compareWords(word, candidate string) (mistakes int, ok bool) {
	wordParts := partsOf(word)
	candidateParts := partsOf(candidate)

	if len(wordParts) != len(candidateParts) {
		// A separator is missing, or one too many. The parts before it prove nothing.
		for len(wordParts) > 0 && len(candidateParts) > 0 && wordParts[0] == candidateParts[0] {
			wordParts = wordParts[1:]
			candidateParts = candidateParts[1:]
		}
		wordParts = []string{strings.Join(wordParts, "")}
		candidateParts = []string{strings.Join(candidateParts, "")}
	}

	for i, part := range wordParts {
		more, ok := compareParts(part, candidateParts[i])
		if !ok {
			return 0, false
		}
		mistakes += more
	}

	return mistakes, true
}

// separators stand between the parts of a word.
const separators = "/-_."

// partsOf splits a word at its separators. Separators at the beginning, as in --flag, begin no
// part.
func partsOf(word string) []string {
	return strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune(separators, r) })
}

// compareParts returns the number of mistakes that turn part into candidate. It reports false if
// they are more than a third of the part or more than three.
func compareParts(part, candidate string) (mistakes int, ok bool) {
	if part == candidate {
		return 0, true
	}

	// In a short word, another letter makes another word: "now" is not "not".
	const shortWord = 3
	replacement := 1
	if len(part) <= shortWord {
		replacement = 2
	}

	mistakes = editDistance(part, candidate, replacement)
	limit := min(3, len(part)/3)
	return mistakes, mistakes <= limit && mistakes < len(candidate)
}

// editDistance returns how many edits turn a into b: bytes that are removed or added, neighbours
// that are swapped (optimal string alignment), and bytes that are replaced, each of which counts
// replacement times.
func editDistance(a, b string, replacement int) int {
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
			cost := replacement
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
