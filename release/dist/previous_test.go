package dist

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/report"
)

// timedTargets returns targets a, b, c and so on, whose compilers took the given seconds.
func timedTargets(seconds ...float64) []report.Target {
	var targets []report.Target
	for i, s := range seconds {
		targets = append(targets, report.Target{
			Target:  string(rune('a' + i)),
			Status:  report.OK,
			Seconds: report.Seconds{CPU: s},
		})
	}
	return targets
}

// Targets without a timing come first, then the slowest ones.
func TestCompileOrder(t *testing.T) {
	known := &Previous{
		rep: &report.Report{Targets: timedTargets(3, 5, 4, 9, 5)},
	}
	known.rep.Targets[3].Status = report.Failed // so its timing does not count

	for _, test := range []struct {
		previous *Previous
		targets  []report.Target
		want     []int
	}{
		{&Previous{}, timedTargets(0, 0, 0), []int{0, 1, 2}},
		{known, timedTargets(0, 0, 0, 0, 0, 0), []int{3, 5, 1, 4, 2, 0}},
	} {
		if got := test.previous.CompileOrder(test.targets); !slices.Equal(got, test.want) {
			t.Errorf("%v, want %v", got, test.want)
		}
	}
}

// Whatever name a report contains, only a regular file is taken, from below the earlier files
// and with the right digest.
func TestTake(t *testing.T) {
	// The earlier files, beside others that must stay where they are.
	dir := t.TempDir()
	for _, name := range []string{"earlier", "earlier/bin", "outside"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"victim", "outside/file", "earlier/file", "earlier/bin/file"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"earlier/link": "../victim",
		"earlier/away": "../outside",
		"earlier/near": "bin",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}

	root, err := os.OpenRoot(filepath.Join(dir, "earlier"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	previous := &Previous{files: root}
	to := filepath.Join(dir, "taken")

	// The digest of "text".
	sums := map[string]string{
		"sha256": "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1",
	}
	for name, sums := range map[string]map[string]string{
		"../victim":        sums,
		"bin/../../victim": sums,
		dir + "/victim":    sums,
		"link":             sums,
		"away/file":        sums,
		"near/file":        sums,
		"bin":              sums,
		".":                sums,
		"":                 sums,
		"none":             sums,
		"file":             {"sha256": strings.Repeat("0", 64)},
		"bin/file":         {"md5": "1"},
	} {
		if previous.move(name, sums, to, 0o644) {
			t.Errorf("%q was taken", name)
		}
	}

	for _, name := range []string{"file", "bin/file"} {
		if !previous.move(name, sums, to, 0o644) {
			t.Errorf("%q was not taken", name)
		}
	}
	for _, name := range []string{"victim", "outside/file"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
