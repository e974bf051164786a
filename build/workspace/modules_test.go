package workspace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace/gittest"
)

// The modules with programs are found without the go command, which lists one module at a time.
func TestProgramModules(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		"go.mod":                     goMod,
		"lib.go":                     "package lib\n",
		"gen.go":                     "//go:build ignore\n\npackage main\n",
		"go.work":                    "go 1.24\n\nuse (\n\t.\n\t./ctl\n\t./server\n)\n",
		"server/go.mod":              goMod,
		"server/main.go":             mainFile,
		"server/cmd/dump/dump.go":    mainFile,
		"server/main_test.go":        "package main\n",
		"ctl/go.mod":                 goMod,
		"ctl/ctl.go":                 "// Package main is the program.\npackage main\n",
		"examples/go.mod":            goMod,
		"examples/main.go":           mainFile,
		"client/go.mod":              goMod,
		"client/internal/gen/gen.go": mainFile,
		"client/client_test.go":      "package main\n",
	})
	gittest.Run(t, dir, "tag", "server/v3.1.0")
	gittest.Run(t, dir, "tag", "server/v3.2.0")

	w, err := Open(t.Context(), Options{Dir: dir, Environ: gittest.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.ProgramModules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []ProgramModule{
		{Dir: "ctl", Programs: []string{"ctl"}},
		{Dir: "server", Programs: []string{"server/cmd/dump", "server"}, Tags: []string{"server/v3.2.0", "server/v3.1.0"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

// Without a go.mod in the root, a tag on HEAD selects the module with programs that it names.
func TestChooseTagged(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		"kustomize/go.mod":      goMod,
		"kustomize/main.go":     mainFile,
		"api/go.mod":            goMod,
		"api/api.go":            "package api\n",
		"plugin/go.mod":         goMod,
		"plugin/cmd/p/main.go":  mainFile,
		"docs/examples/main.go": mainFile,
	})
	open := func() (*Workspace, error) {
		t.Chdir(dir)
		return Open(t.Context(), Options{Environ: gittest.Environ()})
	}

	_, err := open()
	if err == nil || !strings.HasSuffix(err.Error(), " or above it; modules with programs: kustomize, plugin") {
		t.Errorf("no tag: %v", err)
	}
	either := problem.Either(problem.Set("directory", "kustomize"), problem.Set("directory", "plugin"))
	if diff := cmp.Diff(either, problem.RemedyOf(err)); diff != "" {
		t.Errorf("no tag (-want +have):\n%s", diff)
	}

	gittest.Run(t, dir, "tag", "api/v0.21.1") // a library
	gittest.Run(t, dir, "tag", "kustomize/v5.8.1")
	w, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if w.Dir != filepath.Join(w.Root, "kustomize") {
		t.Errorf("one tag: module in %s", w.Dir)
	}
	note := problem.Note{Text: "the module in kustomize is released, because the tag kustomize/v5.8.1 is on the commit"}
	if diff := cmp.Diff([]problem.Note{note}, w.Notes); diff != "" {
		t.Errorf("one tag (-want +have):\n%s", diff)
	}

	gittest.Run(t, dir, "tag", "plugin/v1.0.0")
	_, err = open()
	const several = "the commit has version tags of several modules, and one run releases one module: " +
		"kustomize/v5.8.1, plugin/v1.0.0"
	if err == nil || err.Error() != several {
		t.Errorf("two tags: %v", err)
	}
	either = problem.Either(problem.Set("tag", "kustomize/v5.8.1"), problem.Set("tag", "plugin/v1.0.0"))
	if diff := cmp.Diff(either, problem.RemedyOf(err)); diff != "" {
		t.Errorf("two tags (-want +have):\n%s", diff)
	}
}

// A module is made only where the repository has none.
func TestNoModule(t *testing.T) {
	for name, test := range map[string]struct {
		files  map[string]string
		err    string
		remedy problem.Remedy
	}{
		"no module": {
			files:  map[string]string{"README.md": ""},
			err:    " or above it",
			remedy: problem.Run("go mod init example.com/name"),
		},
		"a library": {
			files: map[string]string{"lib/go.mod": goMod, "lib/lib.go": "package lib\n"},
			err:   " or above it, and no module in it has a program to release",
		},
		"many": {
			files: map[string]string{
				"a/go.mod": goMod, "a/main.go": mainFile, "b/go.mod": goMod, "b/main.go": mainFile,
				"c/go.mod": goMod, "c/main.go": mainFile, "d/go.mod": goMod, "d/main.go": mainFile,
				"e/go.mod": goMod, "e/main.go": mainFile, "f/go.mod": goMod, "f/main.go": mainFile,
			},
			err: " or above it; modules with programs: a, b, c, d, e and 1 more",
			remedy: problem.Either(problem.Set("directory", "a"), problem.Set("directory", "b"),
				problem.Set("directory", "c"), problem.Set("directory", "d"), problem.Set("directory", "e")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(gittest.NewRepository(t, test.files))
			_, err := Open(t.Context(), Options{Environ: gittest.Environ()})
			if err == nil || !strings.HasSuffix(err.Error(), test.err) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(test.remedy, problem.RemedyOf(err)); diff != "" {
				t.Errorf("(-want +have):\n%s", diff)
			}
		})
	}
}

// A go.mod around the repository, such as one in the home directory, is not part of it.
func TestModuleAround(t *testing.T) {
	around := t.TempDir()
	gittest.WriteFiles(t, around, map[string]string{"go.mod": goMod})
	dir := filepath.Join(around, "repository")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	gittest.WriteFiles(t, dir, map[string]string{"a/go.mod": goMod, "a/main.go": mainFile})
	gittest.Run(t, dir, "init", "--quiet")
	gittest.Run(t, dir, "add", ".")
	gittest.Run(t, dir, "commit", "--quiet", "--message=first")
	t.Chdir(dir)

	_, err := Open(t.Context(), Options{Environ: gittest.Environ()})
	if err == nil || !strings.Contains(err.Error(), " is outside the repository ") ||
		!strings.HasSuffix(err.Error(), "; modules with programs: a") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(problem.Set("directory", "a"), problem.RemedyOf(err)); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}

	gittest.Run(t, dir, "tag", "a/v1.0.0")
	w, err := Open(t.Context(), Options{Environ: gittest.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(w.Root, "a"); w.Dir != want {
		t.Errorf("module in %s, expected %s", w.Dir, want)
	}
}

func TestIsAuxiliary(t *testing.T) {
	for dir, want := range map[string]bool{
		".":               false,
		"..":              false,
		"../server":       false,
		"cmd/age":         false,
		"extra/plugin":    false,
		"server":          false,
		"examples/base":   true,
		"internal/gen":    true,
		"a/testdata":      true,
		"_scripts":        true,
		".github/release": true,
		"hack":            true,
	} {
		if got := IsAuxiliary(dir); got != want {
			t.Errorf("%s: %v", dir, got)
		}
	}
}
