package build

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// An unset is a variable that looks as if a release should set it, and that nothing sets.
type unset struct {
	path    string // of its package
	wanted  assignment
	initial string // its initial value
}

// noteUnset notes the variables for a version that nothing sets, most of them outside package
// main. They are not set by default: some projects want a "v" in them, and some compute them.
func (c *flagCheck) noteUnset() {
	g := c.graphs[0]
	covered := c.coverage()
	if covered == someElsewhere {
		return
	}

	var all []unset
	for _, path := range slices.Sorted(maps.Keys(g)) {
		n := g[path]
		if !n.inModule() || n.Name == "main" {
			continue
		}
		// Programs that say their version already need no other variable for it, unless a
		// package exists for nothing else.
		if covered == everyMain && !isVersionPackage(n.Name) {
			continue
		}
		all = append(all, c.unsetIn(n)...)
	}
	if covered == notEvery {
		all = append(all, c.unsetInMain()...)
	}
	if len(all) == 0 {
		return
	}

	var versions []string
	flags := c.spec.LDFlags
	if flags == "" {
		flags = "{{.Defaults}}"
	}
	for _, u := range all {
		flags += " -X " + u.path + "." + u.wanted.name + "=" + u.wanted.value
		if u.wanted.role == versionRole {
			versions = append(versions, fmt.Sprintf("%s.%s (%q)", u.path, u.wanted.name, u.initial))
		}
	}
	remedy := problem.Set("ldflags", flags)
	if !strings.Contains(flags, "=v{{.Version}}") {
		remedy = remedy.For("or v{{.Version}}, if the program expects it with a v")
	}
	c.plan.note(remedy, "nothing sets %s, so the programs may not say their version",
		strings.Join(versions, ", "))
}

// unsetInMain returns the variables of package main that look like the version of the program, by
// a name that is too uncertain for it to be set by default, such as toolVersion of tool.
func (c *flagCheck) unsetInMain() (list []unset) {
	for _, m := range c.plan.Builds[0].Mains {
		n := c.graphs[0][m.ImportPath]
		d := c.declarations.read(n.sources())
		if d.readsBuildInfo() {
			continue // which has the version
		}

		names := []string{"git", "cli", "program", "release", m.Name, c.plan.Name}
		for _, name := range d.names() {
			value := d.find(name).value
			isVersion := slices.ContainsFunc(names, func(prefix string) bool {
				prefix = strings.ReplaceAll(prefix, "-", "")
				return plainName(name) == plainName(prefix)+"version"
			})
			known := slices.ContainsFunc(list, func(u unset) bool { return u.wanted.name == name })
			if !isVersion || known || !placeholderVersion.MatchString(value) {
				continue
			}
			if c.isSetByFlags(n, name) || c.isAssigned(n, d, name) {
				continue
			}
			list = append(list, unset{
				path: "main",
				wanted: assignment{
					name:  name,
					role:  versionRole,
					value: d.defaultValue(versionRole, name),
				},
				initial: value,
			})
		}
	}
	return list
}

// isVersionPackage reports whether a package by that name is there for the version.
func isVersionPackage(name string) bool {
	return slices.Contains([]string{"version", "versioninfo", "buildinfo", "build"}, name)
}

// A coverage says which programs of the first target have a version that -X sets.
type coverage int

const (
	notEvery coverage = iota
	everyMain
	someElsewhere // the user sets a version outside package main
)

// coverage says which programs have a version that -X sets.
func (c *flagCheck) coverage() coverage {
	b := c.plan.Builds[0]
	result := everyMain
	for _, m := range b.Mains {
		d := c.declarations.read(c.graphs[0][m.ImportPath].sources())
		hasVersion := false

		_, words, err := SplitFlags(b.LinkFlags(m))
		if err != nil {
			continue // findUselessFlags reports it
		}
		flags, err := setFlags(words)
		if err != nil {
			continue
		}
		for _, x := range flags {
			isVersion := roleOf(x.name) == versionRole
			if isVersion && x.pkg != "main" {
				return someElsewhere
			}
			hasVersion = hasVersion || isVersion && d.find(x.name).settable()
		}
		if !hasVersion {
			result = notEvery
		}
	}
	return result
}

// unsetIn returns the variables of a package that look as if a release should set them: that
// for the version first, with those for the commit and the date beside it. It returns none if
// there is no such version.
func (c *flagCheck) unsetIn(n node) (list []unset) {
	files := n.sources()
	if !mentionVersion(files) {
		return nil
	}
	d := c.declarations.read(files)
	if d.readsBuildInfo() {
		return nil // which has the version
	}

	hasVersion := false
	for _, wanted := range d.defaults() {
		initial := d.find(wanted.name).value
		if !placeholderVersion.MatchString(initial) || c.isAssigned(n, d, wanted.name) {
			continue
		}
		hasVersion = hasVersion || wanted.role == versionRole
		list = append(list, unset{n.ImportPath, wanted, initial})
	}
	if !hasVersion {
		return nil
	}
	return list
}

// mentionVersion reports whether some file may declare a variable for a version on package
// level. It only looks at the text: most packages need not be parsed then.
func mentionVersion(files []string) bool {
	return slices.ContainsFunc(files, func(file string) bool {
		data, err := door.ReadRegular(file, workspace.MaxSource)
		return err == nil && (declaresAny(data, "ersion") || declaresAny(data, "ERSION"))
	})
}

