package release

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/github/githubtest"
)

const byHand = `{"tag_name": "v1.2.3", "name": "By hand", "body": "written by a person"}`

// request sends a request to the fake GitHub, as a person does on the web page.
func (w *workshop) request(method, path, body string) {
	w.t.Helper()
	request, err := http.NewRequest(method, getenvOf(w.env)("GITHUB_API_URL")+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testToken)
	request.Header.Set("Content-Type", "application/json")

	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
}

// releaseByHand makes the public release of v1.2.3, with the given files, and returns it.
func (w *workshop) releaseByHand(files ...string) githubtest.Release {
	w.t.Helper()
	w.request(http.MethodPost, "/repos/octo/hello/releases", byHand)
	id := w.gh.Releases()[0].ID
	for _, name := range files {
		path := fmt.Sprintf("/uploads/repos/octo/hello/releases/%d/assets?name=%s", id, name)
		w.request(http.MethodPost, path, "by a person")
	}
	return w.gh.Releases()[0]
}

// releaseEvent returns the variables of a workflow run for an event about the release.
func (w *workshop) releaseEvent(action string) []string {
	return w.event("release", fmt.Sprintf(`{"action": %q, "release": {"tag_name": "v1.2.3"}}`, action))
}

// completed fails the test unless the release that a person has made has all files, in addition
// to those of the person, and is otherwise as it was. Its checksums must have come last.
func (w *workshop) completed(before githubtest.Release) {
	w.t.Helper()
	all := w.gh.Releases()
	if len(all) != 1 || all[0].ID != before.ID {
		w.t.Fatalf("%+v", all)
	}

	rel := all[0]
	if rel.Draft || rel.Name != before.Name || rel.Body != before.Body || rel.Prerelease != before.Prerelease {
		w.t.Errorf("it was changed: %+v", rel)
	}

	theirs := len(before.Assets)
	if !slices.EqualFunc(rel.Assets[:theirs], before.Assets, sameAsset) {
		w.t.Errorf("files of the person were changed: %+v", rel.Assets)
	}
	rel.Assets = rel.Assets[theirs:]
	w.complete(rel)

	for _, seen := range w.gh.History() {
		if seen.Gone {
			w.t.Errorf("request %d made it a draft", seen.Request)
		}
		_, checksums := seen.Release.Asset("checksums.txt")
		if checksums && len(seen.Release.Assets) != theirs+3 {
			w.t.Errorf("request %d left the checksums without files", seen.Request)
		}
	}
}

func sameAsset(a, b githubtest.Asset) bool { return a.ID == b.ID && a.Digest == b.Digest }

// A workflow that runs because somebody made a release adds the files to it.
func TestReleaseEvent(t *testing.T) {
	for _, action := range []string{"published", "created", "released", "prereleased", "edited"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t, helloSource, githubtest.Options{})
			before := w.releaseByHand("manual.pdf")
			env := w.releaseEvent(action)

			w.run(t.Context(), exitOK, env...)
			w.said(
				"release: refs/tags/v1.2.3 in a workflow with a token\n",
				"the release was public already: 3 of its 3 files were added, and nothing else was changed",
				"published hello 1.2.3: 3 files, 2 programs for 2 targets, each proved",
			)
			w.neverSaid("lacks")
			w.completed(before)
			if got := w.output("published"); got != "true" {
				t.Errorf("output published: %q", got)
			}

			w.run(t.Context(), exitOK, env...)
			w.said("its files are compared, and nothing is changed", "3 files (3 there already)")
			w.completed(before)
			if n := w.requests("POST", "/assets"); n != 1+3 {
				t.Errorf("%d uploads", n)
			}
		})
	}
}

// A file of another build stays, and then no file is added beside it.
func TestReleaseEventWithOtherFile(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	before := w.releaseByHand("checksums.txt")

	w.run(t.Context(), exitFailed, w.releaseEvent("published")...)
	w.said(
		"release v1.2.3 is public and has a different checksums.txt",
		"hint: overwrite: true # makes the release a draft until all its files are replaced",
		"the release is public and lacks 2 of its 3 files; the next run that succeeds adds them",
	)
	w.neverSaid("added, and nothing else")
	rel := w.gh.Releases()[0]
	if rel.Draft || !slices.EqualFunc(rel.Assets, before.Assets, sameAsset) {
		t.Errorf("it was changed: %+v", rel)
	}

	// On request it is replaced, and the release is complete whenever it is public.
	w.run(t.Context(), exitOK, append(w.releaseEvent("published"), "INPUT_OVERWRITE=true")...)
	rel = w.gh.Releases()[0]
	w.complete(rel)
	if rel.Body != before.Body {
		t.Errorf("notes %q", rel.Body)
	}
	for _, seen := range w.gh.History() {
		if _, ok := seen.Release.Asset("hello_1.2.3_linux_amd64.tar.gz"); ok {
			w.complete(seen.Release)
		}
	}
}

