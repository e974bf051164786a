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

	"github.com/org/go-static-release/release/github/githubtest"
)

// A list without an end is given up, and no page is requested from another host.
func TestListsEnd(t *testing.T) {
	var requested atomic.Bool
	otherHost := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		requested.Store(true)
	}))
	defer otherHost.Close()

	tests := map[string]struct {
		next        func(page int) int
		want        string
		maxRequests int
	}{
		"no end": {
			next:        func(page int) int { return page + 1 },
			want:        "the list does not end after",
			maxRequests: 150,
		},
		"the same page": {
			next:        func(page int) int { return page },
			want:        "of a list says that page",
			maxRequests: 10,
		},
		"the first page": {
			next:        func(int) int { return 1 },
			want:        "page 1 of a list says that page 1 follows",
			maxRequests: 10,
		},
		"a page far away": {
			next:        func(page int) int { return page + 1000 },
			want:        "of a list says that page",
			maxRequests: 10,
		},
		"a page before": {
			next:        func(page int) int { return page - 2 },
			want:        "page 1 of a list says that page -1 follows",
			maxRequests: 10,
		},
	}

	for _, list := range []string{"/releases", "/assets"} {
		for name, test := range tests {
			t.Run(list[1:]+"/"+name, func(t *testing.T) {
				fault := func(_ int, r *http.Request) *githubtest.Fault {
					if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, list) {
						return nil
					}
					page := 1
					_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page) // the first page has no number
					next := fmt.Sprintf("%s/x?page=%d", otherHost.URL, test.next(page))
					return &githubtest.Fault{Alter: nextPage(next)}
				}
				gh, client := start(t, githubtest.Options{Fault: fault})

				_, err := client.Open(t.Context(), wanted)
				if !errorContains(err, test.want) {
					t.Errorf("expected %q, got: %v", test.want, err)
				}
				if n := len(gh.Requests()); n > test.maxRequests {
					t.Errorf("%d requests", n)
				}
			})
		}
	}

	if requested.Load() {
		t.Error("a page was requested from another host")
	}
}

// An endlessAnswer is an answer that goes on for ever, or at least for 1 GiB.
type endlessAnswer struct{ sent atomic.Int64 }

// write answers a request with a status, the beginning of the answer, and blanks.
func (e *endlessAnswer) write(w http.ResponseWriter, status int, begin string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, begin)

	blanks := []byte(strings.Repeat(" ", 1<<20))
	for {
		n, err := w.Write(blanks)
		e.sent.Add(int64(n))
		if err != nil || e.sent.Load() > 1<<30 {
			return
		}
	}
}

// No answer takes more memory than the limit for answers.
func TestAnswersAreLimited(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		begin  string
	}{
		"a success": {200, "["},
		"an error":  {422, `{"message": "`},
	} {
		t.Run(name, func(t *testing.T) {
			var answer endlessAnswer
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				answer.write(w, test.status, test.begin)
			}))

			_, err := newClient(t, options(srv.URL)).Open(t.Context(), wanted)
			srv.Close()
			if err == nil {
				t.Error("opened")
			}

			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if answer.sent.Load() > 200<<20 || m.HeapSys > 1<<30 {
				t.Errorf("%d MB sent, %d MB of heap, %v", answer.sent.Load()>>20, m.HeapSys>>20, err)
			}
		})
	}
}

// A download ends where the file ends.
func TestDownloadsAreLimited(t *testing.T) {
	s := newShared(t, githubtest.Options{})
	s.publish(s.open(wanted), files)

	var answer endlessAnswer
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "octet-stream") {
			answer.write(w, 200, "")
			return
		}
		s.gh.ServeHTTP(w, r)
	}))
	defer srv.Close()

	rel, err := newClient(t, options(srv.URL)).Find(t.Context(), "v1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	f := tempFile(t)
	if _, err := rel.Download(t.Context(), "a.tar.gz", f); err == nil {
		t.Error("downloaded")
	}

	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > files[0].Size+1 || answer.sent.Load() > 500<<20 {
		t.Errorf("%d bytes were kept, %d MB sent", info.Size(), answer.sent.Load()>>20)
	}
}

