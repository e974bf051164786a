package github_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/publish"
)

// artifact returns a file on disk with the given content.
func artifact(t *testing.T, name, content string) output.Artifact {
	t.Helper()
	planned := output.Artifact{Output: output.Output{Name: name}}
	a, err := output.WriteFile(t.TempDir(), planned, nil, func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// artifacts returns files on disk with the same names and contents as files.
func artifacts(t *testing.T) (all []output.Artifact) {
	t.Helper()
	for _, f := range files {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, artifact(t, f.Name, string(content)))
	}
	return all
}

// newSession returns a session that makes the release the latest one.
func newSession(client *github.Client, w github.Wanted) *publish.Session {
	return client.Session(w, new(true), nil)
}

// mustOpen opens a new session.
func mustOpen(t *testing.T, client *github.Client, w github.Wanted) *publish.Session {
	t.Helper()
	s := newSession(client, w)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// checkPut fails the test unless Put has the outcome for each file.
func checkPut(t *testing.T, s *publish.Session, all []output.Artifact, want publish.Outcome) {
	t.Helper()
	for _, a := range all {
		got, err := s.Put(t.Context(), a)
		if got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", a.Name, got, err, want)
		}
	}
}

// checkState fails the test unless the session has this state, and a page unless there is
// nothing.
func checkState(t *testing.T, s *publish.Session, want publish.State) {
	t.Helper()
	status := s.Status()
	if status.State != want {
		t.Errorf("got state %q, want %q", status.State, want)
	}
	if known := status.ID != 0 && status.URL != ""; known == (want == publish.Nothing) {
		t.Errorf("state %q, release %d, page %q", status.State, status.ID, status.URL)
	}
	if (len(status.URLs) > 0) != (want == publish.Public) {
		t.Errorf("state %q, downloads %q", status.State, status.URLs)
	}
}

func TestSession(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	all := artifacts(t)

	s := newSession(client, wanted)
	checkState(t, s, publish.Nothing)

	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkState(t, s, publish.Draft)
	if !s.Status().Created || s.Deferred() {
		t.Errorf("created %v, deferred %v", s.Status().Created, s.Deferred())
	}

	checkError(t, s.Check(t.Context(), all), "a.tar.gz: not on the server", "b.zip: not on the server")
	checkError(t, s.Commit(t.Context(), all), "a.tar.gz: not on the server", "b.zip: not on the server")
	checkState(t, s, publish.Draft)

	for _, a := range all {
		if !s.Takes(a.Output) {
			t.Errorf("%s is not published here", a.Name)
		}
	}
	checkPut(t, s, all, publish.Uploaded)
	checkPut(t, s, all, publish.AlreadyThere)
	if err := s.Check(t.Context(), all); err != nil {
		t.Error(err)
	}
	checkState(t, s, publish.Draft)
	if len(gh.History()) > 0 {
		t.Error("it was public before Commit")
	}

	if err := s.Commit(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	checkComplete(t, gh)
	checkState(t, s, publish.Public)
	names := slices.Sorted(maps.Keys(s.Status().URLs))
	if !slices.Equal(names, wanted.Files) {
		t.Errorf("downloads of %q", names)
	}

	// What is public stays public.
	checkError(t, s.Undo(t.Context()), "deleting the draft release", "is left: "+s.Status().URL)
	checkState(t, s, publish.Public)
	checkComplete(t, gh)
}

// The files of a public release are compared and never changed, unless overwrite is set.
func TestSessionOfPublicRelease(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	mustRelease(t, client)
	all := artifacts(t)

	s := mustOpen(t, client, wanted)
	checkState(t, s, publish.Public)
	if s.Status().Created || !s.Deferred() {
		t.Errorf("created %v, deferred %v", s.Status().Created, s.Deferred())
	}
	const compared = "the release is public already: its files are compared, and nothing is changed"
	if got := s.Status().Notices; !slices.Contains(got, compared) {
		t.Errorf("notices %q", got)
	}

	checkPut(t, s, all, publish.AlreadyThere)
	_, err := s.Put(t.Context(), artifact(t, "a.tar.gz", "other"))
	checkError(t, err, "a public release is never changed")
	if err := s.Commit(t.Context(), all); err != nil {
		t.Error(err)
	}
	if err := s.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	checkState(t, s, publish.Public)
	checkComplete(t, gh)

	overwrite := wanted
	overwrite.Overwrite = true
	s = mustOpen(t, client, overwrite)
	const replaced = "the release was public already: files that differ are replaced (overwrite)"
	if got := s.Status().Notices; !s.Deferred() || !slices.Contains(got, replaced) {
		t.Errorf("deferred %v, notices %q", s.Deferred(), got)
	}

	other := slices.Clone(all)
	other[0] = artifact(t, "a.tar.gz", "other")
	checkPut(t, s, other[:1], publish.Replaced)
	checkPut(t, s, other[1:], publish.AlreadyThere)
	if err := s.Commit(t.Context(), other); err != nil {
		t.Error(err)
	}
	checkState(t, s, publish.Public)
	if a, _ := gh.Releases()[0].Asset("a.tar.gz"); string(a.Content) != "other" {
		t.Errorf("a.tar.gz has %q", a.Content)
	}
}

func TestSessionUndo(t *testing.T) {
	t.Run("of nothing", func(t *testing.T) {
		_, client := start(t, githubtest.Options{})
		if err := newSession(client, wanted).Undo(t.Context()); err != nil {
			t.Error(err)
		}
	})

	t.Run("of a draft of this run", func(t *testing.T) {
		gh, client := start(t, githubtest.Options{})
		s := mustOpen(t, client, wanted)
		checkPut(t, s, artifacts(t)[:1], publish.Uploaded)

		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Undo(cancelled); err != nil {
			t.Errorf("of a cancelled run: %v", err)
		}
		checkState(t, s, publish.Nothing)
		if n := len(gh.Releases()); n > 0 {
			t.Errorf("%d releases are left", n)
		}
	})

	t.Run("of an adopted draft", func(t *testing.T) {
		gh, client := start(t, githubtest.Options{})
		open(t, client, wanted)

		s := mustOpen(t, client, wanted)
		requests := len(gh.Requests())
		if err := s.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		if s.Status().Created {
			t.Error("this run has not created it")
		}
		checkState(t, s, publish.Draft)
		if len(gh.Releases()) != 1 || len(gh.Requests()) > requests {
			t.Errorf("%d releases, and %d requests", len(gh.Releases()), len(gh.Requests())-requests)
		}
	})

	t.Run("refused", func(t *testing.T) {
		forbidden := &githubtest.Fault{Status: http.StatusForbidden}
		isDelete := func(r *http.Request) bool { return r.Method == http.MethodDelete }
		_, client := start(t, githubtest.Options{Fault: always(forbidden, isDelete)})

		s := mustOpen(t, client, wanted)
		checkError(t, s.Undo(t.Context()), "the release that this run created is left: "+s.Status().URL)
		checkState(t, s, publish.Draft)
	})
}

// Refresh finds out what others have done meanwhile.
func TestSessionRefresh(t *testing.T) {
	t.Run("of nothing", func(t *testing.T) {
		_, client := start(t, githubtest.Options{})
		s := newSession(client, wanted)
		if err := s.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		checkState(t, s, publish.Nothing)
	})

	t.Run("published", func(t *testing.T) {
		shared := newShared(t, githubtest.Options{})
		s := mustOpen(t, shared.client(), wanted)
		checkPut(t, s, artifacts(t), publish.Uploaded)
		shared.other.editRelease(s.Status().ID, `{"draft":false}`)
		checkState(t, s, publish.Draft)

		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Refresh(cancelled); err != nil {
			t.Errorf("of a cancelled run: %v", err)
		}
		checkState(t, s, publish.Public)
	})

	t.Run("deleted", func(t *testing.T) {
		shared := newShared(t, githubtest.Options{})
		s := mustOpen(t, shared.client(), wanted)
		shared.other.deleteRelease(s.Status().ID)

		for range 2 {
			if err := s.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
			checkState(t, s, publish.Gone)
		}
		if err := s.Undo(t.Context()); err != nil {
			t.Error(err)
		}
	})

	t.Run("not readable", func(t *testing.T) {
		broken := false
		_, client := start(t, githubtest.Options{Fault: func(int, *http.Request) *githubtest.Fault {
			if broken {
				return &githubtest.Fault{Status: http.StatusInternalServerError}
			}
			return nil
		}})
		s := mustOpen(t, client, wanted)

		broken = true
		if err := s.Refresh(t.Context()); err != nil {
			t.Errorf("the state was known: %v", err)
		}
		checkState(t, s, publish.Draft)
	})
}

// As long as the answer to the publication and the release cannot be read, the state is
// unknown.
func TestSessionUnknownState(t *testing.T) {
	published, readable := false, false
	_, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		switch {
		case isPublication(r):
			published = true
			return &githubtest.Fault{AfterDone: true, Status: http.StatusInternalServerError}
		case published && !readable:
			return &githubtest.Fault{Status: http.StatusInternalServerError}
		}
		return nil
	}})
	all := artifacts(t)
	s := mustOpen(t, client, wanted)
	checkPut(t, s, all, publish.Uploaded)

	checkError(t, s.Commit(t.Context(), all), "it is not known whether the release is public")
	checkState(t, s, publish.Unknown)
	checkError(t, s.Refresh(t.Context()), "finding out whether the release is public: ")
	checkState(t, s, publish.Unknown)

	readable = true
	if err := s.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	checkState(t, s, publish.Public)
}

