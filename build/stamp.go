package build

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/workspace"
)

// Facts are what a template may use: in ldflags, and in names of files.
type Facts struct {
	Name    string // of the project
	Version string // 1.2.3
	Tag     string // v1.2.3, or "" without a tag
	Commit  string // full hash
	Date    string // of the commit, RFC 3339 in UTC
	Go      string // go1.26.8
}

// Facts returns what templates may say about the plan.
func (p *Plan) Facts() Facts {
	return Facts{
		Name:    p.Name,
		Version: p.Source.Version,
		Tag:     p.Source.Tag,
		Commit:  p.Source.Commit,
		Date:    p.Source.Time.Format(time.RFC3339),
		Go:      p.Go,
	}
}

// stamps are the variables of package main that are set by default, if they exist.
func (f Facts) stamps() []struct{ name, value string } {
	return []struct{ name, value string }{
		{"version", f.Version},
		{"commit", f.Commit},
		{"date", f.Date},
	}
}

// maxExpanded limits the text that a template expands to, in bytes: it is a name or a few
// flags.
const maxExpanded = 64 << 10

// Expand executes the template text with data. An unknown field is an error.
//
// The text may be somebody else's, and nothing stops a template that is running.
// Therefore no template may repeat anything; no field holds a list that would need it.
func Expand(text string, data any) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("reading template %q: %s", text, templateError(err))
	}
	if t.Tree != nil && repeats(t.Root) || len(t.Templates()) > 1 {
		return "", fmt.Errorf("reading template %q: range, define, block and template are not allowed", text)
	}

	b := limitedText{left: maxExpanded}
	if err := t.Execute(&b, data); err != nil {
		message := templateError(err)
		if field := unknownField.FindString(message); field != "" {
			message = fmt.Sprintf("%s; the fields are %s", field, strings.Join(fieldsOf(data), ", "))
		}
		return "", fmt.Errorf("expanding template %q: %s", text, message)
	}
	return b.text.String(), nil
}

// repeats reports whether something in a template may be executed more than once.
func repeats(node parse.Node) bool {
	switch n := node.(type) {
	case *parse.ListNode:
		return n != nil && slices.ContainsFunc(n.Nodes, repeats)
	case *parse.IfNode:
		return repeats(n.List) || repeats(n.ElseList)
	case *parse.WithNode:
		return repeats(n.List) || repeats(n.ElseList)
	case *parse.RangeNode, *parse.TemplateNode:
		return true
	}
	return false
}

// A limitedText accepts no more than left bytes.
type limitedText struct {
	text strings.Builder
	left int
}

func (l *limitedText) Write(p []byte) (int, error) {
	l.left -= len(p)
	if l.left < 0 {
		return 0, fmt.Errorf("the result is larger than %d bytes", maxExpanded)
	}

	return l.text.Write(p)
}

// templateError drops the position within a template that has no name and one line.
func templateError(err error) string {
	text := err.Error()
	if _, rest, ok := strings.Cut(text, ">: "); ok {
		return rest
	}
	return templatePosition.ReplaceAllString(text, "")
}

// templatePosition matches the beginning of an error about a template without a name.
var templatePosition = regexp.MustCompile(`^template: :\d+:(\d+:)? `)

// unknownField matches what text/template says about a field that does not exist, without
// the type of the data.
var unknownField = regexp.MustCompile(`^can't evaluate field \w+`)

// fieldsOf returns the fields that a template may use, with those of embedded structs.
func fieldsOf(data any) (names []string) {
	typ := reflect.TypeOf(data)
	if typ.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(typ) {
		if f.IsExported() && !f.Anonymous {
			names = append(names, "."+f.Name)
		}
	}
	return names
}

// linkFlags returns the value of -ldflags for b: the user's template, or the default,
// which strips the symbol table and stamps what the main packages have. With cgo the C
// compiler links, statically, unless the user's flags decide about that themselves.
func (r *resolver) linkFlags(b Build, programs []program) (string, error) {
	facts := r.plan.Facts()
	template := r.spec.LDFlags

	var flags []string
	if template == "" {
		flags = append(flags, "-s", "-w")
		for _, s := range facts.stamps() {
			if stampable(programs, s.name) {
				flags = append(flags, "-X", "main."+s.name+"="+s.value)
			}
		}
	} else {
		err := facts.inOneWord(template)
		if err != nil {
			return "", &problem.Problem{Setting: "ldflags", Err: err}
		}
		text, err := Expand(template, facts)
		if err != nil {
			return "", &problem.Problem{Setting: "ldflags", Err: err}
		}
		flags = append(flags, text)
	}

	userDecides := strings.Contains(template, "-extldflags") || strings.Contains(template, "-linkmode")
	if b.CC != nil && !userDecides {
		flags = append(flags, "-linkmode=external")
		if static := cc.LinkFlags(b.Target); static != "" {
			flags = append(flags, "-extldflags="+static)
		}
	}
	return strings.Join(flags, " "), nil
}

// inOneWord fails if a field of the template could become several flags. Only Name and Tag
// can hold white space or quotes.
func (f Facts) inOneWord(template string) error {
	fields := []struct{ name, value string }{
		{"Name", f.Name},
		{"Tag", f.Tag},
	}
	for _, field := range fields {
		used := strings.Contains(template, "."+field.name)
		if used && strings.ContainsAny(field.value, " \t\r\n'\"") {
			return fmt.Errorf("expanding template %q: {{.%s}} is %q, which contains white space or quotes",
				template, field.name, field.value)
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
