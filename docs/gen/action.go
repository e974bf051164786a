package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/org/go-static-release/release/config"
)

// tokenDefault is the default of the input token: a job has a token.
const tokenDefault = "${{ github.token }}"

// inputs matches the block of inputs in action.yml, up to the next key.
var inputs = regexp.MustCompile(`(?m)^inputs:\n(?:(?: .*)?\n)*`)

// variables matches the lines that hand inputs over to a step. Inputs of a composite action
// are not in the environment by themselves (actions/runner#665).
var variables = regexp.MustCompile(`(?:(?m:^) {8}INPUT_.*\n)+`)

// updateAction replaces the inputs in action.yml, and the variables of its two steps.
func updateAction(old string) (string, error) {
	if len(inputs.FindAllString(old, -1)) != 1 {
		return "", errors.New("there is no block of inputs, or more than one")
	}

	steps := []string{
		stepVariables(func(s config.Setting) bool { return s.BelongsTo(config.CacheKey) }),
		stepVariables(func(config.Setting) bool { return true }),
	}
	if n := len(variables.FindAllString(old, -1)); n != len(steps) {
		return "", fmt.Errorf("%d steps have variables INPUT_*, expected %d", n, len(steps))
	}

	text := inputs.ReplaceAllLiteralString(old, actionInputs())
	text = variables.ReplaceAllStringFunc(text, func(string) string {
		step := steps[0]
		steps = steps[1:]
		return step
	})
	return text, nil
}

// actionInputs returns the block of inputs.
func actionInputs() string {
	var b strings.Builder
	b.WriteString("inputs:\n")

	for _, s := range config.Settings {
		description := s.Help
		if s.Default == "" && s.Name != "token" {
			description += " (default: " + s.DefaultText + ")"
		}

		value := s.Default
		if s.Name == "token" {
			value = tokenDefault
		}

		fmt.Fprintf(&b, "  %s:\n", s.Name)
		fmt.Fprintf(&b, "    description: %s\n", quoteYAML(description))
		fmt.Fprintf(&b, "    default: %s\n", quoteYAML(value))
	}

	b.WriteString("\n")
	return b.String()
}

// stepVariables returns the lines that hand the inputs of some settings over to a step.
func stepVariables(has func(config.Setting) bool) string {
	var b strings.Builder
	for _, s := range config.Settings {
		if has(s) {
			fmt.Fprintf(&b, "        %s: ${{ inputs.%s }}\n", s.Variable(), s.Name)
		}
	}
	return b.String()
}

// quoteYAML returns a text as a YAML string in single quotes.
func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
