package release

import (
	"regexp"
	"strconv"
)

// compilerLine is a message of the Go compiler: FILE:LINE:COLUMN: MESSAGE.
var compilerLine = regexp.MustCompile(`(?m)^(?:\./|vet: )?([^\s:]+\.go):(\d+):(?:\d+:)? (.+)$`)

// compilerError finds the first message of the compiler that names a line. Without
// one the whole text is the message, and file is "".
func compilerError(text string) (file string, line int, message string) {
	m := compilerLine.FindStringSubmatch(text)
	if m == nil {
		return "", 0, text
	}
	line, err := strconv.Atoi(m[2])
	if err != nil { // more digits than a line number has
		return "", 0, text
	}
	return m[1], line, m[3]
}
