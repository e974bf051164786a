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

// hostile are beginnings after which the runner finds a command, since .NET trims them or
// ends a line there, and marks that a terminal or a browser obeys.
var hostile = []string{
	"\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u1680", "\u2003", "\u2028", "\u3000", "\u200b", "\ufeff", "\u202e", "\x1b[2K\r", "\u009b2K", "\x1b]0;x\x07",
}

// workflowCommand finds the commands that the runner finds in a line (actions/runner,
// ActionCommand.cs), unless the program says them itself.
var workflowCommand = regexp.MustCompile(`^[\s\x{85}\pZ]*::([a-z-]+)[^:]*::|##\[`)

// onlyOurs fails the test if there is a command in the log that this program does not give,
// or anything that a terminal obeys.
func onlyOurs(t *testing.T, log string) {
	t.Helper()
	if strings.ContainsFunc(log, func(r rune) bool {
		return r != '\n' && r != '\t' && (!unicode.IsPrint(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r))
	}) {
		t.Errorf("something is invisible: %q", log)
	}
	for line := range strings.Lines(log) {
		m := workflowCommand.FindStringSubmatch(line)
		ours := m == nil || slices.Contains([]string{"error", "warning", "group", "endgroup", "stop-commands"}, m[1]) && strings.HasPrefix(line, "::") ||
			line == "::add-mask::"+testToken+"\n"
		if !ours || strings.HasPrefix(line, "ok forged") {
			t.Errorf("a forged line: %q in\n%s", line, log)
		}
	}
}

// Names and settings that come from outside make neither commands nor lines.
func TestAttackCommandsInNames(t *testing.T) {
	dir := t.TempDir()
	broken := append([]byte("\x7fELF"), make([]byte, 60)...)
	for _, mark := range hostile {
		for _, command := range []string{"::add-mask::x", "##[group]x", "ok forged"} {
			if err := os.WriteFile(filepath.Join(dir, "x"+mark+command), broken, 0o644); err != nil {
				t.Skipf("no such names here: %v", err)
			}
		}
	}

	verify := []string{"verify", "--no-workflow"}
	for _, c := range []struct {
		args, env []string
	}{
		{append(verify, dir), nil},
		{append(verify, filepath.Join(dir, "x\u2003::add-mask::x")), nil},
		{append(verify, "gone\n::add-mask::x\u202e"), nil},
		{append(verify, "octo/hello@\u2003::add-mask::x"), []string{"GITHUB_API_URL=\u2003::add-mask::x"}},
		{[]string{"--\n::add-mask::x"}, nil},
		{[]string{"plan"}, []string{"INPUT_DIRECTORY=gone\n\u2003::add-mask::x\u202e"}},
		{[]string{"plan"}, []string{"INPUT_TAG=v1.2.3\n\v::add-mask::x"}},
		{[]string{"plan"}, []string{"INPUT_TARGETS=linux/amd64\u0085::add-mask::x ##[group]"}},
		{[]string{"plan"}, []string{"INPUT_NOTES_FILE=gone\r::add-mask::x"}},
		{[]string{"plan"}, []string{"INPUT_DIST=gone\x00\r::add-mask::x", "INPUT_FILES=\u2028::add-mask::x"}},
		{nil, []string{"INPUT_COMMAND=\u3000::add-mask::x"}},
	} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		var out bytes.Buffer
		env := append(slices.Clone(w.env), c.env...)
		if status := Main(t.Context(), c.args, env, &out, &out); status == exitOK {
			t.Errorf("%q %q: status 0:\n%s", c.args, c.env, &out)
		}
		onlyOurs(t, out.String())
	}

	// For machines the names are what they are, and no line of the JSON is more than that.
	var out, log bytes.Buffer
	Main(t.Context(), append(verify, "--json", dir), append(os.Environ(), "GITHUB_ACTIONS="), &out, &log)
	onlyOurs(t, out.String())
	var result struct{ Executables []inspect.Found }
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || len(result.Executables) != 3*len(hostile) {
		t.Fatalf("%d executables, %v", len(result.Executables), err)
	}
	for _, f := range result.Executables {
		if _, err := os.Lstat(f.Path); err != nil {
			t.Error(err)
		}
	}
}

// What the compiler prints is shown, and is no command: a position may name any file.
func TestAttackCommandsOfCompiler(t *testing.T) {
	for _, active := range []string{"true", "false"} {
		source := "package main\n\nfunc main() {\n"
		for _, mark := range hostile {
			if !strings.ContainsAny(mark, "\n\r") && !strings.HasPrefix(mark, "\ufeff") {
				source += "//line " + mark + "::add-mask::x##[group]:1\nundefined()\n"
			}
		}
		w := newWorkshop(t, source+"}\n", githubtest.Options{})
		w.run(t.Context(), exitFellShort, "GITHUB_ACTIONS="+active, "INPUT_DRY_RUN=true", "INPUT_TARGETS=linux/amd64")
		w.said("undefined: undefined")
		if active == "false" { // on a terminal nothing looks for commands
			onlyOurs(t, strings.ReplaceAll(w.out, "##[", ""))
			continue
		}
		onlyOurs(t, w.out)
		summary := w.file("GITHUB_STEP_SUMMARY")
		if strings.ContainsFunc(summary, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }) {
			t.Errorf("something is invisible: %q", summary)
		}
	}
}

// What a server says is quoted.
func TestAttackCommandsOfServer(t *testing.T) {
	for _, mark := range hostile {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			if err := json.NewEncoder(w).Encode(map[string]any{"message": mark + "::add-mask::x\nok forged", "errors": []map[string]string{{"message": mark + "##[group]"}}}); err != nil {
				t.Error(err)
			}
		}))
		w := newWorkshop(t, helloSource, githubtest.Options{})
		var out bytes.Buffer
		env := append(slices.Clone(w.env), "GITHUB_API_URL="+server.URL, "INPUT_COMMAND=verify")
		status := Main(t.Context(), []string{"verify", "--no-workflow", "octo/hello@v1.2.3"}, env, &out, &out)
		server.Close()
		if status != exitFellShort || !strings.Contains(out.String(), "add-mask::x") {
			t.Errorf("%q: status %d:\n%s", mark, status, &out)
		}
		onlyOurs(t, out.String())
	}
}

// The command under a release is pasted into a shell.
func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"octo/hello@v1.2.3-rc.1+x": "octo/hello@v1.2.3-rc.1+x", "o/h@$(id)/v1.2.3": "'o/h@$(id)/v1.2.3'", "o/h@`id`'/v1": "'o/h@`id`'\\''/v1'", "": "''",
	} {
		if got := quote.ShellWord(word); got != want {
			t.Errorf("%q: got %s, expected %s", word, got, want)
		}
	}
}
