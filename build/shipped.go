package build

import (
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// This file decides which programs a project ships if the user names none. The rule was
// measured on released projects: docs/projects.md, go run ./testdata/projects.

// A choice is which main packages of a module are released for a target, and why others are
// not.
type choice struct {
	shipped   []program
	helpers   []program // in the root or in cmd, for the project's own use
	twins     []program // of the program in the root, by name
	elsewhere []program // neither in the root nor in cmd
	auxiliary []program // in directories such as examples and tools
}

// chooseShipped chooses the programs that a project ships: those in the root of the module and
// in cmd/NAME, without helpers, else the one that there is elsewhere.
func (r *resolver) chooseShipped(all []program) (c choice, err error) {
	var candidates, elsewhere, auxiliary []program
	for _, p := range all {
		switch {
		case isCandidate(p.Dir):
			candidates = append(candidates, p)
		case workspace.IsAuxiliary(p.Dir):
			auxiliary = append(auxiliary, p)
		default:
			elsewhere = append(elsewhere, p)
		}
	}
	if len(candidates) == 0 {
		c, err = r.chooseElsewhere(excluding(elsewhere, isCalledHelper))
		c.auxiliary = auxiliary
		return c, err
	}

	// Nothing is left out if nothing would be left. A project may be a generator, and
	// everything begins with an empty main.
	candidates = excluding(candidates, makesNoProgram)
	isHelper := r.helperTest(candidates)
	c.shipped = excluding(candidates, isHelper)
	for _, p := range candidates {
		if isHelper(p) && !containsProgram(c.shipped, p) {
			c.helpers = append(c.helpers, p)
		}
	}

	isTwin := twinTest(c.shipped, r.plan.Module)
	for _, p := range c.shipped {
		if isTwin(p) {
			c.twins = append(c.twins, p)
		}
	}
	c.shipped = excluding(c.shipped, isTwin)

	c.elsewhere = worthNote(elsewhere)
	return c, nil
}

// worthNote returns the main packages elsewhere that may have been meant: those in a directory
// of the root and one below, without helpers.
func worthNote(programs []program) []program {
	return slices.DeleteFunc(slices.Clone(programs), func(p program) bool {
		return strings.Count(p.Dir, "/") > 1 || isCalledHelper(p)
	})
}

// isCalledHelper reports whether the directory of a main package has the name of a helper.
func isCalledHelper(p program) bool { return hasHelperName(path.Base(p.Dir)) }

// isCandidate reports whether a directory of the module is one in which projects have the
// programs that they ship. Those deeper in cmd belong to other programs: buf has 4 of them.
func isCandidate(dir string) bool {
	return dir == "." || dir == "cmd" || path.Dir(dir) == "cmd"
}

// chooseElsewhere chooses among main packages that are neither in the root nor in cmd: the only
// one, or the one that bears the project's name.
func (r *resolver) chooseElsewhere(others []program) (choice, error) {
	if len(others) < 2 {
		return choice{shipped: others}, nil
	}

	i := slices.IndexFunc(others, r.bearsProjectName)
	if i >= 0 && !slices.ContainsFunc(others[i+1:], r.bearsProjectName) {
		return choice{
			shipped:   others[i : i+1],
			elsewhere: worthNote(slices.Delete(slices.Clone(others), i, i+1)),
		}, nil
	}

	list := patternsOf(others)
	return choice{}, &problem.Problem{
		Setting: "packages",
		Err:     fmt.Errorf("no main package in the root or in cmd/NAME, and several elsewhere: %s", list),
		Remedy:  problem.Set("packages", list),
	}
}

// excluding returns the programs for which exclude is false, or all of them if none is left.
func excluding(programs []program, exclude func(program) bool) []program {
	kept := slices.DeleteFunc(slices.Clone(programs), exclude)
	if len(kept) == 0 {
		return programs
	}
	return kept
}

func containsProgram(programs []program, p program) bool {
	return slices.ContainsFunc(programs, func(other program) bool {
		return other.ImportPath == p.ImportPath
	})
}

// patternsOf returns the setting packages that selects main packages.
func patternsOf(programs []program) string {
	var patterns []string
	for _, p := range programs {
		patterns = append(patterns, p.pattern())
	}
	return strings.Join(patterns, " ")
}

// generatorFile matches names of files that make other files of a project. In the root of a
// module such a file is run by go generate or by a tool, and is not shipped.
var generatorFile = regexp.MustCompile(`^(gen|generate|generator|codegen|tools|magefile|build)\.go$`)

// makesNoProgram reports whether a main package makes no program for users: a generator in the
// root, or a main that does nothing, for go generate or for go install to find.
func makesNoProgram(p program) bool {
	if p.Dir == "." {
		onlyGenerators := !slices.ContainsFunc(p.sources, func(file string) bool {
			return !generatorFile.MatchString(filepath.Base(file))
		})
		if onlyGenerators {
			return true
		}
	}

	return !slices.ContainsFunc(p.sources, func(file string) bool { return !isEmptySource(file) })
}

// maxEmptySource limits the size of files in which an empty main is looked for, in bytes. They
// have little but a licence.
const maxEmptySource = 8 << 10

// isEmptySource reports whether a Go file declares nothing but imports and an empty main. A
// main that is empty beside other functions may be one of WebAssembly, which the host calls.
func isEmptySource(file string) bool {
	fi, err := os.Stat(file)
	if err != nil || fi.Size() > maxEmptySource {
		return false
	}
	f, err := parseSource(token.NewFileSet(), file, parser.SkipObjectResolution)
	if err != nil {
		return false
	}

	return !slices.ContainsFunc(f.Decls, func(decl ast.Decl) bool {
		switch d := decl.(type) {
		case *ast.GenDecl:
			return d.Tok != token.IMPORT
		case *ast.FuncDecl:
			return d.Name.Name != "main" || d.Body == nil || len(d.Body.List) > 0
		}
		return true
	})
}

// helperNames are names of programs that projects have for themselves, wherever they are; for
// directories see workspace.IsAuxiliary. They are matched as whole names: a product may be called
// docs-server, or age-keygen.
var helperNames = []string{
	"bench", "benchmark", "build", "changelog", "ci", "codegen", "conformance", "demo", "devtools", "doc", "docgen",
	"docs", "docsgen", "e2e", "example", "examples", "fuzz", "gen", "gencerts", "gendoc", "gendocs", "generate",
	"generator", "genman", "genmocks", "hack", "help", "helpgen", "i18n", "internal", "lint", "mangen", "manpages",
	"mock", "mocks", "playground", "release", "sample", "samples", "scripts", "test", "testdata", "testgen", "tests",
	"testserver", "tmp", "tools",
}

// helperFirst and helperLast match the first and the last word of names such as gen-docs and
// functional-test. The last word gen does not count: controller-gen is what its project
// ships, and so are protoc-gen-go and its like.
var (
	helperFirst = regexp.MustCompile(`^(gen|generate|test|mock|bench|example|demo|sample|fuzz|e2e|tmp)[-_.]`)
	helperLast  = regexp.MustCompile(`[-_.](test|tests|e2e|fuzz|example|demo|sample|testdata|docgen|gendocs)$`)
	helperInner = regexp.MustCompile(`[-_.](gen|test)[-_.]`)
	protocGen   = regexp.MustCompile(`^protoc-gen-`)
)

// hasHelperName reports whether the name is one of a program that a project has for itself.
func hasHelperName(name string) bool {
	name = strings.ToLower(name)
	switch {
	case protocGen.MatchString(name):
		return false
	case slices.Contains(helperNames, name):
		return true
	}
	return helperFirst.MatchString(name) || helperLast.MatchString(name) || helperInner.MatchString(name)
}

// helperTest returns a function that reports whether one of the candidates is a helper: by its
// name, or because it uses no package of the module although the program that bears the
// project's name does.
func (r *resolver) helperTest(candidates []program) func(program) bool {
	isProduct := func(p program) bool { return p.Dir == "." || r.bearsProjectName(p) }

	if len(candidates) < 2 {
		return func(program) bool { return false }
	}
	productUsesModule := slices.ContainsFunc(candidates, func(p program) bool {
		return isProduct(p) && usesModule(p, r.plan.Module)
	})
	return func(p program) bool {
		switch {
		case isProduct(p):
			return false
		case isCalledHelper(p):
			return true
		}
		return productUsesModule && !usesModule(p, r.plan.Module)
	}
}

// bearsProjectName reports whether a program is called like the project: cmd/jsonnet of
// github.com/google/go-jsonnet.
func (r *resolver) bearsProjectName(p program) bool {
	name := programName(p.ImportPath, r.plan.Module)
	for _, project := range []string{r.plan.Name, moduleName(r.plan.Module)} {
		short := strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(project, "go-"), "-go"), ".go")
		short = strings.TrimSuffix(short, "-cli")
		if strings.EqualFold(name, project) || strings.EqualFold(name, short) {
			return true
		}
	}
	return false
}

