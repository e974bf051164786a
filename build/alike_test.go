package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMainsAlike(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		tags  string
		want  bool
	}{
		"nothing special":           {map[string]string{"main.go": "package main\n", "x/x.go": "package x\n"}, "", true},
		"a system in a name":        {map[string]string{"main.go": "package main\n", "main_windows.go": "package main\n"}, "", false},
		"an architecture in a name": {map[string]string{"main.go": "package main\n", "main_x_arm64.go": "package main\n"}, "", false},
		"another word in a name":    {map[string]string{"main.go": "package main\n", "some_keys.go": "package main\n", "linux.go": "package main\n"}, "", true},
		"a line":                    {map[string]string{"cmd/a/a.go": "// Text.\n\n//go:build !windows\n\npackage main // import \"x\"\n"}, "", false},
		"an old line":               {map[string]string{"cmd/a/a.go": "//  +build linux\n\npackage main\n"}, "", false},
		"Windows' ends of lines":    {map[string]string{"a.go": "//go:build linux\r\n\r\npackage main\r\n"}, "", false},
		"a library for some":        {map[string]string{"main.go": "package main\n", "x/x_windows.go": "package x\n", "x/y.go": "//go:build linux\n\npackage x\n"}, "", true},
		"a generator":               {map[string]string{"main.go": "package main\n", "gen.go": "//go:build ignore\n\npackage main\n"}, "", true},
		"a generator that is built": {map[string]string{"main.go": "package main\n", "gen.go": "//go:build ignore\n\npackage main\n"}, "x,ignore", false},
		"a test":                    {map[string]string{"main.go": "package main\n", "main_windows_test.go": "//go:build windows\n\npackage main\n"}, "", true},
		"what is no package":        {map[string]string{"main.go": "package main\n", "testdata/a_linux.go": "package main\n", "_x/a_linux.go": "package main\n", ".x/a_linux.go": "package main\n", "_a_linux.go": "package main\n"}, "", true},
		"no clause":                 {map[string]string{"main.go": "//go:build linux\n"}, "", false},
		"a mark of byte order":      {map[string]string{"main.go": "\ufeff//go:build linux\n\npackage main\n"}, "", false},
		"a comment before the line": {map[string]string{"main.go": "/*\npackage x\n*/\n//go:build linux\n\npackage main\n"}, "", false},
	} {
		dir := t.TempDir()
		for file, content := range test.files {
			path := filepath.Join(dir, filepath.FromSlash(file))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p := &Plan{dir: dir, Tags: test.tags}
		if got, err := p.mainsAlike(nil); err != nil || got != test.want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, test.want)
		}
		for _, p := range []*Plan{{dir: dir, hasC: true}, {dir: dir, cgo: true}} {
			if got, err := p.mainsAlike([]string{"./...", "."}); err != nil || got {
				t.Errorf("%s, with C: %v, %v", name, got, err)
			}
		}
		for pattern, named := range map[string]bool{"./cmd/...": false, "../x": false, "./testdata/cli": true, "./_x": true, "./.x/...": true} {
			if got, err := p.mainsAlike([]string{".", pattern}); err != nil || got != (test.want && !named) {
				t.Errorf("%s, %s: %v, %v", name, pattern, got, err)
			}
		}
	}
}

// No wildcard follows a link to a directory, but the go command does if it is named.
func TestMainsAlikeLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "a_linux.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"directory_linux.go": elsewhere, "nowhere_linux.go": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	p := &Plan{dir: dir}
	if got, err := p.mainsAlike(nil); err != nil || !got {
		t.Errorf("wildcards: %v, %v", got, err)
	}
	if got, err := p.mainsAlike([]string{"./directory_linux.go"}); err != nil || got {
		t.Errorf("named: %v, %v", got, err)
	}
}

// Only the head of a file is searched for its package clause. What may follow is for the
// go command to say.
func TestConstrainedMainReadsTheHead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.go")
	for content, want := range map[string]bool{
		"// " + strings.Repeat("x", maxHead) + "\npackage main\n":            true,
		strings.Repeat("\n", maxHead-5) + "package main\n":                   true, // it is cut in the middle
		strings.Repeat("\n", maxHead/2) + "package main\n":                   false,
		"package main\n\n// " + strings.Repeat("x", 2*maxHead):               false,
		"//go:build linux\n\npackage main\n" + strings.Repeat("\n", maxHead): true,
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := (&Plan{}).constrainedMain(path); got != want || err != nil {
			t.Errorf("%.20q: %v, %v", content, got, err)
		}
	}
}
