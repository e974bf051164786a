package quote

import (
	"regexp"
	"strings"
)

// ShellWords quotes arguments so that the line can be pasted into a POSIX shell, in
// which $OUT is where to write.
func ShellWords(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = ShellWord(a)
		if inside, ok := strings.CutPrefix(a, "$OUT"); ok {
			quoted[i] = `"$OUT"` + ShellWord(inside)
		}
	}
	return strings.Join(quoted, " ")
}

// plainWord matches a word that needs no quotes in any shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=,@%+-]+$`)

// ShellWord quotes one argument.
func ShellWord(a string) string {
	if plainWord.MatchString(a) {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}
