package github_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// added is the release that the tests add files to.
func added() github.Wanted {
	want := wanted
	want.AddFiles = true
	return want
}

// startPublic returns a fake GitHub with a public release that has no files, a client, and a
// person who uses it, too. The release and its requests meet no fault.
func startPublic(t *testing.T, fault faultFunc) (*githubtest.Server, *github.Client, otherUser) {
	t.Helper()
	var ready atomic.Bool
	first := 0 // requests before the ones of the client

	gh := newServer(githubtest.Options{
		Fault: func(n int, r *http.Request) *githubtest.Fault {
			if !ready.Load() {
				first = n
				return nil
			}
			if fault == nil {
				return nil
			}
			return fault(n-first, r)
		},
	})
	t.Cleanup(func() { checkRequests(t, gh) })
	srv := httptest.NewServer(gh)
	t.Cleanup(srv.Close)

	user := otherUser{t, srv.URL}
	user.createRelease(`{"tag_name": "v1.0.0", "body": "by a person"}`)
	ready.Store(true)
	return gh, newClient(t, options(srv.URL)), user
}

// addFiles adds the files to the public release as a run does.
func addFiles(ctx context.Context, client *github.Client) error {
	rel, err := client.Open(ctx, added())
	if err != nil {
		return err
	}
	if err := rel.CheckConflicts(ctx, files); err != nil {
		return err
	}
	for _, f := range files {
		if _, err := rel.Attach(ctx, f); err != nil {
			return err
		}
	}
	return rel.Publish(ctx, files, true)
}

// checkAdded fails the test unless the release has the files, and never was a draft.
func checkAdded(t *testing.T, gh *githubtest.Server) {
	t.Helper()
	all := gh.Releases()
	if len(all) != 1 || all[0].Draft || all[0].Body != "by a person" || len(all[0].Assets) != len(files) {
		t.Errorf("%+v", all)
	}
	checkFiles(t, all[0], files)

	for _, seen := range gh.History() {
		if seen.Gone {
			t.Errorf("request %d made it a draft", seen.Request)
		}
	}
}

// Each request may fail while files are added, in every way in which uploads are known to fail.
func TestAddFilesWithFaults(t *testing.T) {
	gh, client, _ := startPublic(t, nil)
	if err := addFiles(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	checkAdded(t, gh)
	requests := len(gh.Requests()) - 1

	for number := 1; number <= requests; number++ {
		for _, fault := range []githubtest.Fault{
			{Status: 502},
			{AfterDone: true},
			{AfterDone: true, Reset: true},
			{Starter: true},
			{Truncate: true},
		} {
			gh, client, _ := startPublic(t, func(n int, _ *http.Request) *githubtest.Fault {
				if n == number {
					return &fault
				}
				return nil
			})
			if err := addFiles(t.Context(), client); err != nil {
				t.Errorf("request %d, %+v: %v", number, fault, err)
				continue
			}
			checkAdded(t, gh)
		}
	}
}

// A file that somebody else has added stays, and is reported before any file is sent.
func TestAddFilesConflict(t *testing.T) {
	gh, client, user := startPublic(t, nil)
	user.attach(gh.Releases()[0].ID, "b.zip", "of another build")

	err := addFiles(t.Context(), client)
	if !isRefusal(err) || !errorContains(err, "release v1.0.0 is public and has a different b.zip") {
		t.Errorf("got %v", err)
	}
	if n := len(gh.Releases()[0].Assets); n != 1 {
		t.Errorf("%d files", n)
	}
}

// A file that somebody adds after the look at the release stays, too.
func TestAddFilesConflictMeanwhile(t *testing.T) {
	gh, client, user := startPublic(t, nil)
	rel := open(t, client, added())
	if err := rel.CheckConflicts(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	user.attach(rel.ID(), "b.zip", "of another build")

	_, err := rel.Attach(t.Context(), files[1])
	if !isRefusal(err) || !errorContains(err, "release v1.0.0 is public and has a different b.zip") {
		t.Errorf("got %v", err)
	}
	if a, _ := gh.Releases()[0].Asset("b.zip"); string(a.Content) != "of another build" {
		t.Errorf("it was replaced: %+v", a)
	}
}

// A public release that somebody makes a draft meanwhile is not published again.
func TestWithdrawnMeanwhile(t *testing.T) {
	for name, want := range map[string]github.Wanted{
		"while files are added":    added(),
		"while files are compared": wanted,
	} {
		gh, client, user := startPublic(t, nil)
		for _, f := range files {
			if !want.AddFiles {
				user.attach(gh.Releases()[0].ID, f.Name, readAsset(t, f))
			}
		}
		rel := open(t, client, want)
		user.editRelease(rel.ID(), `{"draft": true, "tag_name": "v1.0.0"}`)

		attachAll(t, rel, files)
		err := rel.Refresh(t.Context())
		if err == nil {
			err = rel.Publish(t.Context(), files, true)
		}
		if !isRefusal(err) || !errorContains(err, "somebody has made it a draft") {
			t.Errorf("%s: %v", name, err)
		}
		if !gh.Releases()[0].Draft {
			t.Errorf("%s: it is public again", name)
		}
	}
}

// readAsset returns the content of an asset.
func readAsset(t *testing.T, a github.Asset) string {
	t.Helper()
	f, err := a.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
