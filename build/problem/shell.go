package problem

import (
	"regexp"
	"strings"
)

// plainWord matches words that mean themselves in a shell.
var plainWord = regexp.MustCompile(`^[\w./:@%+=-]+$`)

// ShellWord returns a word as a POSIX shell reads it. Names of files and tags in a command to
// paste may hold anything: git allows the tag $(id)/v1.2.3.
func ShellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
