package release

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"
	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// show prints an event to the log. In a workflow it also shows warnings and failures as
// annotations.
func (p *program) show(e report.Event) {
	p.lines.Event(e)

	switch {
	case e.State == report.Warning:
		p.runner.Warn(e.Text)

	case e.State == report.Prominent:
		p.runner.Annotate("not static", actions.Position{}, e.Text)

	case e.Failure != nil:
		f := e.Failure
		at := actions.Position{
			File:   f.File,
			Line:   f.Line,
			Column: f.Column,
		}
		message := cmp.Or(f.Message, f.Error)
		if f.Hint != "" {
			message += "\nhint: " + f.Hint
		}
		p.runner.Annotate(strings.Join(f.Targets, " "), at, message)
	}
}

// announce emits what the run is going to do, and why.
func (r *run) announce() {
	plan := r.plan

	mode := "dry run"
	if plan.Publish {
		mode = "release"
	}
	programs := report.Count(len(plan.Mains()), "program")
	targets := report.Count(len(plan.Builds), "target")
	r.headline("%s: %s", mode, plan.Why)
	r.headline("%s %s, commit %.12s, %s, %s for %s, %d at a time", plan.Name, plan.Source.Version,
		plan.Source.Commit, plan.Go, programs, targets, r.cfg.Parallelism)

	for _, s := range plan.Skipped {
		r.note(fmt.Sprintf("%s is left out: %s", s.Target, s.Reason))
	}
	for _, n := range plan.Notes {
		state := report.Note
		if n.IsWarning {
			state = report.Warning
		}
		r.emit(report.Event{
			Step:  report.Run,
			State: state,
			Text:  hint.Note(n, r.workflow),
		})
	}
}

// sumUp emits what happened, after the run has ended.
func (r *run) sumUp() {
	var announced []string
	for _, n := range r.plan.Notes {
		announced = append(announced, hint.Note(n, r.workflow))
	}

	for _, n := range r.rep.Notices {
		if !slices.Contains(announced, n) {
			r.note(n)
		}
	}

	for _, a := range r.rep.Answers() {
		r.headline("%s %s (%s)", quote.Line(a.Command()), quote.Line(a.Words()), strings.Join(a.Targets, " "))
	}

	for _, w := range r.rep.Warnings() {
		r.emit(report.Event{
			Step:  report.Run,
			State: report.Warning,
			Text:  hint.Note(w, r.workflow),
		})
	}

	if text := notStatic(r.cfg, r.rep); text != "" {
		r.emit(report.Event{
			Step:  report.Run,
			State: report.Prominent,
			Text:  text,
		})
	}

	for _, f := range r.rep.Failures() {
		if f.File != "" {
			f.File = path.Join(r.rep.Source.Dir, filepath.ToSlash(f.File))
		}
		r.emit(report.Event{
			Step:    report.Run,
			State:   report.Failing,
			Failure: &f,
		})
	}

	r.headline("%s, in %.1fs", r.rep.Headline(), r.rep.Seconds)
}

// headline emits a line that announces or sums up the run.
func (r *run) headline(format string, args ...any) {
	r.emit(report.Event{
		Step:  report.Run,
		State: report.Headline,
		Text:  fmt.Sprintf(format, args...),
	})
}

// note emits a note.
func (r *run) note(text string) {
	r.emit(report.Event{
		Step:  report.Run,
		State: report.Note,
		Text:  text,
	})
}

// notStatic returns the warning about programs that are not static but are released anyway,
// "" if there are none.
func notStatic(c *config.Config, rep *report.Report) string {
	bad := rep.NotStatic()
	if len(bad) == 0 || c.Static != "report" {
		return ""
	}

	return "NOT STATIC, and released anyway because static is report:\n  " + strings.Join(bad, "\n  ")
}

// result returns the error of the run. It is nil if everything was done.
func (r *run) result() error {
	switch {
	case r.rep.Err() == nil:
		return nil
	case len(r.errs) > 0:
		return errors.Join(r.errs...)
	case r.rep.Status == report.Cancelled:
		return fmt.Errorf("cancelled: %w", r.cause)
	}

	return fmt.Errorf("%d of %d targets: %w", r.rep.Unfinished(), len(r.rep.Targets), errReported)
}

// place returns where the result of the run is: the address of the release, or the directory.
func (r *run) place() string {
	if r.rep.Release != nil {
		return r.rep.Release.URL
	}
	return filepath.ToSlash(r.cfg.Dist)
}
