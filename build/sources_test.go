package build

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/build/workspace/gittest"
)

// strayOf plans a release of dir for linux/amd64 and returns the sources that are not of
// the commit, each with the reason.
func strayOf(t *testing.T, dir string, change ...func(*workspace.Options, *Spec)) []string {
	t.Helper()
	opts := options(dir)
	spec := &Spec{Targets: []string{"linux/amd64"}}
	for _, f := range change {
		f(&opts, spec)
	}
	ws := open(t, opts)
	p, err := NewPlan(t.Context(), ws, spec)
	if err != nil {
		t.Fatal(err)
	}
	stray, _, err := compareSources(t.Context(), ws, p)
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, s := range stray {
		got = append(got, s.Path+": "+s.Why)
	}
	return got
}

// Packages in a submodule are part of the commit if the submodule is at the recorded commit.
func TestSourcesOfSubmodules(t *testing.T) {
	other := gittest.NewRepository(t, map[string]string{"lib.go": "package lib\n"})
	dir := gittest.NewRepository(t, map[string]string{
		"go.mod":  goMod,
		"main.go": "package main\n\nimport _ \"example.com/tool/lib\"\n\nfunc main() {}\n",
	})
	gittest.Run(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other, "lib")
	gittest.Run(t, dir, "commit", "--quiet", "--message=submodule")

	if got := strayOf(t, dir); len(got) > 0 {
		t.Errorf("as committed: %q", got)
	}

	lib := filepath.Join(dir, "lib")
	gittest.WriteFiles(t, lib, map[string]string{".git-is-a-file": "", "lib.go": "package lib // changed\n"})
	if got, want := strayOf(t, dir), []string{"lib/lib.go: " + workspace.ChangedInSub}; !slices.Equal(got, want) {
		t.Errorf("changed: %q, expected %q", got, want)
	}

	gittest.Run(t, lib, "checkout", "--quiet", "--", "lib.go")
	gittest.WriteFiles(t, lib, map[string]string{"more.go": "package lib\n"})
	if got, want := strayOf(t, dir), []string{"lib/more.go: " + workspace.NotInCommit}; !slices.Equal(got, want) {
		t.Errorf("a new file: %q, expected %q", got, want)
	}

	gittest.Run(t, lib, "add", "--all")
	gittest.Run(t, lib, "commit", "--quiet", "--message=second")
	want := []string{"lib/lib.go: " + workspace.OtherSubmodule, "lib/more.go: " + workspace.OtherSubmodule}
	if got := strayOf(t, dir); !slices.Equal(got, want) {
		t.Errorf("another commit: %q, expected %q", got, want)
	}
}

