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

// maxExpanded is how many bytes a template may become: a name or a few flags.
const maxExpanded = 64 << 10

// Expand executes the template text with data. An unknown field is an error.
//
// The text may be somebody else's, and nothing stops a template once it runs. So none may
// repeat anything: there is no list among the fields to go through.
func Expand(text string, data any) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("reading template %q: %s", text, templateError(err))
	}
	if t.Tree != nil && repeats(t.Root) || len(t.Templates()) > 1 {
		return "", fmt.Errorf("reading template %q: range, define, block and template are not for this", text)
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

// A limitedText takes no more than left bytes.
type limitedText struct {
	text strings.Builder
	left int
}

func (l *limitedText) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, fmt.Errorf("it becomes more than %d bytes", maxExpanded)
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
			return "", &Problem{Setting: "ldflags", Err: err}
		}
		text, err := Expand(template, p.Facts())
		if err != nil {
			return "", &Problem{Setting: "ldflags", Err: err}
		}
		flags = []string{text}
	}
	if b.CC != nil && !strings.Contains(template, "-extldflags") && !strings.Contains(template, "-linkmode") {
		flags = append(flags, "-linkmode=external")
		if ext := b.Target.extLDFlags(); ext != "" {
			flags = append(flags, "-extldflags="+ext)
		}
	}
	return strings.Join(flags, " "), nil
}

// inOneWord makes sure that a field of the template cannot become several flags. The other
// fields have a form that does not allow it.
func (f Facts) inOneWord(template string) error {
	for _, field := range []struct{ name, value string }{{"Name", f.Name}, {"Tag", f.Tag}} {
		if strings.Contains(template, "."+field.name) && strings.ContainsAny(field.value, " \t\r\n'\"") {
			return fmt.Errorf("expanding template %q: {{.%s}} is %q, which has white space or quotes in it", template, field.name, field.value)
		}
	}
	return nil
}

// parseSource parses a source file.
func parseSource(set *token.FileSet, path string, mode parser.Mode) (*ast.File, error) {
	data, err := ReadRegular(path, maxSource)
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
			// A file that does not parse is the compiler's to complain about.
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
