package build

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
)

// checkLinkFlags finds every -X of the user that sets nothing, which the linker ignores without
// a word, and notes variables that look like the version of a program and that nothing sets.
// g are the packages of the first target, all of which the go command can load: what is missing
// might be what was meant.
func (r *resolver) checkLinkFlags(ctx context.Context, g graph) (ps problem.List) {
	c := &flagCheck{
		resolver: r,
		graphs:   map[int]graph{0: g},
	}
	ps = c.findUselessFlags(ctx)
	if len(ps) == 0 {
		c.noteUnset()
		c.noteStale()
	}
	return ps
}

// A flagCheck compares the linker flags of a plan with the packages that are linked.
type flagCheck struct {
	*resolver
	graphs map[int]graph // by index of the build
}

// graph returns the packages of a build. For most plans only the first build is listed.
func (c *flagCheck) graph(ctx context.Context, i int) (graph, error) {
	g, ok := c.graphs[i]
	if ok {
		return g, nil
	}

	b := c.plan.Builds[i]
	g, err := listGraph(ctx, c.ws, b.env(), b.Tags, b.Mains)
	if err != nil {
		return nil, err
	}
	c.graphs[i] = g
	return g, nil
}

// A uselessFlag is a -X that sets nothing.
type uselessFlag struct {
	flag   setFlag
	build  int // index of the first build with it
	reason string
	file   string // of the declaration, on disk, "" if there is none
	line   int
}

// A flagError is a -X that sets nothing, with the place of the declaration that is why.
type flagError struct {
	text     string
	position problem.Position
}

func (e *flagError) Error() string { return e.text }

// Position returns the place of the declaration.
func (e *flagError) Position() problem.Position { return e.position }

// findUselessFlags finds every -X of the user that sets nothing in any program of any target.
func (c *flagCheck) findUselessFlags(ctx context.Context) (ps problem.List) {
	if c.spec.LDFlags == "" {
		return nil
	}

	ps = c.checkExpanded()
	found := map[string]bool{} // by variable, whether some build has it
	useless := map[string]uselessFlag{}
	for i, b := range c.plan.Builds {
		_, words, err := SplitFlags(b.LDFlags)
		var flags []setFlag
		if err == nil {
			flags, err = setFlags(words)
		}
		if err != nil {
			ps.Add("ldflags", "%w", err)
			return ps // the same for the other targets, nearly always
		}

		for _, x := range flags {
			_, isUseless := useless[x.variable()]
			if found[x.variable()] || isUseless && !c.mayBeElsewhere(x, b) {
				continue
			}
			g, err := c.graph(ctx, i)
			if err != nil {
				ps.Keep("", err)
				return ps
			}
			u := c.why(x, b, g)
			if u.reason == "" {
				found[x.variable()] = true
				continue
			}
			if !isUseless {
				u.build = i
				useless[x.variable()] = u
			}
		}
	}

	for variable := range found {
		delete(useless, variable)
	}
	return append(ps, c.report(useless)...)
}

// shellReference matches what a shell would replace in a word, such as ${VERSION}, and %VERSION%
// of Windows.
var shellReference = regexp.MustCompile("\\$(\\w+|\\{[^}]*\\}|\\([^)]*\\))|%\\w+%|`[^`]*`")

// checkExpanded finds every -X of the user that gives a version, a commit or a date a text which
// only a shell would expand: a program would say "${VERSION}". Other variables may hold such a
// text on purpose, as a path to be expanded by the program.
func (c *flagCheck) checkExpanded() (ps problem.List) {
	corrected := c.spec.LDFlags
	seen := map[string]bool{}
	for _, b := range c.plan.Builds {
		_, words, err := SplitFlags(b.LDFlags)
		if err != nil {
			return nil // checkFlags reports it
		}
		flags, err := setFlags(words)
		if err != nil {
			return nil
		}

		for _, x := range flags {
			role := roleOf(x.name)
			if role < 0 || !shellReference.MatchString(x.value) || seen[x.variable()] {
				continue
			}
			seen[x.variable()] = true
			ps.Add("ldflags", "-X %s sets the text %q: no shell expands it", x.variable(), x.value)

			instead := roles[role].value
			if role == versionRole && namesTag.MatchString(x.value) {
				instead = "{{.Tag}}"
			}
			corrected = strings.ReplaceAll(corrected, x.variable()+"="+x.value, x.variable()+"="+instead)
		}
	}

	if corrected != c.spec.LDFlags {
		ps[len(ps)-1].Remedy = problem.Set("ldflags", corrected)
	}
	return ps
}

