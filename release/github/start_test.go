package github_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// file is an asset with its content in memory.
func file(name, content string) github.Asset {
	return github.Asset{
		Name: name, Size: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
		Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader([]byte(content))}, nil },
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

// startSaying also returns what the client says.
func startSaying(t *testing.T, opts githubtest.Options) (*githubtest.Server, *github.Client, func() string) {
	t.Helper()
	opts.Token = "t"
	if opts.Tags == nil {
		opts.Tags = map[string]string{"v1.0.0": githubtest.Head}
	}
	gh := githubtest.New(opts)
	srv := httptest.NewServer(gh)
	t.Cleanup(srv.Close)
	t.Cleanup(func() {
		for _, violation := range gh.Invalid() {
			t.Errorf("against GitHub's description: %s", violation)
		}
	})
	var mu sync.Mutex
	var lines []string
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}
	client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: time.Millisecond, Say: say})
	if err != nil {
		t.Fatal(err)
	}
	return gh, client, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(lines, "\n")
	}
}

var (
	wanted = github.Wanted{Tag: "v1.0.0", Commit: githubtest.Head, Notes: "notes", Files: []string{"a.tar.gz", "b.zip", "checksums.txt"}}
	files  = []github.Asset{file("a.tar.gz", "archive a"), file("b.zip", strings.Repeat("archive b ", 1000)), file("checksums.txt", "sums\n")}
)

// release does what a run does, from the opening to the publication.
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

// whole fails the test unless there is one release, public, with every file, and it
// was never public without them.
func whole(t *testing.T, gh *githubtest.Server) {
	t.Helper()
	all := gh.Releases()
	if len(all) != 1 || all[0].Draft {
		for _, r := range all {
			t.Errorf("release %d, draft %v, %d files", r.ID, r.Draft, len(r.Assets))
		}
		t.Fatalf("%d releases, want one, public", len(all))
	}
	states := append(gh.History(), githubtest.Appearance{Release: all[0]})
	for _, seen := range states {
		for _, f := range files {
			if a, ok := seen.Release.Asset(f.Name); !ok || a.State != "uploaded" || a.Digest != "sha256:"+f.SHA256 {
				t.Errorf("public with %s: %v, %s, %s", f.Name, ok, a.State, a.Digest)
			}
		}
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
