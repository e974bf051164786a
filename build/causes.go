package build

import (
	"context"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/org/go-static-release/build/target"

	"github.com/org/go-static-release/build/process"

	"github.com/org/go-static-release/build/door"
)

// A Cause is a package because of which a program asks for a loader or for libraries.
type Cause struct {
	Package string   `json:"package"`
	How     string   `json:"how"`            // "asks for libc.so.6 (//go:cgo_import_dynamic)"
	Chain   []string `json:"chain"`          // shortest way of imports, from the main package to Package
	File    string   `json:"file,omitempty"` // where the chain leaves the module, relative to the module, slashes
	Line    int      `json:"line,omitempty"`
}

func (c Cause) String() string {
	return fmt.Sprintf("because %s %s: %s", c.Package, c.How, strings.Join(c.Chain, " -> "))
}

// A node is one package in the dependency graph of a build.
type node struct {
	ImportPath, Name, Dir      string
	Standard                   bool
	GoFiles, CgoFiles, Imports []string
	CXXFiles, SwigCXXFiles     []string
	Module                     *struct{ Main bool }
}

// Causes finds the packages of one program that bring libraries with them, by walking the
// dependency graph of the target. Nothing found is an answer: then the linker flags did it.
func (p *Plan) Causes(ctx context.Context, b Build, m Main) ([]Cause, error) {
	graph, err := p.graph(ctx, append(b.Target.Env(), b.CC.env()...), b.Tags, []Main{m})
	if err != nil {
		return nil, err
	}
	from := importers(graph, m.ImportPath)
	var causes []Cause
	for path := range from {
		how, err := graph[path].brings()
		if err != nil {
			return nil, err
		}
		if how != "" {
			c := Cause{Package: path, How: how, Chain: chain(from, path)}
			c.File, c.Line = p.leaves(graph, c.Chain)
			causes = append(causes, c)
		}
	}
	slices.SortFunc(causes, func(a, b Cause) int { return strings.Compare(a.Package, b.Package) })
	return causes, nil
}

// graph lists all packages that programs are made of.
func (p *Plan) graph(ctx context.Context, env []string, tags string, mains []Main) (map[string]node, error) {
	args := []string{"go", "list", "-deps", "-tags=" + tags, "-json=ImportPath,Name,Dir,Standard,GoFiles,CgoFiles,CXXFiles,SwigCXXFiles,Imports,Module", "--"}
	for _, m := range mains {
		args = append(args, m.ImportPath)
	}
	out, err := process.Command{Args: args, Env: env, Dir: p.dir}.Output(ctx, p.env)
	if err != nil {
		return nil, fmt.Errorf("walking the imports: %w", err)
	}
	graph := map[string]node{}
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var n node
		if err := dec.Decode(&n); err == io.EOF {
			return graph, nil
		} else if err != nil {
			return nil, fmt.Errorf("walking the imports: %w", err)
		}
		graph[n.ImportPath] = n
	}
}

// cgoPackages lists the packages outside the standard library that have C in them for t.
func (p *Plan) cgoPackages(ctx context.Context, t target.Target, mains []Main) (packages []node, err error) {
	graph, err := p.graph(ctx, p.listEnv(t), p.cgoTags(t), mains)
	for _, n := range graph {
		if len(n.CgoFiles) > 0 && !n.Standard {
			packages = append(packages, n)
		}
	}
	slices.SortFunc(packages, func(a, b node) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return packages, err
}

// listEnv is the environment in which packages are listed before it is known whether
// any of them needs C.
func (p *Plan) listEnv(t target.Target) []string {
	if p.cgo {
		return append(t.Env(), "CGO_ENABLED=1")
	}
	return t.Env()
}

// cgoTags are the build tags with cgo: the user's, and where there is a choice those by
// which net and os/user do without C. On macOS and Windows they ask the system either way.
func (p *Plan) cgoTags(t target.Target) string {
	if !p.cgo || t.OS == "darwin" || t.OS == "ios" || t.OS == "windows" {
		return p.Tags
	}
	tags := []string{"netgo", "osusergo"}
	if p.Tags != "" {
		tags = append(tags, p.Tags)
	}
	return strings.Join(tags, ",")
}

// importers walks the graph from the main package, nearest first, and returns for every
// package the one that imports it on the shortest way; "" for the main package.
func importers(graph map[string]node, main string) map[string]string {
	from := map[string]string{main: ""}
	for queue := []string{main}; len(queue) > 0; queue = queue[1:] {
		for _, imp := range graph[queue[0]].Imports {
			if _, seen := from[imp]; !seen && imp != "C" {
				from[imp] = queue[0]
				queue = append(queue, imp)
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

// brings says what of a library the package brings, "" for nothing. The directives of
// the standard library are those of the systems that want them (claims in static).
func (n node) brings() (string, error) {
	if len(n.CgoFiles) > 0 && n.ImportPath != "runtime/cgo" { // which comes with the others
		return "uses cgo", nil
	}
	if n.Standard {
		return "", nil
	}
	var libraries []string
	for _, file := range n.GoFiles {
		data, err := door.ReadRegular(filepath.Join(n.Dir, file), maxSource)
		if err != nil {
			return "", fmt.Errorf("reading the source of %s: %w", n.ImportPath, err)
		}
		for _, m := range importDynamic.FindAllSubmatch(data, -1) {
			if !slices.Contains(libraries, string(m[1])) {
				libraries = append(libraries, string(m[1]))
			}
		}
	}
	if len(libraries) == 0 {
		return "", nil
	}
	return "asks for " + strings.Join(libraries, ", ") + " (//go:cgo_import_dynamic)", nil
}

// leaves finds the import by which a chain leaves the module. When the module itself
// is the cause there is none.
func (p *Plan) leaves(graph map[string]node, chain []string) (file string, line int) {
	for i := 0; i+1 < len(chain); i++ {
		n, next := graph[chain[i]], graph[chain[i+1]]
		if n.Module == nil || !n.Module.Main || next.Module != nil && next.Module.Main {
			continue
		}
		for _, name := range slices.Concat(n.GoFiles, n.CgoFiles) {
			set := token.NewFileSet()
			f, err := parseSource(set, filepath.Join(n.Dir, name), parser.ImportsOnly)
			if err != nil { // it compiled: nothing depends on this but where a message points
				continue
			}
			for _, imp := range f.Imports {
				if path, err := strconv.Unquote(imp.Path.Value); err == nil && path == next.ImportPath {
					if rel, err := filepath.Rel(p.dir, filepath.Join(n.Dir, name)); err == nil {
						return filepath.ToSlash(rel), set.Position(imp.Pos()).Line
					}
				}
			}
		}
	}
	return "", 0
}
