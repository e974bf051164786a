package release

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Main cannot recover from a panic in another goroutine: the Go runtime ends the process with
// exit status 2, which means that nothing was started. So every goroutine begins with
// crash.Catch.
func TestGoroutinesCatch(t *testing.T) {
	found := 0
	sources(t, func(name string, set *token.FileSet, file *ast.File) {
		// The signal handler in main.go has a few lines; the others are programs of their own.
		if name == "main.go" ||
			strings.HasPrefix(name, "testdata/benchmarks/") ||
			strings.HasPrefix(name, "release/github/githubtest/") {
			return
		}

		ast.Inspect(file, func(node ast.Node) bool {
			call := goroutineCall(node)
			if call == nil {
				return true
			}

			found++
			if !mentions(call, "crash", "Catch") && !isOnlyCancel(call) {
				t.Errorf("%s: a goroutine begins here without crash.Catch", set.Position(call.Pos()))
			}
			return true
		})
	})

	if found < 7 {
		t.Errorf("only %d goroutines were found", found)
	}
}

// goroutineCall returns the call that a node runs in a new goroutine, or nil.
func goroutineCall(node ast.Node) *ast.CallExpr {
	switch n := node.(type) {
	case *ast.GoStmt:
		return n.Call
	case *ast.CallExpr:
		selector, ok := n.Fun.(*ast.SelectorExpr)
		if ok && slices.Contains([]string{"Go", "TryGo", "AfterFunc"}, selector.Sel.Name) {
			return n
		}
	}
	return nil
}

// mentions reports whether pkg.name occurs in a node.
func mentions(node ast.Node, pkg, name string) (found bool) {
	ast.Inspect(node, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			found = found || isIdent(selector.X, pkg) && selector.Sel.Name == name
		}
		return !found
	})
	return found
}

// isOnlyCancel reports whether the first function in a node does nothing but call cancel.
func isOnlyCancel(node ast.Node) (only bool) {
	ast.Inspect(node, func(n ast.Node) bool {
		function, ok := n.(*ast.FuncLit)
		if !ok || len(function.Body.List) != 1 {
			return true
		}

		if statement, ok := function.Body.List[0].(*ast.ExprStmt); ok {
			call, ok := statement.X.(*ast.CallExpr)
			only = ok && isIdent(call.Fun, "cancel")
		}
		return false
	})
	return only
}
