package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// A hostileCheckout is a module in a repository that somebody else made.
type hostileCheckout struct {
	t      *testing.T
	dir    string
	marker string // a file that only a command of the repository makes
}

func newHostileCheckout(t *testing.T) *hostileCheckout {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the commands of the hostile repository are written for a POSIX shell")
	}
	h := &hostileCheckout{
		t:      t,
		dir:    filepath.Join(t.TempDir(), "checkout"),
		marker: filepath.Join(t.TempDir(), "ran"),
	}
	h.write("go.mod", "module example.com/hello\n\ngo 1.24\n")
	h.write("main.go", helloSource)
	h.git("init", "--quiet", "--initial-branch=main")
	h.commit()
	h.git("tag", "v1.2.3")
	return h
}

func (h *hostileCheckout) write(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.dir, filepath.FromSlash(name))
	err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(path, []byte(content), 0o644),
	)
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hostileCheckout) commit() {
	h.t.Helper()
	h.git("add", "--all")
	h.git("commit", "--quiet", "--message=change")
}

func (h *hostileCheckout) git(args ...string) string {
	h.t.Helper()
	return h.gitIn(h.dir, args...)
}

func (h *hostileCheckout) gitIn(dir string, args ...string) string {
	h.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), gitEnv...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %s: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// command is a shell command that leaves the marker and does nothing else.
func (h *hostileCheckout) command() string { return "touch '" + h.marker + "'; cat; :" }

// main runs the program in the checkout, as on a laptop, and returns its exit status and
// everything it wrote.
func (h *hostileCheckout) main(args ...string) (int, string) {
	h.t.Helper()
	env := append(os.Environ(), gitEnv...)
	env = append(env, "GITHUB_ACTIONS=", "GITHUB_TOKEN=", "GH_TOKEN=", "GOFLAGS=")
	var out bytes.Buffer
	status := Main(context.Background(), append(args, "--directory", h.dir), env, &out, &out)
	return status, out.String()
}

// silent fails the test if a command of the repository has run.
func (h *hostileCheckout) silent(out string) {
	h.t.Helper()
	if _, err := os.Lstat(h.marker); err == nil {
		h.t.Errorf("a command of the repository was run\n%s", out)
		os.Remove(h.marker)
	}
}

// armed fails the test unless git, asked in the ordinary way, runs the command: an attack
// that would not work anyway shows nothing.
func (h *hostileCheckout) armed(dir string) {
	h.t.Helper()
	cmd := exec.Command("git", "status")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), gitEnv...)
	out, _ := cmd.CombinedOutput() // it may well fail
	if _, err := os.Lstat(h.marker); err != nil {
		h.t.Fatalf("git status runs nothing here, so that the test shows nothing: %s", out)
	}
	if err := os.Remove(h.marker); err != nil {
		h.t.Fatal(err)
	}
}

// A tree can hold a bare repository as ordinary files, which git finds in any clone.
func TestEmbeddedRepositoryRunsNothing(t *testing.T) {
	for name, config := range map[string]string{
		"worktree": "[core]\n\trepositoryformatversion = 0\n\tworktree = ..\n\tfsmonitor = %s\n",
		"bare":     "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = %s\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostileCheckout(t)
			h.write("sub/HEAD", "ref: refs/heads/main\n")
			h.write("sub/config", strings.Replace(config, "%s", `"`+h.command()+`"`, 1))
			h.write("sub/objects/.keep", "")
			h.write("sub/refs/.keep", "")
			h.write("sub/go.mod", "module example.com/hello/sub\n\ngo 1.24\n")
			h.write("sub/main.go", helloSource)
			h.commit()
			h.git("tag", "sub/v1.0.0")
			h.armed(filepath.Join(h.dir, "sub"))

			for _, args := range [][]string{
				{"plan", "--tag", "sub/v1.0.0"},
				{"--tag", "sub/v1.0.0", "--dist", filepath.Join(t.TempDir(), "dist"), "--targets", "linux/amd64"},
			} {
				env := append(os.Environ(), gitEnv...)
				env = append(env, "GITHUB_ACTIONS=", "GITHUB_TOKEN=", "GH_TOKEN=", "GOFLAGS=")
				for _, dir := range []string{h.dir, filepath.Join(h.dir, "sub")} {
					var out bytes.Buffer
					t.Chdir(dir)
					status := Main(t.Context(), args, env, &out, &out)
					h.silent(out.String())
					if status != 0 {
						t.Errorf("%s in %s: exit status %d\n%s", args, dir, status, out.String())
					}
				}
			}
		})
	}
}

