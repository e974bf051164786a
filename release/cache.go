package release

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/org/go-static-release/build/gocache"
	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/report"
)

// The build cache of the action lives as long as the job. action.yml calls cache-key for its
// name and its directory, lets actions/cache/restore fill it, and passes it to the step that
// releases. It lets actions/cache/save save it if that step says so.
//
// A cache only makes a run faster. If something is wrong with it, the run says so and
// continues without it. action.yml does the same if a step for the cache fails.

// How action.yml passes the cache to the step that releases.
const (
	cacheDirVar      = "GSR_CACHE"          // the directory
	cacheKeyVar      = "GSR_CACHE_KEY"      // the key to save it by
	cacheRestoredVar = "GSR_CACHE_RESTORED" // the key it was restored by, "" if there was no cache
	cacheSaveOutput  = "cache-save"         // an output of the step, not of the action
)

// openCache makes the go command use the action's build cache, and returns it. It returns nil
// if there is none.
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

// keepCache is called after a successful run. It removes from the cache what the run did not
// use, and asks action.yml to save the cache. The report is saved with it, because the next
// run compiles first what took longest.
//
// A run that reused programs of an earlier one is not complete: it may have compiled nothing,
// and a saved cache is never replaced. Such a run saves nothing.
func (p *program) keepCache(cache *gocache.Cache, reportJSON []byte, complete bool) {
	if cache == nil || !complete || !p.worthSaving() {
		return
	}

	trimmed, err := cache.Trim()
	if err == nil {
		reportFile := output.Artifact{
			Output: output.Output{Name: dist.ReportJSON},
		}
		_, err = output.WriteFile(cache.Dir(), reportFile, nil, func(w io.Writer) error {
			_, err := w.Write(reportJSON)
			return err
		})
	}
	if err != nil {
		p.say("note: the build cache is not saved: %v", err)
		return
	}

	p.say("build cache: %s in %s to save; %s in %s removed, which this run did not use",
		report.Bytes(trimmed.KeptBytes), report.Count(trimmed.Kept, "file"),
		report.Bytes(trimmed.RemovedBytes), report.Count(trimmed.Removed, "file"))

	err = p.runner.Outputs([]actions.Output{{Name: cacheSaveOutput, Value: "true"}})
	if err != nil {
		p.say("note: the build cache is not saved: %v", err)
	}
}

// worthSaving reports whether another run can use a saved cache. Every run can read the cache
// of the default branch. Only runs for the same branch, pull request or tag can read another
// one (docs.github.com, "Restrictions for accessing a cache"), and a tag is released once. A
// cache that exists is never replaced.
func (p *program) worthSaving() bool {
	getenv := getenvOf(p.environ)
	restored := getenv(cacheRestoredVar)
	isTag := strings.HasPrefix(p.event.Ref, config.TagRef)
	if isTag || restored == getenv(cacheKeyVar) {
		return false
	}
	if restored == "" {
		return true
	}

	repository, _ := p.event.Event["repository"].(map[string]any)
	branch, _ := repository["default_branch"].(string)
	return branch != "" && p.event.Ref == "refs/heads/"+branch
}
