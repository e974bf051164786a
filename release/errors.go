package release

import (
	"errors"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"

	"github.com/org/go-static-release/build/problem"
)

// A requestError is a wrong request: exit status 2, nothing was started.
type requestError struct{ err error }

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// describe says an error to people: with the place where the setting it is about was
// given, and its hint apart.
func describe(c *config.Config, err error, workflow bool) (text, advice string) {
	text = err.Error()
	var p *problem.Problem
	if c != nil && errors.As(err, &p) && p.Setting != "" && c.From[p.Setting] != "" {
		text = c.From[p.Setting] + ": " + text
	}

	return text, hint.Words(problem.RemedyOf(err), workflow)
}

// leaves takes joined errors apart, looking through request errors.
func leaves(err error) []error {
	if request, ok := err.(*requestError); ok {
		return leaves(request.err)
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}
