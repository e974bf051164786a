// Package report holds what happened in a run, as data and for people.
//
// The Report is the product of a run: report.json, the job summary, report.html, the outputs
// of the action and the exit status all derive from it, and nothing is inferred from text.
// While a run goes on, Events say what happens. Two runs over the same commit write the same
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

// Schema is the version of the JSON form. It changes when a field changes its meaning. Version
// 2 has all files in one list; in version 1 each target had its own.
const Schema = 2

// Statuses of a Report.
const (
	Published = "published"
	Draft     = "draft"   // complete, left as a draft on request
	DryRun    = "dry run" // complete, nothing was sent anywhere
	Failed    = "failed"
	Cancelled = "cancelled"
)

// OK is the status of a Target that has everything; a Target can also be Failed or Cancelled.
const OK = "ok"

// A Report is what happened.
type Report struct {
	Schema    int                   `json:"schema"`
	Program   string                `json:"program"` // version of this program
	Status    string                `json:"status"`
	DryRun    bool                  `json:"dryRun"`
	Why       string                `json:"why"` // it is a dry run, or is not
	Name      string                `json:"name"`
	Module    string                `json:"module"`
	Source    *workspace.Source     `json:"source"`
	Go        string                `json:"go"`
	Targets   []Target              `json:"targets"` // in plan order
	Skipped   []build.Skipped       `json:"skipped,omitempty"`
	Generated []workspace.Generated `json:"generated,omitempty"` // sources that the commit does not have
	Files     []File                `json:"files"`               // that were finished, in plan order
	Release   *Release              `json:"release,omitempty"`
	Notices   []string              `json:"notices,omitempty"`
	Errors    []string              `json:"errors,omitempty"` // that belong to no target
	Seconds   float64               `json:"seconds"`
}

// A Release is the release on GitHub.
type Release struct {
	ID  int64  `json:"id"`
	URL string `json:"url"`

	// Public reports whether everybody can see the release. It can be public even if the run
	// failed: when it was public before, or when it could not be read afterwards.
	Public bool `json:"public"`

	// State says more if a run failed: "draft", "public", "gone", or "unknown" if the release
	// may be public but could not be read.
	State publish.State `json:"state"`
}

// A Target is what happened in one lane.
type Target struct {
	Target   string   `json:"target"`
	Status   string   `json:"status"`
	Error    string   `json:"error,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	File     string   `json:"file,omitempty"` // of the module, where the error points
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Message  string   `json:"message,omitempty"` // what is wrong there, if that is less than the error
	Output   string   `json:"output,omitempty"`  // what the compiler printed although it succeeded
	Binaries []Binary `json:"binaries,omitempty"`

	CC      *cc.Compiler `json:"cc,omitempty"`     // of C, if the programs contain any
	Again   bool         `json:"again,omitempty"`  // a compiler was killed, and the target was built again, alone
	Memory  int64        `json:"memory,omitempty"` // bytes, of the largest process of its build
	Seconds Seconds      `json:"seconds"`
}

// Seconds are the wall times of a lane's parts, and the processor time of its compilers.
type Seconds struct {
	Wait    float64 `json:"wait"` // for a free compiler slot
	Compile float64 `json:"compile"`
	CPU     float64 `json:"cpu"` // of all processors, while compiling; 0 where that is not known (Windows)
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
	Smoke *smoke.Result `json:"smoke,omitempty"` // nil if no smoke test was asked for
}

// A File is one finished file of the release.
type File struct {
	output.Artifact
	Upload publish.Outcome `json:"upload,omitempty"` // "" if the file was not sent
	URL    string          `json:"url,omitempty"`    // of the download, once it is public
}

// Finish records how a lane ended, and what to do about an error.
func (t *Target) Finish(err error, hint string, cancelled bool) {
	switch {
	case err == nil:
		t.Status = OK
	case cancelled:
		t.Status, t.Error = Cancelled, Cancelled
	default:
		t.Status, t.Error = Failed, err.Error()
		t.Hint = hint

		at := problem.PositionOf(err)
		t.File = at.File
		t.Line = at.Line
		t.Column = at.Column
		t.Message = at.Message
	}
}

// FilesOf returns the files of one target, or with "" those that are for all targets.
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

	// File and Line are where the error is in the repository, File is "" if that is not known.
	// Message is the part of Error that is about this line, "" if that is all of it.
	File    string
	Line    int
	Message string
}

// Failures returns why targets failed, in plan order. What is the same for several targets is
// one failure. Targets that were cancelled have not failed.
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

// NotStatic lists the binaries whose proof does not hold, as "TARGET NAME: REASON".
func (r *Report) NotStatic() (list []string) {
	for _, t := range r.Targets {
		for _, b := range t.Binaries {
			if b.Proof != nil && !b.Proof.Static {
				list = append(list, fmt.Sprintf("%s %s: %s", t.Target, b.Name, strings.Join(b.Proof.Differences, ", ")))
			}
		}
	}
	return list
}

// Warnings lists what no claim is about and yet goes wrong, each once.
func (r *Report) Warnings() (list []problem.Note) {
	for _, t := range r.Targets {
		for _, b := range t.Binaries {
			for _, w := range b.Proof.Warnings {
				text := b.Name + ": " + w.Text
				known := slices.ContainsFunc(list, func(n problem.Note) bool { return n.Text == text })
				if !known {
					list = append(list, problem.Note{Text: text, Remedy: w.Remedy})
				}
			}
		}
	}
	return list
}

// Err is the error of the run, nil if it reached what it set out for. It holds every
// failure, in plan order.
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

// Since returns the seconds since start, to milliseconds.
func Since(start time.Time) float64 {
	return float64(time.Since(start).Milliseconds()) / 1000
}