// A job that runs after another one has made the release, for a branch, completes it with the
// settings tag and overwrite. It is a draft until it has all files.
func TestReleaseOfAnotherJob(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	before := w.releaseByHand()
	w.env = append(w.env, "GITHUB_REF=refs/heads/main", "INPUT_TAG=v1.2.3")

	w.run(t.Context(), exitInvalid)
	w.said("hint: overwrite: true # makes the release a draft until all its files are replaced\n")

	w.run(t.Context(), exitOK, "INPUT_OVERWRITE=true")
	rel := w.gh.Releases()[0]
	w.complete(rel)
	if rel.ID != before.ID || rel.Draft || rel.Name != before.Name || rel.Body != before.Body {
		t.Errorf("it was changed: %+v", rel)
	}
	for _, seen := range w.gh.History() {
		if len(seen.Release.Assets) > 0 {
			w.complete(seen.Release)
		}
	}
}

// Nothing is added if a target fails.
func TestReleaseEventWithoutPrograms(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, "package main\n\nfunc main() { undefined() }\n", githubtest.Options{})
	w.releaseByHand()

	w.run(t.Context(), exitFailed, w.releaseEvent("published")...)
	w.said("the release is public and lacks 3 of its 3 files; the next run that succeeds adds them")
	if rel := w.gh.Releases()[0]; rel.Draft || len(rel.Assets) > 0 {
		t.Errorf("it was changed: %+v", rel)
	}
}

// Files are not added to a release that cannot be changed, or for another event. That is known
// before anything is compiled.
func TestPublicReleaseRefused(t *testing.T) {
	for name, test := range map[string]struct {
		opts githubtest.Options
		env  func(w *workshop) []string
		says []string
	}{
		"a tag was pushed": {
			env: func(w *workshop) []string { return w.event("push", "{}") },
			says: []string{
				"is already public and has no hello_1.2.3_linux_amd64.tar.gz; " +
					"a public release is never changed unless overwrite is true\n",
				"hint: overwrite: true # makes the release a draft until all its files are replaced\n",
				"or: on: { release: { types: [published] } } # adds the files to a release that somebody made\n",
				"or: use a new tag\n",
			},
		},
		"another tag was chosen": {
			env: func(w *workshop) []string {
				return append(w.event("release", `{"action": "published"}`),
					"GITHUB_REF=refs/tags/v1.2.2",
					"INPUT_TAG=v1.2.3",
				)
			},
			says: []string{"a public release is never changed unless overwrite is true\n"},
		},
		"immutable": {
			opts: githubtest.Options{Immutable: true},
			env:  func(w *workshop) []string { return w.releaseEvent("published") },
			says: []string{
				"it is immutable: nothing can change it\n",
				"hint: on: { push: { tags: ['v*.*.*'] } } # instead of release: ",
				"use a new tag: this one cannot be used again",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t, helloSource, test.opts)
			w.releaseByHand()

			w.run(t.Context(), exitInvalid, test.env(w)...)
			w.said(test.says...)
			if rel := w.gh.Releases()[0]; rel.Draft || len(rel.Assets) > 0 {
				t.Errorf("it was changed: %+v", rel)
			}
			if _, err := os.Stat(w.dist); !os.IsNotExist(err) {
				t.Errorf("dist/: %v", err)
			}
		})
	}
}

