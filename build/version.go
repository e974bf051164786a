package build

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/org/go-static-release/build/problem"
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
// for a release, unless the linker flags set a variable to the right version, and a note
// otherwise.
func (r *resolver) checkStamps(ctx context.Context) error {
	p := r.plan
	flagsTell := !slices.ContainsFunc(p.Builds, func(b Build) bool { return !p.flagsTellVersion(b) })

	for _, stamp := range p.Stamps {
		if stamp.Version == workspace.Devel {
			remedy := r.declareVersion()
			if flagsTell {
				remedy = problem.Remedy{}
			}
			p.note(remedy, "go stamps no version in the programs, only %s, instead of v%s: %s",
				stamp.Version, p.Source.Version, stamp.Reason)
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

		if flagsTell {
			p.note(remedy, "%s; the linker flags set %s", text, p.Source.Version)
			continue
		}

		remedies := problem.Either(remedy, r.declareVersion())
		if remedy.Kind == "" {
			remedies = r.declareVersion()
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
	case workspace.TagMissing:
		return fmt.Sprintf("tag %s is not on the commit of this checkout", src.Tag), problem.There(
			problem.Step(fmt.Sprintf("- run: git fetch --force --depth=1 origin tag '%s'", src.Tag)),
			problem.Run("git tag "+src.Tag),
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
		return why, problem.Run("git tag " + goTag), nil

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

// flagsTellVersion reports whether the linker flags of a program of b set a variable to a text
// that contains the version of the release.
func (p *Plan) flagsTellVersion(b Build) bool {
	version, _ := strings.CutSuffix(p.Source.Version, "dirty")
	version = strings.TrimRight(version, "+.")

	return slices.ContainsFunc(b.Mains, func(m Main) bool {
		_, words, err := SplitFlags(b.LinkFlags(m))
		if err != nil {
			return false // it is reported where the flags are checked
		}
		flags, err := setFlags(words)
		if err != nil {
			return false
		}

		return slices.ContainsFunc(flags, func(f setFlag) bool { return strings.Contains(f.value, version) })
	})
}
