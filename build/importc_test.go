package build

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Whatever the Go parser takes for a file that imports "C" does so for the scanner, too. It
// may find one more, where Go would not compile the file.
func FuzzImportsC(f *testing.F) {
	for _, seed := range []string{
		"package p\n\nimport \"C\"\n",
		"package p\n\n/*\nint x;\n*/\nimport \"C\"\n\nfunc f() {}\n",
		"package p; import (\"fmt\"; `C`); var x = \"C\"",
		"//go:build ignore\n\npackage p\n\nimport c \"C\"",
		"package p\nimport \"\\x43\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.ImportsOnly|parser.SkipObjectResolution)
		if err != nil {
			return
		}
		want := false
		for _, spec := range file.Imports {
			want = want || slices.Contains([]string{`"C"`, "`C`"}, strings.ReplaceAll(spec.Path.Value, "\r", ""))
		}
		if got, _ := scanImports([]byte(source)); want && !got {
			t.Error("imports C, and the scanner does not see it")
		}
	})
}
