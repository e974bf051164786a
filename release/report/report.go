// Package report says what happened in a run, as data and for people.
//
// A Report is the product of a run. report.json, report.html, the job summary, the outputs of
// the action and the exit status are all derived from it, and nothing is inferred from text.
// During a run, Events say what is happening. Two runs over the same commit write the same
// report except for the fields named "seconds" and "memory".
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/go-static-release/build"
	"github.com/org/go-static-release/build/cc"
	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/build/smoke"
	"github.com/org/go-static-release/build/workspace"
	"github.com/org/go-static-release/release/output"
	"github.com/org/go-static-release/release/publish"
	"github.com/org/go-static-release/release/quote"
)

// Schema is the version of the JSON form. It changes when the meaning of a field changes. In
// version 1 each target had a list of files; in version 2 the report has one list.
const Schema = 2

// Statuses of a Report.
const (
	Published = "published"
	Draft     = "draft"   // complete, left as a draft on request
	DryRun    = "dry run" // complete, nothing was sent anywhere
	Failed    = "failed"
	Cancelled = "cancelled"
)

// OK is the status of a Target that has everything. A Target can also be Failed or Cancelled.
const OK = "ok"

// A Report is what happened.
type Report struct {
	Schema    int                   `json:"schema"`
	Program   string                `json:"program"` // version of this program
	Status    string                `json:"status"`
	DryRun    bool                  `json:"dryRun"`
	Why       string                `json:"why"` // the reason for DryRun
	Name      string                `json:"name"`
	Module    string                `json:"module"`
	Source    *workspace.Source     `json:"source"`
	Go        string                `json:"go"`
	Targets   []Target              `json:"targets"` // in plan order
	Skipped   []build.Skipped       `json:"skipped,omitempty"`
	Generated []workspace.Generated `json:"generated,omitempty"` // sources that are not in the commit
	Files     []File                `json:"files"`               // finished ones, in plan order
	Release   *Release              `json:"release,omitempty"`
	Notices   []string              `json:"notices,omitempty"`
	Errors    []string              `json:"errors,omitempty"` // those that belong to no target
	Seconds   float64               `json:"seconds"`
}

// A Release is the release on GitHub.
type Release struct {
	ID  int64  `json:"id"`
	URL string `json:"url"`

	// Public says whether everybody can see the release. It can be public although the run
	// failed, if it was public before, or if it could not be read after it was published.
	Public bool `json:"public"`

	// State says more than Public about a run that failed: "draft", "public", "gone", or
	// "unknown" if the release may be public but could not be read.
	State publish.State `json:"state"`
}