// Files that an assembler, a C compiler and a linker read may be outside of Go packages.
func TestSourcesOfCAndAssembly(t *testing.T) {
	if _, err := exec.LookPath("musl-gcc"); err != nil {
		t.Skip("musl-gcc is not installed")
	}
	dir := gittest.NewRepository(t, map[string]string{
		".gitignore": "*.gen.h\n*.a\nstray.h\n",
		"go.mod":     goMod,
		"main.go": "package main\n\n" +
			"// #cgo CFLAGS: -I${SRCDIR}/include\n// #cgo LDFLAGS: -L${SRCDIR}/lib -lown\n" +
			"// #include \"own.h\"\nimport \"C\"\n\nimport _ \"example.com/tool/asm\"\n\nfunc main() { C.own() }\n",
		"include/own.h":  "#include \"more.gen.h\"\n",
		"include/stray.": "",
		"asm/asm.go":     "package asm\n\nfunc F()\n",
		"asm/asm.s": "#include \"textflag.h\"\n#include \"../include/asm.gen.h\"\n\n" +
			"TEXT ·F(SB), NOSPLIT, $0-0\n\tRET\n",
		"lib/README": "",
	})
	gittest.WriteFiles(t, dir, map[string]string{
		"include/more.gen.h": "void own(void);\n",
		"include/asm.gen.h":  "\n",
		"include/stray.h":    "included by nobody\n",
		"lib/libown.a":       "!<arch>\n",
		"lib/libother.a":     "!<arch>\n",
	})

	want := []string{
		"include/asm.gen.h: " + workspace.NotInCommit,
		"include/more.gen.h: " + workspace.NotInCommit,
		"lib/libown.a: " + workspace.NotInCommit,
	}
	got := strayOf(t, dir, func(_ *workspace.Options, s *Spec) {
		s.Cgo = true
		s.CC = []cc.Choice{{Targets: "linux/amd64", CC: "musl-gcc"}}
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

// A fresh clone would compile files that are missing here and whose absence git was told to
// ignore.
func TestAbsentSources(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		"go.mod": goMod,
		"main.go": "package main\n\nimport \"embed\"\n\n//go:embed web\nvar web embed.FS\n\n" +
			"func main() { _ = web }\n",
		"extra.go":      "package main\n",
		"extra_test.go": "package main\n",
		"web/a.html":    "a\n",
		"web/sub/b.txt": "b\n",
		"docs/c.txt":    "c\n",
		"other/d.go":    "package other\n",
	})
	for _, name := range []string{"extra.go", "extra_test.go", "web/sub/b.txt", "docs/c.txt", "other/d.go"} {
		gittest.Run(t, dir, "update-index", "--skip-worktree", name)
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}

	want := []string{"extra.go: " + workspace.HiddenChange, "web/sub/b.txt: " + workspace.HiddenChange}
	if got := strayOf(t, dir); !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
}

// A module that a replace directive takes from a directory outside is not part of the commit,
// even if the directory is in the module cache.
func TestReplacedByTheModuleCache(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	other := filepath.Join(cache, "other")
	gittest.WriteFiles(t, other, map[string]string{
		"go.mod":   "module example.com/other\n\ngo 1.24\n",
		"other.go": "package other\n",
	})
	dir := gittest.NewRepository(t, map[string]string{
		"go.mod": goMod + "\nrequire example.com/other v0.0.0\n\n" +
			"replace example.com/other => " + strconv.Quote(filepath.ToSlash(other)) + "\n",
		"main.go": "package main\n\nimport _ \"example.com/other\"\n\nfunc main() {}\n",
	})

	got := strayOf(t, dir, func(opts *workspace.Options, _ *Spec) {
		opts.Environ = append(opts.Environ, "GOMODCACHE="+cache)
	})
	if len(got) != 2 ||
		!strings.HasSuffix(got[0], "go.mod: "+workspace.NotInRepo) ||
		!strings.HasSuffix(got[1], "other.go: "+workspace.NotInRepo) {
		t.Errorf("%q", got)
	}
}

// Changes between plan and publication are found, even where git status does not report them.
func TestRecheckSources(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		".gitignore": "gen*.go\n",
		"go.mod":     goMod,
		"main.go":    mainFile,
	})
	gittest.WriteFiles(t, dir, map[string]string{"gen.go": "package main\n"})
	ws := open(t, options(dir))
	p, err := NewPlan(t.Context(), ws, &Spec{
		Targets:   []string{"linux/amd64"},
		Generated: []string{"gen*.go"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Generated) != 1 || p.Generated[0].Path != "gen.go" || p.Generated[0].Size != 13 {
		t.Fatalf("generated: %+v", p.Generated)
	}
	if err := RecheckSources(t.Context(), ws, p); err != nil {
		t.Errorf("nothing has changed: %v", err)
	}

	gittest.WriteFiles(t, dir, map[string]string{"gen.go": "package main // changed\n"})
	if err := RecheckSources(t.Context(), ws, p); err == nil || !strings.Contains(err.Error(), "gen.go was changed") {
		t.Errorf("changed: %v", err)
	}
	gittest.WriteFiles(t, dir, map[string]string{"gen.go": "package main\n", "main.go": mainFile + "// changed\n"})
	if err := RecheckSources(t.Context(), ws, p); err == nil || !strings.Contains(err.Error(), " M main.go") {
		t.Errorf("a file of the commit: %v", err)
	}
	gittest.WriteFiles(t, dir, map[string]string{"main.go": mainFile, "gen2.go": "package main\n"})
	if err := RecheckSources(t.Context(), ws, p); err == nil || !strings.Contains(err.Error(), "gen2.go was made") {
		t.Errorf("made: %v", err)
	}
}

// The filter of Git LFS runs as actions/checkout configures it, so its files are no changes.
func TestGitLFSOfTheRepositoryIsAsked(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the stand-in for git-lfs is a shell script")
	}
	bin := t.TempDir()
	script := "#!/bin/sh\ncase \"$1\" in clean) cat >/dev/null; echo pointer;; *) exit 1;; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "git-lfs"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	dir := gittest.NewRepository(t, map[string]string{
		".gitattributes": "*.bin filter=lfs\n",
		"data.bin":       "pointer\n",
		"go.mod":         goMod,
		"main.go":        mainFile,
	})
	gittest.Run(t, dir, "config", "filter.lfs.clean", "git-lfs clean -- %f")
	content := map[string]string{"data.bin": "what the pointer stands for\n"}
	gittest.WriteFiles(t, dir, content)
	gittest.Run(t, dir, "add", "data.bin") // the index has its size, and the pointer
	gittest.WriteFiles(t, dir, content)    // git compares once more
	changes, err := open(t, options(dir)).Changes(t.Context())
	if err != nil || len(changes) > 0 {
		t.Errorf("the file of Git LFS counts as a change: %q, %v", changes, err)
	}
}

