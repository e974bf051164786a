package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// The tests in this file answer the publication, or what follows it, with an error. The run
// must never say that nothing was published if the release is public, nor that the release is
// public if it is not.

// A laterRead is what happens to requests that read the release after the publication.
type laterRead struct {
	name       string
	unreadable bool
	fault      func(n int) *githubtest.Fault // for the n-th of these requests
}

var laterReads = []laterRead{
	{
		name:  "are answered",
		fault: func(int) *githubtest.Fault { return nil },
	},
	{
		name:       "fail with 500",
		unreadable: true,
		fault:      func(int) *githubtest.Fault { return &githubtest.Fault{Status: 500} },
	},
	{
		name:       "fail with 401",
		unreadable: true,
		fault:      func(int) *githubtest.Fault { return &githubtest.Fault{Status: 401} },
	},
	{
		name: "lag twice",
		fault: func(n int) *githubtest.Fault {
			if n > 2 {
				return nil
			}
			return &githubtest.Fault{Alter: replaced(`"draft":false`, `"draft":true`)}
		},
	},
}

func TestAnswersToThePublication(t *testing.T) {
	for _, answer := range publicationAnswers {
		for _, reads := range laterReads {
			t.Run(fmt.Sprintf("%s/reads %s", answer.name, reads.name), func(t *testing.T) {
				t.Parallel()
				publishWithAnswer(t, answer.fault, reads, true)
			})

			if answer.fault.Alter != nil {
				continue // the fault alters the answer of a request that is carried out
			}
			notDone := answer.fault
			notDone.AfterDone = false
			t.Run(fmt.Sprintf("not %s/reads %s", answer.name, reads.name), func(t *testing.T) {
				t.Parallel()
				publishWithAnswer(t, notDone, reads, false)
			})
		}
	}
}

// publishWithAnswer publishes a release with a fault at the publication, which carries it out
// or not, and checks what the run then says about the release.
func publishWithAnswer(t *testing.T, fault githubtest.Fault, reads laterRead, done bool) {
	published := false
	read := 0
	gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
		if isPublication(r) {
			published = true
			return &fault
		}
		if !published || !strings.Contains(r.URL.Path, "/releases/") {
			return nil
		}
		read++
		return reads.fault(read)
	}})
	rel := open(t, client, wanted)
	attachAll(t, rel, files)

	err := rel.Publish(t.Context(), files, true)
	public := !gh.Releases()[0].Draft
	if public != done {
		t.Fatalf("the fault did not do what it should: public %v", public)
	}

	state := rel.State()
	switch {
	case reads.unreadable:
		if state != github.Unknown || !errorContains(err, "it is not known whether the release is public") {
			t.Errorf("it cannot be read: %s, %v", state, err)
		}
	case done:
		if state != github.Public || err != nil {
			t.Errorf("it is public: %s, %v", state, err)
		}
	default:
		if state != github.Draft || err == nil {
			t.Errorf("it is a draft: %s, %v", state, err)
		}
	}
}

// Publish fails if the public release cannot be found by its tag, or if its files or its tag
// cannot be read.
func TestReadBackFails(t *testing.T) {
	for name, test := range map[string]struct {
		fault githubtest.Fault
		path  string // of the requests after the publication that have the fault
		want  string
	}{
		"a draft by its tag": {
			fault: githubtest.Fault{Alter: replaced(`"draft":false`, `"draft":true`)},
			path:  "/releases/tags/",
			want:  "answered with a draft",
		},
		"another release by its tag": {
			fault: githubtest.Fault{Status: 200, Body: anotherRelease},
			path:  "/releases/tags/",
			want:  `the answer is about the release of tag "v9.9.9"`,
		},
		"nothing by its tag": {
			fault: githubtest.Fault{Status: 404},
			path:  "/releases/tags/",
			want:  "404",
		},
		"no list of files": {
			fault: githubtest.Fault{Status: 500},
			path:  "/assets",
			want:  "listing the files of the release",
		},
		"no tag": {
			fault: githubtest.Fault{Status: 404},
			path:  "/commits/",
			want:  "its tag is wrong",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			published := false
			gh, client := start(t, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
				if isPublication(r) {
					published = true
				}
				if published && strings.Contains(r.URL.Path, test.path) {
					return &test.fault
				}
				return nil
			}})
			rel := open(t, client, wanted)
			attachAll(t, rel, files)

			err := rel.Publish(t.Context(), files, true)
			if !errorContains(err, test.want) || rel.State() != github.Public {
				t.Errorf("state %s: %v", rel.State(), err)
			}
			checkComplete(t, gh)
		})
	}
}

// If GitHub answers that the release is public, but has not published it, Publish fails.
func TestPublicationNotDone(t *testing.T) {
	answer := &githubtest.Fault{
		Status: 200,
		Body:   `{"id":1,"tag_name":"v1.0.0","draft":false}`,
	}
	gh, client := start(t, githubtest.Options{Fault: always(answer, isPublication)})
	rel := open(t, client, wanted)

	err := rel.Publish(t.Context(), nil, true)
	if !errorContains(err, "but is a draft") || rel.State() != github.Draft || len(gh.History()) > 0 {
		t.Errorf("state %s: %v", rel.State(), err)
	}
}

// The request that makes a public release a draft again may be answered with an error, too.
// No file is replaced while the release is public.
func TestAnswersToMakeDraft(t *testing.T) {
	for name, test := range map[string]struct {
		fault    githubtest.Fault
		succeeds bool
	}{
		"403, but it worked": {
			fault:    githubtest.Fault{Status: 403, AfterDone: true},
			succeeds: true,
		},
		"404, but it worked": {
			fault:    githubtest.Fault{Status: 404, AfterDone: true},
			succeeds: true,
		},
		"HTML, but it worked": {
			fault:    githubtest.Fault{Status: 200, Body: "<html>", AfterDone: true},
			succeeds: true,
		},
		"502, but it worked": {
			fault:    githubtest.Fault{Status: 502, AfterDone: true},
			succeeds: true,
		},
		"403": {
			fault:    githubtest.Fault{Status: 403},
			succeeds: false,
		},
		"200, and still public": {
			fault:    githubtest.Fault{Alter: replaced(`"draft":true`, `"draft":false`)},
			succeeds: true,
		},
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
			mustRelease(t, client)
			before := gh.Releases()[0]

			armed = true
			w := wanted
			w.Overwrite = true
			rel := open(t, client, w)
			_, err := rel.Attach(t.Context(), file("a.tar.gz", "other bytes"))
			if succeeded := err == nil; succeeded != test.succeeds {
				t.Errorf("%v", err)
			}
			if test.succeeds {
				return
			}

			after := gh.Releases()[0]
			if after.Draft || fmt.Sprint(after.Assets) != fmt.Sprint(before.Assets) {
				t.Errorf("%+v", after)
			}
			if rel.State() != github.Public {
				t.Errorf("state %s", rel.State())
			}
		})
	}
}
