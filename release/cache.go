package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/org/go-static-release/release/config"

	"github.com/org/go-static-release/build/gocache"
	"github.com/org/go-static-release/build/workspace"

	"github.com/org/go-static-release/release/actions"

	"github.com/org/go-static-release/release/output"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/release/report"
)

// The build cache of the action, which lives as long as the job. action.yml calls
// cache-key for its name and its place, lets actions/cache/restore fill it, hands it to
// the step that releases, and lets actions/cache/save save it if that step says so.
//
// A cache can only make a run faster: whatever is wrong with it is said, and the run
// goes on without it; action.yml sees to that where the step itself fails.

// How action.yml hands it over.
const (
	cacheDirVar      = "GSR_CACHE"          // the directory
	cacheKeyVar      = "GSR_CACHE_KEY"      // what it would be saved as
	cacheRestoredVar = "GSR_CACHE_RESTORED" // what it was restored from, "" if there was nothing
	cacheSaveOutput  = "cache-save"         // of the step that releases, not of the action
)

// maxCacheKey is how long it may take to name a cache. The go command may have to
// download a toolchain first.
const maxCacheKey = 2 * time.Minute

// cacheKey names the build cache for the steps that follow. Wrong settings are not told
// here: the step that releases tells them.
func (p *program) cacheKey(ctx context.Context, c *config.Config, wrong error) error {
	outputs, err := p.newCache(ctx, c, wrong)
	if err != nil {
		p.say("no build cache is kept: %v", err)
		return nil
	}
	for _, o := range outputs {
		p.say("%s: %s", o.Name, o.Value)
	}
	return p.runner.Outputs(outputs)
}

func (p *program) newCache(ctx context.Context, c *config.Config, wrong error) ([]actions.Output, error) {
	getenv := getenvOf(p.environ)
	temp := getenv("RUNNER_TEMP")
	switch {
	case wrong != nil:
		return nil, errors.New("the settings are wrong")
	case !c.Cache:
		return nil, fmt.Errorf("cache is false (%s)", c.Where("cache"))
	case getenv("GOCACHE") != "":
		return nil, errors.New("the job has its own, named by GOCACHE")
	case temp == "":
		return nil, errors.New("RUNNER_TEMP is not set")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxCacheKey, fmt.Errorf("git and go did not answer within %s", maxCacheKey))
	defer cancel()
	ws, err := workspace.Open(ctx, c.Workspace(p.environ))
	if err != nil {
		return nil, err
	}
	key, err := build.NewCacheKey(ctx, ws, c.Spec())
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(temp, strings.TrimSuffix(key.Restore, "-")) // one for each request of the job
	if err := gocache.Make(dir); err != nil {
		return nil, err
	}
	return []actions.Output{{Name: "path", Value: dir}, {Name: "key", Value: key.Key}, {Name: "restore-key", Value: key.Restore}}, nil
}

// openCache lets the go command use the action's build cache, if there is one.
func (p *program) openCache() *gocache.Cache {
	dir := getenvOf(p.environ)(cacheDirVar)
	if dir == "" || !p.runner.Active() {
		return nil
	}
	cache, err := gocache.Open(dir, time.Now())
	if err != nil {
		p.say("note: going on without the action's build cache: %v", err)
		return nil
	}
	p.environ = append(slices.Clip(p.environ), "GOCACHE="+dir)
	return cache
}

// keepCache is called after a run that did what it set out to. It takes out of the
// cache what the run did not use, and has it saved; not after a run that began with the
// programs of an earlier one (whole is false), since that may have compiled nothing, and
// a cache that is saved is never replaced. data, the report of the run, travels with it:
// the next run begins with what took longest.
func (p *program) keepCache(cache *gocache.Cache, data []byte, whole bool) {
	if cache == nil || !whole || !p.worthSaving() {
		return
	}
	t, err := cache.Trim()
	if err == nil {
		_, err = output.WriteFile(cache.Dir(), output.Artifact{Name: reportJSON}, nil, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
	if err != nil {
		p.say("note: the build cache is not saved: %v", err)
		return
	}
	p.say("build cache: %s in %s to save; %s in %s removed, which this run did not use",
		report.Bytes(t.KeptBytes), report.Count(t.Kept, "file"), report.Bytes(t.RemovedBytes), report.Count(t.Removed, "file"))
	if err := p.runner.Outputs([]actions.Output{{Name: cacheSaveOutput, Value: "true"}}); err != nil {
		p.say("note: the build cache is not saved: %v", err)
	}
}

// worthSaving reports whether a saved cache would be of use: the default branch's can be
// read by every run, that of another branch or a pull request only by its own, and that of
// a tag by nobody: it is released once (docs.github.com, "Restrictions for accessing a
// cache"). One that exists is never replaced.
func (p *program) worthSaving() bool {
	getenv := getenvOf(p.environ)
	restored := getenv(cacheRestoredVar)
	if restored == getenv(cacheKeyVar) || strings.HasPrefix(p.event.Ref, "refs/tags/") {
		return false
	}
	repository, _ := p.event.Event["repository"].(map[string]any)
	branch, _ := repository["default_branch"].(string)
	return restored == "" || branch != "" && p.event.Ref == "refs/heads/"+branch
}
