package release

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A laptop is a clone of a repository that may be somebody else's, on a machine that is
// not a runner. The working directory of the test is the clone.
type laptop struct {
	t       *testing.T
	dir     string // the clone
	outside string // a directory beside it
	out     string // what the last run printed, on both streams
}

// newLaptop makes a clone with the given files, committed and tagged v1.0.0. A content
// "-> TARGET" makes a link.
func newLaptop(t *testing.T, files map[string]string) *laptop {
	t.Helper()
	parent := t.TempDir()
	l := &laptop{t: t, dir: filepath.Join(parent, "clone"), outside: filepath.Join(parent, "outside")}
	for _, dir := range []string{l.dir, l.outside} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l.write("go.mod", "module example.com/tool\n\ngo 1.24\n")
	l.write("main.go", helloSource)
	for name, content := range files {
		l.write(name, content)
	}
	l.git("init", "--quiet", "--initial-branch=main")
	l.commit()
	l.git("tag", "v1.0.0")
	t.Chdir(l.dir)
	return l
}

func (l *laptop) write(name, content string) {
	l.t.Helper()
	path := filepath.Join(l.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		l.t.Fatal(err)
	}
	if target, ok := strings.CutPrefix(content, "-> "); ok {
		if err := os.Symlink(filepath.FromSlash(target), path); err != nil {
			l.t.Skipf("no symbolic links here: %v", err)
		}
		return
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		l.t.Fatal(err)
	}
}

func (l *laptop) git(args ...string) {
	l.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = l.dir
	cmd.Env = append(os.Environ(), gitEnv...)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("git %s: %v: %s", args, err, out)
	}
}

func (l *laptop) commit() {
	l.t.Helper()
	l.git("add", "--all")
	l.git("commit", "--quiet", "--allow-empty", "--message=change")
}

// workflow writes the workflow of the clone, whose step has the lines of with.
func (l *laptop) workflow(with ...string) {
	l.t.Helper()
	text := "jobs:\n  release:\n    steps:\n      - uses: org/go-static-release@v1\n        with:\n"
	for _, line := range with {
		text += "          " + line + "\n"
	}
	l.write(".github/workflows/release.yml", text)
	l.commit()
}

// run runs the program and fails the test unless it exits with status, soon.
func (l *laptop) run(status int, args ...string) {
	l.t.Helper()
	env := append(os.Environ(), gitEnv...)
	env = append(env, "GITHUB_ACTIONS=", "GITHUB_TOKEN=", "GH_TOKEN=")
	var out bytes.Buffer
	ended := make(chan int, 1)
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	go func() { ended <- Main(ctx, args, env, &out, &out) }()
	select {
	case got := <-ended:
		if l.out = out.String(); got != status {
			l.t.Fatalf("%q: exit status %d, expected %d:\n%s", args, got, status, l.out)
		}
	case <-time.After(90 * time.Second):
		l.t.Fatalf("%q does not end, whatever it is told", args)
	}
}

func (l *laptop) said(parts ...string) {
	l.t.Helper()
	for _, part := range parts {
		if !strings.Contains(l.out, part) {
			l.t.Errorf("%q was not said:\n%s", part, l.out)
		}
	}
}

func (l *laptop) exists(path string) bool {
	l.t.Helper()
	_, err := os.Lstat(path)
	return err == nil
}

// plan for one target, which is quick.
var planOne = []string{"plan", "--targets", "linux/amd64"}

// The workflow of a clone chooses what is built. What runs on this machine, and where is
// written, takes a flag; that the same value has an effect as a flag shows that it would
// have had one here.
func TestAttackWorkflowSettings(t *testing.T) {
	l := newLaptop(t, nil)
	l.workflow("dist: ../outside/dist", "directory: ../outside", "targets: linux/arm64", "smoke-test: --version",
		"ldflags: -s -w -cpuprofile="+filepath.ToSlash(filepath.Join(l.outside, "link.prof")),
		"gcflags: -N -cpuprofile="+filepath.ToSlash(filepath.Join(l.outside, "compile.prof")))
	l.run(exitOK)
	place := "note: .github/workflows/release.yml:"
	l.said("linux/arm64", // which is what it may choose
		place+"6: dist is ignored on this machine, because it says where to write; to use it: --dist ",
		place+"7: directory is ignored on this machine, because it lies outside the repository; to use it: --directory ",
		place+"9: smoke-test is ignored on this machine, because it starts the programs of the repository; to use it: --smoke-test --version\n",
		place+"10: ldflags is ignored on this machine, because \"-cpuprofile=",
		place+"11: gcflags is ignored on this machine, because \"-cpuprofile=",
	)
	if left, err := os.ReadDir(l.outside); err != nil || len(left) > 0 {
		t.Errorf("%v, %v in the directory outside", left, err)
	}

	// What is given as a flag is not told.
	l.run(exitOK, "--ldflags", "-s -w -cpuprofile="+filepath.Join(l.outside, "link.prof"), "--gcflags", "-N", "--dist", "other")
	if !l.exists(filepath.Join(l.outside, "link.prof")) {
		t.Error("the linker wrote no profile: the attack is none")
	}
	if strings.Contains(l.out, "ldflags is ignored") || strings.Contains(l.out, "dist is ignored") {
		t.Errorf("told in spite of the flag:\n%s", l.out)
	}
}

