package build

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/go-static-release/build/workspace/gittest"
)

func TestSameForEveryTarget(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		tags  string
		want  bool
	}{
		"nothing special": {
			files: map[string]string{"main.go": "package main\n", "x/x.go": "package x\n"},
			want:  true,
		},
		"a system in a name": {
			files: map[string]string{"main.go": "package main\n", "main_windows.go": "package main\n"},
		},
		"an architecture in a name": {
			files: map[string]string{"main.go": "package main\n", "main_x_arm64.go": "package main\n"},
		},
		"another word in a name": {
			files: map[string]string{
				"main.go":      "package main\n",
				"some_keys.go": "package main\n",
				"linux.go":     "package main\n",
			},
			want: true,
		},
		"a line": {
			files: map[string]string{"cmd/a/a.go": "// Text.\n\n//go:build !windows\n\npackage main // import \"x\"\n"},
		},
		"an old line": {
			files: map[string]string{"cmd/a/a.go": "//  +build linux\n\npackage main\n"},
		},
		"Windows' ends of lines": {
			files: map[string]string{"a.go": "//go:build linux\r\n\r\npackage main\r\n"},
		},
		"a library for some": {
			files: map[string]string{
				"main.go":        "package main\n",
				"x/x_windows.go": "package x\n",
				"x/y.go":         "//go:build linux\n\npackage x\n",
			},
			want: true,
		},
		"a generator": {
			files: map[string]string{"main.go": "package main\n", "gen.go": "//go:build ignore\n\npackage main\n"},
			want:  true,
		},
		"a generator that is built": {
			files: map[string]string{"main.go": "package main\n", "gen.go": "//go:build ignore\n\npackage main\n"},
			tags:  "x,ignore",
		},
		"a test": {
			files: map[string]string{
				"main.go":              "package main\n",
				"main_windows_test.go": "//go:build windows\n\npackage main\n",
			},
			want: true,
		},
		"what is no package": {
			files: map[string]string{
				"main.go":             "package main\n",
				"testdata/a_linux.go": "package main\n",
				"_x/a_linux.go":       "package main\n",
				".x/a_linux.go":       "package main\n",
				"_a_linux.go":         "package main\n",
			},
			want: true,
		},
		"no clause": {
			files: map[string]string{"main.go": "//go:build linux\n"},
		},
		"a mark of byte order": {
			files: map[string]string{"main.go": "\ufeff//go:build linux\n\npackage main\n"},
		},
		"a comment before the line": {
			files: map[string]string{"main.go": "/*\npackage x\n*/\n//go:build linux\n\npackage main\n"},
		},
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
		s, err := surveyModule(dir, test.tags)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.sameForEveryTarget(nil); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		withC := s
		withC.importsC = true
		if withC.sameForEveryTarget([]string{"./...", "."}) {
			t.Errorf("%s, with C: true", name)
		}
		for pattern, named := range map[string]bool{
			"./cmd/...":      false,
			"../x":           false,
			"./testdata/cli": true,
			"./_x":           true,
			"./.x/...":       true,
		} {
			if got := s.sameForEveryTarget([]string{".", pattern}); got != (test.want && !named) {
				t.Errorf("%s, %s: %v", name, pattern, got)
			}
		}
	}
}

// No wildcard follows a link to a directory, but the go command does if it is named.
func TestSameForEveryTargetLinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "a_linux.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"directory_linux.go": elsewhere, "nowhere_linux.go": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	s, err := surveyModule(dir, "")
	if err != nil || !s.sameForEveryTarget(nil) {
		t.Errorf("wildcards: %+v, %v", s, err)
	}
	if s.sameForEveryTarget([]string{"./directory_linux.go"}) {
		t.Errorf("named: %+v", s)
	}
}

// The package clause is found wherever it is, and nothing after it is a constraint.
func TestReadHead(t *testing.T) {
	const large = 1 << 20
	path := filepath.Join(t.TempDir(), "large.go")
	for content, want := range map[string]bool{
		"//go:build linux\n\n// " + strings.Repeat("x", large) + "\npackage main\n": true,
		"// " + strings.Repeat("x", large) + "\npackage main\n":                     false,
		strings.Repeat("\n", 16<<10-5) + "package main\n":                           false, // it is cut in the middle
		"//go:build linux\n" + strings.Repeat("\n", large/2) + "package main\n":     true,
		"package main\n\n// " + strings.Repeat("x", 2*large):                        false,
		"//go:build linux\n\npackage main\n" + strings.Repeat("\n", large):          true,
		"package main\n\n//go:build linux\n":                                        false,
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		head, err := readHead(path)
		if err != nil || head.pkg != "main" || head.constrained("large.go", "") != want {
			t.Errorf("%.20q: %+v, %v", content, head, err)
		}
	}
}

