// Package build turns a commit of a Go module into proven binaries. It knows Go
// and git; it knows nothing of archives, releases or GitHub.
//
// NewPlan decides everything that can be decided before a compiler starts, and
// finds every mistake that can be found by then. Compile runs one `go build` per
// target for all its main packages; Verify reads each binary back and compares
// it with the plan.
//
// The same commit gives the same bytes on every machine that has the same Go
// toolchain, and the same C compiler where cgo is on: -trimpath, an explicit
// instruction-set level, no ambient settings. The exceptions, all of them recorded in
// the binary itself: GOEXPERIMENT and GOFIPS140 are taken from the environment; and
// the go command stamps the main module with the highest version tag on the commit,
// so that a clone which lacks that tag differs.
package build

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/org/go-static-release/build/target"

	"github.com/org/go-static-release/build/process"

	"github.com/org/go-static-release/build/door"

	"github.com/org/go-static-release/build/problem"

	"golang.org/x/mod/modfile"
	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/build/crash"
)

// A Spec is what the user asked for.
type Spec struct {
	Dir       string   // of the module; "" is the one that Tag names, else the current directory
	Packages  []string // patterns of main packages; empty: found
	Targets   []string // patterns over the platforms of the toolchain
	Name      string   // of the project; "": from the module path
	Tag       string   // "": the tag on HEAD
	TagCommit string   // the commit that Tag is known to name, "" if not known
	Tags      string   // build tags, separated by commas
	LDFlags   string   // template; "": the default stamps
	GCFlags   string
	Cgo       bool            // with static C compilers, where a package outside the standard library needs C
	CC        []GivenCompiler // instead of those that are found
	Generated []string        // patterns of source files, relative to the module, that need not be in the commit
	Dist      string          // directory for the files of the release: emptied before anything is compiled
	Publish   bool            // the result will be public: the sources must be those of the commit and the tag on HEAD
	Environ   []string        // the ambient environment
	Secrets   []string        // values that no child may see
	Jobs      int             // how many go commands may run at a time while planning
}

// A Plan is everything that is decided before the first compiler starts. It is
// only read afterwards.
type Plan struct {
	Name    string    `json:"name"`
	Module  string    `json:"module"`
	Source  *Source   `json:"source"`
	Go      string    `json:"go"`  // toolchain, "go1.26.8"
	Mod     string    `json:"mod"` // value of -mod: readonly, or vendor where the module has its dependencies with it
	Tags    string    `json:"tags,omitempty"`
	GCFlags string    `json:"gcflags,omitempty"`
	Builds  []Build   `json:"builds"`
	Skipped []Skipped `json:"skipped,omitempty"`

	Generated []Generated    `json:"generated,omitempty"` // sources that the commit does not have
	Notes     []problem.Note `json:"notes,omitempty"`     // what was ignored, and what would prevent publishing
	Withheld  []string       `json:"-"`                   // variables that no child gets, since they look like secrets

	dist      string   // real path of the directory for the files, "" if it cannot be told
	generated []string // patterns of sources that need not be in the commit
	jobs      int      // how many go commands may run at a time while planning
	processes int      // the -p of the user's GOFLAGS, 0 if there is none

	cgo         bool                   // packages may need C
	hasC        bool                   // some source file of the module has C in it
	everywhere  func() ([]Main, error) // the main packages, where they are the same for every target; else nil
	warned      *warnings              // of patterns that match nothing
	git         repo                   // the repository of the module
	dir         string                 // of the module, on disk
	modCache    string                 // where the go command keeps modules
	work        string                 // the go.work of the repository, "" if there is none
	workSumMade bool                   // the go command has made go.work.sum: there was none before
	local       []string               // directories of this machine whose names have no place in a binary
	env         []string               // of every child
}

