package release

import (
	"errors"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"
)

// A requestError is an error in what the user asked for: exit status 2, nothing was started.
type requestError struct{ err error }

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// describe returns the text of an error and its hint, "" if it has none. The text begins with
// the place where the user set the setting that the error is about.
func describe(c *config.Config, err error, workflow bool) (text, advice string) {
	text = err.Error()

	var p *problem.Problem
	if c != nil && errors.As(err, &p) && c.From[p.Setting] != "" {
		text = c.From[p.Setting] + ": " + text
	}

	return text, hint.Words(problem.RemedyOf(err), workflow)
}

// splitErrors returns the errors that were joined into err, also those inside a requestError.
func splitErrors(err error) []error {
	if request, ok := err.(*requestError); ok {
		return splitErrors(request.err)
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
