package build

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace/gittest"
)

// planErrors returns the problems of a plan for the module in dir.
func planErrors(t *testing.T, dir string, spec *Spec) problem.List {
	t.Helper()
	spec.Targets = []string{"linux/amd64", "windows/amd64"}
	_, err := NewPlan(t.Context(), open(t, options(dir)), spec)
	var ps problem.List
	if err != nil && !errors.As(err, &ps) {
		t.Fatal(err)
	}
	return ps
}

// importing returns a main package that imports packages.
func importing(imports ...string) string {
	var b strings.Builder
	b.WriteString("package main\n\n")
	for _, path := range imports {
		fmt.Fprintf(&b, "import _ %q\n", path)
	}
	b.WriteString("\nfunc main() {}\n")
	return b.String()
}

// What is wrong with a package is found before compiling, with the place in the module that
// leads to it, and with its own remedy.
func TestPackagesThatCannotBeLoaded(t *testing.T) {
	makeIt := func(name string) problem.Remedy {
		return problem.Advise("make " + name + " in a step before this one, if it is generated")
	}
	submodule := "[submodule \"third\"]\n\tpath = third\n\turl = https://example.org/third\n"
	submodules := problem.There(
		problem.Step("- {uses: actions/checkout@v7, with: {submodules: recursive}}"),
		problem.Run("git submodule update --init --recursive"),
	)
	const forCommit = "files that the commit need not have"

	for name, test := range map[string]struct {
		files  map[string]string
		text   string
		at     problem.Position // without Message
		remedy problem.Remedy
	}{
		"a package of a missing module, which a dependency imports": {
			files: map[string]string{
				"go.mod":     goMod + "\nrequire example.org/lib v0.0.0\n\nreplace example.org/lib => ./lib\n",
				"main.go":    importing("example.org/lib"),
				"lib/go.mod": "module example.org/lib\n",
				"lib/lib.go": "package lib\n\nimport _ \"example.org/missing\"\n",
			},
			text: "lib/lib.go:3:8: cannot find module providing package example.org/missing: " +
				"import lookup disabled by -mod=readonly",
			at:     problem.Position{File: "lib/lib.go", Line: 3, Column: 8},
			remedy: problem.Run("go mod tidy").For("then commit go.mod and go.sum"),
		},
		"a cycle": {
			files: map[string]string{
				"go.mod":  goMod,
				"main.go": importing("example.com/tool/a"),
				"a/a.go":  "package a\n\nimport _ \"example.com/tool/b\"\n",
				"b/b.go":  "package b\n\nimport _ \"example.com/tool/a\"\n",
			},
			text: "b/b.go:3: import cycle not allowed: " +
				"example.com/tool/a -> example.com/tool/b -> example.com/tool/a",
			at:     problem.Position{File: "b/b.go", Line: 3},
			remedy: problem.Advise("move what both packages need into a third package"),
		},
		"a package behind a build tag": {
			files: map[string]string{
				"go.mod":  goMod,
				"main.go": importing("example.com/tool/a"),
				"a/a.go":  "//go:build (linux && embedded) || ignore\n\npackage a\n",
			},
			text: "main.go:3: build constraints exclude all Go files for linux/amd64: " +
				"package example.com/tool/a needs a build tag",
			at:     problem.Position{File: "main.go", Line: 3},
			remedy: problem.Set("tags", "extra,embedded"),
		},
		"a package for another system": {
			files: map[string]string{
				"go.mod":         goMod,
				"main.go":        importing("example.com/tool/a"),
				"a/a_windows.go": "package a\n",
			},
			text: "main.go:3: build constraints exclude all Go files for linux/amd64: " +
				"package example.com/tool/a is not for it",
			at: problem.Position{File: "main.go", Line: 3},
			remedy: problem.Advise("import it only in files for the systems that it is for, " +
				"with a line such as //go:build linux, or leave the target out"),
		},
		"a package that needs C": {
			files: map[string]string{
				"go.mod":  goMod,
				"main.go": importing("example.com/tool/a"),
				"a/a.go":  "package a\n\nimport \"C\"\n",
			},
			text: "main.go:3: build constraints exclude all Go files for linux/amd64: " +
				"example.com/tool/a uses cgo, and cgo is off",
			at:     problem.Position{File: "main.go", Line: 3},
			remedy: problem.Either(problem.Set("cgo", "static")),
		},
		"a generated package that git ignores, with a directive": {
			files: map[string]string{
				"go.mod":     goMod,
				".gitignore": "# made by protoc\n/gen/\n",
				"main.go":    importing("example.com/tool/gen/api"),
				"api/api.go": "package api\n\n//go:generate protoc --go_out=../gen/api api.proto\n",
			},
			text: "main.go:3:8: package example.com/tool/gen/api is missing: gen/api does not exist " +
				"(git ignores it: .gitignore:2: /gen/)",
			at: problem.Position{File: "main.go", Line: 3, Column: 8},
			remedy: problem.Lines(
				problem.There(problem.Step("- run: go generate ./api"), problem.Run("go generate ./api")),
				problem.Set("generated", "gen/api/**").For(forCommit),
			),
		},
		"a package whose files git ignores": {
			files: map[string]string{
				"go.mod":        goMod,
				".gitignore":    "*.pb.go\n",
				"main.go":       importing("example.com/tool/api"),
				"api/api.proto": "syntax = \"proto3\";\n",
				"buf.gen.yaml":  "version: v2\n",
			},
			text: "main.go:3:8: package example.com/tool/api is missing: api has no Go files " +
				"(git ignores it: .gitignore:1: *.pb.go)",
			at: problem.Position{File: "main.go", Line: 3, Column: 8},
			remedy: problem.Lines(
				problem.There(problem.Step("- run: buf generate"), problem.Run("buf generate")),
				problem.Set("generated", "api/**").For(forCommit),
			),
		},
		"a package that was not committed": {
			files: map[string]string{
				"go.mod":  goMod,
				"main.go": importing("example.com/tool/api"),
			},
			text: "main.go:3:8: package example.com/tool/api is missing: api does not exist",
			at:   problem.Position{File: "main.go", Line: 3, Column: 8},
			remedy: problem.Lines(
				makeIt("api"),
				problem.Run("git add :/api && git commit"),
			),
		},
		"a major version that the module does not have": {
			files: map[string]string{
				"go.mod":  goMod,
				"main.go": importing("example.com/tool/v2/a"),
				"a/a.go":  "package a\n",
			},
			text: "main.go:3:8: cannot find module providing package example.com/tool/v2/a: " +
				"import lookup disabled by -mod=readonly",
			at: problem.Position{File: "main.go", Line: 3, Column: 8},
			remedy: problem.Either(
				problem.Run("go mod edit -module example.com/tool/v2").For("if the imports are right"),
				problem.Advise("write the imports without /v2"),
			),
		},
		"a generated package of another module in go.work": {
			files: map[string]string{
				"go.work":       "go 1.24\n\nuse (\n\t.\n\t./lib\n)\n",
				"go.mod":        goMod,
				"main.go":       importing("example.com/lib"),
				"lib/go.mod":    "module example.com/lib\n\ngo 1.24\n",
				"lib/lib.go":    "package lib\n\nimport _ \"example.com/lib/gen\"\n",
				"lib/sqlc.yaml": "version: \"2\"\n",
			},
			text: "lib/lib.go:3:8: package example.com/lib/gen is missing: lib/gen does not exist",
			at:   problem.Position{File: "lib/lib.go", Line: 3, Column: 8},
			remedy: problem.Lines(
				problem.There(
					problem.Step("- {run: sqlc generate, working-directory: \"lib\"}"),
					problem.Run("(cd DIR/lib && sqlc generate)"),
				),
				problem.Run("git add :/lib/gen && git commit"),
			),
		},
		"a nested module": {
			files: map[string]string{
				"go.mod":     goMod,
				"main.go":    importing("example.com/tool/sdk"),
				"sdk/go.mod": "module example.com/tool/sdk\n",
				"sdk/sdk.go": "package sdk\n",
			},
			text: "main.go:3:8: cannot find module providing package example.com/tool/sdk: " +
				"import lookup disabled by -mod=readonly",
			at:     problem.Position{File: "main.go", Line: 3, Column: 8},
			remedy: problem.Run("go mod tidy").For("then commit go.mod and go.sum"),
		},
		"a module in a submodule": {
			files: map[string]string{
				"go.mod":      goMod + "\nrequire example.org/lib v0.0.0\n\nreplace example.org/lib => ./third/lib\n",
				"main.go":     importing("example.org/lib"),
				".gitmodules": submodule,
			},
			text:   "main.go:3:8: example.org/lib@v0.0.0: replacement directory ./third/lib does not exist",
			at:     problem.Position{File: "main.go", Line: 3, Column: 8},
			remedy: submodules,
		},
		"embedded files in a submodule": {
			files: map[string]string{
				"go.mod": goMod,
				"main.go": "package main\n\nimport \"embed\"\n\n//go:embed third/ui\n" +
					"var ui embed.FS\n\nfunc main() { _ = ui }\n",
				".gitmodules": submodule,
			},
			text:   "main.go:5:12: pattern third/ui: no matching files found",
			at:     problem.Position{File: "main.go", Line: 5, Column: 12},
			remedy: submodules,
		},
		"a front-end that is not built": {
			files: map[string]string{
				"go.mod":            goMod,
				".gitignore":        "dist/\n",
				"main.go":           importing("example.com/tool/web"),
				"web/web.go":        "package web\n\nimport \"embed\"\n\n//go:embed all:dist\nvar Files embed.FS\n",
				"web/package.json":  `{"scripts": {"build": "vite build"}}`,
				"web/yarn.lock":     "",
				"web/src/index.tsx": "",
			},
			text: "web/web.go:5:12: pattern all:dist: no matching files found (git ignores it: .gitignore:1: dist/)",
			at:   problem.Position{File: "web/web.go", Line: 5, Column: 12},
			remedy: problem.Lines(
				problem.There(
					problem.Step("- {run: corepack enable && yarn install --frozen-lockfile && yarn run build, "+
						"working-directory: \"web\"}"),
					problem.Run("(cd DIR/web && corepack enable && yarn install --frozen-lockfile && yarn run build)"),
				),
				problem.Set("generated", "web/dist/**").For(forCommit),
			),
		},
		"a directory of which nothing is embedded": {
			files: map[string]string{
				"go.mod":              goMod,
				"main.go":             importing("example.com/tool/web"),
				"web/web.go":          "package web\n\nimport \"embed\"\n\n//go:embed dist\nvar Files embed.FS\n",
				"web/dist/.gitkeep":   "",
				"web/dist/.gitignore": "*\n!.gitkeep\n",
			},
			text: "web/web.go:5:12: pattern dist: cannot embed directory dist: contains no embeddable files " +
				"(git ignores it: web/dist/.gitignore:1: *)",
			at: problem.Position{File: "web/web.go", Line: 5, Column: 12},
			remedy: problem.Lines(
				makeIt("web/dist"),
				problem.Set("generated", "web/dist/**").For(forCommit),
			),
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := gittest.NewRepository(t, test.files)
			ps := planErrors(t, dir, &Spec{Tags: "extra"})
			if len(ps) != 1 {
				t.Fatalf("%d problems: %v", len(ps), ps)
			}

			if diff := cmp.Diff(test.text, ps[0].Error()); diff != "" {
				t.Errorf("text (-want +have):\n%s", diff)
			}
			at := problem.PositionOf(ps)
			if at.Message == "" {
				t.Error("the place has no message")
			}
			at.Message = ""
			if at != test.at {
				t.Errorf("place: got %+v, expected %+v", at, test.at)
			}
			want := strings.NewReplacer("DIR", open(t, options(dir)).Dir)
			if diff := cmp.Diff(replaceTexts(test.remedy, want), problem.RemedyOf(ps)); diff != "" {
				t.Errorf("remedy (-want +have):\n%s", diff)
			}
		})
	}
}