// The go command is asked about what cannot be read.
func TestSurveyUnreadable(t *testing.T) {
	for _, unreadable := range []string{"dir", "dir/x.go"} {
		dir := t.TempDir()
		gittest.WriteFiles(t, dir, map[string]string{"main.go": mainFile, "dir/x.go": "package dir\n"})
		path := filepath.Join(dir, filepath.FromSlash(unreadable))
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) })
		if f, err := os.Open(path); err == nil {
			_ = f.Close()
			t.Skip("everything can be read here")
		}

		s, err := surveyModule(dir, "")
		if err != nil || s.sameForEveryTarget(nil) {
			t.Errorf("%s: %+v, %v", unreadable, s, err)
		}
	}
}

// The import of "C" is found in every form.
func TestImportsC(t *testing.T) {
	long := "// " + strings.Repeat("x", 100<<10) + "\n"
	for source, want := range map[string]bool{
		"package p\n":                                                 false,
		"package p\n\nimport \"C\"\n":                                 true,
		"package p\n\nimport `C`\n":                                   true,
		"package p\n\n/*\nconst int x;\n*/\nimport \"C\"\n":           true,
		"package p\n\n/* int x; */ import \"C\"\n":                    true,
		"package p\n\nimport (\n\t\"fmt\"\n\t\"C\"\n)\n":              true,
		"package p\n\nimport (\"fmt\"; \"C\")\n":                      true,
		"package p\n\n// import \"C\"\nvar x = \"C\"\n":               false,
		"package p\n\nfunc f() string { return \"C\" }\n":             false,
		"package p\n\nimport \"fmt\"\n\nvar x = `\nimport \"C\"\n`\n": false,
		long + "package p\n\nimport \"C\"\n":                          true,
		long + "package p\n\nimport \"fmt\"\n":                        false,
		"\ufeffpackage p\n\nimport \"C\"\n":                           true,
		"not Go at all":                                               false,
		"":                                                            false,
	} {
		dir := t.TempDir()
		gittest.WriteFiles(t, dir, map[string]string{"p.go": source})
		s, err := surveyModule(dir, "")
		if err != nil || s.importsC != want {
			t.Errorf("%.60q: %v, %v, expected %v", source, s.importsC, err, want)
		}
	}
}

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
		const mode = parser.ImportsOnly | parser.SkipObjectResolution
		file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, mode)
		if err != nil {
			return
		}
		want := false
		for _, spec := range file.Imports {
			want = want || slices.Contains([]string{`"C"`, "`C`"}, strings.ReplaceAll(spec.Path.Value, "\r", ""))
		}
		if head, _ := scanHead([]byte(source)); want && !head.importsC {
			t.Error("imports C, and the scanner does not see it")
		}
	})
}

// Without patterns the go command is asked only about directories that may have a main
// package. The programs are those that the pattern ./... would find.
func TestListedDirectories(t *testing.T) {
	broken := "package broken\n\nimport _ \"example.com/missing\"\n\nfunc {\n"
	files := map[string]string{
		"go.mod":               "module example.com/tool\n\ngo 1.25\n\nignore ./cmd/ignored\n",
		"main.go":              mainFile,
		"cmd/a/main.go":        mainFile,
		"cmd/ignored/main.go":  mainFile,
		"cmd/nested/go.mod":    "module example.com/tool/cmd/nested\n\ngo 1.24\n",
		"cmd/nested/main.go":   mainFile,
		"cmd/windows/main.go":  "//go:build windows\n\n" + mainFile,
		"lib/lib.go":           "package lib\n",
		"lib/gen.go":           "//go:build ignore\n\n" + mainFile,
		"mixed/mixed.go":       "package mixed\n",
		"mixed/gen.go":         "//go:build tools\n\n" + mainFile,
		"testdata/x/main.go":   mainFile,
		"_hidden/main.go":      mainFile,
		"cmd/nothing/README":   "",
		"cmd/nested/x/main.go": mainFile,
	}

	for name, want := range map[string]string{
		"with an ignore directive":    ". cmd/a",
		"without an ignore directive": ". cmd/a cmd/ignored",
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(files)
			if !strings.HasPrefix(name, "with ") {
				files["go.mod"] = "module example.com/tool\n\ngo 1.24\n"
				files["broken/x.go"] = broken // which nobody ships
			}
			ws := open(t, options(gittest.NewRepository(t, files)))

			p, err := NewPlan(t.Context(), ws, &Spec{Targets: []string{"linux/amd64"}})
			if err != nil {
				t.Fatal(err)
			}
			var dirs []string
			for _, m := range p.Mains() {
				dirs = append(dirs, m.Dir)
			}
			if got := strings.Join(dirs, " "); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
