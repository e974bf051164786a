package report

import (
	"fmt"
	"slices"
	"strings"
)

// maxSummary is what GitHub takes for one step's summary, 1 MiB, less room for the
// line that says that something was cut (docs.github.com, "Adding a job summary").
const maxSummary = 1<<20 - 1024

// Markdown is the job summary.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", escape(r.Headline()))
	if r.Release != nil && (r.Status == Published || r.Status == Draft) {
		fmt.Fprintf(&b, "%s\n\n", r.Release.URL)
	}
	fmt.Fprintf(&b, "%s: %s. Commit `%s`, %s, `%s`.\n\n", mode(r.DryRun), escape(r.Why), r.Source.Commit, r.Source.Time.Format("2006-01-02 15:04:05 MST"), r.Go)
	b.WriteString("| target | proof | file | size | SHA-256 |\n|---|---|---|---:|---|\n")
	for _, t := range r.Targets {
		if t.Status != OK {
			fmt.Fprintf(&b, "| %s | **%s** | | | |\n", t.Target, t.Status)
			continue
		}
		for i, f := range t.Files {
			target, claim := t.Target, strings.TrimSpace(t.Claim()+", "+t.Started())
			claim = strings.TrimSuffix(claim, ",")
			if i > 0 {
				target, claim = "", ""
			}
			row(&b, target, claim, f)
		}
	}
	for _, f := range append(slices.Clip(r.Attached), r.Checksums...) {
		row(&b, "", "", f)
	}
	for _, e := range r.Errors {
		fmt.Fprintf(&b, "\n**error:** %s\n", escape(e))
	}
	for _, bad := range r.NotStatic() {
		fmt.Fprintf(&b, "\n**not static:** %s\n", escape(bad))
	}
	for _, w := range r.Warnings() {
		fmt.Fprintf(&b, "\n**warning:** %s\n", escape(w))
	}
	for _, n := range r.Notices {
		fmt.Fprintf(&b, "\n%s\n", escape(n))
	}
	for _, f := range r.Failures() {
		fmt.Fprintf(&b, "\n<details open><summary>%s</summary>\n\n%s\n</details>\n", strings.Join(f.Targets, " "), fenced(f.Error))
		if f.Hint != "" {
			fmt.Fprintf(&b, "\n%s\n", escape(f.Hint))
		}
	}
	if b.Len() <= maxSummary {
		return b.String()
	}
	return strings.ToValidUTF8(b.String()[:maxSummary], "") + "\n\nCut at GitHub's limit; report.json has all of it.\n"
}

func mode(dryRun bool) string {
	if dryRun {
		return "Dry run"
	}
	return "Release"
}

func row(b *strings.Builder, target, claim string, f File) {
	name := escape(f.Name)
	if f.URL != "" {
		name = fmt.Sprintf("[%s](%s)", name, f.URL)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | `%s` |\n", target, escape(claim), name, Bytes(f.Size), f.SHA256())
}

// escape makes text safe inside Markdown: as text, on one line, in a table.
func escape(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", "\\", `\\`, "|", `\|`, "<", "&lt;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`).Replace(s)
}

// fenced shows text as it is, whatever is in it: the fence is longer than any run of
// backticks in the text.
func fenced(s string) string {
	longest, run := 2, 0
	for _, c := range s {
		if c == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	return fence + "\n" + s + "\n" + fence
}
