package build

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
)

// A Cause is a package because of which a program asks for a loader or for libraries, or
// does not work without cgo.
type Cause struct {
	Package string   `json:"package"`
	How     string   `json:"how"`            // "asks for libc.so.6 (//go:cgo_import_dynamic)"
	Chain   []string `json:"chain"`          // shortest way of imports, from the main package to Package
	File    string   `json:"file,omitempty"` // whose import leads out of the module; relative to it, slashes
	Line    int      `json:"line,omitempty"`
}

func (c Cause) String() string {
	return fmt.Sprintf("because %s %s: %s", c.Package, c.How, strings.Join(c.Chain, " -> "))
}

// Causes finds the packages of one program because of which it asks for libraries, by
// walking the dependency graph of the target. If there are none, the linker flags did it.
func Causes(ctx context.Context, ws *workspace.Workspace, b Build, m Main) ([]Cause, error) {
	graph, err := listGraph(ctx, ws, b.env(), b.Tags, []Main{m})
	if err != nil {
		return nil, err
	}

	from := importers(graph, m.ImportPath)
	var causes []Cause
	for path := range from {
		how, err := graph[path].linkCause()
		if err != nil {
			return nil, err
		}
		if how == "" {
			continue
		}

		c := Cause{
			Package: path,
			How:     how,
			Chain:   chain(from, path),
		}
		c.File, c.Line = importPosition(ws.Dir, graph, c.Chain)
		causes = append(causes, c)
	}

	slices.SortFunc(causes, func(a, b Cause) int { return strings.Compare(a.Package, b.Package) })
	return causes, nil
}

// cgoPackages lists the packages outside the standard library that use cgo for t if it is
// on. tags are the user's build tags.
func cgoPackages(
	ctx context.Context, ws *workspace.Workspace, t target.Target, tags string, mains []Main,
) (packages []node, err error) {
	env := append(t.Env(), "CGO_ENABLED=1")
	graph, err := listGraph(ctx, ws, env, cgoTags(t, tags), mains)
	if err != nil {
		return nil, err
	}

	for _, n := range graph {
		if len(n.CgoFiles) > 0 && !n.Standard {
			packages = append(packages, n)
		}
	}
	slices.SortFunc(packages, func(a, b node) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return packages, nil
}

// cgoTags returns the build tags with cgo: the user's, and where there is a choice those
// with which net and os/user do without C. On macOS and Windows they ask the system either
// way.
func cgoTags(t target.Target, tags string) string {
	switch t.OS {
	case "darwin", "ios", "windows":
		return tags
	}

	const pure = "netgo,osusergo"
	if tags == "" {
		return pure
	}
	return pure + "," + tags
}

// importers walks the graph from the main package, nearest first. It returns, for every
// package, the one that imports it on the shortest way; "" for the main package.
func importers(graph graph, main string) map[string]string {
	from := map[string]string{main: ""}
	for queue := []string{main}; len(queue) > 0; queue = queue[1:] {
		for _, imported := range graph[queue[0]].Imports {
			_, seen := from[imported]
			if !seen && imported != "C" {
				from[imported] = queue[0]
				queue = append(queue, imported)
			}
		}
	}
	return from
}

// chain returns the way from a main package to path.
func chain(from map[string]string, path string) (way []string) {
	for ; path != ""; path = from[path] {
		way = append(way, path)
	}
	slices.Reverse(way)
	return way
}

// importDynamic is the directive by which a package without any C asks the linker for
// a library (cmd/compile, noder.go: allowed in every package).
var importDynamic = regexp.MustCompile(`(?m)^//go:cgo_import_dynamic \S+ \S+ "([^"]+)"`)

// linkCause returns why the linker adds libraries because of the package, "" if it does
// not. The directives of the standard library belong to the systems that need them, which
// package static knows.
func (n node) linkCause() (string, error) {
	switch {
	case len(n.CgoFiles) > 0 && n.ImportPath != "runtime/cgo": // which comes with the others
		return "uses cgo", nil
	case n.Standard:
		return "", nil
	}

	isStub, err := n.isStub()
	if err != nil {
		return "", err
	}
	if isStub {
		return "only returns errors without cgo", nil
	}

	var libraries []string
	for _, file := range n.GoFiles {
		data, err := door.ReadRegular(filepath.Join(n.Dir, file), workspace.MaxSource)
		if err != nil {
			return "", fmt.Errorf("reading the source of %s: %w", n.ImportPath, err)
		}
		for _, m := range importDynamic.FindAllSubmatch(data, -1) {
			library := string(m[1])
			if !slices.Contains(libraries, library) {
				libraries = append(libraries, library)
			}
		}
	}
	if len(libraries) == 0 {
		return "", nil
	}
	return "asks for " + strings.Join(libraries, ", ") + " (//go:cgo_import_dynamic)", nil
}

// importPosition returns the import by which a chain leaves the module in dir, relative to
// it, "" if the chain does not leave it.
func importPosition(dir string, graph graph, chain []string) (file string, line int) {
	for i := range len(chain) - 1 {
		n, next := graph[chain[i]], graph[chain[i+1]]
		if !n.inModule() || next.inModule() {
			continue
		}

		for _, name := range slices.Concat(n.GoFiles, n.CgoFiles) {
			path := filepath.Join(n.Dir, name)
			line := importLine(path, next.ImportPath)
			rel, err := filepath.Rel(dir, path)
			if line > 0 && err == nil {
				return filepath.ToSlash(rel), line
			}
		}
	}
	return "", 0
}

// importLine returns the line on which a Go file imports a package, 0 if it does not. The
// file was compiled, so an error is not reported: only a message would point elsewhere.
func importLine(path, importPath string) int {
	set := token.NewFileSet()
	f, err := parseSource(set, path, parser.ImportsOnly)
	if err != nil {
		return 0
	}

	for _, imp := range f.Imports {
		imported, err := strconv.Unquote(imp.Path.Value)
		if err == nil && imported == importPath {
			return set.Position(imp.Pos()).Line
		}
	}
	return 0
}
