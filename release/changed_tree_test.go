package release

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// write writes a file of the project.
func (w *workshop) write(name, content string) {
	w.t.Helper()
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(path, []byte(content), 0o644),
	)
	if err != nil {
		w.t.Fatal(err)
	}
}

// link makes a link in the project.
func (w *workshop) link(target, name string) {
	w.t.Helper()
	if err := os.Symlink(target, filepath.Join(w.dir, name)); err != nil {
		w.t.Skip("links cannot be made here: ", err)
	}
}

// recommit makes the one commit of the project anew, and moves the tag.
func (w *workshop) recommit() {
	w.t.Helper()
	w.git("add", "--all")
	w.git("commit", "--quiet", "--amend", "--message=first")
	w.git("tag", "--force", "v1.2.3")
	w.env = append(w.env, "GITHUB_SHA="+trimmed(w.git("rev-parse", "HEAD")), "INPUT_COMMAND=plan", "INPUT_TARGETS=linux/amd64")
}

func trimmed(line string) string { return line[:len(line)-1] }

const embedsText = "package main\n\nimport _ \"embed\"\n\n//go:embed data.txt\nvar text string\n\nfunc main() { println(text) }\n"

// What git status is kept from seeing is not of the commit either.
func TestBlindedStatus(t *testing.T) {
	for name, test := range map[string]struct {
		blind func(w *workshop)
		said  string
	}{
		"a configuration from a machine that does not tell case apart": {
			func(w *workshop) {
				if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
					w.t.Skip("this machine does not tell case apart")
				}
				w.recommit()
				w.git("config", "core.ignoreCase", "true")
				w.write("MAIN.go", "package main\n\nfunc init() { println(\"not of the commit\") }\n")
			},
			"?? MAIN.go",
		},
		"a source file that is missing": {
			func(w *workshop) {
				w.write("more.go", "package main\n\nfunc init() { println(\"of the commit\") }\n")
				w.recommit()
				w.git("update-index", "--assume-unchanged", "more.go")
				w.remove("more.go")
			},
			"more.go: differs from the commit",
		},
		"an embedded file that is missing": {
			func(w *workshop) {
				w.write("main.go", "package main\n\nimport \"embed\"\n\n//go:embed all:web\nvar web embed.FS\n\nfunc main() { println(web.ReadDir(\".\")) }\n")
				w.write("web/a.txt", "a")
				w.write("web/deep/b.txt", "b")
				w.recommit()
				w.git("update-index", "--skip-worktree", "web/deep/b.txt")
				w.remove("web/deep/b.txt")
			},
			"web/deep/b.txt: differs from the commit",
		},
		"a link that leads to another file of the commit": {
			func(w *workshop) {
				w.write("one/x.go", "package one\n")
				w.write("two/x.go", "package one\n\nfunc init() { println(\"another\") }\n")
				w.link("one", "lib")
				w.write("go.mod", "module example.com/hello\n\ngo 1.24\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ./lib\n")
				w.write("one/go.mod", "module example.com/lib\n\ngo 1.24\n")
				w.write("two/go.mod", "module example.com/lib\n\ngo 1.24\n")
				w.write("main.go", "package main\n\nimport _ \"example.com/lib\"\n\nfunc main() {}\n")
				w.recommit()
				w.git("update-index", "--assume-unchanged", "lib")
				w.remove("lib")
				w.link("two", "lib")
			},
			"lib: differs from the commit",
		},
		"a module of the workspace that decides about versions alone": {
			func(w *workshop) {
				w.write(".gitignore", "ignored/\n")
				w.write("go.work", "go 1.24\n\nuse (\n\t.\n\t./ignored\n)\n")
				w.recommit()
				w.write("ignored/go.mod", "module example.com/ignored\n\ngo 1.24\n")
			},
			"ignored/go.mod: not in the commit",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t, helloSource, githubtest.Options{})
			test.blind(w)
			w.run(t.Context(), exitBadRequest)
			w.said(test.said)
		})
	}
}

