package release

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"
)

// Every hint of the program, as a reader in a workflow and one on a laptop see it. What is
// known only when the program runs stands in ‹ ›, as Go writes it.
//
// go test ./release -run TestHints -update writes the list.
func TestHints(t *testing.T) {
	hints := allHints(t)

	var list strings.Builder
	for _, h := range hints {
		h.check(t)

		fmt.Fprintf(&list, "%s\n", h.place)
		for _, side := range []struct {
			name     string
			workflow bool
		}{
			{"workflow", true},
			{"laptop", false},
		} {
			words := hint.Words(h.remedy, side.workflow)
			fmt.Fprintf(&list, "  %-8s  %s\n", side.name, strings.ReplaceAll(words, "\n", "\n            "))
		}
	}

	const file = "testdata/hints.txt"
	if *update {
		if err := os.WriteFile(file, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != list.String() {
		t.Errorf("%s is not what the program says; write it again with -update, and read the difference", file)
	}
}

// A sourceHint is a remedy in the source of the program.
type sourceHint struct {
	place  string // "build/plan.go undoChanges"
	remedy problem.Remedy
}

// allHints returns the remedies in the source, in the order of files and lines. A remedy
// that is part of another one is not listed by itself.
func allHints(t *testing.T) (hints []sourceHint) {
	t.Helper()

	packages := map[string][]string{} // directory -> files
	for _, root := range []string{"../build", "."} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			isSource := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
			if err == nil && isSource {
				dir := filepath.Dir(path)
				packages[dir] = append(packages[dir], path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	for _, dir := range slices.SortedFunc(maps.Keys(packages), func(a, b string) int {
		return cmp.Compare(inProject(a), inProject(b))
	}) {
		hints = append(hints, hintsOf(t, packages[dir])...)
	}
	return hints
}

// inProject returns the name of a file relative to the root of this project, with slashes.
func inProject(path string) string {
	return filepath.ToSlash(filepath.Clean(filepath.Join("release", path)))
}

// hintsOf returns the remedies in the files of one package.
func hintsOf(t *testing.T, files []string) (hints []sourceHint) {
	t.Helper()

	set := token.NewFileSet()
	r := reader{values: map[string]ast.Expr{}}
	parsed := make([]*ast.File, len(files))
	for i, name := range files {
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed[i] = f
		for _, decl := range f.Decls {
			r.learn(decl)
		}
	}

	for i, f := range parsed {
		for _, decl := range f.Decls {
			inside := r
			inside.values = overlay(r.values, localValues(decl))

			ast.Inspect(decl, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || remedyOf(call) == "" {
					return true
				}
				hints = append(hints, sourceHint{
					place:  inProject(files[i]) + " " + nameOf(decl),
					remedy: inside.remedy(call),
				})
				return false
			})
		}
	}
	return hints
}

// nameOf returns the name of what a declaration declares.
func nameOf(decl ast.Decl) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		if spec, ok := d.Specs[0].(*ast.ValueSpec); ok {
			return spec.Names[0].Name
		}
	}
	return ""
}

// A reader evaluates the expressions of remedies, as far as they are constant.
type reader struct {
	values map[string]ast.Expr // what constants and variables are set to, the first time
}

// learn remembers the values of constants and variables of a package.
func (r reader) learn(decl ast.Decl) {
	gen, ok := decl.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range gen.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range v.Names {
			if i < len(v.Values) {
				r.values[name.Name] = v.Values[i]
			}
		}
	}
}

// localValues returns the values of the variables that a declaration sets only once.
func localValues(decl ast.Decl) map[string]ast.Expr {
	values := map[string]ast.Expr{}
	times := map[string]int{}
	ast.Inspect(decl, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for i, left := range assign.Lhs {
			id, ok := left.(*ast.Ident)
			if !ok {
				continue
			}
			times[id.Name]++
			if len(assign.Lhs) == len(assign.Rhs) {
				values[id.Name] = assign.Rhs[i]
			}
		}
		return true
	})

	for name, n := range times {
		if n > 1 {
			delete(values, name)
		}
	}
	return values
}

// overlay returns the entries of two maps. Those of the second win.
func overlay(first, second map[string]ast.Expr) map[string]ast.Expr {
	both := maps.Clone(first)
	maps.Copy(both, second)
	return both
}

// constructors make remedies.
var constructors = []string{
	"Set", "Flag", "Run", "Step", "Guess", "Advise", "Either", "Both", "There", "On", "Lines",
}

// remedyOf returns the name of the constructor that a call calls, "For" for the method of a
// remedy, "" if the call makes no remedy.
func remedyOf(call *ast.CallExpr) string {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	name := selector.Sel.Name
	if id, ok := selector.X.(*ast.Ident); ok && id.Name == "problem" && slices.Contains(constructors, name) {
		return name
	}
	inner, ok := selector.X.(*ast.CallExpr)
	if ok && name == "For" && remedyOf(inner) != "" {
		return name
	}
	return ""
}

