package build

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/org/go-static-release/build/door"

	"github.com/org/go-static-release/build/problem"
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
	return Facts{p.Name, p.Source.Version, p.Source.Tag, p.Source.Commit, p.Source.Time.Format(time.RFC3339), p.Go}
}

// stamps are the variables of package main that are set by default, if they exist.
func (f Facts) stamps() []struct{ name, value string } {
	return []struct{ name, value string }{
		{"version", f.Version}, {"commit", f.Commit}, {"date", f.Date},
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
		return "", fmt.Errorf("expanding template %q: %s", text, templateError(err))
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
	return strings.TrimPrefix(text, "template: ")
}

// linkFlags returns the value of -ldflags for b: the user's template, or the default,
// which strips the symbol table and stamps what the main packages have. With cgo the C
// compiler links, statically, unless the user's flags speak of that themselves.
func (p *Plan) linkFlags(template string, b Build) (string, error) {
	flags := []string{"-s", "-w"}
	for _, s := range p.Facts().stamps() {
		if stampable(b.Mains, s.name) {
			flags = append(flags, "-X", "main."+s.name+"="+s.value)
		}
	}
	if template != "" {
		if err := p.Facts().inOneWord(template); err != nil {
			return "", &problem.Problem{Setting: "ldflags", Err: err}
		}
		text, err := Expand(template, p.Facts())
		if err != nil {
			return "", &problem.Problem{Setting: "ldflags", Err: err}
		}
		flags = []string{text}
	}
	if b.CC != nil && !strings.Contains(template, "-extldflags") && !strings.Contains(template, "-linkmode") {
		flags = append(flags, "-linkmode=external")
		if ext := extLDFlags(b.Target); ext != "" {
			flags = append(flags, "-extldflags="+ext)
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
	data, err := door.ReadRegular(path, maxSource)
	if err != nil {
		return nil, err
	}
	return parser.ParseFile(set, path, data, mode)
}

// stampable reports whether -X can set main.name: some main package declares it as a
// string, and none as anything else, for which the linker would fail.
func stampable(mains []Main, name string) bool {
	found := false
	for _, m := range mains {
		for _, file := range m.files {
			// The compiler reports a file that does not parse.
			f, err := parseSource(token.NewFileSet(), filepath.Join(m.dir, file), parser.SkipObjectResolution)
			if err != nil {
				continue
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
