package release

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/org/go-static-release/build"
)

// A requestError is a wrong request: exit status 2, nothing was started.
type requestError struct{ err error }

func (e *requestError) Error() string { return e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// hinted adds advice that can be pasted to an error.
func hinted(hint string, err error) error { return &build.Problem{Err: err, Remedy: hint} }

// printError writes an error: each of several joined ones on its own, with the
// setting it is about and its hint on a line of its own.
func printError(w io.Writer, cfg *Config, err error) {
	for _, e := range leaves(err) {
		text := e.Error()
		var p *build.Problem
		if cfg != nil && errors.As(e, &p) && p.Setting != "" && cfg.from[p.Setting] != "" {
			text = cfg.from[p.Setting] + ": " + text
		}
		fmt.Fprintf(w, "error: %s\n", strings.ReplaceAll(text, "\n", "\n  "))
		var h interface{ Hint() string }
		if errors.As(e, &h) && h.Hint() != "" {
			fmt.Fprintf(w, "hint: %s\n", h.Hint())
		}
	}
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
