package gocache

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A cacheProject is a module whose one package changes, and a build cache.
type cacheProject struct {
	t          *testing.T
	dir, cache string
	builds     int
}

func newCacheProject(t *testing.T) *cacheProject {
	t.Helper()
	p := &cacheProject{t: t, dir: t.TempDir(), cache: filepath.Join(t.TempDir(), "cache")}
	if err := Make(p.cache); err != nil {
		t.Fatal(err)
	}
	p.write("go.mod", "module example.com/hello\n\ngo 1.24\n")
	p.write("main.go", "package main\n\nimport \"example.com/hello/part\"\n\nvar stamp string\n\n"+
		"func main() { println(part.Name, stamp) }\n")
	return p
}

func (p *cacheProject) write(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(path, []byte(content), 0o644),
	)
	if err != nil {
		p.t.Fatal(err)
	}
}

// build builds a state of the source, each time with another stamp, as releases do. It
// returns the packages that were compiled.
func (p *cacheProject) build(state string) (compiled []string) {
	p.t.Helper()
	p.write("part/part.go", "package part\n\n// Name is the name of the state.\nconst Name = \""+state+"\"\n")
	p.builds++
	stamp := "-ldflags=-X main.stamp=" + strings.Repeat("x", p.builds)
	program := filepath.Join(p.t.TempDir(), "hello")
	cmd := exec.Command("go", "build", "-trimpath", "-x", "-buildvcs=false", stamp, "-o", program, ".")
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), "GOCACHE="+p.cache, "GOFLAGS=", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("go build: %v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, rest, ok := strings.Cut(line, " -p "); ok && strings.Contains(line, "compile") {
			name, _, _ := strings.Cut(rest, " ")
			compiled = append(compiled, name)
		}
	}
	return compiled
}

// entries returns the entries of the cache with their times.
func (p *cacheProject) entries() map[string]time.Time {
	p.t.Helper()
	found := map[string]time.Time{}
	err := (&Cache{dir: p.cache}).entries(func(_ *os.Root, name string, fi fs.FileInfo) error {
		found[name] = fi.ModTime()
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return found
}

func (p *cacheProject) open() *Cache {
	p.t.Helper()
	c, err := Open(p.cache, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// Entries that a run used stay, and the same run compiles nothing. Entries that only another
// state of the source needed are removed.
func TestCacheTrim(t *testing.T) {
	p := newCacheProject(t)
	if n := len(p.build("old")); n < 10 {
		t.Fatalf("%d packages were compiled with an empty cache", n)
	}
	old := p.entries()

	// Saved, restored and used with another state of the source, weeks later.
	weeks := time.Now().Add(-30 * 24 * time.Hour)
	for name := range old {
		if err := os.Chtimes(filepath.Join(p.cache, name), weeks, weeks); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.cache, "trim.txt"), []byte("1600000000"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := p.open()
	if got := strings.Join(p.build("new"), " "); got != "example.com/hello/part main" {
		t.Errorf("compiled with the restored cache: %s", got)
	}
	before := p.entries()
	trimmed, err := c.Trim()
	if err != nil {
		t.Fatal(err)
	}
	after := p.entries()
	counts := trimmed.Removed >= 2 && trimmed.Kept == len(after) && trimmed.Removed == len(before)-len(after)
	if !counts || trimmed.KeptBytes < 1<<20 || trimmed.RemovedBytes == 0 {
		t.Errorf("%d entries before, %d after, and %+v", len(before), len(after), trimmed)
	}

	// The same again and again needs nothing new. What a compilation notes of itself, some
	// hundred bytes, is not asked for when its result is there.
	for range 2 {
		c = p.open()
		if got := p.build("new"); len(got) > 0 {
			t.Errorf("compiled after trimming: %s", got)
		}
		if trimmed, err = c.Trim(); err != nil || trimmed.RemovedBytes > 1000 {
			t.Errorf("removed of what the same run used: %+v, %v", trimmed, err)
		}
	}
	if got := strings.Join(p.build("old"), " "); got != "example.com/hello/part main" {
		t.Errorf("compiled of the old state, which should be gone: %s", got)
	}
}

// Only entries are removed, and nothing outside of the cache.
func TestCacheTrimLeavesTheRestAlone(t *testing.T) {
	dir, outside := filepath.Join(t.TempDir(), "cache"), t.TempDir()
	if err := Make(dir); err != nil {
		t.Fatal(err)
	}
	entry := strings.Repeat("ab", 32) + "-a"
	for _, path := range []string{
		filepath.Join(dir, "ab", entry), filepath.Join(dir, "ab", "notes.txt"), filepath.Join(dir, "README"),
		filepath.Join(dir, "src", entry), filepath.Join(outside, "cd", entry), filepath.Join(outside, "file"),
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	kept := []string{"ab/notes.txt", "README", "src/" + entry, markName}
	if runtime.GOOS != "windows" {
		linked := strings.Repeat("cd", 32) + "-d"
		err := errors.Join(
			os.Symlink(filepath.Join(outside, "cd"), filepath.Join(dir, "cd")),
			os.Symlink(filepath.Join(outside, "file"), filepath.Join(dir, "ab", linked)),
		)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, "cd", "ab/"+linked)
	}
	long := time.Now().Add(-100 * time.Hour)
	if err := os.Chtimes(filepath.Join(outside, "file"), long, long); err != nil {
		t.Fatal(err)
	}
	c, err := Open(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	trimmed, err := c.Trim()
	if err != nil || trimmed.Removed != 1 || trimmed.Kept != 0 {
		t.Errorf("%+v, %v", trimmed, err)
	}
	for _, name := range kept {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if fi, err := os.Stat(filepath.Join(outside, "file")); err != nil || !fi.ModTime().Equal(long) {
		t.Errorf("a file outside was touched: %v", err)
	}
	if _, err := os.Stat(filepath.Join(outside, "cd", entry)); err != nil {
		t.Error(err)
	}
}

// A directory that this program did not make is left alone.
func TestCacheIsOurs(t *testing.T) {
	theirs := t.TempDir()
	if err := os.WriteFile(filepath.Join(theirs, "README"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ours := filepath.Join(t.TempDir(), "cache")
	if err := errors.Join(Make(ours), Make(ours)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	dirs := []string{theirs, filepath.Join(theirs, "missing")}
	if err := os.Symlink(ours, link); err == nil {
		dirs = append(dirs, link)
	}
	for _, dir := range dirs {
		if _, err := Open(dir, time.Now()); err == nil {
			t.Errorf("%s was opened", dir)
		}
	}
	if err := Make(theirs); err == nil || !strings.Contains(err.Error(), "is no build cache that this program made") {
		t.Errorf("a directory with files in it was taken: %v", err)
	}
	if _, err := (&Cache{dir: theirs}).Trim(); err == nil {
		t.Error("a directory of somebody else was trimmed")
	}
}
