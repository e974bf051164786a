package release

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// These tests show what the whole program does and prints when GitHub gives wrong answers,
// or when somebody else changes the release during the run.

// send sends a request to the fake GitHub as somebody else.
func (w *workshop) send(method, path, body string) {
	w.t.Helper()
	address := getenvOf(w.env)("GITHUB_API_URL") + path
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testToken)
	r.Header.Set("Content-Type", "application/json")

	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()

	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(answer.Body) // for the message only
		w.t.Fatalf("%s %s: %s %s", method, path, answer.Status, text)
	}
}

// beforeFirst calls do once, before the fake handles the first request that matches.
func (w *workshop) beforeFirst(match func(*http.Request) bool, do func(*http.Request)) {
	var done atomic.Bool
	w.before = func(r *http.Request) {
		if match(r) && !done.Swap(true) {
			do(r)
		}
	}
}

func isPatch(r *http.Request) bool { return r.Method == http.MethodPatch }

// verifyRelease runs verify on a release outside of a workflow and returns what it printed.
func (w *workshop) verifyRelease(status int, name string) string {
	w.t.Helper()
	env := append(slices.Clone(w.env),
		"GITHUB_ACTIONS=false",
		"INPUT_DIRECTORY=",
		"INPUT_DIST=",
		"INPUT_TARGETS=",
	)
	var out bytes.Buffer
	got := Main(w.t.Context(), []string{"verify", "--no-workflow", name}, env, &out, &out)
	if got != status {
		w.t.Errorf("verify %s: exit status %d, expected %d:\n%s", name, got, status, out.String())
	}
	return out.String()
}

// A tag may contain characters with a meaning in URLs. Its release must not be confused with
// that of the tag to which an address without escapes leads.
func TestTagsInAddresses(t *testing.T) {
	for dir, other := range map[string]string{
		"a#":       "a",
		"x/%2e%2e": "v1.2.3",
		"d%2Fe":    "d/e/v1.2.3",
		"größe":    "v1.2.3",
	} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t, helloSource, githubtest.Options{})

			// A nested module, whose tags begin with its directory.
			w.write(dir+"/go.mod", "module example.com/hello/nested\n\ngo 1.24\n")
			w.write(dir+"/main.go", helloSource)
			tag := dir + "/v1.2.3"
			w.git("add", "--all")
			w.git("commit", "--quiet", "--message=nested")
			w.git("tag", tag)
			commit := strings.TrimSpace(w.git("rev-parse", "HEAD"))

			// The other tag has a release already.
			for _, name := range []string{tag, other} {
				w.gh.MoveTag(name, commit)
			}
			w.send(http.MethodPost, "/repos/octo/hello/releases",
				fmt.Sprintf(`{"tag_name":%q,"target_commitish":%q}`, other, commit))
			before := w.gh.Releases()[0]

			w.run(t.Context(), exitOK,
				"INPUT_DIRECTORY="+filepath.Join(w.dir, filepath.FromSlash(dir)),
				"INPUT_OVERWRITE=true",
				"INPUT_TARGETS=linux/amd64",
				"GITHUB_REF=refs/tags/"+tag,
				"GITHUB_SHA="+commit,
			)

			all := w.gh.Releases()
			if len(all) != 2 || all[1].Tag != tag || all[1].Draft || len(all[1].Assets) != 2 {
				t.Errorf("%+v", all)
			}
			same := fmt.Sprint(all[0].Assets) == fmt.Sprint(before.Assets) && all[0].Name == before.Name
			if !same || all[0].Tag != other || all[0].Draft {
				t.Errorf("the release of %s was touched: %+v", other, all[0])
			}

			out := w.verifyRelease(exitOK, "octo/hello@"+tag)
			if !strings.Contains(out, "1 executable, 0 not static") {
				t.Error(out)
			}
		})
	}
}

// A tag or a repository whose name git and GitHub never allow is refused without a request.
func TestImpossibleNames(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	before := len(w.gh.Requests())

	for _, tag := range []string{"a?x=/v1.2.3", "x/../v1.2.3", `a\b`, "v1.2.3.lock", "v1.2.3~1"} {
		out := w.verifyRelease(exitInvalid, "octo/hello@"+tag)
		if !strings.Contains(out, "cannot be the name of a tag") {
			t.Error(out)
		}
	}

	w.verifyRelease(exitInvalid, "octo/..@v1.2.3")
	for _, repository := range []string{
		"octo/..",
		"octo/hello?x=1",
		"octo/hello#",
		"../hello",
		"octo/he%2fllo",
	} {
		w.run(t.Context(), exitInvalid, "GITHUB_REPOSITORY="+repository)
		w.said("is not of the form OWNER/REPO")
	}

	if n := len(w.gh.Requests()); n != before {
		t.Errorf("%d requests", n-before)
	}
}

