package dist

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/output"
)

// Runs that begin at once make the directory together: none takes what another one is
// writing for a project's own files.
func TestOpenDistAtOnce(t *testing.T) {
	for range 100 {
		dir := filepath.Join(t.TempDir(), "dist")
		var g errgroup.Group
		for range 8 {
			g.Go(func() error {
				unlock, err := Open(t.Context(), dir)
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

func TestCheckDist(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		ok    bool
	}{
		{"empty", nil, true},
		{"ours", map[string]string{".gitignore": Mark, "checksums.txt": ""}, true},
		{"mark unfinished", map[string]string{output.TempPrefix + "1": Mark[:9]}, true},
		{"a project's", map[string]string{"index.js": ""}, false},
		{"a project's that ignores itself", map[string]string{".gitignore": "*\n"}, false},
		{"a project's, mark unfinished", map[string]string{output.TempPrefix + "1": Mark, "index.js": ""}, false},
	} {
		dir := t.TempDir()
		for name, data := range c.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := Check(dir); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCheckDistLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "dist")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Skip(err) // Windows, without the right to it
	}
	if err := Check(link); err == nil || err.Error() != link+" is a link; give the directory that it leads to" {
		t.Error(err)
	}
}