func (w *workshop) remove(name string) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, filepath.FromSlash(name))); err != nil {
		w.t.Fatal(err)
	}
}

// A replace directive leads to a directory, even if that is among the modules that go.sum
// vouches for.
func TestReplacedByDirectoryInModuleCache(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	cache := t.TempDir()
	other := filepath.Join(cache, "other")
	w.write("go.mod", "module example.com/hello\n\ngo 1.24\n\nrequire example.com/other v0.0.0\n\nreplace example.com/other => "+filepath.ToSlash(other)+"\n")
	w.write("main.go", "package main\n\nimport _ \"example.com/other\"\n\nfunc main() {}\n")
	w.recommit()
	err := errors.Join(
		os.Mkdir(other, 0o755),
		os.WriteFile(filepath.Join(other, "go.mod"), []byte("module example.com/other\n\ngo 1.24\n"), 0o644),
		os.WriteFile(filepath.Join(other, "other.go"), []byte("package other\n"), 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}

	w.run(t.Context(), exitBadRequest, "GOMODCACHE="+cache)
	w.said("other/other.go: outside the repository")
}

// Windows checks links out as files that name their target. They are of the commit.
func TestLinksCheckedOutAsFiles(t *testing.T) {
	w := newWorkshop(t, embedsText, githubtest.Options{})
	w.write("real.txt", "text")
	w.link("real.txt", "data.txt")
	w.recommit()
	w.git("config", "core.symlinks", "false")
	w.remove("data.txt")
	w.git("checkout", "--quiet", "--", "data.txt")

	w.run(t.Context(), exitOK)
}

// git before 2.31 takes settings in one way only. An older one on PATH as git25 shows it.
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
	h.armed(h.dir)

	status, out := h.main("plan", "--targets", "linux/amd64")
	if status != exitOK {
		t.Errorf("exit status %d: %s", status, out)
	}
	h.silent(out)
}

// A link of the commit packs nothing that the commit does not have.
func TestPackedLinkToIgnoredFile(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.remove("LICENSE")
	w.link(".env", "LICENSE")
	w.write(".gitignore", ".env\n")
	w.recommit()
	w.write(".env", "PASSWORD=hunter2\n")

	w.run(t.Context(), exitOK)
	w.said("LICENSE is not part of the commit and is not packed")

	// One that leads to a file of the commit is packed.
	w.remove("LICENSE")
	w.link("COPYING", "LICENSE")
	w.write("COPYING", "text\n")
	w.recommit()
	w.run(t.Context(), exitOK)
	w.said("packed with each: LICENSE")
}

// A link to another repository is still a link that leads out of this one.
func TestNotesThroughLinkToRepository(t *testing.T) {
	other := t.TempDir()
	if err := errors.Join(
		os.Mkdir(filepath.Join(other, ".git"), 0o755),
		os.WriteFile(filepath.Join(other, ".git", "HEAD"), []byte("ref: refs/heads/main\n"), 0o644),
		os.WriteFile(filepath.Join(other, "diary.md"), []byte("private\n"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.link(other, "docs")
	w.recommit()

	w.run(t.Context(), exitBadRequest, "INPUT_NOTES_FILE="+filepath.Join(w.dir, "docs", "diary.md"))
	w.said("leads out of the repository")
}

// What changes while the programs are compiled may be in them.
func TestTreeChangesWhileCompiling(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.before = func(r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/assets") { // after a compilation
			w.write("main.go", "package main\n\nfunc main() { println(\"changed\") }\n")
		}
	}

	w.run(t.Context(), exitFellShort, "INPUT_TARGETS=linux/amd64")
	w.said("the working tree was changed while the programs were compiled", "main.go")
	for _, rel := range w.gh.Releases() {
		if !rel.Draft {
			t.Error("it was published")
		}
	}
}
