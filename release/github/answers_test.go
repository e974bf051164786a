package github_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// A list that has no end is given up, and no page is asked for at another host.
func TestListsEnd(t *testing.T) {
	var strayed atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Store(true) }))
	defer other.Close()
	isList := func(r *http.Request, list string) bool {
		return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, list)
	}
	for _, list := range []string{"/releases", "/assets"} {
		for name, test := range map[string]struct {
			next func(page int) int
			want string
			most int // requests
		}{
			"no end":         {func(page int) int { return page + 1 }, "the list does not end after", 150},
			"the same again": {func(page int) int { return page }, "of a list says that page", 10},
			"the first":      {func(int) int { return 1 }, "page 1 of a list says that page 1 follows", 10},
			"far away":       {func(page int) int { return page + 1000 }, "of a list says that page", 10},
			"before":         {func(page int) int { return page - 2 }, "page 1 of a list says that page -1 follows", 10},
		} {
			gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
				if !isList(r, list) {
					return nil
				}
				page := 1
				_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page) // the first has none
				return &githubtest.Fault{Alter: nextPage(fmt.Sprintf("%s/x?page=%d", other.URL, test.next(page)))}
			}})
			_, err := client.Open(t.Context(), wanted)
			if err == nil || !strings.Contains(err.Error(), test.want) || len(gh.Requests()) > test.most {
				t.Errorf("%s, %s: %d requests, %v", list, name, len(gh.Requests()), err)
			}
		}
	}
	if strayed.Load() {
		t.Error("a page was asked for at another host")
	}
}

// endless is an answer of which there is always more.
type endless struct{ bytes atomic.Int64 }

func (e *endless) ServeHTTP(w http.ResponseWriter, r *http.Request, status int, begin string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, begin)
	more := []byte(strings.Repeat(" ", 1<<20))
	for {
		n, err := w.Write(more)
		e.bytes.Add(int64(n))
		if err != nil || e.bytes.Load() > 1<<30 {
			return
		}
	}
}

// No answer takes more memory than it may, whatever it says.
func TestAnswersAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		begin  string
	}{"a success": {200, "["}, "an error": {422, `{"message": "`}} {
		var e endless
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.ServeHTTP(w, r, test.status, test.begin) }))
		client, err := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t", Second: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Open(t.Context(), wanted)
		srv.Close()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if err == nil || e.bytes.Load() > 200<<20 || m.HeapSys > 1<<30 {
			t.Errorf("%s: %d MB sent, %d MB of heap, %v", name, e.bytes.Load()>>20, m.HeapSys>>20, err)
		}
	}
}

// A download ends where the file does.
func TestDownloadsAreBounded(t *testing.T) {
	s := newShop(t, githubtest.Options{})
	s.publish(s.open(wanted), files)
	var e endless
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "octet-stream") {
			e.ServeHTTP(w, r, 200, "")
			return
		}
		s.gh.ServeHTTP(w, r)
	}))
	defer srv.Close()
	s.url = srv.URL
	rel, err := s.client().Find(t.Context(), "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	f := tempFile(t)
	if _, err := rel.Download(t.Context(), "a.tar.gz", f); err == nil {
		t.Error("downloaded")
	}
	info, err := f.Stat()
	if err != nil || info.Size() > files[0].Size+1 || e.bytes.Load() > 500<<20 {
		t.Errorf("%d bytes were kept, %d MB sent, %v", info.Size(), e.bytes.Load()>>20, err)
	}
}

// Files go to the release itself, and nowhere else on GitHub's hosts.
func TestUploadsGoToTheRelease(t *testing.T) {
	for _, path := range []string{"/releases/999/assets", "/releases/1/assets/x", "/releases/1/assets?x=1", "/releases/1/assets#x", ""} {
		gh, client := start(t, githubtest.Options{Fault: func(int, *http.Request) *githubtest.Fault {
			return &githubtest.Fault{Alter: replaced("/releases/1/assets{", path+"{")}
		}})
		err := release(t, client)
		if err == nil || !strings.Contains(err.Error(), "is not the one of release 1") {
			t.Errorf("%s: %v", path, err)
		}
		if rels := gh.Releases(); len(rels) != 1 || len(rels[0].Assets) > 0 {
			t.Errorf("%s: %+v", path, rels)
		}
	}
}

