package build

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
)

// The places in the output of go build, as Unix and Windows write them.
func TestCompileMessages(t *testing.T) {
	const output = `go: downloading example.com/x v1.0.0
# example.com/tool/cmd/d
cmd/d/d.go:4:2: undefined: x
	have (int)
cmd/d/d.go:5: too many errors
# example.com/tool [example.com/tool.test]
./main.go:10:5: declared and not used: n
.\\sub\\w.go:3:1: syntax error: non-declaration statement outside function body
main.go:99999999999999999999:1: more digits than a line number has
main.c:3:1: error: unknown type name
package example.com/tool: build constraints exclude all Go files
`
	message := func(pkg, file string, line, column int, text string) CompileMessage {
		return CompileMessage{
			Package:  pkg,
			Position: problem.Position{File: file, Line: line, Column: column, Message: text},
		}
	}
	want := []CompileMessage{
		message("example.com/tool/cmd/d", "cmd/d/d.go", 4, 2, "undefined: x"),
		message("example.com/tool/cmd/d", "cmd/d/d.go", 5, 0, "too many errors"),
		message("example.com/tool", "main.go", 10, 5, "declared and not used: n"),
		message("example.com/tool", "sub/w.go", 3, 1, "syntax error: non-declaration statement outside function body"),
	}
	text := strings.ReplaceAll(output, `\\`, `\`)
	if diff := cmp.Diff(want, parseMessages(text)); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

// The error of a build says what the go command wrote, and where.
func TestCompileError(t *testing.T) {
	failed := &process.CommandError{
		Args:   []string{"go", "build"},
		Output: "# example.com/tool\n/src/tool/main.go:3:5: oops\n",
		Err:    errors.New("exit status 1"),
	}
	err := newCompileError(failed, map[string]string{"/src/tool": "."}, "example.com/tool")

	if got, want := err.Error(), "# example.com/tool\n./main.go:3:5: oops"; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
	at := problem.PositionOf(problem.With(problem.Advise("x"), err))
	want := problem.Position{File: "main.go", Line: 3, Column: 5, Message: "oops"}
	if at != want {
		t.Errorf("got %+v, expected %+v", at, want)
	}
	if other := errors.New("other"); newCompileError(other, nil, "") != other {
		t.Error("another error is changed")
	}
}

// The back end of the compiler names files as -trimpath does.
func TestTrimmedPosition(t *testing.T) {
	failed := &process.CommandError{
		Args:   []string{"go", "build"},
		Output: "# example.com/tool\nexample.com/tool/cmd/d/main.go:8:9: oops\n",
		Err:    errors.New("exit status 1"),
	}
	err := newCompileError(failed, nil, "example.com/tool")

	if got, want := err.Error(), "# example.com/tool\n./cmd/d/main.go:8:9: oops"; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
	want := problem.Position{File: "cmd/d/main.go", Line: 8, Column: 9, Message: "oops"}
	if at := problem.PositionOf(err); at != want {
		t.Errorf("got %+v, expected %+v", at, want)
	}
}

// Of a long output only the beginning is shown; the compiler's first mistakes explain the others.
func TestCompileErrorsAreShort(t *testing.T) {
	failed := &process.CommandError{
		Args:   []string{"go", "build"},
		Output: "# example.com/tool\n" + strings.Repeat("undefined reference to x\n", 5000),
		Err:    errors.New("exit status 1"),
	}
	lines := strings.Split(newCompileError(failed, nil, "example.com/tool").Error(), "\n")
	if len(lines) != maxCompileLines+1 || lines[maxCompileLines] != "and 4961 more lines" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

// Of a wrong flag, the error says what is wrong, and not which flags there are.
func TestCompileErrorUsage(t *testing.T) {
	failed := &process.CommandError{
		Args: []string{"go", "build"},
		Output: "# example.com/tool/a\nflag provided but not defined: -zz\nusage: compile [options] file.go...\n" +
			"  -%\tdebug non-static initializers\n    \tset relative path\n" +
			"# example.com/tool\nflag provided but not defined: -x\nusage: link [options] main.o\n  -B note\n",
		Err: errors.New("exit status 1"),
	}
	err := newCompileError(failed, nil, "example.com/tool")

	want := "# example.com/tool/a\nflag provided but not defined: -zz\n" +
		"# example.com/tool\nflag provided but not defined: -x"
	if got := err.Error(); got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}
