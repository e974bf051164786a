package release

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// releaseCommand returns the command release, which is the default.
func (p *program) releaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     config.Release,
		GroupID: mainCommands,
		Short:   "compile, prove, pack and publish (default)",
		Long: `Compile every program for every target, prove that the binaries need nothing installed,
pack them, and publish the release on GitHub.

It publishes in a workflow that has a token and runs for a tag, or has the input "tag".
Everywhere else it is a dry run, which does everything but publish: dist/ then holds exactly
what would be attached. On a laptop the "with:" block of the workflow that uses this action
is the configuration, and flags win over it.`,
		Example: examples(
			example{"go-static-release", "a dry run into dist/"},
			example{"go-static-release --targets 'linux/*' --archive zip", "other targets, other archives"},
			example{"go-static-release --packages ./cmd/a --packages ./cmd/b", "these two programs"},
			example{"go-static-release --tag v1.2.3 --dry-run=false", "publish from this machine"},
		),
		Args: p.noArgs,
		RunE: p.withSettings(p.release),
	}
	p.addFlags(cmd)
	return cmd
}

// release makes a release, or does a dry run.
func (p *program) release(ctx context.Context, c *config.Config, _ []string) error {
	cache := p.openCache()

	plan, ws, err := p.decide(ctx, c)
	if err != nil {
		return err
	}

	runsForTag := p.runner.Active() && p.event.Ref == config.TagRef+plan.Source.Tag
	sessions, err := newSessions(c, plan, surroundings{
		apiURL:     p.event.APIURL,
		serverURL:  p.event.ServerURL,
		repository: p.event.Repository,
		userAgent:  userAgent(),
		tagPushed:  runsForTag,
		isRelease:  runsForTag && actions.TriggerOf(p.event).IsRelease(),
		say:        p.waiting,
	})
	if err != nil {
		return &invalidError{err}
	}

	r := newRun(c, plan, ws, sessions, programVersion(), p.runner.Active(), p.show)
	if cache != nil {
		r.cacheDir = cache.Dir()
	}

	r.announce()
	if err := r.execute(ctx); err != nil {
		var refusal *github.Refusal
		if errors.As(err, &refusal) && !r.started {
			return &invalidError{err}
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
