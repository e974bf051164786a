package release

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/github/githubtest"
)

// The notes of a release are public. No link in the repository may turn them into a file
// that is not public.
func TestNotesFileOfRepository(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	outside := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(outside, []byte("the secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	type attack struct {
		target string // of a link at the first element of name; "" makes no link
		name   string // the notes file, as the setting names it
		said   string
	}
	attacks := map[string]attack{
		"git's configuration": {
			target: ".git/config",
			name:   "NOTES.md",
			said:   "NOTES.md belongs to git",
		},
		"through a directory": {
			target: ".git",
			name:   "NOTES/config",
			said:   "NOTES/config belongs to git",
		},
		"by its own name": {
			name: ".git/config",
			said: ".git/config belongs to git",
		},
		"outside": {
			target: outside,
			name:   "NOTES.md",
			said:   "NOTES.md leads out of the repository",
		},
		"outside, by a directory": {
			target: filepath.Dir(outside),
			name:   "NOTES/secret.txt",
			said:   "NOTES/secret.txt leads out of the repository",
		},
		"nowhere": {
			target: "missing",
			name:   "NOTES.md",
			said:   "NOTES.md is a link that leads nowhere",
		},
		"a directory": {
			target: ".",
			name:   "NOTES.md",
			said:   "NOTES.md is a directory",
		},
	}
	if runtime.GOOS == "linux" {
		attacks["the environment"] = attack{
			target: "/proc/self/environ",
			name:   "NOTES.md",
			said:   "NOTES.md leads out of the repository",
		}
		attacks["a device"] = attack{
			target: "/dev/zero",
			name:   "NOTES.md",
			said:   "NOTES.md leads out of the repository",
		}
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
			notes := filepath.Join(w.dir, filepath.FromSlash(attack.name))
			w.run(t.Context(), exitInvalid, "INPUT_NOTES_FILE="+notes)
			w.said("input notes-file: " + attack.said)
			if sent := w.gh.Requests(); len(sent) > 0 {
				t.Errorf("sent: %+v", sent)
			}
		})
	}
}

// An earlier step may write the notes into the workspace or into the runner's directory for
// temporary files. A link to another file of the repository is followed.
func TestNotesFileOfUser(t *testing.T) {
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

	for path, want := range map[string]string{
		elsewhere: "from a step\n",
		inside:    "from the workspace\n",
		link:      "from the workspace\n",
	} {
		got, err := config.ReadNotes(path, w.dist)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	w.run(t.Context(), exitOK, "INPUT_NOTES_FILE="+elsewhere)
	if body := w.published().Body; !strings.HasPrefix(body, "from a step\n") {
		t.Errorf("the text is %q", body)
	}

	// The files in dist are those of an earlier run.
	_, err := config.ReadNotes(filepath.Join(w.dist, "checksums.txt"), w.dist)
	if err == nil || !strings.Contains(err.Error(), "checksums.txt is in the directory for the files") {
		t.Errorf("a file in dist: %v", err)
	}

	if err := os.Truncate(elsewhere, config.MaxNotes+1); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), exitInvalid, "INPUT_NOTES_FILE="+elsewhere)
	w.said("notes.md is too large")

	out := filepath.Join(temp, "out.md")
	if err := os.Symlink(filepath.Join(w.dir, "LICENSE"), out); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), exitInvalid, "INPUT_NOTES_FILE="+out)
	w.said("out.md leads out of ")
}

