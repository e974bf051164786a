package github_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// What somebody else does to a release while a run is at it. Nothing that is public is
// changed unasked, nothing of others is deleted, and nothing becomes public that is not
// what was checked.

// A hand is somebody who uses the API at the same time.
type hand struct {
	t   *testing.T
	url string
}

func (h hand) send(method, path, body string) {
	h.t.Helper()
	r, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer t")
	r.Header.Set("Content-Type", "application/octet-stream")
	if !strings.HasPrefix(path, "/uploads") {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body)
		h.t.Fatalf("%s %s: %s %s", method, path, answer.Status, text)
	}
}

func (h hand) release(method string, id int64, body string) {
	h.t.Helper()
	h.send(method, fmt.Sprintf("/repos/octo/hello/releases/%d", id), body)
}

func (h hand) attach(id int64, name, content string) {
	h.t.Helper()
	h.send(http.MethodPost, fmt.Sprintf("/uploads/repos/octo/hello/releases/%d/assets?name=%s", id, name), content)
}

// shop is a fake GitHub, somebody else's hand in it, and clients of it. meddle is called
// before each request of a client, when it is set.
type shop struct {
	*testing.T
	gh     *githubtest.Server
	hand   hand
	url    string
	meddle func(r *http.Request)
}

func newShop(t *testing.T, opts githubtest.Options) *shop {
	opts.Token = "t"
	if opts.Tags == nil {
		opts.Tags = map[string]string{"v1.0.0": githubtest.Head}
	}
	s := &shop{T: t, gh: githubtest.New(opts)}
	plain := httptest.NewServer(s.gh)
	t.Cleanup(plain.Close)
	s.hand = hand{t, plain.URL}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.meddle != nil {
			s.meddle(r)
		}
		s.gh.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

func (s *shop) client() *github.Client {
	s.Helper()
	c, err := github.NewClient(github.Options{APIURL: s.url, Repository: "octo/hello", Token: "t", Second: time.Millisecond})
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *shop) open(w github.Wanted) *github.Release {
	s.Helper()
	rel, err := s.client().Open(s.Context(), w)
	if err != nil {
		s.Fatal(err)
	}
	return rel
}

func (s *shop) attach(rel *github.Release, all []github.Asset) {
	s.Helper()
	for _, f := range all {
		if _, err := rel.Attach(s.Context(), f); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *shop) publish(rel *github.Release, all []github.Asset) {
	s.Helper()
	s.attach(rel, all)
	if err := rel.Publish(s.Context(), all, true); err != nil {
		s.Fatal(err)
	}
}

func (s *shop) refused(err error, parts ...string) {
	s.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			s.Errorf("expected %q, got: %v", part, err)
		}
	}
}

// Two runs of one tag with different bytes: what the first has made public stays.
func TestPublishedMeanwhile(t *testing.T) {
	s := newShop(t, githubtest.Options{})
	first := s.open(wanted)
	s.attach(first, files)
	second := s.open(wanted)
	if err := first.Publish(t.Context(), files, true); err != nil {
		t.Fatal(err)
	}
	_, err := second.Attach(t.Context(), file("a.tar.gz", "of another toolchain"))
	s.refused(err, "release v1.0.0 is public and has a different a.tar.gz")
	whole(t, s.gh)
}

// A draft that was edited does not become public as something else, and the next run is
// not misled.
func TestDraftEdited(t *testing.T) {
	const elsewhere = "7638417db6d59f3c431d3e1f261cc637155684cd"
	for _, test := range []struct{ edit, want string }{
		{`{"tag_name":"v9.9.9"}`, `was created for tag v1.0.0 but is for "v9.9.9" now`},
		{`{"body":"new notes"}`, `is for "untagged-`}, // GitHub forgets the tag then
		{`{"tag_name":"v1.0.0","target_commitish":"` + elsewhere + `"}`, "would create it at " + elsewhere},
	} {
		opts := githubtest.Options{Commits: []string{elsewhere}}
		if strings.Contains(test.edit, elsewhere) {
			opts.Tags = map[string]string{}
		}
		s := newShop(t, opts)
		rel := s.open(wanted)
		s.attach(rel, files)
		s.hand.release(http.MethodPatch, rel.ID(), test.edit)
		s.refused(rel.Publish(t.Context(), files, true), test.want)
		if len(s.gh.History()) > 0 {
			t.Errorf("%s: it was public", test.edit)
		}
	}
}

// A tag that moves while the release is made is noticed before it is public.
func TestTagMovedMeanwhile(t *testing.T) {
	const commit = "7638417db6d59f3c431d3e1f261cc637155684cd"
	s := newShop(t, githubtest.Options{Tags: map[string]string{"v1.0.0": commit}})
	w := wanted
	w.Commit = commit
	rel := s.open(w)
	s.attach(rel, files)
	s.meddle = func(r *http.Request) { // what the tag is at from now on
		r.URL.Path = strings.Replace(r.URL.Path, "/commits/tags/v1.0.0", "/commits/main", 1)
	}
	s.refused(rel.Publish(t.Context(), files, true), "tag v1.0.0 is at commit 6dcb09b5b578 on GitHub, but the release is for 7638417db6d5")
	if len(s.gh.History()) > 0 {
		t.Error("it was public")
	}
}