// A publication that GitHub carried out counts, even if it answered with an error.
func TestPublicationAnsweredWithError(t *testing.T) {
	for name, fault := range map[string]githubtest.Fault{
		"HTML":        {Status: 200, Body: "<html>hello</html>", AfterDone: true},
		"401":         {Status: 401, AfterDone: true},
		"403":         {Status: 403, AfterDone: true},
		"404":         {Status: 404, AfterDone: true},
		"409":         {Status: 409, AfterDone: true},
		"422":         {Status: 422, AfterDone: true},
		"502":         {Status: 502, AfterDone: true},
		"cut":         {Reset: true, AfterDone: true},
		"another one": {Status: 200, Body: `{"id":7,"tag_name":"v9.9.9","draft":true}`, AfterDone: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t, helloSource, githubtest.Options{
				Fault: func(_ int, r *http.Request) *githubtest.Fault {
					if isPatch(r) {
						return &fault
					}
					return nil
				},
			})

			w.run(t.Context(), exitOK)
			w.published()
			w.said("published hello 1.2.3")
			if w.output("published") != "true" {
				t.Errorf("output published: %q", w.output("published"))
			}
		})
	}
}

// If the run cannot find out whether the release is public, it says so, and the next run
// finds out.
func TestUnknownWhetherPublic(t *testing.T) {
	t.Parallel()
	var revoked, restored atomic.Bool // the token
	w := newWorkshop(t, helloSource, githubtest.Options{
		Fault: func(_ int, r *http.Request) *githubtest.Fault {
			first := isPatch(r) && !revoked.Swap(true)
			if !revoked.Load() || restored.Load() {
				return nil
			}
			return &githubtest.Fault{Status: 401, AfterDone: first}
		},
	})

	w.run(t.Context(), exitFailed)
	w.said(
		"hello 1.2.3 failed: 2 of 2 targets are complete, it is not known whether the release is public: http",
		"hint: look at http",
	)
	w.neverSaid("nothing was published", "the draft stays")
	if w.output("published") != "false" || w.gh.Releases()[0].Draft {
		t.Errorf("output published: %q; draft: %v", w.output("published"), w.gh.Releases()[0].Draft)
	}

	restored.Store(true)
	w.run(t.Context(), exitOK)
	w.published()
}

// A release that GitHub shows as a draft after it was published is not a success.
func TestDraftAfterPublication(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{
		Fault: func(_ int, r *http.Request) *githubtest.Fault {
			if !strings.Contains(r.URL.Path, "/releases/tags/") {
				return nil
			}
			return &githubtest.Fault{Alter: func(a *githubtest.Answer) {
				a.Body = bytes.ReplaceAll(a.Body, []byte(`"draft":false`), []byte(`"draft":true`))
			}}
		},
	})

	w.run(t.Context(), exitFailed)
	w.said("answered with a draft", "the release is public: http")
	w.neverSaid("drafted", "nothing was published")
}

// If somebody deletes the release, the run ends and says so.
func TestReleaseDeletedDuringRun(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	isUpload := func(r *http.Request) bool {
		return strings.Contains(r.URL.RawQuery, "checksums.txt")
	}
	w.beforeFirst(isUpload, func(*http.Request) {
		w.send(http.MethodDelete, "/repos/octo/hello/releases/1", "")
	})

	w.run(t.Context(), exitFailed)
	w.said(
		"release 1 of v1.2.3 is gone; somebody has deleted it",
		"hello 1.2.3 failed: 2 of 2 targets are complete, somebody has deleted the release",
	)
	w.neverSaid("the draft stays", "waiting ")

	w.run(t.Context(), exitOK)
	w.published()
}

// If somebody adds a file between the check and the publication, the run fails and names it.
func TestFileAddedBeforePublication(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.beforeFirst(isPatch, func(*http.Request) {
		w.send(http.MethodPost, "/uploads/repos/octo/hello/releases/1/assets?name=evil.exe", "MZ")
	})

	w.run(t.Context(), exitFailed)
	w.said(
		"the release is public, and somebody has changed it meanwhile",
		`"evil.exe": does not belong to this release`,
		"hint: gh release edit v1.2.3 --draft --repo octo/hello # withdraws the release\n",
		"the release is public: http",
	)
	w.neverSaid("nothing was published", "published hello")
	if all := w.gh.Releases(); len(all) != 1 || all[0].Draft || len(all[0].Assets) != 4 {
		t.Errorf("%+v", all)
	}
}