// A Target is what happened in one lane.
type Target struct {
	Target   string   `json:"target"`
	Status   string   `json:"status"`
	Error    string   `json:"error,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	File     string   `json:"file,omitempty"` // the file of the module that the error is about
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Message  string   `json:"message,omitempty"` // the part of Error that is about this line, "" if all is
	Output   string   `json:"output,omitempty"`  // what the compiler printed although it succeeded
	Binaries []Binary `json:"binaries,omitempty"`

	CC      *cc.Compiler `json:"cc,omitempty"`     // the C compiler, if the programs contain C
	Again   bool         `json:"again,omitempty"`  // built a second time, because a compiler was killed
	Memory  int64        `json:"memory,omitempty"` // of the largest process of the build, in bytes
	Seconds Seconds      `json:"seconds"`
}

// Seconds holds the wall times of the steps of a lane, and the processor time of its compilers.
type Seconds struct {
	Wait    float64 `json:"wait"` // for a free compiler slot
	Compile float64 `json:"compile"`
	CPU     float64 `json:"cpu"` // of all processors while compiling, 0 if not known (Windows)
	Prove   float64 `json:"prove"`
	Smoke   float64 `json:"smoke,omitempty"`
	Pack    float64 `json:"pack"`
	Upload  float64 `json:"upload,omitempty"`
}

// A Binary is one program and its proof.
type Binary struct {
	Name  string        `json:"name"`
	Size  int64         `json:"size"`
	Proof *build.Proof  `json:"proof"`
	Smoke *smoke.Result `json:"smoke,omitempty"` // nil if it should not be started
}

// A File is one finished file of the release.
type File struct {
	output.Artifact
	Upload publish.Outcome `json:"upload,omitempty"` // "" if the file was not sent
	URL    string          `json:"url,omitempty"`    // where to download it, once it is public
}

// Finish records how a lane ended. The hint says what to do about the error.
func (t *Target) Finish(err error, hint string, cancelled bool) {
	switch {
	case err == nil:
		t.Status = OK

	case cancelled:
		t.Status = Cancelled
		t.Error = Cancelled

	default:
		t.Status = Failed
		t.Error = err.Error()
		t.Hint = hint

		at := problem.PositionOf(err)
		t.File = at.File
		t.Line = at.Line
		t.Column = at.Column
		t.Message = at.Message
	}
}

// FilesOf returns the files of a target, or with "" those that belong to no target.
func (r *Report) FilesOf(target string) (files []File) {
	for _, f := range r.Files {
		if f.Target == target {
			files = append(files, f)
		}
	}

	return files
}

// A Failure is a reason why one or several targets failed.
type Failure struct {
	Targets []string
	Error   string
	Hint    string

	// File and Line say where in the repository the error is. File is "" if that is not known.
	// Message is the part of Error that is about this line, "" if all of it is.
	File    string
	Line    int
	Column  int // 0 if it is not known
	Message string
}

// Failures returns the reasons why targets failed, in plan order. Targets that failed with the
// same error share one. Targets that were cancelled have not failed.
func (r *Report) Failures() (failures []Failure) {
	for _, t := range r.Targets {
		if t.Status != Failed {
			continue
		}

		i := slices.IndexFunc(failures, func(f Failure) bool { return f.Error == t.Error })
		if i < 0 {
			i = len(failures)
			failures = append(failures, Failure{
				Error:   t.Error,
				Hint:    t.Hint,
				File:    t.File,
				Line:    t.Line,
				Column:  t.Column,
				Message: t.Message,
			})
		}
		failures[i].Targets = append(failures[i].Targets, t.Target)
	}

	return failures
}

// Unfinished counts the targets that do not have everything.
func (r *Report) Unfinished() (n int) {
	for _, t := range r.Targets {
		if t.Status != OK {
			n++
		}
	}

	return n
}

// NotStatic lists the binaries that are not as static as they should be, as
// "TARGET NAME: REASON".
func (r *Report) NotStatic() (list []string) {
	for _, t := range r.Targets {
		for _, b := range t.Binaries {
			if b.Proof == nil || b.Proof.Static {
				continue
			}
			reason := strings.Join(b.Proof.Differences, ", ")
			list = append(list, fmt.Sprintf("%s %s: %s", t.Target, b.Name, reason))
		}
	}

	return list
}

// Warnings lists what may go wrong with binaries although they are released, and programs of a
// tag that do not say its version. It lists what is the same on several targets once.
func (r *Report) Warnings() (list []problem.Note) {
	for _, t := range r.Targets {
		if t.Status == Failed {
			continue // its error says it
		}
		for _, b := range t.Binaries {
			for _, w := range b.Proof.Warnings {
				text := b.Name + ": " + w.Text
				listed := slices.ContainsFunc(list, func(n problem.Note) bool { return n.Text == text })
				if listed {
					continue
				}
				list = append(list, problem.Note{
					Text:   text,
					Remedy: w.Remedy,
				})
			}
		}
	}

	if r.Source.Tag != "" {
		list = append(list, r.withoutVersion()...)
	}
	return list
}

// Err returns the error of the run, nil if everything was done. It holds every failure, in plan
// order.
func (r *Report) Err() error {
	var errs []error
	for _, t := range r.Targets {
		if t.Status != OK {
			errs = append(errs, fmt.Errorf("%s: %s", t.Target, t.Error))
		}
	}
	for _, e := range r.Errors {
		errs = append(errs, errors.New(e))
	}

	return errors.Join(errs...)
}

// JSON returns the report as report.json holds it.
func (r *Report) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}

	return append(quote.JSON(data), '\n'), nil
}

// Since returns the seconds since start, rounded down to milliseconds.
func Since(start time.Time) float64 {
	return float64(time.Since(start).Milliseconds()) / 1000
}
