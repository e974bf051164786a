package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
	"github.com/org/go-static-release/build/workspace"
)

// A node is one package in the dependency graph of a build.
type node struct {
	ImportPath    string
	Name          string
	Dir           string
	Standard      bool
	GoFiles       []string
	CgoFiles      []string
	CXXFiles      []string
	SwigCXXFiles  []string
	EmbedPatterns []string
	EmbedFiles    []string
	Imports       []string
	Module        *nodeModule
	Error         *packageError
}

// A nodeModule is the module of a package.
type nodeModule struct {
	Path string
	Dir  string
	Main bool // it is the module of the workspace, or another one in its go.work
}

// A packageError is why the go command cannot load a package.
type packageError struct {
	ImportStack []string // from a main package to this one
	Pos         string   // FILE:LINE:COLUMN, "" if the error has no place
	Err         string
}

// nodeFields are the fields of a node, for go list.
const nodeFields = "ImportPath,Name,Dir,Standard,GoFiles,CgoFiles,CXXFiles,SwigCXXFiles," +
	"EmbedPatterns,EmbedFiles,Imports,Module,Error"

// inModule reports whether the package is part of the module, or of another one in its
// go.work.
func (n node) inModule() bool { return n.Module != nil && n.Module.Main }

// A graph is the packages that the programs of one target are made of, by import path.
type graph map[string]node

// checkGraph finds the mistakes that the packages of the first target show. Those of the
// other targets are nearly the same ones, and listing them takes as long as planning does.
func (r *resolver) checkGraph(ctx context.Context) (ps problem.List) {
	b := r.plan.Builds[0]
	g, err := listGraph(ctx, r.ws, b.env(), b.Tags, b.Mains)
	if err != nil {
		ps.Keep("", err)
		return ps
	}

	l := loader{
		ws:        r.ws,
		build:     b,
		generated: r.spec.Generated,
		graph:     g,
	}
	ps = l.problems(ctx)
	isComplete := len(ps) == 0
	ps.Keep("", g.refusePointers(ctx, r.ws))

	if isComplete {
		r.plan.Notes = append(r.plan.Notes, l.placeholders(ctx)...)
	}
	if b.CC == nil && !r.spec.AllowStubs {
		stubs, err := l.stubs()
		ps.Keep("", err)
		ps = append(ps, stubs...)
	}
	if isComplete {
		ps = append(ps, r.checkLinkFlags(ctx, g)...)
	}
	return ps
}

// listGraph lists all packages that programs are made of. A package that the go command
// cannot load has an Error.
func listGraph(
	ctx context.Context, ws *workspace.Workspace, env []string, tags string, mains []Main,
) (graph, error) {
	args := []string{"go", "list", "-deps", "-e", "-tags=" + tags, "-json=" + nodeFields, "--"}
	for _, m := range mains {
		args = append(args, m.ImportPath)
	}
	out, _, err := ws.Run(ctx, process.Command{Args: args, Env: env})
	if err != nil {
		return nil, ws.ExplainGo(err)
	}

	g := graph{}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var n node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return g, nil
		}
		if err != nil {
			return nil, fmt.Errorf("walking the imports: %w", err)
		}
		g[n.ImportPath] = n
	}
}

// sources returns the Go files of the package, on disk.
func (n node) sources() []string {
	var files []string
	for _, name := range slices.Concat(n.GoFiles, n.CgoFiles) {
		files = append(files, filepath.Join(n.Dir, name))
	}
	return files
}
