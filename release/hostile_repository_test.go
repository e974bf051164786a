package release

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/workspace/gittest"
	"github.com/org/go-static-release/release/github/githubtest"
)

// A hostileCheckout is a module in a repository of somebody else, who wants to run commands on
// this machine.
type hostileCheckout struct {
	t      *testing.T
	dir    string
	marker string // a file that exists if a command of the repository has run
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

// commitRelease commits and moves the tag of the release to the commit.
func (h *hostileCheckout) commitRelease() {
	h.t.Helper()
	h.commit()
	h.git("tag", "--force", "v1.2.3")
}

func (h *hostileCheckout) git(args ...string) string {
	h.t.Helper()
	return h.gitIn(h.dir, args...)
}

func (h *hostileCheckout) gitIn(dir string, args ...string) string {
	h.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = gittest.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %s: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// command returns a shell command that creates the marker and otherwise copies its input.
func (h *hostileCheckout) command() string {
	return "touch '" + h.marker + "'; cat; :"
}

// env returns the environment of the program, outside of a workflow.
func (h *hostileCheckout) env() []string {
	env := gittest.Environ()
	return append(env, "GITHUB_ACTIONS=", "GITHUB_TOKEN=", "GH_TOKEN=", "GOFLAGS=")
}

// main runs the program in the checkout. It returns the exit status and everything that the
// program printed.
func (h *hostileCheckout) main(args ...string) (int, string) {
	h.t.Helper()
	var out bytes.Buffer
	status := Main(h.t.Context(), append(args, "--directory", h.dir), h.env(), &out, &out)
	return status, out.String()
}

// checkNothingRan fails the test if a command of the repository has run.
func (h *hostileCheckout) checkNothingRan(out string) {
	h.t.Helper()
	if _, err := os.Lstat(h.marker); err == nil {
		h.t.Errorf("a command of the repository was run\n%s", out)
		os.Remove(h.marker)
	}
}

// checkArmed fails the test unless an ordinary git status in dir runs the command. Without
// that, the test would prove nothing.
func (h *hostileCheckout) checkArmed(dir string) {
	h.t.Helper()
	cmd := exec.Command("git", "status")
	cmd.Dir = dir
	cmd.Env = gittest.Environ()
	out, _ := cmd.CombinedOutput() // it may well fail
	if _, err := os.Lstat(h.marker); err != nil {
		h.t.Fatalf("git status runs nothing here, so the test proves nothing: %s", out)
	}
	remove(h.t, h.marker)
}

// A tree can contain a bare repository as ordinary files, which git takes for the repository
// when it runs in their directory.
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
			h.checkArmed(filepath.Join(h.dir, "sub"))

			dist := filepath.Join(t.TempDir(), "dist")
			for _, args := range [][]string{
				{"plan", "--tag", "sub/v1.0.0"},
				{"--tag", "sub/v1.0.0", "--dist", dist, "--targets", "linux/amd64"},
			} {
				for _, dir := range []string{h.dir, filepath.Join(h.dir, "sub")} {
					t.Chdir(dir)
					var out bytes.Buffer
					status := Main(t.Context(), args, h.env(), &out, &out)
					h.checkNothingRan(out.String())
					if status != exitOK {
						t.Errorf("%s in %s: exit status %d\n%s", args, dir, status, out.String())
					}
				}
			}
		})
	}
}

// A repository that was copied together with its .git can name programs in its configuration.
func TestConfigurationOfTheRepositoryRunsNothing(t *testing.T) {
	const attributes = "*.go filter=x diff=x merge=x\n"
	const ofSubmodule = "testdata/other/text.go"

	for name, arm := range map[string]func(h *hostileCheckout){
		"fsmonitor": func(h *hostileCheckout) {
			h.git("config", "core.fsmonitor", h.command())
		},
		"hooks": func(h *hostileCheckout) {
			hooks := filepath.Join(h.t.TempDir(), "hooks")
			script := "#!/bin/sh\n" + h.command() + " </dev/null\n"
			for _, dir := range []string{hooks, filepath.Join(h.dir, ".git", "hooks")} {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					h.t.Fatal(err)
				}
				hook := filepath.Join(dir, "post-index-change")
				if err := os.WriteFile(hook, []byte(script), 0o755); err != nil {
					h.t.Fatal(err)
				}
			}
			h.git("config", "core.hooksPath", hooks)
		},
		"clean filter": func(h *hostileCheckout) {
			h.write(".gitattributes", attributes)
			h.commitRelease()
			h.git("config", "filter.x.clean", h.command())
			h.git("config", "filter.x.required", "true")
		},
		"process filter": func(h *hostileCheckout) {
			h.write(".gitattributes", attributes)
			h.commitRelease()
			h.git("config", "filter.x.process", h.command())
		},
		"included filter": func(h *hostileCheckout) {
			h.write(".gitattributes", attributes)
			h.commitRelease()
			h.write(".git/more", "[filter \"x\"]\n\tclean = \""+h.command()+"\"\n")
			h.git("config", "include.path", "more")
		},
		"filter of the worktree": func(h *hostileCheckout) {
			h.write(".gitattributes", attributes)
			h.commitRelease()
			h.git("config", "extensions.worktreeConfig", "true")
			h.git("config", "--worktree", "filter.x.clean", h.command())
		},
		"filter of Git LFS with an extension": func(h *hostileCheckout) {
			h.write(".gitattributes", "*.go filter=lfs\n")
			h.commitRelease()
			h.git("config", "filter.lfs.clean", h.command())
		},
		"submodule": func(h *hostileCheckout) {
			other := filepath.Join(h.t.TempDir(), "other")
			if err := os.MkdirAll(other, 0o755); err != nil {
				h.t.Fatal(err)
			}
			writeFile(h.t, filepath.Join(other, "text.go"), "text")
			writeFile(h.t, filepath.Join(other, ".gitattributes"), "* filter=x\n")
			h.gitIn(other, "init", "--quiet")
			h.gitIn(other, "add", "--all")
			h.gitIn(other, "commit", "--quiet", "--message=other")

			h.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "testdata/other")
			h.git("config", "--file", ".gitmodules", "submodule.testdata/other.ignore", "none")
			h.commitRelease()
			h.gitIn(filepath.Join(h.dir, "testdata/other"), "config", "filter.x.clean", h.command())
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostileCheckout(t)
			arm(h)

			// Git compares the content of files that were written since it looked last.
			touch := func() {
				h.write("main.go", helloSource)
				if _, err := os.Stat(filepath.Join(h.dir, ofSubmodule)); err == nil {
					h.write(ofSubmodule, "text")
				}
			}
			touch()
			h.checkArmed(h.dir)

			touch()
			status, out := h.main("plan", "--dist", filepath.Join(t.TempDir(), "dist"))
			h.checkNothingRan(out)
			if status != exitOK {
				t.Errorf("plan: exit status %d\n%s", status, out)
			}

			touch()
			status, out = h.main("--targets", "linux/amd64", "--dist", filepath.Join(t.TempDir(), "dist"))
			h.checkNothingRan(out)
			if status != exitOK || strings.Contains(out, "dirty") {
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
		fetches bool // git would fetch missing objects; git 2.45 and later can be told not to
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
			h.checkNothingRan(out)

			if test.fetches && gitIsAtLeast(t, 2, 45) {
				return
			}
			if status != exitInvalid || !strings.Contains(out, test.want) {
				t.Errorf("exit status %d, expected 2 and %q\n%s", status, test.want, out)
			}
		})
	}
}

