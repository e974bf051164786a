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

	"github.com/org/go-static-release/release/github/githubtest"
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

// The text of a release is public: no link in the repository makes it a file that is not.
func TestAttackNotesFile(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	outside := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(outside, []byte("the secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	attacks := map[string]struct{ target, name, said string }{
		"git's configuration": {".git/config", "NOTES.md", "NOTES.md is git's own"},
		"through a directory": {".git", "NOTES/config", "NOTES/config is git's own"},
		"by its own name":     {"", ".git/config", ".git/config is git's own"},
		"outside":             {outside, "NOTES.md", "NOTES.md leads out of the repository"},
		"outside, by a directory": {filepath.Dir(outside), "NOTES/secret.txt",
			"NOTES/secret.txt leads out of the repository"},
		"nowhere":     {"missing", "NOTES.md", "NOTES.md is a link that leads nowhere"},
		"a directory": {".", "NOTES.md", "NOTES.md is a directory"},
	}
	if runtime.GOOS == "linux" {
		attacks["the environment"] = struct{ target, name, said string }{"/proc/self/environ", "NOTES.md", "NOTES.md leads out of the repository"}
		attacks["a device"] = struct{ target, name, said string }{"/dev/zero", "NOTES.md", "NOTES.md leads out of the repository"}
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			first, _, _ := strings.Cut(attack.name, "/")
			if attack.target != "" {
				path := filepath.Join(w.dir, first)
				if err := os.Symlink(attack.target, path); err != nil {
					t.Skipf("no symbolic links here: %v", err)
				}
				defer os.Remove(path)
			}
			w.t = t
			w.run(t.Context(), exitBadRequest, "INPUT_NOTES_FILE="+filepath.Join(w.dir, filepath.FromSlash(attack.name)))
			w.said("input notes-file: " + attack.said)
			if sent := w.gh.Requests(); len(sent) > 0 {
				t.Errorf("sent: %+v", sent)
			}
		})
	}
}

// What a step before wrote becomes the text of the release, in the workspace or in the
// runner's directory for temporary files, and a link to another file of the repository is
// followed.
func TestNotesFileOfTheUser(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	temp := t.TempDir()
	elsewhere := filepath.Join(temp, "notes.md")
	if err := os.WriteFile(elsewhere, []byte("from a step\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inside := w.made("notes.md", "from the workspace\n")
	link := filepath.Join(filepath.Dir(inside), "link.md")
	if err := os.Symlink("notes.md", link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	for path, want := range map[string]string{elsewhere: "from a step\n", inside: "from the workspace\n", link: "from the workspace\n"} {
		got, err := readNotes(path, w.dist)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	w.run(t.Context(), exitOK, "INPUT_NOTES_FILE="+elsewhere)
	if body := w.published().Body; !strings.HasPrefix(body, "from a step\n") {
		t.Errorf("the text is %q", body)
	}

	if err := os.Truncate(elsewhere, maxNotes+1); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), exitBadRequest, "INPUT_NOTES_FILE="+elsewhere)
	w.said("notes.md is too large")

	out := filepath.Join(temp, "out.md")
	if err := os.Symlink(filepath.Join(w.dir, "LICENSE"), out); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), exitBadRequest, "INPUT_NOTES_FILE="+out)
	w.said("out.md leads out of ")
}

