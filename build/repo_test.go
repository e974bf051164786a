package build

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/workspace"
)

const goMod = "module example.com/tool\n\ngo 1.24\n"

const mainFile = "package main\n\nfunc main() {}\n"

// options returns the options of a workspace in dir.
func options(dir string) workspace.Options {
	return workspace.Options{
		Dir:     dir,
		Environ: plainGit(),
		Jobs:    2,
	}
}

// open opens a workspace.
func open(t *testing.T, opts workspace.Options) *workspace.Workspace {
	t.Helper()
	ws, err := workspace.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// newRepo makes a repository with one commit of the files.
func newRepo(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, files)
	runGit(t, dir, "init", "--quiet", "--initial-branch=main")
	runGit(t, dir, "add", "--all")
	runGit(t, dir, "commit", "--quiet", "--allow-empty", "--message=first")
	return dir
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := errors.Join(
			os.MkdirAll(filepath.Dir(path), 0o755),
			os.WriteFile(path, []byte(content), 0o644),
		)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// plainGit returns an environment in which git has no settings but those of the repository.
func plainGit() []string {
	return append(os.Environ(),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Gopher", "GIT_AUTHOR_EMAIL=gopher@example.com",
		"GIT_COMMITTER_NAME=Gopher", "GIT_COMMITTER_EMAIL=gopher@example.com",
	)
}

func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = plainGit()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}