// Files are sent to the upload address of the release, and to no other on GitHub's hosts.
func TestUploadsGoToTheRelease(t *testing.T) {
	for _, path := range []string{
		"/releases/999/assets",
		"/releases/1/assets/x",
		"/releases/1/assets?x=1",
		"/releases/1/assets#x",
		"",
	} {
		gh, client := start(t, githubtest.Options{Fault: func(int, *http.Request) *githubtest.Fault {
			return &githubtest.Fault{Alter: replaced("/releases/1/assets{", path+"{")}
		}})

		err := release(t, client)
		if !errorContains(err, "is not the one of release 1") {
			t.Errorf("%s: %v", path, err)
		}
		all := gh.Releases()
		if len(all) != 1 || len(all[0].Assets) > 0 {
			t.Errorf("%s: %+v", path, all)
		}
	}
}

// An answer without a commit does not mean that there is no tag.
func TestAnswerWithoutCommit(t *testing.T) {
	gh, client := start(t, githubtest.Options{
		Tags:    map[string]string{"v1.0.0": elsewhere},
		Commits: []string{elsewhere},
		Fault: always(&githubtest.Fault{Status: 200, Body: "{}"}, func(r *http.Request) bool {
			return strings.Contains(r.URL.Path, "/commits/")
		}),
	})

	err := release(t, client)
	if !errorContains(err, `the answer is not a commit: ""`) || len(gh.Releases()) > 0 {
		t.Errorf("%d releases, %v", len(gh.Releases()), err)
	}
}

// A file with a negative size is not a different file, but a wrong answer.
func TestNegativeSize(t *testing.T) {
	negative := &githubtest.Fault{Alter: replaced(`"size":`, `"size":-`)}
	gh, client := start(t, githubtest.Options{Fault: always(negative, func(r *http.Request) bool {
		return strings.Contains(r.URL.Path, "/assets")
	})})

	err := release(t, client)
	if !errorContains(err, `the answer says that "a.tar.gz" has -9 bytes`) || len(gh.History()) > 0 {
		t.Errorf("%v", err)
	}
}

// An answer about another release is wrong even if that has our tag.
func TestAnotherReleaseOfTheTag(t *testing.T) {
	another := &githubtest.Fault{
		Status: 200,
		Body:   `{"id":987654,"tag_name":"v1.0.0","draft":false,"assets":[]}`,
	}
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		gh, client := start(t, githubtest.Options{Fault: always(another, func(r *http.Request) bool {
			return r.Method == method && strings.HasSuffix(r.URL.Path, "/releases/1")
		})})

		rel := open(t, client, wanted)
		err := rel.Publish(t.Context(), nil, true)
		if !errorContains(err, "the answer is about release 987654, not about 1") {
			t.Errorf("%s: %v", method, err)
		}
		if rel.ID() != 1 || len(gh.History()) > 0 {
			t.Errorf("%s: release %d, public %d times", method, rel.ID(), len(gh.History()))
		}
	}
}

// A draft that was created is used, whatever the answer to its creation says.
func TestCreateAnswers(t *testing.T) {
	for _, status := range []int{200, 401, 403, 404, 409, 422} {
		answer := githubtest.Fault{Status: status, AfterDone: true, Body: "<html>"}
		fault, count := failing(1, &answer, isCreate)
		gh, client := start(t, githubtest.Options{Fault: fault})

		err := release(t, client)
		if err != nil || *count != 1 {
			t.Errorf("%d: %d faults, %v", status, *count, err)
			continue
		}
		checkComplete(t, gh)
	}
}

// A rate limit may claim to end in any year. The client waits only as long as a run may wait.
func TestLimitOfAnyYear(t *testing.T) {
	for _, test := range []struct {
		reset       int64 // seconds since 1970
		maxRequests int
	}{
		{reset: 1 << 62, maxRequests: 1}, // the first wait is too long already
		{reset: 253402300799, maxRequests: 1},
		{reset: -1, maxRequests: 20},
	} {
		limit := githubtest.PrimaryLimit(time.Unix(0, 0))
		limit.Header.Set("X-RateLimit-Reset", fmt.Sprint(test.reset))
		gh, client := start(t, githubtest.Options{
			Fault: func(int, *http.Request) *githubtest.Fault { return limit },
		})

		_, err := client.Open(t.Context(), wanted)
		if !errorContains(err, "the next attempt is due in") || len(gh.Requests()) > test.maxRequests {
			t.Errorf("%d: %d requests, %v", test.reset, len(gh.Requests()), err)
		}
	}
}