// usesModule reports whether a program imports a package of a module. It is true if a file
// cannot be read.
func usesModule(p program, modulePath string) bool {
	return slices.ContainsFunc(p.sources, func(file string) bool {
		f, err := parseSource(token.NewFileSet(), file, parser.ImportsOnly)
		if err != nil {
			return true
		}
		return slices.ContainsFunc(f.Imports, func(spec *ast.ImportSpec) bool {
			imported, err := strconv.Unquote(spec.Path.Value)
			return err != nil || imported == modulePath || strings.HasPrefix(imported, modulePath+"/")
		})
	})
}

// twinTest returns a function that reports whether a program has the name of the one in the
// root, which go install gives to users. Projects that moved their program to cmd/NAME, or
// away from there, keep the other one as a copy.
func twinTest(programs []program, modulePath string) func(program) bool {
	i := slices.IndexFunc(programs, func(p program) bool { return p.Dir == "." })
	return func(p program) bool {
		if i < 0 || p.Dir == "." {
			return false
		}

		name := p.Name
		if keepsName, isGeneric := genericNames[name]; isGeneric && !keepsName {
			name = programName(p.ImportPath, modulePath)
		}
		return strings.EqualFold(name, programs[i].Name)
	}
}

// A leftOut collects the programs that are not released, over all targets.
type leftOut struct {
	mu        sync.Mutex
	helpers   map[string]program // by import path
	twins     map[string]program
	elsewhere map[string]program
	auxiliary map[string]program
}

