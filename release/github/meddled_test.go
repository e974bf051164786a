package github_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// The tests in this file change a release while a run is at work on it. What is public is
// never changed unless that was asked for, nothing of others is deleted, and nothing becomes
// public that was not checked.

// Two runs of one tag have different files. Those that the first run published stay.
func TestPublishedMeanwhile(t *testing.T) {
	s := newShared(t, githubtest.Options{})
	first := s.open(wanted)
	s.attach(first, files)
	second := s.open(wanted)
	if err := first.Publish(t.Context(), files, true); err != nil {
		t.Fatal(err)
	}

	_, err := second.Attach(t.Context(), file("a.tar.gz", "of another toolchain"))
	checkError(t, err, "release v1.0.0 is public and has a different a.tar.gz")
	const hint = "--overwrite # makes the release a draft until all its files are replaced\nor: use a new tag"
	if got := hintOf(err); got != hint {
		t.Errorf("hint: %s", got)
	}
	checkComplete(t, s.gh)
}

// A draft that somebody has edited is not published.
func TestDraftEdited(t *testing.T) {
	for name, test := range map[string]struct {
		tags map[string]string
		edit string
		want string
	}{
		"its tag": {
			edit: `{"tag_name":"v9.9.9"}`,
			want: `was created for tag v1.0.0 but is for "v9.9.9" now`,
		},
		"its notes": {
			edit: `{"body":"new notes"}`,
			want: `is for "untagged-`, // GitHub then forgets the tag
		},
		"its commit": {
			tags: map[string]string{},
			edit: `{"tag_name":"v1.0.0","target_commitish":"` + elsewhere + `"}`,
			want: "publishing the draft would create it at " + elsewhere,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShared(t, githubtest.Options{
				Tags:    test.tags,
				Commits: []string{elsewhere},
			})
			rel := s.open(wanted)
			s.attach(rel, files)
			s.other.editRelease(rel.ID(), test.edit)

			checkError(t, rel.Publish(t.Context(), files, true), test.want)
			if len(s.gh.History()) > 0 {
				t.Error("it was public")
			}
		})
	}
}

// A tag that moves during the run is noticed before the release is published.
func TestTagMovedMeanwhile(t *testing.T) {
	s := newShared(t, githubtest.Options{Tags: map[string]string{"v1.0.0": elsewhere}})
	w := wanted
	w.Commit = elsewhere
	rel := s.open(w)
	s.attach(rel, files)

	// From here on, the tag is where the main branch is.
	s.beforeRequest = func(r *http.Request) {
		r.URL.Path = strings.Replace(r.URL.Path, "/commits/tags/v1.0.0", "/commits/main", 1)
	}
	err := rel.Publish(t.Context(), files, true)
	checkError(t, err,
		"tag v1.0.0 is at commit 6dcb09b5b578 on GitHub, but the release is for 7638417db6d5")
	if len(s.gh.History()) > 0 {
		t.Error("it was public")
	}
}

// A file that somebody replaces at the last moment is an error.
func TestReplacedAtTheLastMoment(t *testing.T) {
	s := newShared(t, githubtest.Options{})
	rel := s.open(wanted)
	s.attach(rel, files)
	s.beforeRequest = once(isPublication, func() {
		a, _ := s.gh.Releases()[0].Asset("b.zip")
		s.other.deleteAsset(a.ID)
		s.other.attach(rel.ID(), "b.zip", "wrong bytes")
	})

	err := rel.Publish(t.Context(), files, true)
	checkError(t, err, "the release is public, and somebody has changed it meanwhile", "b.zip: ")
}

