package build

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/workspace/gittest"
)

// What users write for a package of their module is what the go command is asked for.
func TestParsePatterns(t *testing.T) {
	dir := t.TempDir()
	gittest.WriteFiles(t, dir, map[string]string{
		"main.go":            mainFile,
		"cmd/x/main.go":      mainFile,
		"cmd/x/util.go":      "package main\n",
		"server/v3/main.go":  mainFile,
		"other.go/source.go": mainFile,
	})
	absolute := filepath.ToSlash(dir) + "/cmd/x"

	for _, test := range []struct {
		elements []string
		want     []pattern
	}{
		{[]string{"./cmd/x"}, []pattern{{text: "./cmd/x"}}},
		{[]string{"cmd/x"}, []pattern{{text: "./cmd/x"}}},
		{[]string{"cmd/x/"}, []pattern{{text: "./cmd/x/"}}},
		{[]string{"cmd/x", "./cmd/x"}, []pattern{{text: "./cmd/x"}}},
		{[]string{"cmd/x/main.go"}, []pattern{{text: "./cmd/x"}}},
		{[]string{"./cmd/x/main.go", "./cmd/x/util.go"}, []pattern{{text: "./cmd/x"}}},
		{[]string{"main.go"}, []pattern{{text: "."}}},
		{[]string{"./main.go"}, []pattern{{text: "."}}},
		{[]string{"cmd/..."}, []pattern{{text: "./cmd/..."}}},
		{[]string{"cmd/x..."}, []pattern{{text: "./cmd/x..."}}},
		{[]string{"..."}, []pattern{{text: "..."}}},
		{[]string{"./..."}, []pattern{{text: "./..."}}},
		{[]string{absolute}, []pattern{{text: absolute}}},
		{[]string{absolute + "/main.go"}, []pattern{{text: absolute}}},
		{[]string{"example.com/tool/cmd/x"}, []pattern{{text: "example.com/tool/cmd/x"}}},
		{[]string{"cmd/gofmt"}, []pattern{{text: "cmd/gofmt"}}}, // of the standard library
		{[]string{"nothing.go"}, []pattern{{text: "nothing.go"}}},
		{[]string{"other.go"}, []pattern{{text: "./other.go"}}}, // a directory
		{[]string{"etcd=./server/v3"}, []pattern{{text: "./server/v3", name: "etcd"}}},
		{[]string{"etcd=server/v3/main.go"}, []pattern{{text: "./server/v3", name: "etcd"}}},
		{[]string{"a=.", "b=."}, []pattern{{text: ".", name: "a"}, {text: ".", name: "b"}}},
	} {
		got, ps := parsePatterns(dir, test.elements)
		if len(ps) > 0 {
			t.Errorf("%v: %v", test.elements, ps)
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(pattern{})); diff != "" {
			t.Errorf("%v (-want +have):\n%s", test.elements, diff)
		}
	}
}
