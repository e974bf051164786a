// Package actions talks to the runner of GitHub Actions. It reads the inputs of the action, and
// writes outputs, groups, annotations, masks, the job summary, and a log in which the runner
// finds no command.
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

// A Runner is the GitHub Actions runner that started this process. Outside a workflow there is
// none: Active reports false, and the methods write nothing. They may be called from several
// goroutines.
type Runner struct {
	action *githubactions.Action
	getenv func(string) string
	log    *Log

	mu               sync.Mutex
	errors, warnings int // annotations so far
}

// NewRunner returns the runner that the environment describes. Commands to it, and the lines of
// its Log, are written to out, each with one call of Write.
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

// Input returns an input of the action, without white space around it, or "" if it was not
// given. A hyphen in its name is an underscore in the environment, because dash, the sh of
// Debian, does not pass variables with hyphens to its children.
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

// maxAnnotations is how many annotations of one kind GitHub shows for a step. It silently drops
// the rest (github.com/orgs/community/discussions/26680).
const maxAnnotations = 10

// A Position is where in the repository something is wrong.
type Position struct {
	File   string // relative to the root, with slashes; "" if it is not known
	Line   int
	Column int // 0 if it is not known
}

// Annotate shows an error on the page of the workflow run. If file is not "", it is shown at a
// line of this file.
func (r *Runner) Annotate(title string, at Position, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.errors++
	if !r.Active() || r.errors > maxAnnotations {
		return
	}

	fields := map[string]string{"title": noOldCommand(quote.Line(title))}
	if at.File != "" {
		fields["file"] = noOldCommand(quote.Line(at.File))
		fields["line"] = fmt.Sprint(at.Line)
	}
	if at.File != "" && at.Column > 0 {
		fields["col"] = fmt.Sprint(at.Column)
	}
	text := noOldCommand(quote.Text(message))
	r.command(func(a *githubactions.Action) { a.WithFieldsMap(fields).Errorf("%s", text) })
}

// Warn shows a warning on the page of the workflow run.
func (r *Runner) Warn(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.warnings++
	if !r.Active() || r.warnings > maxAnnotations {
		return
	}

	text := noOldCommand(quote.Text(message))
	r.command(func(a *githubactions.Action) { a.Warningf("%s", text) })
}

// command writes a command to the runner. Only this method bypasses Log.Write, which would make
// the command harmless. The library escapes the data and the properties of the command. It
// panics when it cannot write, so it writes to a buffer.
func (r *Runner) command(issue func(*githubactions.Action)) {
	var b strings.Builder
	issue(githubactions.New(githubactions.WithWriter(&b)))
	r.log.writeRaw(b.String())
}

// Group writes foreign text, such as the output of a compiler, as a group of lines that can be
// folded. The lines are made harmless. In addition, the runner is told to ignore commands in
// them (docs.github.com, "Stopping and starting workflow commands").
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
type Output struct {
	Name  string
	Value string
}

// Outputs sets outputs of the step. Outside a workflow it does nothing.
//
// The delimiters are random. go-githubactions has a constant one, and a value that contained it
// could set other outputs (CVE-2022-35954).
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
