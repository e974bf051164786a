package build

import (
	"context"
	"errors"
	"fmt"
	gobuild "go/build"
	"go/build/constraint"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// A loadError is the error of packages that the go command cannot load, all for one reason.
type loadError struct {
	lines    []string // what is wrong with each of them
	position problem.Position
}

// maxLoadErrors is how many of the packages with one mistake are named.
const maxLoadErrors = 8

func (e *loadError) Error() string {
	lines := e.lines
	if more := len(lines) - maxLoadErrors; more > 0 {
		lines = append(slices.Clone(lines[:maxLoadErrors]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Position returns the place of the first package that has one.
func (e *loadError) Position() problem.Position { return e.position }

// A loader finds out why the go command cannot load the packages of one build, and what they
// lack although it can.
type loader struct {
	ws        *workspace.Workspace
	build     Build
	generated []string // patterns of files that need not be in the commit
	graph     graph
}

// A loadFailure is what is wrong with one package.
type loadFailure struct {
	text   string
	at     problem.Position // the zero Position if it is not in the module
	remedy problem.Remedy   // the zero Remedy if something is missing
	missing
}

// maxLoadProblems is how many different mistakes are reported. Each has some lines.
const maxLoadProblems = 6

// problems returns what is wrong with the packages that the go command cannot load. Packages
// with the same remedy share a problem, and so do all that a generator has to make.
func (l *loader) problems(ctx context.Context) (ps problem.List) {
	var found []*loadError
	lacks := map[*loadError][]missing{}
	more := 0
	for _, importPath := range slices.Sorted(maps.Keys(l.graph)) {
		n := l.graph[importPath]
		if n.Error == nil {
			continue
		}

		f := l.explain(ctx, n)
		i := slices.IndexFunc(ps, func(p *problem.Problem) bool {
			return reflect.DeepEqual(p.Remedy, f.remedy)
		})
		if i < 0 && len(ps) == maxLoadProblems {
			more++
			continue
		}
		if i < 0 {
			i = len(ps)
			found = append(found, &loadError{})
			ps = append(ps, &problem.Problem{
				Err:    found[i],
				Remedy: f.remedy,
			})
		}
		found[i].add(f)
		if f.path != "" {
			lacks[found[i]] = append(lacks[found[i]], f.missing)
		}
	}

	for i, e := range found {
		if len(lacks[e]) > 0 {
			ps[i].Remedy = l.makeRemedy(lacks[e])
		}
	}
	if more > 0 {
		ps.Add("", "and %d more packages cannot be loaded", more)
	}
	return ps
}

// add adds what is wrong with a package, unless it is known already.
func (e *loadError) add(f loadFailure) {
	if slices.Contains(e.lines, f.text) {
		return
	}

	e.lines = append(e.lines, f.text)
	if e.position.File == "" {
		e.position = f.at
	}
}

// Messages of the go command about a package. Sources: cmd/go, modload/import.go and
// load/pkg.go; go/build, NoGoError.
var (
	packageMissing = regexp.MustCompile(`cannot find module providing package|no required module provides package|` +
		`is not in std|no Go files in `)
	filesExcluded = regexp.MustCompile(`build constraints exclude all Go files in (.+)$`)
	embedsNothing = regexp.MustCompile(`^pattern (.+): (?:no matching files found|cannot embed directory .*: ` +
		`contains no embeddable files)`)
)

// explain returns what is wrong with a package that has an Error.
func (l *loader) explain(ctx context.Context, n node) loadFailure {
	message := l.ws.Shorten(n.Error.Err)
	f := loadFailure{
		text:   message,
		at:     l.position(n),
		remedy: l.ws.RemedyFor(n.Error.Err),
	}

	own, isOwn := l.ownPackage(n.ImportPath)
	pattern := embedsNothing.FindStringSubmatch(n.Error.Err)
	switch {
	case pattern != nil && n.inModule():
		l.lack(ctx, &f, missing{
			path: embedTarget(n.Dir, pattern[1]),
			kind: embeddedFile,
		})

	case filesExcluded.MatchString(message):
		var why string
		why, f.remedy = l.explainExcluded(n)
		f.text = "build constraints exclude all Go files for " + l.build.Target.String() + ": " + why

	case packageMissing.MatchString(message) && isOwn && own.major != "" && !own.isNestedModule():
		f.remedy = problem.Either(
			problem.Run("go mod edit -module "+own.module+"/"+own.major).For("if the imports are right"),
			problem.Advise("write the imports without /"+own.major),
		)

	case packageMissing.MatchString(message) && isOwn && !own.isNestedModule():
		name := l.ws.InRoot(own.dir)
		state := name + " does not exist"
		if _, err := os.Stat(own.dir); err == nil {
			state = name + " has no Go files"
		}
		f.text = "package " + n.ImportPath + " is missing: " + state
		l.lack(ctx, &f, missing{
			path: own.dir,
			kind: goPackage,
		})

	case strings.Contains(message, "import cycle not allowed"):
		f.text = message + ": " + strings.Join(cycle(n.Error.ImportStack), " -> ")
	}

	// An import of the module explains why a package is loaded at all.
	place := l.ws.ShortPosition(n.Error.Pos)
	if place == "" && f.at.File != "" {
		place = fmt.Sprintf("%s:%d", f.at.File, f.at.Line)
	}
	f.at.Message = f.text
	if place != "" {
		f.text = place + ": " + f.text
	}
	return f
}

// lack completes a failure with what is missing: it is part of a submodule, or a generator
// has to make it.
func (l *loader) lack(ctx context.Context, f *loadFailure, m missing) {
	r, ok := l.ws.SubmoduleRemedy(m.path)
	if ok {
		f.remedy = r
		return
	}

	m.rule = l.ignoreRule(ctx, m.path)
	if m.rule != "" {
		f.text += " (git ignores it: " + m.rule + ")"
	}
	f.missing = m
	f.remedy = problem.Remedy{}
}

// position returns the place in the module of the mistake: of the go command's own message, or
// else of the last import of the module on the way to the package.
func (l *loader) position(n node) problem.Position {
	if at, ok := l.ws.PositionIn(n.Error.Pos); ok {
		return at
	}

	way := n.Error.ImportStack
	if len(way) == 0 || way[len(way)-1] != n.ImportPath {
		way = append(slices.Clone(way), n.ImportPath)
	}
	for i := len(way) - 2; i >= 0; i-- {
		importer := l.graph[way[i]]
		if !importer.inModule() {
			continue
		}
		for _, name := range slices.Concat(importer.GoFiles, importer.CgoFiles) {
			file := filepath.Join(importer.Dir, name)
			line := importLine(file, way[i+1])
			rel, err := filepath.Rel(l.ws.Dir, file)
			if line > 0 && err == nil {
				return problem.Position{
					File: filepath.ToSlash(rel),
					Line: line,
				}
			}
		}
	}
	return problem.Position{}
}

// cycle returns the end of a stack of imports that begins and ends with the same package.
func cycle(stack []string) []string {
	if len(stack) == 0 {
		return nil
	}
	return stack[slices.Index(stack, stack[len(stack)-1]):]
}

// An ownPackage is where a package of the module, or of another one in its go.work, has to be.
type ownPackage struct {
	module    string // its path
	moduleDir string
	dir       string
	major     string // the major version in the path, such as "v2", that the module's path lacks
}

// ownPackage locates a package of the module, or of another one in its go.work. ok is false if
// it belongs to none of them.
func (l *loader) ownPackage(importPath string) (own ownPackage, ok bool) {
	modules := map[string]string{l.ws.Module: l.ws.Dir}
	for _, n := range l.graph {
		if n.inModule() && n.Module.Dir != "" {
			modules[n.Module.Path] = n.Module.Dir
		}
	}

	// A module may be in the directory of another one: the longest path wins.
	for module, dir := range modules {
		isIn := importPath == module || strings.HasPrefix(importPath, module+"/")
		if isIn && len(module) > len(own.module) {
			own.module = module
			own.moduleDir = dir
		}
	}
	if own.module == "" {
		return own, false
	}

	rel := strings.TrimPrefix(strings.TrimPrefix(importPath, own.module), "/")
	own.dir = filepath.Join(own.moduleDir, filepath.FromSlash(rel))
	first, _, _ := strings.Cut(rel, "/")
	if majorVersion.MatchString(first) {
		own.major = first
	}
	return own, true
}

// isNestedModule reports whether the directory belongs to another module, because it or a
// directory above it has a go.mod.
func (own ownPackage) isNestedModule() bool {
	for dir := own.dir; dir != own.moduleDir && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if isRegular(filepath.Join(dir, "go.mod")) {
			return true
		}
	}
	return false
}

// explainExcluded says why build constraints exclude all files of a package, and what to do
// about it: set the build tag, or switch cgo on, with which one of them is compiled.
func (l *loader) explainExcluded(n node) (why string, r problem.Remedy) {
	needsC := false
	var tags []string
	for _, file := range goFiles(n.Dir) {
		head, err := readHead(file)
		if err != nil {
			continue
		}
		needsC = needsC || head.importsC
		tags = append(tags, l.tagsFor(n.Dir, filepath.Base(file), head)...)
	}

	switch {
	case len(tags) > 0:
		all := append(splitTags(l.build.Tags), tags[0])
		return "package " + n.ImportPath + " needs a build tag", problem.Set("tags", strings.Join(all, ","))
	case needsC && l.build.CC == nil:
		return n.ImportPath + " uses cgo, and cgo is off", remedy(n.ImportPath, false)
	}
	why = "package " + n.ImportPath + " is not for it"
	return why, problem.Advise("import it only in files for the systems that it is for, " +
		"with a line such as //go:build linux, or leave the target out")
}

// tagsFor returns the build tags each of which would be enough to compile a file. Tags that
// name a system, an architecture or a release of Go cannot be set.
func (l *loader) tagsFor(dir, name string, head sourceHead) (tags []string) {
	ctx := gobuild.Default
	ctx.GOOS = l.build.Target.OS
	ctx.GOARCH = l.build.Target.Arch
	ctx.CgoEnabled = l.build.CC != nil

	for _, line := range head.constraints {
		expr, err := constraint.Parse(line)
		if err != nil {
			continue
		}

		var candidates []string
		expr.Eval(func(tag string) bool {
			if !knownTag.MatchString(tag) {
				candidates = append(candidates, tag)
			}
			return false
		})
		for _, tag := range candidates {
			ctx.BuildTags = append(splitTags(l.build.Tags), tag)
			matches, err := ctx.MatchFile(dir, name)
			if err == nil && matches && tag != "ignore" {
				tags = append(tags, tag)
			}
		}
	}
	return tags
}

// knownTag matches build tags that the go command sets by itself.
// Source: go.dev/cmd/go, "Build constraints"; internal/syslist.
var knownTag = regexp.MustCompile(`^(cgo|gc|gccgo|unix|purego|go1\.\d+|race|msan|asan|` +
	`aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|nacl|netbsd|openbsd|plan9|solaris|` +
	`wasip1|windows|zos|` +
	`386|amd64|amd64p32|arm|armbe|arm64|arm64be|loong64|mips|mipsle|mips64|mips64le|mips64p32|mips64p32le|` +
	`ppc|ppc64|ppc64le|riscv|riscv64|s390|s390x|sparc|sparc64|wasm)$`)

// loadFailures returns why the go command cannot load the packages of a build, nil if it can.
func loadFailures(ctx context.Context, ws *workspace.Workspace, p *Plan, b Build) error {
	g, err := listGraph(ctx, ws, b.env(), b.Tags, b.Mains)
	var known *problem.Problem
	if errors.As(err, &known) {
		return known
	}
	if err != nil {
		return err
	}

	l := loader{
		ws:        ws,
		build:     b,
		generated: p.GeneratedPatterns,
		graph:     g,
	}
	return l.problems(ctx).Err()
}