// add adds the choice for a target.
func (l *leftOut) add(c choice) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.helpers == nil {
		l.helpers = map[string]program{}
		l.twins = map[string]program{}
		l.elsewhere = map[string]program{}
		l.auxiliary = map[string]program{}
	}
	for _, group := range []struct {
		all   map[string]program
		these []program
	}{
		{l.helpers, c.helpers},
		{l.twins, c.twins},
		{l.elsewhere, c.elsewhere},
		{l.auxiliary, c.auxiliary},
	} {
		for _, p := range group.these {
			group.all[p.ImportPath] = p
		}
	}
}

// note says in the plan what is not released, and how to release it too.
func (l *leftOut) note(p *Plan) {
	for _, m := range p.Mains() { // a program may be a helper for some targets only
		delete(l.helpers, m.ImportPath)
		delete(l.twins, m.ImportPath)
		delete(l.elsewhere, m.ImportPath)
	}

	for _, group := range []struct {
		programs map[string]program
		format   string
	}{
		{l.helpers, "left out what looks like tools of the project's own: %s"},
		{l.twins, "left out what has the name of the program in the root: %s"},
		{l.elsewhere, "main packages that are neither in the root nor in cmd/NAME are not released: %s"},
	} {
		if len(group.programs) == 0 || len(p.Builds) == 0 {
			continue
		}

		shipped := p.Mains()
		var names []string
		for _, importPath := range slices.Sorted(maps.Keys(group.programs)) {
			left := group.programs[importPath]
			names = append(names, left.pattern())
			shipped = append(shipped, left.Main)
		}
		slices.SortFunc(shipped, compareMains)
		p.note(problem.Set("packages", distinctNames(shipped)).For("releases them too"),
			group.format, strings.Join(names, " "))
	}
}