// A release that somebody has withdrawn before the run began stays as it is.
func TestReleaseEventWithoutRelease(t *testing.T) {
	for name, withdraw := range map[string]func(w *workshop, release string){
		"deleted": func(w *workshop, release string) {
			w.request(http.MethodDelete, release, "")
		},
		"a draft again": func(w *workshop, release string) {
			w.request(http.MethodPatch, release, `{"draft": true, "tag_name": "v1.2.3"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t, helloSource, githubtest.Options{})
			before := w.releaseByHand()
			withdraw(w, fmt.Sprintf("/repos/octo/hello/releases/%d", before.ID))
			kept := len(w.gh.Releases())

			w.run(t.Context(), exitInvalid, w.releaseEvent("published")...)
			w.said(
				"error: looking for the release of v1.2.3: it was public and is not; "+
					"somebody has deleted it or made it a draft\n",
				"hint: publish the release on GitHub, which runs the workflow for it\n",
			)
			all := w.gh.Releases()
			if len(all) != kept || kept > 0 && (!all[0].Draft || len(all[0].Assets) > 0) {
				t.Errorf("%+v", all)
			}

			if _, err := os.Stat(w.dist); !os.IsNotExist(err) {
				t.Errorf("dist/: %v", err)
			}

			overwrite := append(w.releaseEvent("published"), "INPUT_OVERWRITE=true")
			if kept == 0 {
				w.run(t.Context(), exitInvalid, overwrite...)
				if all := w.gh.Releases(); len(all) > 0 {
					t.Errorf("%+v", all)
				}
				return
			}

			// A draft may be that of a run that was cut off.
			w.said("or: overwrite: true # completes the draft of a run with overwrite that was cut off\n")
			w.run(t.Context(), exitOK, overwrite...)
			rel := w.gh.Releases()[0]
			w.complete(rel)
			if rel.Draft || rel.Body != before.Body {
				t.Errorf("%+v", rel)
			}
		})
	}
}

// Two runs add files to one release: a workflow with `on: release` runs for created and for
// published.
func TestTwoReleaseEvents(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	before := w.releaseByHand()

	var runs errgroup.Group
	for _, action := range []string{"created", "published"} {
		env := slices.Concat(w.env, w.releaseEvent(action), []string{"INPUT_DIST=" + t.TempDir() + "/dist"})
		runs.Go(func() error {
			var out bytes.Buffer
			if status := Main(t.Context(), nil, env, &out, &out); status != exitOK {
				return fmt.Errorf("%s: exit status %d:\n%s", action, status, &out)
			}
			return nil
		})
	}
	if err := runs.Wait(); err != nil {
		t.Fatal(err)
	}

	w.run(t.Context(), exitOK, w.releaseEvent("edited")...)
	w.said("3 files (3 there already)")
	rel := w.gh.Releases()[0]
	w.complete(rel)
	if rel.Body != before.Body {
		t.Errorf("notes %q", rel.Body)
	}
}

// A run that is killed while it adds files is finished by the next one.
func TestKilledReleaseEvent(t *testing.T) {
	for upload := range 3 {
		for _, later := range []int{0, 1} {
			t.Run(fmt.Sprintf("%d requests after upload %d", later, upload+1), func(t *testing.T) {
				t.Parallel()
				k := &killer{
					upload: upload + 1,
					later:  later,
				}
				w := newWorkshop(t, helloSource, githubtest.Options{
					Fault: func(_ int, r *http.Request) *githubtest.Fault {
						k.see(r)
						return nil
					},
				})
				before := w.releaseByHand("manual.pdf")
				w.env = append(w.env, w.releaseEvent("published")...)

				w.runKilled(k)
				w.run(t.Context(), exitOK)
				w.completed(before)
			})
		}
	}
}

// A killer kills a process that sends requests: when it begins an upload, or some requests later.
type killer struct {
	upload, later int
	process       atomic.Pointer[os.Process] // nil until it runs

	// The fake GitHub sees one request after another, so these need no lock.
	uploads int // begun
	after   int // requests after the upload
}

// see is called with each request.
func (k *killer) see(r *http.Request) {
	process := k.process.Load()
	if process == nil {
		return
	}

	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/assets") {
		k.uploads++
	}
	if k.uploads < k.upload {
		return
	}
	if k.after == k.later {
		_ = process.Kill() // it waits for the answer
		k.process.Store(nil)
	}
	k.after++
}

// runKilled runs the program as a process of its own, which is killed.
func (w *workshop) runKilled(k *killer) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}

	var out bytes.Buffer
	cmd := exec.Command(self)
	cmd.Args = []string{"go-static-release"} // makes the test binary the program (TestMain)
	cmd.Env = slices.Clone(w.env)
	cmd.Stdout = &out
	cmd.Stderr = &out
	cmd.WaitDelay = 100 * time.Millisecond
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}

	k.process.Store(cmd.Process)
	if err := cmd.Wait(); err == nil {
		w.t.Fatalf("it was not killed:\n%s", out.String())
	}
}
