package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/github/githubtest"
)

func TestPublish(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), exitOK)
	rel := w.published()
	w.said(
		"release: refs/tags/v1.2.3 in a workflow with a token\n",
		"published hello 1.2.3: 3 files, 2 programs for 2 targets, each proved",
	)
	if rel.Prerelease || !rel.Latest || rel.Name != "v1.2.3" {
		t.Errorf("prerelease %v, latest %v, title %q", rel.Prerelease, rel.Latest, rel.Name)
	}

	for _, want := range []string{
		"**Full Changelog**: ",
		"| linux/amd64 | [hello_1.2.3_linux_amd64.tar.gz]" +
			"(https://github.com/octo/hello/releases/download/v1.2.3/hello_1.2.3_linux_amd64.tar.gz) |",
		"sha256sum --ignore-missing --check checksums.txt",
		"verify octo/hello@v1.2.3",
	} {
		if !strings.Contains(rel.Body, want) {
			t.Errorf("%q is not in the notes:\n%s", want, rel.Body)
		}
	}

	for name, want := range map[string]string{
		"version":    "1.2.3",
		"tag":        "v1.2.3",
		"published":  "true",
		"release-id": fmt.Sprint(rel.ID),
		"checksums":  filepath.Join(w.dist, "checksums.txt"),
		"report":     filepath.Join(w.dist, "report.json"),
	} {
		if got := w.output(name); got != want {
			t.Errorf("output %s: %q, expected %q", name, got, want)
		}
	}

	var files []struct{ Name, URL string }
	err := json.Unmarshal([]byte(w.output("artifacts")), &files)
	if err != nil || len(files) != 3 || !strings.HasSuffix(files[0].URL, "/v1.2.3/"+files[0].Name) {
		t.Errorf("output artifacts: %v, %+v", err, files)
	}

	summary := w.file("GITHUB_STEP_SUMMARY")
	for _, want := range []string{
		"### published hello 1.2.3",
		"| linux/amd64 | static | [`hello_1.2.3_linux_amd64.tar.gz`](http",
		"| windows/amd64 | system libraries only |",
	} {
		if !strings.Contains(summary, want) {
			t.Errorf("%q is not in the summary:\n%s", want, summary)
		}
	}

	// One release was created, and one PATCH made it public. The last request reads it back.
	log := w.gh.Requests()
	patches := w.requests("PATCH", fmt.Sprintf("/releases/%d", rel.ID))
	if patches != 1 || w.requests("POST", "/releases") != 1 || log[len(log)-1].Method != "GET" {
		t.Errorf("%d times made public, last request %+v", patches, log[len(log)-1])
	}

	// A second run succeeds, uploads nothing and changes nothing.
	sent := w.requests("POST", "/assets")
	w.run(t.Context(), exitOK)
	w.published()
	w.said("the release is public already", "published hello 1.2.3: 3 files (3 there already)")
	if again := w.requests("POST", "/assets"); again != sent {
		t.Errorf("%d more files were sent", again-sent)
	}
}

// A public release with other files is replaced on request, and the files that are public
// then are proved again.
func TestOverwriteAndVerify(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), exitOK, "INPUT_LDFLAGS=-s -w -buildid=other")

	w.run(t.Context(), exitFailed)
	w.said("a public release is never changed unless overwrite is true")

	w.run(t.Context(), exitOK, "INPUT_OVERWRITE=true", "INPUT_VERIFY=true")
	w.said(
		"release v1.2.3 was public with different files; it is a draft until all of them are replaced",
		"replaced",
		"octo/hello@v1.2.3!hello_1.2.3_linux_amd64.tar.gz!hello\n",
		"verified as published: 2 executables\n",
	)

	all := w.gh.Releases()
	if len(all) != 1 || all[0].Draft {
		t.Fatalf("%+v", all)
	}
	w.complete(all[0])
}

