package release

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/github/githubtest"
)

const versionSource = "package main\n\nvar version = \"none\"\n\nfunc main() { println(version) }\n"

// The files that a run in a workshop leaves in dist, except for the checksums and the report.
const (
	linuxArchive   = "hello_1.2.3_linux_amd64.tar.gz"
	windowsArchive = "hello_1.2.3_windows_amd64.zip"
	linuxProgram   = "bin/linux_amd64/hello"
	windowsProgram = "bin/windows_amd64/hello.exe"
)

var (
	bothArchives = []string{linuxArchive, windowsArchive}
	bothPrograms = []string{linuxProgram, windowsProgram}
	allFour      = slices.Concat(bothArchives, bothPrograms)
)

// A second run does not make a file again that the first one left, unless something that
// decides its bytes has changed or the file was damaged. It ends with the same bytes as a run
// in an empty directory.
func TestSecondRun(t *testing.T) {
	w := newWorkshop(t, versionSource, githubtest.Options{})
	at := func(name string) string {
		return filepath.Join(w.dist, filepath.FromSlash(name))
	}
	editReport := func(old, new string) func() {
		return func() { replace(t, at(dist.ReportJSON), old, new) }
	}

	// moveAway moves a file out of dist and leaves a link to it.
	elsewhere := t.TempDir()
	moveAway := func(name string) {
		t.Helper()
		moved := filepath.Join(elsewhere, filepath.Base(name))
		if err := os.Rename(at(name), moved); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(moved, at(name)); err != nil {
			t.Fatal(err)
		}
	}

	const leftOut = "a target is left out"
	for name, test := range map[string]struct {
		change func()   // what happens between the two runs
		env    []string // of the second run
		made   []string // the files that the second run makes again
	}{
		"nothing changed": {},

		// The files of the first run were changed.
		"an archive is damaged": {
			change: func() { flip(t, at(linuxArchive)) },
			made:   []string{linuxArchive},
		},
		"an archive is gone": {
			change: func() { remove(t, at(windowsArchive)) },
			made:   []string{windowsArchive},
		},
		"a program is damaged": {
			change: func() { flip(t, at(linuxProgram)) },
			made:   []string{linuxProgram},
		},
		"a program is gone": {
			change: func() { remove(t, at(windowsProgram)) },
			made:   []string{windowsProgram},
		},
		"another mode": {
			change: func() { chmod(t, at(linuxArchive), 0o600) },
		},
		"a program is a link": {
			change: func() { moveAway(linuxProgram) },
			made:   []string{linuxProgram},
		},
		"the programs are behind a link": {
			change: func() { moveAway("bin") },
			made:   bothPrograms,
		},

		// The report of the first run does not vouch for the files.
		"there is no report": {
			change: func() { remove(t, at(dist.ReportJSON)) },
			made:   allFour,
		},
		"the report is of another": {
			change: editReport(`"schema": 2`, `"schema": 99`),
			made:   allFour,
		},
		"the report is no report": {
			change: editReport(`"schema"`, `schema`),
			made:   allFour,
		},
		"made of something else": {
			change: editReport(`"inputs": "`, `"inputs": "0`),
			made:   bothArchives,
		},
		"another size": {
			change: editReport(`"size": `, `"size": 1`),
			made:   bothArchives,
		},

		// The second run is asked for something else.
		"other digests are asked": {
			env:  []string{"INPUT_CHECKSUMS=sha256 sha512"},
			made: bothArchives,
		},
		"no file beside the program": {
			env:  []string{"INPUT_FILES=go.mod"},
			made: bothArchives,
		},
		leftOut: {
			env: []string{"INPUT_TARGETS=linux/amd64 windows/amd64 ios/*"},
		},
		"other flags of the linker": {
			env:  []string{"INPUT_LDFLAGS=-s -w -X main.version=x"},
			made: allFour,
		},
	} {
		const dryRun = "INPUT_DRY_RUN=true"
		w.run(t.Context(), exitOK, dryRun, "INPUT_DIST="+w.dist)
		before := map[string]os.FileInfo{}
		for _, file := range allFour {
			before[file] = stat(t, at(file))
			hold(t, at(file))
		}
		if test.change != nil {
			test.change()
		}

		env := append([]string{dryRun}, test.env...)
		if name == leftOut {
			w.run(t.Context(), exitOK, env...) // so that both reports leave it out
		}
		w.run(t.Context(), exitOK, env...)
		for _, file := range allFour {
			same := os.SameFile(before[file], stat(t, at(file)))
			if same == slices.Contains(test.made, file) {
				t.Errorf("%s: %s is the earlier file: %v", name, file, same)
			}
		}

		second := w.dist
		w.dist = filepath.Join(t.TempDir(), "dist")
		w.run(t.Context(), exitOK, append(env, "INPUT_DIST="+w.dist)...)
		if diff := diffTrees(second, w.dist); diff != "" {
			t.Errorf("%s: against a run in an empty directory: %s", name, diff)
		}
		w.dist = second
	}
}

// A run that publishes makes every file again, whatever is in dist.
func TestPublishingReusesNothing(t *testing.T) {
	w := newWorkshop(t, versionSource, githubtest.Options{})
	at := func(name string) string {
		return filepath.Join(w.dist, filepath.FromSlash(name))
	}

	w.run(t.Context(), exitOK, "INPUT_DRY_RUN=true")
	before := map[string]os.FileInfo{}
	for _, file := range allFour {
		before[file] = stat(t, at(file))
		hold(t, at(file))
	}

	w.run(t.Context(), exitOK)
	for _, file := range allFour {
		if os.SameFile(before[file], stat(t, at(file))) {
			t.Errorf("%s is the file of an earlier run", file)
		}
	}
	w.published()
}
