package github_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// Generated notes list the changes since the previous version of the same module.
func TestNotesSincePreviousVersion(t *testing.T) {
	for name, test := range map[string]struct {
		tag, version string
		others       string // tags on GitHub
		previous     string // "" if GitHub chooses
	}{
		"next version": {
			tag:      "v1.10.0",
			version:  "1.10.0",
			others:   "v1.2.0 v1.9.0 v1.9.0+build",
			previous: "v1.9.0",
		},
		"nested module": {
			tag:      "sub/v1.2.3",
			version:  "1.2.3",
			others:   "v1.2.2 sub/v1.2.2 sub/v1.2.1 sub/deep/v1.2.2 sub2/v1.2.2 other/v1.2.2",
			previous: "sub/v1.2.2",
		},
		"root beside nested modules": {
			tag:      "v1.2.3",
			version:  "1.2.3",
			others:   "v1.2.1 sub/v1.2.2 vendored/v1.2.2",
			previous: "v1.2.1",
		},
		"moving tags": {
			tag:      "v1.2.3",
			version:  "1.2.3",
			others:   "v1 v1.2 v1.1.0 latest vnext",
			previous: "v1.1.0",
		},
		"fix of an older line": {
			tag:      "v1.2.4",
			version:  "1.2.4",
			others:   "v1.2.3 v1.3.0 v2.0.0",
			previous: "v1.2.3",
		},
		"major version": {
			tag:      "v2.0.0",
			version:  "2.0.0",
			others:   "v1.9.0 v2.1.0",
			previous: "v1.9.0",
		},
		"release after prereleases": {
			tag:      "v1.3.0",
			version:  "1.3.0",
			others:   "v1.2.0 v1.3.0-rc.1 v1.3.0-rc.2",
			previous: "v1.2.0",
		},
		"prerelease after another": {
			tag:      "v1.3.0-rc.10",
			version:  "1.3.0-rc.10",
			others:   "v1.2.0 v1.3.0-rc.2 v1.3.0-rc.9 v1.3.0-rc.11 v1.3.0",
			previous: "v1.3.0-rc.9",
		},
		"first prerelease": {
			tag:      "v1.3.0-rc.1",
			version:  "1.3.0-rc.1",
			others:   "v1.2.0 v1.2.1-rc.1",
			previous: "v1.2.0",
		},
		"tag with a prefix": {
			tag:      "name-v1.2.3",
			version:  "1.2.3",
			others:   "v1.2.2 name-v1.2.1 name-extra-v1.2.2",
			previous: "name-v1.2.1",
		},
		"tag without a v": {
			tag:      "1.2.3",
			version:  "1.2.3",
			others:   "v1.2.2 1.2.1 1",
			previous: "1.2.1",
		},
		"first version of a nested module": {
			tag:     "sub/v1.2.3",
			version: "1.2.3",
			others:  "v1.2.2",
		},
		"first version that is final": {
			tag:     "v1.0.0",
			version: "1.0.0",
			others:  "v1.0.0-rc.1",
		},
		"no version in the tag": {
			tag:     "nightly",
			version: "1.2.3",
			others:  "v1.2.2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tags := map[string]string{test.tag: githubtest.Head}
			for _, tag := range strings.Fields(test.others) {
				tags[tag] = githubtest.Head
			}
			gh, client := start(t, githubtest.Options{Tags: tags})

			rel := open(t, client, github.Wanted{
				Tag:     test.tag,
				Version: test.version,
				Commit:  githubtest.Head,
				Files:   wanted.Files,
			})
			if len(rel.Notices) > 0 {
				t.Errorf("notices %q", rel.Notices)
			}

			want := "/compare/" + test.previous + "..." + test.tag
			if test.previous == "" {
				want = "/commits/" + test.tag
			}
			if body := gh.Releases()[0].Body; !strings.HasSuffix(body, want) {
				t.Errorf("notes %q, want them to end in %q", body, want)
			}
		})
	}
}

// Notes that a user has written need no previous version.
func TestGivenNotesNeedNoTags(t *testing.T) {
	gh, client := start(t, githubtest.Options{})
	want := wanted
	want.Version = "1.0.0"
	open(t, client, want)

	for _, r := range gh.Requests() {
		if strings.Contains(r.Path, "matching-refs") || strings.Contains(r.Path, "generate-notes") {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
}

// If somebody deletes the previous tag meanwhile, GitHub chooses one.
func TestPreviousTagDeleted(t *testing.T) {
	var gh *githubtest.Server
	gh, client := start(t, githubtest.Options{
		Tags: map[string]string{
			"v1.0.0": githubtest.Head,
			"v0.9.0": githubtest.Head,
		},
		Fault: func(_ int, r *http.Request) *githubtest.Fault {
			if strings.HasSuffix(r.URL.Path, "/generate-notes") {
				gh.MoveTag("v0.9.0", "")
			}
			return nil
		},
	})

	want := wanted
	want.Version = "1.0.0"
	want.Notes = ""
	rel := open(t, client, want)
	if body := gh.Releases()[0].Body; !strings.HasSuffix(body, "/commits/v1.0.0") {
		t.Errorf("notes %q", body)
	}
	if !strings.Contains(notices(rel), "GitHub does not compare v1.0.0 with v0.9.0") {
		t.Errorf("notices %q", rel.Notices)
	}
}
