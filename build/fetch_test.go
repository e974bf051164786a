package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Modules are there when the plan is, if it is to be compiled, and only then.
func TestFetch(t *testing.T) {
	sums, err := os.ReadFile(filepath.Join("..", "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	var sum, version string
	for line := range strings.Lines(string(sums)) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "golang.org/x/mod" {
			sum += line
			version = strings.TrimSuffix(words[1], "/go.mod")
		}
	}
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":  "module example.com/m\n\ngo 1.24\n\nrequire golang.org/x/mod " + version + "\n",
		"go.sum":  sum,
		"main.go": "package main\n\nimport \"golang.org/x/mod/semver\"\n\nfunc main() { println(semver.IsValid(\"v1\")) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}, {"-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "--quiet", "--message=first"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args, err, out)
		}
	}
	for _, fetch := range []bool{false, true} {
		cache := filepath.Join(t.TempDir(), "mod")
		proxy := "file://" + filepath.ToSlash(filepath.Join(strings.TrimSpace(string(out)), "cache", "download"))
		env := append(os.Environ(), "GOMODCACHE="+cache, "GOPROXY="+proxy, "GONOSUMDB=*")
		plan, err := NewPlan(t.Context(), &Spec{Dir: dir, Targets: []string{"linux/amd64"}, Environ: env, Fetch: fetch})
		if err != nil || len(plan.Builds) != 1 {
			t.Fatalf("%v: %v", plan, err)
		}
		_, err = os.Stat(filepath.Join(cache, "golang.org", "x", "mod@"+version, "semver"))
		if have := err == nil; have != fetch {
			t.Errorf("fetch %v: the module is there: %v (%v)", fetch, have, err)
		}
		makeWritable(t, cache)
	}
}

// makeWritable lets the test's directory be removed: a module cache is read-only.
func makeWritable(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}
