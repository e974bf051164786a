package report

import (
	"fmt"
	"strings"

	"github.com/org/go-static-release/release/hint"
)

// maxSummary limits the summary, in bytes. GitHub accepts 1 MiB for a step (docs.github.com,
// "Adding a job summary"); the rest is room for the line that says that something was left out.
const maxSummary = 1<<20 - 1024

// A summary is Markdown that grows by whole pieces. If a piece were cut in the middle, for
// example inside a code block, the text after it would become part of it.
type summary struct {
	strings.Builder
	full bool
}

// add adds a piece if it fits. After a piece that does not fit, it adds nothing.
func (s *summary) add(format string, args ...any) {
	piece := fmt.Sprintf(format, args...)
	s.full = s.full || s.Len()+len(piece) > maxSummary

	if !s.full {
		s.WriteString(piece)
	}
}

// Markdown returns the job summary. Names, messages and addresses are shown as text, even if
// they contain Markdown or HTML.
func (r *Report) Markdown() string {
	s := &summary{}

	s.add("### %s\n\n", prose(r.Headline()))
	if r.Release != nil && (r.Status == Published || r.Status == Draft) {
		s.add("%s\n\n", link(r.Release.URL, r.Release.URL))
	}
	date := r.Source.Time.Format("2006-01-02 15:04:05 MST")
	s.add("%s: %s. Commit %s, %s, %s.\n\n",
		mode(r.DryRun), prose(r.Why), code(r.Source.Commit), date, code(r.Go))

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

		target := t.Target
		claim := t.Claim()
		if started := strings.TrimSpace(t.Started()); started != "" {
			claim += ", " + started
		}
		for _, f := range r.FilesOf(t.Target) {
			s.add("%s", row(target, claim, f))

			// The rows of further files do not repeat it.
			target = ""
			claim = ""
		}
	}

	for _, f := range r.FilesOf("") {
		s.add("%s", row("", "", f))
	}
}

// row returns the row of a file in the table.
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
	r.addAnswers(s)

	for _, f := range r.Failures() {
		targets := strings.Join(f.Targets, " ")
		s.add("\n<details open><summary>%s</summary>\n\n%s\n\n</details>\n",
			inTag(targets), fenced(f.Error))
		if f.Hint != "" {
			s.add("\n**hint:**%s\n", message(f.Hint))
		}
	}
}

// addAnswers adds what the programs printed that were started.
func (r *Report) addAnswers(s *summary) {
	answers := r.Answers()
	if len(answers) == 0 {
		return
	}

	s.add("\n| started | on | prints |\n|---|---|---|\n")
	for _, a := range answers {
		said := ""
		if a.Said != "" {
			said = code(a.Said)
		}
		s.add("| %s | %s | %s |\n", code(a.Command()), prose(strings.Join(a.Targets, " ")), said)
	}
}

// mode returns the word for a run that publishes or does not.
func mode(dryRun bool) string {
	if dryRun {
		return "Dry run"
	}
	return "Release"
}
