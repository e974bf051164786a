package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/term"

	"github.com/org/go-static-release/release/actions"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// Exit statuses.
const (
	exitOK         = 0
	exitFellShort  = 1 // something was built, proved or published and fell short
	exitBadRequest = 2 // nothing was started
)

// A program is one call of Main.
type program struct {
	environ  []string
	out, log io.Writer   // results; progress and errors
	lines    *term.Lines // to log
	runner   *actions.Runner
	event    *githubactions.GitHubContext
}

// commandHelp says what each command, the first argument.
var commandHelp = []struct{ name, help string }{
	{"release", "everything; publishes only in a workflow, on a tag (default)"},
	{"plan", "decide everything and print it; --json for machines"},
	{"verify", "verify PATH...: say what executables need to run, in files, folders,\n            archives, packages, OCI layouts, images (ghcr.io/OWNER/IMAGE:TAG),\n            or the release OWNER/REPO@TAG; without a PATH, in dist; --json\n            for machines"},
	{config.CacheKey, "for the action: where its build cache is, and what it is called"},
}

// Main is the whole program: args without its name, the environment as os.Environ
// gives it. It returns the exit status. Results go to stdout; in a workflow everything
// does, since the runner reads the two streams in no fixed order.
//
// A panic is an error like any other: exit status 1, with the stack in the log. What
// cannot be caught, such as running out of memory, is up to main.go.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	getenv := getenvOf(environ)
	runner := actions.NewRunner(getenv, stdout)
	p := &program{environ: environ, runner: runner, out: runner.Log(), log: runner.Log()}
	group := runner.Group
	if !runner.Active() {
		p.log = actions.NewLog(stderr)
		group = nil
	}
	p.lines = term.NewLines(p.log, group)

	var c *config.Config
	err := crash.Catch(func() (err error) {
		c, err = p.main(ctx, args, getenv)
		return err
	})
	err = errors.Join(err, runner.Log().Flush())
	if err == nil {
		return exitOK
	}

	for _, e := range leaves(err) {
		p.explain(c, e)
	}

	var request *requestError
	if errors.As(err, &request) {
		return exitBadRequest
	}
	return exitFellShort
}

// explain shows an error, with its hint.
func (p *program) explain(c *config.Config, err error) {
	text, advice := describe(c, err, p.runner.Active())
	p.say("error: %s", text)
	p.lines.Hint(advice)
	if advice != "" {
		text += "\nhint: " + advice
	}
	if !errors.Is(err, errReported) {
		p.runner.Annotate("go-static-release", "", 0, text)
	}
}

// say writes a message to the log.
func (p *program) say(format string, args ...any) { p.lines.Print(format, args...) }

// errReported is the error of a run whose failures have been printed already.
var errReported = errors.New("see above")

func (p *program) main(ctx context.Context, args []string, getenv func(string) string) (*config.Config, error) {
	values, opts, err := parseArgs(args)
	if errors.Is(err, errHelp) {
		_, err := io.WriteString(p.out, helpText())
		return nil, err
	}
	if err != nil {
		return nil, &requestError{err}
	}
	if opts.version {
		_, err := fmt.Fprintln(p.out, programVersion())
		return nil, err
	}
	if p.event, err = p.runner.Context(); err != nil {
		return nil, &requestError{err}
	}
	c, notices, err := config.Read(values, opts.noWorkflow, p.runner)
	p.fill(c, getenv)
	p.trustCheckout(c.Directory, getenv)
	if c.Command == config.CacheKey {
		return c, p.cacheKey(ctx, c, err)
	}
	for i, n := range notices {
		if !slices.Contains(notices[:i], n) {
			p.say("note: %s", n)
		}
	}
	if err != nil { // what is wrong with the rest is told as well
		_, planErr := newPlan(ctx, c, p.environ, false, "", "")
		return c, &requestError{errors.Join(err, planErr)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("%s: not done after %s", c.Where("timeout"), c.Timeout))
	defer cancel()
	switch c.Command {
	case "plan":
		return c, p.plan(ctx, c, opts)
	case "verify":
		return c, p.verify(ctx, c, opts)
	}
	return c, p.release(ctx, c, opts)
}

// fill adds to the settings what the surroundings say.
func (p *program) fill(c *config.Config, getenv func(string) string) {
	c.Token = cmp.Or(c.Token, strings.TrimSpace(getenv("GITHUB_TOKEN")), strings.TrimSpace(getenv("GH_TOKEN")))
	p.runner.Mask(c.Token)
	if c.Parallelism == 0 {
		c.Parallelism = runtime.GOMAXPROCS(0) // knows the limits of a container
	}
	if c.Tag == "" && p.runner.Active() && strings.HasPrefix(p.event.Ref, config.TagRef) {
		c.Tag, c.From["tag"] = strings.TrimPrefix(p.event.Ref, config.TagRef), "GITHUB_REF"
	}
}

// decide settles whether to publish, and makes the plan.
func (p *program) decide(ctx context.Context, c *config.Config) (*Plan, error) {
	publish, why, err := c.Mode(p.runner, p.event.Ref)
	if err != nil {
		return nil, &requestError{err}
	}
	commit := ""
	if p.event.Ref == config.TagRef+c.Tag {
		commit = p.event.SHA
	}
	plan, err := newPlan(ctx, c, p.environ, publish, why, commit)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, &requestError{err}
	}
	return plan, nil
}

