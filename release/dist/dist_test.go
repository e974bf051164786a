package dist

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/output"
)

// Runs that start at the same time can create the directory together. None of them takes the
// files that another one is writing for files of the project.
func TestOpenAtOnce(t *testing.T) {
	for range 100 {
		dir := filepath.Join(t.TempDir(), "dist")
		var g errgroup.Group
		for range 8 {
			g.Go(func() error {
				unlock, err := Open(t.Context(), dir, func() {})
				if err != nil {
					return err
				}
				defer unlock()
				return errors.Join(empty(dir, ""), Sweep(dir))
			})
		}

		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheck(t *testing.T) {
	unfinished := output.TempPrefix + "1"
	for _, test := range []struct {
		name  string
		files map[string]string
		ok    bool
	}{
		{
			name: "empty",
			ok:   true,
		},
		{
			name:  "ours",
			files: map[string]string{".gitignore": Mark, "checksums.txt": ""},
			ok:    true,
		},
		{
			name:  "mark unfinished",
			files: map[string]string{unfinished: Mark[:9]},
			ok:    true,
		},
		{
			name:  "a project's",
			files: map[string]string{"index.js": ""},
		},
		{
			name:  "a project's that ignores itself",
			files: map[string]string{".gitignore": "*\n"},
		},
		{
			name:  "a project's, mark unfinished",
			files: map[string]string{unfinished: Mark, "index.js": ""},
		},
	} {
		dir := t.TempDir()
		for name, data := range test.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}

		if err := Check(dir); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestCheckLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "dist")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Skip(err) // Windows allows links to some users only
	}

	err := Check(link)
	if err == nil || err.Error() != link+" is a link; give the directory that it leads to" {
		t.Error(err)
	}
}

// A run that waits for another one says so.
func TestOpenWaits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dist")
	unlock, err := Open(t.Context(), dir, func() { t.Error("waiting for nobody") })
	if err != nil {
		t.Fatal(err)
	}

	told := 0
	second, err := Open(t.Context(), dir, func() {
		told++
		unlock()
	})
	if err != nil {
		t.Fatal(err)
	}
	second()
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}
