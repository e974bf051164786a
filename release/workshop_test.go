package release

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/workspace/gittest"
	"github.com/org/go-static-release/release/github/githubtest"
)

const testToken = "ghs_s3cretT0ken"

const helloSource = "package main\n\nfunc main() { println(\"hello\") }\n"

// A workshop is a project, a fake GitHub and the environment of a workflow run.
type workshop struct {
	t      *testing.T
	dir    string // the project
	dist   string
	commit string
	attach []string // names of the files that the release attaches unchanged

	gh     *githubtest.Server
	env    []string
	before func(*http.Request) // called before the fake handles a request
	after  func(*http.Request) // called after it

	out  string       // what the last run printed
	line func(string) // called with everything the program prints, as it prints it
}

// A watcher is a buffer that calls line with everything written to it.
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

// newWorkshop makes a project with the given main.go, tagged v1.2.3, and a fake GitHub that
// has its commit and tag.
func newWorkshop(t *testing.T, source string, opts githubtest.Options) *workshop {
	t.Helper()
	w := &workshop{
		t:    t,
		dir:  t.TempDir(),
		dist: filepath.Join(t.TempDir(), "dist"),
	}

	writeFile(t, filepath.Join(w.dir, "go.mod"), "module example.com/hello\n\ngo 1.24\n")
	writeFile(t, filepath.Join(w.dir, "main.go"), source)
	writeFile(t, filepath.Join(w.dir, "LICENSE"), "text\n")
	w.git("init", "--quiet", "--initial-branch=main")
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message=first")
	w.git("tag", "v1.2.3")
	w.commit = strings.TrimSpace(w.git("rev-parse", "HEAD"))

	opts.Token = testToken
	opts.ReadToken = "read-only"
	opts.Head = w.commit
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

	w.env = gittest.Environ()
	w.env = append(w.env,
		"GITHUB_ACTIONS=true",
		"GITHUB_REF=refs/tags/v1.2.3",
		"GITHUB_SHA="+w.commit,
		"GITHUB_REPOSITORY=octo/hello",
		"GITHUB_API_URL="+srv.URL,
		"GITHUB_OUTPUT="+filepath.Join(w.t.TempDir(), "output"),
		"GITHUB_STEP_SUMMARY="+filepath.Join(w.t.TempDir(), "summary"),
		"GITHUB_EVENT_PATH=",
		"GOENV=off", // settings of "go env -w" on this machine do not count
		"GOTOOLCHAIN=local",
		"GITHUB_TOKEN=",
		"GH_TOKEN=",
		"INPUT_TOKEN="+testToken,
		"INPUT_DIRECTORY="+w.dir,
		"INPUT_DIST="+w.dist,
		"INPUT_TARGETS=linux/amd64 windows/amd64",
	)

	return w
}

func (w *workshop) git(args ...string) string {
	w.t.Helper()
	return gittest.Run(w.t, w.dir, args...)
}

// write writes a file of the project.
func (w *workshop) write(name, content string) {
	w.t.Helper()
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(path, []byte(content), 0o644),
	)
	if err != nil {
		w.t.Fatal(err)
	}
}

// link makes a symbolic link in the project.
func (w *workshop) link(target, name string) {
	w.t.Helper()
	if err := os.Symlink(target, filepath.Join(w.dir, name)); err != nil {
		w.t.Skip("links cannot be made here: ", err)
	}
}

func (w *workshop) remove(name string) {
	w.t.Helper()
	remove(w.t, filepath.Join(w.dir, filepath.FromSlash(name)))
}

// run runs the program as a step of the workflow. It fails the test unless the exit status
// is the given one.
func (w *workshop) run(ctx context.Context, status int, env ...string) {
	w.t.Helper()
	out := watcher{line: w.line}
	got := Main(ctx, nil, append(slices.Clone(w.env), env...), &out, &out)
	w.out = out.String()
	if got != status {
		w.t.Fatalf("exit status %d, expected %d:\n%s", got, status, w.out)
	}
}

// said fails the test unless the last run printed each of the parts.
func (w *workshop) said(parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if !strings.Contains(w.out, part) {
			w.t.Errorf("%q was not printed:\n%s", part, w.out)
		}
	}
}

// neverSaid fails the test if the last run printed one of the parts.
func (w *workshop) neverSaid(parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if strings.Contains(w.out, part) {
			w.t.Errorf("%q was printed:\n%s", part, w.out)
		}
	}
}

// published returns the only release, which must be public and complete, and must have been
// complete whenever it was public.
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

// complete fails the test unless the release has every file with the bytes in dist/.
func (w *workshop) complete(rel githubtest.Release) {
	w.t.Helper()
	want := []string{
		"hello_1.2.3_linux_amd64.tar.gz",
		"hello_1.2.3_windows_amd64.zip",
		"checksums.txt",
	}
	want = append(want, w.attach...)
	if len(rel.Assets) != len(want) {
		w.t.Errorf("%d files, expected %d", len(rel.Assets), len(want))
	}

	for _, name := range want {
		asset, ok := rel.Asset(name)
		local, err := os.ReadFile(filepath.Join(w.dist, name))
		if err != nil || !ok || asset.State != "uploaded" || !bytes.Equal(asset.Content, local) {
			w.t.Errorf("%s on GitHub: %v, state %q, %d bytes; here: %d bytes, %v",
				name, ok, asset.State, asset.Size, len(local), err)
		}
	}
}

// requests counts the requests with the given method whose path ends in suffix.
func (w *workshop) requests(method, suffix string) (n int) {
	for _, r := range w.gh.Requests() {
		if r.Method == method && strings.HasSuffix(r.Path, suffix) {
			n++
		}
	}
	return n
}

// output returns the value of an output of the action, read as the runner reads it.
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

// file returns the content of the file that an environment variable names.
func (w *workshop) file(variable string) string {
	w.t.Helper()
	data, err := os.ReadFile(getenvOf(w.env)(variable))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// strangerEnv returns the environment of somebody who has no token and runs the program
// outside of a workflow.
func (w *workshop) strangerEnv() []string {
	return append(slices.Clone(w.env),
		"GITHUB_ACTIONS=false",
		"INPUT_TOKEN=",
		"INPUT_DIRECTORY=",
		"INPUT_DIST=",
		"INPUT_TARGETS=",
	)
}

// runVerify runs the command verify on the given arguments and returns its exit status and
// what it printed.
func runVerify(t *testing.T, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	status = Main(t.Context(), append([]string{"verify", "--no-workflow"}, args...), env, &out, &log)
	return status, out.String(), log.String()
}

// laptopEnv returns the environment of the tests, as it is outside of a workflow.
func laptopEnv() []string {
	return append(os.Environ(), "GITHUB_ACTIONS=")
}
