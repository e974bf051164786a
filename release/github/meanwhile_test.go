package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// What happens to the release or its tag between two requests of a run.

const elsewhere = "7638417db6d59f3c431d3e1f261cc637155684cd"

// once returns a function that calls do before the first request that matches.
func once(match func(*http.Request) bool, do func()) func(*http.Request) {
	var done atomic.Bool
	return func(r *http.Request) {
		if match(r) && !done.Swap(true) {
			do()
		}
	}
}

func isPublication(r *http.Request) bool { return r.Method == http.MethodPatch }

// A release that somebody deletes is said to be gone, after seconds.
func TestReleaseDeleted(t *testing.T) {
	isUpload := func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "name=b.zip") }
	isList := func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/assets")
	}
	isByTag := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/releases/tags/") }
	for name, when := range map[string]func(*http.Request) bool{
		"before an upload": isUpload, "before the check": isList, "before the publication": isPublication, "after it": isByTag,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, githubtest.Options{})
			rel := s.open(wanted)
			s.meddle = once(when, func() { s.hand.release(http.MethodDelete, rel.ID(), "") })
			var errs []error
			for _, f := range files {
				_, err := rel.Attach(t.Context(), f)
				errs = append(errs, err)
			}
			errs = append(errs, rel.Publish(t.Context(), files, true))
			err := errors.Join(errs...)
			s.refused(err, fmt.Sprintf("release %d of v1.0.0 is gone; somebody has deleted it", rel.ID()))
			if rel.State() != github.Gone || len(s.gh.Releases()) > 0 {
				t.Errorf("state %s, %d releases", rel.State(), len(s.gh.Releases()))
			}
			asked := 0
			for _, r := range s.gh.Requests() {
				if r.Status == http.StatusNotFound {
					asked++
				}
			}
			if asked > 20 {
				t.Errorf("asked for it %d times", asked)
			}
			if err := rel.Delete(t.Context()); err != nil {
				t.Errorf("deleting what is gone: %v", err)
			}
		})
	}
}

// A tag that is deleted or moved during the run is not made again, and not by publishing.
func TestTagDeletedMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		to   string
		when func(*http.Request) bool
		want string
		made string // where the tag is afterwards
	}{
		"deleted before the check": {"", isCreate, "it is not on GitHub; somebody has deleted it", ""},
		"moved before the check":   {elsewhere, isCreate, "tag v1.0.0 is at commit 7638417db6d5 on GitHub", elsewhere},
		"moved in the last moment": {elsewhere, isPublication, "the release is public, but its tag is wrong", elsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, githubtest.Options{Commits: []string{elsewhere}})
			s.meddle = once(test.when, func() { s.gh.MoveTag("v1.0.0", test.to) })
			rel := s.open(wanted)
			s.attach(rel, files)
			err := rel.Publish(t.Context(), files, true)
			s.refused(err, test.want)
			var hint interface{ Hint() string }
			if !errors.As(err, &hint) {
				t.Errorf("no hint: %v", err)
			}
			if at := s.gh.Tag("v1.0.0"); at != test.made {
				t.Errorf("the tag is at %q", at)
			}
			if public := !s.gh.Releases()[0].Draft; public != rel.Published() || public != strings.Contains(test.want, "is public") {
				t.Errorf("public: %v, state %s", public, rel.State())
			}
		})
	}
}

// A file that somebody adds in the last moment is public then: it is named, and left.
func TestForeignFileAtTheLastMoment(t *testing.T) {
	for immutable, hint := range map[bool]string{
		false: "for f in evil.bin; do gh release delete-asset v1.0.0 $f --repo octo/hello; done",
		true:  "the release is immutable",
	} {
		s := newShop(t, githubtest.Options{Immutable: immutable})
		rel := s.open(wanted)
		s.attach(rel, files)
		s.meddle = once(isPublication, func() { s.hand.attach(rel.ID(), "evil.bin", "by somebody else") })
		err := rel.Publish(t.Context(), files, true)
		s.refused(err, "the release is public, and somebody has changed it meanwhile", `"evil.bin": does not belong to this release`)
		var hinted interface{ Hint() string }
		if !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), hint) || !rel.Published() {
			t.Errorf("state %s, %v", rel.State(), hinted)
		}
		if _, left := s.gh.Releases()[0].Asset("evil.bin"); !left {
			t.Error("somebody else's file was deleted")
		}

		// The next run compares what is public: its own files are as they should be.
		again := s.open(wanted)
		if err := again.Publish(t.Context(), files, true); err != nil {
			t.Error(err)
		}
	}
}

