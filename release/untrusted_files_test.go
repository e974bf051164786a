package release

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/config"

	"github.com/org/go-static-release/release/github/githubtest"
)

// The text of a release is public: no link in the repository makes it a file that is not.
func TestAttackNotesFile(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	outside := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(outside, []byte("the secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	attacks := map[string]struct{ target, name, said string }{
		"git's configuration": {".git/config", "NOTES.md", "NOTES.md belongs to git"},
		"through a directory": {".git", "NOTES/config", "NOTES/config belongs to git"},
		"by its own name":     {"", ".git/config", ".git/config belongs to git"},
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
		got, err := config.ReadNotes(path, w.dist)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	w.run(t.Context(), exitOK, "INPUT_NOTES_FILE="+elsewhere)
	if body := w.published().Body; !strings.HasPrefix(body, "from a step\n") {
		t.Errorf("the text is %q", body)
	}

	// What is in dist is of an earlier run.
	_, err := config.ReadNotes(filepath.Join(w.dist, "checksums.txt"), w.dist)
	if err == nil || !strings.Contains(err.Error(), "checksums.txt is in the directory for the files") {
		t.Errorf("a file in dist: %v", err)
	}

	if err := os.Truncate(elsewhere, config.MaxNotes+1); err != nil {
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
		"g/config":       "error: --files: g/config belongs to git\n",
		"g/con*":         "error: --files: g/config belongs to git\n",
		"docs/a.md g/c*": "error: --files: g/config belongs to git\n",
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
	l.said("error: --files: packing docs/a.md: the files packed with the programs may have at most 64 MiB together\nhint: --attach docs/a.md\n")
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

	l = newLaptop(t, map[string]string{"link": "-> ../outside"})
	if err := os.WriteFile(filepath.Join(l.outside, "go.mod"), []byte("module example.com/tool\n\ngo 1.24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run(exitBadRequest, append(planOne, "--tag", "link/v1.0.0")...)
	l.said("is outside the repository")
}

// Memory does not follow the size of a source file, even of one line.
func TestLargeSourceFile(t *testing.T) {
	l := newLaptop(t, nil)
	l.write("large_windows.go", "// "+strings.Repeat("x", 128<<20)) // for linux it need not be read
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l.run(exitBadRequest, append(planOne, "--files", "go.mod")...)
	l.said("large_windows.go has 134217731 bytes; a Go file may have at most")
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