// Publishing does not create a tag that somebody deleted during the run.
func TestTagDeletedDuringRun(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	isUpload := func(r *http.Request) bool {
		return r.Method == http.MethodPost && r.URL.RawQuery != ""
	}
	w.beforeFirst(isUpload, func(*http.Request) { w.gh.MoveTag("v1.2.3", "") })

	w.run(t.Context(), exitFailed)
	w.said(
		"looking for tag v1.2.3: it is not on GitHub; somebody has deleted it",
		"hint: git push origin v1.2.3",
		"nothing was published",
		"the draft stays",
	)
	if at := w.gh.Tag("v1.2.3"); at != "" || len(w.gh.History()) > 0 {
		t.Errorf("the tag is at %q", at)
	}
}

// Nor does it create the tag that the workflow runs for, if somebody has deleted that before the
// run began.
func TestTagDeletedBeforeRun(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.gh.MoveTag("v1.2.3", "")

	w.run(t.Context(), exitInvalid)
	w.said(
		"error: looking for tag v1.2.3: it is not on GitHub; somebody has deleted it\n",
		"hint: git push origin v1.2.3\n",
	)
	if at := w.gh.Tag("v1.2.3"); at != "" || len(w.gh.Releases()) > 0 {
		t.Errorf("the tag is at %q; %+v", at, w.gh.Releases())
	}

	// A step of a workflow that runs for a branch may have made the tag of the release.
	w.run(t.Context(), exitOK, "GITHUB_REF=refs/heads/main", "INPUT_TAG=v1.2.3")
	w.published()
	if at := w.gh.Tag("v1.2.3"); at != w.commit {
		t.Errorf("the tag is at %q", at)
	}
}

// The digests that GitHub reports may be in capitals.
func TestCapitalDigests(t *testing.T) {
	t.Parallel()
	digest := regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	w := newWorkshop(t, helloSource, githubtest.Options{
		Fault: func(int, *http.Request) *githubtest.Fault {
			return &githubtest.Fault{Alter: func(a *githubtest.Answer) {
				a.Body = digest.ReplaceAllFunc(a.Body, bytes.ToUpper)
			}}
		},
	})

	w.run(t.Context(), exitOK)
	w.published()
	if sent := w.requests(http.MethodPost, "/assets"); sent != 3 {
		t.Errorf("%d uploads", sent)
	}
}

// A file that GitHub stores under another name is removed, and the next run succeeds.
func TestRenamedUpload(t *testing.T) {
	t.Parallel()
	var done atomic.Bool
	w := newWorkshop(t, helloSource, githubtest.Options{
		Fault: func(_ int, r *http.Request) *githubtest.Fault {
			if !strings.Contains(r.URL.RawQuery, "checksums.txt") || done.Swap(true) {
				return nil
			}
			return &githubtest.Fault{Rename: "checksums.1.txt"}
		},
	})

	w.run(t.Context(), exitFailed)
	w.said(`GitHub stored the file as "checksums.1.txt", which was removed again`)

	w.run(t.Context(), exitOK)
	w.published()
}

// A list of releases with a null in it ends the run before anything is compiled.
func TestNullInReleaseList(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, helloSource, githubtest.Options{
		Fault: func(_ int, r *http.Request) *githubtest.Fault {
			if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/releases") {
				return nil
			}
			return &githubtest.Fault{Status: 200, Body: "[null]"}
		},
	})

	w.run(t.Context(), exitFailed)
	w.said("listing releases: the answer is empty")
	if len(w.gh.Releases()) > 0 {
		t.Errorf("%+v", w.gh.Releases())
	}
}

// The names of users that an enterprise manages contain an underscore.
func TestVerifyReleaseOfManagedUser(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{Repo: "octo_corp/hello"})

	w.run(t.Context(), exitOK, "GITHUB_REPOSITORY=octo_corp/hello")
	out := w.verifyRelease(exitOK, "octo_corp/hello@v1.2.3")
	if !strings.Contains(out, "octo_corp/hello@v1.2.3!hello_1.2.3_linux_amd64.tar.gz!hello") {
		t.Error(out)
	}
}
