package build

import (
	"fmt"
	"go/ast"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/target"
	"github.com/org/go-static-release/build/template"
)

// Facts returns what templates may say about the plan.
func (p *Plan) Facts() template.Facts {
	return template.Facts{
		Name:    p.Name,
		Version: p.Source.Version,
		Tag:     p.Source.Tag,
		Commit:  p.Source.Commit,
		Date:    p.Source.Time.Format(time.RFC3339),
		Go:      p.Go,
	}
}

// A role is what a variable says about the release.
type role struct {
	names []string // in lower case and without underscores
	value string   // a template
}

// roles are the variables that are set by default, if a program has them in package main.
// docs/ldflags.md has the survey of released projects behind the names. Names of uncertain
// meaning are not among them: builtBy, treeState, tag.
var roles = []role{
	versionRole: {
		names: []string{"version", "buildversion", "appversion"},
		value: "{{.Version}}",
	},
	{
		names: []string{
			"commit", "commithash", "commitsha", "commitid", "buildcommit",
			"gitcommit", "gitcommithash", "gitcommitsha", "githash", "gitsha",
			"revision", "gitrevision",
		},
		value: "{{.Commit}}",
	},
	{
		names: []string{"date", "builddate", "buildtime", "builtat", "commitdate"},
		value: "{{.Date}}",
	},
}

// versionRole is the index of the version among the roles.
const versionRole = 0

// roleOf returns the index of the role that a variable has by its name, -1 if it has none.
func roleOf(name string) int {
	return slices.IndexFunc(roles, func(r role) bool { return slices.Contains(r.names, plainName(name)) })
}

// plainName returns a name without what only distinguishes styles: BUILD_DATE and buildDate
// are one name.
func plainName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// versionWithV matches an initial value such as v0.0.0-dev.
var versionWithV = regexp.MustCompile(`^v[0-9]`)

// defaultValue returns the template of the value for a variable with a role. The version has
// a "v" in front if its initial value has one, or if the package takes it from the build info,
// which has one, when nothing was set.
func (d *declarations) defaultValue(role int, name string) string {
	if role == versionRole && (versionWithV.MatchString(d.find(name).value) || d.takesModuleVersion(name)) {
		return "v" + roles[role].value
	}
	return roles[role].value
}

// takesModuleVersion reports whether the package assigns the variable something like
// info.Main.Version of runtime/debug, or the result of a function that returns it.
func (d *declarations) takesModuleVersion(name string) bool {
	if !d.readsBuildInfo() {
		return false
	}

	isVariable := func(e ast.Expr) bool { return isIdent(e, name) }
	return assigns(d.files, isVariable, func(value ast.Expr) bool {
		if isSelector(value, "Version") {
			return true
		}
		call, ok := value.(*ast.CallExpr)
		if !ok {
			return false
		}
		id, ok := call.Fun.(*ast.Ident)
		if !ok {
			return false
		}
		called, ok := d.byName[id.Name]
		return ok && called.fn != nil && returnsVersion(called.fn)
	})
}

// returnsVersion reports whether a function returns something like info.Main.Version.
func returnsVersion(fn *ast.FuncDecl) (found bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		if ret, ok := n.(*ast.ReturnStmt); ok {
			found = found || slices.ContainsFunc(ret.Results, func(e ast.Expr) bool {
				return isSelector(e, "Version")
			})
		}
		return !found
	})
	return found
}

// An assignment is a variable with the value that -X gives it.
type assignment struct {
	name  string
	role  int
	value string // a template
}

// findDefaults returns the variables with a role that -X can set in a package, by role and name.
// A variable whose address is taken is most likely a flag of the program.
func (d *declarations) findDefaults() (list []assignment) {
	for _, name := range d.names() {
		role := roleOf(name)
		if role >= 0 && !takesAddress(d.files, name) {
			list = append(list, assignment{name, role, d.defaultValue(role, name)})
		}
	}
	slices.SortStableFunc(list, func(a, b assignment) int { return a.role - b.role })
	return list
}

// commonDefaults returns what is set by default in all programs. Where two programs want the same
// variable set differently, the first one has it.
func commonDefaults(programs []*declarations) (common []assignment) {
	for _, d := range programs {
		for _, own := range d.defaults() {
			known := slices.ContainsFunc(common, func(c assignment) bool { return c.name == own.name })
			if !known {
				common = append(common, own)
			}
		}
	}
	slices.SortStableFunc(common, func(a, b assignment) int { return a.role - b.role })
	return common
}

// fits reports whether a program may be linked with what is set by default in all of them. Each
// variable must get the same value in it by default, or be none there: the linker fails for a
// variable of another type, and a program may want another value, or its own.
func fits(d *declarations, common []assignment) bool {
	defaults := d.defaults()
	for _, c := range common {
		i := slices.IndexFunc(defaults, func(a assignment) bool { return a.name == c.name })
		if i >= 0 && defaults[i].value != c.value {
			return false
		}
		found := d.find(c.name)
		if i < 0 && (found.settable() || !found.tolerates()) {
			return false
		}
	}
	return true
}

// defaultFlags returns the flags of the linker that strip the symbol table and set variables of
// package main, as a template.
func defaultFlags(list []assignment) string {
	flags := []string{"-s", "-w"}
	for _, a := range list {
		flags = append(flags, "-X", "main."+a.name+"="+a.value)
	}
	return strings.Join(flags, " ")
}