// If it is not known whether the draft was created, the state is unknown, too, and there is
// no page to show.
func TestSessionUnknownDraft(t *testing.T) {
	created := false
	_, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		created = created || isCreate(r)
		if created {
			return &githubtest.Fault{AfterDone: isCreate(r), Status: http.StatusInternalServerError}
		}
		return nil
	}})

	s := newSession(client, wanted)
	checkError(t, s.Open(t.Context()), "it is not known whether the draft was created")
	status := s.Status()
	if status.State != publish.Unknown || status.URL != "" || status.Created {
		t.Errorf("%+v", status)
	}
	if err := s.Undo(t.Context()); err != nil {
		t.Error(err)
	}
}

// The setting decides whether the release is the latest of the repository. Without it, a
// prerelease is not, and another release is if it supersedes the one that is.
func TestSessionMakeLatest(t *testing.T) {
	for _, test := range []struct {
		name       string
		makeLatest *bool
		prerelease bool
		previous   bool // there is a public release of v0.9.0
		supersedes bool
		asked      []string // the tags that supersedes is called with
		latest     bool
	}{
		{name: "true", makeLatest: new(true), previous: true, latest: true},
		{name: "false", makeLatest: new(false), previous: true, supersedes: true, latest: false},
		{name: "first", supersedes: true, asked: []string{""}, latest: true},
		{name: "newer", previous: true, supersedes: true, asked: []string{"v0.9.0"}, latest: true},
		{name: "older", previous: true, asked: []string{"v0.9.0"}, latest: false},
		{name: "prerelease", prerelease: true, previous: true, supersedes: true, latest: false},
	} {
		t.Run(test.name, func(t *testing.T) {
			shared := newShared(t, githubtest.Options{})
			if test.previous {
				shared.other.createRelease(fmt.Sprintf(
					`{"tag_name":"v0.9.0","target_commitish":%q}`, githubtest.Head))
			}
			w := wanted
			w.Prerelease = test.prerelease
			var asked []string
			all := artifacts(t)

			s := shared.client().Session(w, test.makeLatest, func(tag string) bool {
				asked = append(asked, tag)
				return test.supersedes
			})
			if err := s.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkPut(t, s, all, publish.Uploaded)
			if err := s.Commit(t.Context(), all); err != nil {
				t.Fatal(err)
			}

			if !slices.Equal(asked, test.asked) {
				t.Errorf("asked about %q, want %q", asked, test.asked)
			}
			for _, rel := range shared.gh.Releases() {
				want := test.latest == (rel.Tag == w.Tag)
				if rel.Latest != want {
					t.Errorf("%s: latest %v, want %v", rel.Tag, rel.Latest, want)
				}
			}
		})
	}
}

// The notices name the second draft, which is not used.
func TestSessionNotices(t *testing.T) {
	shared := newShared(t, githubtest.Options{})
	for _, notes := range []string{"notes", "by a person"} {
		shared.other.createRelease(fmt.Sprintf(
			`{"tag_name":"v1.0.0","target_commitish":%q,"name":"v1.0.0","body":%q,"draft":true}`,
			githubtest.Head, notes))
	}

	s := mustOpen(t, shared.client(), wanted)
	got := strings.Join(s.Status().Notices, "\n")
	if !strings.Contains(got, "ignoring a second draft release of v1.0.0") {
		t.Errorf("notices %q", got)
	}
}