// Bytes that were replaced in the last moment are an error, not a success.
func TestReplacedAtTheLastMoment(t *testing.T) {
	s := newShop(t, githubtest.Options{})
	rel := s.open(wanted)
	s.attach(rel, files)
	var done atomic.Bool
	s.meddle = func(r *http.Request) {
		if r.Method == http.MethodPatch && !done.Swap(true) {
			a, _ := s.gh.Releases()[0].Asset("b.zip")
			s.hand.send(http.MethodDelete, fmt.Sprintf("/repos/octo/hello/releases/assets/%d", a.ID), "")
			s.hand.attach(rel.ID(), "b.zip", "wrong bytes")
		}
	}
	s.refused(rel.Publish(t.Context(), files, true), "the release is public, and somebody has changed it meanwhile", "b.zip: ")
}

// A public release that was made a draft again and then left, by a run that was killed,
// is finished by the next one, with the file that was in it before.
func TestOverwriteKilled(t *testing.T) {
	s := newShop(t, githubtest.Options{})
	old := []github.Asset{file("a.tar.gz", "old a"), file("b.zip", "old b"), files[2]}
	rel := s.open(wanted)
	s.publish(rel, old)
	s.hand.attach(rel.ID(), "extra.txt", "by a person")
	w := wanted
	w.Overwrite = true
	s.attach(s.open(w), files[:1]) // and then it is killed
	if !s.gh.Releases()[0].Draft || s.gh.Releases()[0].Tag != "v1.0.0" {
		t.Fatal("not a draft of v1.0.0 meanwhile")
	}
	rel = s.open(w)
	s.publish(rel, files)
	all := s.gh.Releases()
	if _, kept := all[0].Asset("extra.txt"); len(all) != 1 || all[0].Draft || !kept || len(all[0].Assets) != 4 {
		t.Errorf("%+v", all)
	}
	if !slices.ContainsFunc(rel.Notices, func(n string) bool { return strings.Contains(n, "keeps files that do not belong to this release") }) {
		t.Errorf("notices: %q", rel.Notices)
	}
}

// A person's draft that appears while ours could not be made is adopted, never deleted.
func TestDraftOfSomebodyElse(t *testing.T) {
	var failed atomic.Bool
	s := newShop(t, githubtest.Options{})
	s.meddle = func(r *http.Request) {
		if r.Method == http.MethodPost && !failed.Swap(true) {
			s.hand.send(http.MethodPost, "/repos/octo/hello/releases", `{"tag_name":"v1.0.0","draft":true,"name":"By hand","body":"two hours of writing"}`)
			panic(http.ErrAbortHandler)
		}
	}
	rel := s.open(wanted)
	if rel.Created || len(rel.Notices) != 1 {
		t.Errorf("created %v, %q", rel.Created, rel.Notices)
	}
	if err := rel.Delete(t.Context()); err == nil || len(s.gh.Releases()) != 1 {
		t.Errorf("deleted: %v", err)
	}
}

// A run that makes a draft while another one publishes takes what is public, and deletes
// its draft, unless somebody has put a file into it.
func TestGiveWay(t *testing.T) {
	for left, used := range []bool{false, true} {
		var done atomic.Bool
		s := newShop(t, githubtest.Options{})
		s.meddle = func(r *http.Request) {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/releases") || len(s.gh.Releases()) == 0 || done.Swap(true) {
				return
			}
			own := s.gh.Releases()[0].ID
			s.hand.send(http.MethodPost, "/repos/octo/hello/releases", `{"tag_name":"v1.0.0","name":"public"}`)
			if used {
				s.hand.attach(own, "manual.pdf", "by hand")
			}
		}
		want := wanted
		want.Files = nil // that it has other files is another matter
		rel := s.open(want)
		if !done.Load() || rel.Created || !rel.Published() || len(s.gh.Releases()) != 1+left || len(rel.Notices) != left {
			t.Errorf("used %v: created %v, published %v, %d releases, %q", used, rel.Created, rel.Published(), len(s.gh.Releases()), rel.Notices)
		}
	}
}