// While one upload makes a public release a draft again, the others wait. They replace nothing
// before GitHub has done it.
func TestOverwriteWaitsForDraft(t *testing.T) {
	old := []github.Asset{
		file("a.tar.gz", "old a"),
		file("b.zip", "old b"),
		files[2],
	}
	s := newShared(t, githubtest.Options{})
	s.publish(s.open(wanted), old)

	w := wanted
	w.Overwrite = true
	rel := s.open(w)
	s.beforeRequest = func(r *http.Request) {
		switch r.Method {
		case http.MethodPatch:
			time.Sleep(100 * time.Millisecond) // the other upload gets ahead
		case http.MethodDelete:
			if !s.gh.Releases()[0].Draft {
				t.Error("a file of a public release was deleted")
			}
		}
	}

	var wg sync.WaitGroup
	for _, f := range files[:2] {
		wg.Go(func() {
			if _, err := rel.Attach(t.Context(), f); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.publish(rel, files)
	checkFiles(t, s.gh.Releases()[0], files)
}

// A run that made a public release a draft again may be killed. The next run finishes the
// release, including a file that was in it before.
func TestOverwriteKilled(t *testing.T) {
	old := []github.Asset{
		file("a.tar.gz", "old a"),
		file("b.zip", "old b"),
		files[2],
	}
	s := newShared(t, githubtest.Options{})
	rel := s.open(wanted)
	s.publish(rel, old)
	s.other.attach(rel.ID(), "extra.txt", "by a person")

	// This run is killed after its first file.
	w := wanted
	w.Overwrite = true
	rel = s.open(w)
	if !strings.Contains(notices(rel), "v1.0.0 keeps files that do not belong to this release") {
		t.Errorf("notices before the draft: %q", rel.Notices)
	}
	s.attach(rel, files[:1])
	draft := s.gh.Releases()[0]
	if !draft.Draft || draft.Tag != "v1.0.0" {
		t.Fatalf("not a draft of v1.0.0: %+v", draft)
	}

	rel = s.open(w)
	s.publish(rel, files)
	all := s.gh.Releases()
	_, kept := all[0].Asset("extra.txt")
	if len(all) != 1 || all[0].Draft || !kept || len(all[0].Assets) != 4 {
		t.Errorf("%+v", all)
	}
	if !strings.Contains(notices(rel), "keeps files that do not belong to this release") {
		t.Errorf("notices: %q", rel.Notices)
	}
}

// A draft that a person creates while ours fails is adopted. It is never deleted.
func TestDraftOfSomebodyElse(t *testing.T) {
	s := newShared(t, githubtest.Options{})
	s.beforeRequest = once(isCreate, func() {
		s.other.createRelease(
			`{"tag_name":"v1.0.0","draft":true,"name":"By hand","body":"two hours of writing"}`)
		panic(http.ErrAbortHandler)
	})

	rel := s.open(wanted)
	if rel.Created || len(rel.Notices) != 1 {
		t.Errorf("created %v, %q", rel.Created, rel.Notices)
	}
	if err := rel.Delete(t.Context()); err == nil || len(s.gh.Releases()) != 1 {
		t.Errorf("deleted: %v", err)
	}
}

// While this run creates a draft, another one publishes a release. This run uses what is
// public and deletes its draft, unless somebody has added a file to it.
func TestYieldToOtherRun(t *testing.T) {
	for _, test := range []struct {
		name     string
		inUse    bool
		releases int
		notices  int
	}{
		{name: "unused draft", inUse: false, releases: 1, notices: 0},
		{name: "draft in use", inUse: true, releases: 2, notices: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newShared(t, githubtest.Options{})
			isListWithDraft := func(r *http.Request) bool {
				isList := r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/releases")
				return isList && len(s.gh.Releases()) > 0
			}
			published := false
			s.beforeRequest = once(isListWithDraft, func() {
				published = true
				draft := s.gh.Releases()[0].ID
				s.other.createRelease(`{"tag_name":"v1.0.0","name":"public"}`)
				if test.inUse {
					s.other.attach(draft, "manual.pdf", "by hand")
				}
			})

			w := wanted
			w.Files = nil // the public release has none, and that is not tested here
			rel := s.open(w)
			if !published || rel.Created || !rel.Published() {
				t.Errorf("other run published: %v; created %v, published %v",
					published, rel.Created, rel.Published())
			}
			if len(s.gh.Releases()) != test.releases || len(rel.Notices) != test.notices {
				t.Errorf("%d releases, %q", len(s.gh.Releases()), rel.Notices)
			}
		})
	}
}

// A draft to which somebody has added a file is not deleted, even if uploads of this run have
// failed.
func TestDraftInUseIsNotDeleted(t *testing.T) {
	fault, _ := failing(3, &githubtest.Fault{Status: 502}, isUploadOf("a.tar.gz"))
	s := newShared(t, githubtest.Options{Fault: fault})
	rel := s.open(wanted)
	s.attach(rel, files[:1])

	s.other.attach(rel.ID(), "manual.pdf", "by hand")
	checkError(t, rel.Delete(t.Context()), "somebody else has added manual.pdf to it")
	if len(s.gh.Releases()) != 1 {
		t.Error("deleted")
	}

	manual, _ := s.gh.Releases()[0].Asset("manual.pdf")
	s.other.deleteAsset(manual.ID)
	err := rel.Delete(t.Context())
	if err != nil || len(s.gh.Releases()) != 0 {
		t.Errorf("not deleted: %v", err)
	}
}

// Another run publishes the tag first, from a draft of its own. If it has the same files, that
// is a success. A draft that this run did not create stays, and a notice says so.
func TestAcceptOtherRelease(t *testing.T) {
	for name, test := range map[string]struct {
		content  string // of the other run's files, "" if they are the same
		want     string // in the error, "" if there is none
		adopted  bool   // this run continues a draft that another one created
		releases int    // in the end
	}{
		"same files":                  {releases: 1},
		"same files, a draft adopted": {adopted: true, releases: 2},
		"other files":                 {content: "other bytes", want: "already_exists", releases: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShared(t, githubtest.Options{})
			rel := s.open(wanted)
			if test.adopted {
				rel = s.open(wanted)
			}
			s.attach(rel, files)

			s.other.createRelease(`{"tag_name":"v1.0.0","draft":true}`)
			otherID := s.gh.Releases()[1].ID
			for _, f := range files {
				content := test.content
				if content == "" {
					content = contentOf(t, f)
				}
				s.other.attach(otherID, f.Name, content)
			}
			s.other.editRelease(otherID, `{"draft":false}`)

			err := rel.Publish(t.Context(), files, true)
			if test.want == "" && (err != nil || rel.ID() != otherID) {
				t.Errorf("release %d, %v", rel.ID(), err)
			}
			if test.want != "" {
				checkError(t, err, test.want)
			}
			if n := len(s.gh.Releases()); n != test.releases {
				t.Errorf("%d releases, expected %d", n, test.releases)
			}
			left := strings.Contains(notices(rel), "the unused draft is left: http")
			if left != test.adopted {
				t.Errorf("notices: %q", rel.Notices)
			}
		})
	}
}

// contentOf returns the content of a file.
func contentOf(t *testing.T, a github.Asset) string {
	t.Helper()
	r, err := a.Open()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// An immutable release that lacks files must not be deleted, because its tag could never be
// used again. The hint suggests a new tag.
func TestImmutableWithoutFiles(t *testing.T) {
	s := newShared(t, githubtest.Options{Immutable: true})
	if err := s.open(wanted).Publish(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}

	_, err := s.client().Open(t.Context(), wanted)
	checkError(t, err, "it is immutable")
	if !strings.HasPrefix(hintOf(err), "use a new tag") {
		t.Errorf("hint: %q", hintOf(err))
	}
}

// A repository may have been renamed, which is a notice, or disabled, which is an error.
func TestRepository(t *testing.T) {
	for _, test := range []struct {
		answer string
		err    string // nil if empty
		notice string
	}{
		{
			answer: `{"id":1,"full_name":"octo/renamed"}`,
			notice: "repository octo/hello has been renamed to octo/renamed",
		},
		{
			answer: `{"id":1,"full_name":"octo/hello","disabled":true}`,
			err:    "looking at the repository: repository octo/hello is disabled by GitHub",
		},
		{
			answer: `{"id":1,"full_name":"Octo/Hello","archived":false}`,
		},
	} {
		answer := &githubtest.Fault{Status: http.StatusOK, Body: test.answer}
		fault, _ := failing(1, answer, func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/octo/hello")
		})
		_, client := start(t, githubtest.Options{Fault: fault})

		rel, err := client.Open(t.Context(), wanted)
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: got %v, want %s", test.answer, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.answer, err)
			continue
		}
		if got := notices(rel); got != test.notice {
			t.Errorf("%s: got notices %q, want %q", test.answer, got, test.notice)
		}
	}
}

