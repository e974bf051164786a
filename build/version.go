package build

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/workspace"
)

// stampOf returns the version that the go command stamps in the programs of a module, "" if
// the plan has none of it.
func (p *Plan) stampOf(modulePath string) string {
	for _, s := range p.Stamps {
		if s.Module == modulePath {
			return s.Version
		}
	}
	return ""
}

// compareStamps adds a problem for each module for which the go command would stamp another
// version in a workspace than the plan says.
func (p *Plan) compareStamps(ctx context.Context, ws *workspace.Workspace, ps *problem.List) error {
	for _, want := range p.Stamps {
		got, err := ws.Stamp(ctx, want.Module, p.Source.Dirty)
		if err != nil {
			return err
		}
		if got.Version == want.Version {
			continue
		}

		remedy := problem.There(
			problem.Step("- {uses: actions/checkout@v7, with: {fetch-depth: 0}}"),
			problem.Run("git fetch --tags --force"),
		)
		if p.Source.Tag != "" { // it hides other tags on the commit, if it is known
			remedy = problem.Either(problem.Set("tag", p.Source.Tag), remedy)
		}
		ps.AddWith("tag", remedy, "the plan is for version %s of module %s, but in this checkout go stamps %s",
			want.Version, want.Module, got.Version)
	}
	return nil
}

// setStamps predicts the versions that the go command stamps in the programs of the plan.
func (r *resolver) setStamps(ctx context.Context) error {
	p := r.plan
	for _, m := range p.Mains() {
		if p.stampOf(m.Module) != "" {
			continue
		}
		stamp, err := r.ws.Stamp(ctx, m.Module, p.Source.Dirty)
		if err != nil {
			return err
		}
		p.Stamps = append(p.Stamps, stamp)
	}
	return nil
}

// checkStamps compares the stamps with the version of the release. If they differ, a
// program that prints its build info says another version than its release. That is a problem
// for a release, unless the linker flags set a variable to the right version. A program that
// says no version at all is a warning.
func (r *resolver) checkStamps(ctx context.Context) error {
	p := r.plan
	flagsTell := r.everyTargetTells()

	for _, stamp := range p.Stamps {
		if stamp.Version == workspace.Devel {
			text := fmt.Sprintf("go stamps no version in the programs, only %s, instead of v%s: %s",
				stamp.Version, p.Source.Version, stamp.Reason)
			if flagsTell {
				p.note(problem.Remedy{}, "%s", text)
			} else {
				p.warn(r.declareVersion(), "%s", text)
			}
			continue
		}
		if strings.TrimSuffix(stamp.Version, "+incompatible") == "v"+p.Source.Version {
			continue
		}

		why, remedy, err := r.whyStamped(ctx, stamp.Module)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("go stamps %s in the programs instead of v%s: %s",
			stamp.Version, p.Source.Version, why)

		remedies := problem.Either(remedy, r.declareVersion())
		if remedy.Kind == "" {
			remedies = r.declareVersion()
		}
		silent := r.silentOf(stamp.Module)
		switch {
		case flagsTell && len(silent) == 0:
			p.note(remedy, "%s; the linker flags set %s", text, p.Source.Version)
			continue
		case flagsTell:
			p.warn(remedies, "%s; the linker flags set %s, but not in %s",
				text, p.Source.Version, strings.Join(silent, ", "))
			continue
		}
		if r.spec.Publish {
			return &problem.Problem{
				Setting: "tag",
				Err:     errors.New(text),
				Remedy:  remedies,
			}
		}
		p.note(remedies, "publishing would be refused: %s", text)
	}
	return nil
}

// declareVersion is the remedy of stamping the version by the linker.
func (r *resolver) declareVersion() problem.Remedy {
	if r.spec.LDFlags == "" {
		return problem.Advise("declare `var version string` in package main, which is set by default")
	}
	return problem.Set("ldflags", r.spec.LDFlags+" -X main.version={{.Version}}").
		For("sets `var version string` in package main")
}

