package release

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"
	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// planCommand returns the command plan.
func (p *program) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     config.Plan,
		GroupID: mainCommands,
		Short:   "decide everything and print it",
		Long: `Decide everything that a release would do, and print it. Nothing is compiled or sent.

It accepts the flags of "release" that decide something before a compiler starts.`,
		Example: examples(
			example{"go-static-release plan", "what a release would do"},
			example{"go-static-release plan --targets 'linux/* !linux/386'", "which targets these patterns select"},
			example{"go-static-release plan --json", "the same for machines"},
		),
		Args: p.noArgs,
		RunE: p.withSettings(p.plan),
	}
	p.addFlags(cmd)
	return cmd
}

// plan prints what a release would do.
func (p *program) plan(ctx context.Context, c *config.Config, _ []string) error {
	plan, _, err := p.decide(ctx, c)
	if err != nil {
		return err
	}

	text := plan.Text(p.runner.Active())
	if p.line.json {
		data, err := plan.JSON(report.Schema)
		if err != nil {
			return err
		}
		text = string(quote.JSON(data))
	}

	_, err = io.WriteString(p.out, text)
	return err
}

// decide decides whether to publish, and makes the plan.
func (p *program) decide(ctx context.Context, c *config.Config) (*Plan, *workspace.Workspace, error) {
	publish, why, modeErr := c.Mode(p.runner, actions.TriggerOf(p.event))

	commit := ""
	if p.event.Ref == config.TagRef+c.Tag {
		commit = p.event.SHA
	}

	plan, ws, err := newPlan(ctx, c, p.environ, publish, why, commit)
	if ws != nil {
		p.moduleDir = ws.ModuleDir()
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if err != nil {
		p.explainDownload(ws)
	}
	if err := errors.Join(modeErr, err); err != nil {
		return nil, nil, &invalidError{err}
	}

	return plan, ws, nil
}

// explainDownload shows what children do not get to download modules with. It may be the reason
// why there is no plan, which would otherwise show it.
func (p *program) explainDownload(ws *workspace.Workspace) {
	if ws == nil {
		return
	}
	for _, n := range ws.Withheld {
		p.show(report.Event{
			Step:  report.Run,
			State: report.Note,
			Text:  hint.Note(n, p.runner.Active()),
		})
	}
}