// A directory of the clone that is a link to another repository is not what its workflow
// may choose either; one inside is.
func TestAttackWorkflowDirectory(t *testing.T) {
	l := newLaptop(t, map[string]string{"link": "-> ../outside", "sub/go.mod": "module example.com/sub\n\ngo 1.24\n", "sub/main.go": helloSource})
	l.workflow("directory: link")
	l.run(exitOK, planOne...)
	l.said("directory is ignored on this machine, because it lies outside the repository")
	l.workflow("directory: sub")
	l.run(exitOK, planOne...)
	l.said("example.com/sub\n")
	l.workflow("notes-file: ../outside/notes.md")
	l.run(exitOK, planOne...)
	l.said("notes-file is ignored on this machine, because it lies outside the repository; to use it: --notes-file ")
	l.write("NOTES.md", "-> .git/config")
	l.workflow("notes-file: NOTES.md")
	l.run(exitBadRequest, planOne...)
	l.said("error: .github/workflows/release.yml:6: NOTES.md belongs to git")
}

// A compiler is a program.
func TestAttackWorkflowCompiler(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the compiler is a script of sh")
	}
	l := newLaptop(t, map[string]string{"c.go": "package main\n\nimport \"C\"\n"})
	canary := filepath.Join(l.outside, "canary")
	evil := filepath.Join(l.outside, "evil")
	if err := os.WriteFile(evil, []byte("#!/bin/sh\necho > "+canary+"\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	target := runtime.GOOS + "/" + runtime.GOARCH
	l.workflow("cgo: static", "targets: "+target, "cc: '"+target+"="+evil+" $(touch x) it`s'")
	env := append(append(os.Environ(), gitEnv...), "GITHUB_ACTIONS=")
	var out bytes.Buffer
	Main(t.Context(), []string{"plan"}, env, &out, &out) // this machine may have a compiler, or none
	l.out = out.String()
	l.said("cc is ignored on this machine, because it names programs to run; to use it: --cc '" + target + "=" + evil + " $(touch x) it`s'\n")
	if l.exists(canary) {
		t.Error("it ran")
	}
	l.run(exitBadRequest, "plan", "--cc", target+"="+evil)
	if !l.exists(canary) {
		t.Error("it does not run with the flag either: the attack is none")
	}
}

// Workflow files are files of the repository, of bounded size, whatever their names lead to.
func TestAttackWorkflowFile(t *testing.T) {
	const name = ".github/workflows/release.yml"
	var laughs strings.Builder
	laughs.WriteString("# go-static-release\na: &a [1,2,3,4,5,6,7,8,9]\n")
	for c := 'b'; c <= 'z'; c++ {
		fmt.Fprintf(&laughs, "%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ","))
	}
	laughs.WriteString("jobs: {j: {steps: *z}}\n")
	wide := "# go-static-release\nx: &s [" + strings.Repeat("{},", 1000) + "{}]\njobs:\n"
	for i := range 1000 {
		wide += fmt.Sprintf("  j%d: {steps: *s}\n", i)
	}
	for content, said := range map[string]string{
		"-> ../../.git/config":       name + " belongs to git",
		"-> ../../../outside/x":      name + " is a link that leads nowhere",
		"-> " + os.DevNull:           name + " leads out of the repository",
		"-> /dev/zero":               name,
		strings.Repeat("#", 1<<20+1): name + " is too large: more than 1048576 bytes",
		laughs.String():              name + ":26: a step is not a mapping",
		wide:                         name + ":2: with its aliases the file has more than 100000 nodes",
		"# go-static-release\njobs: &j\n  a: *j\n":                "", // no step, and no end of it
		"# go-static-release\njobs: {a: &a {<<: *a}}\n":           "more than 50 mappings are merged into one another",
		"# go-static-release\n---\njobs: {}\n---\njobs: {}\n":     "more than one YAML document",
		"# go-static-release\njobs: [" + strings.Repeat("[", 1e5): "exceeded max depth",
	} {
		l := newLaptop(t, map[string]string{name: content})
		status := exitBadRequest
		if said == "" {
			status = exitOK
		}
		l.run(status, planOne...)
		l.said(said)
		if status != exitOK {
			l.said("hint: --no-workflow\n")
			l.run(exitOK, append(planOne, "--no-workflow")...)
		}
	}

	l := newLaptop(t, map[string]string{".github": "-> ../outside"})
	if err := os.Mkdir(filepath.Join(l.outside, "workflows"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.run(exitBadRequest, planOne...)
	l.said("reading workflow .github/workflows leads out of the repository")
}

// What is ignored is said even if something else is wrong: it may be why.
func TestIgnoredIsSaidWithErrors(t *testing.T) {
	l := newLaptop(t, nil)
	l.workflow("dist: ../outside", "smoke-test: --version")
	l.run(exitBadRequest, "--targets", "linux/nothing", "--checksums", "sha3")
	l.said("error: --checksums: ", "error: --targets: ")

	lines := strings.Split(l.out, "\n")
	for i, want := range []string{": dist is ignored on this machine", ": smoke-test is ignored on this machine"} {
		if n := strings.Count(l.out, want); n != 1 || !strings.HasPrefix(lines[i], "note: ") || !strings.Contains(lines[i], want) {
			t.Errorf("%q was said %d times, or not at the beginning:\n%s", want, n, l.out)
		}
	}
}
