package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// What is said of a release after its publication was answered with an error: never that
// nothing was published while it is public, and never that it is public while it is not.

// later is what happens to requests that read the release after the publication.
var later = map[string]func(n int, r *http.Request) *githubtest.Fault{
	"are answered": func(int, *http.Request) *githubtest.Fault { return nil },
	"fail with 500": func(int, *http.Request) *githubtest.Fault {
		return &githubtest.Fault{Status: 500}
	},
	"fail with 401": func(int, *http.Request) *githubtest.Fault {
		return &githubtest.Fault{Status: 401}
	},
	"lag twice": func(n int, r *http.Request) *githubtest.Fault {
		if n > 2 {
			return nil
		}
		return &githubtest.Fault{Alter: replaced(`"draft":false`, `"draft":true`)}
	},
}

// doneAndNot returns the fault with and without the request being carried out.
func doneAndNot(f namedFault) []githubtest.Fault {
	if f.fault.Alter != nil {
		return []githubtest.Fault{f.fault}
	}
	undone := f.fault
	undone.AfterDone = false
	return []githubtest.Fault{f.fault, undone}
}

func TestAnswersToThePublication(t *testing.T) {
	for _, refusal := range refusals {
		for i, fault := range doneAndNot(refusal) {
			for reads, then := range later {
				t.Run(fmt.Sprintf("%s/%d, reads %s", refusal.name, i, reads), func(t *testing.T) {
					t.Parallel()
					publishAgainst(t, &fault, then, i == 0, reads)
				})
			}
		}
	}
}

func publishAgainst(t *testing.T, fault *githubtest.Fault, then func(int, *http.Request) *githubtest.Fault, done bool, reads string) {
	published, read := false, 0
	gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if r.Method == http.MethodPatch {
			published = true
			return fault
		}
		if !published || !strings.Contains(r.URL.Path, "/releases/") {
			return nil
		}
		read++
		return then(read, r)
	}})
	rel, err := client.Open(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, err := rel.Attach(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}

	err = rel.Publish(t.Context(), files, true)
	public := !gh.Releases()[0].Draft
	if public != done {
		t.Fatalf("the fault did not do what it is for: public %v", public)
	}
	unreadable := strings.HasPrefix(reads, "fail")
	switch state := rel.State(); {
	case done && !unreadable && (err != nil || state != github.Public):
		t.Errorf("it is public: %s, %v", state, err)
	case !done && !unreadable && (err == nil || state != github.Draft):
		t.Errorf("it is a draft: %s, %v", state, err)
	case unreadable && (err == nil || state != github.Unknown || !strings.Contains(err.Error(), "it is not known whether the release is public")):
		t.Errorf("it cannot be read: %s, %v", state, err)
	}
}

// A public release that GitHub shows as a draft under its tag is no success, and neither is
// one of which the files or the tag cannot be read.
func TestReadBackFails(t *testing.T) {
	for name, test := range map[string]struct {
		fault  githubtest.Fault
		path   string // of the requests after the publication that are answered so
		reason string
	}{
		"a draft by its tag":   {githubtest.Fault{Alter: replaced(`"draft":false`, `"draft":true`)}, "/releases/tags/", "answered with a draft"},
		"another by its tag":   {githubtest.Fault{Status: 200, Body: anotherRelease}, "/releases/tags/", `the answer is about the release of tag "v9.9.9"`},
		"not there by its tag": {githubtest.Fault{Status: 404}, "/releases/tags/", "404"},
		"files":                {githubtest.Fault{Status: 500}, "/assets", "listing the files of the release"},
		"tag":                  {githubtest.Fault{Status: 404}, "/commits/", "its tag is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			published := false
			gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
				published = published || r.Method == http.MethodPatch
				if published && strings.Contains(r.URL.Path, test.path) {
					return &test.fault
				}
				return nil
			}})
			rel, err := client.Open(t.Context(), wanted)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if _, err := rel.Attach(t.Context(), f); err != nil {
					t.Fatal(err)
				}
			}
			err = rel.Publish(t.Context(), files, true)
			if err == nil || !strings.Contains(err.Error(), test.reason) || rel.State() != github.Public {
				t.Errorf("state %s: %v", rel.State(), err)
			}
			whole(t, gh)
		})
	}
}

// GitHub says yes and has done nothing: that is noticed, and it is a draft.
func TestPublicationNotDone(t *testing.T) {
	const yes = `{"id":1,"tag_name":"v1.0.0","draft":false}`
	gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if r.Method == http.MethodPatch {
			return &githubtest.Fault{Status: 200, Body: yes}
		}
		return nil
	}})
	rel, err := client.Open(t.Context(), wanted)
	if err == nil {
		err = rel.Publish(t.Context(), nil, true)
	}
	if err == nil || !strings.Contains(err.Error(), "but is a draft") || rel.State() != github.Draft || len(gh.History()) > 0 {
		t.Errorf("state %s: %v", rel.State(), err)
	}
}

// The request that makes a public release a draft again is judged in the same way: nothing
// is replaced while the release is public.
func TestReopenAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		fault githubtest.Fault
		works bool
	}{
		"403, but it worked":    {githubtest.Fault{Status: 403, AfterDone: true}, true},
		"404, but it worked":    {githubtest.Fault{Status: 404, AfterDone: true}, true},
		"HTML, but it worked":   {githubtest.Fault{Status: 200, Body: "<html>", AfterDone: true}, true},
		"502, but it worked":    {githubtest.Fault{Status: 502, AfterDone: true}, true},
		"403":                   {githubtest.Fault{Status: 403}, false},
		"200, and still public": {githubtest.Fault{Alter: replaced(`"draft":true`, `"draft":false`)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			armed := false
			gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
				if !armed || r.Method != http.MethodPatch {
					return nil
				}
				armed = false
				return &test.fault
			}})
			if err := release(t, client); err != nil {
				t.Fatal(err)
			}
			before := gh.Releases()[0]

			armed = true
			w := wanted
			w.Overwrite = true
			rel, err := client.Open(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			other := file("a.tar.gz", "other bytes")
			_, err = rel.Attach(t.Context(), other)
			if (err == nil) != test.works {
				t.Errorf("%v", err)
			}
			if test.works {
				return
			}
			if after := gh.Releases()[0]; after.Draft || fmt.Sprint(after.Assets) != fmt.Sprint(before.Assets) || rel.State() != github.Public {
				t.Errorf("state %s, %+v", rel.State(), after)
			}
		})
	}
}
