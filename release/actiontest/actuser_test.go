package actiontest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
)

// complete fails the test unless the release has the files of dist/, each of which
// checksums.txt lists.
func (u *actUser) complete(rel githubtest.Release) {
	u.t.Helper()

	want := []string{"checksums.txt", "hello_1.2.3_linux_amd64.tar.gz", "hello_1.2.3_windows_amd64.zip"}
	var have []string

	for _, asset := range rel.Assets {
		have = append(have, asset.Name)
		sum := fmt.Sprintf("%x", sha256.Sum256(u.kept("dist", asset.Name)))
		if asset.State != "uploaded" || asset.Digest != "sha256:"+sum {
			u.t.Errorf("%s: state %q, digest %s, expected %s", asset.Name, asset.State, asset.Digest, sum)
		}
		if line := sum + "  " + asset.Name + "\n"; asset.Name != want[0] && !bytes.Contains(u.kept("dist", want[0]), []byte(line)) {
			u.t.Errorf("checksums.txt does not have %s", line)
		}
	}

	if slices.Sort(have); !slices.Equal(have, want) {
		u.t.Errorf("files of the release: %q, expected %q", have, want)
	}
}

const (
	actToken     = "ghs_ThisMayWriteContents"
	actReadToken = "ghs_ThisMayOnlyRead"
)

// An actUser has a repository with two programs, and a release workflow.
type actUser struct {
	t           *testing.T
	act, action string // act; what org/go-static-release@v1 is
	caches      string // what actions/cache would have at GitHub: a directory for each key, and a log
	ownCache    bool   // the job names no GOCACHE, so that the action keeps one
	dir         string // the repository
	keep        string // where the job leaves what is gone when it ends
	targets     string // lines of the input
	gh          *githubtest.Server
	prebuilt    []byte // the program of the action's own release
}

func newActUser(t *testing.T, act, action string) *actUser {
	t.Helper()

	u := &actUser{t: t, act: act, action: action, dir: t.TempDir(), keep: t.TempDir(), caches: t.TempDir(), targets: "linux/amd64\nwindows/amd64"}
	source := "package main\n\nvar version string\n\nfunc main() { print(\"%s \", version, \"\\n\") }\n"

	for name, content := range map[string]string{
		"go.mod":             "module github.com/octo/hello\n\ngo 1.24\n",
		"LICENSE":            "Do anything\n",
		"main.go":            fmt.Sprintf(source, "hello"),
		"cmd/hellod/main.go": fmt.Sprintf(source, "hellod"),
	} {
		u.file(name, content)
	}

	return u
}

func (u *actUser) file(name, content string) {
	u.t.Helper()

	path := filepath.Join(u.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		u.t.Fatal(err)
	}
}

// actAfterwards is a step that uses every output, from another directory than that of
// the checkout, and keeps them. The release must have left the checkout clean.
const actAfterwards = `
      - working-directory: /
        run: |
          test -f "$CHECKSUMS"
          test -f "$REPORT"
          (cd "$DIST" && sha256sum -c "$CHECKSUMS")
          test -z "$(git -C "$GITHUB_WORKSPACE" status --porcelain)"
          cp -R "$DIST" "$KEEP/dist"
          printf '%s\n' "$OUTPUTS" >"$KEEP/outputs.json"
        env:
          CHECKSUMS: ${{ steps.release.outputs.checksums }}
          REPORT: ${{ steps.release.outputs.report }}
          DIST: ${{ steps.release.outputs.dist }}
          OUTPUTS: ${{ toJSON(steps.release.outputs) }}
`