// A source file that is too large is not read.
func TestHugeSource(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{"go.mod": goMod, "main.go": mainFile})
	f, err := os.Create(filepath.Join(dir, "huge.go"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(6 << 30); err != nil { // a sparse file: it takes no room
		t.Skipf("no sparse files here: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	gittest.Run(t, dir, "update-index", "--refresh")
	gittest.WriteFiles(t, dir, map[string]string{".git/info/exclude": "huge.go\n"})

	_, err = NewPlan(t.Context(), open(t, options(dir)), &Spec{Targets: []string{"linux/amd64"}})
	want := fmt.Sprintf("huge.go has %d bytes; a Go file may have at most", int64(6<<30))
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, expected %q", err, want)
	}
}

// The remedy for stray files names all of them, as git and the setting want them.
func TestStrayRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		dir            string
		stray          []string
		add, generated string
	}{
		"one": {".", []string{"web/x.txt"}, "web/x.txt", "web/x.txt"},
		"a nested module": {
			dir:       "sub",
			stray:     []string{"sub/web/x.txt", "sub/gen.go", "other/y.go"},
			add:       ":/other/y.go :/sub/gen.go :/sub/web/x.txt",
			generated: "../other/y.go gen.go web/x.txt",
		},
		"many": {
			dir:       ".",
			stray:     []string{"web/a", "web/b", "web/c", "web/d"},
			add:       "'web/*'",
			generated: "web/*",
		},
		"a blank": {".", []string{"web/it's a.txt"}, `'web/it'\''s a.txt'`, "web/it's?a.txt"},
	} {
		var stray []workspace.StraySource
		for _, path := range test.stray {
			stray = append(stray, workspace.StraySource{Path: path, Why: workspace.NotInCommit})
		}
		want := problem.Either(
			problem.Run("git add --force "+test.add+" && git commit"),
			problem.Set("generated", test.generated).For("if a step of the build makes it"),
		)
		if diff := cmp.Diff(want, strayRemedy(stray, test.dir)); diff != "" {
			t.Errorf("%s (-want +have):\n%s", name, diff)
		}
	}
}
