package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/hint"

	"github.com/org/go-static-release/release/actions"
	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// announce says what will happen, and why, before it does.
func (p *program) announce(plan *Plan, c *config.Config) {
	first := "dry run"
	if plan.Publish {
		first = "release"
	}
	p.say("%s: %s", first, plan.Why)
	p.say("%s %s, commit %.12s, %s, %s for %s, %d at a time", plan.Name, plan.Source.Version, plan.Source.Commit, plan.Go,
		report.Count(len(plan.Mains()), "program"), report.Count(len(plan.Builds), "target"), c.Parallelism)
	for _, s := range plan.Skipped {
		p.say("note: %s is left out: %s", s.Target, s.Reason)
	}
	for _, n := range plan.Notes {
		p.say("note: %s", hint.Note(n, p.runner.Active()))
	}
	if len(plan.ws.Withheld) > 0 {
		p.say("note: no child process gets these variables, which look like secrets: %s", strings.Join(plan.ws.Withheld, " "))
	}
	if plan.Source.Dirty {
		p.say("note: the working tree differs from the commit; the binaries say so")
	}
}

// targetDone shows how a lane ended, as soon as it has. Why one failed is told at the
// end, in plan order.
func (p *program) targetDone(t *report.Target) {
	p.say("%s", t.Row())
	if t.Output != "" {
		p.foreign(t.Target, t.Output)
	}
}

// foreign shows text that is not ours, such as the output of a compiler.
func (p *program) foreign(title, text string) {
	if p.runner.Active() {
		p.runner.Group(title, text)
		return
	}
	p.say("%s:\n%s", quote.Line(title), text)
}

// tell reports the end of a run: terminal, annotations, job summary, outputs.
func (p *program) tell(r *run) error {
	rep := r.rep
	for _, n := range rep.Notices {
		if !slices.Contains(r.planNotes(), n) { // told before it began
			p.say("note: %s", n)
		}
	}
	for _, w := range rep.Warnings() {
		text := hint.Note(w, r.workflow)
		p.say("warning: %s", text)
		p.runner.Warn(text)
	}
	if text := notStatic(rep); text != "" && r.cfg.Static == "report" {
		p.say("%s", text)
		p.runner.Annotate("not static", "", 0, text)
	}
	for _, f := range rep.Failures() {
		p.foreign("failed: "+strings.Join(f.Targets, " "), f.Error)
		if f.Hint != "" {
			p.sayHint(f.Hint)
		}
		p.annotate(rep, f)
	}
	p.say("%s, in %.1fs", rep.Headline(), rep.Seconds)
	outputs, err := r.outputs()
	if err == nil {
		err = p.runner.Outputs(outputs)
	}
	err = errors.Join(err, p.runner.Summary(rep.Markdown()))
	if rep.Err() == nil {
		result := filepath.ToSlash(r.cfg.Dist)
		if rep.Release != nil {
			result = rep.Release.URL
		}
		_, printErr := fmt.Fprintln(p.out, quote.Line(result))
		return errors.Join(err, printErr)
	}
	if err = errors.Join(append(r.errs, err)...); err != nil {
		return err
	}
	if rep.Status == report.Cancelled {
		return fmt.Errorf("cancelled: %w", r.cause)
	}
	return fmt.Errorf("%d of %d targets: %w", rep.Unfinished(), len(rep.Targets), errReported)
}

// annotate shows a failure at the line of the source it names.
func (p *program) annotate(rep *report.Report, f report.Failure) {
	file, message := f.File, f.Error
	if file != "" {
		file = filepath.ToSlash(filepath.Join(rep.Source.Dir, file))
	}
	if f.Message != "" {
		message = f.Message
	}
	p.runner.Annotate(strings.Join(f.Targets, " "), file, f.Line, message)
}

// outputNames are the outputs in action.yml, in order.
var outputNames = []string{"version", "tag", "release-id", "release-url", "published", "dist", "checksums", "artifacts", "report"}

// outputs returns the values of outputNames.
func (r *run) outputs() ([]actions.Output, error) {
	rep := r.rep
	dist, err := filepath.Abs(r.cfg.Dist)
	if err != nil {
		return nil, fmt.Errorf("locating %s: %w", r.cfg.Dist, err)
	}
	files := rep.Files()
	if files == nil {
		files = []report.File{}
	}
	artifacts, err := json.Marshal(files)
	if err != nil {
		return nil, fmt.Errorf("writing the output artifacts: %w", err)
	}
	values := map[string]string{
		"version": rep.Source.Version, "tag": rep.Source.Tag, "published": fmt.Sprint(rep.Status == report.Published),
		"dist": dist, "artifacts": string(artifacts), "report": filepath.Join(dist, reportJSON),
	}
	if len(rep.Checksums) > 0 {
		values["checksums"] = filepath.Join(dist, rep.Checksums[0].Name)
	}
	if rep.Release != nil {
		values["release-id"], values["release-url"] = fmt.Sprint(rep.Release.ID), rep.Release.URL
	}
	outputs := make([]actions.Output, len(outputNames))
	for i, name := range outputNames {
		outputs[i] = actions.Output{Name: name, Value: values[name]}
	}
	return outputs, nil
}
