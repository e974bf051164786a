package dist

import (
	"os"
	"path/filepath"
	"testing"
)

// No link in a repository leads to a directory elsewhere, or into git's own.
func TestCheckPlace(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir()) // on macOS it is behind a link
	if err != nil {
		t.Fatal(err)
	}
	repo := filepath.Join(base, "repo")
	outside := filepath.Join(base, "outside")
	for _, dir := range []string{filepath.Join(repo, ".git"), filepath.Join(repo, "sub"), outside} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(repo, ".git", "HEAD"), []byte("ref: refs/heads/main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{
		"out":     outside,
		"sub/up":  base,
		"git":     ".git",
		"nowhere": "missing",
		"near":    "sub",
	} {
		if err := os.Symlink(to, filepath.Join(repo, link)); err != nil {
			t.Skip(err) // Windows, without the right to it
		}
	}

	const (
		leavesRepository = " is a link that leads out of the repository, to "
		inGit            = " is in git's own directory"
		leadsNowhere     = " is a link that leads nowhere"
	)
	path := func(name string) string { return filepath.Join(repo, filepath.FromSlash(name)) }
	for name, want := range map[string]string{
		"dist":             "",
		"new/dist":         "",
		"near":             "",
		"near/dist":        "",
		"out":              path("out") + leavesRepository + outside,
		"out/dist":         path("out/dist") + leavesRepository + outside,
		"sub/up/outside/x": path("sub/up/outside/x") + leavesRepository + outside,
		".git/dist":        path(".git/dist") + inGit,
		"git/dist":         path("git/dist") + inGit,
		"nowhere":          path("nowhere") + leadsNowhere,
		"nowhere/dist":     path("nowhere") + leadsNowhere,
	} {
		got := ""
		if err := CheckPlace(path(name)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}

	if err := CheckPlace(outside); err != nil {
		t.Errorf("a directory outside that is named as such: %v", err)
	}
}