// A draft to which somebody has added a file is not deleted, however often ours failed.
func TestForeignFileIsKept(t *testing.T) {
	fails := 0
	s := newShop(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if strings.Contains(r.URL.RawQuery, "name=a.tar.gz") && fails < 3 {
			fails++
			return &githubtest.Fault{Status: 502}
		}
		return nil
	}})
	rel := s.open(wanted)
	s.attach(rel, files[:1])
	s.hand.attach(rel.ID(), "manual.pdf", "by hand")
	s.refused(rel.Delete(t.Context()), "somebody else has added manual.pdf to it")
	if len(s.gh.Releases()) != 1 {
		t.Error("deleted")
	}
	s.hand.send(http.MethodDelete, fmt.Sprintf("/repos/octo/hello/releases/assets/%d", s.gh.Releases()[0].Assets[1].ID), "")
	if err := rel.Delete(t.Context()); err != nil || len(s.gh.Releases()) != 0 {
		t.Errorf("not deleted: %v", err)
	}
}

// Another run that was first, from a draft of its own: the same files are a success, others
// are not; a draft that this run did not make stays, and that is said.
func TestYield(t *testing.T) {
	for name, test := range map[string]struct {
		content, want string
		adopted       bool
		left          int
	}{
		"same files":              {"", "", false, 1},
		"same files, adopted one": {"", "", true, 2},
		"other files":             {"other bytes", "already_exists", false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, githubtest.Options{})
			rel := s.open(wanted)
			if test.adopted {
				rel = s.open(wanted)
			}
			s.attach(rel, files)
			s.hand.send(http.MethodPost, "/repos/octo/hello/releases", `{"tag_name":"v1.0.0","draft":true}`)
			other := s.gh.Releases()[1].ID
			for _, f := range files {
				body, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(body)
				if err != nil {
					t.Fatal(err)
				}
				if test.content != "" {
					content = []byte(test.content)
				}
				s.hand.attach(other, f.Name, string(content))
			}
			s.hand.release(http.MethodPatch, other, `{"draft":false}`)
			err := rel.Publish(t.Context(), files, true)
			if test.want == "" && (err != nil || rel.ID() != other) {
				t.Errorf("release %d, %v", rel.ID(), err)
			}
			if test.want != "" {
				s.refused(err, test.want)
			}
			if n := len(s.gh.Releases()); n != test.left {
				t.Errorf("%d releases, expected %d", n, test.left)
			}
			if said := strings.Join(rel.Notices, "\n"); test.adopted != strings.Contains(said, "the unused draft is left: http") {
				t.Errorf("notices: %q", said)
			}
		})
	}
}

// An immutable release that lacks files is not to be deleted: that would burn its tag.
func TestImmutableWithoutFiles(t *testing.T) {
	s := newShop(t, githubtest.Options{Immutable: true})
	if err := s.open(wanted).Publish(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	_, err := s.client().Open(t.Context(), wanted)
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || !strings.HasPrefix(hint.Hint(), "use a new tag") || !strings.Contains(err.Error(), "it is immutable") {
		t.Errorf("%v", err)
	}
}

// What the repository says of itself: a new name is told, a block refused.
func TestRepository(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":1,"full_name":"octo/renamed"}`:                "notice: repository octo/hello has been renamed to octo/renamed",
		`{"id":1,"full_name":"octo/hello","disabled":true}`:  "looking at the repository: repository octo/hello is disabled by GitHub",
		`{"id":1,"full_name":"Octo/Hello","archived":false}`: "notice: ",
	} {
		fault, _ := failing(1, &githubtest.Fault{Status: http.StatusOK, Body: body}, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/octo/hello") })
		_, client := start(t, githubtest.Options{Fault: fault})
		rel, err := client.Open(t.Context(), wanted)
		got := fmt.Sprint(err)
		if err == nil {
			got = "notice: " + strings.Join(rel.Notices, "\n")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// A remainder that somebody else removes first is removed.
func TestRemainderGone(t *testing.T) {
	s := newShop(t, githubtest.Options{})
	rel := s.open(wanted)
	s.attach(rel, []github.Asset{file("a.tar.gz", "of another commit")})
	rel = s.open(wanted)
	s.meddle = func(r *http.Request) {
		if r.Method == http.MethodDelete {
			s.hand.send(http.MethodDelete, r.URL.Path, "")
		}
	}
	s.publish(rel, files)
	whole(t, s.gh)
}

// A file that is there by name, size and digest but not whole is not published.
func TestStateIsChecked(t *testing.T) {
	var list string
	gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if list == "" || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/assets") {
			return nil
		}
		return &githubtest.Fault{Status: http.StatusOK, Body: list}
	}})
	rel, err := client.Open(t.Context(), wanted)
	if err == nil {
		_, err = rel.Attach(t.Context(), files[0])
	}
	if err != nil {
		t.Fatal(err)
	}
	list = fmt.Sprintf(`[{"id":1,"name":"a.tar.gz","state":"starter","size":%d,"digest":"sha256:%s"}]`, files[0].Size, files[0].SHA256)
	err = rel.Publish(t.Context(), files[:1], true)
	if err == nil || !strings.Contains(err.Error(), `a.tar.gz: state "starter", expected "uploaded"`) || len(gh.History()) > 0 {
		t.Errorf("%v", err)
	}
}
