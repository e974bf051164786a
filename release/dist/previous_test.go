package dist

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/report"
)

// Targets of which nothing is known come first, then the longest.
func TestOrder(t *testing.T) {
	targets := func(seconds ...float64) (all []report.Target) {
		for i, s := range seconds {
			all = append(all, report.Target{Target: string(rune('a' + i)), Status: report.OK, Seconds: report.Seconds{CPU: s}})
		}
		return all
	}
	known := &Previous{rep: &report.Report{}}
	for i, was := range targets(3, 5, 4, 9, 5) {
		if i == 3 {
			was.Status = report.Failed
		}
		known.rep.Targets = append(known.rep.Targets, was)
	}
	for _, test := range []struct {
		earlier *Previous
		now     []report.Target
		want    []int
	}{
		{&Previous{}, targets(0, 0, 0), []int{0, 1, 2}},
		{known, targets(0, 0, 0, 0, 0, 0), []int{3, 5, 1, 4, 2, 0}},
	} {
		if got := test.earlier.CompileOrder(test.now); !slices.Equal(got, test.want) {
			t.Errorf("%v, want %v", got, test.want)
		}
	}
}

// Whatever a report names, nothing is taken but a regular file below the earlier files,
// with the very digest.
func TestTake(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"earlier", "earlier/bin", "outside"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"victim", "outside/file", "earlier/file", "earlier/bin/file"} {
		write(name, "text")
	}
	for link, to := range map[string]string{"earlier/link": "../victim", "earlier/away": "../outside", "earlier/near": "bin"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	root, err := os.OpenRoot(filepath.Join(dir, "earlier"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	sums := map[string]string{"sha256": "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"} // of "text"
	to := filepath.Join(dir, "taken")
	for name, sums := range map[string]map[string]string{
		"../victim": sums, "bin/../../victim": sums, dir + "/victim": sums, "link": sums, "away/file": sums, "near/file": sums,
		"bin": sums, ".": sums, "": sums, "none": sums, "file": {"sha256": strings.Repeat("0", 64)}, "bin/file": {"md5": "1"},
	} {
		if (&Previous{files: root}).move(name, sums, to, 0o644) {
			t.Errorf("%q was taken", name)
		}
	}
	for _, name := range []string{"file", "bin/file"} {
		if !(&Previous{files: root}).move(name, sums, to, 0o644) {
			t.Errorf("%q was not taken", name)
		}
	}
	for _, name := range []string{"victim", "outside/file"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