// A pattern whose matches cannot be packed says so, and why.
func TestAttackFiles(t *testing.T) {
	l := newLaptop(t, map[string]string{
		"docs/a.md": "a", "g": "-> .git", "broken": "-> missing", "out": "-> ../outside", "abs": "-> /",
	})
	if err := os.WriteFile(filepath.Join(l.outside, "secret.txt"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for files, said := range map[string]string{
		"g/config":       "error: --files: g/config is git's own\n",
		"g/con*":         "error: --files: g/config is git's own\n",
		"docs/a.md g/c*": "error: --files: g/config is git's own\n",
		"broken":         "error: --files: broken is a link that leads nowhere\n",
		"brok*":          "error: --files: broken is a link that leads nowhere\n",
		"docs":           "error: --files: docs is a directory, not a file\n",
		"doc*":           "error: --files: no file matches \"doc*\" in .\n",
		"out/secret.txt": "error: --files: out/secret.txt leads out of the repository\n",
		"out":            "error: --files: out leads out of the repository\n",
		"out/*":          "error: --files: no file matches \"out/*\" in .\n",
		"../*":           "error: --files: no file matches \"../*\" in .\n",
	} {
		l.run(exitBadRequest, append(planOne, "--files", files)...)
		l.said(said)
	}
	l.run(exitOK, append(planOne, "--files", "docs/a.md")...)
	l.said("packed with each: docs/a.md\n")

	// Memory does not follow the size of a file, in the tree or in the commit.
	if err := os.Truncate(filepath.Join(l.dir, "docs", "a.md"), 256<<20); err != nil {
		t.Skipf("no file of that size here: %v", err)
	}
	l.run(exitBadRequest, append(planOne, "--files", "docs/*")...)
	l.said("error: --files: packing docs/a.md: the files packed with the programs may have 64 MiB together\nhint: --attach docs/a.md\n")
	if err := os.Truncate(filepath.Join(l.dir, "docs", "a.md"), 65<<20); err != nil {
		t.Fatal(err)
	}
	l.commit()
	l.run(exitBadRequest, append(planOne, "--files", "docs/*")...)
	l.said("error: --files: packing docs/a.md: ")
}

// A go.mod that is a file elsewhere is not this repository's.
func TestAttackModuleFile(t *testing.T) {
	l := newLaptop(t, map[string]string{"go.mod": "-> ../outside/go.mod"})
	if err := os.WriteFile(filepath.Join(l.outside, "go.mod"), []byte("module example.com/tool\n\ngo 1.24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run(exitBadRequest, planOne...)
	l.said("go.mod leads out of the repository")
}

// Memory does not follow the size of a source file: the plan asks the go command about it.
func TestLargeSourceFile(t *testing.T) {
	l := newLaptop(t, nil)
	l.write("large.go", "package main\n")
	if err := os.Truncate(filepath.Join(l.dir, "large.go"), 256<<20); err != nil {
		t.Skipf("no file of that size here: %v", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l.run(exitOK, append(planOne, "--files", "go.mod")...)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d MB were allocated", grown>>20)
	}
}

// No link of the repository makes the directory for the files one elsewhere: what is there
// would be replaced.
func TestAttackDist(t *testing.T) {
	l := newLaptop(t, map[string]string{
		"dist": "-> ../outside", "sub/up": "-> ../..", "g": "-> .git", "nowhere": "-> ../missing",
	})
	for dist, said := range map[string]string{
		"dist":             "error: dist is a link that leads out of the repository, to ",
		"sub/up/outside/x": "sub/up/outside/x is a link that leads out of the repository, to ",
		"g/x":              "g/x is in git's own directory",
		".git/x":           ".git/x is in git's own directory",
		"nowhere":          "nowhere is a link that leads nowhere",
		"nowhere/x":        "nowhere is a link that leads nowhere",
	} {
		l.run(exitBadRequest, "--targets", "linux/amd64", "--dist", dist)
		l.said(said)
	}
	if left, err := os.ReadDir(l.outside); err != nil || len(left) > 0 {
		t.Errorf("%v, %v in the directory outside", left, err)
	}
	// Whoever names it means it.
	l.run(exitOK, "--targets", "linux/amd64", "--dist", l.outside)
	if !l.exists(filepath.Join(l.outside, "checksums.txt")) {
		t.Error("no checksums.txt")
	}
}

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
	l.said("error: .github/workflows/release.yml:6: NOTES.md is git's own")
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
	ended := make(chan struct{})
	func() {
		defer close(ended)
		env := append(append(os.Environ(), gitEnv...), "GITHUB_ACTIONS=")
		var out bytes.Buffer
		Main(t.Context(), []string{"plan"}, env, &out, &out) // it may find a compiler of this machine, or none
		l.out = out.String()
	}()
	<-ended
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
		"-> ../../.git/config":       name + " is git's own",
		"-> ../../../outside/x":      name + " is a link that leads nowhere",
		"-> " + os.DevNull:           name + " leads out of the repository",
		"-> /dev/zero":               name,
		strings.Repeat("#", 1<<20+1): name + " is too large: more than 1048576 bytes",
		laughs.String():              name + ":26: a step is not a mapping",
		wide:                         name + ":2: its aliases make more than 100000 nodes",
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