// replaceTexts replaces words in the texts of a remedy.
func replaceTexts(r problem.Remedy, words *strings.Replacer) problem.Remedy {
	r.Text = words.Replace(r.Text)
	for i := range r.Of {
		r.Of[i] = replaceTexts(r.Of[i], words)
	}
	return r
}

// A mistake that many packages share is one problem, and names the first of them.
func TestLoadErrorsAreFew(t *testing.T) {
	var imports []string
	for i := range 300 {
		imports = append(imports, fmt.Sprintf("example.org/missing/p%03d", i))
	}
	dir := gittest.NewRepository(t, map[string]string{
		"go.mod":  goMod,
		"main.go": importing(append(imports, "example.com/tool/gone")...),
	})

	ps := planErrors(t, dir, &Spec{})
	if len(ps) != 2 {
		t.Fatalf("%d problems: %v", len(ps), ps)
	}
	lines := strings.Split(ps[1].Error(), "\n")
	if len(lines) != maxLoadErrors+1 || lines[maxLoadErrors] != "and 292 more" {
		t.Errorf("got %q", lines)
	}
	if !strings.Contains(ps[0].Error(), "gone does not exist") {
		t.Errorf("got %q", ps[0])
	}
}

// Many generated packages are one problem, with one remedy.
func TestGeneratedPackagesShareRemedy(t *testing.T) {
	var imports []string
	for i := range 20 {
		imports = append(imports, fmt.Sprintf("example.com/tool/gen/p%02d/v1", i))
	}
	dir := gittest.NewRepository(t, map[string]string{
		"go.mod":       goMod,
		".gitignore":   "gen/\n",
		"main.go":      importing(imports...),
		"buf.gen.yaml": "version: v2\n",
	})

	ps := planErrors(t, dir, &Spec{})
	want := problem.Lines(
		problem.There(problem.Step("- run: buf generate"), problem.Run("buf generate")),
		problem.Set("generated", "gen/**").For("files that the commit need not have"),
	)
	if len(ps) != 1 || !cmp.Equal(ps[0].Remedy, want) {
		t.Errorf("%d problems: %+v", len(ps), ps[0])
	}
}