func (p *program) plan(ctx context.Context, c *config.Config, opts options) error {
	plan, err := p.decide(ctx, c)
	if err != nil {
		return err
	}
	text := plan.Text(p.runner.Active())
	if opts.json {
		data, err := plan.JSON(report.Schema)
		if err != nil {
			return err
		}
		text = string(quote.JSON(data))
	}
	_, err = io.WriteString(p.out, text)
	return err
}

func (p *program) release(ctx context.Context, c *config.Config, opts options) error {
	if opts.json {
		return &requestError{problem.With(problem.Run("go-static-release plan --json"), errors.New("--json is for the commands plan and verify"))}
	}
	cache := p.openCache()
	plan, err := p.decide(ctx, c)
	if err != nil {
		return err
	}
	sessions, err := newSessions(c, plan, surroundings{
		apiURL:     p.event.APIURL,
		serverURL:  p.event.ServerURL,
		repository: p.event.Repository,
		userAgent:  userAgent(),
		say:        p.waiting,
	})
	if err != nil {
		return &requestError{err}
	}

	r := newRun(c, plan, sessions, programVersion(), p.runner.Active(), p.show)
	if cache != nil {
		r.cacheDir = cache.Dir()
	}
	r.announce()
	if err := r.execute(ctx); err != nil {
		var refusal *github.Refusal
		if errors.As(err, &refusal) && !r.started {
			return &requestError{err}
		}
		return err
	}

	r.sumUp()
	if err := p.handOver(r); err != nil {
		return err
	}
	if c.Verify && r.rep.Status == report.Published {
		if err := p.verifyPublished(ctx, c, plan.Source.Tag, r.rep.Files); err != nil {
			return err
		}
	}
	p.keepCache(cache, r.repJSON, !r.previous.InUse())
	return nil
}

// waiting shows that a destination waits for something.
func (p *program) waiting(line string) {
	p.show(report.Event{
		Step:  report.Put,
		State: report.Waiting,
		Text:  line,
	})
}

// handOver writes the outputs of the action and the job summary, and prints where the result
// is. It returns the error of the run, too.
func (p *program) handOver(r *run) error {
	outputs, err := r.outputs()
	if err == nil {
		err = p.runner.Outputs(outputs)
	}
	err = errors.Join(err, p.runner.Summary(r.rep.Markdown()))

	if runErr := r.result(); runErr != nil {
		return errors.Join(runErr, err)
	}

	_, printErr := fmt.Fprintln(p.out, quote.Line(r.place()))
	return errors.Join(err, printErr)
}

// version is the version of a prebuilt program. .github/action/prebuilt sets it with the
// linker: the commit contains the program's digest, so the program cannot be stamped with
// the commit.
var version string

// programVersion is the version of this program: as it was released, else as Go stamped it.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// getenvOf looks names up in an environment; the last value of a name wins.
func getenvOf(environ []string) func(string) string {
	values := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}
