package release

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/go-static-release/release/dist"
)

// timings matches the fields of report.json that may differ between two runs.
var timings = regexp.MustCompile(`"(seconds|wait|compile|cpu|prove|smoke|pack|upload|memory)": [0-9.]+`)

// diffTrees names every difference between the files of two directories, except for the
// timings in report.json.
func diffTrees(a, b string) string {
	left, err := readTree(a)
	if err != nil {
		return err.Error()
	}
	right, err := readTree(b)
	if err != nil {
		return err.Error()
	}

	var diffs []string
	for name, data := range left {
		other, ok := right[name]
		switch {
		case !ok:
			diffs = append(diffs, "only in "+a+": "+name)
		case !bytes.Equal(data, other):
			diffs = append(diffs, "different bytes: "+name)
		}
	}
	for name := range right {
		if _, ok := left[name]; !ok {
			diffs = append(diffs, "only in "+b+": "+name)
		}
	}
	return strings.Join(diffs, "\n")
}

// readTree returns the content of every file below dir, followed by the file's mode.
func readTree(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == dist.LockName {
			return err
		}

		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if d.Name() == dist.ReportJSON {
			data = timings.ReplaceAll(data, []byte(`"$1": 0`))
		}

		fi, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name] = fmt.Appendf(data, "\nmode %o", fi.Mode().Perm())
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no file in %s", dir)
	}
	return files, nil
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// newGoPath returns an empty directory for GOPATH. The go command makes the directories of modules
// read-only, and only root could remove them at the end of the test.
func newGoPath(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			return os.Chmod(path, 0o755)
		})
		if err != nil {
			t.Error(err)
		}
	})
	return dir
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	fi, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// replace replaces every old in a file, which must contain it.
func replace(t *testing.T, path, old, new string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s does not contain %s", path, old)
	}
	writeFile(t, path, strings.ReplaceAll(string(data), old, new))
}

// linkOrSkip makes a link and the directory for it, or skips the test.
func linkOrSkip(t *testing.T, target, path string) {
	t.Helper()
	err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755),
		os.Symlink(target, path),
	)
	if err != nil {
		t.Skip(err) // Windows allows links to some users only
	}
}

// hold keeps the inode of a file in use, so that no new file gets it.
func hold(t *testing.T, path string) {
	t.Helper()
	if err := os.Link(path, filepath.Join(t.TempDir(), "held")); err != nil {
		t.Fatal(err)
	}
}

// flip changes a byte in the middle of a file, but neither its size nor its time.
func flip(t *testing.T, path string) {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	data[len(data)/2] ^= 0xff
	if err := os.WriteFile(path, data, fi.Mode()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, fi.ModTime(), fi.ModTime()); err != nil {
		t.Fatal(err)
	}
}
