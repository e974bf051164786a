package release

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

const testToken = "ghs_s3cretT0ken"

// A workshop is a project, a fake GitHub and the environment of a workflow run.
type workshop struct {
	t      *testing.T
	dir    string // of the project
	dist   string
	commit string
	attach []string // names of files that are attached as they are
	gh     *githubtest.Server
	env    []string
	before func(*http.Request) // called before the fake handles a request
	after  func(*http.Request)

	out  string       // of the last run
	line func(string) // called with everything the program writes, as it is written
}

// A watcher hands on what is written through it.
type watcher struct {
	bytes.Buffer
	line func(string)
}

func (w *watcher) Write(p []byte) (int, error) {
	if w.line != nil {
		w.line(string(p))
	}
	return w.Buffer.Write(p)
}

// newWorkshop makes a project with the given main.go, tagged v1.2.3, and a GitHub to
// which it was pushed.
func newWorkshop(t *testing.T, source string, opts githubtest.Options) *workshop {
	t.Helper()
	w := &workshop{t: t, dir: t.TempDir(), dist: filepath.Join(t.TempDir(), "dist")}
	for name, content := range map[string]string{"go.mod": "module example.com/hello\n\ngo 1.24\n", "main.go": source, "LICENSE": "text\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.git("init", "--quiet", "--initial-branch=main")
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message=first")
	w.git("tag", "v1.2.3")
	w.commit = strings.TrimSpace(w.git("rev-parse", "HEAD"))

	opts.Token, opts.ReadToken, opts.Head = testToken, "read-only", w.commit
	opts.Tags = map[string]string{"v1.2.3": w.commit}
	w.gh = githubtest.New(opts)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.before != nil {
			w.before(r)
		}
		w.gh.ServeHTTP(rw, r)
		if w.after != nil {
			w.after(r)
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() {
		for _, violation := range w.gh.Invalid() {
			t.Errorf("against GitHub's description: %s", violation)
		}
	})
	w.env = append(os.Environ(), gitEnv...)
	w.env = append(w.env,
		"GITHUB_ACTIONS=true", "GITHUB_REF=refs/tags/v1.2.3", "GITHUB_SHA="+w.commit, "GITHUB_REPOSITORY=octo/hello",
		"GITHUB_API_URL="+srv.URL, "GITHUB_OUTPUT="+filepath.Join(w.t.TempDir(), "output"),
		"GITHUB_STEP_SUMMARY="+filepath.Join(w.t.TempDir(), "summary"), "GITHUB_EVENT_PATH=",
		"GITHUB_TOKEN=", "GH_TOKEN=",
		"INPUT_TOKEN="+testToken, "INPUT_DIRECTORY="+w.dir, "INPUT_DIST="+w.dist, "INPUT_TARGETS=linux/amd64 windows/amd64",
	)
	return w
}

func (w *workshop) git(args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), gitEnv...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v: %s", args, err, out)
	}
	return string(out)
}

// run runs the program in the workflow and fails the test unless it exits with status.
func (w *workshop) run(ctx context.Context, status int, env ...string) {
	w.t.Helper()
	out := watcher{line: w.line}
	got := Main(ctx, nil, append(slices.Clone(w.env), env...), &out, &out)
	w.out = out.String()
	if got != status {
		w.t.Fatalf("exit status %d, expected %d:\n%s", got, status, w.out)
	}
}

func (w *workshop) said(parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if !strings.Contains(w.out, part) {
			w.t.Errorf("%q was not said:\n%s", part, w.out)
		}
	}
}

// published returns the one release there is, which must be public and complete.
func (w *workshop) published() githubtest.Release {
	w.t.Helper()
	all := w.gh.Releases()
	if len(all) != 1 {
		w.t.Fatalf("%d releases, expected one: %+v", len(all), all)
	}
	rel := all[0]
	if rel.Draft || rel.Tag != "v1.2.3" {
		w.t.Fatalf("release of %s, draft %v", rel.Tag, rel.Draft)
	}
	w.complete(rel)
	for _, seen := range w.gh.History() {
		w.complete(seen.Release)
	}
	return rel
}

// complete fails the test unless the release has every file with the bytes of dist/.
func (w *workshop) complete(rel githubtest.Release) {
	w.t.Helper()
	want := append([]string{"hello_1.2.3_linux_amd64.tar.gz", "hello_1.2.3_windows_amd64.zip", "checksums.txt"}, w.attach...)
	if len(rel.Assets) != len(want) {
		w.t.Errorf("%d files, expected %d", len(rel.Assets), len(want))
	}
	for _, name := range want {
		asset, ok := rel.Asset(name)
		local, err := os.ReadFile(filepath.Join(w.dist, name))
		if err != nil || !ok || asset.State != "uploaded" || !bytes.Equal(asset.Content, local) {
			w.t.Errorf("%s on GitHub: %v, state %q, %d bytes; here: %d bytes, %v", name, ok, asset.State, asset.Size, len(local), err)
		}
	}
}

// requests counts the requests of a method whose path ends so.
func (w *workshop) requests(method, suffix string) (n int) {
	for _, r := range w.gh.Requests() {
		if r.Method == method && strings.HasSuffix(r.Path, suffix) {
			n++
		}
	}
	return n
}

const helloSource = "package main\n\nfunc main() { println(\"hello\") }\n"

// output reads an output back as the runner does.
func (w *workshop) output(name string) (value string) {
	lines := strings.Split(w.file("GITHUB_OUTPUT"), "\n")
	for i := 0; i < len(lines); i++ {
		key, delimiter, ok := strings.Cut(lines[i], "<<")
		if !ok {
			continue
		}
		end := i + 1 + slices.Index(lines[i+1:], delimiter)
		if key == name {
			value = strings.Join(lines[i+1:end], "\n")
		}
		i = end
	}
	return value
}

func (w *workshop) file(variable string) string {
	w.t.Helper()
	data, err := os.ReadFile(getenvOf(w.env)(variable))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}