// A Build is what one target compiles.
type Build struct {
	Target  target.Target `json:"target"`
	Mains   []Main        `json:"mains"`
	Tags    string        `json:"tags,omitempty"`
	LDFlags string        `json:"ldflags"`
	CC      *Compiler     `json:"cc,omitempty"` // nil: without cgo
}

// A Skipped is a target that a wildcard matched but that cannot be built.
type Skipped struct {
	Target target.Target `json:"target"`
	Reason string        `json:"reason"`
}

// NewPlan resolves spec. When it is wrong, the error is a Problems with everything
// that could be found, and the plan, unless nil, holds what was decided all the same.
func NewPlan(ctx context.Context, spec *Spec) (*Plan, error) {
	p := &Plan{
		Tags:      spec.Tags,
		GCFlags:   spec.GCFlags,
		cgo:       spec.Cgo,
		jobs:      spec.Jobs,
		processes: processesOf(spec.Environ),
		warned:    &warnings{},
	}
	p.env, p.Withheld = childEnv(spec.Environ, spec.Secrets)
	if spec.Dist != "" {
		p.dist = futureDir(spec.Dist)
	}
	var ps problem.List
	if !ps.Keep("directory", p.locate(ctx, spec)) {
		return nil, ps
	}
	p.Name = spec.Name
	if p.Name == "" {
		p.Name = moduleName(p.Module)
	}
	changes, err := p.git.changes(ctx)
	ps.Keep("directory", err)
	p.Source.Dirty = len(changes) > 0
	ps = append(ps, p.git.setVersion(ctx, p.Source, spec, p.Module)...)
	ps.Keep("dist", p.checkDist(ctx))
	if p.Source.Dirty && spec.Publish {
		ps.AddWith("", problem.Run("git stash --include-untracked"), "the working tree differs from commit %.12s:\n  %s", p.Source.Commit, describeChanges(changes))
	}
	ps = append(ps, p.setBuilds(ctx, spec)...)
	if len(ps) == 0 {
		ps.Keep("", p.checkSources(ctx, spec))
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return p, ps.Err()
}

// checkDist fails if the commit has files in the directory for the files of the release:
// the directory is emptied, and a later run trusts what an earlier one left in it.
func (p *Plan) checkDist(ctx context.Context) error {
	rel, err := filepath.Rel(p.Source.top, p.dist)
	if err != nil || p.dist == "" || !filepath.IsLocal(rel) || rel == "." {
		return nil // outside the repository, or all of it, which is refused elsewhere
	}

	out, err := p.git.git(ctx, "ls-files", "-z", "--", ":(literal)"+filepath.ToSlash(rel))
	if err != nil {
		return fmt.Errorf("asking git for the files in %s: %w", rel, err)
	}
	if out == "" {
		return nil
	}

	first, _, _ := strings.Cut(out, "\x00")
	return &problem.Problem{
		Setting: "dist",
		Err:     fmt.Errorf("%s is part of the commit, and the directory for the files is emptied", first),
		Remedy:  problem.Set("dist", "dist-release"),
	}
}

// locate finds the repository, the module and the toolchain.
func (p *Plan) locate(ctx context.Context, spec *Spec) (err error) {
	dir := spec.Dir
	if dir == "" {
		dir = "."
	}
	if p.dir, err = door.RealDir(dir); err != nil {
		return err
	}
	if p.git, p.env, err = openRepo(ctx, p.dir, p.env); err != nil {
		return err
	}
	if p.Source, err = p.git.head(ctx); err != nil {
		return err
	}
	if tagDir, _, err := ParseTag(spec.Tag); err == nil && tagDir != "" && spec.Dir == "" {
		p.dir = filepath.Join(p.Source.top, filepath.FromSlash(tagDir))
		if !isFile(filepath.Join(p.dir, "go.mod")) {
			return &problem.Problem{Setting: "tag", Err: fmt.Errorf("tag %s names the module in %s/, which has no go.mod", spec.Tag, tagDir), Remedy: problem.Set("directory", ".")}
		}
	}
	// The first call of go may download a toolchain: better once now than in every lane at once.
	out, err := p.goCommand(ctx, nil, "env", "GOVERSION", "GOMOD", "GOWORK", "GOROOT", "GOMODCACHE", "GOCACHE")
	if err != nil {
		return explainGo(err)
	}
	lines := strings.Split(out, "\n")
	if len(lines) == 6 && (lines[5] == "" || lines[5] == "off") {
		return &problem.Problem{Err: errors.New("go has no build cache: neither HOME nor GOCACHE says where"), Remedy: problem.Run("export GOCACHE=/tmp/go-build")}
	}
	if len(lines) != 6 {
		return fmt.Errorf("reading the output of go env: %q", out)
	}
	p.local = append(lines[3:], p.Source.top)
	p.modCache = lines[4]
	p.Go, _, _ = strings.Cut(lines[0], " ") // "go1.26.8 X:experiment"
	if dir := filepath.Dir(lines[1]); spec.Dir != "" && isFile(lines[1]) && dir != p.dir {
		return &problem.Problem{Setting: "directory", Err: fmt.Errorf("no go.mod in %s; the module around it is in %s", spec.Dir, dir), Remedy: problem.Set("directory", dir)}
	}
	return p.readModule(ctx, spec, lines[1], lines[2])
}

// readModule takes the module's path from its go.mod and checks that the toolchain is
// new enough.
func (p *Plan) readModule(ctx context.Context, spec *Spec, gomod, gowork string) error {
	if !isFile(gomod) { // os.DevNull if there is none
		return &problem.Problem{Setting: "directory", Err: fmt.Errorf("no go.mod in %s or above it", p.dir), Remedy: problem.Run("go mod init example.com/name")}
	}
	p.dir = filepath.Dir(gomod)
	rel, err := filepath.Rel(p.Source.top, p.dir)
	if err != nil || !filepath.IsLocal(rel) {
		return &problem.Problem{Setting: "directory", Err: fmt.Errorf("%s is outside the repository %s", gomod, p.Source.top)}
	}
	p.Source.Dir = filepath.ToSlash(rel)
	data, err := p.readText(gomod)
	if err != nil {
		return fmt.Errorf("reading go.mod: %w", err)
	}
	file, err := modfile.ParseLax(gomod, data, nil)
	if err != nil {
		return &problem.Problem{Setting: "directory", Err: fmt.Errorf("reading go.mod: %w", err)}
	}
	if file.Module == nil {
		return &problem.Problem{Setting: "directory", Err: fmt.Errorf("%s has no module line", gomod), Remedy: problem.Run("go mod edit -module example.com/name")}
	}
	p.Module = file.Module.Mod.Path
	if file.Go != nil && version.Compare("go"+file.Go.Version, p.Go) > 0 {
		return &problem.Problem{Err: fmt.Errorf("module %s needs go%s, and this is %s", p.Module, file.Go.Version, p.Go),
			Remedy: problem.There(setupGo, problem.Run("export GOTOOLCHAIN=auto"))}
	}
	return p.setDependencies(ctx, gowork, spec.Generated)
}

// setDependencies decides where dependencies come from. A workspace or a vendor directory
// counts only if a fresh clone of the commit has it.
func (p *Plan) setDependencies(ctx context.Context, gowork string, generated []string) error {
	modDir := p.dir
	if gowork != "" && gowork != "off" {
		committed, err := p.git.has(ctx, gowork)
		if err != nil {
			return err
		}

		rel, err := filepath.Rel(p.Source.top, gowork)
		inside := err == nil && filepath.IsLocal(rel)
		switch {
		case committed:
			p.work = gowork
			p.workSumMade = !isFile(gowork + ".sum")
			modDir = filepath.Dir(gowork)
		case inside:
			p.note(problem.Remedy{}, "%s is not part of the commit and is ignored (GOWORK=off)", filepath.ToSlash(rel))
		}
	}
	if p.work == "" {
		p.env = append(p.env, "GOWORK=off")
	}

	p.Mod = "readonly"
	modules := filepath.Join(modDir, "vendor", "modules.txt")
	if isFile(modules) {
		committed, err := p.git.has(ctx, modules)
		if err != nil {
			return err
		}

		if committed || p.isGenerated(modules, generated) {
			p.Mod = "vendor"
		} else {
			p.note(problem.Remedy{}, "vendor/ is not part of the commit and is ignored (-mod=readonly)")
		}
	}
	p.env = append(p.env, "GOFLAGS=-mod="+p.Mod)
	return nil
}

// setBuilds resolves targets, main packages and flags.
func (p *Plan) setBuilds(ctx context.Context, spec *Spec) (ps problem.List) {
	out, err := p.goCommand(ctx, nil, "tool", "dist", "list", "-json")
	if err != nil {
		ps.Keep("", fmt.Errorf("listing targets: %w", err))
		return ps
	}
	platforms, err := target.ParsePlatforms([]byte(out))
	if err != nil {
		ps.Keep("", err)
		return ps
	}
	targets, named, ps := target.Select(spec.Targets, platforms)
	firstClass := map[string]bool{}
	for _, pf := range platforms {
		firstClass[pf.String()] = pf.FirstClass
	}

	if p.hasC, err = importsC(p.dir); err != nil {
		ps.Keep("directory", err) // go list would read the same file, and run out of memory
		return ps
	}
	alike, err := p.mainsAlike(spec.Packages)
	ps.Keep("directory", err)
	if alike && len(targets) > 0 {
		p.everywhere = sync.OnceValues(func() ([]Main, error) { return p.listMains(ctx, targets[0], spec.Packages) })
	}
	builds := make([]Build, len(targets))
	errs := make([]error, len(targets))
	var g errgroup.Group
	g.SetLimit(max(1, spec.Jobs))
	for i, t := range targets {
		g.Go(func() error {
			errs[i] = crash.Catch(func() (err error) {
				builds[i], err = p.resolve(ctx, spec, t, firstClass[t.OS+"/"+t.Arch])
				return err
			})
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs, all of them

	ps = append(ps, unusedCompilers(spec.CC, targets)...)
	ps = append(ps, p.addBuilds(builds, errs, named)...)
	return append(ps, sameNames(p.Mains())...)
}

// resolve decides what one target builds, and how.
func (p *Plan) resolve(ctx context.Context, spec *Spec, t target.Target, firstClass bool) (b Build, err error) {
	b = Build{Target: t, Tags: p.Tags}
	given := givenFor(t, spec.CC)
	external := false
	if !firstClass {
		err := p.needsCgo(ctx, t)
		external = p.cgo && given != "" && errors.Is(err, errNeedsCgo)
		if err != nil && !external {
			return b, err
		}
	}
	if b.Mains, err = p.mainsFor(ctx, t, spec.Packages); err != nil {
		return b, err
	}
	if p.cgo {
		packages, err := p.cgoPackages(ctx, t, b.Mains)
		if err != nil {
			return b, err
		}
		if external || len(packages) > 0 {
			b.Tags = p.cgoTags(t)
			if b.CC, err = p.compiler(ctx, t, given, packages); err != nil {
				return b, err
			}
		}
	}
	b.LDFlags, err = p.linkFlags(spec.LDFlags, b)
	return b, err
}

// addBuilds sorts what was found for each target into builds, skipped targets and problems.
func (p *Plan) addBuilds(builds []Build, errs []error, named map[target.Target]bool) (ps problem.List) {
	var without []string
	var missing []*noCompiler
	seen := map[string]bool{} // the same mistake for every target is one mistake
	for i, b := range builds {
		t, err := b.Target, errs[i]
		var m *noCompiler
		switch {
		case err == nil:
			p.Builds = append(p.Builds, b)
		case !named[t] && (errors.Is(err, errNoMain) || errors.Is(err, errNeedsCgo)):
			p.Skipped = append(p.Skipped, Skipped{t, err.Error()})
		case errors.Is(err, errNoMain):
			without = append(without, t.String())
		case errors.As(err, &m):
			missing = append(missing, m)
		case !seen[err.Error()]:
			seen[err.Error()] = true
			ps.Keep("packages", err)
		}
	}
	ps = append(ps, noCompilers(missing)...)
	none := p.warned.always() // told without the targets that have no main package: it may be why
	if len(none) > 0 {
		ps.AddWith("packages", problem.Run("go list ./..."), "no package matches %s for any of the targets", strings.Join(none, ", "))
	}
	switch {
	case len(p.Builds) == 0 && len(ps) == 0 && len(builds) > 0:
		ps.AddWith("packages", problem.Run("go list -f '{{.Name}} {{.ImportPath}}' ./..."), "module %s has no main package to release", p.Module)
	case len(without) > 0 && (len(p.Builds) > 0 || len(none) == 0):
		ps.Add("targets", "no main package of %s builds for %s", p.Module, strings.Join(without, " "))
	}
	return ps
}

// errNeedsCgo is the answer of a target that Go cannot link by itself.
var errNeedsCgo = errors.New("needs cgo: Go cannot link for it without a C toolchain")

// needsCgo asks the go command whether it can link programs for t without cgo. It
// has no command for the question, but it refuses to list any main package then
// (internal/platform MustLinkExternal; android/amd64 and ios are such targets).
func (p *Plan) needsCgo(ctx context.Context, t target.Target) error {
	_, err := p.goCommand(ctx, t.Env(), "list", "cmd/link")
	if err != nil && strings.Contains(err.Error(), "requires external (cgo) linking") {
		return &problem.Problem{Setting: "targets", Err: fmt.Errorf("%s %w", t, errNeedsCgo)}
	}
	return err
}

// goCommand runs the go command in the module's directory.
func (p *Plan) goCommand(ctx context.Context, env []string, args ...string) (string, error) {
	return process.Command{Args: append([]string{"go"}, args...), Env: env, Dir: p.dir}.Output(ctx, p.env)
}

// setupGo is the step of a workflow that installs Go.
var setupGo = problem.Step("- {uses: actions/setup-go@v7, with: {go-version: stable}}")

func explainGo(err error) error {
	if strings.Contains(err.Error(), "executable file not found") {
		return &problem.Problem{Err: errors.New("go is not installed"), Remedy: problem.There(setupGo, problem.Advise("install Go from https://go.dev/dl"))}
	}
	return fmt.Errorf("asking go about the module: %w", err)
}

// futureDir returns the real path of a directory that may not exist yet, "" if its parent
// does not exist either. The code that creates the directory reports what is wrong.
func futureDir(dir string) string {
	real, err := door.RealDir(dir)
	if err == nil {
		return real
	}

	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}

	parent, err := door.RealDir(filepath.Dir(abs))
	if err != nil {
		return ""
	}
	return filepath.Join(parent, filepath.Base(abs))
}

// Mains returns every main package of the plan, once, in order.
func (p *Plan) Mains() []Main {
	mains := map[string]Main{}
	for _, b := range p.Builds {
		for _, m := range b.Mains {
			mains[m.ImportPath] = m
		}
	}
	return slices.SortedFunc(maps.Values(mains), func(a, b Main) int { return strings.Compare(a.ImportPath, b.ImportPath) })
}

// Processes is the -p in the user's GOFLAGS, 0 if there is none.
func (p *Plan) Processes() int { return p.processes }

// note records something that the user should know.
func (p *Plan) note(remedy problem.Remedy, format string, args ...any) {
	p.Notes = append(p.Notes, problem.Note{
		Text:   fmt.Sprintf(format, args...),
		Remedy: remedy,
	})
}
