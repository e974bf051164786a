// Package problem describes mistakes in a request, with what to do about them. It is a leaf.
package problem

import (
	"errors"
	"fmt"
	"strings"
)

// A Problem is something wrong with a request, found before any compiler starts.
type Problem struct {
	Setting string // the setting to change ("targets", "tag", ...), or "" if none would help
	Err     error
	Remedy  string // what to type or paste, or ""
}

func (p *Problem) Error() string { return p.Err.Error() }
func (p *Problem) Unwrap() error { return p.Err }

// Hint returns the remedy: a line that can be pasted, or "".
func (p *Problem) Hint() string { return p.Remedy }

// List is every Problem of one request. It is an error, so that a plan fails
// once with all of them rather than once a mistake.
type List []*Problem

func (ps List) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

func (ps List) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// Err returns ps as an error, nil if there is no problem.
func (ps List) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

func (ps *List) Add(setting, hint, format string, args ...any) {
	*ps = append(*ps, &Problem{Setting: setting, Err: fmt.Errorf(format, args...), Remedy: hint})
}

// Keep records err: as it is if it is a Problem already. It reports whether err was nil.
func (ps *List) Keep(setting string, err error) bool {
	if err == nil {
		return true
	}
	var p *Problem
	if errors.As(err, &p) {
		*ps = append(*ps, p)
	} else {
		*ps = append(*ps, &Problem{Setting: setting, Err: err})
	}
	return false
}

// Hinted adds a hint to an error.
func Hinted(hint string, err error) error {
	return &Problem{Err: err, Remedy: hint}
}
