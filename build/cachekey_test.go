package build

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/workspace"
)

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
	r.git("-c", "user.name=n", "-c", "user.email=n@example.com",
		"commit", "--quiet", "--allow-empty", "--message=first")
	return r
}

func (r keyRepo) write(name, content string) {
	r.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(path, []byte(content), 0o644),
	)
	if err != nil {
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

// A keyRequest is what a cache key depends on.
type keyRequest struct {
	workspace.Options
	Spec
}

// key returns the cache key of a request after changes.
func (r keyRepo) key(changes ...func(*keyRequest)) CacheKey {
	r.Helper()
	s := &keyRequest{
		Options: workspace.Options{Dir: r.dir, Environ: append(os.Environ(), "GOWORK=")},
		Spec:    Spec{Targets: []string{"linux/amd64", "linux/arm64"}, Packages: []string{"."}},
	}
	for _, change := range changes {
		change(s)
	}
	ws, err := workspace.Open(r.Context(), s.Options)
	if err != nil {
		r.Fatal(err)
	}
	k, err := NewCacheKey(r.Context(), ws, &s.Spec)
	if err != nil {
		r.Fatal(err)
	}

	begin := "go-static-release-" + runtime.GOOS + "-" + runtime.GOARCH + "-go1."
	switch {
	case !strings.HasPrefix(k.Key, k.Restore),
		!strings.HasPrefix(k.Restore, begin),
		!strings.HasSuffix(k.Restore, "-"),
		strings.ContainsAny(k.Key, ", \n"):
		r.Errorf("%+v", k)
	}
	return k
}

func TestCacheKey(t *testing.T) {
	r := newKeyRepo(t)
	first := r.key()
	for name, same := range map[string]func(*keyRequest){
		"linker":    func(s *keyRequest) { s.LDFlags = "-s" },
		"name, tag": func(s *keyRequest) { s.Name, s.Spec.Tag, s.Publish, s.Jobs = "other", "v1.2.3", true, 7 },
		"order":     func(s *keyRequest) { s.Targets = []string{"linux/arm64", "linux/amd64"} },
		"GOOS, etc.": func(s *keyRequest) {
			s.Environ = append(s.Environ, "GOOS=js", "GOFLAGS=-x", "HOSTNAME=other", "ImageVersion=2")
		},
	} {
		if got := r.key(same); got != first {
			t.Errorf("%s: %+v, expected %+v", name, got, first)
		}
	}
	seen := map[string]string{first.Restore: "the first"}
	for name, other := range map[string]func(*keyRequest){
		"targets":    func(s *keyRequest) { s.Targets = s.Targets[:1] },
		"packages":   func(s *keyRequest) { s.Packages = []string{"./cmd/a"} },
		"tags":       func(s *keyRequest) { s.Tags = "a" },
		"gcflags":    func(s *keyRequest) { s.GCFlags = "a" },
		"cgo":        func(s *keyRequest) { s.Cgo = true },
		"cc":         func(s *keyRequest) { s.CC = []cc.Choice{{Targets: "linux/amd64", CC: "musl-gcc"}} },
		"directory":  func(s *keyRequest) { s.Dir = filepath.Join(r.dir, "other") },
		"experiment": func(s *keyRequest) { s.Environ = append(s.Environ, "GOEXPERIMENT=nodwarf5") },
		"fips":       func(s *keyRequest) { s.Environ = append(s.Environ, "GOFIPS140=latest") },
	} {
		got := r.key(other).Restore
		if same, ok := seen[got]; ok {
			t.Errorf("%s has the key of %s", name, same)
		}
		seen[got] = name
	}
	if _, err := workspace.Open(t.Context(), workspace.Options{Dir: t.TempDir(), Environ: os.Environ()}); err == nil {
		t.Error("a directory without a module has a key")
	}
}

// Keys for other dependencies, or another C compiler, have the same beginning, so the earlier
// cache can be restored.
func TestCacheKeyOfDependencies(t *testing.T) {
	r := newKeyRepo(t)
	first := r.key()
	if again := r.key(); again != first {
		t.Errorf("%+v, and again %+v", first, again)
	}
	image := func(version string) func(*keyRequest) {
		return func(s *keyRequest) {
			s.Cgo, s.Environ = true, append(s.Environ, "ImageOS=ubuntu24", "ImageVersion="+version)
		}
	}
	if one, two := r.key(image("1")), r.key(image("2")); one.Restore != two.Restore || one.Key == two.Key {
		t.Errorf("two images, which have other C compilers: %+v, %+v", one, two)
	}
	r.write("other/go.sum", "example.com/other v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
	if got := r.key(); got != first {
		t.Errorf("go.sum of a module that is not used: %+v, expected %+v", got, first)
	}
	for _, name := range []string{
		"go.sum",
		"go.work",
		"go.work.sum",
		"other/go.sum",
		"vendor/modules.txt",
		"cmd/x/default.pgo",
	} {
		before := r.key()
		content := "example.com/dependency v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
		switch name {
		case "go.work":
			// It has no sums of its own, but those of the other module count with it.
			content = "go 1.24\n\nuse (\n\t.\n\t./other\n)\n"
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
