package github_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/hint"
)

// The release that most tests make.
var (
	wanted = github.Wanted{
		Tag:     "v1.0.0",
		Version: "1.0.0",
		Commit:  githubtest.Head,
		Notes:   "notes",
		Files:   []string{"a.tar.gz", "b.zip", "checksums.txt"},
	}
	files = []github.Asset{
		file("a.tar.gz", "archive a"),
		file("b.zip", strings.Repeat("archive b ", 1000)),
		file("checksums.txt", "sums\n"),
	}
)

// elsewhere is a commit that is not the one of the release.
const elsewhere = "7638417db6d59f3c431d3e1f261cc637155684cd"

// file returns an asset with the given content.
func file(name, content string) github.Asset {
	return github.Asset{
		Name:   name,
		Size:   int64(len(content)),
		SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
		Open: func() (io.ReadSeekCloser, error) {
			return nopCloser{strings.NewReader(content)}, nil
		},
	}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// start returns a fake GitHub and a client of it.
func start(t *testing.T, opts githubtest.Options) (*githubtest.Server, *github.Client) {
	t.Helper()
	gh, client, _ := startSaying(t, opts)
	return gh, client
}

// startSaying is like start. It also returns a function that returns what the client said.
func startSaying(
	t *testing.T, opts githubtest.Options,
) (gh *githubtest.Server, client *github.Client, said func() string) {
	t.Helper()

	gh = newServer(opts)
	t.Cleanup(func() { checkRequests(t, gh) })
	srv := httptest.NewServer(gh)
	t.Cleanup(srv.Close)

	var mu sync.Mutex
	var lines []string
	o := options(srv.URL)
	o.Say = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}

	return gh, newClient(t, o), func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(lines, "\n")
	}
}

// newServer returns a fake GitHub that knows the token of options. Unless opts says
// otherwise, it has the tag of the release.
func newServer(opts githubtest.Options) *githubtest.Server {
	opts.Token = "t"
	if opts.Tags == nil {
		opts.Tags = map[string]string{"v1.0.0": githubtest.Head}
	}
	return githubtest.New(opts)
}

// options returns the options for a client of a fake GitHub. Its seconds take milliseconds.
func options(url string) github.Options {
	return github.Options{
		APIURL:     url,
		Repository: "octo/hello",
		Token:      "t",
		Second:     time.Millisecond,
	}
}

func newClient(t testing.TB, o github.Options) *github.Client {
	t.Helper()
	client, err := github.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// checkRequests fails the test if a request did not fit GitHub's own description of its API.
func checkRequests(t *testing.T, gh *githubtest.Server) {
	t.Helper()
	for _, violation := range gh.Invalid() {
		t.Errorf("against GitHub's description: %s", violation)
	}
}

// open opens the release.
func open(t testing.TB, client *github.Client, w github.Wanted) *github.Release {
	t.Helper()
	rel, err := client.Open(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// attachAll attaches files to the release.
func attachAll(t testing.TB, rel *github.Release, files []github.Asset) {
	t.Helper()
	for _, f := range files {
		if _, err := rel.Attach(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
}

// release opens the release, attaches its files and publishes it.
func release(t *testing.T, client *github.Client) error {
	t.Helper()

	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := rel.Attach(t.Context(), f); err != nil {
			return err
		}
	}
	return rel.Publish(t.Context(), files, true)
}

// mustRelease is like release, and fails the test if that fails.
func mustRelease(t *testing.T, client *github.Client) {
	t.Helper()
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
}

// checkComplete fails the test unless there is exactly one release, which is public, has
// every file, and was never public without them.
func checkComplete(t *testing.T, gh *githubtest.Server) {
	t.Helper()

	all := gh.Releases()
	if len(all) != 1 || all[0].Draft {
		for _, r := range all {
			t.Errorf("release %d, draft %v, %d files", r.ID, r.Draft, len(r.Assets))
		}
		t.Fatalf("%d releases, want one, public", len(all))
	}

	for _, seen := range gh.History() {
		checkFiles(t, seen.Release, files)
	}
	checkFiles(t, all[0], files)
}

// checkFiles fails the test unless a public release has all of the files.
func checkFiles(t *testing.T, rel githubtest.Release, files []github.Asset) {
	t.Helper()
	for _, f := range files {
		a, ok := rel.Asset(f.Name)
		if !ok || a.State != "uploaded" || a.Digest != "sha256:"+f.SHA256 {
			t.Errorf("public with %s: %v, %s, %s", f.Name, ok, a.State, a.Digest)
		}
	}
}

// errorContains reports whether err is an error whose message contains text.
func errorContains(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}

// hintOf returns the hint of an error, as on a terminal, or "" if it has none.
func hintOf(err error) string { return hint.Words(problem.RemedyOf(err), false) }

// isRefusal reports whether err is a Refusal.
func isRefusal(err error) bool {
	var refusal *github.Refusal
	return errors.As(err, &refusal)
}

// checkRefused fails the test unless Open returns a Refusal with this message and this hint.
func checkRefused(t *testing.T, client *github.Client, w github.Wanted, message, hint string) {
	t.Helper()
	_, err := client.Open(t.Context(), w)
	if !isRefusal(err) || !errorContains(err, message) || !strings.Contains(hintOf(err), hint) {
		t.Errorf("not refused as expected: %v\nhint: %s", err, hintOf(err))
	}
}

// notices returns the notices of a release, one per line.
func notices(rel *github.Release) string { return strings.Join(rel.Notices, "\n") }

// Requests that tests recognize.

func isCreate(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/releases")
}

func isPublication(r *http.Request) bool { return r.Method == http.MethodPatch }

// isUploadOf returns a function that recognizes uploads of the file.
func isUploadOf(name string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "name="+name)
	}
}

func isAssetList(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/assets")
}

// A faultFunc returns the fault of the n-th request, or nil. It is for Options.Fault.
type faultFunc = func(n int, r *http.Request) *githubtest.Fault

// failing returns a faultFunc with which the first n requests that match have the fault, and
// the number of requests that have had it.
func failing(n int, fault *githubtest.Fault, match func(*http.Request) bool) (faultFunc, *int) {
	count := new(int)
	return func(_ int, r *http.Request) *githubtest.Fault {
		if *count < n && match(r) {
			*count++
			return fault
		}
		return nil
	}, count
}

// always returns a faultFunc with which every request that matches has the fault.
func always(fault *githubtest.Fault, match func(*http.Request) bool) faultFunc {
	return func(_ int, r *http.Request) *githubtest.Fault {
		if match(r) {
			return fault
		}
		return nil
	}
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
