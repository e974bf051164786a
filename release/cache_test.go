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

	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/term"

	"github.com/org/go-static-release/build/gocache"

	"github.com/org/go-static-release/release/actions"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/go-static-release/release/github/githubtest"
)

// newCacheShop is a workshop without a build cache of its own, for one target.
func newCacheShop(t *testing.T) *workshop {
	t.Helper()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.env = append(w.env, "GOCACHE=", "RUNNER_TEMP="+t.TempDir(), "INPUT_TARGETS=linux/amd64", "INPUT_CACHE=true", "GITHUB_REF=refs/heads/main")
	return w
}

// cacheKey runs the command, which must succeed whatever is wrong, and returns its outputs.
func (w *workshop) cacheKey(env ...string) map[string]string {
	w.t.Helper()
	output := filepath.Join(w.t.TempDir(), "output")
	var out bytes.Buffer
	env = append(append(slices.Clone(w.env), "GITHUB_OUTPUT="+output), env...)
	if status := Main(w.t.Context(), []string{"cache-key"}, env, &out, &out); status != 0 {
		w.t.Fatalf("exit status %d: %s", status, out.String())
	}
	w.out = out.String()
	if strings.Contains(w.out, "::error") || strings.Contains(w.out, "::warning") {
		w.t.Errorf("wrong settings are for the next step to tell:\n%s", w.out)
	}
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
	if dir := first["path"]; filepath.Base(dir)+"-" != first["restore-key"] || !strings.HasPrefix(first["key"], first["restore-key"]) || len(first) != 3 {
		t.Fatalf("outputs: %v\n%s", first, w.out)
	}
	if fi, err := os.Stat(first["path"]); err != nil || !fi.IsDir() {
		t.Errorf("the cache was not made: %v", err)
	}
	if again := w.cacheKey("INPUT_LDFLAGS=-s", "INPUT_PARALLELISM=1"); again["key"] != first["key"] {
		t.Errorf("%v, expected %v", again, first)
	}
	if other := w.cacheKey("INPUT_TARGETS=linux/arm64"); other["path"] == first["path"] || other["key"] == first["key"] {
		t.Errorf("another request has the same cache: %v", other)
	}
	saved := filepath.Join(t.TempDir(), "env") // what go env -w writes
	if err := os.WriteFile(saved, []byte("GOCACHEPROG=keeper\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ env, said string }{
		{"INPUT_CACHE=false", "no build cache is kept: cache is false (input cache)\n"},
		{"GOCACHE=" + t.TempDir(), "no build cache is kept: the job has its own, named by GOCACHE\n"},
		{"GOCACHEPROG=keeper --fast", "no build cache is kept: the go command keeps what it compiles elsewhere, with GOCACHEPROG\n"},
		{"GOENV=" + saved, "no build cache is kept: the go command keeps what it compiles elsewhere, with GOCACHEPROG\n"},
		{"RUNNER_TEMP=", "no build cache is kept: RUNNER_TEMP is not set\n"},
		{"INPUT_ARCHIVE=rar", "no build cache is kept: the settings are invalid\n"},
		{"INPUT_DIRECTORY=missing", "no build cache is kept: directory missing does not exist\n"},
	} {
		if got := w.cacheKey(test.env); len(got) > 0 {
			t.Errorf("%s: outputs %v", test.env, got)
		}
		w.said(test.said)
	}
	// A directory that somebody else made is left alone.
	if err := os.Remove(filepath.Join(first["path"], "go-static-release.txt")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(first["path"], "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := w.cacheKey(); len(got) > 0 {
		t.Errorf("outputs %v", got)
	}
	w.said("is no build cache that this program made")
}

// The release uses the cache, and has it saved if it succeeds.
func TestCacheOfARun(t *testing.T) {
	w := newCacheShop(t)
	cache := w.cacheKey()
	env := []string{"GSR_CACHE=" + cache["path"], "GSR_CACHE_KEY=" + cache["key"]}
	w.run(t.Context(), 0, env...)
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

	if err := os.RemoveAll(w.dist); err != nil {
		t.Fatal(err)
	}
	output := "GITHUB_OUTPUT=" + filepath.Join(t.TempDir(), "output")
	w.run(t.Context(), 0, append(env, output, "GSR_CACHE_RESTORED="+cache["key"])...)
	if strings.Contains(w.out, "to save") {
		t.Errorf("what is saved already is saved again:\n%s", w.out)
	}
	w.run(t.Context(), 0, append(env, output)...)
	if strings.Contains(w.out, "to save") {
		t.Errorf("saved after a run that had the programs of an earlier one:\n%s", w.out)
	}
	if err := os.RemoveAll(w.dist); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "main.go"), []byte("package main\n\nfunc main() { wrong }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), 1, append(env, output)...)
	if strings.Contains(w.out, "to save") {
		t.Errorf("a run that failed is saved:\n%s", w.out)
	}
	w.git("checkout", "main.go")
	w.run(t.Context(), 0, append(env, output, "GSR_CACHE="+t.TempDir(), "GOCACHE="+cache["path"])...)
	w.said("note: going on without the action's build cache: ")
	if data, err := os.ReadFile(strings.TrimPrefix(output, "GITHUB_OUTPUT=")); err != nil || bytes.Contains(data, []byte("cache-save")) {
		t.Errorf("%v: %s", err, data)
	}
}

// What took longest when the cache was filled comes first, in a checkout without dist.
func TestCacheOrder(t *testing.T) {
	w := newCacheShop(t)
	cache := w.cacheKey()
	earlier := `{"schema": 2, "targets": [{"target": "linux/amd64", "status": "ok", "seconds": {"cpu": 1}}, {"target": "windows/amd64", "status": "ok", "seconds": {"cpu": 2}}]}`
	if err := os.WriteFile(filepath.Join(cache["path"], dist.ReportJSON), []byte(earlier), 0o644); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), 0, "GSR_CACHE="+cache["path"], "INPUT_TARGETS=linux/amd64 windows/amd64", "INPUT_PARALLELISM=1")
	if i := strings.Index(w.out, "ok         windows/amd64"); i < 0 || i > strings.Index(w.out, "ok         linux/amd64") {
		t.Errorf("the shortest first:\n%s", w.out)
	}
}

// What was published is not undone by a cache that cannot be saved.
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
	environ := []string{"GITHUB_ACTIONS=true", "GITHUB_OUTPUT=" + t.TempDir(), cacheKeyVar + "=k"}
	p := &program{environ: environ, log: &log, lines: term.NewLines(&log, nil), runner: actions.NewRunner(getenvOf(environ), &log), event: &githubactions.GitHubContext{}}
	p.keepCache(cache, []byte("{}"), true)
	if !strings.Contains(log.String(), "note: the build cache is not saved: writing GITHUB_OUTPUT: ") {
		t.Errorf("said: %s", &log)
	}
}

func TestCacheWorthSaving(t *testing.T) {
	for _, test := range []struct {
		name, ref, branch, restored string
		want                        bool
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
		p := &program{environ: []string{"GSR_CACHE_KEY=k-2", "GSR_CACHE_RESTORED=" + test.restored},
			event: &githubactions.GitHubContext{Ref: test.ref, Event: event}}
		if got := p.worthSaving(); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