// A file that somebody else removes before this run does is removed, which is no error.
func TestReplacedFileIsGone(t *testing.T) {
	s := newShared(t, githubtest.Options{})
	rel := s.open(wanted)
	s.attach(rel, []github.Asset{file("a.tar.gz", "of another commit")})

	rel = s.open(wanted)
	s.beforeRequest = func(r *http.Request) {
		if r.Method == http.MethodDelete {
			s.other.send(http.MethodDelete, r.URL.Path, "application/json", "")
		}
	}
	s.publish(rel, files)
	checkComplete(t, s.gh)
}

// A file with the right name, size and digest is not published if its state says that it is
// not complete.
func TestStateIsChecked(t *testing.T) {
	var list string // the answer to every request for the list of files, unless empty
	gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if list == "" || !isAssetList(r) {
			return nil
		}
		return &githubtest.Fault{Status: http.StatusOK, Body: list}
	}})
	rel := open(t, client, wanted)
	attachAll(t, rel, files[:1])

	list = fmt.Sprintf(`[{"id":1,"name":"a.tar.gz","state":"starter","size":%d,"digest":"sha256:%s"}]`,
		files[0].Size, files[0].SHA256)
	err := rel.Publish(t.Context(), files[:1], true)
	checkError(t, err, `a.tar.gz: state "starter", expected "uploaded"`)
	if len(gh.History()) > 0 {
		t.Error("it was public")
	}
}
