package github_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// A draft of an earlier run, or of a person, is continued with the title and notes that it
// has. Files in it stay if they are the right ones, and are replaced otherwise.
func TestAdoptDraft(t *testing.T) {
	gh, client := start(t, githubtest.Options{})

	byHand := wanted
	byHand.Title = "By hand"
	byHand.Notes = "written by a person"
	first := open(t, client, byHand)
	if !first.Created {
		t.Fatal("the draft was not created")
	}
	attachAll(t, first, []github.Asset{files[0], file("b.zip", "of another commit")})

	rel := open(t, client, wanted)
	if rel.Created || rel.ID() != first.ID() || len(rel.Notices) != 1 {
		t.Fatalf("created %v, release %d, notices %q", rel.Created, rel.ID(), rel.Notices)
	}
	for i, want := range []string{github.Same, github.Replaced, github.Uploaded} {
		outcome, err := rel.Attach(t.Context(), files[i])
		if outcome != want || err != nil {
			t.Errorf("%s: %s, %v, expected %s", files[i].Name, outcome, err, want)
		}
	}
	if err := rel.Delete(t.Context()); err == nil {
		t.Error("somebody else's draft was deleted")
	}

	if err := rel.Publish(t.Context(), files, false); err != nil {
		t.Fatal(err)
	}
	checkComplete(t, gh)
	public := gh.Releases()[0]
	if public.Name != "By hand" || public.Body != "written by a person" {
		t.Errorf("title %q, notes %q", public.Name, public.Body)
	}
}

// A killed run may leave an empty draft beside the one that it used. It is deleted. A draft of
// a person is not.
func TestLeftoverDrafts(t *testing.T) {
	for _, test := range []struct {
		name     string
		body     string // of the second draft
		releases int    // in the end
		notice   bool
	}{
		{name: "same text", body: "notes", releases: 1, notice: false},
		{name: "other text", body: "by a person", releases: 2, notice: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			gh := newServer(githubtest.Options{})
			srv := httptest.NewServer(gh)
			defer srv.Close()
			user := otherUser{t, srv.URL}
			for _, body := range []string{"notes", test.body} {
				user.createRelease(fmt.Sprintf(
					`{"tag_name":"v1.0.0","target_commitish":%q,"name":"v1.0.0","body":%q,"draft":true}`,
					githubtest.Head, body))
			}

			client := newClient(t, options(srv.URL))
			rel := open(t, client, wanted)
			attachAll(t, rel, files)
			if err := rel.Publish(t.Context(), files, true); err != nil {
				t.Fatal(err)
			}

			all := gh.Releases()
			if len(all) != test.releases || all[0].Draft {
				t.Errorf("%d releases, the first a draft: %v", len(all), all[0].Draft)
			}
			notice := strings.Contains(notices(rel), "ignoring a second draft release of v1.0.0")
			if notice != test.notice {
				t.Errorf("notices: %q", rel.Notices)
			}
		})
	}
}

// Files that do not belong to the release never become public with it.
func TestExtraFilesInDraft(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel := open(t, client, wanted)
	attachAll(t, rel, files)
	attachAll(t, rel, []github.Asset{file("old_0.9.0.zip", "of another run")})

	err := rel.Publish(t.Context(), files, true)
	if !errorContains(err, `"old_0.9.0.zip": does not belong to this release`) {
		t.Errorf("published: %v", err)
	}
	checkRefused(t, client, wanted,
		"draft v1.0.0 has files that do not belong to this release: old_0.9.0.zip",
		"for f in old_0.9.0.zip; do gh release delete-asset v1.0.0 $f --repo octo/hello; done")
	if len(gh.History()) > 0 {
		t.Error("it was public")
	}
}

// Two runs release one tag on different machines. Neither breaks what the other has made.
func TestTwoRunsOfOneTag(t *testing.T) {
	t.Run("the first run gives up", func(t *testing.T) {
		gh, client := start(t, githubtest.Options{})
		slow := open(t, client, wanted)
		mustRelease(t, client) // continues the draft of the slow run, and finishes first

		err := slow.Delete(t.Context())
		if !errorContains(err, "another run has published it") || !slow.Published() {
			t.Errorf("a public release was deleted: %v", err)
		}
		checkComplete(t, gh)
	})

	t.Run("the first run continues", func(t *testing.T) {
		gh, client := start(t, githubtest.Options{})
		slow := open(t, client, wanted)
		mustRelease(t, client)

		// The slow run knows neither the files nor that the release is public.
		for _, f := range files {
			outcome, err := slow.Attach(t.Context(), f)
			if outcome == "" || err != nil {
				t.Errorf("%s: %q, %v", f.Name, outcome, err)
			}
		}
		if err := slow.Publish(t.Context(), files, true); err != nil {
			t.Error(err)
		}
		checkComplete(t, gh)
	})

	t.Run("the first run gives up while the other is at work", func(t *testing.T) {
		gh, client := start(t, githubtest.Options{})
		slow := open(t, client, wanted)
		other := open(t, client, wanted)
		attachAll(t, other, files[:1])

		err := slow.Delete(t.Context())
		if err == nil || len(gh.Releases()) != 1 {
			t.Errorf("the draft of another run was deleted: %v", err)
		}
	})
}

// A release that a person published without the files cannot be completed. That is reported
// before anything is compiled.
func TestPublicWithoutFiles(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	rel := open(t, client, wanted)
	if err := rel.Publish(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}

	checkRefused(t, client, wanted,
		"release v1.0.0 is already public and has no a.tar.gz",
		"--overwrite # makes the release a draft until all its files are replaced\nor: use a new tag")
	all := gh.Releases()
	if len(all) != 1 || len(all[0].Assets) > 0 {
		t.Errorf("%+v", all)
	}
}

// The tag may have been moved since it was pushed.
func TestMovedTag(t *testing.T) {
	gh, client := start(t, githubtest.Options{
		Tags:    map[string]string{"v1.0.0": elsewhere},
		Commits: []string{elsewhere},
	})
	checkRefused(t, client, wanted,
		"tag v1.0.0 is at commit 7638417db6d5 on GitHub, but the release is for 6dcb09b5b578",
		"git fetch --force --tags")
	if len(gh.Releases()) > 0 {
		t.Errorf("%+v", gh.Releases())
	}
}

// If the tag is not on GitHub, the draft says at which commit it will be created.
func TestTagNotOnGitHub(t *testing.T) {
	gh, client := start(t, githubtest.Options{
		Tags:    map[string]string{},
		Commits: []string{elsewhere},
	})
	other := wanted
	other.Commit = elsewhere
	open(t, client, other)
	checkRefused(t, client, wanted,
		"publishing the draft would create it at "+elsewhere,
		"git push origin v1.0.0")
	if len(gh.History()) > 0 {
		t.Error("it was public")
	}

	gh, client = start(t, githubtest.Options{Tags: map[string]string{}})
	mustRelease(t, client)
	checkComplete(t, gh)
}