// remedy evaluates an expression of type problem.Remedy.
func (r reader) remedy(e ast.Expr) problem.Remedy {
	if id, ok := e.(*ast.Ident); ok && r.values[id.Name] != nil {
		value := r.values[id.Name]
		if call, ok := value.(*ast.CallExpr); ok && remedyOf(call) != "" {
			return r.remedy(value)
		}
	}
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return problem.Advise(unknown(e))
	}

	text := func(i int) string { return r.text(call.Args[i]) }
	switch remedyOf(call) {
	case "Set":
		return problem.Set(text(0), text(1))
	case "Flag":
		return problem.Flag(text(0))
	case "Run":
		return problem.Run(text(0))
	case "Step":
		return problem.Step(text(0))
	case "Guess":
		return problem.Guess(text(0))
	case "Advise":
		return problem.Advise(text(0))
	case "Either":
		return problem.Either(r.remedies(call.Args)...)
	case "Both":
		return problem.Both(r.remedies(call.Args)...)
	case "Lines":
		return problem.Lines(r.remedies(call.Args)...)
	case "There":
		return problem.There(r.remedy(call.Args[0]), r.remedy(call.Args[1]))
	case "On":
		return problem.On(text(0), r.remedy(call.Args[1]))
	case "For":
		return r.remedy(call.Fun.(*ast.SelectorExpr).X).For(text(0))
	}
	return problem.Advise(unknown(e))
}

func (r reader) remedies(args []ast.Expr) (list []problem.Remedy) {
	for _, arg := range args {
		list = append(list, r.remedy(arg))
	}
	return list
}

// verb matches a verb of package fmt.
var verb = regexp.MustCompile(`%[-+# 0]*[0-9]*(\.[0-9]+)?[a-zA-Z]`)

// text evaluates an expression of type string.
func (r reader) text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text
		}

	case *ast.ParenExpr:
		return r.text(e.X)

	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return r.text(e.X) + r.text(e.Y)
		}

	case *ast.Ident:
		switch value := r.values[e.Name].(type) {
		case *ast.BasicLit, *ast.BinaryExpr:
			return r.text(value)
		}

	case *ast.CallExpr:
		if types.ExprString(e.Fun) != "fmt.Sprintf" {
			break
		}
		args := e.Args[1:]
		return verb.ReplaceAllStringFunc(r.text(e.Args[0]), func(string) string {
			if len(args) == 0 {
				return unknown(e)
			}
			arg := args[0]
			args = args[1:]
			return r.text(arg)
		})
	}
	return unknown(e)
}

// unknown stands for an expression whose value is known only when the program runs.
func unknown(e ast.Expr) string { return "‹" + types.ExprString(e) + "›" }

// placeholder matches what unknown returns.
var placeholder = regexp.MustCompile(`‹[^‹›]*›`)

// check checks that a hint can be pasted where the reader is.
func (h sourceHint) check(t *testing.T) {
	t.Helper()

	switch r := h.remedy; r.Kind {
	case problem.SetKind:
		if _, ok := config.Find(r.Setting); !ok && !placeholder.MatchString(r.Setting) {
			t.Errorf("%s: there is no setting %q", h.place, r.Setting)
		}

	case problem.RunKind:
		h.checkShell(t, r.Text)

	case problem.StepKind:
		var steps []map[string]any
		text := placeholder.ReplaceAllString(r.Text, "x")
		if err := yaml.Unmarshal([]byte(text), &steps); err != nil || len(steps) != 1 {
			t.Errorf("%s: not one step of a workflow: %s", h.place, r.Text)
		}
		if command, ok := steps[0]["run"].(string); ok {
			h.checkShell(t, command)
		}

	case problem.ThereKind:
		workflow := hint.Words(r.Of[0], true)
		if strings.HasPrefix(workflow, "export ") || strings.HasPrefix(workflow, "--") {
			t.Errorf("%s: nobody can paste this into a workflow: %s", h.place, workflow)
		}
		elsewhere := hint.Words(r.Of[1], false)
		if strings.HasPrefix(elsewhere, "- ") || strings.Contains(elsewhere, "uses:") {
			t.Errorf("%s: nobody can paste this into a terminal: %s", h.place, elsewhere)
		}
	}

	for _, part := range h.remedy.Of {
		sourceHint{place: h.place, remedy: part}.check(t)
	}
}

// checkShell checks that a command can be read by a POSIX shell.
func (h sourceHint) checkShell(t *testing.T, command string) {
	t.Helper()

	if _, err := exec.LookPath("sh"); err != nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-n")
	cmd.Stdin = strings.NewReader(placeholder.ReplaceAllString(command, "x"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: a shell cannot read %q: %v\n%s", h.place, command, err, out)
	}
}
