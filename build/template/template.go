// Package template expands the templates of the settings: linker flags, names of files, and
// the texts of a release.
//
// A template may be somebody else's. It cannot repeat anything, and what it expands to is
// limited.
package template

import (
	"fmt"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
)

// Expand executes the template text with data, a struct that is Facts or embeds it. An unknown
// field is an error.
//
// The text may be somebody else's, and nothing stops a template that is running. Therefore no
// template may repeat anything; no field holds a list that would need it.
func Expand(text string, data any) (string, error) {
	t, err := texttemplate.New("").
		Option("missingkey=error").
		Funcs(functions).
		Funcs(replacements).
		Parse(text)
	if err != nil {
		return "", parseError(text, err)
	}
	if t.Tree != nil && repeats(t.Root) || len(t.Templates()) > 1 {
		return "", fmt.Errorf("reading template %s: range, define, block and template are not allowed", shown(text))
	}

	b := limitedText{left: len(text) + maxExpanded}
	if err := t.Execute(&b, data); err != nil {
		return "", expandError(text, err, data)
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
		return 0, errTooLarge
	}

	return l.text.Write(p)
}