// A public release is not touched if one of the targets that would replace it fails.
func TestOverwriteOnlyWhenAllIsProved(t *testing.T) {
	const source = "package main\n\nimport \"os\"\n\nfunc main() { os.Exit(len(os.Args) - 1) }\n"
	w := newWorkshop(t, source, githubtest.Options{})
	w.run(t.Context(), exitOK, "INPUT_LDFLAGS=-s -w -buildid=other")
	before := w.gh.Releases()[0]

	w.run(t.Context(), exitFailed,
		"INPUT_OVERWRITE=true",
		"INPUT_SMOKE_TEST=fail",
		"INPUT_TARGETS=linux/amd64 windows/amd64 linux/arm64",
	)
	after := w.gh.Releases()[0]
	if after.Draft || fmt.Sprint(after.Assets) != fmt.Sprint(before.Assets) {
		t.Errorf("it was touched: %+v", after)
	}
}

// Anybody can prove a published release again, without a token.
func TestVerifyPublished(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.run(t.Context(), exitOK)

	for _, name := range []string{"TMPDIR", "TMP"} { // Unix, Windows
		t.Setenv(name, t.TempDir())
	}

	env := w.strangerEnv()

	status, out, log := runVerify(t, env, "octo/hello@v1.2.3")
	if status != exitOK {
		t.Fatalf("exit status %d, expected 0:\n%s%s", status, out, log)
	}
	for _, want := range []string{
		"static                 octo/hello@v1.2.3!hello_1.2.3_linux_amd64.tar.gz!hello\n",
		"system libraries only  octo/hello@v1.2.3!hello_1.2.3_windows_amd64.zip!hello.exe\n",
		"2 executables, 0 not static\n",
	} {
		if !strings.Contains(out+log, want) {
			t.Errorf("%q is not in:\n%s%s", want, out, log)
		}
	}

	status, out, log = runVerify(t, env, "octo/hello@v9.9.9")
	if status != exitFailed {
		t.Fatalf("exit status %d, expected 1:\n%s%s", status, out, log)
	}
	if !strings.Contains(out+log, "looking for the release v9.9.9 of octo/hello: ") {
		t.Error(out + log)
	}

	left, err := filepath.Glob(filepath.Join(os.TempDir(), config.ActionName+"-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// Paths in outputs are absolute, because the next step may run in another directory.
func TestOutputsAreAbsolute(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	t.Chdir(t.TempDir())
	w.run(t.Context(), exitOK, "INPUT_DIST=out", "INPUT_DRY_RUN=true", "INPUT_TARGETS=linux/amd64")

	for _, name := range []string{"dist", "checksums", "report"} {
		path := w.output(name)
		if !filepath.IsAbs(path) {
			t.Errorf("output %s is %q", name, path)
		} else if _, err := os.Stat(path); err != nil {
			t.Errorf("output %s: %v", name, err)
		}
	}
}

// Runs in one directory at the same time wait for one another.
func TestTwoRunsAtOnce(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	var g errgroup.Group
	for _, tag := range []string{"v3.0.0", "v4.0.0", "v5.0.0"} {
		g.Go(func() error {
			env := append(slices.Clone(w.env),
				"GITHUB_ACTIONS=false",
				"INPUT_TARGETS=linux/amd64",
				"INPUT_TAG="+tag,
			)
			var out bytes.Buffer
			if status := Main(t.Context(), nil, env, &out, &out); status != exitOK {
				return fmt.Errorf("%s: exit status %d:\n%s", tag, status, out.String())
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}

	// The directory has the files of one of the runs.
	archives, err := filepath.Glob(filepath.Join(w.dist, "*.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(w.dist, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(archives) != 1 || !strings.Contains(string(sums), filepath.Base(archives[0])) {
		t.Errorf("archives %q, checksums %q", archives, sums)
	}
}

// A run that is cancelled while the release becomes public says that it is public.
func TestCancelWhilePublishing(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	w.after = func(r *http.Request) {
		if r.Method == http.MethodPatch {
			cancel()
		}
	}

	w.run(ctx, exitOK)
	w.published()
	if w.output("published") != "true" {
		t.Errorf("output published: %q", w.output("published"))
	}
}

// The compiler of the slow target waits until the file of the fast one is on the server.
// A barrier between the phases would make this test hang, and fail.
func TestNoBarrier(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	uploaded := filepath.Join(t.TempDir(), "uploaded")
	env := useFakeGo(t, fakeGoOptions{
		target:  "windows/amd64",
		waitFor: uploaded,
		started: filepath.Join(t.TempDir(), "started"),
	})
	w.after = func(r *http.Request) {
		if r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "linux_amd64") {
			if err := os.WriteFile(uploaded, nil, 0o600); err != nil {
				t.Error(err)
			}
		}
	}

	w.run(t.Context(), exitOK, append(env, "INPUT_PARALLELISM=2")...)
	w.published()
}

// A cancelled run stops its children and leaves no half-written file, and the next run
// finishes the release.
func TestCancel(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	started := filepath.Join(t.TempDir(), "started")
	env := useFakeGo(t, fakeGoOptions{
		target:  "windows/amd64",
		waitFor: filepath.Join(t.TempDir(), "never"),
		started: started,
	})

	// Cancel when one target is complete and the compiler of the other has started.
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	w.line = func(line string) {
		for strings.HasPrefix(line, "ok         linux/amd64 ") {
			if _, err := os.Stat(started); err == nil {
				cancel(errors.New("pulled the plug"))
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}

	w.run(ctx, exitFailed, append(env, "INPUT_PARALLELISM=2")...)
	w.said(
		"cancelled  windows/amd64",
		"hello 1.2.3 cancelled: 1 of 2 targets",
		"error: cancelled: pulled the plug\n",
		"the draft stays; running again continues it",
	)
	if rel := w.gh.Releases(); len(rel) != 1 || !rel[0].Draft {
		t.Errorf("releases: %+v", rel)
	}
	left, err := filepath.Glob(filepath.Join(w.dist, ".unfinished*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	w.line = nil
	w.run(t.Context(), exitOK, append(env, "FAKE_GO_TARGET=")...)
	w.published()
	w.said("continuing draft", "already there")
}

// Sources that do not compile leave no draft behind.
func TestBrokenSourcesLeaveNoDraft(t *testing.T) {
	w := newWorkshop(t, "package main\n\nfunc main() { broken() }\n", githubtest.Options{})
	w.run(t.Context(), exitFailed)
	w.said("failed: linux/amd64 windows/amd64", "::error ", "file=main.go,line=3", "undefined: broken")
	if left := w.gh.Releases(); len(left) > 0 {
		t.Errorf("releases: %+v", left)
	}
	if w.output("published") != "false" {
		t.Errorf("output published: %q", w.output("published"))
	}

	// The draft is removed even if the file of another target was uploaded already.
	const unixOnly = "package main\n\nimport \"syscall\"\n\nfunc main() { println(syscall.SYS_GETPID) }\n"
	w = newWorkshop(t, unixOnly, githubtest.Options{})
	w.run(t.Context(), exitFailed)
	w.said("failed: windows/amd64", "undefined: syscall.SYS_GETPID", "nothing was published")
	if w.requests("POST", "/assets") == 0 || len(w.gh.Releases()) > 0 {
		t.Errorf("%d files were sent, releases: %+v", w.requests("POST", "/assets"), w.gh.Releases())
	}
}

// Requests that cannot succeed are refused with exit status 2, before a compiler runs.
func TestRefusedBeforeCompiling(t *testing.T) {
	tests := []struct {
		name  string
		dirty bool // the working tree
		env   []string
		said  []string
	}{
		{
			name: "read-only token",
			env:  []string{"INPUT_TOKEN=read-only"},
			said: []string{
				"Resource not accessible by integration",
				"hint: permissions: # in the workflow, at its top or in the job\n  contents: write\n",
				"(request ",
			},
		},
		{
			name: "wrong token",
			env:  []string{"INPUT_TOKEN=nobody"},
			said: []string{"Bad credentials", "hint: token: ${{ github.token }} # the token is wrong or has expired\n"},
		},
		{
			name: "no token",
			env:  []string{"INPUT_TOKEN=", "INPUT_DRY_RUN=false"},
			said: []string{
				"input dry-run: publishing needs a token",
				"hint: token: ${{ github.token }}\n",
			},
		},
		{
			name: "wrong repository",
			env:  []string{"GITHUB_REPOSITORY=octo/nothing"},
			said: []string{"404", "hint: check GITHUB_REPOSITORY"},
		},
		{
			name: "no repository",
			env:  []string{"GITHUB_REPOSITORY="},
			said: []string{`repository "" is not of the form OWNER/REPO`},
		},
		{
			name:  "dirty tree",
			dirty: true,
			said:  []string{"the working tree differs from commit"},
		},
		{
			name: "tag elsewhere",
			env: []string{
				"GITHUB_REF=refs/tags/v9.9.9",
				"GITHUB_SHA=0123456789012345678901234567890123456789",
			},
			said: []string{"tag v9.9.9"},
		},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorkshop(t, helloSource, githubtest.Options{})
			if test.dirty {
				w.write("new", "")
			}

			w.run(t.Context(), exitInvalid, test.env...)
			w.said(test.said...)
			if _, err := os.Stat(w.dist); !os.IsNotExist(err) {
				t.Errorf("dist/: %v", err)
			}
			if left := w.gh.Releases(); len(left) > 0 {
				t.Errorf("releases: %+v", left)
			}
		})
	}
}

// The token reaches no child process and no file. It is printed only where the runner is told
// to mask it.
func TestTokenStaysHere(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	seen := filepath.Join(t.TempDir(), "environment")
	env := useFakeGo(t, fakeGoOptions{target: "none", env: seen})
	w.run(t.Context(), exitOK, append(env, "MY_COPY="+testToken, "GITHUB_TOKEN="+testToken)...)

	children, err := os.ReadFile(seen)
	if err != nil || !bytes.Contains(children, []byte("GOOS=linux")) {
		t.Fatalf("the environment of children was not seen: %v", err)
	}
	texts := map[string]string{
		"a child": string(children),
		"the log": strings.Replace(w.out, "::add-mask::"+testToken+"\n", "", 1),
		"output":  w.file("GITHUB_OUTPUT"),
		"summary": w.file("GITHUB_STEP_SUMMARY"),
	}
	for _, name := range []string{dist.ReportJSON, dist.ReportHTML} {
		data, err := os.ReadFile(filepath.Join(w.dist, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(data)
	}

	for where, text := range texts {
		if strings.Contains(text, testToken) {
			t.Errorf("the token is in %s", where)
		}
	}
}

// A run for a branch or a pull request, and one without a token, is a dry run, which sends
// GitHub no request at all.
func TestDryRunSendsNothing(t *testing.T) {
	for env, why := range map[string]string{
		"GITHUB_REF=refs/heads/main":   "dry run: refs/heads/main is not a tag",
		"GITHUB_REF=refs/pull/1/merge": "dry run: refs/pull/1/merge is not a tag",
		"INPUT_TOKEN=":                 "dry run: there is no token",
		"INPUT_DRY_RUN=true":           "dry run: dry-run is true (input dry-run)",
		"GITHUB_ACTIONS=false":         "dry run: not in a workflow",
	} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		w.run(t.Context(), exitOK, env, "INPUT_TARGETS=linux/amd64")
		w.said(why)
		if n := len(w.gh.Requests()); n > 0 {
			t.Errorf("%s: %d requests", env, n)
		}
	}
}
