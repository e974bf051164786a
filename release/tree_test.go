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

// times are the fields of report.json that may differ between two runs.
var times = regexp.MustCompile(`"(seconds|wait|compile|cpu|prove|smoke|pack|upload|memory)": [0-9.]+`)

// diffTrees names every difference between the files of two directories, but for
// the times in report.json.
func diffTrees(a, b string) string {
	left, errA := readTree(a)
	right, errB := readTree(b)
	if errA != nil || errB != nil {
		return fmt.Sprint(errA, errB)
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
		delete(right, name)
	}
	for name := range right {
		diffs = append(diffs, "only in "+b+": "+name)
	}
	return strings.Join(diffs, "\n")
}

// readTree reads the files below dir; the mode is part of the content where the
// system has modes.
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
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if d.Name() == dist.ReportJSON {
			data = times.ReplaceAll(data, []byte(`"$1": 0`))
		}
		name, err := filepath.Rel(dir, path)
		files[name] = append(data, fmt.Sprintf("\nmode %o", fi.Mode().Perm())...)
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no file in %s", dir)
	}
	return files, err
}