// namesTag matches references to a tag rather than to a version without "v".
var namesTag = regexp.MustCompile(`(?i)tag|ref_name|git describe`)

// mayBeElsewhere reports whether the packages of another target than the first one may have the
// variable of x: in a file, a package or a program that is only for that target. It saves the
// time of listing them after most mistakes.
func (c *flagCheck) mayBeElsewhere(x setFlag, b Build) bool {
	var dirs []string
	first, ok := c.graphs[0][x.pkg]
	switch {
	case x.pkg == "main":
		for _, m := range b.Mains {
			dirs = append(dirs, filepath.Join(c.ws.Dir, filepath.FromSlash(m.Dir)))
		}
	case ok:
		dirs = append(dirs, first.Dir)
	default:
		d := c.declarations.inModule(x.pkg)
		return d == nil || d.byName[x.name] != nil
	}

	return slices.ContainsFunc(dirs, func(dir string) bool {
		return c.declarations.read(goFiles(dir)).byName[x.name] != nil
	})
}

// why says why the flag x sets nothing in a build. The reason is "" if it sets something, or
// if that cannot be told.
func (c *flagCheck) why(x setFlag, b Build, g graph) uselessFlag {
	useless := uselessFlag{flag: x}

	packages := []string{x.pkg}
	if x.pkg == "main" {
		packages = nil
		for _, m := range b.Mains {
			packages = append(packages, m.ImportPath)
		}
	}
	for _, path := range packages {
		n, ok := g[path]
		switch {
		case !ok:
			useless.reason = "no program contains a package " + path
			return useless
		case n.Name == "main" && x.pkg != "main":
			useless.reason = "the linker calls every package main just main"
			return useless
		}

		d := c.declarations.read(n.sources())
		reason := d.whyNot(x.name)
		if reason == "" {
			return uselessFlag{flag: x}
		}
		if reason == noVariable && x.pkg == "main" {
			reason = "no program has a variable " + x.name + " in package main"
		}
		// Of several programs, the one that has something by that name says more.
		at := d.find(x.name)
		if useless.reason == "" || useless.file == "" && at.file != "" {
			useless.reason = reason
			useless.file = at.file
			useless.line = at.line
		}
	}
	return useless
}

// noVariable is the reason of a name that a package does not declare.
const noVariable = "the package has no such variable"

// whyNot says why -X cannot set a variable, "" if it can or if that cannot be told.
func (d *declarations) whyNot(name string) string {
	found := d.find(name)
	switch {
	case found.kind == notDeclared && d.incomplete:
		return ""
	case found.kind == notDeclared && d.isLocal(name):
		return name + " is a variable of a function there, and -X sets only those of the package"
	case found.kind == notDeclared:
		return noVariable
	case found.kind == declaredConst:
		return "it is a constant: declare it with var"
	case found.kind == declaredOther:
		return "it is no variable"
	case found.isString == no && found.typ != "":
		return "it is of type " + found.typ + ", and -X sets only variables of type string"
	case found.isString == no:
		return "it is not of type string, and -X sets nothing else"
	case found.initial == computedInitial:
		return "its initial value is computed when the program starts, and replaces what -X sets: " +
			"declare it without one, and compute it in a func init if it is empty"
	}
	return ""
}

// report returns a problem for each useless flag, with one remedy for all of them.
func (c *flagCheck) report(useless map[string]uselessFlag) (ps problem.List) {
	corrected := c.spec.LDFlags
	var guesses []problem.Remedy
	for _, variable := range slices.Sorted(maps.Keys(useless)) {
		u := useless[variable]
		ps = append(ps, &problem.Problem{
			Setting: "ldflags",
			Err: &flagError{
				text:     fmt.Sprintf("-X %s sets nothing: %s", variable, u.reason),
				position: c.positionOf(u),
			},
		})

		if u.file != "" {
			continue // it was meant, and its declaration has to be changed
		}
		instead := c.suggest(u, c.graphs[u.build])
		if instead == "" {
			continue
		}
		next := replaceVariable(corrected, variable, instead)
		if next == corrected { // it comes from an action of the template
			guesses = append(guesses, problem.Guess("-X "+instead+"="+u.flag.value))
		}
		corrected = next
	}

	ways := guesses
	if corrected != c.spec.LDFlags {
		ways = append(ways, problem.Set("ldflags", corrected))
	}
	switch {
	case len(ways) == 1:
		ps[len(ps)-1].Remedy = ways[0]
	case len(ways) > 1:
		ps[len(ps)-1].Remedy = problem.Lines(ways...)
	}
	return ps
}

