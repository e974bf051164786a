package github_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// An otherUser is somebody else who uses the API of the fake GitHub at the same time.
type otherUser struct {
	t   *testing.T
	url string
}

// send sends a request and fails the test unless it succeeds.
func (u otherUser) send(method, path, contentType, body string) {
	u.t.Helper()

	r, err := http.NewRequest(method, u.url+path, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer t")
	r.Header.Set("Content-Type", contentType)

	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body)
		u.t.Fatalf("%s %s: %s %s", method, path, answer.Status, text)
	}
}

func (u otherUser) createRelease(body string) {
	u.t.Helper()
	u.send(http.MethodPost, "/repos/octo/hello/releases", "application/json", body)
}

func (u otherUser) editRelease(id int64, body string) {
	u.t.Helper()
	u.send(http.MethodPatch, fmt.Sprintf("/repos/octo/hello/releases/%d", id), "application/json", body)
}

func (u otherUser) deleteRelease(id int64) {
	u.t.Helper()
	u.send(http.MethodDelete, fmt.Sprintf("/repos/octo/hello/releases/%d", id), "application/json", "")
}

func (u otherUser) attach(id int64, name, content string) {
	u.t.Helper()
	path := fmt.Sprintf("/uploads/repos/octo/hello/releases/%d/assets?name=%s", id, name)
	u.send(http.MethodPost, path, "application/octet-stream", content)
}

func (u otherUser) deleteAsset(id int64) {
	u.t.Helper()
	u.send(http.MethodDelete, fmt.Sprintf("/repos/octo/hello/releases/assets/%d", id), "application/json", "")
}

// A sharedGitHub is a fake GitHub that runs of this program share with another user.
type sharedGitHub struct {
	t     *testing.T
	gh    *githubtest.Server
	url   string // for clients
	other otherUser

	// beforeRequest is called before each request of a client, unless it is nil.
	beforeRequest func(*http.Request)
}

func newShared(t *testing.T, opts githubtest.Options) *sharedGitHub {
	t.Helper()
	s := &sharedGitHub{
		t:  t,
		gh: newServer(opts),
	}

	forOther := httptest.NewServer(s.gh)
	t.Cleanup(forOther.Close)
	s.other = otherUser{t, forOther.URL}

	forClients := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.beforeRequest != nil {
			s.beforeRequest(r)
		}
		s.gh.ServeHTTP(w, r)
	}))
	t.Cleanup(forClients.Close)
	s.url = forClients.URL

	return s
}

// client returns a new client, as each run has one.
func (s *sharedGitHub) client() *github.Client {
	s.t.Helper()
	return newClient(s.t, options(s.url))
}

// open opens the release with a new client.
func (s *sharedGitHub) open(w github.Wanted) *github.Release {
	s.t.Helper()
	return open(s.t, s.client(), w)
}

func (s *sharedGitHub) attach(rel *github.Release, files []github.Asset) {
	s.t.Helper()
	attachAll(s.t, rel, files)
}

func (s *sharedGitHub) publish(rel *github.Release, files []github.Asset) {
	s.t.Helper()
	attachAll(s.t, rel, files)
	if err := rel.Publish(s.t.Context(), files, true); err != nil {
		s.t.Fatal(err)
	}
}

// once returns a function that calls do before the first request that matches.
func once(match func(*http.Request) bool, do func()) func(*http.Request) {
	var done atomic.Bool
	return func(r *http.Request) {
		if match(r) && !done.Swap(true) {
			do()
		}
	}
}

// checkError fails the test unless the message of err contains all parts.
func checkError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !errorContains(err, part) {
			t.Errorf("expected %q, got: %v", part, err)
		}
	}
}
