package template

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
)

// LiteralBraces is the remedy for a text that holds {{ and is not meant as a template, as it may
// be in prose.
var LiteralBraces = problem.Advise(`write {{"{{"}} for a {{ that is part of the text`)

// Errors of text/template that get other words.
var (
	unknownFunction = regexp.MustCompile(`^function "(\w+)" not defined$`)
	unknownField    = regexp.MustCompile(`^can't evaluate field (\w+) in type`)
	unknownVariable = regexp.MustCompile(`^map has no entry for key "(\w+)"$`)
)

// parseError returns the error for a text that is not a template.
func parseError(text string, err error) error {
	message := messageOf(text, err)
	var remedy problem.Remedy

	m := unknownFunction.FindStringSubmatch(withoutLine(message))
	if m != nil {
		own, builtin := Functions()
		message = fmt.Sprintf("%s; the functions are %s, and of Go's own %s",
			message, strings.Join(own, ", "), strings.Join(builtin, ", "))

		near := nearestFunction(m[1])
		if near != "" {
			remedy = problem.Guess(near)
		}
	}

	return problem.With(remedy, fmt.Errorf("reading template %s: %s", shown(text), message))
}

// expandError returns the error for a template that cannot be expanded with data.
func expandError(text string, err error, data any) error {
	message := messageOf(text, err)
	var remedy problem.Remedy

	plain := withoutLine(message)
	if m := unknownField.FindStringSubmatch(plain); m != nil {
		message = strings.TrimSuffix(message, plain)
		message += fmt.Sprintf("can't evaluate field %s; the fields are %s",
			m[1], strings.Join(Fields(data), ", "))

		near := nearestField(m[1], data)
		if near != "" {
			remedy = problem.Guess(near)
		}
	}

	if m := unknownVariable.FindStringSubmatch(plain); m != nil {
		message = strings.TrimSuffix(message, plain)
		if slices.Contains(Variables, m[1]) {
			message += fmt.Sprintf("the environment variable %s is not set", m[1])
			remedy = problem.Run("export " + m[1] + "=...")
		} else {
			message += fmt.Sprintf("templates cannot use the environment variable %s, only %s",
				m[1], strings.Join(Variables, ", "))
			remedy = variableRemedy(m[1])
		}
	}

	return problem.With(remedy, fmt.Errorf("expanding template %s: %s", shown(text), message))
}

// variableRemedy returns what to do about a variable that templates cannot use.
func variableRemedy(name string) problem.Remedy {
	near := problem.Nearest(name, Variables)
	if near != "" {
		return problem.Guess(".Env." + near)
	}
	if secretName.MatchString(name) {
		return problem.Remedy{} // what templates make is public
	}

	return problem.There(
		problem.Advise("write ${{ env."+name+" }} instead, which GitHub replaces by the value"),
		problem.Advise("write the value itself, as in: \"$"+name+"\""),
	)
}

// secretName matches the names of variables that are likely to hold a secret.
var secretName = regexp.MustCompile(`TOKEN|SECRET|PASS|KEY|CREDENTIAL`)

// otherNames are names that other tools have for fields and functions of ours.
var otherNames = map[string]string{
	"ProjectName": "Name",
	"Binary":      "Name",
	"RawVersion":  "Version",
	"FullCommit":  "Commit",
	"GitCommit":   "Commit",
	"CommitDate":  "Date",
	"GOOS":        "OS",
	"GOARCH":      "Arch",

	"tolower": "lower",
	"toupper": "upper",
}

// nearestFunction returns the function that was probably meant, or "".
func nearestFunction(name string) string {
	own, builtin := Functions()
	return problem.Nearest(cmp.Or(otherNames[name], name), slices.Concat(own, builtin))
}

// nearestField returns the field that was probably meant, or "".
func nearestField(name string, data any) string {
	return problem.Nearest("."+cmp.Or(otherNames[name], name), Fields(data))
}

// maxShown is how many bytes of a template an error shows.
const maxShown = 200

// shown returns the template as an error shows it, in quotes.
func shown(text string) string {
	if len(text) > maxShown {
		return fmt.Sprintf("%q...", strings.ToValidUTF8(text[:maxShown], ""))
	}
	return fmt.Sprintf("%q", text)
}

var (
	// position matches the beginning of an error about a template without a name.
	position = regexp.MustCompile(`^template: :(\d+):(?:\d+:)? `)
	// place matches what follows the position in an error of the execution.
	place = regexp.MustCompile(`(?s)^executing "" at <.*?>: `)
)

// messageOf returns the message of an error of text/template. It begins with the number of the
// line if the template has several.
func messageOf(text string, err error) string {
	message := err.Error()
	m := position.FindStringSubmatch(message)
	if m == nil {
		return message
	}

	message = place.ReplaceAllString(strings.TrimPrefix(message, m[0]), "")
	if strings.Contains(strings.TrimSpace(text), "\n") {
		return "line " + m[1] + ": " + message
	}
	return message
}

// withoutLine returns a message of messageOf without the number of the line.
func withoutLine(message string) string { return linePrefix.ReplaceAllString(message, "") }

var linePrefix = regexp.MustCompile(`^line \d+: `)
