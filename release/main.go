package release

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/build/crash"
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
	out, log io.Writer // results; progress and errors
	runner   *github.Runner
	event    *githubactions.GitHubContext
}

// commands are the first argument.
var commands = []struct{ name, help string }{
	{"release", "everything; publishes only in a workflow, on a tag (default)"},
	{"plan", "decide everything and print it; --json for machines"},
	{"verify", "verify PATH...: say what executables need to run, in files, folders,\n            archives, packages, OCI layouts, images (ghcr.io/OWNER/IMAGE:TAG),\n            or the release OWNER/REPO@TAG; without a PATH, in dist; --json\n            for machines"},
	{cacheKeyCommand, "for the action: where its build cache is, and what it is called"},
}

// commandNames are the commands that people give.
func commandNames() (names []string) {
	for _, c := range commands {
		if c.name != cacheKeyCommand {
			names = append(names, c.name)
		}
	}
	return names
}

// Main is the whole program: args without its name, the environment as os.Environ
// gives it. It returns the exit status. Results go to stdout; in a workflow everything
// does, since the runner reads the two streams in no fixed order.
//
// A panic is an error like any other: exit status 1, with the stack in the log. What
// cannot be caught, such as running out of memory, is up to main.go.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	getenv := getenvOf(environ)
	runner := github.NewRunner(getenv, stdout)
	p := &program{environ: environ, runner: runner, out: runner.Log(), log: runner.Log()}
	if !runner.Active() {
		p.log = github.NewLog(stderr)
	}

	var c *Config
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
func (p *program) explain(c *Config, err error) {
	text, hint := describe(c, err)
	p.say("error: %s", text)
	if hint != "" {
		p.sayHint(hint)
		text += "\nhint: " + hint
	}
	if !errors.Is(err, errReported) {
		p.runner.Annotate("go-static-release", "", 0, text)
	}
}

// say writes a message to the log. The text may be foreign, so all its lines but the first
// are indented and cannot be taken for messages of this program.
func (p *program) say(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	fmt.Fprintln(p.log, strings.ReplaceAll(text, "\n", "\n  "))
}

// sayHint writes a hint. It is our own text and not indented, so that it can be pasted.
func (p *program) sayHint(hint string) { fmt.Fprintf(p.log, "hint: %s\n", hint) }

// errReported is the error of a run whose failures have been printed already.
var errReported = errors.New("see above")

