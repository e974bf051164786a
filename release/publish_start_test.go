package release

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// Exit status 2 means that nothing was started. A run that fails after it created the draft, or
// may have created it, ends with another status. It removes the draft or says where it is.
func TestFailedStart(t *testing.T) {
	forbidden := githubtest.Fault{Status: http.StatusForbidden}
	doneButForbidden := githubtest.Fault{Status: http.StatusForbidden, AfterDone: true}
	everything := func(*http.Request) bool { return true }

	for name, test := range map[string]struct {
		create  *githubtest.Fault        // of the request that creates the draft
		refused func(*http.Request) bool // the later requests that are refused
		status  int
		says    []string
		drafts  int // how many are left if the run fails
	}{
		"nothing can be created": {
			create: &forbidden,
			status: exitInvalid,
			says:   []string{"creating the draft release"},
		},
		"created, and answered with 403": {
			create: &doneButForbidden,
			status: exitOK,
		},
		"created, and then the list is refused": {
			refused: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/releases") },
			status:  exitFailed,
			says:    []string{"listing releases"},
		},
		"created, and then the release of the tag is refused": {
			refused: func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/tags/") },
			status:  exitFailed,
			says:    []string{"looking for the release of v1.2.3"},
		},
		"created, and then the list of files is refused": {
			refused: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/assets") },
			status:  exitFailed,
			says:    []string{"listing the files of the release"},
		},
		"created, and then everything is refused": {
			refused: everything,
			status:  exitFailed,
			says: []string{
				"listing releases",
				"the release that this run created is left: http",
			},
			drafts: 1,
		},
		"created, answered with 403, and then everything is refused": {
			create:  &doneButForbidden,
			refused: everything,
			status:  exitFailed,
			says: []string{
				"and it is not known whether the draft was created",
				"hint: gh release list --repo octo/hello",
			},
			drafts: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var created, healed atomic.Bool
			w := newWorkshop(t, helloSource, githubtest.Options{
				Fault: func(_ int, r *http.Request) *githubtest.Fault {
					if healed.Load() {
						return nil
					}
					if created.Load() && test.refused != nil && test.refused(r) {
						return &forbidden
					}

					if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/releases") {
						created.Store(true)
						return test.create
					}
					return nil
				},
			})

			w.run(t.Context(), test.status)
			w.said(test.says...)
			if test.status != exitOK && len(w.gh.Releases()) != test.drafts {
				t.Errorf("%d releases, expected %d:\n%s", len(w.gh.Releases()), test.drafts, w.out)
			}

			healed.Store(true)
			w.run(t.Context(), exitOK)
			w.published()
		})
	}
}
