package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/process"
	"github.com/org/go-static-release/build/target"
)

// A program is a main package with its source files, while a plan is made.
type program struct {
	Main
	sources  []string // Go files, on disk
	matches  []string // the patterns for the go command that it matches
	isChosen bool     // the name is one that the user gave
	needsCgo bool     // every file of it needs cgo, and cgo is off
}

// unmatchedPatterns counts how often go list said that a pattern matched nothing. A pattern
// that matches nothing for every target is a mistake; others are for some platforms only.
type unmatchedPatterns struct {
	mu       sync.Mutex
	listings int
	count    map[string]int // by pattern, in quotes
}

// matchesNothing matches the go command's warning about a pattern (search.WarnUnmatched).
var matchesNothing = regexp.MustCompile(`(?m)^go: warning: (".*") matched no packages$`)

// add counts the warnings of one go list.
func (u *unmatchedPatterns) add(stderr []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()

	u.listings++
	if u.count == nil {
		u.count = map[string]int{}
	}
	seen := map[string]bool{} // the same pattern may be given twice
	for _, m := range matchesNothing.FindAllSubmatch(stderr, -1) {
		pattern := string(m[1])
		if !seen[pattern] {
			seen[pattern] = true
			u.count[pattern]++
		}
	}
}

// always returns the patterns, sorted, that matched nothing in any go list.
func (u *unmatchedPatterns) always() (patterns []string) {
	for pattern, n := range u.count {
		if n == u.listings {
			patterns = append(patterns, pattern)
		}
	}
	slices.Sort(patterns)
	return patterns
}

// errNoMain is the error of a target for which build constraints exclude every main package.
var errNoMain = errors.New("no main package")

// programsFor decides which programs one target builds.
func (r *resolver) programsFor(ctx context.Context, t target.Target) (programs []program, err error) {
	if r.shared != nil {
		programs, err = r.shared()
	} else {
		programs, err = r.listPrograms(ctx, t)
	}
	if err != nil {
		return nil, err
	}
	programs = slices.Clone(programs) // they may be shared with other targets

	if len(r.patterns) == 0 {
		choice, err := r.chooseShipped(programs)
		if err != nil {
			return nil, err
		}
		r.leftOut.add(choice)
		programs = choice.shipped
	} else if err := setNames(programs, r.patterns); err != nil {
		return nil, err
	}
	if len(programs) == 0 {
		return nil, errNoMain
	}

	pure := slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return p.needsCgo })
	for _, p := range programs {
		if p.needsCgo {
			remedy := problem.Set("cgo", "static")
			if len(pure) > 0 {
				remedy = problem.Either(remedy, problem.Set("packages", patternsOf(pure)).For("leaves it out"))
			}
			return nil, &problem.Problem{
				Setting: "packages",
				Err:     fmt.Errorf("%s needs cgo in every file, and cgo is off", p.ImportPath),
				Remedy:  remedy,
			}
		}
	}

	slices.SortFunc(programs, func(a, b program) int { return compareMains(a.Main, b.Main) })
	return programs, nil
}

// listPrograms lists the main packages that the user's patterns match for one target. With
// no patterns it lists every main package of the module. Packages that build constraints
// exclude for the target are not listed.
func (r *resolver) listPrograms(ctx context.Context, t target.Target) ([]program, error) {
	found, err := r.list(ctx, t, r.spec.Cgo)
	if err == nil {
		err = found.notMain
	}
	if err != nil || r.spec.Cgo || !r.survey.importsC {
		return found.programs, err
	}

	// go list does not list packages that it excludes, and it may have excluded some only
	// because cgo is off.
	withCgo, err := r.list(ctx, t, true)
	for _, p := range withCgo.programs {
		known := slices.ContainsFunc(found.programs, func(have program) bool {
			return have.ImportPath == p.ImportPath
		})
		if !known {
			p.needsCgo = true
			found.programs = append(found.programs, p)
		}
	}
	return found.programs, err
}

// A listing is what go list says about packages.
type listing struct {
	programs []program
	notMain  error // a package that was named by itself and is no program
}

// A listedPackage is what go list says about one package.
type listedPackage struct {
	ImportPath     string
	Name           string
	Dir            string
	GoFiles        []string
	CgoFiles       []string
	IgnoredGoFiles []string
	Match          []string // patterns
	Error          *struct{ Err string }
	Module         *struct {
		Path string
		Main bool
	}
}

// isNamed reports whether a pattern without a wildcard matches the package.
func (p listedPackage) isNamed() bool {
	return slices.ContainsFunc(p.Match, func(s string) bool { return !strings.Contains(s, "...") })
}

