package release

import (
	"cmp"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The house rules that a program can check (CONTRIBUTING.md).

const modulePath = "github.com/org/go-static-release"

// Imports point one way: what each package may import of ours.
var mayImport = map[string][]string{
	"":         {"release"},
	"docs/gen": {"release", "release/config"},

	"build": {
		"build/cc", "build/crash", "build/door", "build/limit", "build/problem", "build/process", "build/static",
		"build/target", "build/template", "build/workspace",
	},
	"build/cc":                {"build/problem", "build/process", "build/static", "build/target"},
	"build/crash":             {},
	"build/door":              {},
	"build/gocache":           {"build/door"},
	"build/limit":             {},
	"build/problem":           {},
	"build/process":           {},
	"build/smoke":             {"build/process", "build/target"},
	"build/static":            {},
	"build/target":            {"build/problem"},
	"build/template":          {"build/problem"},
	"build/workspace":         {"build/crash", "build/door", "build/problem", "build/process"},
	"build/workspace/gittest": {},

	"release": {
		"build", "build/crash", "build/door", "build/gocache", "build/limit", "build/problem", "build/process",
		"build/smoke", "build/target", "build/template", "build/workspace",
		"release/actions", "release/config", "release/dist", "release/github", "release/hint", "release/inspect",
		"release/output", "release/pack", "release/publish", "release/quote", "release/report", "release/term",
	},
	"release/actions": {"release/quote"},
	"release/config": {
		"build", "build/cc", "build/door", "build/problem", "build/template", "build/workspace",
		"release/actions", "release/output", "release/pack", "release/quote",
	},
	"release/dist": {
		"build", "build/crash", "build/door", "build/problem", "build/workspace", "release/output", "release/report",
	},
	"release/github":  {"build/problem", "release/output", "release/publish", "release/quote"},
	"release/hint":    {"build/problem", "release/quote"},
	"release/inspect": {"build/crash", "build/problem", "build/static", "release/quote"},
	"release/output":  {},
	"release/pack":    {"build/crash", "build/door"},
	"release/publish": {"release/output"},
	"release/quote":   {},
	"release/report": {
		"build", "build/cc", "build/problem", "build/smoke", "build/workspace",
		"release/hint", "release/output", "release/publish", "release/quote",
	},
	"release/term": {"release/quote", "release/report"},

	"release/actiontest":                       {},
	"release/github/githubtest":                {},
	"release/github/githubtest/cmd/fakegithub": {"release/github/githubtest"},
	"testdata/benchmarks":                      {},
	"testdata/projects":                        {},
}

// Packages that another one must not import, directly or not. They would make a small
// package, or the program, large.
var mustNotReach = map[string][]string{
	"build":        {"net/http"},
	"build/static": {"net/http", "os/exec"},
	"": {
		"testing",
		"github.com/spf13/cobra/doc",
		"github.com/cpuguy83/go-md2man/v2/md2man",
		"github.com/getkin/kin-openapi/openapi3",
		modulePath + "/build/workspace/gittest",
		modulePath + "/release/github/githubtest",
	},
}

// Only package release uses cobra. docs/gen writes the manual pages, and only there may the
// generator be linked.
var mayImportOthers = map[string][]string{
	"github.com/spf13/cobra":     {"release", "docs/gen"},
	"github.com/spf13/pflag":     {"release", "docs/gen"},
	"github.com/spf13/cobra/doc": {"docs/gen"},
}

type listedPackage struct {
	ImportPath    string
	Imports, Deps []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	// The go command skips testdata, so its packages are named.
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps",
		"./...", "./testdata/benchmarks", "./testdata/projects")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listedPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

// With -v it prints the graph.
func TestImportsPointOneWay(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, modulePath), "/")
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the layout", p.ImportPath)
		}

		var ours []string
		for _, imp := range p.Imports {
			own, isOurs := strings.CutPrefix(imp, modulePath+"/")
			if isOurs {
				ours = append(ours, own)
				if !slices.Contains(allowed, own) {
					t.Errorf("%s imports %s", p.ImportPath, own)
				}
			}
			importers, limited := mayImportOthers[imp]
			if limited && !slices.Contains(importers, name) {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
		t.Logf("%s -> %s", cmp.Or(name, "main"), cmp.Or(strings.Join(ours, " "), "nothing of ours"))

		for _, bad := range mustNotReach[name] {
			if slices.Contains(p.Deps, bad) {
				t.Errorf("%s reaches %s", p.ImportPath, bad)
			}
		}
		for _, dep := range p.Deps {
			if strings.HasPrefix(name, "build") && strings.HasPrefix(dep, modulePath+"/release") {
				t.Errorf("%s reaches %s", p.ImportPath, dep)
			}
			isThirdParty := strings.Contains(dep, ".") && !strings.HasPrefix(dep, "vendor/")
			if name == "build/static" && isThirdParty {
				t.Errorf("build/static reaches %s, which is not in the standard library", dep)
			}
		}
	}
}

