// Package hint puts remedies into words: what to paste into a workflow file, if this runs in a
// workflow, and what to type into a terminal elsewhere.
package hint

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/quote"
)

// Words returns a remedy in words, "" if there is none. Each way to solve the problem begins a
// line of its own, so that it can be pasted. What a way is for stands behind it as a comment,
// which YAML and shells ignore.
func Words(r problem.Remedy, workflow bool) string {
	var words []string
	for _, l := range linesOf(r, workflow) {
		words = append(words, l.String())
	}

	return strings.Join(words, "\n")
}

// A line is one line of a hint.
type line struct {
	isAlternative bool // it begins another way
	text          string
	comments      []string
}

func (l line) String() string {
	text := l.text
	if l.isAlternative {
		text = "or: " + text
	}
	if len(l.comments) > 0 {
		text += " # " + strings.Join(l.comments, ", ")
	}

	return text
}

// linesOf returns a remedy in lines, none if there is no remedy.
func linesOf(r problem.Remedy, workflow bool) []line {
	lines := linesWithoutPurpose(r, workflow)
	if len(lines) > 0 && r.Purpose != "" {
		lines[0].comments = append(lines[0].comments, r.Purpose)
	}

	return lines
}

func linesWithoutPurpose(r problem.Remedy, workflow bool) []line {
	switch r.Kind {
	case "":
		return nil

	case problem.SetKind:
		if workflow {
			return []line{{text: yamlInput(r.Setting, r.Value)}}
		}
		return []line{{text: flag(r.Setting, r.Value)}}

	case problem.StepKind:
		return []line{{text: r.Text, comments: []string{"a step before this one"}}}

	case problem.GuessKind:
		return []line{{text: "did you mean " + r.Text + "?"}}

	case problem.EitherKind:
		var all []line
		for _, way := range r.Of {
			lines := linesOf(way, workflow)
			if len(all) > 0 && len(lines) > 0 {
				lines[0].isAlternative = true
			}
			all = append(all, lines...)
		}
		return all

	case problem.LinesKind:
		return linesOfAll(r.Of, workflow)

	case problem.BothKind:
		lines := linesOfAll(r.Of, workflow)
		if workflow {
			return lines
		}
		return []line{onOneLine(lines)}

	case problem.OnKind:
		lines := linesOf(r.Of[0], workflow)
		if len(lines) > 0 {
			lines[0].comments = append(lines[0].comments, "on "+r.Text)
		}
		return lines

	case problem.ThereKind:
		if workflow {
			return linesOf(r.Of[0], workflow)
		}
		return linesOf(r.Of[1], workflow)
	}

	return []line{{text: r.Text}}
}

func linesOfAll(remedies []problem.Remedy, workflow bool) (all []line) {
	for _, r := range remedies {
		all = append(all, linesOf(r, workflow)...)
	}

	return all
}

// onOneLine joins lines, with their comments at the end.
func onOneLine(lines []line) (joined line) {
	var texts []string
	for _, l := range lines {
		texts = append(texts, l.text)
		joined.comments = append(joined.comments, l.comments...)
	}
	joined.text = strings.Join(texts, " ")

	return joined
}

// Note returns a note in words, with its remedy.
func Note(n problem.Note, workflow bool) string {
	words := Words(n.Remedy, workflow)
	if words == "" {
		return n.Text
	}
	return n.Text + "\nhint: " + words
}

// flag returns a setting as a flag. The value of a boolean is part of the same word.
func flag(name, value string) string {
	switch value {
	case "true":
		return "--" + name
	case "false":
		return "--" + name + "=false"
	}
	return "--" + name + " " + quote.ShellWord(value)
}

// yamlInput returns a line for the with: block of a step.
func yamlInput(name, value string) string {
	return fmt.Sprintf("%s: %s", name, yamlValue(value))
}

// plainScalar matches booleans and numbers. The runner passes every input as a string, so they
// need no quotes.
var plainScalar = regexp.MustCompile(`^(true|false|[0-9]+)$`)

// yamlValue returns a text as a YAML scalar on one line, in quotes if it needs them.
func yamlValue(value string) string {
	if plainScalar.MatchString(value) {
		return value
	}

	node := yaml.Node{
		Kind:  yaml.ScalarNode,
		Tag:   "!!str",
		Value: value,
	}
	if strings.ContainsAny(value, "\r\n") {
		node.Style = yaml.DoubleQuotedStyle // else it would span several lines
	}

	data, err := yaml.Marshal(&node)
	if err != nil {
		return quote.Line(value)
	}

	return strings.TrimSuffix(string(data), "\n")
}
