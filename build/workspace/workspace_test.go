package workspace

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace/gittest"
)

func openTest(t *testing.T, dir string) *Workspace {
	t.Helper()
	w, err := Open(t.Context(), Options{Dir: dir, Environ: gittest.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Extra files that were found in one clone are read in another one, with the same content.
func TestReadExtraInAnotherClone(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		"sub/go.mod":  goMod,
		"sub/main.go": mainFile,
		"sub/run.sh":  "#!/bin/sh\n",
		"LICENSE":     "everything goes\n",
		"sub/NOTES":   "as committed\n",
	})
	if runtime.GOOS == "windows" {
		t.Skip("no file is executable here")
	}
	if err := os.Chmod(filepath.Join(dir, "sub", "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	gittest.Run(t, dir, "add", "sub/run.sh")
	gittest.Run(t, dir, "commit", "--quiet", "--message=executable")
	gittest.WriteFiles(t, dir, map[string]string{"sub/NOTES": "changed\n"}) // read from disk

	w := openTest(t, filepath.Join(dir, "sub"))
	files, notes, err := w.ExtraFiles(t.Context(), []string{DefaultFiles, "NOTES", "*.sh"})
	if err != nil || len(files) != 3 || len(notes) > 0 {
		t.Fatalf("%+v, %v, %v", files, notes, err)
	}
	license := ExtraFile{
		Name:   "LICENSE",
		Path:   "LICENSE",
		Size:   16,
		SHA256: "a5f424be8e07c0c2849d1e8e67112ab200b71a62ea43a997baf6a71640a1d2ee",
	}
	if files[0] != license {
		t.Errorf("%+v", files[0])
	}
	if !files[2].Executable || files[2].Path != "sub/run.sh" || files[2].Name != "run.sh" {
		t.Errorf("%+v", files[2])
	}

	other := filepath.Join(t.TempDir(), "clone")
	gittest.Run(t, dir, "clone", "--quiet", dir, other)
	there := openTest(t, filepath.Join(other, "sub"))
	files, _, err = w.ExtraFiles(t.Context(), []string{DefaultFiles, "NOTES", "*.sh"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := there.ReadExtra(t.Context(), f)
		if f.Name == "NOTES" {
			if err == nil || !strings.Contains(err.Error(), "NOTES: it is not the file that was planned") {
				t.Errorf("another file: %q, %v", data, err)
			}
			continue
		}

		here, hereErr := w.ReadExtra(t.Context(), f)
		if err != nil || hereErr != nil || !slices.Equal(data, here) || int64(len(data)) != f.Size {
			t.Errorf("%s: %q, %v, %q, %v", f.Name, data, err, here, hereErr)
		}
	}
}

// The root of a repository is the directory with a .git that git accepts.
func TestFindRoot(t *testing.T) {
	dir := t.TempDir()
	gittest.WriteFiles(t, dir, map[string]string{
		".git/HEAD":             "ref: refs/heads/main\n",
		"a/.git/config":         "",
		"a/b/file":              "",
		"worktree/.git":         "gitdir: elsewhere\n",
		"worktree/deep/er/x.go": "",
	})
	for sub, want := range map[string]string{
		"":                  "",
		"a":                 "",
		"a/b":               "",
		"worktree":          "worktree",
		"worktree/deep/er":  "worktree",
		"does/not/exist":    "",
		"worktree/deep/nil": "worktree",
	} {
		got, ok := FindRoot(filepath.Join(dir, filepath.FromSlash(sub)))
		if !ok || got != filepath.Join(dir, want) {
			t.Errorf("%q: %s, %v, expected %q", sub, got, ok, want)
		}
	}
}

// Where no module is, one of those below is named, and a module around by a path that holds
// in a workflow.
func TestDirectoryOfModule(t *testing.T) {
	dir := gittest.NewRepository(t, map[string]string{
		"sub/go.mod":        goMod,
		"sub/inner/main.go": mainFile,
		"other/go.mod":      goMod,
		"other/main.go":     mainFile,
	})
	t.Chdir(dir)
	remedyOf := func(dir string) problem.Remedy {
		_, err := Open(t.Context(), Options{Dir: dir, Environ: gittest.Environ()})
		return problem.RemedyOf(err)
	}

	both := problem.Either(problem.Set("directory", "other"), problem.Set("directory", "sub"))
	if diff := cmp.Diff(both, remedyOf("")); diff != "" {
		t.Errorf("two modules (-want +have):\n%s", diff)
	}
	gittest.Run(t, dir, "tag", "sub/v1.0.0")
	if diff := cmp.Diff(problem.Set("directory", "sub"), remedyOf(".")); diff != "" {
		t.Errorf("a tag (-want +have):\n%s", diff)
	}
	if diff := cmp.Diff(problem.Set("directory", "sub"), remedyOf("sub/inner")); diff != "" {
		t.Errorf("the module around (-want +have):\n%s", diff)
	}
}
