// Package build turns a commit of a Go module into proven binaries. It knows Go; it knows
// nothing of archives, releases or GitHub.
//
// NewPlan decides everything that can be decided before a compiler starts, and
// finds every mistake that can be found by then. Compile runs one `go build` per
// target for all its main packages; Verify reads each binary back and compares
// it with the plan.
//
// The files by what they decide or find:
//
//	plan.go, resolve.go       the plan, and its builds for each target
//	survey.go, mains.go       the main packages that there are
//	shipped.go, patterns.go   those that are released: without and with the setting packages
//	names.go                  the names of programs
//	ldflags*.go               the linker flags, and whether each -X of the user sets something
//	declarations.go           the variables of a package that -X can set
//	version.go                the version that the go command stamps
//	graph.go, load_error.go   packages that cannot be loaded, and why
//	generators.go, lfs.go     files that they lack: not generated, or not fetched by Git LFS
//	placeholders.go           embedded files that only stand for others
//	stubs.go                  packages that compile without cgo, and only return errors
//	sources.go, changes.go    whether what is compiled is the commit
//	setaside.go               the variables of the environment that do not count
//	compile*.go               running go build, and what it says
//	prove.go, paths.go        the proof, which no name of a directory of this machine passes
//	causes.go, remedy.go      why a binary is not static, and what to do about it
//	cachekey.go               the name of the build cache for a request
//
// A Plan is data. It can be written as JSON by one job and carried out by another one, in
// another checkout of the same commit: see Plan.CheckWorkspace.
//
// The same commit gives the same bytes on every machine that has the same Go
// toolchain, and the same C compiler where cgo is on: -trimpath, an explicit
// instruction-set level, no ambient settings. The exceptions, all of them recorded in
// the binary itself: GOEXPERIMENT and GOFIPS140 are taken from the environment; and
// the go command stamps the version of the main module, which it learns from the tags of the
// clone. If the tag of the release is a version of the module, every clone that has this tag
// gives the same bytes, because other tags on the commit are hidden from the go command. Of a
// commit without such a tag it stamps a pseudo-version, and so a clone without the earlier
// tags differs. Plan.Stamps holds what is expected, and Verify compares it.
package build

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
)

// A Spec is what the user asked for.
type Spec struct {
	Packages   []string // patterns of main packages; empty: found
	Targets    []string // patterns over the platforms of the toolchain
	Name       string   // of the project; "": from the module path
	Tag        string   // "": the tag on HEAD
	TagPrefix  string   // what tags begin with, "" if they begin with the directory of their module
	TagCommit  string   // the commit that Tag is known to name, "" if not known
	Tags       string   // build tags, separated by commas
	LDFlags    string   // template; "": the default flags
	GCFlags    string
	Cgo        bool        // with static C compilers, where a package outside the standard library needs C
	CC         []cc.Choice // instead of the compilers that are found
	Generated  []string    // patterns of source files, relative to the module, that need not be in the commit
	AllowStubs bool        // packages may be compiled that need cgo and only return errors without it
	Publish    bool        // the result will be public: the sources must be those of the commit and the tag on HEAD

	Env map[string]string // environment variables that templates may use: see template.Environment
}

// A Plan is everything that is decided before the first compiler starts. It is data, and
// survives a round trip through JSON: nothing in it belongs to one machine.
type Plan struct {
	Name    string            `json:"name"`
	Module  string            `json:"module"` // path
	Source  *workspace.Source `json:"source"`
	Go      string            `json:"go"`             // toolchain, "go1.26.8"
	Mod     string            `json:"mod"`            // value of -mod: see workspace.Workspace
	Work    string            `json:"work,omitempty"` // go.work, relative to the repository, with slashes
	Cgo     bool              `json:"cgo,omitempty"`  // packages may need C
	Tags    string            `json:"tags,omitempty"`
	GCFlags string            `json:"gcflags,omitempty"`
	Builds  []Build           `json:"builds"`
	Skipped []Skipped         `json:"skipped,omitempty"`

	// Experiments and FIPS140 are GOEXPERIMENT and GOFIPS140, "" if they are not set.
	Experiments string `json:"goexperiment,omitempty"`
	FIPS140     string `json:"gofips140,omitempty"`

	// GeneratedPatterns match sources that need not be in the commit. Generated are those
	// that the commit does not have.
	GeneratedPatterns []string              `json:"generatedPatterns,omitempty"`
	Generated         []workspace.Generated `json:"generated,omitempty"`

	// Stamps are the versions that the go command stamps: one for each module that has
	// programs in the plan.
	Stamps []workspace.Stamp `json:"stamps"`

	// Notes say what was ignored, and what would prevent publishing.
	Notes []problem.Note `json:"notes,omitempty"`
}

