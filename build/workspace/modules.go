package workspace

import (
	"context"
	"fmt"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
)

// auxiliary are directories whose main packages a project does not usually ship.
var auxiliary = []string{
	"bench", "benchmark", "benchmarks", "build", "ci", "contrib", "demo", "demos", "dev", "doc", "docs",
	"documentation", "e2e", "example", "examples", "fuzz", "fuzzing", "hack", "helpers", "integration", "internal",
	"magefiles", "misc", "mock", "mocks", "playground", "sample", "samples", "script", "scripts", "test", "testdata",
	"testing", "tests", "tools", "vendor", "website",
}

// IsAuxiliary reports whether a directory, relative to the repository or to the module, holds
// what a project uses for itself: tools, tests, examples.
func IsAuxiliary(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(elem string) bool {
		isIgnored := elem != "." && elem != ".." && strings.HasPrefix(elem, ".") || strings.HasPrefix(elem, "_")
		return isIgnored || slices.Contains(auxiliary, elem)
	})
}

// A ProgramModule is a module of the repository that has main packages.
type ProgramModule struct {
	Dir      string   // relative to the repository, slashes, "." for its root
	Programs []string // directories of its main packages, relative to the repository, slashes
	Tags     []string // version tags of the module on HEAD, highest first
}

// ProgramModules lists the modules of the commit that have main packages, by directory. It
// leaves out auxiliary modules and packages. It reads every Go file of the repository, so it
// is only for messages.
func (w *Workspace) ProgramModules(ctx context.Context) ([]ProgramModule, error) {
	out, err := w.repo.git(ctx, "ls-files", "-z", "--", ":(glob)**/go.mod", ":(glob)**/*.go")
	if err != nil {
		return nil, fmt.Errorf("listing the modules of the repository: %w", err)
	}
	files := strings.Split(strings.TrimRight(out, "\x00"), "\x00")

	dirs := map[string]bool{} // of modules
	for _, file := range files {
		if path.Base(file) == "go.mod" {
			dirs[path.Dir(file)] = true
		}
	}

	programs := map[string][]string{} // directory of a module -> directories of its main packages
	for _, file := range files {
		dir := path.Dir(file)
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || IsAuxiliary(dir) {
			continue
		}
		moduleDir, ok := enclosing(dirs, dir)
		if ok && !slices.Contains(programs[moduleDir], dir) && w.isMainFile(file) {
			programs[moduleDir] = append(programs[moduleDir], dir)
		}
	}

	var modules []ProgramModule
	for dir := range dirs {
		if len(programs[dir]) == 0 {
			continue
		}

		tagDir := dir
		if dir == "." {
			tagDir = ""
		}
		tags, err := w.repo.headTags(ctx, tagDir)
		if err != nil {
			return nil, err
		}
		modules = append(modules, ProgramModule{
			Dir:      dir,
			Programs: programs[dir],
			Tags:     tags,
		})
	}
	slices.SortFunc(modules, func(a, b ProgramModule) int { return strings.Compare(a.Dir, b.Dir) })
	return modules, nil
}

// enclosing returns the nearest directory in dirs that is dir or above it.
func enclosing(dirs map[string]bool, dir string) (string, bool) {
	for ; ; dir = path.Dir(dir) {
		if dirs[dir] {
			return dir, true
		}
		if dir == "." || dir == "/" {
			return "", false
		}
	}
}

// isMainFile reports whether a Go file, relative to the repository, is part of a main package
// that some target can have. A file that cannot be read is not.
func (w *Workspace) isMainFile(file string) bool {
	data, err := door.ReadRegular(filepath.Join(w.Root, filepath.FromSlash(file)), MaxSource)
	if err != nil {
		return false
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", data, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil || f.Name.Name != "main" {
		return false
	}

	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() < f.Package && constraint.IsGoBuild(c.Text) && strings.Contains(c.Text, "ignore") {
				return false
			}
		}
	}
	return true
}

// chooseTagged finds the module to release where the current directory is in none: the one
// with programs that has a version tag on HEAD.
func (w *Workspace) chooseTagged(ctx context.Context) error {
	modules, err := w.ProgramModules(ctx)
	if err != nil {
		return err
	}

	var tagged []ProgramModule
	for _, m := range modules {
		if len(m.Tags) > 0 {
			tagged = append(tagged, m)
		}
	}

	switch len(tagged) {
	case 0:
		return nil // readModule says which modules there are
	case 1:
		w.Dir = filepath.Join(w.Root, filepath.FromSlash(tagged[0].Dir))
		w.note("the module in %s is released, because the tag %s is on the commit", tagged[0].Dir, tagged[0].Tags[0])
		return nil
	}

	var tags []string
	var ways []problem.Remedy
	for _, m := range tagged {
		tags = append(tags, m.Tags[0])
		ways = append(ways, problem.Set("tag", m.Tags[0]))
	}
	return &problem.Problem{
		Setting: "tag",
		Err: fmt.Errorf("the commit has version tags of several modules, and one run releases one module: %s",
			strings.Join(tags, ", ")),
		Remedy: problem.Either(ways...),
	}
}

// noModule returns the problem that the go command finds no go.mod of the repository in the
// current directory or above it: none at all, or only outside.
func (w *Workspace) noModule(ctx context.Context, outside string) error {
	modules, err := w.ProgramModules(ctx)
	if err != nil {
		return err
	}

	p := &problem.Problem{
		Setting: "directory",
		Err:     fmt.Errorf("no go.mod in %s or above it", w.Dir),
		Remedy:  w.ChooseOne(modules),
	}
	if outside != "" {
		p.Err = fmt.Errorf("%s is outside the repository %s", outside, w.Root)
	}

	out, err := w.repo.git(ctx, "ls-files", "-z", "--", ":(glob)**/go.mod")
	switch {
	case len(modules) > 0:
		p.Err = fmt.Errorf("%w; %s", p.Err, DescribeModules(modules))
	case err == nil && out == "":
		p.Remedy = problem.Run("go mod init example.com/name")
	case err == nil:
		p.Err = fmt.Errorf("%w, and no module in it has a program to release", p.Err)
	}
	return p
}

// maxModules is how many modules a message names.
const maxModules = 5

// DescribeModules names the directories of modules in a message.
func DescribeModules(modules []ProgramModule) string {
	var dirs []string
	for _, m := range modules {
		dirs = append(dirs, m.Dir)
	}
	return "modules with programs: " + problem.FirstNames(dirs, maxModules)
}

// ChooseOne returns the remedy of releasing one of several modules, none if there are none. If
// some have a version tag on HEAD, one of them is meant.
func (w *Workspace) ChooseOne(modules []ProgramModule) problem.Remedy {
	var tagged []ProgramModule
	for _, m := range modules {
		if len(m.Tags) > 0 {
			tagged = append(tagged, m)
		}
	}
	if len(tagged) > 0 {
		modules = tagged
	}

	var ways []problem.Remedy
	for _, m := range modules[:min(maxModules, len(modules))] {
		ways = append(ways, w.setDirectory(filepath.Join(w.Root, filepath.FromSlash(m.Dir))))
	}

	switch len(ways) {
	case 0:
		return problem.Remedy{}
	case 1:
		return ways[0]
	}
	return problem.Either(ways...)
}