// A repository that came whole, with its .git, can name programs in its configuration.
func TestConfigurationOfTheRepositoryRunsNothing(t *testing.T) {
	attributes := func(h *hostileCheckout) { h.write(".gitattributes", "*.go filter=x diff=x merge=x\n") }
	touch := func(h *hostileCheckout) { // git compares the content of what was touched
		h.write("main.go", helloSource)
	}

	for name, arm := range map[string]func(h *hostileCheckout){
		"fsmonitor": func(h *hostileCheckout) { h.git("config", "core.fsmonitor", h.command()) },
		"hooks": func(h *hostileCheckout) {
			hooks := filepath.Join(h.t.TempDir(), "hooks")
			if err := os.MkdirAll(hooks, 0o755); err != nil {
				h.t.Fatal(err)
			}
			for _, dir := range []string{hooks, filepath.Join(h.dir, ".git", "hooks")} {
				script := "#!/bin/sh\n" + h.command() + " </dev/null\n"
				if err := os.MkdirAll(dir, 0o755); err != nil {
					h.t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "post-index-change"), []byte(script), 0o755); err != nil {
					h.t.Fatal(err)
				}
			}
			h.git("config", "core.hooksPath", hooks)
			touch(h)
		},
		"clean filter": func(h *hostileCheckout) {
			attributes(h)
			h.commit()
			h.git("tag", "--force", "v1.2.3")
			h.git("config", "filter.x.clean", h.command())
			h.git("config", "filter.x.required", "true")
			touch(h)
		},
		"process filter": func(h *hostileCheckout) {
			attributes(h)
			h.commit()
			h.git("tag", "--force", "v1.2.3")
			h.git("config", "filter.x.process", h.command())
			touch(h)
		},
		"included filter": func(h *hostileCheckout) {
			attributes(h)
			h.commit()
			h.git("tag", "--force", "v1.2.3")
			h.write(".git/more", "[filter \"x\"]\n\tclean = \""+h.command()+"\"\n")
			h.git("config", "include.path", "more")
			touch(h)
		},
		"filter of the worktree": func(h *hostileCheckout) {
			attributes(h)
			h.commit()
			h.git("tag", "--force", "v1.2.3")
			h.git("config", "extensions.worktreeConfig", "true")
			h.git("config", "--worktree", "filter.x.clean", h.command())
			touch(h)
		},
		"filter of Git LFS with an extension": func(h *hostileCheckout) {
			h.write(".gitattributes", "*.go filter=lfs\n")
			h.commit()
			h.git("tag", "--force", "v1.2.3")
			h.git("config", "filter.lfs.clean", h.command())
			touch(h)
		},
		"submodule": func(h *hostileCheckout) {
			other := filepath.Join(h.t.TempDir(), "other")
			if err := os.MkdirAll(other, 0o755); err != nil {
				h.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(other, "text.go"), []byte("text"), 0o644); err != nil {
				h.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(other, ".gitattributes"), []byte("* filter=x\n"), 0o644); err != nil {
				h.t.Fatal(err)
			}
			h.gitIn(other, "init", "--quiet")
			h.gitIn(other, "add", "--all")
			h.gitIn(other, "commit", "--quiet", "--message=other")
			h.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "testdata/other")
			h.git("config", "--file", ".gitmodules", "submodule.testdata/other.ignore", "none")
			h.commit()
			h.git("tag", "--force", "v1.2.3")
			h.gitIn(filepath.Join(h.dir, "testdata/other"), "config", "filter.x.clean", h.command())
			if err := os.WriteFile(filepath.Join(h.dir, "testdata/other/text.go"), []byte("text"), 0o644); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostileCheckout(t)
			arm(h)
			h.armed(h.dir)
			arm2 := func() { // git has learned by then that nothing has changed
				touch(h)
				if _, err := os.Stat(filepath.Join(h.dir, "testdata/other/text.go")); err == nil {
					h.write("testdata/other/text.go", "text")
				}
			}

			arm2()
			status, out := h.main("plan", "--dist", filepath.Join(t.TempDir(), "dist"))
			h.silent(out)
			if status != 0 {
				t.Errorf("plan: exit status %d\n%s", status, out)
			}

			arm2()
			status, out = h.main("--targets", "linux/amd64", "--dist", filepath.Join(t.TempDir(), "dist"))
			h.silent(out)
			if status != 0 || strings.Contains(out, "dirty") {
				t.Errorf("release: exit status %d\n%s", status, out)
			}
		})
	}
}

