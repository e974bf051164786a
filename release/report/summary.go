package report

import (
	"fmt"
	"strings"

	"github.com/org/go-static-release/release/hint"
)

// maxSummary is what GitHub takes for one step's summary, 1 MiB, less room for the
// line that says that something was left out (docs.github.com, "Adding a job summary").
const maxSummary = 1<<20 - 1024

// A summary is Markdown that grows by whole pieces. If one were cut in the middle, the text
// after it would become part of it.
type summary struct {
	strings.Builder
	full bool
}

// add adds a piece if there is room for it, and nothing after one that did not fit.
func (s *summary) add(format string, args ...any) {
	piece := fmt.Sprintf(format, args...)
	s.full = s.full || s.Len()+len(piece) > maxSummary

	if !s.full {
		s.WriteString(piece)
	}
}

// Markdown returns the job summary. Names, messages and addresses are shown as text,
// whatever is in them.
func (r *Report) Markdown() string {
	s := &summary{}

	s.add("### %s\n\n", prose(r.Headline()))
	if r.Release != nil && (r.Status == Published || r.Status == Draft) {
		s.add("%s\n\n", link(r.Release.URL, r.Release.URL))
	}
	s.add("%s: %s. Commit %s, %s, %s.\n\n", mode(r.DryRun), prose(r.Why),
		code(r.Source.Commit), r.Source.Time.Format("2006-01-02 15:04:05 MST"), code(r.Go))

	r.addTable(s)
	r.addMessages(s)

	if s.full {
		return s.String() + "\n\nCut at GitHub's limit; report.json has all of it.\n"
	}
	return s.String()
}

// addTable adds a row for each file, and for each target that has none.
func (r *Report) addTable(s *summary) {
	s.add("| target | proof | file | size | SHA-256 |\n|---|---|---|---:|---|\n")

	for _, t := range r.Targets {
		if t.Status != OK {
			s.add("| %s | **%s** | | | |\n", prose(t.Target), prose(t.Status))
			continue
		}
		for i, f := range r.FilesOf(t.Target) {
			target, claim := t.Target, strings.TrimSpace(t.Claim()+", "+t.Started())
			claim = strings.TrimSuffix(claim, ",")
			if i > 0 {
				target, claim = "", ""
			}
			s.add("%s", row(target, claim, f))
		}
	}

	for _, f := range r.FilesOf("") {
		s.add("%s", row("", "", f))
	}
}

func row(target, claim string, f File) string {
	name := code(f.Name)
	if f.URL != "" {
		name = link(f.Name, f.URL)
	}

	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n",
		prose(target), prose(claim), name, Bytes(f.Size), code(f.SHA256()))
}

// addMessages adds errors, warnings, notes and failures, errors first.
func (r *Report) addMessages(s *summary) {
	for _, e := range r.Errors {
		s.add("\n**error:**%s\n", message(e))
	}
	for _, bad := range r.NotStatic() {
		s.add("\n**not static:**%s\n", message(bad))
	}
	for _, w := range r.Warnings() {
		s.add("\n**warning:**%s\n", message(hint.Note(w, true)))
	}
	for _, n := range r.Notices {
		s.add("\n**note:**%s\n", message(n))
	}

	for _, f := range r.Failures() {
		s.add("\n<details open><summary>%s</summary>\n\n%s\n\n</details>\n", inTag(strings.Join(f.Targets, " ")), fenced(f.Error))
		if f.Hint != "" {
			s.add("\n**hint:**%s\n", message(f.Hint))
		}
	}
}

func mode(dryRun bool) string {
	if dryRun {
		return "Dry run"
	}
	return "Release"
}
