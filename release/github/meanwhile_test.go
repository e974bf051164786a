package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// The tests in this file change the release or its tag between two requests of a run.

// A release that somebody deletes is reported as gone, after a few requests.
func TestReleaseDeleted(t *testing.T) {
	isReadByTag := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/releases/tags/") }

	for name, when := range map[string]func(*http.Request) bool{
		"before an upload":       isUploadOf("b.zip"),
		"before the check":       isAssetList,
		"before the publication": isPublication,
		"after the publication":  isReadByTag,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShared(t, githubtest.Options{})
			rel := s.open(wanted)
			s.beforeRequest = once(when, func() { s.other.deleteRelease(rel.ID()) })

			var errs []error
			for _, f := range files {
				_, err := rel.Attach(t.Context(), f)
				errs = append(errs, err)
			}
			errs = append(errs, rel.Publish(t.Context(), files, true))
			err := errors.Join(errs...)

			checkError(t, err, fmt.Sprintf("release %d of v1.0.0 is gone; somebody has deleted it", rel.ID()))
			if rel.State() != github.Gone || len(s.gh.Releases()) > 0 {
				t.Errorf("state %s, %d releases", rel.State(), len(s.gh.Releases()))
			}

			notFound := 0
			for _, r := range s.gh.Requests() {
				if r.Status == http.StatusNotFound {
					notFound++
				}
			}
			if notFound > 20 {
				t.Errorf("it was not found %d times", notFound)
			}

			if err := rel.Delete(t.Context()); err != nil {
				t.Errorf("deleting what is gone: %v", err)
			}
		})
	}
}

// A tag that somebody deletes or moves during the run is an error, and publishing does not
// create it again.
func TestTagChangedDuringRun(t *testing.T) {
	for name, test := range map[string]struct {
		moveTo string // "" deletes the tag
		when   func(*http.Request) bool
		want   string
		public bool
	}{
		"deleted before the check": {
			moveTo: "",
			when:   isCreate,
			want:   "it is not on GitHub; somebody has deleted it",
		},
		"moved before the check": {
			moveTo: elsewhere,
			when:   isCreate,
			want:   "tag v1.0.0 is at commit 7638417db6d5 on GitHub",
		},
		"moved at the last moment": {
			moveTo: elsewhere,
			when:   isPublication,
			want:   "the release is public, but its tag is wrong",
			public: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShared(t, githubtest.Options{Commits: []string{elsewhere}})
			s.beforeRequest = once(test.when, func() { s.gh.MoveTag("v1.0.0", test.moveTo) })
			rel := s.open(wanted)
			s.attach(rel, files)

			err := rel.Publish(t.Context(), files, true)
			checkError(t, err, test.want)
			if hintOf(err) == "" {
				t.Errorf("no hint: %v", err)
			}
			if at := s.gh.Tag("v1.0.0"); at != test.moveTo {
				t.Errorf("the tag is at %q", at)
			}
			public := !s.gh.Releases()[0].Draft
			if public != test.public || rel.Published() != test.public {
				t.Errorf("public: %v, state %s", public, rel.State())
			}
		})
	}
}

// A file that somebody adds at the last moment becomes public. It is reported, and left.
func TestFileAddedAtTheLastMoment(t *testing.T) {
	for immutable, hint := range map[bool]string{
		false: "for f in evil.bin; do gh release delete-asset v1.0.0 $f --repo octo/hello; done",
		true:  "the release is immutable",
	} {
		s := newShared(t, githubtest.Options{Immutable: immutable})
		rel := s.open(wanted)
		s.attach(rel, files)
		s.beforeRequest = once(isPublication, func() {
			s.other.attach(rel.ID(), "evil.bin", "by somebody else")
		})

		err := rel.Publish(t.Context(), files, true)
		checkError(t, err,
			"the release is public, and somebody has changed it meanwhile",
			`"evil.bin": does not belong to this release`)
		if !strings.Contains(hintOf(err), hint) || !rel.Published() {
			t.Errorf("state %s, hint %q", rel.State(), hintOf(err))
		}
		if _, ok := s.gh.Releases()[0].Asset("evil.bin"); !ok {
			t.Error("somebody else's file was deleted")
		}

		// The next run compares its own files only, and they are as they should be.
		again := s.open(wanted)
		if err := again.Publish(t.Context(), files, true); err != nil {
			t.Error(err)
		}
	}
}