// LinkFacts are the fields that the template of the linker flags may use.
type LinkFacts struct {
	template.Facts
	OS, Arch string // GOOS and GOARCH of the target
	Defaults string // the default flags
}

// setLinkFlags decides about the -ldflags of a target. All programs share them, except those
// in which something cannot be set that can be set in others: the linker would fail.
func (r *resolver) setLinkFlags(b *Build, programs []program) error {
	declared := make([]*declarations, len(programs))
	for i, p := range programs {
		declared[i] = r.declarations.read(p.sources)
	}

	common := commonDefaults(declared)
	flags, err := r.linkFlags(*b, defaultFlags(common))
	if err != nil {
		return &problem.Problem{Setting: "ldflags", Err: err}
	}
	b.LDFlags = flags

	for i, d := range declared {
		own := common
		if !fits(d, common) {
			own = d.defaults()
		}
		flags, err := r.linkFlagsOf(*b, d, defaultFlags(own))
		if err != nil {
			return &problem.Problem{Setting: "ldflags", Err: err}
		}
		if flags != b.LDFlags {
			if b.OwnLDFlags == nil {
				b.OwnLDFlags = map[string]string{}
			}
			b.OwnLDFlags[programs[i].ImportPath] = flags
		}
		r.addSilent(b, programs[i].Main, d)
	}
	return nil
}

// linkFlagsOf returns the flags of the linker for one program. They lack each -X of package
// main for which the linker would fail.
func (r *resolver) linkFlagsOf(b Build, d *declarations, defaults string) (string, error) {
	flags, err := r.linkFlags(b, defaults)
	if err != nil {
		return "", err
	}
	_, words, err := SplitFlags(flags)
	if err != nil {
		return "", err
	}

	// A pattern of packages stays with the flags that all programs share.
	kept, err := withoutFlags(words, func(x setFlag) bool {
		found := d.find(x.name)
		return x.pkg == "main" && found.kind == declaredVar && found.isString == no
	})
	if err != nil || len(kept) == len(words) && flags == b.LDFlags {
		return flags, err
	}
	return joinFlags(kept), nil
}

// linkFlags returns the value of -ldflags for b: the user's template, or the default flags.
// With cgo the C compiler links, statically, unless the user's flags decide about that
// themselves.
func (r *resolver) linkFlags(b Build, defaults string) (string, error) {
	common := r.plan.Facts()
	common.Env = r.spec.Env
	facts := LinkFacts{
		Facts: common,
		OS:    b.Target.OS,
		Arch:  b.Target.Arch,
	}
	var err error
	facts.Defaults, err = template.Expand(defaults, facts)
	if err != nil {
		return "", err
	}

	text := r.spec.LDFlags
	if text == "" {
		text = "{{.Defaults}}"
	}
	err = inOneWord(facts, text)
	if err != nil {
		return "", err
	}
	flags, err := template.Expand(text, facts)
	if err != nil {
		return "", err
	}

	if b.CC == nil {
		return flags, nil
	}
	_, words, err := SplitFlags(flags)
	if err != nil {
		return "", err
	}
	return strings.Join(append([]string{flags}, staticLinkFlags(b.Target, words)...), " "), nil
}

// staticLinkFlags returns what to add to the words of -ldflags for the C compiler to link
// statically: nothing if they decide about that themselves.
func staticLinkFlags(t target.Target, words []string) (added []string) {
	userDecides := slices.ContainsFunc(words, func(word string) bool {
		flag := strings.TrimLeft(word, "-")
		return flag != word && (strings.HasPrefix(flag, "extldflags") || strings.HasPrefix(flag, "linkmode"))
	})
	if userDecides {
		return nil
	}

	added = append(added, "-linkmode=external")
	if static := cc.LinkFlags(t); static != "" {
		added = append(added, "-extldflags="+static)
	}
	return added
}

// inOneWord fails if a field that a template mentions could become several flags: a name or a
// tag may hold white space or quotes. Only the default flags are several on purpose.
func inOneWord(f LinkFacts, text string) error {
	check := func(field, value string) error {
		if strings.Contains(text, "."+field) && strings.ContainsAny(value, flagSpace+`'"`) {
			return fmt.Errorf("expanding template %q: {{.%s}} is %q, which contains white space or quotes",
				text, field, value)
		}
		return nil
	}

	facts := reflect.ValueOf(f.Facts)
	for i := range facts.NumField() {
		name := facts.Type().Field(i).Name
		switch value := facts.Field(i).Interface().(type) {
		case string:
			if err := check(name, value); err != nil {
				return err
			}
		case map[string]string:
			for key, value := range value {
				if err := check(name+"."+key, value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// LinkFlags returns the flags of the linker for one program of the build.
func (b *Build) LinkFlags(m Main) string {
	if own, ok := b.OwnLDFlags[m.ImportPath]; ok {
		return own
	}
	return b.LDFlags
}

// ldflagsArgs returns the flags of the linker as arguments of go build. It takes the last
// -ldflags whose pattern matches a package (`go help build`).
func (b *Build) ldflagsArgs() []string {
	args := []string{"-ldflags=" + b.LDFlags}
	for _, m := range b.Mains {
		if own, ok := b.OwnLDFlags[m.ImportPath]; ok {
			args = append(args, "-ldflags="+m.ImportPath+"="+own)
		}
	}
	return args
}
