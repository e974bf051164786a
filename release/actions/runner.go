// Package actions is the side of this program that faces a runner of GitHub Actions: inputs,
// outputs, groups, annotations, masks, the job summary, and the log, in which no line may be
// taken for a command to the runner.
package actions

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/release/quote"
)

// A Runner is the GitHub Actions runner that started this process, or its absence.
// Its methods may be called from several goroutines.
type Runner struct {
	action *githubactions.Action
	getenv func(string) string
	log    *Log

	mu               sync.Mutex
	errors, warnings int // annotations so far
}

// NewRunner returns the runner described by the environment. Commands to it, and the
// lines of its Log, are written to out, each in one call of Write.
func NewRunner(getenv func(string) string, out io.Writer) *Runner {
	r := &Runner{
		action: githubactions.New(githubactions.WithGetenv(getenv)),
		getenv: getenv,
	}
	r.log = NewLog(out)
	r.log.workflow = r.Active()

	return r
}

// Active reports whether this process runs in a workflow.
func (r *Runner) Active() bool { return r.getenv("GITHUB_ACTIONS") == "true" }

// Input returns an input of the action, trimmed, "" if it was not given. A hyphen in
// its name is an underscore in the environment: dash, the sh of Debian, does not hand
// variables with hyphens to its children.
func (r *Runner) Input(name string) string {
	return r.action.GetInput(strings.ReplaceAll(name, "-", "_"))
}

// Context returns what the runner says about the event, with GitHub's defaults.
func (r *Runner) Context() (*githubactions.GitHubContext, error) {
	c, err := r.action.Context()
	if err != nil {
		return nil, fmt.Errorf("reading the runner's environment: %w", err)
	}
	return c, nil
}

// Mask makes the runner replace the secret in all output that follows.
func (r *Runner) Mask(secret string) {
	if r.Active() && secret != "" {
		r.command(func(a *githubactions.Action) { a.AddMask(secret) })
	}
}

// maxAnnotations of one kind are shown for a step; the rest would be dropped
// without a word (github.com/orgs/community/discussions/26680).
const maxAnnotations = 10

// Annotate shows an error on the run's page, at a line of a file if file is not "".
func (r *Runner) Annotate(title, file string, line int, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.errors++; !r.Active() || r.errors > maxAnnotations {
		return
	}
	fields := map[string]string{"title": noOldCommand(quote.Line(title))}
	if file != "" {
		fields["file"] = noOldCommand(quote.Line(file))
		fields["line"] = fmt.Sprint(line)
	}
	r.command(func(a *githubactions.Action) { a.WithFieldsMap(fields).Errorf("%s", noOldCommand(quote.Text(message))) })
}

// Warn shows a warning on the run's page.
func (r *Runner) Warn(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.warnings++; r.Active() && r.warnings <= maxAnnotations {
		r.command(func(a *githubactions.Action) { a.Warningf("%s", noOldCommand(quote.Text(message))) })
	}
}

// command writes a command to the log, past the Log, which would make it harmless. Nothing
// else may do so. The library escapes the command's data and properties. It panics when it
// cannot write, so it writes to a buffer.
func (r *Runner) command(issue func(*githubactions.Action)) {
	var b strings.Builder
	issue(githubactions.New(githubactions.WithWriter(&b)))
	r.log.writeRaw(b.String())
}

// Group writes foreign text, such as the output of a compiler, in a group of its own.
// Its lines are made harmless, and between the stop-commands the runner ignores commands
// anyway (docs.github.com, "Stopping and starting workflow commands").
func (r *Runner) Group(title, body string) {
	token := rand.Text()
	r.command(func(a *githubactions.Action) {
		a.Group(noOldCommand(quote.Line(title)))
		a.Infof("::stop-commands::%s\n%s\n::%s::", token, harmless(body), token)
		a.EndGroup()
	})
}

// Log returns the log. Everything but commands is written to it.
func (r *Runner) Log() *Log { return r.log }

// An Output is one output of the step.
type Output struct{ Name, Value string }

// Outputs sets outputs of the step. Outside a workflow it does nothing.
//
// The delimiter is random: go-githubactions uses a constant one, so that a value
// containing it would set outputs of its own (CVE-2022-35954).
func (r *Runner) Outputs(outputs []Output) error {
	var b strings.Builder
	for _, o := range outputs {
		delimiter := rand.Text()
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", o.Name, delimiter, o.Value, delimiter)
	}
	return r.appendTo("GITHUB_OUTPUT", b.String())
}

// Summary adds Markdown to the job summary. Outside a workflow it does nothing.
func (r *Runner) Summary(markdown string) error {
	return r.appendTo("GITHUB_STEP_SUMMARY", markdown)
}

// appendTo appends to the file that the environment variable names, if it names one.
func (r *Runner) appendTo(variable, content string) error {
	path := r.getenv(variable)
	if path == "" || !r.Active() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing %s: %w", variable, err)
	}
	if _, err := f.WriteString(content); err != nil {
		_ = f.Close() // the error of the write is the one to report
		return fmt.Errorf("writing %s: %w", variable, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", variable, err)
	}
	return nil
}