// A Build is what one target compiles.
type Build struct {
	Target  target.Target `json:"target"`
	Mains   []Main        `json:"mains"`
	Tags    string        `json:"tags,omitempty"`
	LDFlags string        `json:"ldflags"`

	// OwnLDFlags are the linker flags, by import path, of programs in which something cannot be
	// set that LDFlags set.
	OwnLDFlags map[string]string `json:"ownLDFlags,omitempty"`

	CC *cc.Compiler `json:"cc,omitempty"` // nil: without cgo
}

// A Main is one main package, one program.
type Main struct {
	Name       string `json:"name"`       // of the program, as go build names it, without .exe
	ImportPath string `json:"importPath"` // what is given to go build
	Dir        string `json:"dir"`        // of its source, relative to the module, slashes
	Module     string `json:"module"`     // path of its module; a go.work has several
}

// A Skipped is a target that a wildcard matched but that cannot be built.
type Skipped struct {
	Target target.Target `json:"target"`
	Reason string        `json:"reason"`
}

// NewPlan decides what is built in a workspace. If spec is wrong, the error is a
// problem.List with everything that could be found, and the plan, unless nil, holds what
// could be decided.
func NewPlan(ctx context.Context, ws *workspace.Workspace, spec *Spec) (*Plan, error) {
	p := &Plan{
		Name:              spec.Name,
		Module:            ws.Module,
		Go:                ws.Toolchain,
		Experiments:       ws.Experiments,
		FIPS140:           ws.FIPS140,
		Mod:               ws.Mod,
		Cgo:               spec.Cgo,
		Tags:              spec.Tags,
		GCFlags:           spec.GCFlags,
		GeneratedPatterns: spec.Generated,
		Notes:             slices.Clone(ws.Notes),
	}
	if p.Name == "" {
		p.Name = moduleName(p.Module)
	}
	if ws.Work != "" {
		p.Work = ws.InRoot(ws.Work)
	}
	p.noteSetAside(ws.SetAside)

	var ps problem.List
	changes, err := ws.Changes(ctx)
	ps.Keep("directory", err)

	var wrong problem.List
	p.Source, wrong = ws.Source(ctx, workspace.SourceOptions{
		Tag:       spec.Tag,
		TagPrefix: spec.TagPrefix,
		TagCommit: spec.TagCommit,
		Publish:   spec.Publish,
		Dirty:     len(changes) > 0,
	})
	ps = append(ps, wrong...)

	ps.Keep("dist", ws.CheckDist(ctx))
	if p.Source.Dirty && spec.Publish {
		ps.AddWith("", changesRemedy(ctx, ws),
			"the working tree differs from commit %.12s:\n  %s",
			p.Source.Commit, workspace.DescribeChanges(changes))
	}

	r := &resolver{ws: ws, spec: spec, plan: p}
	ps = append(ps, r.setBuilds(ctx)...)
	if ps.Keep("tag", r.setStamps(ctx)) && len(wrong) == 0 {
		ps.Keep("tag", r.checkStamps(ctx))
	}
	if len(ps) == 0 {
		ps = append(ps, r.checkGraph(ctx)...)
	}
	known := len(p.Notes)
	if len(ps) == 0 {
		ps.Keep("", checkSources(ctx, ws, p, spec.Publish))
	}
	if p.Source.Dirty && !spec.Publish {
		// What is to do about the sources may settle both.
		var remedy problem.Remedy
		if len(p.Notes) == known {
			remedy = changesRemedy(ctx, ws)
		}
		p.note(remedy, "the working tree has uncommitted changes, with which nothing is published; "+
			"the binaries will be marked as modified:\n  %s", workspace.DescribeChanges(changes))
	}

	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return p, ps.Err()
}

