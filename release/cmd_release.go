package release

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github"
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

It publishes in a workflow that runs for a tag and has a token. Everywhere else it is a dry
run, which does everything but publish: dist/ then holds exactly what would be attached. On
a laptop the "with:" block of the workflow that uses this action is the configuration, and
flags win over it.`,
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

func (p *program) release(ctx context.Context, c *config.Config, _ []string) error {
	cache := p.openCache()

	plan, err := p.decide(ctx, c)
	if err != nil {
		return err
	}

	sayLine := func(line string) { p.say("%s", line) }
	client, err := newClient(c, plan.Publish, p.event.APIURL, p.event.Repository, sayLine)
	if err != nil {
		return &requestError{err}
	}

	p.announce(plan, c)
	r := newRun(c, plan, page{p.event.ServerURL, p.event.Repository}, programVersion(), p.runner.Active())
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
