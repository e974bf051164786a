package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// The draft of an earlier run, or of a person, is continued: by its tag, the oldest,
// with the notes it has; what is there stays, what is broken or different is replaced.
func TestAdoptDraft(t *testing.T) {
	gh, client := start(t, githubtest.Options{ListDelay: 0, Fault: func(n int, r *http.Request) *githubtest.Fault {
		if strings.Contains(r.URL.RawQuery, "broken") {
			return &githubtest.Fault{Starter: true, Reset: true}
		}
		return nil
	}})
	first, err := client.Open(t.Context(), github.Wanted{Tag: "v1.0.0", Commit: githubtest.Head, Title: "By hand", Notes: "written by a person", Files: wanted.Files})
	if err != nil || !first.Created {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, f := range []github.Asset{files[0], file("b.zip", "of another commit")} {
		if _, err := first.Attach(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	rel, err := client.Open(t.Context(), wanted)
	if err != nil || rel.Created || rel.ID() != first.ID() || len(rel.Notices) != 1 {
		t.Fatalf("%+v, %v", rel, err)
	}
	for i, want := range []string{github.Same, github.Replaced, github.Uploaded} {
		if outcome, err := rel.Attach(t.Context(), files[i]); outcome != want || err != nil {
			t.Errorf("%s: %s, %v, expected %s", files[i].Name, outcome, err, want)
		}
	}
	if err := rel.Delete(t.Context()); err == nil {
		t.Error("somebody else's draft was deleted")
	}
	if err := rel.Publish(t.Context(), files, false); err != nil {
		t.Fatal(err)
	}
	whole(t, gh)
	if public := gh.Releases()[0]; public.Name != "By hand" || public.Body != "written by a person" {
		t.Errorf("title %q, notes %q", public.Name, public.Body)
	}
}

// An empty draft that a killed run left beside the one it used goes; a person's stays.
func TestTwins(t *testing.T) {
	for _, test := range []struct {
		body string
		left int // releases
		told bool
	}{{"notes", 1, false}, {"by a person", 2, true}} {
		gh := githubtest.New(githubtest.Options{Token: "t", Tags: map[string]string{"v1.0.0": githubtest.Head}})
		srv := httptest.NewServer(gh)
		defer srv.Close()
		for _, body := range []string{"notes", test.body} {
			draft := fmt.Sprintf(`{"tag_name":"v1.0.0","target_commitish":%q,"name":"v1.0.0","body":%q,"draft":true}`, githubtest.Head, body)
			r, err := http.NewRequest(http.MethodPost, srv.URL+"/repos/octo/hello/releases", strings.NewReader(draft))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer t")
			r.Header.Set("Content-Type", "application/json")
			answer, err := http.DefaultClient.Do(r)
			if err != nil || answer.StatusCode != http.StatusCreated {
				t.Fatalf("%v, %v", answer, err)
			}
			answer.Body.Close()
		}
		client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		rel, err := client.Open(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if _, err := rel.Attach(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		if err := rel.Publish(t.Context(), files, true); err != nil {
			t.Fatal(err)
		}
		all := gh.Releases()
		if told := strings.Contains(strings.Join(rel.Notices, "\n"), "ignoring a second draft release of v1.0.0"); len(all) != test.left || all[0].Draft || told != test.told {
			t.Errorf("%s: %d releases, %q", test.body, len(all), rel.Notices)
		}
	}
}

// What is not of this release never becomes public with it.
func TestForeignFilesInADraft(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(slices.Clone(files), file("old_0.9.0.zip", "of another run")) {
		if _, err := rel.Attach(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if err := rel.Publish(t.Context(), files, true); err == nil || !strings.Contains(err.Error(), `"old_0.9.0.zip": does not belong to this release`) {
		t.Errorf("published: %v", err)
	}
	refused(t, client, wanted, "draft v1.0.0 has files that do not belong to this release: old_0.9.0.zip", "for f in old_0.9.0.zip; do gh release delete-asset v1.0.0 $f --repo octo/hello; done")
	if len(gh.History()) > 0 {
		t.Error("it was public")
	}
}

// refused fails the test unless Open refuses with this message and this hint.
func refused(t *testing.T, client *github.Client, w github.Wanted, message, hint string) {
	t.Helper()
	_, err := client.Open(t.Context(), w)
	var refusal *github.Refusal
	var hinted interface{ Hint() string }
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), message) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), hint) {
		t.Errorf("not refused so: %v", err)
	}
}

// Two runs of one tag, on different machines: neither breaks what the other made.
func TestTwoRunsOfOneTag(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	slow, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(t, client); err != nil { // continues the draft of the slow one, and is done first
		t.Fatal(err)
	}
	if err := slow.Delete(t.Context()); err == nil || !strings.Contains(err.Error(), "another run has published it") || !slow.Published() {
		t.Errorf("a public release was deleted: %v", err)
	}
	whole(t, gh)

	gh, client = start(t, githubtest.Options{})
	if slow, err = client.Open(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	for _, f := range files { // it knows of none of them, nor that the release is public
		if outcome, err := slow.Attach(t.Context(), f); outcome == "" || err != nil {
			t.Errorf("%s: %q, %v", f.Name, outcome, err)
		}
	}
	if err := slow.Publish(t.Context(), files, true); err != nil {
		t.Error(err)
	}
	whole(t, gh)

	gh, client = start(t, githubtest.Options{})
	if slow, err = client.Open(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	other, err := client.Open(t.Context(), wanted)
	if err == nil {
		_, err = other.Attach(t.Context(), files[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := slow.Delete(t.Context()); err == nil || len(gh.Releases()) != 1 {
		t.Errorf("the draft was deleted under another run: %v", err)
	}
}

// A release that a person made public, without the files, cannot be completed; it is
// said before anything is compiled.
func TestPublicWithoutFiles(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel, err := client.Open(t.Context(), wanted)
	if err == nil {
		err = rel.Publish(t.Context(), nil, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	refused(t, client, wanted, "release v1.0.0 is already public and has no a.tar.gz", "run again with --overwrite")
	if len(gh.Releases()) != 1 || len(gh.Releases()[0].Assets) > 0 {
		t.Errorf("%+v", gh.Releases())
	}
}

// The tag may have been moved since it was pushed, before the run or during it.
func TestMovedTag(t *testing.T) {
	const elsewhere = "7638417db6d59f3c431d3e1f261cc637155684cd"
	moved, client := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": elsewhere}, Commits: []string{elsewhere}})
	refused(t, client, wanted, "tag v1.0.0 is at commit 7638417db6d5 on GitHub, but the release is for 6dcb09b5b578", "git fetch --force --tags")
	if len(moved.Releases()) > 0 {
		t.Errorf("%+v", moved.Releases())
	}
	// Not on GitHub at all: the draft says where it will be made, and that must be right.
	gh, client := start(t, githubtest.Options{Tags: map[string]string{}, Commits: []string{elsewhere}})
	other := wanted
	other.Commit = elsewhere
	if _, err := client.Open(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	refused(t, client, wanted, "publishing the draft would create it at "+elsewhere, "git push origin v1.0.0")
	if len(gh.History()) > 0 {
		t.Error("it was public")
	}
	gh, client = start(t, githubtest.Options{Tags: map[string]string{}})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	whole(t, gh)
}