// positionOf returns the place of the declaration that is why a flag sets nothing, if it is
// in the module.
func (c *flagCheck) positionOf(u uselessFlag) problem.Position {
	rel, err := filepath.Rel(c.ws.Dir, u.file)
	if u.file == "" || err != nil || !filepath.IsLocal(rel) {
		return problem.Position{}
	}
	return problem.Position{
		File: filepath.ToSlash(rel),
		Line: u.line,
	}
}

// replaceVariable replaces what -X sets in the template of the flags.
func replaceVariable(text, variable, instead string) string {
	assigned := regexp.MustCompile(`(^|[\s'"=])` + regexp.QuoteMeta(variable) + `=`)
	return assigned.ReplaceAllString(text, "${1}"+strings.ReplaceAll(instead, "$", "$$")+"=")
}

// suggest returns the variable that was probably meant by a useless flag, "" if none is near.
func (c *flagCheck) suggest(u uselessFlag, g graph) string {
	x := u.flag
	b := c.plan.Builds[u.build]

	// A variable of that very package, by another name.
	var mains []string
	for _, m := range b.Mains {
		mains = append(mains, m.ImportPath)
	}
	if x.pkg == "main" || slices.Contains(mains, x.pkg) {
		for _, path := range mains {
			if name := c.nearestName(g[path], x.name); name != "" {
				return "main." + name
			}
		}
	}
	if n, ok := g[x.pkg]; ok && n.Name != "main" {
		return withPackage(n.ImportPath, c.nearestName(n, x.name))
	}

	// A package of a similar name, else one that has the variable. Package main comes last:
	// its path says nothing.
	var own []string
	for path, n := range g {
		if n.inModule() && n.Name != "main" {
			own = append(own, path)
		}
	}
	slices.Sort(own)
	for _, path := range similarPaths(x.pkg, own) {
		if name := c.nearestName(g[path], x.name); name != "" {
			return path + "." + name
		}
	}
	for _, path := range own {
		d := c.declarations.read(g[path].sources())
		if d.find(x.name).settable() {
			return path + "." + x.name
		}
	}
	for _, path := range mains {
		d := c.declarations.read(g[path].sources())
		if d.find(x.name).settable() {
			return "main." + x.name
		}
	}
	return ""
}

func withPackage(path, name string) string {
	if name == "" {
		return ""
	}
	return path + "." + name
}

// nearestName returns the variable of a package that was probably meant by name.
func (c *flagCheck) nearestName(n node, name string) string {
	names := c.declarations.read(n.sources()).names()
	if slices.Contains(names, name) {
		return name
	}

	var plain []string
	for _, candidate := range names {
		plain = append(plain, plainName(candidate))
	}
	near := plainName(name)
	if !slices.Contains(plain, near) {
		near = problem.Nearest(near, plain)
	}
	if i := slices.Index(plain, near); i >= 0 {
		return names[i]
	}

	for _, candidate := range names {
		if roleOf(name) >= 0 && roleOf(candidate) == roleOf(name) {
			return candidate
		}
	}
	return ""
}

// similarPaths returns the import paths that may have been meant by a path, best first: those
// that differ in the major version, in a few letters, or in the directories before the last
// one.
func similarPaths(wrong string, paths []string) (similar []string) {
	for _, p := range paths {
		if withoutMajor(p) == withoutMajor(wrong) {
			similar = append(similar, p)
		}
	}
	if near := problem.Nearest(wrong, paths); near != "" {
		similar = append(similar, near)
	}
	for _, p := range paths {
		if path.Base(p) == path.Base(wrong) {
			similar = append(similar, p)
		}
	}
	return similar
}

// withoutMajor returns an import path without the elements that are major versions.
func withoutMajor(importPath string) string {
	elements := slices.DeleteFunc(strings.Split(importPath, "/"), majorVersion.MatchString)
	return strings.Join(elements, "/")
}