// write writes the workflow: the README's, with inputs and with actAfterwards.
func (u *actUser) write(inputs ...string) {
	u.t.Helper()

	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		u.t.Fatal(err)
	}

	_, rest, _ := strings.Cut(string(readme), "```yaml\n")
	workflow, _, ok := strings.Cut(rest, "```\n")
	const uses = "      - uses: org/go-static-release@v1\n"
	if !ok || strings.Count(workflow, uses) != 1 {
		u.t.Fatalf("the first YAML of README.md is no workflow with %q:\n%s", uses, workflow)
	}

	with := "        id: release\n        with:\n"
	with += "          targets: |\n            " + strings.ReplaceAll(u.targets, "\n", "\n            ") + "\n"

	for _, input := range inputs {
		with += "          " + input + "\n"
	}

	u.file(".github/workflows/release.yml", strings.Replace(workflow, uses, uses+with, 1)+strings.TrimPrefix(actAfterwards, "\n"))
}

// commit commits and tags, if tag is not "". GitHub gets it.
func (u *actUser) commit(tag string) {
	u.t.Helper()

	u.git("init", "--quiet", "--initial-branch=main")
	u.git("config", "remote.origin.url", "https://github.com/octo/hello") // whence act has GITHUB_REPOSITORY
	u.git("add", "--all")
	u.git("commit", "--quiet", "--message=first")
	head := u.git("rev-parse", "HEAD")
	tags := map[string]string{}
	if tag != "" {
		u.git("tag", tag)
		tags[tag] = head
	}

	u.gh = githubtest.New(githubtest.Options{Token: actToken, ReadToken: actReadToken, Head: head, Tags: tags})
	u.t.Cleanup(func() {
		for _, violation := range u.gh.Invalid() {
			u.t.Errorf("against GitHub's description: %s", violation)
		}
	})
}

// gitEnv keeps the settings of this machine out of git, and gives commits an author.
var gitEnv = []string{
	"GIT_CONFIG_GLOBAL=" + os.DevNull,
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_AUTHOR_NAME=Gopher",
	"GIT_AUTHOR_EMAIL=gopher@example.com",
	"GIT_AUTHOR_DATE=2026-01-02T03:04:05+02:00",
	"GIT_COMMITTER_NAME=Gopher",
	"GIT_COMMITTER_EMAIL=gopher@example.com",
	"GIT_COMMITTER_DATE=2026-01-02T03:04:05+02:00",
}

func (u *actUser) git(args ...string) string {
	u.t.Helper()

	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = u.dir, append(os.Environ(), gitEnv...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		u.t.Fatalf("git %s: %v: %s", args, err, out)
	}

	return strings.TrimSpace(string(out))
}

// push lets act do what GitHub does after a push.
func (u *actUser) push(token string) *actJob {
	u.t.Helper()

	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u.prebuilt != nil && r.URL.Path == actPrebuiltPath+actPrebuiltFile() {
			_, _ = w.Write(u.prebuilt) // curl says what it did not get
			return
		}
		u.gh.ServeHTTP(w, r)
	}))

	defer srv.Close()
	empty := filepath.Join(u.t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		u.t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(u.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, u.act, "push", "--json", "--no-cache-server", "--env-file", empty,
		"-P", "ubuntu-latest=-self-hosted", "--local-repository", "org/go-static-release@v1="+u.action,
		"--local-repository", actionsCache(u.t)+"="+actCaches(u.t), "--env", "CACHES="+u.caches, "--eventpath", u.event(),
		"--env", "GITHUB_API_URL="+srv.URL, "--env", "GITHUB_SERVER_URL="+srv.URL, "--env", "KEEP="+u.keep,
		"--env", "GOOS=js", "--env", "GOARCH=wasm", "--env", "GOFLAGS=-mod=vendor", // of the user's job: they must not reach the action
		"-s", "GITHUB_TOKEN="+token)

	cmd.Dir, cmd.Env = u.dir, actEnviron(u.t)
	if u.ownCache {
		cmd.Env = slices.DeleteFunc(cmd.Env, func(kv string) bool { return strings.HasPrefix(kv, "GOCACHE=") })
	}

	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		u.t.Fatalf("act: %v\n%s", err, out)
	}

	job := &actJob{ok: err == nil}
	job.read(u.t, string(out), token)

	return job
}

