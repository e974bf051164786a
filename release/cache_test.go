package release

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/build/gocache"
	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/term"
)

// newCacheShop returns a workshop for one target. The runner has no build cache, and the
// action keeps one.
func newCacheShop(t *testing.T) *workshop {
	t.Helper()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.env = append(w.env,
		"GOCACHE=",
		"RUNNER_TEMP="+t.TempDir(),
		"INPUT_TARGETS=linux/amd64",
		"INPUT_CACHE=true",
		"GITHUB_REF=refs/heads/main",
	)
	return w
}

// cacheKey runs the command cache-key and returns its outputs. The command must succeed and
// report no error, whatever is wrong with the settings.
func (w *workshop) cacheKey(env ...string) map[string]string {
	w.t.Helper()
	output := filepath.Join(w.t.TempDir(), "output")
	env = slices.Concat(w.env, []string{"GITHUB_OUTPUT=" + output}, env)

	var out bytes.Buffer
	if status := Main(w.t.Context(), []string{"cache-key"}, env, &out, &out); status != exitOK {
		w.t.Fatalf("exit status %d: %s", status, out.String())
	}
	w.out = out.String()
	if strings.Contains(w.out, "::error") || strings.Contains(w.out, "::warning") {
		w.t.Errorf("wrong settings are for the next step to report:\n%s", w.out)
	}

	// Each output is three lines: its name with a delimiter, its value, the delimiter.
	data, err := os.ReadFile(output)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	values := map[string]string{}
	lines := strings.Split(string(data), "\n")
	for i := 0; i+1 < len(lines); i += 3 {
		name, _, _ := strings.Cut(lines[i], "<<")
		values[name] = lines[i+1]
	}
	return values
}

func TestCacheKeyCommand(t *testing.T) {
	w := newCacheShop(t)
	first := w.cacheKey()
	restoreKey := first["restore-key"]
	if len(first) != 3 ||
		filepath.Base(first["path"])+"-" != restoreKey ||
		!strings.HasPrefix(first["key"], restoreKey) {
		t.Fatalf("outputs: %v\n%s", first, w.out)
	}
	if fi, err := os.Stat(first["path"]); err != nil || !fi.IsDir() {
		t.Errorf("the cache was not made: %v", err)
	}

	again := w.cacheKey("INPUT_LDFLAGS=-s", "INPUT_PARALLELISM=1")
	if again["key"] != first["key"] {
		t.Errorf("%v, expected %v", again, first)
	}
	other := w.cacheKey("INPUT_TARGETS=linux/arm64")
	if other["path"] == first["path"] || other["key"] == first["key"] {
		t.Errorf("another request has the same cache: %v", other)
	}

	// Without a cache there are no outputs, and the reason is printed.
	goenv := filepath.Join(t.TempDir(), "env")
	writeFile(t, goenv, "GOCACHEPROG=keeper\n") // as go env -w does
	const elsewhere = "no build cache is kept: the go command keeps what it compiles elsewhere, with GOCACHEPROG\n"
	for env, said := range map[string]string{
		"INPUT_CACHE=false":         "no build cache is kept: cache is false (input cache)\n",
		"GOCACHE=" + t.TempDir():    "no build cache is kept: the job has its own, named by GOCACHE\n",
		"GOCACHEPROG=keeper --fast": elsewhere,
		"GOENV=" + goenv:            elsewhere,
		"RUNNER_TEMP=":              "no build cache is kept: RUNNER_TEMP is not set\n",
		"INPUT_ARCHIVE=rar":         "no build cache is kept: the settings are invalid\n",
		"INPUT_DIRECTORY=missing":   "no build cache is kept: directory missing does not exist\n",
	} {
		if got := w.cacheKey(env); len(got) > 0 {
			t.Errorf("%s: outputs %v", env, got)
		}
		w.said(said)
	}

	// A directory that somebody else made is left alone.
	remove(t, filepath.Join(first["path"], "go-static-release.txt"))
	writeFile(t, filepath.Join(first["path"], "mine"), "")
	if got := w.cacheKey(); len(got) > 0 {
		t.Errorf("outputs %v", got)
	}
	w.said("is no build cache that this program made")
}