// Mistakes of many kinds are not all reported.
func TestLoadProblemsAreLimited(t *testing.T) {
	module := goMod
	var imports []string
	for i := range 20 {
		path := fmt.Sprintf("example.org/lib%02d", i)
		module += "\nrequire " + path + " v0.0.0\n\nreplace " + path + " => ../" + path + "\n"
		imports = append(imports, path)
	}
	dir := gittest.NewRepository(t, map[string]string{
		"go.mod":  module,
		"main.go": importing(imports...),
	})

	ps := planErrors(t, dir, &Spec{})
	if len(ps) != maxLoadProblems+1 || ps[maxLoadProblems].Error() != "and 14 more packages cannot be loaded" {
		t.Errorf("%d problems: %v", len(ps), ps)
	}
}

// A program that would ship without its front-end gets a note.
func TestEmbeddedPlaceholders(t *testing.T) {
	embed := func(pattern string) string {
		return "package main\n\nimport \"embed\"\n\n//go:embed " + pattern + "\n" +
			"var files embed.FS\n\nfunc main() { _ = files }\n"
	}
	const page = "<!doctype html>\n<p>The UI is not built. Run make ui.\n"
	const realPage = "<!doctype html>\n<script src=app.js></script>\n"

	type files = map[string]string
	for name, test := range map[string]struct {
		pattern string
		files   files
		note    string // "" if there must be none
	}{
		"only .gitkeep": {
			pattern: "all:web",
			files:   files{"web/.gitkeep": ""},
			note:    "embeds web, which holds only .gitkeep",
		},
		"only a page": {
			pattern: "web",
			files:   files{"web/index.html": page},
			note:    "embeds web, which holds only index.html",
		},
		"the page itself": {
			pattern: "web/index.html",
			files:   files{"web/index.html": page},
			note:    "embeds web/index.html, which is a placeholder",
		},
		"only empty files": {
			pattern: "web/*",
			files:   files{"web/a.js": "", "web/b.js": ""},
			note:    "embeds web, which holds only a.js b.js",
		},
		"deep": {
			pattern: "all:web",
			files:   files{"web/a/.keep": ""},
			note:    "embeds web, which holds only .keep",
		},
		"a skeleton of directories": {
			pattern: "all:web",
			files:   files{"web/a/.gitkeep": "", "web/b/.gitkeep": ""},
		},
		"a front-end": {
			pattern: "all:web",
			files:   files{"web/.gitkeep": "", "web/index.html": realPage},
		},
		"one file with text": {
			pattern: "all:web",
			files:   files{"web/.gitkeep": "", "web/a/b.txt": "x"},
		},
		"an empty file that is named": {
			pattern: "version.txt",
			files:   files{"version.txt": ""},
		},
		"a large page": {
			pattern: "web",
			files:   files{"web/index.html": page + strings.Repeat("x", 4000)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.files["go.mod"] = goMod
			test.files["main.go"] = embed(test.pattern)
			ws := open(t, options(gittest.NewRepository(t, test.files)))
			p, err := NewPlan(t.Context(), ws, &Spec{Targets: []string{"linux/amd64"}})
			if err != nil {
				t.Fatal(err)
			}

			var notes []string
			for _, n := range p.Notes {
				notes = append(notes, n.Text)
				if n.Remedy.Kind == "" {
					t.Errorf("no remedy: %+v", n)
				}
			}
			want := []string{"package example.com/tool " + test.note}
			if test.note == "" {
				want = nil
			}
			if diff := cmp.Diff(want, notes); diff != "" {
				t.Errorf("notes (-want +have):\n%s", diff)
			}
		})
	}
}