func (p *program) main(ctx context.Context, args []string, getenv func(string) string) (*Config, error) {
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
	c, notices, err := readConfig(values, opts.noWorkflow, p.runner)
	p.fill(c, getenv)
	p.trustCheckout(c.Directory, getenv)
	if c.Command == cacheKeyCommand {
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
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("%s: not done after %s", c.where("timeout"), c.Timeout))
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
func (p *program) fill(c *Config, getenv func(string) string) {
	c.Token = cmp.Or(c.Token, strings.TrimSpace(getenv("GITHUB_TOKEN")), strings.TrimSpace(getenv("GH_TOKEN")))
	p.runner.Mask(c.Token)
	if c.Parallelism == 0 {
		c.Parallelism = runtime.GOMAXPROCS(0) // knows the limits of a container
	}
	if c.Tag == "" && p.runner.Active() && strings.HasPrefix(p.event.Ref, tagRef) {
		c.Tag, c.from["tag"] = strings.TrimPrefix(p.event.Ref, tagRef), "GITHUB_REF"
	}
}

// decide settles whether to publish, and makes the plan.
func (p *program) decide(ctx context.Context, c *Config) (*Plan, error) {
	publish, why, err := c.mode(p.runner, p.event.Ref)
	if err != nil {
		return nil, &requestError{err}
	}
	commit := ""
	if p.event.Ref == tagRef+c.Tag {
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

func (p *program) plan(ctx context.Context, c *Config, opts options) error {
	plan, err := p.decide(ctx, c)
	if err != nil {
		return err
	}
	text := plan.Text()
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

func (p *program) release(ctx context.Context, c *Config, opts options) error {
	if opts.json {
		return &requestError{hinted("go-static-release plan --json", errors.New("--json is for the commands plan and verify"))}
	}
	cache := p.openCache()
	plan, err := p.decide(ctx, c)
	if err != nil {
		return err
	}
	client, err := c.client(plan.Publish, p.event.APIURL, p.event.Repository, func(line string) { p.say("%s", line) })
	if err != nil {
		return &requestError{err}
	}
	p.announce(plan, c)
	r := newRun(c, plan, page{p.event.ServerURL, p.event.Repository}, programVersion())
	r.done = p.targetDone
	if cache != nil {
		r.filled = cache.Dir()
	}
	if err := r.execute(ctx, client); err != nil {
		var refusal *github.Refusal
		if errors.As(err, &refusal) && r.release == nil { // nothing was created
			return &requestError{err}
		}
		return err
	}
	if err := p.tell(r); err != nil {
		return err
	}
	if c.Verify && r.rep.Status == report.Published {
		if err := p.verifyPublished(ctx, c, plan.Source.Tag, r.rep.Attached); err != nil {
			return err
		}
	}
	p.keepCache(cache, r.report, r.earlier.files == nil)
	return nil
}

// announce says what will happen, and why, before it does.
func (p *program) announce(plan *Plan, c *Config) {
	first := "dry run"
	if plan.Publish {
		first = "release"
	}
	p.say("%s: %s", first, plan.Why)
	p.say("%s %s, commit %.12s, %s, %s for %s, %d at a time", plan.Name, plan.Source.Version, plan.Source.Commit, plan.Go,
		report.Count(len(plan.Mains()), "program"), report.Count(len(plan.Builds), "target"), c.Parallelism)
	for _, s := range plan.Skipped {
		p.say("note: %s is left out: %s", s.Target, s.Reason)
	}
	for _, n := range plan.Notes {
		p.say("note: %s", n)
	}
	if len(plan.Withheld) > 0 {
		p.say("note: no child process gets these variables, which look like secrets: %s", strings.Join(plan.Withheld, " "))
	}
	if plan.Source.Dirty {
		p.say("note: the working tree differs from the commit; the binaries say so")
	}
}

// targetDone shows how a lane ended, as soon as it has. Why one failed is told at the
// end, in plan order.
func (p *program) targetDone(t *report.Target) {
	p.say("%s", t.Row())
	if t.Output != "" {
		p.foreign(t.Target, t.Output)
	}
}

// foreign shows text that is not ours, such as the output of a compiler.
func (p *program) foreign(title, text string) {
	if p.runner.Active() {
		p.runner.Group(title, text)
		return
	}
	p.say("%s:\n%s", quote.Line(title), text)
}

// tell reports the end of a run: terminal, annotations, job summary, outputs.
func (p *program) tell(r *run) error {
	rep := r.rep
	for _, n := range rep.Notices {
		if !slices.Contains(r.plan.Notes, n) { // told before it began
			p.say("note: %s", n)
		}
	}
	for _, w := range rep.Warnings() {
		p.say("warning: %s", w)
		p.runner.Warn(w)
	}
	if text := notStatic(rep); text != "" && r.cfg.Static == "report" {
		p.say("%s", text)
		p.runner.Annotate("not static", "", 0, text)
	}
	for _, f := range rep.Failures() {
		p.foreign("failed: "+strings.Join(f.Targets, " "), f.Error)
		if f.Hint != "" {
			p.sayHint(f.Hint)
		}
		p.annotate(rep, f)
	}
	p.say("%s, in %.1fs", rep.Headline(), rep.Seconds)
	outputs, err := r.outputs()
	if err == nil {
		err = p.runner.Outputs(outputs)
	}
	err = errors.Join(err, p.runner.Summary(rep.Markdown()))
	if rep.Err() == nil {
		result := filepath.ToSlash(r.cfg.Dist)
		if rep.Release != nil {
			result = rep.Release.URL
		}
		_, printErr := fmt.Fprintln(p.out, quote.Line(result))
		return errors.Join(err, printErr)
	}
	if err = errors.Join(append(r.errs, err)...); err != nil {
		return err
	}
	if rep.Status == report.Cancelled {
		return fmt.Errorf("cancelled: %w", r.cause)
	}
	return fmt.Errorf("%d of %d targets: %w", rep.Unfinished(), len(rep.Targets), errReported)
}

// annotate shows a failure at the line of the source it names.
func (p *program) annotate(rep *report.Report, f report.Failure) {
	file, line, message := f.File, f.Line, f.Error
	if file == "" {
		file, line, message = compilerError(f.Error)
	}
	if file != "" {
		file = filepath.ToSlash(filepath.Join(rep.Source.Dir, file))
	}
	p.runner.Annotate(strings.Join(f.Targets, " "), file, line, message)
}

// outputNames are the outputs in action.yml, in order.
var outputNames = []string{"version", "tag", "release-id", "release-url", "published", "dist", "checksums", "artifacts", "report"}

// outputs returns the values of outputNames.
func (r *run) outputs() ([]github.Output, error) {
	rep := r.rep
	dist, err := filepath.Abs(r.cfg.Dist)
	if err != nil {
		return nil, fmt.Errorf("locating %s: %w", r.cfg.Dist, err)
	}
	files := rep.Files()
	if files == nil {
		files = []report.File{}
	}
	artifacts, err := json.Marshal(files)
	if err != nil {
		return nil, fmt.Errorf("writing the output artifacts: %w", err)
	}
	values := map[string]string{
		"version": rep.Source.Version, "tag": rep.Source.Tag, "published": fmt.Sprint(rep.Status == report.Published),
		"dist": dist, "artifacts": string(artifacts), "report": filepath.Join(dist, reportJSON),
	}
	if len(rep.Checksums) > 0 {
		values["checksums"] = filepath.Join(dist, rep.Checksums[0].Name)
	}
	if rep.Release != nil {
		values["release-id"], values["release-url"] = fmt.Sprint(rep.Release.ID), rep.Release.URL
	}
	outputs := make([]github.Output, len(outputNames))
	for i, name := range outputNames {
		outputs[i] = github.Output{Name: name, Value: values[name]}
	}
	return outputs, nil
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
