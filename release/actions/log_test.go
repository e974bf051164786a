package actions_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/org/go-static-release/release/actions"
)

// runnerCommands are what the runner knows (actions/runner, ActionCommandManager.cs), and
// a token with which commands were stopped.
var runnerCommands = []string{
	"set-env", "set-output", "save-state", "add-path", "add-mask", "add-matcher", "remove-matcher",
	"debug", "warning", "error", "notice", "group", "endgroup", "echo",
	"internal-set-repo-path", "stop-commands", "command", "section", "token",
}

// runnerLines splits output as the runner does: StreamReader.ReadLine of .NET.
func runnerLines(output string) []string {
	return strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' })
}

// isWidthless reports whether .NET may skip r when it compares text by the rules of a culture.
// The runner's StartsWith and IndexOf do so, because they name no StringComparison.
func isWidthless(r rune) bool {
	return !unicode.IsSpace(r) && unicode.In(r,
		unicode.Cf,
		unicode.Cc,
		unicode.Other_Default_Ignorable_Code_Point,
		unicode.Variation_Selector,
	)
}

// runnerCommand returns the name of the command that the runner finds in a line, "" for none. It
// does what ActionCommand.TryParseV2 and TryParse of actions/runner do.
func runnerCommand(line string) string {
	line = strings.Map(func(r rune) rune {
		if isWidthless(r) {
			return -1
		}
		return r
	}, line)

	isWhiteSpace := func(r rune) bool { // char.IsWhiteSpace
		return unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp) || r >= '\t' && r <= '\r' || r == '\u0085' || r == '\u00a0'
	}
	known := func(info string) string {
		name, _, _ := strings.Cut(info, " ")
		if slices.ContainsFunc(runnerCommands, func(c string) bool { return strings.EqualFold(c, name) }) {
			return name
		}
		return ""
	}

	if rest, ok := strings.CutPrefix(strings.TrimLeftFunc(line, isWhiteSpace), "::"); ok {
		if info, _, ok := strings.Cut(rest, "::"); ok && known(info) != "" {
			return known(info)
		}
	}
	if _, rest, ok := strings.Cut(line, "##["); ok {
		if info, _, ok := strings.Cut(rest, "]"); ok {
			return known(info)
		}
	}

	return ""
}

// runnerCommand finds what the runner finds.
func TestRunnerCommand(t *testing.T) {
	for line, want := range map[string]string{
		"::error::x":               "error",
		" \t::group::":             "group",
		"\u2003::add-mask::x":      "add-mask",
		"\u0085\u00a0\v::echo::on": "echo",
		"::error file=a,line=1::x": "error",
		"x ##[add-mask]y":          "add-mask",
		"##[Error x=y;]z":          "Error",
		"\u200b::error::x":         "error",
		"x ::error::":              "",
		"::error:x":                "",
		"::unknown::x":             "",
		"##[error":                 "",
		": :error::x":              "",
	} {
		if got := runnerCommand(line); got != want {
			t.Errorf("%q: got %q, expected %q", line, got, want)
		}
	}
}

// commandBeginnings are what may stand before a command that the runner finds: white space,
// characters without a width, control characters, and bytes that are not UTF-8.
var commandBeginnings = []string{
	"", " ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1f", "\x00",
	"\u0085", "\u00a0", "\u1680", "\u2000", "\u2003", "\u200a", "\u2028", "\u2029",
	"\u202f", "\u205f", "\u3000", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad",
	"\u034f", "\u180e", "\u3164", "\ufe0f", "\U000e0020", "\u202e",
	"\x1b[2K", "\xff", "\x85", "\xc2",
}

