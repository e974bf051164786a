// Package gittest makes git repositories for tests. They are the same on every machine: the
// configuration of the user does not count, and author and time are fixed.
package gittest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Settings are the variables that make git ignore the configuration of the user, and commit
// the same on every machine.
var Settings = []string{
	"GIT_CONFIG_GLOBAL=" + os.DevNull,
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_AUTHOR_NAME=Gopher",
	"GIT_AUTHOR_EMAIL=gopher@example.com",
	"GIT_AUTHOR_DATE=2026-01-02T03:04:05+02:00",
	"GIT_COMMITTER_NAME=Gopher",
	"GIT_COMMITTER_EMAIL=gopher@example.com",
	"GIT_COMMITTER_DATE=2026-01-02T03:04:05+02:00",
}

// Environ returns the environment of this process with Settings.
func Environ() []string { return append(os.Environ(), Settings...) }

// Run runs git in a directory and returns what it prints, without white space around it.
func Run(t testing.TB, dir string, args ...string) string {
	t.Helper()

	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args, err, out)
	}

	return strings.TrimSpace(string(out))
}

// NewRepository makes a repository with one commit of the files, and returns its directory.
func NewRepository(t testing.TB, files map[string]string) string {
	t.Helper()

	dir := t.TempDir()
	WriteFiles(t, dir, files)
	Run(t, dir, "init", "--quiet", "--initial-branch=main")
	Run(t, dir, "add", "--all")
	Run(t, dir, "commit", "--quiet", "--allow-empty", "--message=first")

	return dir
}

// WriteFiles writes files into a directory. Their names have slashes.
func WriteFiles(t testing.TB, dir string, files map[string]string) {
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