// declaresAny reports whether a line of data may declare a variable with the role of a version
// whose name ends in a given way. It takes gofmt's style for granted.
func declaresAny(data []byte, ending string) bool {
	for end := 0; ; {
		at := bytes.Index(data[end:], []byte(ending))
		if at < 0 {
			return false
		}
		end += at + len(ending)

		// Lines of generated files may be very long.
		near := max(0, end-maxDeclaredNames)
		start := near + bytes.LastIndexByte(data[near:end], '\n') + 1
		if near > 0 && start == near {
			continue
		}
		m := declaredNames.FindSubmatch(data[start:end])
		if m == nil || roleOf(string(m[2])) != versionRole {
			continue
		}
		isIndented := len(m[1]) == 0
		if !isIndented || bytes.HasPrefix(outerLine(data[:start]), []byte("var")) {
			return true
		}
	}
}

// maxDeclaredNames limits the beginning of a line that is looked at, in bytes.
const maxDeclaredNames = 200

// declaredNames matches the beginning of a line that may declare variables: var, if the line
// is not in a group, and the last name so far.
var declaredNames = regexp.MustCompile(`^(?:(var)[ \t]+|[ \t]+)(?:\w+,[ \t]*)*(\w+)$`)

// outerLine returns the last line of data that is neither indented nor empty nor a comment: the
// one that begins the group, the type or the function which the next line is part of.
func outerLine(data []byte) []byte {
	for len(data) > 0 {
		data = bytes.TrimSuffix(data, []byte("\n"))
		start := bytes.LastIndexByte(data, '\n') + 1
		line := data[start:]
		if len(line) > 0 && !bytes.ContainsAny(line[:1], " \t\r/") {
			return line
		}
		data = data[:start]
	}
	return nil
}

// readsBuildInfo reports whether the package asks package runtime/debug for the build info.
func (d *declarations) readsBuildInfo() bool {
	return slices.ContainsFunc(d.files, func(f *ast.File) bool {
		found := false
		ast.Inspect(f, func(n ast.Node) bool {
			found = found || isSelector(n, "ReadBuildInfo")
			return !found
		})
		return found
	})
}

// isSelector reports whether a node selects a name, as in debug.ReadBuildInfo.
func isSelector(n ast.Node, name string) bool {
	s, ok := n.(*ast.SelectorExpr)
	return ok && s.Sel.Name == name
}

// isAssigned reports whether the package, or one that imports it, gives the variable a value
// when the program runs, or takes its address, as the package flag needs it. What is assigned
// in place of an empty value, such as "(development)", is another initial value.
func (c *flagCheck) isAssigned(n node, d *declarations, name string) bool {
	isReal := func(value ast.Expr) bool {
		text, ok := stringLiteral(value)
		return !ok || !placeholderVersion.MatchString(text)
	}
	if assigns(d.files, func(e ast.Expr) bool { return isIdent(e, name) }, isReal) {
		return true
	}

	for _, importer := range c.graphs[0] {
		if !importer.inModule() || !slices.Contains(importer.Imports, n.ImportPath) {
			continue
		}
		for _, f := range c.declarations.read(importer.sources()).files {
			isSelected := func(e ast.Expr) bool {
				s, ok := e.(*ast.SelectorExpr)
				return ok && s.Sel.Name == name && isPackage(f, s.X, n)
			}
			if assigns([]*ast.File{f}, isSelected, isReal) {
				return true
			}
		}
	}
	return false
}

// isPackage reports whether an expression in a file is the name by which it imports a package.
func isPackage(f *ast.File, e ast.Expr, n node) bool {
	id, ok := e.(*ast.Ident)
	if !ok {
		return false
	}
	return slices.ContainsFunc(f.Imports, func(spec *ast.ImportSpec) bool {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil || importPath != n.ImportPath {
			return false
		}
		return spec.Name == nil && id.Name == n.Name || spec.Name != nil && id.Name == spec.Name.Name
	})
}

// stringLiteral returns the value of an expression that is a string literal.
func stringLiteral(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

// takesAddress reports whether files take the address of a variable.
func takesAddress(files []*ast.File, name string) (found bool) {
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if u, ok := n.(*ast.UnaryExpr); ok {
				found = found || u.Op == token.AND && isIdent(u.X, name)
			}
			return !found
		})
	}
	return found
}

// assigns reports whether files assign to a variable a value that is of interest, or take its
// address.
func assigns(files []*ast.File, isVariable, isValue func(ast.Expr) bool) (found bool) {
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					value := n.Rhs[min(i, len(n.Rhs)-1)]
					found = found || n.Tok == token.ASSIGN && isVariable(left) && isValue(value)
				}
			case *ast.UnaryExpr:
				found = found || n.Op == token.AND && isVariable(n.X)
			}
			return !found
		})
	}
	return found
}

// placeholderVersion matches initial values that are no version: those without a digit, and those of
// what is not released yet, such as 1.5.0-dev.
var placeholderVersion = regexp.MustCompile(`^[^0-9]*$|^v?0\.0\.0([-+.].*)?$|` +
	`[-+.](?i:dev|devel|snapshot|next|dirty)$`)
