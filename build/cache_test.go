package build

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
	if err := MakeCache(p.cache); err != nil {
		t.Fatal(err)
	}
	p.write("go.mod", "module example.com/hello\n\ngo 1.24\n")
	p.write("main.go", "package main\n\nimport \"example.com/hello/part\"\n\nvar stamp string\n\nfunc main() { println(part.Name, stamp) }\n")
	return p
}

func (p *cacheProject) write(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		p.t.Fatal(err)
	}
}

// build builds a state of the source, each time with another stamp, as releases do. It
// returns the packages that were compiled.
func (p *cacheProject) build(state string) (compiled []string) {
	p.t.Helper()
	p.write("part/part.go", "package part\n\n// Name is that of the state.\nconst Name = \""+state+"\"\n")
	p.builds++
	cmd := exec.Command("go", "build", "-trimpath", "-x", "-buildvcs=false", "-ldflags=-X main.stamp="+strings.Repeat("x", p.builds), "-o", filepath.Join(p.t.TempDir(), "hello"), ".")
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
	c, err := OpenCache(p.cache, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// What a run used stays, so that the same run compiles nothing; what only another state
// of the source needed goes.
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
	if trimmed.Removed < 2 || trimmed.Kept != len(after) || trimmed.Removed != len(before)-len(after) || trimmed.KeptBytes < 1<<20 || trimmed.RemovedBytes == 0 {
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
	if err := MakeCache(dir); err != nil {
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
	kept := []string{"ab/notes.txt", "README", "src/" + entry, cacheMark}
	if runtime.GOOS != "windows" {
		linked := strings.Repeat("cd", 32) + "-d"
		err := errors.Join(os.Symlink(filepath.Join(outside, "cd"), filepath.Join(dir, "cd")), os.Symlink(filepath.Join(outside, "file"), filepath.Join(dir, "ab", linked)))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, "cd", "ab/"+linked)
	}
	long := time.Now().Add(-100 * time.Hour)
	if err := os.Chtimes(filepath.Join(outside, "file"), long, long); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCache(dir, time.Now())
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
	if err := errors.Join(MakeCache(ours), MakeCache(ours)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	dirs := []string{theirs, filepath.Join(theirs, "missing")}
	if err := os.Symlink(ours, link); err == nil {
		dirs = append(dirs, link)
	}
	for _, dir := range dirs {
		if _, err := OpenCache(dir, time.Now()); err == nil {
			t.Errorf("%s was opened", dir)
		}
	}
	if err := MakeCache(theirs); err == nil || !strings.Contains(err.Error(), "is no build cache that this program made") {
		t.Errorf("a directory with files in it was taken: %v", err)
	}
	if _, err := (&Cache{dir: theirs}).Trim(); err == nil {
		t.Error("a directory of somebody else was trimmed")
	}
}

// A keyRepo is a repository with two modules, whose cache has a key.
type keyRepo struct {
	*testing.T
	dir string
}

func newKeyRepo(t *testing.T) keyRepo {
	r := keyRepo{t, t.TempDir()}
	r.write("go.mod", "module example.com/hello\n\ngo 1.24\n")
	r.write("other/go.mod", "module example.com/other\n\ngo 1.24\n")
	r.git("init", "--quiet")
	r.git("-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "--quiet", "--allow-empty", "--message=first")
	return r
}

func (r keyRepo) write(name, content string) {
	r.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		r.Fatal(err)
	}
}

func (r keyRepo) git(args ...string) {
	r.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		r.Fatalf("git %s: %v: %s", args, err, out)
	}
}

// key is that of a request, as changed.
func (r keyRepo) key(changes ...func(*Spec)) CacheKey {
	r.Helper()
	s := &Spec{Dir: r.dir, Targets: []string{"linux/amd64", "linux/arm64"}, Packages: []string{"."}, Environ: append(os.Environ(), "GOWORK=")}
	for _, change := range changes {
		change(s)
	}
	k, err := NewCacheKey(r.Context(), s)
	if err != nil {
		r.Fatal(err)
	}
	if !strings.HasPrefix(k.Key, k.Restore) || !strings.HasPrefix(k.Restore, "go-static-release-"+runtime.GOOS+"-"+runtime.GOARCH+"-go1.") || !strings.HasSuffix(k.Restore, "-") || strings.ContainsAny(k.Key, ", \n") {
		r.Errorf("%+v", k)
	}
	return k
}

func TestCacheKey(t *testing.T) {
	r := newKeyRepo(t)
	first := r.key()
	for name, same := range map[string]func(*Spec){
		"linker":    func(s *Spec) { s.LDFlags = "-s" },
		"name, tag": func(s *Spec) { s.Name, s.Tag, s.Publish, s.Jobs = "other", "v1.2.3", true, 7 },
		"order":     func(s *Spec) { s.Targets = []string{"linux/arm64", "linux/amd64"} },
		"GOOS, etc.": func(s *Spec) {
			s.Environ = append(s.Environ, "GOOS=js", "GOFLAGS=-x", "HOSTNAME=other", "ImageVersion=2")
		},
	} {
		if got := r.key(same); got != first {
			t.Errorf("%s: %+v, expected %+v", name, got, first)
		}
	}
	seen := map[string]string{first.Restore: "the first"}
	for name, other := range map[string]func(*Spec){
		"targets":    func(s *Spec) { s.Targets = s.Targets[:1] },
		"packages":   func(s *Spec) { s.Packages = []string{"./cmd/a"} },
		"tags":       func(s *Spec) { s.Tags = "a" },
		"gcflags":    func(s *Spec) { s.GCFlags = "a" },
		"cgo":        func(s *Spec) { s.Cgo = true },
		"cc":         func(s *Spec) { s.CC = []GivenCompiler{{"linux/amd64", "musl-gcc"}} },
		"directory":  func(s *Spec) { s.Dir = filepath.Join(r.dir, "other") },
		"experiment": func(s *Spec) { s.Environ = append(s.Environ, "GOEXPERIMENT=nodwarf5") },
		"fips":       func(s *Spec) { s.Environ = append(s.Environ, "GOFIPS140=latest") },
	} {
		got := r.key(other).Restore
		if same, ok := seen[got]; ok {
			t.Errorf("%s has the key of %s", name, same)
		}
		seen[got] = name
	}
	if _, err := NewCacheKey(t.Context(), &Spec{Dir: t.TempDir(), Environ: os.Environ()}); err == nil {
		t.Error("a directory without a module has a key")
	}
}

// For what a dependency or a C compiler changes, the cache before is where the next begins.
func TestCacheKeyOfDependencies(t *testing.T) {
	r := newKeyRepo(t)
	first := r.key()
	if again := r.key(); again != first {
		t.Errorf("%+v, and again %+v", first, again)
	}
	image := func(version string) func(*Spec) {
		return func(s *Spec) { s.Cgo, s.Environ = true, append(s.Environ, "ImageOS=ubuntu24", "ImageVersion="+version) }
	}
	if one, two := r.key(image("1")), r.key(image("2")); one.Restore != two.Restore || one.Key == two.Key {
		t.Errorf("two images, which have other C compilers: %+v, %+v", one, two)
	}
	r.write("other/go.sum", "example.com/other v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	if got := r.key(); got != first {
		t.Errorf("go.sum of a module that is not used: %+v, expected %+v", got, first)
	}
	for _, name := range []string{"go.sum", "go.work", "go.work.sum", "other/go.sum", "vendor/modules.txt", "cmd/x/default.pgo"} {
		before := r.key()
		content := "example.com/dependency v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
		switch name {
		case "go.work":
			content = "go 1.24\n\nuse (\n\t.\n\t./other\n)\n" // no sums of its own: the other module's are looked at now
		case "vendor/modules.txt":
			content = "## workspace\n"
		}
		r.write(name, content)
		r.git("add", "--", name) // what git does not have is nothing to a fresh clone
		after := r.key()
		if after.Key == before.Key || after.Restore != before.Restore && name != "vendor/modules.txt" {
			t.Errorf("%s changed, and %+v became %+v", name, before, after)
		}
	}
}
