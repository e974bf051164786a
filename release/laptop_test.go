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

	"github.com/org/go-static-release/build/workspace/gittest"
)

// A laptop is a machine that is not a runner, with a clone of a repository that may be somebody
// else's. The working directory of the test is the clone.
type laptop struct {
	t       *testing.T
	dir     string // the clone
	outside string // a directory beside it
	out     string // what the last run printed, on both streams
}

// newLaptop makes a clone with the given files, committed and tagged v1.0.0. The content
// "-> TARGET" makes a symbolic link.
func newLaptop(t *testing.T, files map[string]string) *laptop {
	t.Helper()
	parent := t.TempDir()
	l := &laptop{
		t:       t,
		dir:     filepath.Join(parent, "clone"),
		outside: filepath.Join(parent, "outside"),
	}
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

// write replaces a file of the clone, or makes a link like newLaptop.
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
	cmd.Env = gittest.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("git %s: %v: %s", args, err, out)
	}
}

func (l *laptop) commit() {
	l.t.Helper()
	l.git("add", "--all")
	l.git("commit", "--quiet", "--allow-empty", "--message=change")
}

// workflow commits a workflow that uses the action with the given lines of settings.
func (l *laptop) workflow(settings ...string) {
	l.t.Helper()
	text := "jobs:\n  release:\n    steps:\n      - uses: org/go-static-release@v1\n        with:\n"
	for _, line := range settings {
		text += "          " + line + "\n"
	}
	l.write(".github/workflows/release.yml", text)
	l.commit()
}

// env returns the environment of the program.
func (l *laptop) env() []string {
	env := gittest.Environ()
	return append(env, "GITHUB_ACTIONS=", "GITHUB_TOKEN=", "GH_TOKEN=")
}

// run runs the program. It fails the test unless the exit status is the given one, or if the
// program does not end when its context does.
func (l *laptop) run(status int, args ...string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()

	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- Main(ctx, args, l.env(), &out, &out) }()

	select {
	case got := <-ended:
		l.out = out.String()
		if got != status {
			l.t.Fatalf("%q: exit status %d, expected %d:\n%s", args, got, status, l.out)
		}
	case <-time.After(90 * time.Second):
		l.t.Fatalf("%q does not end, although its context has", args)
	}
}

// said fails the test unless the last run printed each of the parts.
func (l *laptop) said(parts ...string) {
	l.t.Helper()
	for _, part := range parts {
		if !strings.Contains(l.out, part) {
			l.t.Errorf("%q was not printed:\n%s", part, l.out)
		}
	}
}

func (l *laptop) exists(path string) bool {
	l.t.Helper()
	_, err := os.Lstat(path)
	return err == nil
}

// planOne plans a single target, which is quick.
var planOne = []string{"plan", "--targets", "linux/amd64"}

// The workflow of a clone decides what is built. It cannot decide what runs on this machine,
// or where files are written: that takes a flag. Each setting is also given as a flag, to show
// that it would have an effect here.
func TestWorkflowSettingsIgnored(t *testing.T) {
	l := newLaptop(t, nil)
	linkProfile := filepath.Join(l.outside, "link.prof")
	compileProfile := filepath.Join(l.outside, "compile.prof")
	l.workflow(
		"dist: ../outside/dist",
		"directory: ../outside",
		"targets: linux/arm64",
		"smoke-test: --version",
		"ldflags: -s -w -cpuprofile="+filepath.ToSlash(linkProfile),
		"gcflags: -N -cpuprofile="+filepath.ToSlash(compileProfile),
	)

	l.run(exitOK)
	l.said("linux/arm64") // the workflow may choose the targets
	place := "note: .github/workflows/release.yml:"
	ignored := " is ignored on this machine, because "
	l.said(
		place+"6: dist"+ignored+"it says where to write; to use it: --dist ",
		place+"7: directory"+ignored+"it lies outside the repository; to use it: --directory ",
		place+"9: smoke-test"+ignored+"it starts the programs of the repository; to use it: --smoke-test --version\n",
		place+"10: ldflags"+ignored+"\"-cpuprofile=",
		place+"11: gcflags"+ignored+"\"-cpuprofile=",
	)
	if left, err := os.ReadDir(l.outside); err != nil || len(left) > 0 {
		t.Errorf("%v, %v in the directory outside", left, err)
	}

	// Settings that a flag overrides are not mentioned.
	l.run(exitOK, "--ldflags", "-s -w -cpuprofile="+linkProfile, "--gcflags", "-N", "--dist", "other")
	if !l.exists(linkProfile) {
		t.Error("the linker wrote no profile, so the attack proves nothing")
	}
	if strings.Contains(l.out, "ldflags is ignored") || strings.Contains(l.out, "dist is ignored") {
		t.Errorf("a note in spite of the flag:\n%s", l.out)
	}
}

