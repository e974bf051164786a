// Package problem describes what is wrong with a request, and what to do about it. It is a
// leaf.
package problem

import (
	"errors"
	"fmt"
	"strings"
)

// A Problem is an error with the setting that it is about and what to do about it.
type Problem struct {
	Setting string // the setting to change ("targets", "tag", ...), or "" if none would help
	Err     error
	Remedy  Remedy
}

func (p *Problem) Error() string { return p.Err.Error() }

func (p *Problem) Unwrap() error { return p.Err }

// Advice returns the remedy.
func (p *Problem) Advice() Remedy { return p.Remedy }

// A List is every problem of one request. As an error it reports all of them at once.
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

// Add records a problem with a setting.
func (ps *List) Add(setting, format string, args ...any) {
	ps.AddWith(setting, Remedy{}, format, args...)
}

// AddWith records a problem with a setting, and what to do about it.
func (ps *List) AddWith(setting string, remedy Remedy, format string, args ...any) {
	*ps = append(*ps, &Problem{
		Setting: setting,
		Err:     fmt.Errorf(format, args...),
		Remedy:  remedy,
	})
}

// Keep records err, as it is if it is a Problem already. It reports whether err is nil.
func (ps *List) Keep(setting string, err error) bool {
	if err == nil {
		return true
	}

	var p *Problem
	if !errors.As(err, &p) {
		p = &Problem{Setting: setting, Err: err}
	}
	*ps = append(*ps, p)
	return false
}

// A Position is a place in a source file at which an error points.
type Position struct {
	File    string // relative to the module, slashes; "" if the error points nowhere
	Line    int
	Column  int    // in bytes, 0 if not known
	Message string // what is wrong there, "" if only the whole error says it
}

// PositionOf returns the place at which the first error in the tree of err points, by a
// method Position.
func PositionOf(err error) Position {
	var positioned interface{ Position() Position }
	if !errors.As(err, &positioned) {
		return Position{}
	}

	return positioned.Position()
}

// With returns err with a remedy.
func With(remedy Remedy, err error) error {
	return &Problem{Err: err, Remedy: remedy}
}
