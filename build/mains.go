package build

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/org/go-static-release/build/target"

	"github.com/org/go-static-release/build/process"

	"github.com/org/go-static-release/build/problem"

	"golang.org/x/mod/module"
)

// A Main is one main package, one program.
type Main struct {
	Name       string `json:"name"`       // of the program, as go build names it, without .exe
	ImportPath string `json:"importPath"` // what is given to go build
	dir        string // of its source, on disk
	files      []string
	allC       bool // every file of it has C in it, and cgo is off
}

// A warnings counts of which patterns the go command warns that they match nothing. One
// that does so for every target is refused; others are for some platforms only.
type warnings struct {
	mu       sync.Mutex
	listings int
	of       map[string]int // pattern in quotes -> listings
}

// matchesNothing is how the go command warns of a pattern (search.WarnUnmatched).
var matchesNothing = regexp.MustCompile(`(?m)^go: warning: (".*") matched no packages$`)

// add counts the warnings of a listing.
func (w *warnings) add(stderr []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listings++
	if w.of == nil {
		w.of = map[string]int{}
	}
	seen := map[string]bool{} // one may be given twice
	for _, m := range matchesNothing.FindAllSubmatch(stderr, -1) {
		if pattern := string(m[1]); !seen[pattern] {
			seen[pattern] = true
			w.of[pattern]++
		}
	}
}

// always returns the patterns, sorted, that matched nothing in any listing.
func (w *warnings) always() (patterns []string) {
	for pattern, n := range w.of {
		if n == w.listings {
			patterns = append(patterns, pattern)
		}
	}
	slices.Sort(patterns)
	return patterns
}

// errNoMain is the answer of a target for which every main package is excluded by build constraints.
var errNoMain = errors.New("no main package")

// listMains lists the main packages that match patterns for one target. With no
// patterns it lists every main package of the module. Packages that build
// constraints exclude for the target are not listed.
func (p *Plan) listMains(ctx context.Context, t target.Target, patterns []string) ([]Main, error) {
	found, err := p.list(ctx, t, p.listEnv(t), patterns)
	if err = cmp.Or(err, found.notMain); err != nil || p.cgo || !p.hasC {
		return found.mains, err
	}
	// go list says nothing of packages that it excludes, and may have excluded some only
	// because cgo is off.
	withC, err := p.list(ctx, t, append(t.Env(), "CGO_ENABLED=1"), patterns)
	for _, m := range withC.mains {
		if !slices.ContainsFunc(found.mains, func(have Main) bool { return have.ImportPath == m.ImportPath }) {
			m.allC = true
			found.mains = append(found.mains, m)
		}
	}
	return found.mains, err
}

// A listing is what go list says about packages.
type listing struct {
	mains   []Main
	notMain error // a package that was named by itself and is no program
}

// list lists packages in an environment.
func (p *Plan) list(ctx context.Context, t target.Target, env, patterns []string) (found listing, err error) {
	args := []string{"go", "list", "-find", "-e", "-tags=" + p.cgoTags(t), "-json=ImportPath,Name,Dir,GoFiles,CgoFiles,Error,IgnoredGoFiles,Module"}
	args = append(args, "--")
	named := len(patterns) > 0
	if !named {
		patterns = []string{"./..."}
	}
	cmd := process.Command{Args: append(args, patterns...), Env: env, Dir: p.dir}
	out, stderr, err := cmd.Run(ctx, p.env)
	if err != nil {
		return found, err
	}
	if named {
		p.warned.add(stderr)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath, Name, Dir string
			GoFiles, CgoFiles     []string
			IgnoredGoFiles        []string
			Error                 *struct{ Err string }
			Module                *struct{ Main bool }
		}
		err := dec.Decode(&pkg)
		files := slices.Concat(pkg.GoFiles, pkg.CgoFiles)
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return found, fmt.Errorf("reading the output of go list: %w", err)
		}
		switch {
		case pkg.Error == nil && pkg.Name == "main" && (pkg.Module == nil || !pkg.Module.Main || pkg.ImportPath == "command-line-arguments"):
			return found, &problem.Problem{Setting: "packages", Err: fmt.Errorf("%s is not a package of module %s", pkg.ImportPath, p.Module), Remedy: problem.Set("packages", "./cmd/NAME")}
		case pkg.Name == "main" && len(files) > 0:
			found.mains = append(found.mains, Main{Name: binaryName(pkg.ImportPath), ImportPath: pkg.ImportPath, dir: pkg.Dir, files: files})
		case len(pkg.IgnoredGoFiles) > 0: // excluded for this target
		case pkg.Error != nil:
			return found, &problem.Problem{Setting: "packages", Err: errors.New(pkg.Error.Err), Remedy: problem.Run("go list ./...")}
		case pkg.Name != "main" && !slices.ContainsFunc(patterns, func(s string) bool { return strings.Contains(s, "...") }):
			found.notMain = &problem.Problem{Setting: "packages", Err: fmt.Errorf("%s is package %s, not a main package", pkg.ImportPath, pkg.Name)}
		}
	}
}