// The workflow of a clone may choose a directory or a file inside the repository, but none to
// which a link leads outside of it.
func TestWorkflowPaths(t *testing.T) {
	l := newLaptop(t, map[string]string{
		"link":        "-> ../outside",
		"sub/go.mod":  "module example.com/sub\n\ngo 1.24\n",
		"sub/main.go": helloSource,
	})

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
	l.run(exitInvalid, planOne...)
	l.said("error: .github/workflows/release.yml:6: NOTES.md belongs to git")
}

// The workflow of a clone cannot choose the C compiler, which is a program that would run on
// this machine.
func TestWorkflowCompilerIgnored(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the compiler is a script of sh")
	}
	l := newLaptop(t, map[string]string{"c.go": "package main\n\nimport \"C\"\n"})

	canary := filepath.Join(l.outside, "canary") // the compiler writes it
	compiler := filepath.Join(l.outside, "evil")
	script := "#!/bin/sh\necho > " + canary + "\nexit 1\n"
	if err := os.WriteFile(compiler, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}

	target := runtime.GOOS + "/" + runtime.GOARCH
	setting := "'" + target + "=" + compiler + " $(touch x) it`s'"
	l.workflow("cgo: static", "targets: "+target, "cc: "+setting)

	// The exit status depends on whether this machine has a compiler.
	var out bytes.Buffer
	Main(t.Context(), []string{"plan"}, l.env(), &out, &out)
	l.out = out.String()
	l.said("cc is ignored on this machine, because it names programs to run; to use it: --cc " + setting + "\n")
	if l.exists(canary) {
		t.Error("it ran")
	}

	l.run(exitInvalid, "plan", "--cc", target+"="+compiler)
	if !l.exists(canary) {
		t.Error("it does not run with the flag either, so the attack proves nothing")
	}
}

// A workflow must be a file of the repository, wherever its name leads, and reading it takes a
// bounded amount of time and memory.
func TestHostileWorkflowFile(t *testing.T) {
	const (
		name = ".github/workflows/release.yml"
		head = "# go-static-release\n"
	)

	// Nine aliases of nine aliases of nine aliases, and so on.
	var nested strings.Builder
	nested.WriteString(head + "a: &a [1,2,3,4,5,6,7,8,9]\n")
	for c := 'b'; c <= 'z'; c++ {
		aliases := strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",")
		fmt.Fprintf(&nested, "%c: &%c [%s]\n", c, c, aliases)
	}
	nested.WriteString("jobs: {j: {steps: *z}}\n")

	// A thousand aliases of a list with a thousand elements.
	wide := head + "x: &s [" + strings.Repeat("{},", 1000) + "{}]\njobs:\n"
	for i := range 1000 {
		wide += fmt.Sprintf("  j%d: {steps: *s}\n", i)
	}

	for content, said := range map[string]string{
		"-> ../../.git/config":       name + " belongs to git",
		"-> ../../../outside/x":      name + " is a link that leads nowhere",
		"-> " + os.DevNull:           name + " leads out of the repository",
		"-> /dev/zero":               name,
		strings.Repeat("#", 1<<20+1): name + " is too large: more than 1048576 bytes",
		nested.String():              name + ":26: a step is not a mapping",
		wide:                         name + ":2: with its aliases the file has more than 100000 nodes",

		head + "jobs: &j\n  a: *j\n":                "", // has no step and contains itself
		head + "jobs: {a: &a {<<: *a}}\n":           "more than 50 mappings are merged into one another",
		head + "---\njobs: {}\n---\njobs: {}\n":     "more than one YAML document",
		head + "jobs: [" + strings.Repeat("[", 1e5): "exceeded max depth",
	} {
		l := newLaptop(t, map[string]string{name: content})
		if said == "" {
			l.run(exitOK, planOne...)
			continue
		}

		l.run(exitInvalid, planOne...)
		l.said(said, "hint: --no-workflow\n")
		l.run(exitOK, append(planOne, "--no-workflow")...)
	}

	l := newLaptop(t, map[string]string{".github": "-> ../outside"})
	if err := os.Mkdir(filepath.Join(l.outside, "workflows"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.run(exitInvalid, planOne...)
	l.said("reading workflow .github/workflows leads out of the repository")
}

// The notes about ignored settings come before the errors, which they may explain.
func TestIgnoredSettingsAreNotedWithErrors(t *testing.T) {
	l := newLaptop(t, nil)
	l.workflow("dist: ../outside", "smoke-test: --version")
	l.run(exitInvalid, "--targets", "linux/nothing", "--checksums", "sha3")
	l.said("error: --checksums: ", "error: --targets: ")

	lines := strings.Split(l.out, "\n")
	for i, want := range []string{
		": dist is ignored on this machine",
		": smoke-test is ignored on this machine",
	} {
		if n := strings.Count(l.out, want); n != 1 {
			t.Errorf("%q was printed %d times:\n%s", want, n, l.out)
		}
		if !strings.HasPrefix(lines[i], "note: ") || !strings.Contains(lines[i], want) {
			t.Errorf("%q is not in line %d:\n%s", want, i+1, l.out)
		}
	}
}
