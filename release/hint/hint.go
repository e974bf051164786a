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

// Words returns a remedy in words, "" if there is none.
func Words(r problem.Remedy, workflow bool) string {
	words := wordsOf(r, workflow)
	if r.Purpose != "" {
		words += " (" + r.Purpose + ")"
	}
	return words
}

// wordsOf returns a remedy in words without its purpose.
func wordsOf(r problem.Remedy, workflow bool) string {
	switch r.Kind {
	case problem.SetKind:
		if workflow {
			return yamlInput(r.Setting, r.Value)
		}
		return flag(r.Setting, r.Value)

	case problem.StepKind:
		return r.Text + " # a step before this one"

	case problem.GuessKind:
		return "did you mean " + r.Text + "?"

	case problem.EitherKind:
		return join(r.Of, ", or ", workflow)

	case problem.BothKind:
		if workflow {
			return join(r.Of, "\n", workflow)
		}
		return join(r.Of, " ", workflow)

	case problem.LinesKind:
		return join(r.Of, "\n", workflow)

	case problem.OnKind:
		words := Words(r.Of[0], workflow)
		if strings.Contains(words, " # ") {
			return words + ", on " + r.Text
		}
		return words + " # on " + r.Text

	case problem.ThereKind:
		if workflow {
			return Words(r.Of[0], workflow)
		}
		return Words(r.Of[1], workflow)
	}

	return r.Text
}

// Note returns a note in words, with its remedy.
func Note(n problem.Note, workflow bool) string {
	words := Words(n.Remedy, workflow)
	if words == "" {
		return n.Text
	}
	return n.Text + "\nhint: " + words
}

// join returns several remedies in words, with a separator between them.
func join(remedies []problem.Remedy, between string, workflow bool) string {
	var all []string
	for _, r := range remedies {
		all = append(all, Words(r, workflow))
	}

	return strings.Join(all, between)
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

// yamlValue returns a text as a YAML scalar, in quotes if it needs them.
func yamlValue(value string) string {
	if plainScalar.MatchString(value) {
		return value
	}

	data, err := yaml.Marshal(value)
	if err != nil {
		return quote.Line(value)
	}

	return strings.TrimSuffix(string(data), "\n")
}