// While GitHub makes the run wait before it publishes, the draft may change: it is checked
// again before each try.
func TestForeignFileWhileWaiting(t *testing.T) {
	fault, count := failing(1, githubtest.SecondaryLimit(0), isPublication)
	s := newShop(t, githubtest.Options{Fault: fault})
	rel := s.open(wanted)
	s.attach(rel, files)
	s.meddle = once(isPublication, func() { s.hand.attach(rel.ID(), "evil.bin", "by somebody else") })
	s.refused(rel.Publish(t.Context(), files, true), `"evil.bin": does not belong to this release`)
	if *count != 1 || rel.State() != github.Draft || len(s.gh.History()) > 0 {
		t.Errorf("state %s, %d limits", rel.State(), *count)
	}
}

// A file that the server stores under another name is ours: it is removed, so that neither
// this draft nor the next run has to do with it.
func TestRenamedByTheServer(t *testing.T) {
	for name, fault := range map[string]githubtest.Fault{
		"said":     {Rename: "renamed.zip"},
		"not said": {Rename: "renamed.zip", AfterDone: true, Reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			armed := true
			s := newShop(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
				if !armed || !strings.Contains(r.URL.RawQuery, "name=b.zip") {
					return nil
				}
				armed = false
				return &fault
			}})
			rel := s.open(wanted)
			s.attach(rel, files[:1])
			s.hand.attach(rel.ID(), "copy.zip", "archive b") // of somebody else, with other bytes
			_, err := rel.Attach(t.Context(), files[1])
			s.refused(err, `GitHub stored the file as "renamed.zip", which was removed again`)
			var names []string
			for _, a := range s.gh.Releases()[0].Assets {
				names = append(names, a.Name)
			}
			if !slices.Equal(names, []string{"a.tar.gz", "copy.zip"}) {
				t.Errorf("left: %q", names)
			}
		})
	}

	// An answer about somebody else's file is no reason to delete that.
	answer := githubtest.Fault{Status: 201, AfterDone: true, Body: `{"id":2,"name":"manual.pdf","state":"uploaded","size":7}`}
	fault, _ := failing(1, &answer, func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "name=b.zip") })
	s := newShop(t, githubtest.Options{Fault: fault})
	rel := s.open(wanted)
	s.hand.attach(rel.ID(), "manual.pdf", "by hand")
	s.attach(rel, files)
	if all := s.gh.Releases()[0].Assets; len(all) != 4 {
		t.Errorf("%d files", len(all))
	}
}

// Digests in capitals are digests: nothing is sent again for them.
func TestCapitalDigests(t *testing.T) {
	gh, client := start(t, githubtest.Options{Fault: func(int, *http.Request) *githubtest.Fault {
		return &githubtest.Fault{Alter: capitalDigests}
	}})
	if err := release(t, client); err != nil {
		t.Fatal(err)
	}
	whole(t, gh)
	sent, read := 0, 0
	for _, r := range gh.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/assets") {
			sent++
		}
		if strings.Contains(r.Path, "/releases/assets/") {
			read++
		}
	}
	if sent != len(files) || read > 0 {
		t.Errorf("%d uploads and %d downloads for %d files", sent, read, len(files))
	}
}

// A draft that was complete a moment ago and is another's now, or is not there any more, is no
// success.
func TestCheckReadsTheRelease(t *testing.T) {
	s := newShop(t, githubtest.Options{})
	rel := s.open(wanted)
	s.attach(rel, files)
	if err := rel.Check(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	s.hand.release(http.MethodPatch, rel.ID(), `{"tag_name":"v9.9.9"}`)
	s.refused(rel.Check(t.Context(), files), "somebody has edited it")
	s.hand.release(http.MethodDelete, rel.ID(), "")
	s.refused(rel.Check(t.Context(), files), "is gone")
}