// goFiles calls f for every Go file of the project.
func goFiles(t *testing.T, f func(name, path string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		if d.IsDir() && skipsDirectory(name) {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, ".go") {
			f(name, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// skipsDirectory reports whether a directory holds no Go files of the project. The only
// packages in testdata are the benchmarks and the projects.
func skipsDirectory(name string) bool {
	switch name {
	case "..", "testdata", "testdata/benchmarks", "testdata/projects":
		return false
	}

	base := path.Base(name)
	isHidden := strings.HasPrefix(base, ".")
	isData := base == "testdata" || path.Dir(name) == "testdata"
	return name == "dist" || isHidden || isData
}

// sources calls f for every Go file that is no test.
func sources(t *testing.T, f func(name string, set *token.FileSet, file *ast.File)) {
	t.Helper()
	goFiles(t, func(name, path string) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		f(name, set, file)
	})
}

// Only main.go may use process-wide state. Elsewhere it makes code hard to test.
var mainOnly = []string{
	"os.Exit",
	"os.Getenv",
	"os.LookupEnv",
	"os.Environ",
	"os.Setenv",
	"os.Chdir",
	"context.Background",
	"context.TODO",
}

// Files that may call time.Now: to measure durations, never for content.
var timeNow = []string{
	"release/lane.go",
	"release/joins.go",
	"release/github/pace.go",
	"release/github/retry.go",
	"release/cache.go",
	"release/inspect/transport.go",
}

// isPartOfMain reports whether a file belongs to a package main.
func isPartOfMain(name string) bool {
	commands := []string{
		"build/workspace/gittest/", // only tests import it
		"docs/gen/",
		"release/github/githubtest/cmd/",
		"testdata/benchmarks/",
		"testdata/projects/",
	}
	inCommand := func(dir string) bool { return strings.HasPrefix(name, dir) }
	return name == "main.go" || slices.ContainsFunc(commands, inCommand)
}

func TestNoGlobalState(t *testing.T) {
	files := 0
	sources(t, func(name string, set *token.FileSet, file *ast.File) {
		files++
		isMain := isPartOfMain(name)
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				t.Errorf("%s: an init function", name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			id, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			call := id.Name + "." + sel.Sel.Name
			// The fake loads what is embedded in it; there is no caller's context to pass on.
			embedded := name == "release/github/githubtest/openapi.go" && call == "context.Background"
			if !isMain && !embedded && slices.Contains(mainOnly, call) {
				t.Errorf("%s: %s", set.Position(n.Pos()), call)
			}
			if !isMain && call == "time.Now" && !slices.Contains(timeNow, name) {
				t.Errorf("%s: %s", set.Position(n.Pos()), call)
			}
			return true
		})
	})
	if files < 20 {
		t.Fatalf("only %d source files were looked at", files)
	}
}

// Package variables are tables: nothing assigns to them after start.
func TestPackageVariablesAreNotWritten(t *testing.T) {
	variables := map[string]map[string]bool{} // directory -> names
	sources(t, func(name string, _ *token.FileSet, file *ast.File) {
		dir := filepath.Dir(name)
		if variables[dir] == nil {
			variables[dir] = map[string]bool{}
		}
		for _, decl := range file.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.VAR {
				for _, spec := range gen.Specs {
					for _, id := range spec.(*ast.ValueSpec).Names {
						variables[dir][id.Name] = true
					}
				}
			}
		}
	})
	sources(t, func(name string, set *token.FileSet, file *ast.File) {
		dir := filepath.Dir(name)
		ast.Inspect(file, func(n ast.Node) bool {
			assign, ok := n.(*ast.AssignStmt)
			if !ok || assign.Tok == token.DEFINE {
				return true
			}
			for _, lhs := range assign.Lhs {
				if index, ok := lhs.(*ast.IndexExpr); ok {
					lhs = index.X
				}
				id, ok := lhs.(*ast.Ident)
				if !ok || !variables[dir][id.Name] {
					continue
				}

				// An identifier with an Obj is declared in this file. It may be a local variable
				// with the name of a package variable.
				if id.Obj == nil || file.Scope.Lookup(id.Name) == id.Obj {
					t.Errorf("%s writes the package variable %s", set.Position(n.Pos()), id.Name)
				}
			}
			return true
		})
	})
}

// Errors leave out words that say nothing, and do not end like a sentence.
func TestErrorsAreWellSaid(t *testing.T) {
	sources(t, func(name string, set *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Errorf" && !(sel.Sel.Name == "New" && isIdent(sel.X, "errors")) {
				return true
			}
			lit, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			text := strings.Trim(lit.Value, "`\"")

			saysNothing := strings.Contains(text, "failed to") || strings.Contains(text, "unable to")
			isSentence := strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!")
			if saysNothing || isSentence {
				t.Errorf("%s: %s", set.Position(n.Pos()), lit.Value)
			}
			return true
		})
	})
}

// The comment of package build, the largest one, lists its files. It names each of them, and no
// others.
func TestBuildListsItsFiles(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../build/plan.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(`[a-z_*]+\.go\b`).FindAllString(file.Doc.Text(), -1)

	for _, pattern := range listed {
		if found, err := filepath.Glob("../build/" + pattern); err != nil || len(found) == 0 {
			t.Errorf("%s is listed, and there is no such file: %v", pattern, err)
		}
	}

	sources(t, func(name string, _ *token.FileSet, _ *ast.File) {
		isListed := func(pattern string) bool {
			match, err := path.Match(pattern, path.Base(name))
			return err == nil && match
		}
		if path.Dir(name) == "build" && !slices.ContainsFunc(listed, isListed) {
			t.Errorf("%s is not in the list of files in the comment of package build", name)
		}
	})
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// Every package has a comment that says what it is for, and every script one that says what it
// shows.
func TestEverythingSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	sources(t, func(name string, _ *token.FileSet, file *ast.File) {
		dir := filepath.Dir(name)
		documented[dir] = documented[dir] || file.Doc != nil
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment", dir)
		}
	}
	scripts, err := filepath.Glob(filepath.Join("..", "testdata", "script", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		data, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(data), "# ") {
			t.Errorf("%s does not begin by saying what it shows", script)
		}
	}
}
