package release

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

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
