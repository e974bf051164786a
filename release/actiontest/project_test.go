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

	"github.com/org/go-static-release/build/workspace/gittest"
	"github.com/org/go-static-release/release/github/githubtest"
)

// Tokens of the fake GitHub.
const (
	writeToken = "ghs_ThisMayWriteContents"
	readToken  = "ghs_ThisMayOnlyRead"
)

// A project is a repository with two programs and a release workflow, and its GitHub.
type project struct {
	t   *testing.T
	dir string // the repository
	gh  *githubtest.Server

	act    string // path of act
	action string // directory with the action org/go-static-release@v1
	caches string // what actions/cache stores: a directory for each key, and a log
	keep   string // directory for files of a job that outlive it

	targets  string // lines of the input targets
	ownCache bool   // leave GOCACHE unset: the action then has a build cache of its own
	prebuilt []byte // the program attached to the action's own release; nil for none
}

func newProject(t *testing.T, act, action string) *project {
	t.Helper()

	p := &project{
		t:       t,
		dir:     t.TempDir(),
		act:     act,
		action:  action,
		caches:  t.TempDir(),
		keep:    t.TempDir(),
		targets: "linux/amd64\nwindows/amd64",
	}

	const source = "package main\n\nvar version string\n\nfunc main() { print(\"%s \", version, \"\\n\") }\n"
	p.writeFile("go.mod", "module github.com/octo/hello\n\ngo 1.24\n")
	p.writeFile("LICENSE", "Do anything\n")
	p.writeFile("main.go", fmt.Sprintf(source, "hello"))
	p.writeFile("cmd/hellod/main.go", fmt.Sprintf(source, "hellod"))

	return p
}

func (p *project) writeFile(name, content string) {
	p.t.Helper()

	path := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// stepAfterRelease is a step that uses every output and keeps them, together with dist/. It
// runs in another directory than the checkout, and fails if the release changed the
// checkout.
const stepAfterRelease = `
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

// writeWorkflow writes the workflow of the README, with inputs and stepAfterRelease.
func (p *project) writeWorkflow(inputs ...string) {
	p.t.Helper()

	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```yaml\n")
	workflow, _, ok := strings.Cut(rest, "```\n")
	const uses = "      - uses: org/go-static-release@v1\n"
	if !ok || strings.Count(workflow, uses) != 1 {
		p.t.Fatalf("the first YAML of README.md is no workflow with %q:\n%s", uses, workflow)
	}

	step := uses + "        id: release\n        with:\n"
	step += "          targets: |\n"
	for target := range strings.SplitSeq(p.targets, "\n") {
		step += "            " + target + "\n"
	}
	for _, input := range inputs {
		step += "          " + input + "\n"
	}
	workflow = strings.Replace(workflow, uses, step, 1)

	p.writeFile(".github/workflows/release.yml", workflow+strings.TrimPrefix(stepAfterRelease, "\n"))
}

// commit commits everything, tags the commit unless tag is "", and makes a GitHub that has
// the commit.
func (p *project) commit(tag string) {
	p.t.Helper()

	p.git("init", "--quiet", "--initial-branch=main")
	p.git("config", "remote.origin.url", "https://github.com/octo/hello") // act derives GITHUB_REPOSITORY from it
	p.git("add", "--all")
	p.git("commit", "--quiet", "--message=first")
	head := p.git("rev-parse", "HEAD")
	tags := map[string]string{}
	if tag != "" {
		p.git("tag", tag)
		tags[tag] = head
	}

	gh := githubtest.New(githubtest.Options{
		Token:     writeToken,
		ReadToken: readToken,
		Head:      head,
		Tags:      tags,
	})
	p.gh = gh
	p.t.Cleanup(func() {
		for _, violation := range gh.Invalid() {
			p.t.Errorf("against GitHub's description: %s", violation)
		}
	})
}

// git runs git in the repository and returns its output.
func (p *project) git(args ...string) string {
	p.t.Helper()

	return gittest.Run(p.t, p.dir, args...)
}

// push runs with act what GitHub runs after a push.
func (p *project) push(token string) *job {
	p.t.Helper()

	srv := httptest.NewServer(p)
	defer srv.Close()
	temp := p.t.TempDir()
	empty := filepath.Join(temp, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		p.t.Fatal(err)
	}
	event := filepath.Join(temp, "event.json")
	if err := os.WriteFile(event, []byte(`{"repository": {"default_branch": "main"}}`), 0o600); err != nil {
		p.t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.act, "push",
		"--json",
		"--no-cache-server",
		"--env-file", empty,
		"--eventpath", event,
		"-P", "ubuntu-latest=-self-hosted",
		"--local-repository", "org/go-static-release@v1="+p.action,
		"--local-repository", actionsCache(p.t)+"="+fakeActionsCache(p.t),
		"--env", "CACHES="+p.caches,
		"--env", "GITHUB_API_URL="+srv.URL,
		"--env", "GITHUB_SERVER_URL="+srv.URL,
		"--env", "KEEP="+p.keep,
		// Settings of the user's job, which must not reach the build of the action.
		"--env", "GOOS=js",
		"--env", "GOARCH=wasm",
		"--env", "GOFLAGS=-mod=vendor",
		"-s", "GITHUB_TOKEN="+token)
	cmd.Dir = p.dir
	cmd.Env = runnerEnviron(p.t)
	if p.ownCache {
		cmd.Env = slices.DeleteFunc(cmd.Env, func(kv string) bool {
			return strings.HasPrefix(kv, "GOCACHE=")
		})
	}
	cmd.WaitDelay = 10 * time.Second

	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		p.t.Fatalf("act: %v\n%s", err, out)
	}

	j := &job{succeeded: err == nil}
	j.read(p.t, string(out), token)
	return j
}

