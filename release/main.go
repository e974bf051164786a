package release

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/template"
	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/term"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailed  = 1 // a build, a check or an upload failed
	exitInvalid = 2 // the settings are invalid; nothing was started
)

// A program is one call of Main.
type program struct {
	environ []string
	stdout  *actions.Log
	stderr  io.Writer
	out     io.Writer   // for results
	log     io.Writer   // for progress and errors
	lines   *term.Lines // writes to log

	runner *actions.Runner
	event  *githubactions.GitHubContext // nil until the settings are read

	line      commandLine
	config    *config.Config // nil until the settings are read
	moduleDir string         // in the repository, with slashes; "" until it is known
	helpErr   error          // from writing the help
}

// newProgram returns a program that has not read its command line yet.
func newProgram(environ []string, stdout, stderr io.Writer) *program {
	runner := actions.NewRunner(getenvOf(environ), stdout)

	p := &program{
		environ: environ,
		stdout:  runner.Log(),
		stderr:  stderr,
		out:     runner.Log(),
		log:     runner.Log(),
		runner:  runner,
		line:    commandLine{settings: map[string]string{}},
	}

	group := runner.Group
	if !runner.Active() {
		p.log = actions.NewLog(stderr)
		group = nil
	}
	p.lines = term.NewLines(p.log, group)

	return p
}

// Main runs the program and returns its exit status. args is the command line without the
// name of the program, and environ the environment as os.Environ returns it.
//
// Results go to stdout, progress and errors to stderr. In a workflow everything goes to
// stdout, because the runner reads the two streams in no fixed order. With --json, stdout has
// nothing but JSON there, too.
//
// A panic is an error like any other: exit status 1, with the stack in the log. Crashes that
// cannot be caught, such as running out of memory, are handled in main.go.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	p := newProgram(environ, stdout, stderr)

	err := crash.Catch(func() error { return p.execute(ctx, args) })
	err = errors.Join(err, p.stdout.Flush(), p.runner.Log().Flush())
	if err == nil {
		return exitOK
	}

	for _, e := range splitErrors(err) {
		p.showError(e)
	}

	var invalid *invalidError
	if errors.As(err, &invalid) {
		return exitInvalid
	}
	return exitFailed
}

// showError shows an error with its hint. In a workflow it also annotates the run.
func (p *program) showError(err error) {
	text, advice := describe(p.config, err, p.runner.Active())
	p.say("error: %s", text)

	p.lines.Hint(advice)
	if advice != "" {
		text += "\nhint: " + advice
	}

	if !errors.Is(err, errReported) {
		p.runner.Annotate(config.ActionName, p.positionOf(err), text)
	}
}

// positionOf returns the place in the repository at which an error points, the zero Position if
// it points nowhere.
func (p *program) positionOf(err error) actions.Position {
	at := problem.PositionOf(err)
	if at.File == "" || p.moduleDir == "" {
		return actions.Position{}
	}

	return actions.Position{
		File:   path.Join(p.moduleDir, filepath.ToSlash(at.File)),
		Line:   at.Line,
		Column: at.Column,
	}
}

// say writes a message to the log.
func (p *program) say(format string, args ...any) { p.lines.Print(format, args...) }

// errReported is the error of a run whose failures have been printed already.
var errReported = errors.New("see above")

// readSettings reads the settings of this run from flags, environment and workflow. The
// error holds the mistakes in them. The notices are for the user.
func (p *program) readSettings() (c *config.Config, notices []string, err error) {
	if p.line.json && p.runner.Active() {
		p.moveLogToStderr()
	}

	p.event, err = p.runner.Context()
	if err != nil {
		return nil, nil, &invalidError{err}
	}

	c, notices, err = config.Read(p.line.settings, p.line.noWorkflow, p.runner)

	getenv := getenvOf(p.environ)
	p.addEnvironment(c, getenv)
	p.trustCheckout(c.Directory, getenv)
	p.config = c

	return c, notices, err
}

// moveLogToStderr makes a workflow run write its log, and its commands to the runner, to stderr.
// A redirected stdout then holds only results: no token in the command that masks it, and
// nothing that a parser would trip over.
func (p *program) moveLogToStderr() {
	p.runner = actions.NewRunner(getenvOf(p.environ), p.stderr)
	p.log = p.runner.Log()
	p.lines = term.NewLines(p.log, p.runner.Group)
}

// addEnvironment completes the settings from the environment and the machine.
func (p *program) addEnvironment(c *config.Config, getenv func(string) string) {
	c.Token = cmp.Or(
		c.Token,
		strings.TrimSpace(getenv("GITHUB_TOKEN")),
		strings.TrimSpace(getenv("GH_TOKEN")),
	)
	p.runner.Mask(c.Token)

	c.Env = template.Environment(getenv)

	if c.Parallelism == 0 {
		c.Parallelism = runtime.GOMAXPROCS(0) // respects the limits of a container
	}

	if p.runner.Active() {
		c.SetTagFromRef(p.event.Ref)
	}
}

// version is the version of a prebuilt program. The linker sets it
// (.github/action/prebuilt). Go cannot stamp such a program with its commit, because its digest
// is part of the commit.
var version string

// programVersion returns the version of this program, which the linker or Go has set.
func programVersion() string {
	if version != "" {
		return version
	}

	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" {
		return info.Main.Version
	}

	return "(devel)"
}

// getenvOf returns a function that looks up a variable in an environment. Of several values
// of a variable the last one wins.
func getenvOf(environ []string) func(string) string {
	values := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}