// What cannot be told is no "no": an answer without a commit does not say that there is no
// tag, and a file of less than nothing is not a different one.
func TestCannotTell(t *testing.T) {
	always := func(fault *githubtest.Fault, path string) func(int, *http.Request) *githubtest.Fault {
		return func(_ int, r *http.Request) *githubtest.Fault {
			if strings.Contains(r.URL.Path, path) {
				return fault
			}
			return nil
		}
	}
	gh, client := start(t, githubtest.Options{Tags: map[string]string{"v1.0.0": elsewhere}, Commits: []string{elsewhere},
		Fault: always(&githubtest.Fault{Status: 200, Body: "{}"}, "/commits/")})
	if err := release(t, client); err == nil || !strings.Contains(err.Error(), `the answer is not a commit: ""`) || len(gh.Releases()) > 0 {
		t.Errorf("%d releases, %v", len(gh.Releases()), err)
	}

	gh, client = start(t, githubtest.Options{Fault: always(&githubtest.Fault{Alter: replaced(`"size":`, `"size":-`)}, "/assets")})
	if err := release(t, client); err == nil || !strings.Contains(err.Error(), `the answer says that "a.tar.gz" has -9 bytes`) || len(gh.History()) > 0 {
		t.Errorf("%v", err)
	}
}

// An answer about another release is none, even with our tag.
func TestAnotherReleaseOfTheTag(t *testing.T) {
	const other = `{"id":987654,"tag_name":"v1.0.0","draft":false,"assets":[]}`
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
			if r.Method == method && strings.HasSuffix(r.URL.Path, "/releases/1") {
				return &githubtest.Fault{Status: 200, Body: other}
			}
			return nil
		}})
		rel, err := client.Open(t.Context(), wanted)
		if err == nil {
			err = rel.Publish(t.Context(), nil, true)
		}
		if err == nil || !strings.Contains(err.Error(), "the answer is about release 987654, not about 1") || rel.ID() != 1 || len(gh.History()) > 0 {
			t.Errorf("%s: release %d, %v", method, rel.ID(), err)
		}
	}
}

// A draft that was created is used, whatever the answer says.
func TestCreateAnswers(t *testing.T) {
	for _, status := range []int{200, 401, 403, 404, 409, 422} {
		answer := githubtest.Fault{Status: status, AfterDone: true, Body: "<html>"}
		fault, count := failing(1, &answer, isCreate)
		gh, client := start(t, githubtest.Options{Fault: fault})
		if err := release(t, client); err != nil || *count != 1 {
			t.Errorf("%d: %v", status, err)
			continue
		}
		whole(t, gh)
	}
}

// A limit that ends in the year 9999, or that has ended, is waited for as long as a run may.
func TestLimitOfAnyYear(t *testing.T) {
	for _, reset := range []int64{1 << 62, 253402300799, -1} {
		limit := githubtest.PrimaryLimit(time.Unix(0, 0))
		limit.Header.Set("X-RateLimit-Reset", fmt.Sprint(reset))
		gh, client := start(t, githubtest.Options{Fault: func(int, *http.Request) *githubtest.Fault { return limit }})
		_, err := client.Open(t.Context(), wanted)
		most := 20
		if reset > 0 {
			most = 1 // it is too long to begin with
		}
		if err == nil || !strings.Contains(err.Error(), "the next attempt is due in") || len(gh.Requests()) > most {
			t.Errorf("%d: %d requests, %v", reset, len(gh.Requests()), err)
		}
	}
}