// majorVersion is a path element such as v2, which names no program.
// Source: cmd/go/internal/load isVersionElement.
var majorVersion = regexp.MustCompile(`^v([2-9]|[1-9][0-9]+)$`)

// binaryName is the name that go build gives the program of a main package.
// Source: cmd/go/internal/load DefaultExecName.
func binaryName(importPath string) string {
	dir, elem := path.Split(importPath)
	if dir != "" && majorVersion.MatchString(elem) {
		return path.Base(path.Clean(dir))
	}
	return elem
}

// moduleName is the project's name when none is given: the last element of the
// module path without a major version. It is the same in every clone and fork,
// which the name of a repository or of a directory is not.
func moduleName(modulePath string) string {
	prefix, _, ok := module.SplitPathVersion(modulePath)
	if !ok {
		prefix = modulePath
	}
	return path.Base(prefix)
}

// Directories in which main packages are by custom not what a project ships.
var notShipped = []string{"internal", "testdata", "example", "examples", "tools"}

// chooseMains picks what a project ships when nobody said: the root if it is a
// main package, and ./cmd/...; else the only main package there is.
func (p *Plan) chooseMains(all []Main) ([]Main, error) {
	var shipped, others []Main
	for _, m := range all {
		rel, err := filepath.Rel(p.dir, m.dir)
		if err != nil {
			return nil, fmt.Errorf("locating package %s: %w", m.ImportPath, err)
		}
		elems := strings.Split(filepath.ToSlash(rel), "/")
		switch {
		case slices.ContainsFunc(elems, func(e string) bool { return slices.Contains(notShipped, e) }):
		case rel == ".", elems[0] == "cmd":
			shipped = append(shipped, m)
		default:
			others = append(others, m)
		}
	}
	if len(shipped) > 0 {
		return shipped, nil
	}
	if len(others) < 2 {
		return others, nil
	}
	var names []string
	for _, m := range others {
		names = append(names, "."+strings.TrimPrefix(m.ImportPath, p.Module))
	}
	return nil, &problem.Problem{Setting: "packages",
		Err:    fmt.Errorf("no main package in the root or in cmd/, and several elsewhere: %s", strings.Join(names, " ")),
		Remedy: problem.Set("packages", strings.Join(names, " "))}
}

// mainsFor decides what one target builds.
func (p *Plan) mainsFor(ctx context.Context, t target.Target, patterns []string) ([]Main, error) {
	list := p.everywhere
	if list == nil {
		list = func() ([]Main, error) { return p.listMains(ctx, t, patterns) }
	}
	mains, err := list()
	if err == nil && len(patterns) == 0 {
		mains, err = p.chooseMains(mains)
	}
	if err != nil {
		return nil, err
	}
	if len(mains) == 0 {
		return nil, errNoMain
	}
	for _, m := range mains {
		if m.allC {
			return nil, &problem.Problem{Setting: "packages", Err: fmt.Errorf("%s needs cgo in every file, and cgo is off", m.ImportPath),
				Remedy: problem.Either(problem.Set("cgo", "static"), problem.Set("packages", "./cmd/NAME"))}
		}
	}
	mains = slices.Clone(mains)
	slices.SortFunc(mains, func(a, b Main) int { return strings.Compare(a.ImportPath, b.ImportPath) })
	return mains, nil
}

// sameNames finds main packages that would be written over one another:
// `go build -o dir/` exits 0 and leaves one file.
func sameNames(mains []Main) (ps problem.List) {
	first := map[string]Main{}
	for _, m := range mains {
		// Two names that differ in case alone are one file on Windows and macOS.
		key := strings.ToLower(m.Name)
		if other, ok := first[key]; ok {
			ps.Add("packages", "main packages %s and %s would both be written as %s", other.ImportPath, m.ImportPath, m.Name)
			continue
		}
		first[key] = m
	}
	return ps
}
