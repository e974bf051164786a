package release

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// Exit status 2 says that nothing was started. A start that fails when the draft is there, or
// may be, is something else: the draft is removed, or it is said where it is.
func TestAttackStart(t *testing.T) {
	forbidden := githubtest.Fault{Status: http.StatusForbidden}
	done := githubtest.Fault{Status: http.StatusForbidden, AfterDone: true}

	for name, test := range map[string]struct {
		fault  func(r *http.Request, create, afterwards bool) *githubtest.Fault
		status int
		says   []string
		drafts int
	}{
		"nothing can be created": {
			func(_ *http.Request, create, _ bool) *githubtest.Fault { return when(create, forbidden) },
			exitBadRequest, []string{"creating the draft release"}, 0,
		},
		"created, and answered with 403": {
			func(_ *http.Request, create, _ bool) *githubtest.Fault { return when(create, done) },
			exitOK, nil, 0,
		},
		"created, and then the list is refused": {
			func(r *http.Request, _, afterwards bool) *githubtest.Fault {
				return when(afterwards && strings.HasSuffix(r.URL.Path, "/releases"), forbidden)
			},
			exitFellShort, []string{"listing releases"}, 0,
		},
		"created, and then the release of the tag is refused": {
			func(r *http.Request, _, afterwards bool) *githubtest.Fault {
				return when(afterwards && strings.Contains(r.URL.Path, "/tags/"), forbidden)
			},
			exitFellShort, []string{"looking for the release of v1.2.3"}, 0,
		},
		"created, and then the list of files is refused": {
			func(r *http.Request, _, afterwards bool) *githubtest.Fault {
				return when(afterwards && strings.HasSuffix(r.URL.Path, "/assets"), forbidden)
			},
			exitFellShort, []string{"listing the files of the release"}, 0,
		},
		"created, and then everything is refused": {
			func(_ *http.Request, _, afterwards bool) *githubtest.Fault { return when(afterwards, forbidden) },
			exitFellShort, []string{"listing releases", "the release that this run created is left: http"}, 1,
		},
		"created, answered with 403, and then everything is refused": {
			func(_ *http.Request, create, afterwards bool) *githubtest.Fault {
				if afterwards {
					return &forbidden
				}
				return when(create, done)
			},
			exitFellShort, []string{"and it is not known whether the draft was created", "hint: gh release list --repo octo/hello"}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var created, healed atomic.Bool
			w := newWorkshop(t, helloSource, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
				if healed.Load() {
					return nil
				}
				afterwards := created.Load()
				create := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/releases")
				created.Store(afterwards || create)
				return test.fault(r, create, afterwards)
			}})

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

// when returns the fault if the condition holds.
func when(condition bool, fault githubtest.Fault) *githubtest.Fault {
	if condition {
		return &fault
	}
	return nil
}