// whyStamped returns why the go command does not stamp the version of the tag in programs of
// a module, and what to do about it.
func (r *resolver) whyStamped(
	ctx context.Context, modulePath string,
) (why string, remedy problem.Remedy, err error) {
	src := r.plan.Source
	if modulePath != r.plan.Module {
		why := fmt.Sprintf("they belong to module %s, which has tags of its own", modulePath)
		return why, problem.Advise("release each module with a tag of its own"), nil
	}

	reason, err := r.ws.WhyNotStamped(ctx, src.Tag)
	if err != nil {
		return "", remedy, err
	}
	version, _, _ := strings.Cut(src.Version, "+")
	goTag := r.ws.TagFor(version)

	switch reason {
	case workspace.TagElsewhere: // a dry run, because publishing would have been refused for it
		return fmt.Sprintf("tag %s is on another commit than the one of this checkout", src.Tag),
			workspace.CheckOut(src.Tag), nil

	case workspace.TagMissing:
		return fmt.Sprintf("tag %s is not on the commit of this checkout", src.Tag), problem.There(
			problem.Step("- run: git fetch --force --depth=1 origin tag "+problem.ShellWord(src.Tag)),
			problem.Run("git tag "+problem.ShellWord(src.Tag)),
		), nil

	case workspace.TagOfOtherMajor:
		path := pathFor(modulePath, version)
		why := fmt.Sprintf("the path of module %s does not allow major version %s",
			modulePath, semver.Major("v"+version))
		return why, problem.Run("go mod edit -module " + path).
			For("changes the path; the imports of its packages change with it"), nil

	case workspace.TagUnknownToGo:
		why := fmt.Sprintf("go takes %s for the tag of this version, not %s", goTag, src.Tag)
		if src.TagPrefix != "" { // a project with such tags may have several products
			return why, problem.Remedy{}, nil
		}
		return why, problem.Run("git tag " + problem.ShellWord(goTag)), nil

	case workspace.TagOfNested:
		return r.plan.Go + " looks only at the tags of the root, also for nested modules", problem.There(
			problem.Step("- {uses: actions/setup-go@v7, with: {go-version: stable}}"),
			problem.Run("export GOTOOLCHAIN=go1.25.0+auto"),
		), nil

	case workspace.TagHidden:
		return "log.excludeDecoration in git's configuration hides the tag from go",
			problem.Run("git config --show-origin --get-all log.excludeDecoration").For("shows where"), nil
	}
	return "go takes the highest tag on the commit, and this git cannot hide the others",
		problem.Advise("use git 2.27 or newer"), nil
}

// pathFor returns a module path with the major version of a version.
func pathFor(modulePath, version string) string {
	prefix, _, ok := module.SplitPathVersion(modulePath)
	if !ok {
		prefix = modulePath
	}

	major := semver.Major("v" + version)
	if major == "v0" || major == "v1" {
		return prefix
	}
	return path.Join(prefix, major)
}

// versionFlags returns the -X among linker flags that set a variable to a text that contains the
// version of the release.
//
// The version does not continue another number: 1.2.3 is not in 11.2.3 or 1.2.30.
func (p *Plan) versionFlags(linkFlags string) (found []setFlag) {
	version, _ := strings.CutSuffix(p.Source.Version, "dirty")
	version = strings.TrimRight(version, "+.")

	_, words, err := SplitFlags(linkFlags)
	if err != nil {
		return nil // it is reported where the flags are checked
	}
	flags, err := setFlags(words)
	if err != nil {
		return nil
	}

	last := map[string]setFlag{} // of each variable, which the linker takes
	for _, f := range flags {
		last[f.variable()] = f
	}
	for _, f := range last {
		if containsVersion(f.value, version) {
			found = append(found, f)
		}
	}
	return found
}

// silentPrograms are the programs in which the linker flags of a target set no variable to the
// version.
type silentPrograms struct {
	mu  sync.Mutex
	all map[silentProgram]bool
}

type silentProgram struct {
	target     target.Target
	importPath string
}

func (s *silentPrograms) add(b *Build, m Main) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.all == nil {
		s.all = map[silentProgram]bool{}
	}
	s.all[silentProgram{b.Target, m.ImportPath}] = true
}

// has reports whether a program of a build is silent.
func (s *silentPrograms) has(b *Build, m Main) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[silentProgram{b.Target, m.ImportPath}]
}

// addSilent adds a program to the silent ones if its linker flags do not tell the version. The
// linker ignores a variable of package main that the program does not have, and one with a value
// that is computed when the program starts has that value.
func (r *resolver) addSilent(b *Build, m Main, d *declarations) {
	tells := slices.ContainsFunc(r.plan.versionFlags(b.LinkFlags(m)), func(f setFlag) bool {
		found := d.find(f.name)
		mayBeSet := found.kind == declaredVar && found.isString != no && found.initial != computedInitial
		return f.pkg != "main" || d.incomplete || mayBeSet
	})
	if !tells {
		r.silent.add(b, m)
	}
}

// silentOf returns the names of the silent programs of a module.
func (r *resolver) silentOf(modulePath string) (names []string) {
	for i := range r.plan.Builds {
		b := &r.plan.Builds[i]
		for _, m := range b.Mains {
			isNew := m.Module == modulePath && !slices.Contains(names, m.Name)
			if isNew && r.silent.has(b, m) {
				names = append(names, m.Name)
			}
		}
	}
	return names
}

// everyTargetTells reports whether each target has a program that is not silent.
func (r *resolver) everyTargetTells() bool {
	for i := range r.plan.Builds {
		b := &r.plan.Builds[i]
		tells := func(m Main) bool { return !r.silent.has(b, m) }
		if !slices.ContainsFunc(b.Mains, tells) {
			return false
		}
	}
	return true
}

// What makes a version part of a longer one.
var (
	numberBefore = regexp.MustCompile(`[0-9]\.?$`)
	numberAfter  = regexp.MustCompile(`^\.?[0-9]`)
)

// containsVersion reports whether a text contains a version that is not part of a longer one.
func containsVersion(text, version string) bool {
	for {
		before, after, found := strings.Cut(text, version)
		if !found {
			return false
		}

		if !numberBefore.MatchString(before) && !numberAfter.MatchString(after) {
			return true
		}
		text = text[len(before)+1:]
	}
}
