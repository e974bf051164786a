package release

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/github/githubtest"
)

// recommit replaces the only commit of the project by one of its files, moves the tag, and
// makes the next runs plan a single target.
func (w *workshop) recommit() {
	w.t.Helper()
	w.git("add", "--all")
	w.git("commit", "--quiet", "--amend", "--message=first")
	w.git("tag", "--force", "v1.2.3")
	w.env = append(w.env,
		"GITHUB_SHA="+strings.TrimSpace(w.git("rev-parse", "HEAD")),
		"INPUT_COMMAND=plan",
		"INPUT_TARGETS=linux/amd64",
	)
}

// Changes that git status was told to overlook are found.
func TestChangesHiddenFromStatus(t *testing.T) {
	for name, test := range map[string]struct {
		hide func(w *workshop) // commits, and then changes something
		said string
	}{
		"a configuration from a machine that does not tell case apart": {
			hide: func(w *workshop) {
				if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
					w.t.Skip("this machine does not tell case apart")
				}
				w.recommit()
				w.git("config", "core.ignoreCase", "true")
				w.write("MAIN.go", "package main\n\nfunc init() { println(\"not of the commit\") }\n")
			},
			said: "?? MAIN.go",
		},
		"a source file that is missing": {
			hide: func(w *workshop) {
				w.write("more.go", "package main\n\nfunc init() { println(\"of the commit\") }\n")
				w.recommit()
				w.git("update-index", "--assume-unchanged", "more.go")
				w.remove("more.go")
			},
			said: "more.go: differs from the commit",
		},
		"an embedded file that is missing": {
			hide: func(w *workshop) {
				w.write("main.go", "package main\n\nimport \"embed\"\n\n"+
					"//go:embed all:web\nvar web embed.FS\n\nfunc main() { println(web.ReadDir(\".\")) }\n")
				w.write("web/a.txt", "a")
				w.write("web/deep/b.txt", "b")
				w.recommit()
				w.git("update-index", "--skip-worktree", "web/deep/b.txt")
				w.remove("web/deep/b.txt")
			},
			said: "web/deep/b.txt: differs from the commit",
		},
		"a link that leads to another file of the commit": {
			hide: func(w *workshop) {
				w.write("go.mod", "module example.com/hello\n\ngo 1.24\n\n"+
					"require example.com/lib v0.0.0\n\nreplace example.com/lib => ./lib\n")
				w.write("main.go", "package main\n\nimport _ \"example.com/lib\"\n\nfunc main() {}\n")
				w.write("one/go.mod", "module example.com/lib\n\ngo 1.24\n")
				w.write("one/x.go", "package one\n")
				w.write("two/go.mod", "module example.com/lib\n\ngo 1.24\n")
				w.write("two/x.go", "package one\n\nfunc init() { println(\"another\") }\n")
				w.link("one", "lib")
				w.recommit()
				w.git("update-index", "--assume-unchanged", "lib")
				w.remove("lib")
				w.link("two", "lib")
			},
			said: "lib: differs from the commit",
		},
		"a module of the workspace that decides about versions alone": {
			hide: func(w *workshop) {
				w.write(".gitignore", "ignored/\n")
				w.write("go.work", "go 1.24\n\nuse (\n\t.\n\t./ignored\n)\n")
				w.recommit()
				w.write("ignored/go.mod", "module example.com/ignored\n\ngo 1.24\n")
			},
			said: "ignored/go.mod: not in the commit",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t, helloSource, githubtest.Options{})
			test.hide(w)
			w.run(t.Context(), exitInvalid)
			w.said(test.said)
		})
	}
}

// A replace directive that leads to a directory is followed, even if the directory is in the
// module cache, where go.sum vouches for the other modules.
func TestReplacedByDirectoryInModuleCache(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	cache := t.TempDir()
	other := filepath.Join(cache, "other")
	w.write("go.mod", "module example.com/hello\n\ngo 1.24\n\n"+
		"require example.com/other v0.0.0\n\nreplace example.com/other => "+filepath.ToSlash(other)+"\n")
	w.write("main.go", "package main\n\nimport _ \"example.com/other\"\n\nfunc main() {}\n")
	w.recommit()

	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(other, "go.mod"), "module example.com/other\n\ngo 1.24\n")
	writeFile(t, filepath.Join(other, "other.go"), "package other\n")

	w.run(t.Context(), exitInvalid, "GOMODCACHE="+cache)
	w.said("other/other.go: outside the repository")
}

// On Windows, git checks a link out as a file that names its target. Such a file is no change.
func TestLinksCheckedOutAsFiles(t *testing.T) {
	const source = "package main\n\nimport _ \"embed\"\n\n" +
		"//go:embed data.txt\nvar text string\n\nfunc main() { println(text) }\n"
	w := newWorkshop(t, source, githubtest.Options{})
	w.write("real.txt", "text")
	w.link("real.txt", "data.txt")
	w.recommit()

	w.git("config", "core.symlinks", "false")
	w.remove("data.txt")
	w.git("checkout", "--quiet", "--", "data.txt")

	w.run(t.Context(), exitOK)
}

// A link of the commit packs only files of the commit.
func TestPackedLinkToIgnoredFile(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.remove("LICENSE")
	w.link(".env", "LICENSE")
	w.write(".gitignore", ".env\n")
	w.recommit()
	w.write(".env", "PASSWORD=hunter2\n")
	w.run(t.Context(), exitOK)
	w.said("LICENSE is not part of the commit and is not packed")

	w.remove("LICENSE")
	w.link("COPYING", "LICENSE")
	w.write("COPYING", "text\n")
	w.recommit()
	w.run(t.Context(), exitOK)
	w.said("packed with each: COPYING LICENSE\n")
}

// A link to another repository leads out of this one.
func TestNotesThroughLinkToRepository(t *testing.T) {
	other := t.TempDir()
	if err := os.Mkdir(filepath.Join(other, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(other, ".git", "HEAD"), "ref: refs/heads/main\n")
	writeFile(t, filepath.Join(other, "diary.md"), "private\n")

	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.link(other, "docs")
	w.recommit()

	w.run(t.Context(), exitInvalid, "INPUT_NOTES_FILE="+filepath.Join(w.dir, "docs", "diary.md"))
	w.said("leads out of the repository")
}

// A release is not published if the tree changed while the programs were compiled, because
// they may contain the change.
func TestTreeChangesWhileCompiling(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	w.before = func(r *http.Request) {
		isUpload := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/assets")
		if isUpload { // so one target is compiled
			w.write("main.go", "package main\n\nfunc main() { println(\"changed\") }\n")
		}
	}

	w.run(t.Context(), exitFailed, "INPUT_TARGETS=linux/amd64")
	w.said("the working tree was changed while the programs were compiled", "main.go")
	for _, rel := range w.gh.Releases() {
		if !rel.Draft {
			t.Error("it was published")
		}
	}
}
