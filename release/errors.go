package release

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/org/go-static-release/build"
)

// A requestError is a wrong request: exit status 2, nothing was started.
type requestError struct{ err error }

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// hinted adds advice that can be pasted to an error.
func hinted(hint string, err error) error { return &build.Problem{Err: err, Remedy: hint} }

// A crash is a panic that was caught: a mistake in this program.
type crash struct {
	value any
	stack []byte
}

func (c *crash) Error() string {
	return fmt.Sprintf("crashing because of a mistake in this program: panic: %v\n%s", c.value, c.stack)
}

// catch calls f and returns its error. A panic in f becomes an error, too: the Go runtime
// would end the process with exit status 2, which says that nothing was started.
func catch(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &crash{value: value, stack: debug.Stack()}
		}
	}()

	return f()
}

// describe says an error to people: with the place where the setting it is about was
// given, and its hint apart.
func describe(c *Config, err error) (text, hint string) {
	text = err.Error()
	var p *build.Problem
	if c != nil && errors.As(err, &p) && p.Setting != "" && c.from[p.Setting] != "" {
		text = c.from[p.Setting] + ": " + text
	}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		hint = h.Hint()
	}
	return text, hint
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
