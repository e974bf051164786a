package release

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/inspect"
	"github.com/org/go-static-release/release/quote"
)

// hostileMarks are texts after which the runner finds a workflow command, because .NET trims
// them or ends a line there, and sequences that a terminal or a browser obeys.
var hostileMarks = []string{
	"\n",
	"\r",
	"\v",
	"\f",
	"\u0085", // next line
	"\u00a0", // no-break space
	"\u1680", // Ogham space mark
	"\u2003", // em space
	"\u2028", // line separator
	"\u3000", // ideographic space
	"\u200b", // zero-width space
	"\ufeff", // byte order mark
	"\u202e", // right-to-left override
	"\x1b[2K\r",
	"\u009b2K",
	"\x1b]0;x\x07",
}

// workflowCommand matches the commands that the runner finds in a line. Source:
// actions/runner, ActionCommand.cs.
var workflowCommand = regexp.MustCompile(`^[\s\x{85}\pZ]*::([a-z-]+)[^:]*::|##\[`)

// ownCommands are the workflow commands that this program prints.
var ownCommands = []string{"error", "warning", "group", "endgroup", "stop-commands"}

// isInvisible reports whether a character of a log cannot be seen, or moves or hides others.
func isInvisible(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return !unicode.IsPrint(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// checkForged fails the test if a log contains a workflow command that this program does not
// print, a line that somebody else wrote, or characters that a terminal obeys.
func checkForged(t *testing.T, log string) {
	t.Helper()
	if strings.ContainsFunc(log, isInvisible) {
		t.Errorf("something is invisible: %q", log)
	}

	for line := range strings.Lines(log) {
		if strings.HasPrefix(line, "ok forged") {
			t.Errorf("a forged line: %q in\n%s", line, log)
		}

		command := workflowCommand.FindStringSubmatch(line)
		if command == nil || line == "::add-mask::"+testToken+"\n" {
			continue
		}
		if !strings.HasPrefix(line, "::") || !slices.Contains(ownCommands, command[1]) {
			t.Errorf("a forged line: %q in\n%s", line, log)
		}
	}
}

// Names of files, arguments and settings cannot forge a workflow command or a line.
func TestForgedByNames(t *testing.T) {
	dir := t.TempDir()
	for _, mark := range hostileMarks {
		for _, command := range []string{"::add-mask::x", "##[group]x", "ok forged"} {
			path := filepath.Join(dir, "x"+mark+command)
			if err := os.WriteFile(path, brokenProgram(), 0o644); err != nil {
				t.Skipf("no such names here: %v", err)
			}
		}
	}

	verify := []string{"verify", "--no-workflow"}
	plan := []string{"plan"}
	for _, test := range []struct {
		args []string
		env  []string
	}{
		{args: append(verify, dir)},
		{args: append(verify, filepath.Join(dir, "x\u2003::add-mask::x"))},
		{args: append(verify, "gone\n::add-mask::x\u202e")},
		{
			args: append(verify, "octo/hello@\u2003::add-mask::x"),
			env:  []string{"GITHUB_API_URL=\u2003::add-mask::x"},
		},
		{args: []string{"--\n::add-mask::x"}},
		{args: plan, env: []string{"INPUT_DIRECTORY=gone\n\u2003::add-mask::x\u202e"}},
		{args: plan, env: []string{"INPUT_TAG=v1.2.3\n\v::add-mask::x"}},
		{args: plan, env: []string{"INPUT_TARGETS=linux/amd64\u0085::add-mask::x ##[group]"}},
		{args: plan, env: []string{"INPUT_NOTES_FILE=gone\r::add-mask::x"}},
		{args: plan, env: []string{"INPUT_DIST=gone\x00\r::add-mask::x", "INPUT_FILES=\u2028::add-mask::x"}},
		{env: []string{"INPUT_COMMAND=\u3000::add-mask::x"}},
	} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		var out bytes.Buffer
		env := append(slices.Clone(w.env), test.env...)
		if status := Main(t.Context(), test.args, env, &out, &out); status == exitOK {
			t.Errorf("%q %q: status 0:\n%s", test.args, test.env, &out)
		}
		checkForged(t, out.String())
	}

	// The JSON has the true names, and is as harmless as any other output.
	_, out, _ := runVerify(t, laptopEnv(), "--json", dir)
	checkForged(t, out)
	var result struct{ Executables []inspect.Found }
	err := json.Unmarshal([]byte(out), &result)
	if err != nil || len(result.Executables) != 3*len(hostileMarks) {
		t.Fatalf("%d executables, %v", len(result.Executables), err)
	}
	for _, f := range result.Executables {
		if _, err := os.Lstat(f.Path); err != nil {
			t.Error(err)
		}
	}
}

// The output of the compiler is shown and cannot forge a command, although a position in it
// may name any file.
func TestForgedByCompiler(t *testing.T) {
	source := "package main\n\nfunc main() {\n"
	for _, mark := range hostileMarks {
		if !strings.ContainsAny(mark, "\n\r") && !strings.HasPrefix(mark, "\ufeff") {
			source += "//line " + mark + "::add-mask::x##[group]:1\nundefined()\n"
		}
	}
	source += "}\n"

	for _, inWorkflow := range []string{"true", "false"} {
		w := newWorkshop(t, source, githubtest.Options{})
		w.run(t.Context(), exitFailed,
			"GITHUB_ACTIONS="+inWorkflow,
			"INPUT_DRY_RUN=true",
			"INPUT_TARGETS=linux/amd64",
		)
		w.said("undefined: undefined")
		if inWorkflow == "false" { // a terminal knows no commands
			checkForged(t, strings.ReplaceAll(w.out, "##[", ""))
			continue
		}

		checkForged(t, w.out)
		summary := w.file("GITHUB_STEP_SUMMARY")
		if strings.ContainsFunc(summary, func(r rune) bool {
			return r != '\n' && r != '\t' && !unicode.IsPrint(r)
		}) {
			t.Errorf("something is invisible: %q", summary)
		}
	}
}

// The messages of a server are quoted.
func TestForgedByServer(t *testing.T) {
	for _, mark := range hostileMarks {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			err := json.NewEncoder(w).Encode(map[string]any{
				"message": mark + "::add-mask::x\nok forged",
				"errors":  []map[string]string{{"message": mark + "##[group]"}},
			})
			if err != nil {
				t.Error(err)
			}
		}))

		w := newWorkshop(t, helloSource, githubtest.Options{})
		env := append(slices.Clone(w.env), "GITHUB_API_URL="+server.URL, "INPUT_COMMAND=verify")
		status, out, log := runVerify(t, env, "octo/hello@v1.2.3")
		server.Close()
		if status != exitFailed || !strings.Contains(out+log, "add-mask::x") {
			t.Errorf("%q: status %d:\n%s%s", mark, status, out, log)
		}
		checkForged(t, out)
		checkForged(t, log)
	}
}

// The notes of a release have a command that readers paste into a shell.
func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"octo/hello@v1.2.3-rc.1+x": "octo/hello@v1.2.3-rc.1+x",
		"o/h@$(id)/v1.2.3":         "'o/h@$(id)/v1.2.3'",
		"o/h@`id`'/v1":             "'o/h@`id`'\\''/v1'",
		"":                         "''",
	} {
		if got := quote.ShellWord(word); got != want {
			t.Errorf("%q: got %s, expected %s", word, got, want)
		}
	}
}
