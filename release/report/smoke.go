package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/smoke"
)

// An Answer is what a program printed when it was started: the same on all of the targets.
type Answer struct {
	Program string // without ".exe" or ".wasm"
	Args    []string
	Said    string // the first line, "" if it printed nothing
	Version smoke.Version
	Targets []string
}

// Command returns how the program was started, such as "tool --version".
func (a Answer) Command() string {
	return strings.Join(append([]string{a.Program}, a.Args...), " ")
}

// Words returns what the program printed, in words.
func (a Answer) Words() string {
	if a.Said == "" {
		return "prints nothing"
	}
	return "prints: " + a.Said
}

// Answers lists what the programs printed that were started, in plan order.
func (r *Report) Answers() (answers []Answer) {
	for _, t := range r.Targets {
		for _, b := range t.Binaries {
			if b.Smoke == nil || !b.Smoke.Ran {
				continue
			}

			answer := Answer{
				Program: strings.TrimSuffix(strings.TrimSuffix(b.Name, ".exe"), ".wasm"),
				Args:    b.Smoke.Args,
				Said:    b.Smoke.Said,
				Version: b.Smoke.Version,
			}
			i := slices.IndexFunc(answers, answer.sameAs)
			if i < 0 {
				i = len(answers)
				answers = append(answers, answer)
			}
			answers[i].Targets = append(answers[i].Targets, t.Target)
		}
	}

	return answers
}

// sameAs reports whether two answers differ only in their targets.
func (a Answer) sameAs(b Answer) bool {
	return a.Program == b.Program &&
		a.Said == b.Said &&
		a.Version == b.Version &&
		slices.Equal(a.Args, b.Args)
}

// withoutVersion lists the programs that were asked for their version and did not say the one
// of the release.
func (r *Report) withoutVersion() (list []problem.Note) {
	for _, a := range r.Answers() {
		if a.Version != smoke.Missing {
			continue
		}

		setVariable := problem.Set("ldflags", "{{.Defaults}} -X PACKAGE.NAME={{.Version}}")
		list = append(list, problem.Note{
			Text:   fmt.Sprintf("%s does not print the version %s; it %s", a.Command(), r.Source.Version, a.Words()),
			Remedy: setVariable.For("PACKAGE.NAME is the variable that holds the version"),
		})
	}

	return list
}

// MissingVersions lists the programs of a dry run without a tag that were asked for their
// version and did not say the pseudo-version of the commit. Warnings lists those of a tag: a
// program may hold the version of its next release as a constant.
func (r *Report) MissingVersions() []problem.Note {
	if r.Source.Tag != "" {
		return nil
	}
	return r.withoutVersion()
}