// A repository whose configuration leads git somewhere else is refused.
func TestConfigurationThatLeadsElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		arm     func(h *hostileCheckout)
		want    string
		fetches bool // what is missing, unless git can be told not to
	}{
		"another working tree": {
			arm:  func(h *hostileCheckout) { h.git("config", "core.worktree", h.t.TempDir()) },
			want: "has its working tree in",
		},
		"a program that fetches what is missing": {
			arm: func(h *hostileCheckout) {
				h.git("config", "remote.origin.promisor", "true")
				h.git("config", "core.sshCommand", h.command())
			},
			want:    "(core.sshcommand)",
			fetches: true,
		},
		"a remote that is a command": {
			arm: func(h *hostileCheckout) {
				h.git("config", "remote.origin.promisor", "true")
				h.git("config", "remote.origin.url", "ext::sh -c touch")
			},
			want:    "(remote.origin.url)",
			fetches: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostileCheckout(t)
			test.arm(h)
			status, out := h.main("plan", "--dist", filepath.Join(t.TempDir(), "dist"))
			h.silent(out)
			if test.fetches && gitIsAtLeast(t, 2, 45) {
				return // it can be told not to fetch
			}
			if status != exitBadRequest || !strings.Contains(out, test.want) {
				t.Errorf("exit status %d, expected 2 and %q\n%s", status, test.want, out)
			}
		})
	}
}

// gitIsAtLeast reports whether git here has a version.
func gitIsAtLeast(t *testing.T, major, minor int) bool {
	t.Helper()
	out, err := exec.Command("git", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	var haveMajor, haveMinor int
	if _, err := fmt.Sscanf(string(out), "git version %d.%d", &haveMajor, &haveMinor); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return haveMajor > major || haveMajor == major && haveMinor >= minor
}

// What git could be told about other objects changes nothing of what is packed.
func TestReplacedObjects(t *testing.T) {
	h := newHostileCheckout(t)
	h.write("LICENSE", "the real text\n")
	h.commit()
	h.git("tag", "--force", "v1.2.3")

	real := h.git("rev-parse", "HEAD:LICENSE")
	h.write("other", "swapped\n")
	swapped := h.git("hash-object", "-w", "other")
	if err := os.Remove(filepath.Join(h.dir, "other")); err != nil {
		t.Fatal(err)
	}
	h.git("replace", real, swapped)

	dist := filepath.Join(t.TempDir(), "dist")
	status, out := h.main("--targets", "linux/amd64", "--dist", dist)
	if status != 0 {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	packed, err := exec.Command("tar", "xOf", filepath.Join(dist, "hello_1.2.3_linux_amd64.tar.gz"), "LICENSE").Output()
	if err != nil || string(packed) != "the real text\n" {
		t.Errorf("the packed LICENSE is %q, %v", packed, err)
	}
}

// Children get no variable that looks like a secret, and which ones is said.
func TestSecretsAreWithheld(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	seen := filepath.Join(t.TempDir(), "environment")
	spy := filepath.Join(t.TempDir(), "bin")
	if runtime.GOOS == "windows" {
		t.Skip("the spy is a POSIX shell script")
	}
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nenv >>'" + seen + "'\nexec '" + real + "' \"$@\"\n"
	if err := errors.Join(os.MkdirAll(spy, 0o755), os.WriteFile(filepath.Join(spy, "go"), []byte(script), 0o755)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", spy+string(os.PathListSeparator)+os.Getenv("PATH"))

	secrets := []string{
		"AWS_SECRET_ACCESS_KEY=one", "AWS_ACCESS_KEY_ID=two", "NPM_TOKEN=three", "DOCKER_PASSWORD=four",
		"SIGNING_KEY=five", "COSIGN_PASSPHRASE=six", "DATABASE_URL=postgres://user:seven@host/db",
		"PLAIN=ghp_eight", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=nine",
	}
	kept := []string{"GOPRIVATE=example.com/ten", "SSH_AUTH_SOCK=/tmp/eleven", "KEYBOARD=twelve", "AWS_REGION=thirteen"}
	w.run(t.Context(), 0, slices.Concat(secrets, kept, []string{"PATH=" + os.Getenv("PATH")})...)

	data, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range secrets {
		if strings.Contains(string(data), kv) {
			t.Errorf("the go command got %s", kv)
		}
	}
	for _, kv := range kept {
		if !strings.Contains(string(data), kv) {
			t.Errorf("the go command did not get %s", kv)
		}
	}
	w.said("note: no child process gets these variables, which look like secrets: AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY " +
		"COSIGN_PASSPHRASE DATABASE_URL DOCKER_PASSWORD NPM_TOKEN PLAIN SIGNING_KEY")
	if strings.Contains(w.out, "seven") {
		t.Error("the value of a secret was printed")
	}
}