// The release compiles with the cache, and asks for it to be saved if the run succeeded and
// there is something new to save.
func TestCacheOfARun(t *testing.T) {
	w := newCacheShop(t)
	cache := w.cacheKey()
	env := []string{"GSR_CACHE=" + cache["path"], "GSR_CACHE_KEY=" + cache["key"]}
	removeDist := func() {
		t.Helper()
		if err := os.RemoveAll(w.dist); err != nil {
			t.Fatal(err)
		}
	}

	w.run(t.Context(), exitOK, env...)
	w.said(" to save; 0 B in 0 files removed, which this run did not use\n")
	if got := w.output("cache-save"); got != "true" {
		t.Errorf("cache-save: %q", got)
	}
	entries, err := filepath.Glob(filepath.Join(cache["path"], "??", "*-d"))
	if err != nil || len(entries) < 20 {
		t.Errorf("the compiler did not use the cache: %d entries, %v", len(entries), err)
	}
	data, err := os.ReadFile(filepath.Join(cache["path"], dist.ReportJSON))
	if err != nil || !strings.Contains(string(data), `"target": "linux/amd64"`) {
		t.Errorf("the cache has no report of the run: %v, %.100s", err, data)
	}

	// The cache was restored with the very key, so it is saved already.
	removeDist()
	outputFile := filepath.Join(t.TempDir(), "output")
	env = append(env, "GITHUB_OUTPUT="+outputFile)
	w.run(t.Context(), exitOK, append(env, "GSR_CACHE_RESTORED="+cache["key"])...)
	w.neverSaid("to save")

	// The programs of an earlier run are in dist, so nothing was compiled.
	w.run(t.Context(), exitOK, env...)
	w.neverSaid("to save")

	// The run fails.
	removeDist()
	writeFile(t, filepath.Join(w.dir, "main.go"), "package main\n\nfunc main() { wrong }\n")
	w.run(t.Context(), exitFailed, env...)
	w.neverSaid("to save")

	// The directory is not a cache of the action.
	w.git("checkout", "main.go")
	w.run(t.Context(), exitOK, append(env, "GSR_CACHE="+t.TempDir(), "GOCACHE="+cache["path"])...)
	w.said("note: going on without the action's build cache: ")

	data, err = os.ReadFile(outputFile)
	if err != nil || bytes.Contains(data, []byte("cache-save")) {
		t.Errorf("%v: %s", err, data)
	}
}

// A checkout without dist takes the timings of targets from the report in the cache, and
// compiles the slowest target first.
func TestCacheOrder(t *testing.T) {
	const earlier = `{
	"schema": 2,
	"targets": [
		{"target": "linux/amd64", "status": "ok", "seconds": {"cpu": 1}},
		{"target": "windows/amd64", "status": "ok", "seconds": {"cpu": 2}}
	]
}`
	w := newCacheShop(t)
	cache := w.cacheKey()
	writeFile(t, filepath.Join(cache["path"], dist.ReportJSON), earlier)

	w.run(t.Context(), exitOK,
		"GSR_CACHE="+cache["path"],
		"INPUT_TARGETS=linux/amd64 windows/amd64",
		"INPUT_PARALLELISM=1",
	)
	windows := strings.Index(w.out, "ok         windows/amd64")
	linux := strings.Index(w.out, "ok         linux/amd64")
	if windows < 0 || windows > linux {
		t.Errorf("the shortest first:\n%s", w.out)
	}
}

// A cache that cannot be saved is only a note, because the release is public by then.
func TestCacheNotSaved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if err := gocache.Make(dir); err != nil {
		t.Fatal(err)
	}
	cache, err := gocache.Open(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	environ := []string{
		"GITHUB_ACTIONS=true",
		"GITHUB_OUTPUT=" + t.TempDir(), // a directory
		cacheKeyVar + "=k",
	}
	p := &program{
		environ: environ,
		log:     &log,
		lines:   term.NewLines(&log, nil),
		runner:  actions.NewRunner(getenvOf(environ), &log),
		event:   &githubactions.GitHubContext{},
	}
	p.keepCache(cache, []byte("{}"), true)

	if !strings.Contains(log.String(), "note: the build cache is not saved: writing GITHUB_OUTPUT: ") {
		t.Errorf("printed: %s", &log)
	}
}

// A run on the default branch saves its cache unless it restored one with the key of this run,
// k-2. A run on another branch does if it restored none at all, and a run on a tag never does.
func TestCacheWorthSaving(t *testing.T) {
	for _, test := range []struct {
		name     string
		ref      string
		branch   string // the default branch
		restored string // the key of the restored cache
		want     bool
	}{
		{"default branch, nothing was there", "refs/heads/main", "main", "", true},
		{"default branch, other dependencies", "refs/heads/main", "main", "k-1", true},
		{"default branch, the very one", "refs/heads/main", "main", "k-2", false},
		{"tag, nothing was there", "refs/tags/v1.0.0", "main", "", false},
		{"tag, other dependencies", "refs/tags/v1.0.0", "main", "k-1", false},
		{"tag of that name", "refs/tags/main", "main", "k-1", false},
		{"other branch", "refs/heads/feature", "main", "k-1", false},
		{"other branch, nothing was there", "refs/heads/feature", "main", "", true},
		{"pull request, nothing was there", "refs/pull/7/merge", "main", "", true},
		{"event without a repository", "refs/heads/", "", "k-1", false},
	} {
		event := map[string]any{}
		if test.branch != "" {
			event["repository"] = map[string]any{"default_branch": test.branch}
		}
		p := &program{
			environ: []string{"GSR_CACHE_KEY=k-2", "GSR_CACHE_RESTORED=" + test.restored},
			event:   &githubactions.GitHubContext{Ref: test.ref, Event: event},
		}

		if got := p.worthSaving(); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
