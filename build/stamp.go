package build

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/template"
	"github.com/org/go-static-release/build/workspace"
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

// stamps are the variables of package main that are set by default, if they exist.
func stamps(f template.Facts) []struct{ name, value string } {
	return []struct{ name, value string }{
		{"version", f.Version},
		{"commit", f.Commit},
		{"date", f.Date},
	}
}

// linkFlags returns the value of -ldflags for b: the user's template, or the default,
// which strips the symbol table and stamps what the main packages have. With cgo the C
// compiler links, statically, unless the user's flags decide about that themselves.
func (r *resolver) linkFlags(b Build, programs []program) (string, error) {
	facts := r.plan.Facts()
	facts.Env = r.spec.Env
	text := r.spec.LDFlags

	var flags []string
	if text == "" {
		flags = append(flags, "-s", "-w")
		for _, s := range stamps(facts) {
			if stampable(programs, s.name) {
				flags = append(flags, "-X", "main."+s.name+"="+s.value)
			}
		}
	} else {
		err := inOneWord(facts, text)
		if err != nil {
			return "", &problem.Problem{Setting: "ldflags", Err: err}
		}
		expanded, err := template.Expand(text, facts)
		if err != nil {
			return "", &problem.Problem{Setting: "ldflags", Err: err}
		}
		flags = append(flags, expanded)
	}

	userDecides := strings.Contains(text, "-extldflags") || strings.Contains(text, "-linkmode")
	if b.CC != nil && !userDecides {
		flags = append(flags, "-linkmode=external")
		if static := cc.LinkFlags(b.Target); static != "" {
			flags = append(flags, "-extldflags="+static)
		}
	}
	return strings.Join(flags, " "), nil
}

// inOneWord fails if a field of the template could become several flags. Only Name, Tag and the
// environment variables can hold white space or quotes; all that comes from the version cannot.
func inOneWord(f template.Facts, text string) error {
	type namedField struct{ name, value string }
	fields := []namedField{
		{"Name", f.Name},
		{"Tag", f.Tag},
	}
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		fields = append(fields, namedField{"Env." + name, f.Env[name]})
	}

	for _, field := range fields {
		used := strings.Contains(text, "."+field.name)
		if used && strings.ContainsAny(field.value, " \t\r\n'\"") {
			return fmt.Errorf("expanding template %q: {{.%s}} is %q, which contains white space or quotes",
				text, field.name, field.value)
		}
	}

	return nil
}

// parseSource parses a source file.
func parseSource(set *token.FileSet, path string, mode parser.Mode) (*ast.File, error) {
	data, err := door.ReadRegular(path, workspace.MaxSource)
	if err != nil {
		return nil, err
	}
	return parser.ParseFile(set, path, data, mode)
}

// stampable reports whether -X can set main.name: some main package declares it as a
// string, and none as anything else, for which the linker would fail.
func stampable(programs []program, name string) bool {
	found := false
	for _, p := range programs {
		for _, file := range p.sources {
			f, err := parseSource(token.NewFileSet(), file, parser.SkipObjectResolution)
			if err != nil {
				continue // the compiler reports it
			}
			switch declares(f, name) {
			case declaredString:
				found = true
			case declaredOther:
				return false
			}
		}
	}
	return found
}

// A declaration says how a name is declared.
type declaration int

const (
	notDeclared declaration = iota
	declaredString
	declaredOther
)

// declares says how f declares the name on package level. The linker can set a
// variable of type string whose initial value is a constant or none
// (`go doc cmd/link`, -X).
func declares(f *ast.File, name string) declaration {
	for _, decl := range f.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			v := spec.(*ast.ValueSpec) // the only kind under token.VAR
			for i, id := range v.Names {
				if id.Name == name {
					return kindOf(v, i)
				}
			}
		}
	}
	return notDeclared
}

// kindOf says how v declares its i-th name.
func kindOf(v *ast.ValueSpec, i int) declaration {
	if v.Type != nil {
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == "string" {
			return declaredString // a computed initial value would win over the stamp, harmlessly
		}
		return declaredOther
	}
	if i < len(v.Values) {
		if lit, ok := v.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			return declaredString
		}
	}
	return declaredOther
}
