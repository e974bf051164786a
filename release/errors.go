package release

import (
	"errors"
	"slices"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"
)

// An invalidError says that the settings are invalid: exit status 2, nothing was started.
type invalidError struct{ err error }

func (e *invalidError) Error() string { return e.err.Error() }
func (e *invalidError) Unwrap() error { return e.err }

// describe returns the text of an error and its hint, "" if it has none. The text begins with
// the place where the user set the setting that the error is about.
func describe(c *config.Config, err error, workflow bool) (text, advice string) {
	text = err.Error()
	if c != nil {
		if from := c.From[settingOf(err)]; from != "" {
			text = from + ": " + text
		}
	}

	return text, adviceFor(c, err, workflow)
}

// settingOf returns the name of the setting that an error is about, "" if it is about none.
func settingOf(err error) string {
	var p *problem.Problem
	if !errors.As(err, &p) {
		return ""
	}
	return p.Setting
}

// adviceFor returns in words what to do about an error, "" if that is not known.
//
// A workflow run is told what to write into the workflow, and a terminal what to type. On a
// laptop the workflow of the repository may have set the setting. Then the advice is for its
// file, because a flag would help only once.
func adviceFor(c *config.Config, err error, workflow bool) string {
	remedy := problem.RemedyOf(err)
	if c != nil && workflow && strings.HasPrefix(c.From[settingOf(err)], "--") {
		remedy = asFlags(remedy) // a step may run the program itself
	}
	if c != nil && !workflow {
		remedy = inWorkflowFile(c, settingOf(err), remedy)
	}
	return hint.Words(remedy, workflow)
}

// asFlags replaces settings in a remedy by flags.
func asFlags(r problem.Remedy) problem.Remedy {
	if r.Kind == problem.SetKind {
		flag := hint.Words(problem.Set(r.Setting, r.Value), false)
		return problem.Advise(flag).For(r.Purpose)
	}

	r.Of = slices.Clone(r.Of)
	for i, of := range r.Of {
		r.Of[i] = asFlags(of)
	}

	return r
}

// inWorkflowFile returns a remedy for a laptop: settings become YAML, with the name of the
// file, where a file of the repository sets them. The setting is the one that the error is
// about.
func inWorkflowFile(c *config.Config, setting string, r problem.Remedy) problem.Remedy {
	switch r.Kind {
	case problem.SetKind:
		file := c.WorkflowFile(r.Setting)
		if c.From[r.Setting] == "" {
			file = c.WorkflowFile(setting)
		}

		// Some settings count only as flags.
		input, ok := c.WorkflowInput(r.Setting, r.Value)
		if file == "" || !ok {
			return r
		}

		purpose := "in " + file
		if r.Purpose != "" {
			purpose = r.Purpose + ", " + purpose
		}
		return problem.Advise(hint.Words(problem.Set(r.Setting, input), true)).For(purpose)

	case problem.ThereKind:
		here := inWorkflowFile(c, setting, r.Of[1])
		if here.Purpose == "" {
			here.Purpose = r.Purpose
		}
		return here

	case problem.EitherKind, problem.BothKind, problem.LinesKind, problem.OnKind:
		isChanged := false
		r.Of = slices.Clone(r.Of)
		for i, of := range r.Of {
			r.Of[i] = inWorkflowFile(c, setting, of)
			isChanged = isChanged || r.Of[i].Kind != of.Kind
		}

		// Flags share a line, and inputs do not.
		if r.Kind == problem.BothKind && isChanged {
			r.Kind = problem.LinesKind
		}
	}

	return r
}

// splitErrors returns the errors that were joined into err, also those inside an invalidError.
func splitErrors(err error) []error {
	if invalid, ok := err.(*invalidError); ok {
		return splitErrors(invalid.err)
	}

	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}

	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, splitErrors(e)...)
	}
	return all
}