// In a workflow no text becomes a command by being written to the log, whether it is written at
// once or in pieces.
func TestNoLineIsACommand(t *testing.T) {
	for _, beginning := range commandBeginnings {
		for _, command := range []string{
			"::stop-commands::token",
			"##[add-mask]x",
			"#" + beginning + "#" + beginning + "[group]x",
			":" + beginning + ":error::x",
		} {
			for _, before := range []string{"", "note: name", "name\n"} {
				noCommand(t, before+beginning+command+"\n", 1<<20)
				noCommand(t, before+beginning+command+"\n", 1)
			}
		}
	}
}

func FuzzLog(f *testing.F) {
	for _, beginning := range commandBeginnings {
		f.Add("note: x"+beginning+"::error::y\n##[group]", 3)
	}
	f.Fuzz(func(t *testing.T, text string, size int) { noCommand(t, text, max(1, size)) })
}

// noCommand writes text in pieces of some bytes, as lines and as a group.
func noCommand(t *testing.T, text string, size int) {
	t.Helper()
	r, log, _ := runner(t, nil)

	for piece := range slices.Chunk([]byte(text), size) {
		if n, err := r.Log().Write(piece); n != len(piece) || err != nil {
			t.Fatalf("%d of %d bytes, %v", n, len(piece), err)
		}
	}
	if err := r.Log().Flush(); err != nil {
		t.Fatal(err)
	}
	for _, line := range runnerLines(log.String()) {
		if command := runnerCommand(line); command != "" {
			t.Fatalf("%q: the runner finds %s in %q", text, command, line)
		}
	}
	if strings.ContainsFunc(log.String(), isWidthless) || !utf8.Valid(log.Bytes()) {
		t.Fatalf("%q: a terminal may obey %q", text, log)
	}

	log.Reset()
	r.Group(text, text)
	lines := runnerLines(log.String())
	for i, line := range lines {
		ours := i < 2 || i >= len(lines)-2 // the group, the stop, the token, the end
		if command := runnerCommand(line); command != "" && !ours {
			t.Fatalf("%q: the runner finds %s in %q of a group", text, command, line)
		}
	}
	isGroup := strings.HasPrefix(lines[0], "::group::") &&
		strings.HasPrefix(lines[1], "::stop-commands::") &&
		lines[len(lines)-1] == "::endgroup::"
	if !isGroup {
		t.Fatalf("%q: no group: %q", text, log)
	}
}

// An annotation is one command, with the fields that we gave it.
func FuzzAnnotate(f *testing.F) {
	f.Add("t,file=/etc/x::y", "a.go,line=9::", "m%0A::error::\n::add-mask::x\r##[group]")
	f.Fuzz(func(t *testing.T, title, file, message string) {
		r, log, _ := runner(t, nil)
		r.Annotate(title, actions.Position{File: file, Line: 7}, message)
		r.Warn(message)
		lines := runnerLines(log.String())
		if len(lines) != 2 || runnerCommand(lines[0]) != "error" || runnerCommand(lines[1]) != "warning" {
			t.Fatalf("%q", log)
		}
		info, _, _ := strings.Cut(strings.TrimPrefix(lines[0], "::error "), "::")
		if n := strings.Count(info, ","); n > 2 || strings.ContainsFunc(log.String(), isWidthless) {
			t.Fatalf("%q", log)
		}
	})
}

// The beginning of a line waits for its end: a command in between is a line of its own.
func TestLogKeepsLinesWhole(t *testing.T) {
	r, log, _ := runner(t, nil)
	for _, part := range []string{"one", " \xe2\x82", "\xac two\nth"} {
		if _, err := io.WriteString(r.Log(), part); err != nil {
			t.Fatal(err)
		}
	}
	r.Warn("w")
	if err := errors.Join(r.Log().Flush(), r.Log().Flush()); err != nil {
		t.Fatal(err)
	}
	if got, want := log.String(), "one \u20ac two\n::warning::w\nth"; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}

// A log that cannot be written says so.
func TestLogFails(t *testing.T) {
	l := actions.NewLog(brokenWriter{})
	if _, err := io.WriteString(l, "x\n"); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

type brokenWriter struct{ bytes.Buffer }

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