// list lists the packages that the user's patterns match.
func (r *resolver) list(ctx context.Context, t target.Target, cgo bool) (found listing, err error) {
	env := t.Env()
	if cgo {
		env = append(env, "CGO_ENABLED=1")
	}
	tags := r.spec.Tags
	if r.spec.Cgo {
		tags = cgoTags(t, tags)
	}
	args := []string{
		"go", "list", "-find", "-e",
		"-tags=" + tags,
		"-json=ImportPath,Name,Dir,GoFiles,CgoFiles,Error,IgnoredGoFiles,Match,Module",
		"--",
	}
	args = append(args, r.listed()...)

	out, stderr, err := r.ws.Run(ctx, process.Command{Args: args, Env: env})
	if err != nil {
		return found, r.ws.ExplainGo(err)
	}
	if len(r.patterns) > 0 {
		r.unmatched.add(stderr)
	}

	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var pkg listedPackage
		err := dec.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, fmt.Errorf("reading the output of go list: %w", err)
		}
		if err := r.addPackage(&found, pkg); err != nil {
			return found, err
		}
	}
}

// listed returns the patterns of the packages to list: the user's, else the directories that may
// have a main package.
func (r *resolver) listed() (patterns []string) {
	dirs := r.survey.mainDirs()
	byWildcard := r.survey.hasIgnored || r.ws.Work != "" || len(dirs) == 0
	if len(r.patterns) > 0 || byWildcard {
		return patternTexts(r.patterns)
	}

	for _, dir := range dirs {
		patterns = append(patterns, "./"+dir)
	}
	return patterns
}

// isNamed reports whether the user named a package without a wildcard.
func (r *resolver) isNamed(pkg listedPackage) bool { return len(r.patterns) > 0 && pkg.isNamed() }

// addPackage adds a package to a listing if it is a program.
func (r *resolver) addPackage(found *listing, pkg listedPackage) error {
	sources := slices.Concat(pkg.GoFiles, pkg.CgoFiles)
	isMain := pkg.Name == "main"
	inModule := pkg.Module != nil && pkg.Module.Main && pkg.ImportPath != "command-line-arguments"

	switch {
	case pkg.Error == nil && isMain && !inModule:
		return &problem.Problem{
			Setting: "packages",
			Err:     fmt.Errorf("%s is not a package of module %s", pkg.ImportPath, r.plan.Module),
			Remedy:  problem.Set("packages", "./cmd/NAME"),
		}

	case isMain && len(sources) > 0:
		p, err := r.newProgram(pkg, sources)
		if err != nil {
			return err
		}
		found.programs = append(found.programs, p)

	case len(pkg.IgnoredGoFiles) > 0: // excluded for this target

	case pkg.Error != nil && !r.isNamed(pkg) && r.survey.isUnreadable(pkg.Error.Err): // noted by setBuilds

	case pkg.Error != nil:
		remedy := r.ws.RemedyFor(pkg.Error.Err)
		if remedy.Kind == "" {
			remedy = problem.Run("go list ./...")
		}
		return &problem.Problem{
			Setting: "packages",
			Err:     errors.New(r.ws.Shorten(pkg.Error.Err)),
			Remedy:  remedy,
		}

	case !isMain && r.isNamed(pkg):
		found.notMain = &problem.Problem{
			Setting: "packages",
			Err:     fmt.Errorf("%s is package %s, not a main package", pkg.ImportPath, pkg.Name),
		}
	}
	return nil
}

// usesWildcards reports whether patterns of packages have wildcards, as no patterns do.
func usesWildcards(patterns []string) bool {
	hasDots := func(pattern string) bool { return strings.Contains(pattern, "...") }
	return len(patterns) == 0 || slices.ContainsFunc(patterns, hasDots)
}

// newProgram returns the program of a main package.
func (r *resolver) newProgram(pkg listedPackage, sources []string) (p program, err error) {
	dir, err := filepath.Rel(r.ws.Dir, pkg.Dir)
	if err != nil {
		return p, fmt.Errorf("locating package %s: %w", pkg.ImportPath, err)
	}

	p.Main = Main{
		Name:       binaryName(pkg.ImportPath),
		ImportPath: pkg.ImportPath,
		Dir:        filepath.ToSlash(dir),
	}
	if pkg.Module != nil {
		p.Module = pkg.Module.Path
	}
	for _, name := range sources {
		p.sources = append(p.sources, filepath.Join(pkg.Dir, name))
	}
	p.matches = pkg.Match
	return p, nil
}