// actEnviron is the environment of act, which hands all of it to the job: that of a
// runner, not of the workflow or the user that runs this test. Only the caches and
// the sources of modules are this machine's.
func actEnviron(t *testing.T) []string {
	t.Helper()

	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		for _, prefix := range []string{"GO", "GITHUB_", "GH_", "RUNNER_", "ACTIONS_", "INPUT_", "ACT_", "GSR_", "GIT_", "XDG_", "HOME=", "CI="} {
			if strings.HasPrefix(kv, prefix) {
				return true
			}
		}
		return false
	})

	out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN").Output()
	var values map[string]string
	if err == nil {
		err = json.Unmarshal(out, &values)
	}
	if err != nil {
		t.Fatalf("go env: %v", err)
	}

	for name, value := range values {
		env = append(env, name+"="+value)
	}

	home := t.TempDir() // act keeps its copies here

	return append(env, "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, ".cache"))
}

// An actJob is what came of one run.
type actJob struct {
	ok      bool // act exited with 0
	log     string
	summary string
}

// read reads the output of act --json. The token must not be in it: a line of the job
// in which act had to mask something is as bad, since only the program's own ::add-mask::,
// which no runner shows, may have it.
func (j *actJob) read(t *testing.T, out, token string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var l struct {
			Msg, Command, Content string
			Raw                   bool `json:"raw_output"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil { // what act says before it logs
			l.Msg = line
		}

		j.log += strings.TrimSuffix(l.Msg, "\n") + "\n"
		if l.Command == "summary" {
			j.summary += l.Content
		}
		if l.Command != "add-mask" && strings.Contains(line, token) || l.Raw && strings.Contains(l.Msg, "***") {
			t.Errorf("the token was shown: %s", line)
		}
	}
}

func (j *actJob) ended(t *testing.T, ok bool) {
	t.Helper()
	if j.ok != ok {
		t.Fatalf("the job succeeded: %v, expected %v:\n%s", j.ok, ok, j.log)
	}
}

func (j *actJob) said(t *testing.T, parts ...string) {
	t.Helper()
	actContains(t, "log", j.log, parts)
}

func (j *actJob) summarizes(t *testing.T, parts ...string) {
	t.Helper()
	actContains(t, "job summary", j.summary, parts)
}

func actContains(t *testing.T, where, text string, parts []string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the %s:\n%s", part, where, text)
		}
	}
}

func (u *actUser) sentNothing() {
	u.t.Helper()
	if sent := u.gh.Requests(); len(sent) > 0 {
		u.t.Errorf("%d requests, expected none: %+v", len(sent), sent)
	}
}

// kept reads a file that the job left.
func (u *actUser) kept(path ...string) []byte {
	u.t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{u.keep}, path...)...))
	if err != nil {
		u.t.Fatal(err)
	}

	return data
}

// outputs returns the outputs as a later step got them: all of them, some with known values.
func (u *actUser) outputs(want map[string]string) map[string]string {
	u.t.Helper()

	var have map[string]string
	if err := json.Unmarshal(u.kept("outputs.json"), &have); err != nil {
		u.t.Fatalf("outputs: %v: %s", err, u.kept("outputs.json"))
	}

	names := slices.Sorted(maps.Keys(have))
	if want := slices.Sorted(maps.Keys(readAction(u.t).Outputs)); !slices.Equal(names, want) {
		u.t.Errorf("outputs: %q, expected %q", names, want)
	}

	for name, value := range want {
		if have[name] != value {
			u.t.Errorf("output %s: %q, expected %q", name, have[name], value)
		}
	}

	var artifacts []struct{ Name string }
	if err := json.Unmarshal([]byte(have["artifacts"]), &artifacts); err != nil || len(artifacts) != 3 {
		u.t.Errorf("output artifacts: %v: %s", err, have["artifacts"])
	}

	return have
}