// A pattern whose matches cannot be packed is an error that says why.
func TestFilesThatCannotBePacked(t *testing.T) {
	l := newLaptop(t, map[string]string{
		"docs/a.md": "a",
		"g":         "-> .git",
		"broken":    "-> missing",
		"out":       "-> ../outside",
		"abs":       "-> /",
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
		"doc*":           "error: --files: no file matches \"doc*\" in .\n",
		"out/secret.txt": "error: --files: out/secret.txt leads out of the repository\n",
		"out":            "error: --files: out leads out of the repository\n",
		"out/*":          "error: --files: no file matches \"out/*\" in .\n",
		"../*":           "error: --files: no file matches \"../*\" in .\n",
	} {
		l.run(exitInvalid, append(planOne, "--files", files)...)
		l.said(said)
	}

	for _, files := range []string{"docs/a.md", "docs"} {
		l.run(exitOK, append(planOne, "--files", files)...)
		l.said("packed with each: docs/a.md\n")
	}

	// A large file in the tree, and one in the commit, are not read into memory.
	if err := os.Truncate(filepath.Join(l.dir, "docs", "a.md"), 256<<20); err != nil {
		t.Skipf("no file of that size here: %v", err)
	}
	l.run(exitInvalid, append(planOne, "--files", "docs/*")...)
	l.said("error: --files: packing docs/a.md: the files packed with the programs may have at most 64 MiB together\n" +
		"hint: --attach docs/a.md\n")

	if err := os.Truncate(filepath.Join(l.dir, "docs", "a.md"), 65<<20); err != nil {
		t.Fatal(err)
	}
	l.commit()
	l.run(exitInvalid, append(planOne, "--files", "docs/*")...)
	l.said("error: --files: packing docs/a.md: ")
}

// A go.mod outside of the repository does not make a module of it.
func TestModuleOutsideOfRepository(t *testing.T) {
	const module = "module example.com/tool\n\ngo 1.24\n"

	l := newLaptop(t, map[string]string{"go.mod": "-> ../outside/go.mod"})
	if err := os.WriteFile(filepath.Join(l.outside, "go.mod"), []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run(exitInvalid, planOne...)
	l.said("go.mod leads out of the repository")

	l = newLaptop(t, map[string]string{"link": "-> ../outside"})
	if err := os.WriteFile(filepath.Join(l.outside, "go.mod"), []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run(exitInvalid, append(planOne, "--tag", "link/v1.0.0")...)
	l.said("is outside the repository")
}

// A source file is not read into memory whole, even if it is a single line.
func TestLargeSourceFile(t *testing.T) {
	l := newLaptop(t, nil)
	l.write("large_windows.go", "// "+strings.Repeat("x", 128<<20)) // not part of a build for linux

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	l.run(exitInvalid, append(planOne, "--files", "go.mod")...)
	l.said("large_windows.go has 134217731 bytes; a Go file may have at most")
	runtime.ReadMemStats(&after)

	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d MB were allocated", grown>>20)
	}
}

// The files in dist are replaced, so no link in the repository may lead it elsewhere.
func TestDistOutsideOfRepository(t *testing.T) {
	l := newLaptop(t, map[string]string{
		"dist":    "-> ../outside",
		"sub/up":  "-> ../..",
		"g":       "-> .git",
		"nowhere": "-> ../missing",
	})

	for dist, said := range map[string]string{
		"dist":             "error: dist is a link that leads out of the repository, to ",
		"sub/up/outside/x": "sub/up/outside/x is a link that leads out of the repository, to ",
		"g/x":              "g/x is in git's own directory",
		".git/x":           ".git/x is in git's own directory",
		"nowhere":          "nowhere is a link that leads nowhere",
		"nowhere/x":        "nowhere is a link that leads nowhere",
	} {
		l.run(exitInvalid, "--targets", "linux/amd64", "--dist", dist)
		l.said(said)
	}
	if left, err := os.ReadDir(l.outside); err != nil || len(left) > 0 {
		t.Errorf("%v, %v in the directory outside", left, err)
	}

	// A user may name a directory outside of the repository.
	l.run(exitOK, "--targets", "linux/amd64", "--dist", l.outside)
	if !l.exists(filepath.Join(l.outside, "checksums.txt")) {
		t.Error("no checksums.txt")
	}
}

// dryRun has the settings of a dry run for one target.
var dryRun = []string{
	"INPUT_DRY_RUN=true",
	"INPUT_TARGETS=linux/amd64",
	"INPUT_TIMEOUT=1m",
}

// markDist writes the file that marks dist as made by this program.
func (w *workshop) markDist() {
	w.t.Helper()
	writeFile(w.t, filepath.Join(w.dist, ".gitignore"), dist.Mark)
}

// Nothing is written through a link in dist.
func TestLinksInDist(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")

	for _, name := range []string{
		dist.LockName,
		dist.ReportJSON,
		dist.ReportHTML,
		dist.BinDir,
		"checksums.txt",
		"hello_1.2.3_linux_amd64.tar.gz",
	} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		linkOrSkip(t, elsewhere, filepath.Join(w.dist, name))
		w.markDist()

		if name == dist.LockName {
			w.run(t.Context(), exitFailed, dryRun...)
			w.said(".lock: not a regular file")
		} else {
			w.run(t.Context(), exitOK, dryRun...)
		}

		if left, err := filepath.Glob(elsewhere + "*"); err != nil || len(left) > 0 {
			t.Errorf("%s: written through a link: %q, %v", name, left, err)
		}
	}
}

// Reading ends, even where a link in dist leads to a device.
func TestDevicesInDist(t *testing.T) {
	for _, device := range []string{"/dev/zero", "/dev/stdin"} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		linkOrSkip(t, device, filepath.Join(w.dist, dist.ReportJSON))
		w.markDist()
		w.run(t.Context(), exitOK, dryRun...)

		// A directory whose mark cannot be read is not ours.
		w = newWorkshop(t, helloSource, githubtest.Options{})
		linkOrSkip(t, device, filepath.Join(w.dist, ".gitignore"))
		w.run(t.Context(), exitInvalid, dryRun...)
	}
}

// Nothing is written where dist leads if it is a link itself.
func TestDistIsLink(t *testing.T) {
	for _, end := range []string{"", string(filepath.Separator)} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		empty := t.TempDir()
		linkOrSkip(t, empty, w.dist)

		w.run(t.Context(), exitInvalid, append(dryRun, "INPUT_DIST="+w.dist+end)...)
		w.said("is a link; give the directory that it leads to")
		if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
			t.Errorf("written where dist leads: %v, %v", left, err)
		}
	}
}