// CheckWorkspace fails if the plan, which may have been made elsewhere, cannot be carried
// out in a workspace. The error is a problem.List with each difference.
//
// If the plan was made from a working tree with uncommitted changes, the workspace must
// have some too; whether they are the same ones cannot be told.
func (p *Plan) CheckWorkspace(ctx context.Context, ws *workspace.Workspace) error {
	var ps problem.List
	if ws.Commit != p.Source.Commit {
		ps.AddWith("directory", problem.Run("git checkout "+p.Source.Commit),
			"the plan is for commit %.12s, but %.12s is checked out", p.Source.Commit, ws.Commit)
	}
	if ws.Module != p.Module || ws.ModuleDir() != p.Source.Dir {
		ps.AddWith("directory", problem.Set("directory", p.Source.Dir),
			"the plan is for module %s in %s, but this is module %s in %s",
			p.Module, p.Source.Dir, ws.Module, ws.ModuleDir())
	}
	if ws.Toolchain != p.Go {
		ps.AddWith("", problem.There(
			problem.Step(fmt.Sprintf("- {uses: actions/setup-go@v7, with: {go-version: %s}}",
				strings.TrimPrefix(p.Go, "go"))),
			problem.Run("export GOTOOLCHAIN="+p.Go),
		),
			"the plan is for %s, but this is %s", p.Go, ws.Toolchain)
	}
	for _, v := range []struct{ name, planned, here string }{
		{"GOEXPERIMENT", p.Experiments, ws.Experiments},
		{"GOFIPS140", p.FIPS140, ws.FIPS140},
	} {
		if v.planned != v.here {
			ps.AddWith("", problem.There(
				problem.Step(fmt.Sprintf("- run: echo %s=%s >> $GITHUB_ENV", v.name, v.planned)),
				problem.Run(fmt.Sprintf("export %s=%s", v.name, v.planned)),
			),
				"the plan is for %s=%q, but here it is %q", v.name, v.planned, v.here)
		}
	}
	if ws.Mod != p.Mod {
		ps.Add("directory", "the plan is for -mod=%s, but this checkout needs -mod=%s", p.Mod, ws.Mod)
	}

	work := ""
	if ws.Work != "" {
		work = ws.InRoot(ws.Work)
	}
	if work != p.Work {
		ps.Add("directory", "the plan is for the workspace file %q, but this checkout uses %q", p.Work, work)
	}
	if len(ps) > 0 {
		return ps
	}

	if err := p.compareStamps(ctx, ws, &ps); err != nil {
		return err
	}

	changes, err := ws.Changes(ctx)
	switch {
	case err != nil:
		return err
	case len(changes) > 0 && !p.Source.Dirty:
		ps.AddWith("directory", changesRemedy(ctx, ws),
			"the plan is for an unchanged checkout, but this one has changes:\n  %s",
			workspace.DescribeChanges(changes))
	case len(changes) == 0 && p.Source.Dirty:
		ps.Add("directory", "the plan was made with uncommitted changes, which this checkout does not have")
	case !p.Source.Dirty:
		ps = append(ps, p.checkGenerated(ctx, ws)...)
	}

	for _, compiler := range p.compilers() {
		ps.Keep("cc", compiler.Check(ctx, ws.Environ()))
	}
	return ps.Err()
}

// compilers returns the C compilers of the plan, each once.
func (p *Plan) compilers() (list []cc.Compiler) {
	for _, b := range p.Builds {
		if b.CC != nil && !slices.Contains(list, *b.CC) {
			list = append(list, *b.CC)
		}
	}
	return list
}

// Mains returns every main package of the plan, once, in order.
func (p *Plan) Mains() []Main {
	mains := map[string]Main{}
	for _, b := range p.Builds {
		for _, m := range b.Mains {
			mains[m.ImportPath] = m
		}
	}

	return slices.SortedFunc(maps.Values(mains), compareMains)
}

func compareMains(a, b Main) int { return strings.Compare(a.ImportPath, b.ImportPath) }

// warn records that what is released may not be what the user thinks.
func (p *Plan) warn(remedy problem.Remedy, format string, args ...any) {
	p.note(remedy, format, args...)
	p.Notes[len(p.Notes)-1].IsWarning = true
}

// note records something that the user should know.
func (p *Plan) note(remedy problem.Remedy, format string, args ...any) {
	p.Notes = append(p.Notes, problem.Note{
		Text:   fmt.Sprintf(format, args...),
		Remedy: remedy,
	})
}
