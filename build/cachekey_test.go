package build

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
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
