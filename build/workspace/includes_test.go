package workspace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/workspace/gittest"
)

// A package that includes too many files is refused.
func TestIncludesAreLimited(t *testing.T) {
	dir := t.TempDir()
	var lines strings.Builder
	files := map[string]string{}
	for i := range maxIncludes + 1 {
		name := fmt.Sprintf("h%d.h", i)
		files[name] = ""
		if i == maxIncludes {
			name += "x" // the last one does not exist yet
		}
		fmt.Fprintf(&lines, "#include %q\n", name)
	}
	files["a.s"] = lines.String()
	gittest.WriteFiles(t, dir, files)
	pkg := &sourcePackage{Dir: dir, SFiles: []string{"a.s"}}

	included, err := pkg.included(false)
	if err != nil || len(included) != maxIncludes {
		t.Errorf("%d files, %v", len(included), err)
	}

	gittest.WriteFiles(t, dir, map[string]string{fmt.Sprintf("h%d.hx", maxIncludes): ""})
	_, err = pkg.included(false)
	want := fmt.Sprintf("include more than %d files", maxIncludes)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, expected %q", err, want)
	}
}