// gitIsAtLeast reports whether the git on PATH has at least the given version.
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

// A replaced object (git-replace(1)) does not change what is packed.
func TestReplacedObjects(t *testing.T) {
	h := newHostileCheckout(t)
	h.write("LICENSE", "the real text\n")
	h.commitRelease()

	license := h.git("rev-parse", "HEAD:LICENSE")
	h.write("other", "swapped\n")
	swapped := h.git("hash-object", "-w", "other")
	remove(t, filepath.Join(h.dir, "other"))
	h.git("replace", license, swapped)

	dist := filepath.Join(t.TempDir(), "dist")
	status, out := h.main("--targets", "linux/amd64", "--dist", dist)
	if status != exitOK {
		t.Fatalf("exit status %d\n%s", status, out)
	}

	archive := filepath.Join(dist, "hello_1.2.3_linux_amd64.tar.gz")
	packed, err := exec.Command("tar", "xOf", archive, "LICENSE").Output()
	if err != nil || string(packed) != "the real text\n" {
		t.Errorf("the packed LICENSE is %q, %v", packed, err)
	}
}

// Children get no variable that looks like a secret. The program names those it withholds, but
// does not print their values.
func TestSecretsAreWithheld(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the spy is a POSIX shell script")
	}
	w := newWorkshop(t, helloSource, githubtest.Options{})

	// A go command that writes its environment to a file.
	seen := filepath.Join(t.TempDir(), "environment")
	realGo, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	spy := filepath.Join(t.TempDir(), "go")
	script := "#!/bin/sh\nenv >>'" + seen + "'\nexec '" + realGo + "' \"$@\"\n"
	if err := os.WriteFile(spy, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(spy)+string(os.PathListSeparator)+os.Getenv("PATH"))

	secrets := []string{
		"AWS_SECRET_ACCESS_KEY=one",
		"AWS_ACCESS_KEY_ID=two",
		"NPM_TOKEN=three",
		"DOCKER_PASSWORD=four",
		"SIGNING_KEY=five",
		"COSIGN_PASSPHRASE=six",
		"DATABASE_URL=postgres://user:seven@host/db",
		"PLAIN=ghp_eight",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN=nine",
	}
	kept := []string{
		"GOPRIVATE=example.com/ten",
		"SSH_AUTH_SOCK=/tmp/eleven",
		"KEYBOARD=twelve",
		"AWS_REGION=thirteen",
	}
	w.run(t.Context(), exitOK, slices.Concat(secrets, kept, []string{"PATH=" + os.Getenv("PATH")})...)

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

	w.said("note: no child process gets these variables, which look like secrets: " +
		"AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY COSIGN_PASSPHRASE DATABASE_URL DOCKER_PASSWORD " +
		"NPM_TOKEN PLAIN SIGNING_KEY")
	if strings.Contains(w.out, "seven") {
		t.Error("the value of a secret was printed")
	}
}

// Versions of git before 2.31 do not read settings from the variables GIT_CONFIG_KEY_n. This
// test needs one of them on PATH, as git25.
func TestOldGitRunsNothing(t *testing.T) {
	old, err := exec.LookPath("git25")
	if err != nil {
		t.Skip("there is no git25 on PATH, a git before 2.31")
	}
	h := newHostileCheckout(t)
	bin := t.TempDir()
	if err := os.Symlink(old, filepath.Join(bin, "git")); err != nil {
		t.Fatal(err)
	}
	h.git("config", "core.fsmonitor", h.command())
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	h.checkArmed(h.dir)

	status, out := h.main("plan", "--targets", "linux/amd64")
	if status != exitOK {
		t.Errorf("exit status %d: %s", status, out)
	}
	h.checkNothingRan(out)
}
