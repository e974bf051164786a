// Package template expands the templates of the settings: linker flags, names of files, and
// the texts of a release.
//
// A template may be somebody else's. It cannot repeat anything, and what it expands to is
// limited.
package template

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
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

// maxExpanded limits the text that a template expands to, in bytes: it is a name or a few
// flags.
const maxExpanded = 64 << 10

// Expand executes the template text with data. An unknown field is an error.
//
// The text may be somebody else's, and nothing stops a template that is running.
// Therefore no template may repeat anything; no field holds a list that would need it.
func Expand(text string, data any) (string, error) {
	t, err := texttemplate.New("").Option("missingkey=error").Parse(text)
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

