package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/crash"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
)

// A resolver decides about the targets, main packages and flags of a plan.
type resolver struct {
	ws   *workspace.Workspace
	spec *Spec
	plan *Plan

	patterns     []pattern // that the user gave
	survey       survey
	declarations declarationCache
	unmatched    unmatchedPatterns
	leftOut      leftOut
	silent       silentPrograms
	shared       func() ([]program, error) // the main packages of every target; nil if they may differ
}

// setBuilds resolves targets, main packages and flags.
func (r *resolver) setBuilds(ctx context.Context) (ps problem.List) {
	platforms, err := listPlatforms(ctx, r.ws)
	if err != nil {
		ps.Keep("", err)
		return ps
	}
	targets, named, ps := target.Select(r.spec.Targets, platforms)
	firstClass := map[string]bool{}
	for _, platform := range platforms {
		firstClass[platform.String()] = platform.FirstClass
	}

	r.declarations.modulePath = r.ws.Module
	r.declarations.moduleDir = r.ws.Dir

	var wrong problem.List
	r.patterns, wrong = parsePatterns(r.ws.Dir, r.spec.Packages)
	ps = append(ps, wrong...)
	if len(wrong) > 0 {
		return ps
	}

	r.survey, err = surveyModule(r.ws.Dir, r.spec.Tags)
	if err != nil {
		ps.Keep("directory", err) // go list would read the same file, and run out of memory
		return ps
	}
	if usesWildcards(patternTexts(r.patterns)) {
		note, err := r.survey.checkWildcards()
		if err != nil {
			ps.Keep("packages", err)
			return ps
		}
		if note.Text != "" {
			r.plan.Notes = append(r.plan.Notes, note)
		}
	}

	// With cgo, other files are compiled; a go.work has other modules.
	alike := r.survey.sameForEveryTarget(patternTexts(r.patterns)) && !r.spec.Cgo && r.ws.Work == ""
	if alike && len(targets) > 0 {
		r.shared = sync.OnceValues(func() ([]program, error) { return r.listPrograms(ctx, targets[0]) })
	}

	builds := make([]Build, len(targets))
	errs := make([]error, len(targets))
	var g errgroup.Group
	g.SetLimit(r.ws.Jobs)
	for i, t := range targets {
		g.Go(func() error {
			errs[i] = crash.Catch(func() (err error) {
				builds[i], err = r.resolve(ctx, t, firstClass[t.OS+"/"+t.Arch])
				return err
			})
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs, all of them

	ps = append(ps, cc.CheckChoices(r.spec.CC, targets)...)
	ps = append(ps, r.addBuilds(ctx, builds, errs, named)...)

	nameMains(r.plan.Builds, r.plan.Module, r.patterns)
	r.leftOut.note(r.plan)
	return append(ps, checkNames(r.plan.Mains())...)
}

// listPlatforms lists the platforms of the toolchain.
func listPlatforms(ctx context.Context, ws *workspace.Workspace) ([]target.Platform, error) {
	out, err := ws.RunGo(ctx, nil, "tool", "dist", "list", "-json")
	if err != nil {
		return nil, ws.ExplainGo(err)
	}
	return target.ParsePlatforms([]byte(out))
}

// resolve decides what one target builds, and how.
func (r *resolver) resolve(ctx context.Context, t target.Target, firstClass bool) (b Build, err error) {
	b = Build{Target: t, Tags: r.spec.Tags}

	choice := cc.ChoiceFor(t, r.spec.CC)
	linksWithC := false // Go cannot link for the target, but the user has a compiler that can
	if !firstClass {
		err := r.checkLinker(ctx, t)
		linksWithC = r.spec.Cgo && choice != "" && errors.Is(err, errNeedsCgo)
		if err != nil && !linksWithC {
			return b, err
		}
	}

	programs, err := r.programsFor(ctx, t)
	if err != nil {
		return b, err
	}
	for _, p := range programs {
		b.Mains = append(b.Mains, p.Main)
	}

	if r.spec.Cgo {
		packages, err := cgoPackages(ctx, r.ws, b.Target, r.spec.Tags, b.Mains)
		if err != nil {
			return b, err
		}
		if linksWithC || len(packages) > 0 {
			b.Tags = cgoTags(t, r.spec.Tags)
			b.CC, err = cc.Find(ctx, r.compilerRequest(t, choice, packages))
			if err != nil {
				return b, err
			}
		}
	}

	return b, r.setLinkFlags(&b, programs)
}

// compilerRequest describes the C compiler that packages need for a target.
func (r *resolver) compilerRequest(t target.Target, choice string, packages []node) cc.Request {
	request := cc.Request{
		Target:  t,
		Choice:  choice,
		Environ: r.ws.Environ(),
	}
	for _, n := range packages {
		request.Packages = append(request.Packages, n.ImportPath)
		if len(n.CXXFiles)+len(n.SwigCXXFiles) > 0 {
			request.CXX = true
		}
	}
	return request
}

// addBuilds sorts what was found for each target into builds, skipped targets and problems.
func (r *resolver) addBuilds(
	ctx context.Context, builds []Build, errs []error, named map[target.Target]bool,
) (ps problem.List) {
	var noMain []string
	var missing []*cc.Missing
	seen := map[string]bool{} // the same mistake for every target is one mistake
	for i, b := range builds {
		t, err := b.Target, errs[i]
		var m *cc.Missing
		switch {
		case err == nil:
			r.plan.Builds = append(r.plan.Builds, b)
		case !named[t] && (errors.Is(err, errNoMain) || errors.Is(err, errNeedsCgo)):
			r.plan.Skipped = append(r.plan.Skipped, Skipped{t, err.Error()})
		case errors.Is(err, errNoMain):
			noMain = append(noMain, t.String())
		case errors.As(err, &m):
			missing = append(missing, m)
		case !seen[err.Error()]:
			seen[err.Error()] = true
			ps.Keep("packages", err)
		}
	}
	if p := cc.Explain(missing); p != nil {
		ps = append(ps, p)
	}

	// A pattern that matches nothing may be why targets have no main package, so only one of
	// the two is reported.
	unmatched := r.unmatched.always()
	if len(unmatched) > 0 {
		ps.AddWith("packages", problem.Run("go list ./..."),
			"no package matches %s for any of the targets", strings.Join(unmatched, ", "))
	}
	switch {
	case len(r.plan.Builds) == 0 && len(ps) == 0 && len(builds) > 0:
		ps = append(ps, r.nothingToRelease(ctx, builds[0]))
	case len(noMain) > 0 && (len(r.plan.Builds) > 0 || len(unmatched) == 0):
		var remedy problem.Remedy
		if len(r.plan.Builds) > 0 {
			remedy = problem.Set("targets", strings.Join(targetNames(r.plan.Builds), " "))
		}
		ps.AddWith("targets", remedy, "no main package of %s builds for %s", r.plan.Module, strings.Join(noMain, " "))
	}
	return ps
}

// targetNames returns the targets of builds.
func targetNames(builds []Build) (names []string) {
	for _, b := range builds {
		names = append(names, b.Target.String())
	}
	return names
}

// errNeedsCgo is the error of a target for which Go cannot link by itself.
var errNeedsCgo = errors.New("needs cgo: Go cannot link for it without a C toolchain")

// checkLinker fails with errNeedsCgo if the go command cannot link programs for t without
// cgo. The go command has no option to ask, but it then refuses to list any main package
// (internal/platform MustLinkExternal; android/amd64 and ios are such targets).
func (r *resolver) checkLinker(ctx context.Context, t target.Target) error {
	_, err := r.ws.RunGo(ctx, t.Env(), "list", "cmd/link")
	if err != nil && strings.Contains(err.Error(), "requires external (cgo) linking") {
		return &problem.Problem{
			Setting: "targets",
			Err:     fmt.Errorf("%s %w", t, errNeedsCgo),
		}
	}
	if err != nil {
		return r.ws.ExplainGo(err)
	}
	return nil
}

// env returns the environment that selects the target and its C compiler.
func (b *Build) env() []string { return slices.Concat(b.Target.Env(), b.CC.Env()) }
