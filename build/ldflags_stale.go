package build

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
)

// noteStale notes a version that is written in the source and is not the released one. Somebody
// may have forgotten to change it before making the tag.
func (c *flagCheck) noteStale() {
	if c.plan.Source.Tag == "" || c.coverage() != notEvery {
		return
	}

	var found []string
	isConstant := false
	g := c.graphs[0]
	for _, path := range slices.Sorted(maps.Keys(g)) {
		n := g[path]
		if !n.inModule() || !saysVersion(n) {
			continue
		}

		d := c.declarations.read(n.sources())
		if d.readsBuildInfo() {
			continue // which has the version
		}
		for _, name := range slices.Sorted(maps.Keys(d.byName)) {
			value, ok := d.writtenVersion(name)
			if !ok || c.isReleased(value) || c.isSetByFlags(n, name) || c.isAssigned(n, d, name) {
				continue
			}
			found = append(found, fmt.Sprintf("%s.%s is %q", path, name, value))
			isConstant = isConstant || d.byName[name].kind == declaredConst
		}
	}
	if len(found) == 0 {
		return
	}

	advice := "write " + c.plan.Source.Version + " there, before the tag is made"
	if isConstant {
		advice += ", or declare it with var and let the linker set it"
	}
	c.plan.note(problem.Advise(advice), "the programs may not say the version %s: %s",
		c.plan.Source.Version, strings.Join(found, ", "))
}

// saysVersion reports whether a version in the package is most likely the version of a program,
// rather than of a protocol or a library.
func saysVersion(n node) bool {
	return n.Name == "main" || n.Name == "cmd" || n.Name == "cli" || isVersionPackage(n.Name)
}

// completeVersion matches a semantic version.
var completeVersion = regexp.MustCompile(`^v?\d+\.\d+\.\d+([-+].*)?$`)

// writtenVersion returns the version that a package gives one of its names, if the name is that
// of a version and the value is constant.
func (d *declarations) writtenVersion(name string) (string, bool) {
	found := d.byName[name]
	isValue := found.kind == declaredConst || found.kind == declaredVar
	if !isValue || roleOf(name) != versionRole {
		return "", false
	}

	steps := maxSteps
	e := d.variable(found, &steps)
	if e.initial != constantInitial || placeholderVersion.MatchString(e.value) {
		return "", false
	}
	return e.value, completeVersion.MatchString(e.value)
}

// isReleased reports whether a version in the source is the released one. Of a prerelease, the
// source often has the version that is prepared.
func (c *flagCheck) isReleased(version string) bool {
	core := func(v string) string {
		v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "+")
		v, _, _ = strings.Cut(v, "-")
		return v
	}
	return core(version) == core(c.plan.Source.Version)
}

// isSetByFlags reports whether the linker flags of a program set a variable of a package.
func (c *flagCheck) isSetByFlags(n node, name string) bool {
	pkg := n.ImportPath
	if n.Name == "main" {
		pkg = "main"
	}

	return slices.ContainsFunc(c.plan.Builds[0].Mains, func(m Main) bool {
		_, words, err := SplitFlags(c.plan.Builds[0].LinkFlags(m))
		if err != nil {
			return false // findUselessFlags reports it
		}
		flags, err := setFlags(words)
		return err == nil && slices.ContainsFunc(flags, func(x setFlag) bool {
			return x.pkg == pkg && x.name == name
		})
	})
}
