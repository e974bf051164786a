package release

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/gocache"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/config"
)

// cacheKeyCommand returns the command cache-key, which only action.yml calls.
func (p *program) cacheKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    config.CacheKey,
		Hidden: true,
		Short:  "name the build cache of the action",
		Long: `For the action: name the directory of its build cache, and the keys to restore and save it by,
as outputs of the step.`,
		Args: p.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, err := p.readSettings()
			if c == nil {
				return err
			}
			return p.cacheKey(cmd.Context(), c, err)
		},
	}
	p.addFlags(cmd)
	return cmd
}

// cacheKey names the build cache for the steps that follow. A mistake in the settings is no
// error here, because the step that releases reports it.
func (p *program) cacheKey(ctx context.Context, c *config.Config, settingsErr error) error {
	outputs, err := p.newCache(ctx, c, settingsErr)
	if err != nil {
		p.say("no build cache is kept: %v", err)
		return nil
	}

	for _, o := range outputs {
		p.say("%s: %s", o.Name, o.Value)
	}
	return p.runner.Outputs(outputs)
}

// maxCacheKey limits how long it may take to name a cache. The go command may have to
// download a toolchain first.
const maxCacheKey = 2 * time.Minute

// newCache makes the directory of the build cache and returns the outputs of the step. The
// error says why there is no cache.
func (p *program) newCache(ctx context.Context, c *config.Config, settingsErr error) ([]actions.Output, error) {
	getenv := getenvOf(p.environ)
	temp := getenv("RUNNER_TEMP")

	switch {
	case settingsErr != nil:
		return nil, errors.New("the settings are invalid")
	case !c.Cache:
		return nil, fmt.Errorf("cache is false (%s)", c.Where("cache"))
	case getenv("GOCACHE") != "":
		return nil, errors.New("the job has its own, named by GOCACHE")
	case temp == "":
		return nil, errors.New("RUNNER_TEMP is not set")
	}

	cause := fmt.Errorf("git and go did not answer within %s", maxCacheKey)
	ctx, cancel := context.WithTimeoutCause(ctx, maxCacheKey, cause)
	defer cancel()

	ws, err := workspace.Open(ctx, c.Workspace(p.environ))
	if err != nil {
		return nil, err
	}
	key, err := build.NewCacheKey(ctx, ws, c.Spec())
	if err != nil {
		return nil, err
	}

	// A job that releases several modules has one cache for each.
	dir := filepath.Join(temp, strings.TrimSuffix(key.Restore, "-"))
	if err := gocache.Make(dir); err != nil {
		return nil, err
	}

	return []actions.Output{
		{Name: "path", Value: dir},
		{Name: "key", Value: key.Key},
		{Name: "restore-key", Value: key.Restore},
	}, nil
}