// ServeHTTP serves the fake GitHub of the project, and the prebuilt program.
func (p *project) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.prebuilt != nil && r.URL.Path == prebuiltPath+prebuiltFile() {
		_, _ = w.Write(p.prebuilt) // curl reports what is missing
		return
	}
	p.gh.ServeHTTP(w, r)
}

// runnerEnviron returns the environment for act, which passes all of it to the job. It
// resembles the environment of a runner: nothing of the workflow or the user that runs
// this test, except the caches and the sources of modules.
func runnerEnviron(t *testing.T) []string {
	t.Helper()

	removed := []string{
		"GO", "GITHUB_", "GH_", "RUNNER_", "ACTIONS_", "INPUT_", "ACT_", "GSR_", "GIT_",
		"XDG_", "HOME=", "CI=",
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return slices.ContainsFunc(removed, func(prefix string) bool {
			return strings.HasPrefix(kv, prefix)
		})
	})

	goEnv := exec.Command("go", "env", "-json",
		"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN")
	out, err := goEnv.Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	var values map[string]string
	if err := json.Unmarshal(out, &values); err != nil {
		t.Fatalf("go env: %v", err)
	}
	for name, value := range values {
		env = append(env, name+"="+value)
	}

	home := t.TempDir() // act keeps its copies of actions here
	return append(env, "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, ".cache"))
}

// readKept reads a file that the job left in p.keep.
func (p *project) readKept(path ...string) []byte {
	p.t.Helper()

	data, err := os.ReadFile(filepath.Join(append([]string{p.keep}, path...)...))
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

// checkNothingSent checks that GitHub got no request.
func (p *project) checkNothingSent() {
	p.t.Helper()

	if sent := p.gh.Requests(); len(sent) > 0 {
		p.t.Errorf("%d requests, want none: %+v", len(sent), sent)
	}
}

// checkComplete checks that the release has exactly the files of dist/, and that
// checksums.txt lists each of them.
func (p *project) checkComplete(rel githubtest.Release) {
	p.t.Helper()

	const checksums = "checksums.txt"
	want := []string{checksums, "hello_1.2.3_linux_amd64.tar.gz", "hello_1.2.3_windows_amd64.zip"}
	var have []string
	for _, asset := range rel.Assets {
		have = append(have, asset.Name)

		sum := fmt.Sprintf("%x", sha256.Sum256(p.readKept("dist", asset.Name)))
		if asset.State != "uploaded" || asset.Digest != "sha256:"+sum {
			p.t.Errorf("%s: state %q, digest %s, want %s", asset.Name, asset.State, asset.Digest, sum)
		}
		line := sum + "  " + asset.Name + "\n"
		if asset.Name != checksums && !bytes.Contains(p.readKept("dist", checksums), []byte(line)) {
			p.t.Errorf("checksums.txt does not have %s", line)
		}
	}

	slices.Sort(have)
	if !slices.Equal(have, want) {
		p.t.Errorf("files of the release: %q, want %q", have, want)
	}
}

// checkOutputs checks that the step after the release got all outputs, those in want with
// these values. It returns the outputs.
func (p *project) checkOutputs(want map[string]string) map[string]string {
	p.t.Helper()

	var outputs map[string]string
	if err := json.Unmarshal(p.readKept("outputs.json"), &outputs); err != nil {
		p.t.Fatalf("outputs: %v: %s", err, p.readKept("outputs.json"))
	}

	names := slices.Sorted(maps.Keys(outputs))
	if all := slices.Sorted(maps.Keys(readAction(p.t).Outputs)); !slices.Equal(names, all) {
		p.t.Errorf("outputs: %q, want %q", names, all)
	}
	for name, value := range want {
		if outputs[name] != value {
			p.t.Errorf("output %s: %q, want %q", name, outputs[name], value)
		}
	}

	var artifacts []struct{ Name string }
	err := json.Unmarshal([]byte(outputs["artifacts"]), &artifacts)
	if err != nil || len(artifacts) != 3 {
		p.t.Errorf("output artifacts: %v: %s", err, outputs["artifacts"])
	}

	return outputs
}

// A job is the result of one run of act.
type job struct {
	succeeded bool // act exited with 0
	log       string
	summary   string
}

// read reads the output of act --json and checks that the token is not in it. The only
// exception is the command ::add-mask:: of the program, which no runner shows. A line in
// which act had to mask something is an error too.
func (j *job) read(t *testing.T, out, token string) {
	t.Helper()

	for line := range strings.Lines(out) {
		var l struct {
			Msg     string
			Command string
			Content string
			Raw     bool `json:"raw_output"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			l.Msg = line // act printed it before its log began
		}

		j.log += strings.TrimSuffix(l.Msg, "\n") + "\n"
		if l.Command == "summary" {
			j.summary += l.Content
		}

		shown := l.Command != "add-mask" && strings.Contains(line, token)
		masked := l.Raw && strings.Contains(l.Msg, "***")
		if shown || masked {
			t.Errorf("the token was shown: %s", line)
		}
	}
}

func (j *job) checkSucceeded(t *testing.T, want bool) {
	t.Helper()

	if j.succeeded != want {
		t.Fatalf("the job succeeded: %v, want %v:\n%s", j.succeeded, want, j.log)
	}
}

// checkLog checks that the log contains each of the parts.
func (j *job) checkLog(t *testing.T, parts ...string) {
	t.Helper()
	checkContains(t, "log", j.log, parts)
}

// checkSummary checks that the job summary contains each of the parts.
func (j *job) checkSummary(t *testing.T, parts ...string) {
	t.Helper()
	checkContains(t, "job summary", j.summary, parts)
}

func checkContains(t *testing.T, where, text string, parts []string) {
	t.Helper()

	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the %s:\n%s", part, where, text)
		}
	}
}
