package release

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// What a panic in a goroutine does is up to the goroutine: Main cannot catch it, and the Go
// runtime ends the process with the status that says that nothing was started. So each one
// begins with crash.Catch.
func TestGoroutinesCatch(t *testing.T) {
	found := 0
	sources(t, func(name string, set *token.FileSet, file *ast.File) {
		if name == "main.go" || strings.HasPrefix(name, "testdata/benchmarks/") || strings.HasPrefix(name, "release/github/githubtest/") {
			return // a signal handler of a few lines, and programs of their own
		}

		ast.Inspect(file, func(node ast.Node) bool {
			var body ast.Node
			switch n := node.(type) {
			case *ast.GoStmt:
				body = n.Call
			case *ast.CallExpr:
				if selector, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Go", "TryGo", "AfterFunc"}, selector.Sel.Name) {
					body = n
				}
			}
			if body == nil {
				return true
			}

			found++
			if !mentions(body, "crash", "Catch") && !isOnlyCancel(body) {
				t.Errorf("%s: a goroutine begins here without crash.Catch", set.Position(body.Pos()))
			}
			return true
		})
	})
	if found < 7 {
		t.Errorf("only %d goroutines were found", found)
	}
}

// mentions reports whether there is pkg.name in a node.
func mentions(node ast.Node, pkg, name string) (found bool) {
	ast.Inspect(node, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if ok {
			x, ok := selector.X.(*ast.Ident)
			found = found || ok && x.Name == pkg && selector.Sel.Name == name
		}
		return !found
	})
	return found
}

// isOnlyCancel reports whether a call starts nothing but the end of a context.
func isOnlyCancel(node ast.Node) (only bool) {
	ast.Inspect(node, func(n ast.Node) bool {
		function, ok := n.(*ast.FuncLit)
		if !ok || len(function.Body.List) != 1 {
			return true
		}
		statement, ok := function.Body.List[0].(*ast.ExprStmt)
		if ok {
			call, ok := statement.X.(*ast.CallExpr)
			if ok {
				called, ok := call.Fun.(*ast.Ident)
				only = ok && called.Name == "cancel"
			}
		}
		return false
	})
	return only
}
