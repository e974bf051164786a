package door

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// doorFixture is a repository, with a secret in git's directory and another outside.
func doorFixture(t testing.TB) (top, outside string) {
	t.Helper()
	dir := t.TempDir()
	top, outside = filepath.Join(dir, "top"), filepath.Join(dir, "outside")
	for name, content := range map[string]string{
		".git/config":           "secret",
		"nested/.git/config":    "secret",
		"nested/.GIT/config":    "secret", // one directory with the above on some systems
		"a.txt":                 "a",
		"docs/b.txt":            "b",
		"docs/.hidden":          "h",
		"dist/c.txt":            "secret",
		"[odd]/d.txt":           "d",
		"../outside/secret.txt": "secret",
	} {
		path := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return top, outside
}

// link makes a symbolic link, or skips the test where that is not allowed.
func link(t testing.TB, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

func openDoor(t testing.TB, top, dist string) *Door {
	t.Helper()
	d, err := Open(top, dist)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDoor(t *testing.T) {
	top, outside := doorFixture(t)
	for name, target := range map[string]string{
		"inside":    "docs/b.txt",
		"twice":     "inside",
		"absolute":  filepath.Join(top, "docs", "b.txt"),
		"git":       ".git/config",
		"gitdir":    ".git",
		"dot":       "docs/../.git/config",
		"out":       "../outside/secret.txt",
		"outdir":    "../outside",
		"abs-out":   filepath.Join(outside, "secret.txt"),
		"nowhere":   "missing",
		"nowhere2":  "../outside/missing",
		"loop":      "loop",
		"dirlink":   "docs",
		"distlink":  "dist/c.txt",
		"root":      "..",
		"there":     "../outside/back",
		"self":      ".",
		"null":      os.DevNull,
		"nestedgit": "nested/.git",
	} {
		link(t, filepath.FromSlash(target), filepath.Join(top, name))
	}
	link(t, filepath.Join(top, "a.txt"), filepath.Join(outside, "back"))

	d := openDoor(t, top, filepath.Join(top, "dist"))
	for _, test := range []struct{ name, want string }{ // the content, or what the error says
		{"a.txt", "a"},
		{"docs/b.txt", "b"},
		{"docs/../a.txt", "a"},
		{"inside", "b"},
		{"twice", "b"},
		{"absolute", "b"},
		{"dirlink/b.txt", "b"},
		{"self/self/a.txt", "a"},
		{"root/top/a.txt", "a"},
		{"there", "a"}, // it comes back, and is a file of the commit
		{"docs", "docs is a directory, not a file"},
		{"dirlink", "dirlink is a directory, not a file"},
		{".git/config", ".git/config belongs to git"},
		{".git", ".git belongs to git"},
		{"git", "git belongs to git"},
		{"dot", "dot belongs to git"},
		{"gitdir/config", "gitdir/config belongs to git"},
		{"self/.git/config", "self/.git/config belongs to git"},
		{"nested/.git/config", "nested/.git/config belongs to git"},
		{"nested/.GIT/config", "nested/.GIT/config belongs to git"},
		{"nestedgit/config", "nestedgit/config belongs to git"},
		{"dist/c.txt", "dist/c.txt is in the directory for the files, which is emptied first"},
		{"distlink", "distlink is in the directory for the files, which is emptied first"},
		{"out", "out leads out of the repository"},
		{"outdir/secret.txt", "outdir/secret.txt leads out of the repository"},
		{"abs-out", "abs-out leads out of the repository"},
		{"../outside/secret.txt", "../outside/secret.txt leads out of the repository"},
		{"docs/../../outside/secret.txt", "docs/../../outside/secret.txt leads out of the repository"},
		{filepath.ToSlash(filepath.Join(outside, "secret.txt")), "leads out of the repository"},
		{"null", "null leads out of the repository"},
		{"nowhere", "nowhere is a link that leads nowhere"},
		{"nowhere2", "nowhere2 is a link that leads nowhere"},
		{"loop", "locating loop: "},
		{"missing", "locating missing: "},
		{"a.txt/x", "locating a.txt/x: "},
		{".", ". is a directory, not a file"},
		{"a\x00b", "locating a\x00b: "},
		{"../\x1b[2Jx", "\"../\\x1b[2Jx\" leads out of the repository"},
	} {
		data, err := d.ReadFile(test.name, 10)
		got := string(data)
		if err != nil {
			got = err.Error()
		}
		matches := strings.HasPrefix(got, test.want) || strings.HasSuffix(got, test.want)
		if got != test.want && (err == nil || !matches) {
			t.Errorf("%q: %s, want %s", test.name, got, test.want)
		}
		if checkErr := d.Check(test.name); (checkErr == nil) != (err == nil) {
			t.Errorf("%q: Check says %v, ReadFile %v", test.name, checkErr, err)
		}
	}
	if _, err := d.ReadFile("missing", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// A directory that is no repository has a door too: for notes that are made elsewhere.
func TestDoorWithoutRepository(t *testing.T) {
	_, outside := doorFixture(t)
	link(t, filepath.Join("..", "top", "a.txt"), filepath.Join(outside, "link"))
	d := openDoor(t, outside, "")
	if data, err := d.ReadFile("secret.txt", 6); err != nil || string(data) != "secret" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := d.ReadFile("link", 6); err == nil || !strings.HasSuffix(err.Error(), "link leads out of "+d.top) {
		t.Errorf("a link: %v", err)
	}
}

func TestDoorBounds(t *testing.T) {
	top, _ := doorFixture(t)
	large := filepath.Join(top, "large")
	if err := os.WriteFile(large, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil { // takes no room
		t.Skipf("no file of that size here: %v", err)
	}
	d := openDoor(t, top, "")
	if _, err := d.ReadFile("large", 1<<20); !Refused(err, IsTooLarge) {
		t.Errorf("a large file: %v", err)
	}
	if _, err := ReadRegular(large, 1<<20); !Refused(err, IsTooLarge) {
		t.Errorf("a large file that the go command names: %v", err)
	}
	if _, err := d.ReadFile("a.txt", 0); !Refused(err, IsTooLarge) {
		t.Errorf("a byte too many: %v", err)
	}
	// The size that a file says is not believed: those of /proc say 0.
	if _, err := readLimited(strings.NewReader("endless"), "proc", 0, 3); !Refused(err, IsTooLarge) {
		t.Errorf("a file that says 0: %v", err)
	}
}

func TestDoorGlob(t *testing.T) {
	top, _ := doorFixture(t)
	link(t, filepath.FromSlash("../outside"), filepath.Join(top, "outdir"))
	link(t, "missing", filepath.Join(top, "docs", "broken"))
	d := openDoor(t, top, "")
	for _, test := range []struct{ dir, pattern, want string }{
		{".", "*.txt", "a.txt"},
		{".", "docs/*", "docs/b.txt docs/broken"},
		{"docs", "*", "b.txt broken"},
		{"docs", ".*", ".hidden"},
		{"[odd]", "*", "d.txt"}, // the name of the directory is no pattern
		{"docs", "broken", "broken"},
		{"docs", "../a.txt", ""},
		{"docs", "../*", ""},
		{".", "outdir/*", ""}, // not even its names
		{".", "outdir/secret.txt", "outdir/secret.txt"},
		{".", "/etc/passwd", ""},
		{".", "missing", ""},
		{".", "./docs/", "docs"},
		{".", "**/*.txt", "[odd]/d.txt a.txt dist/c.txt docs/b.txt"},
		{".", "**/.h*", "docs/.hidden"},
		{".", "**/config", ""},
		{".", ".git/*", ".git/config"},
		{".", "{a.txt,docs/.h*}", "a.txt docs/.hidden"},
		{".", "{a,b}.*", "a.txt"},
		{"docs", "**", ". b.txt broken"},
		{".", "*/**/b.txt", "docs/b.txt"},
	} {
		names, err := d.Glob(test.dir, test.pattern)
		if got := strings.Join(names, " "); err != nil || got != test.want {
			t.Errorf("%s in %s: %q, %v, want %q", test.pattern, test.dir, got, err, test.want)
		}
	}
	if _, err := d.Glob(".", "["); err == nil {
		t.Error("a malformed pattern is none")
	}
}

// Patterns and directories follow no link in circles, and end at a number of files.
func TestDoorWalks(t *testing.T) {
	top, _ := doorFixture(t)
	link(t, ".", filepath.Join(top, "docs", "circle"))
	link(t, "..", filepath.Join(top, "docs", "up"))
	d := openDoor(t, top, "")

	names, err := d.Tree(".", "docs/")
	if got := strings.Join(names, " "); err != nil || got != "docs/.hidden docs/b.txt docs/circle docs/up" {
		t.Errorf("docs: %q, %v", got, err)
	}
	names, err = d.Tree("docs", ".")
	if got := strings.Join(names, " "); err != nil || got != ".hidden b.txt circle up" {
		t.Errorf("the directory itself: %q, %v", got, err)
	}
	names, err = d.Tree(".", "nested")
	if err != nil || len(names) > 0 {
		t.Errorf("git's own: %q, %v", names, err)
	}
	names, err = d.Glob(".", "**/b.txt")
	if got := strings.Join(names, " "); err != nil || got != "docs/b.txt" {
		t.Errorf("through circles: %q, %v", got, err)
	}
	for _, name := range []string{"../outside", "missing", "/"} {
		if names, err := d.Tree(".", name); err == nil {
			t.Errorf("%s: %q", name, names)
		}
	}

	many := filepath.Join(top, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range maxMatches + 1 {
		if err := os.WriteFile(filepath.Join(many, strconv.Itoa(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Glob(".", "many/*"); err == nil || !strings.Contains(err.Error(), "more than 10000 files") {
		t.Errorf("many matches: %v", err)
	}
	if _, err := d.Tree(".", "many"); err == nil || !strings.Contains(err.Error(), "more than 10000 files") {
		t.Errorf("a large directory: %v", err)
	}
}

// While another program changes where a link leads, the link itself or a directory on the
// way, the file inside is read or nothing is.
func TestDoorWhileNamesChange(t *testing.T) {
	top, outside := doorFixture(t)
	if err := os.Mkdir(filepath.Join(top, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "sub", "config"), []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	changing := filepath.Join(top, "changing")
	link(t, "a.txt", changing)

	var stop atomic.Bool
	done := make(chan error)
	go func() {
		targets := []string{"a.txt", ".git/config", filepath.Join(outside, "secret.txt"), "docs", "dist/c.txt"}
		for i := 0; !stop.Load(); i++ {
			err := errors.Join(
				os.Symlink(targets[i%len(targets)], changing+".next"),
				os.Rename(changing+".next", changing),
				os.Rename(filepath.Join(top, "sub"), filepath.Join(top, "aside")),
				os.Symlink(".git", filepath.Join(top, "sub")),
				os.Remove(filepath.Join(top, "sub")),
				os.Rename(filepath.Join(top, "aside"), filepath.Join(top, "sub")),
			)
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()

	d := openDoor(t, top, filepath.Join(top, "dist"))
	for _, name := range []string{"changing", "sub/config"} {
		read := 0
		for range 3000 {
			data, err := d.ReadFile(name, 100)
			if err != nil {
				continue
			}
			read++
			if string(data) != "a" {
				t.Errorf("%s: read %q", name, data)
			}
		}
		if read == 0 {
			t.Errorf("%s was never read", name)
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A file that was replaced after it was opened is not read.
func TestDoorConfirms(t *testing.T) {
	top, _ := doorFixture(t)
	d := openDoor(t, top, "")
	f, err := os.Open(filepath.Join(top, ".git", "config"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = d.confirm("a.txt", f)
	if err == nil || !strings.Contains(err.Error(), "another program is replacing it") {
		t.Errorf("another file: %v", err)
	}
	if _, err := d.confirm(".git/config", f); !Refused(err, isGits) {
		t.Errorf("git's own: %v", err)
	}
}

// Whatever the name, only a file of the directory is read.
func FuzzDoor(f *testing.F) {
	for _, name := range []string{
		"a.txt",
		"docs/b.txt",
		".git/config",
		"../outside/secret.txt",
		"outdir/secret.txt",
		"g/config",
		"*/*",
		"[",
		"a\x00",
		"docs/../.git/config",
		"./.git/./config",
		".git//config",
		".GIT/config",
	} {
		f.Add(name)
	}
	top, _ := doorFixture(f)
	link(f, filepath.FromSlash("../outside"), filepath.Join(top, "outdir"))
	link(f, ".git", filepath.Join(top, "g"))
	d := openDoor(f, top, filepath.Join(top, "dist"))
	f.Fuzz(func(t *testing.T, name string) {
		if data, err := d.ReadFile(name, 100); err == nil && string(data) == "secret" {
			t.Errorf("%q gives the secret", name)
		}
		names, err := d.Glob(".", name)
		if err != nil {
			return
		}
		for _, name := range names {
			if data, err := d.ReadFile(name, 100); err == nil && string(data) == "secret" {
				t.Errorf("the match %q gives the secret", name)
			}
		}
	})
}
