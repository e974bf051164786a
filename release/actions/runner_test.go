package actions_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/actions"
)

// runner returns a runner with files of its own, what is written to its log, and a function
// that reads the file that a variable names.
func runner(
	t *testing.T, env map[string]string,
) (r *actions.Runner, log *bytes.Buffer, read func(variable string) string) {
	t.Helper()

	dir := t.TempDir()
	all := map[string]string{
		"GITHUB_ACTIONS":      "true",
		"GITHUB_OUTPUT":       filepath.Join(dir, "output"),
		"GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
	}
	for name, value := range env {
		all[name] = value
	}

	log = &bytes.Buffer{}
	r = actions.NewRunner(func(name string) string { return all[name] }, log)

	return r, log, func(variable string) string {
		data, err := os.ReadFile(all[variable])
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}

// A value cannot end its own delimiter and set another output (CVE-2022-35954).
func TestOutputCannotBeForged(t *testing.T) {
	r, _, read := runner(t, nil)
	evil := "x\n_GitHubActionsFileCommandDelimeter_\npublished<<y\ntrue\ny"
	if err := r.Outputs([]actions.Output{{Name: "notes", Value: evil}, {Name: "notes", Value: evil}}); err != nil {
		t.Fatal(err)
	}
	const delimiter = `([A-Z2-7]{26})`
	form := regexp.MustCompile(`(?s)^notes<<` + delimiter + `\n` +
		regexp.QuoteMeta(evil) + `\n` + delimiter + `\n` +
		`notes<<` + delimiter + `\n`)
	m := form.FindStringSubmatch(read("GITHUB_OUTPUT"))
	if m == nil || m[1] != m[2] || m[1] == m[3] {
		t.Errorf("%q", read("GITHUB_OUTPUT"))
	}
}

// A line of a compiler cannot be a command.
func TestGroupStopsCommands(t *testing.T) {
	r, log, _ := runner(t, nil)
	r.Group("build::x\n", "::set-output name=x::y\n::error::forged")
	form := regexp.MustCompile(`^::group::build::x\\n\n` +
		`::stop-commands::([A-Z2-7]{26})\n` +
		`: :set-output name=x::y\n` +
		`: :error::forged\n` +
		`::([A-Z2-7]{26})::\n` +
		`::endgroup::\n$`)
	if m := form.FindStringSubmatch(log.String()); m == nil || m[1] != m[2] {
		t.Errorf("%q", log)
	}
}

// Lines of ours may quote file names and the output of git.
func TestLogIsHarmless(t *testing.T) {
	r, log, _ := runner(t, nil)
	text := "error: x\n  ::add-mask::a\n::b\nc ::d\n##[error]e f##[g\nREADME\r::h\n"
	if n, err := io.WriteString(r.Log(), text); n != len(text) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	want := "error: x\n  : :add-mask::a\n: :b\nc ::d\n## [error]e f## [g\nREADME\\r::h\n"
	if got := log.String(); got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}

func TestAnnotations(t *testing.T) {
	r, log, _ := runner(t, nil)
	r.Annotate("linux/amd64, x", actions.Position{File: "a:b.go", Line: 3}, "one\ntwo")
	if got, want := log.String(), "::error file=a%3Ab.go,line=3,title=linux/amd64%2C x::one%0Atwo\n"; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
	for range 20 {
		r.Annotate("t", actions.Position{}, "m")
	}
	if n := strings.Count(log.String(), "::error "); n != 10 {
		t.Errorf("%d annotations; GitHub shows 10 and drops the rest", n)
	}
}

func TestInput(t *testing.T) {
	r, _, _ := runner(t, map[string]string{"INPUT_DRY_RUN": " true\n"})
	if got := r.Input("dry-run"); got != "true" {
		t.Errorf("%q", got)
	}
}

// Outside a workflow nothing is written for a runner.
func TestInactive(t *testing.T) {
	dir := t.TempDir()
	r, log, _ := runner(t, map[string]string{"GITHUB_ACTIONS": "", "GITHUB_OUTPUT": filepath.Join(dir, "o")})
	r.Mask("secret")
	r.Annotate("t", actions.Position{}, "m")
	if err := r.Outputs([]actions.Output{{Name: "a", Value: "b"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "o")); log.Len() > 0 || !os.IsNotExist(err) {
		t.Errorf("log %q, output %v", log, err)
	}
}

// No part of a command contains the older mark of commands.
func TestCommandsHaveNoOldCommand(t *testing.T) {
	env := map[string]string{"GITHUB_ACTIONS": "true"}
	var out bytes.Buffer
	r := actions.NewRunner(func(name string) string { return env[name] }, &out)

	const old = "##[add-mask]x"
	r.Annotate(old, actions.Position{File: old, Line: 1}, old)
	r.Warn(old)
	r.Group(old, old)
	if strings.Contains(out.String(), "##[") || strings.Count(out.String(), "## [add-mask]x") != 6 {
		t.Errorf("written:\n%s", &out)
	}
}
