package release

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// event returns the variables of a workflow run for an event with the given payload.
func (w *workshop) event(name, payload string) []string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "event.json")
	if err := os.WriteFile(path, []byte(payload), 0o644); err != nil {
		w.t.Fatal(err)
	}

	return []string{
		"GITHUB_EVENT_NAME=" + name,
		"GITHUB_EVENT_PATH=" + path,
	}
}

// A workflow with the input tag publishes that tag, whatever it runs for, or fails.
func TestChosenTag(t *testing.T) {
	const branch = "GITHUB_REF=refs/heads/main"
	const tag = "INPUT_TAG=v1.2.3"
	published := "release: tag v1.2.3 (input tag) in a workflow with a token\n"
	checkOut := "hint: with: { ref: 'v1.2.3' } # of actions/checkout; ref: ${{ inputs.tag }} serves every tag\n"

	for name, test := range map[string]struct {
		event, payload string
		env            []string
		prepare        func(w *workshop)
		status         int
		says           []string
		published      bool
	}{
		"started by hand": {
			event:     "workflow_dispatch",
			env:       []string{branch, tag},
			says:      []string{published},
			published: true,
		},
		"started by the clock": {
			event:     "schedule",
			env:       []string{branch, tag},
			says:      []string{published},
			published: true,
		},
		"without a ref": {
			event:     "repository_dispatch",
			env:       []string{"GITHUB_REF=", tag},
			says:      []string{published},
			published: true,
		},
		"another tag was pushed": {
			event:     "push",
			env:       []string{"GITHUB_REF=refs/tags/v9.9.9", tag},
			says:      []string{published},
			published: true,
		},
		"a pull request was merged": {
			event:     "pull_request",
			payload:   `{"action": "closed", "pull_request": {"merged": true}}`,
			env:       []string{branch, tag},
			says:      []string{published},
			published: true,
		},
		"a pull request is tested": {
			event:   "pull_request",
			payload: `{"action": "opened", "pull_request": {"merged": false}}`,
			env:     []string{"GITHUB_REF=refs/pull/1/merge", tag},
			says:    []string{"dry run: the change that the workflow tests is not merged\n"},
		},
		"a pull request is tested with a token that writes": {
			event:   "pull_request_target",
			payload: `{"action": "opened", "pull_request": {"merged": false}}`,
			env:     []string{branch, tag},
			says:    []string{"dry run: the change that the workflow tests is not merged\n"},
		},
		"a merge queue": {
			event: "merge_group",
			env:   []string{"GITHUB_REF=refs/heads/gh-readonly-queue/main/pr-1-0123456", tag},
			says:  []string{"dry run: the change that the workflow tests is not merged\n"},
		},
		"dry-run wins": {
			event: "workflow_dispatch",
			env:   []string{branch, tag, "INPUT_DRY_RUN=true"},
			says:  []string{"dry run: dry-run is true (input dry-run)\n"},
		},
		"no token": {
			event:  "workflow_dispatch",
			env:    []string{branch, tag, "INPUT_TOKEN="},
			status: exitInvalid,
			says: []string{
				"error: input tag: publishing v1.2.3 needs a token\n",
				"hint: token: ${{ github.token }}\nor: dry-run: true\n",
			},
		},
		"no token, and no such tag": {
			event:  "workflow_dispatch",
			env:    []string{branch, "INPUT_TAG=v1.2.4", "INPUT_TOKEN="},
			status: exitInvalid,
			says: []string{
				"error: input tag: publishing v1.2.4 needs a token\n",
				"error: input tag: tag v1.2.4 does not exist\n",
			},
		},
		"the tag was not fetched": {
			event:   "workflow_dispatch",
			env:     []string{branch, tag},
			prepare: func(w *workshop) { w.git("tag", "-d", "v1.2.3") },
			status:  exitInvalid,
			says: []string{
				"error: input tag: tag v1.2.3 does not exist\n",
				checkOut,
				"or: git tag v1.2.3 && git push origin v1.2.3 # if there is no such tag\n",
				"or: dry-run: true # builds a version that is not released\n",
			},
		},
		"another commit is checked out": {
			event: "workflow_dispatch",
			env:   []string{branch, tag},
			prepare: func(w *workshop) {
				w.git("commit", "--quiet", "--allow-empty", "--message=second")
			},
			status: exitInvalid,
			says:   []string{"error: input tag: tag v1.2.3 names commit ", "is checked out\n", checkOut},
		},
		"a moving tag was pushed": {
			event:   "push",
			env:     []string{"GITHUB_REF=refs/tags/v1"},
			prepare: func(w *workshop) { w.git("tag", "v1") },
			status:  exitInvalid,
			says: []string{
				"error: GITHUB_REF: tag \"v1\" is not a semantic version such as v1.2.3\n",
				"hint: tags: ['v*.*.*'] # of on: push, if v1 is a tag that moves\n",
				"or: git tag v1.0.0\n",
			},
		},
		"the input is empty": {
			event: "workflow_dispatch",
			env:   []string{branch, "INPUT_TAG="},
			says:  []string{"dry run: refs/heads/main is not a tag\n"},
		},
		"on a laptop": {
			env:  []string{"GITHUB_ACTIONS=false", tag},
			says: []string{"dry run: not in a workflow\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t, helloSource, githubtest.Options{})
			if test.prepare != nil {
				test.prepare(w)
			}

			env := test.env
			if test.event != "" {
				payload := test.payload
				if payload == "" {
					payload = "{}"
				}
				env = append(w.event(test.event, payload), env...)
			}
			w.run(t.Context(), test.status, env...)

			w.said(test.says...)
			if test.published {
				w.published()
			} else if n := len(w.gh.Requests()); n > 0 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// The release that a workflow runs for may have been withdrawn. It is not published again.
func TestWithdrawnRelease(t *testing.T) {
	for _, action := range []string{"deleted", "unpublished"} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		w.run(t.Context(), exitOK, w.event("release", fmt.Sprintf(`{"action": %q}`, action))...)
		w.said("dry run: the release was " + action + "\n")
		if n := len(w.gh.Requests()); n > 0 {
			t.Errorf("%s: %d requests", action, n)
		}
	}
}

// A run that lacks both a tag and a token says so at once.
func TestNoTagAndNoToken(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.git("tag", "-d", "v1.2.3")
	w.env = append(w.env, "GITHUB_REF=refs/heads/main", "INPUT_TOKEN=")

	w.run(t.Context(), exitOK)
	w.said("dry run: refs/heads/main is not a tag, and there is no token\n")
	w.run(t.Context(), exitOK, "GITHUB_REF=")
	w.said("dry run: the workflow names no tag, and there is no token\n")

	w.run(t.Context(), exitInvalid, "INPUT_DRY_RUN=false")
	w.said(
		"error: input dry-run: publishing needs a token\nhint: token: ${{ github.token }}\n",
		"publishing needs a tag, and none is on commit",
	)
	if n := strings.Count(w.out, "error: "); n != 2 {
		t.Errorf("%d errors:\n%s", n, w.out)
	}
}