// nothingToRelease returns the problem that the module has no main package, with what may have
// been meant: another module of the repository, a program that is not released by default, or one
// that build constraints exclude. b is a build that has no main package.
func (r *resolver) nothingToRelease(ctx context.Context, b Build) *problem.Problem {
	p := &problem.Problem{
		Setting: "packages",
		Err:     fmt.Errorf("module %s has no main package to release", r.plan.Module),
		Remedy:  problem.Run("go list -f '{{.Name}} {{.ImportPath}}' ./..."),
	}

	modules, err := r.ws.ProgramModules(ctx)
	if err != nil {
		return p // git has failed, which is reported elsewhere
	}
	modules = slices.DeleteFunc(modules, func(m workspace.ProgramModule) bool {
		return m.Dir == r.ws.ModuleDir()
	})
	if len(modules) == 0 {
		r.leftOut.suggest(p)
		r.explainConstrained(p, b)
		return p
	}

	p.Setting = "directory"
	p.Err = fmt.Errorf("%w; %s", p.Err, workspace.DescribeModules(modules))
	p.Remedy = r.ws.ChooseOne(modules)
	if r.ws.Work != "" {
		all := r.workPatterns(modules)
		p.Remedy = problem.Either(p.Remedy, problem.Set("packages", all).For("all in one release"))
	}
	return p
}

// explainConstrained names, in the problem that nothing is released, a file that build constraints
// exclude.
func (r *resolver) explainConstrained(p *problem.Problem, b Build) {
	name := r.survey.constrainedFile
	if name == "" || p.Remedy.Kind != problem.RunKind {
		return // something else is known
	}
	file := filepath.Join(r.survey.dir, filepath.FromSlash(name))
	head, err := readHead(file)
	if err != nil {
		return // it has changed since
	}

	p.Err = fmt.Errorf("%w: build constraints exclude %s", p.Err, name)
	l := &loader{build: b}
	if tags := l.tagsFor(filepath.Dir(file), filepath.Base(file), head); len(tags) > 0 {
		p.Remedy = problem.Set("tags", strings.Join(append(splitTags(b.Tags), tags[0]), ","))
	}
}

// suggest names, in the problem that nothing is released, the main packages in directories such
// as examples. Those in internal and testdata are never meant.
func (l *leftOut) suggest(p *problem.Problem) {
	var programs []program
	for _, importPath := range slices.Sorted(maps.Keys(l.auxiliary)) {
		aux := l.auxiliary[importPath]
		isPrivate := slices.ContainsFunc(strings.Split(aux.Dir, "/"), func(elem string) bool {
			return elem == "internal" || elem == "testdata"
		})
		if !isPrivate {
			programs = append(programs, aux)
		}
	}
	if len(programs) == 0 {
		return
	}

	list := patternsOf(programs)
	p.Err = fmt.Errorf("%w; in directories such as examples and tools are %s", p.Err, list)
	p.Remedy = problem.Set("packages", list)
}

// workPatterns returns the setting packages that selects the programs of other modules of the
// workspace.
func (r *resolver) workPatterns(modules []workspace.ProgramModule) string {
	var patterns []string
	for _, m := range modules {
		for _, dir := range m.Programs {
			rel, err := filepath.Rel(r.ws.ModuleDir(), dir)
			if err != nil { // never: both are relative to the repository
				continue
			}
			main := Main{Dir: cmp.Or(filepath.ToSlash(rel), ".")}
			patterns = append(patterns, main.pattern())
		}
	}
	return strings.Join(patterns, " ")
}