// While a run waits before it publishes, somebody may change the draft. It is checked again
// before each attempt.
func TestFileAddedWhileWaiting(t *testing.T) {
	fault, count := failing(1, githubtest.SecondaryLimit(0), isPublication)
	s := newShared(t, githubtest.Options{Fault: fault})
	rel := s.open(wanted)
	s.attach(rel, files)
	s.beforeRequest = once(isPublication, func() {
		s.other.attach(rel.ID(), "evil.bin", "by somebody else")
	})

	err := rel.Publish(t.Context(), files, true)
	checkError(t, err, `"evil.bin": does not belong to this release`)
	if *count != 1 || rel.State() != github.Draft || len(s.gh.History()) > 0 {
		t.Errorf("state %s, %d limits", rel.State(), *count)
	}
}

// A file that the server stores under another name is removed, whether or not the answer with
// that name arrives. Otherwise this run and the next one would take it for somebody else's.
func TestRenamedByTheServer(t *testing.T) {
	for name, rename := range map[string]githubtest.Fault{
		"with an answer":    {Rename: "renamed.zip"},
		"without an answer": {Rename: "renamed.zip", AfterDone: true, Reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fault, _ := failing(1, &rename, isUploadOf("b.zip"))
			s := newShared(t, githubtest.Options{Fault: fault})
			rel := s.open(wanted)
			s.attach(rel, files[:1])
			s.other.attach(rel.ID(), "copy.zip", "archive b") // its content is not that of b.zip

			_, err := rel.Attach(t.Context(), files[1])
			checkError(t, err, `GitHub stored the file as "renamed.zip", which was removed again`)
			var names []string
			for _, a := range s.gh.Releases()[0].Assets {
				names = append(names, a.Name)
			}
			if !slices.Equal(names, []string{"a.tar.gz", "copy.zip"}) {
				t.Errorf("left: %q", names)
			}
		})
	}
}

// If the answer to an upload is about somebody else's file, that file is not removed.
func TestUploadAnsweredWithAnotherFile(t *testing.T) {
	answer := githubtest.Fault{
		Status:    201,
		AfterDone: true,
		Body:      `{"id":2,"name":"manual.pdf","state":"uploaded","size":7}`,
	}
	fault, _ := failing(1, &answer, isUploadOf("b.zip"))
	s := newShared(t, githubtest.Options{Fault: fault})
	rel := s.open(wanted)
	s.other.attach(rel.ID(), "manual.pdf", "by hand")
	s.attach(rel, files)
	if all := s.gh.Releases()[0].Assets; len(all) != 4 {
		t.Errorf("%d files", len(all))
	}
}

// Digests may be written in capital letters. No file is uploaded or downloaded because of it.
func TestCapitalDigests(t *testing.T) {
	gh, client := start(t, githubtest.Options{Fault: func(int, *http.Request) *githubtest.Fault {
		return &githubtest.Fault{Alter: capitalDigests}
	}})
	mustRelease(t, client)
	checkComplete(t, gh)

	uploads := 0
	downloads := 0
	for _, r := range gh.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/assets") {
			uploads++
		}
		if strings.Contains(r.Path, "/releases/assets/") {
			downloads++
		}
	}
	if uploads != len(files) || downloads > 0 {
		t.Errorf("%d uploads and %d downloads for %d files", uploads, downloads, len(files))
	}
}

// Check fails for a draft whose files are right if somebody has edited or deleted the draft.
func TestCheckReadsTheRelease(t *testing.T) {
	s := newShared(t, githubtest.Options{})
	rel := s.open(wanted)
	s.attach(rel, files)
	if err := rel.Check(t.Context(), files); err != nil {
		t.Fatal(err)
	}

	s.other.editRelease(rel.ID(), `{"tag_name":"v9.9.9"}`)
	checkError(t, rel.Check(t.Context(), files), "somebody has edited it")
	s.other.deleteRelease(rel.ID())
	checkError(t, rel.Check(t.Context(), files), "is gone")
}
