package build

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
)

// A CompileError is the error of a go build that failed.
type CompileError struct {
	Messages []CompileMessage // those that name a place
	command  *process.CommandError
	remedy   problem.Remedy
}

// maxCompileLines is how many lines of the output of go build are shown. The compiler stops
// after ten mistakes in a package, but many packages may have some, and a linker does not stop.
const maxCompileLines = 40

// Error returns what the go command wrote, or the beginning of it.
func (e *CompileError) Error() string {
	lines := strings.Split(e.command.Error(), "\n")
	if more := len(lines) - maxCompileLines; more > 0 {
		lines = append(lines[:maxCompileLines], fmt.Sprintf("and %d more lines", more))
	}
	return strings.Join(lines, "\n")
}

func (e *CompileError) Unwrap() error { return e.command }

// Position returns the place of the first message, the zero Position if no message names a
// place.
func (e *CompileError) Position() problem.Position {
	if len(e.Messages) == 0 {
		return problem.Position{}
	}
	return e.Messages[0].Position
}

// Advice returns what to do about it, if that is known.
func (e *CompileError) Advice() problem.Remedy { return e.remedy }

// isLoading reports whether go build could not load the packages, so that it compiled none. It
// writes a line "# PACKAGE" before the messages of a compiler.
func (e *CompileError) isLoading() bool {
	return !strings.HasPrefix(e.command.Output, "# ") && !strings.Contains(e.command.Output, "\n# ")
}

// A CompileMessage is one message of a compiler.
type CompileMessage struct {
	Package string // "" if the go command does not say it
	problem.Position
}

// newCompileError makes a CompileError of a failed go build. Other errors are returned as
// they are. dirs are the directories to shorten in the output, module is the path of the
// module.
func newCompileError(err error, dirs map[string]string, module string) error {
	var failed *process.CommandError
	if !errors.As(err, &failed) {
		return err
	}

	output := untrim(shorten(failed.Output, dirs), module)
	failed.Output = strings.TrimRight(toolUsage.ReplaceAllString(output, ""), "\n")
	return &CompileError{
		Messages: parseMessages(failed.Output),
		command:  failed,
	}
}

// toolUsage matches the list of all flags that the compiler, the assembler or the linker writes
// below what is wrong with one of them.
var toolUsage = regexp.MustCompile(`(?m)^usage: (?:compile|asm|link) .*\n(?:[ \t]+.*\n?)*`)

// untrim makes names of files relative to the module. The back end of the compiler knows a
// file only by the name that -trimpath gives it, which begins with the path of the module.
func untrim(output, module string) string {
	trimmed := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(module) + `/([^\s:]+\.go:\d+)`)
	return trimmed.ReplaceAllString(output, "./$1")
}

// compilerMessage matches a message of the compiler: FILE:LINE:COLUMN: MESSAGE.
var compilerMessage = regexp.MustCompile(`^([^\s:]+\.go):(\d+):(?:(\d+):)? (.+)$`)

// parseMessages reads the output of go build. The messages of a package follow a line
// "# PACKAGE".
func parseMessages(output string) (messages []CompileMessage) {
	pkg := ""
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if name, ok := strings.CutPrefix(line, "# "); ok {
			pkg, _, _ = strings.Cut(name, " ")
			continue
		}

		m := compilerMessage.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		number, err := strconv.Atoi(m[2])
		if err != nil { // more digits than a line number has
			continue
		}
		column, err := strconv.Atoi(m[3])
		if err != nil {
			column = 0 // not every message has one
		}

		messages = append(messages, CompileMessage{
			Package: pkg,
			Position: problem.Position{
				File:    path.Clean(strings.ReplaceAll(m[1], `\`, "/")),
				Line:    number,
				Column:  column,
				Message: m[4],
			},
		})
	}
	return messages
}
