package report

import (
	"fmt"
	"strings"

	"github.com/org/go-static-release/release/publish"
)

// Row is what the terminal shows when a target is done; files are those of the target.
func (t *Target) Row(files []File) string {
	s := t.Seconds
	line := fmt.Sprintf("%-9s  %-20s  %6.1fs", t.Status, t.Target, s.Compile+s.Prove+s.Smoke+s.Pack+s.Upload)
	if t.Again {
		line += "  again, alone: a compiler had been killed "
	}
	if t.Status == OK {
		line += fmt.Sprintf("  %-21s  %s%s", t.Claim(), t.Started(), contents(files))
	}
	return line
}

// Started says whether the programs were started, "" if that was not asked for.
func (t *Target) Started() string {
	if len(t.Binaries) == 0 || t.Binaries[0].Smoke == nil {
		return ""
	}
	if !t.Binaries[0].Smoke.Ran {
		return "not run  "
	}
	return "started  "
}

// Claim is what was proved of all binaries of the target, or that it was not.
func (t *Target) Claim() string {
	claim := ""
	for _, b := range t.Binaries {
		if !b.Proof.Static {
			return "NOT " + strings.ToUpper(b.Proof.Claim)
		}
		claim = b.Proof.Claim
	}
	return claim
}

// contents names files with their sizes.
func contents(files []File) string {
	var parts []string
	for _, f := range files {
		part := fmt.Sprintf("%s (%s)", f.Name, Bytes(f.Size))
		if f.Upload != "" {
			part += " " + string(f.Upload)
		}
		parts = append(parts, part)
	}

	return strings.Join(parts, ", ")
}

// Bytes is a size for people.
func Bytes(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// Count is a number with its noun.
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Headline is the whole run in one line.
func (r *Report) Headline() string {
	programs, started, asked := 0, 0, false
	for _, t := range r.Targets {
		programs += len(t.Binaries)
		for _, b := range t.Binaries {
			asked = asked || b.Smoke != nil
			if b.Smoke != nil && b.Smoke.Ran {
				started++
			}
		}
	}
	name := r.Name + " " + r.Source.Version
	switch r.Status {
	case Failed, Cancelled:
		return fmt.Sprintf("%s %s: %d of %s are complete, %s", name, r.Status,
			len(r.Targets)-r.Unfinished(), Count(len(r.Targets), "target"), r.outcome())
	}
	proved := "each proved"
	if bad := len(r.NotStatic()); bad > 0 {
		proved = fmt.Sprintf("%d of them NOT STATIC", bad)
	}
	if asked {
		proved += fmt.Sprintf(", %d started", started)
	}
	files := Count(len(r.Files), "file")
	if n := r.alreadyThere(); n > 0 {
		files += fmt.Sprintf(" (%d there already)", n)
	}
	what := fmt.Sprintf("%s: %s, %s for %s, %s", name, files, Count(programs, "program"), Count(len(r.Targets), "target"), proved)
	switch r.Status {
	case Published:
		return "published " + what
	case Draft:
		return "drafted " + what
	}
	return "dry run of " + what
}

// outcome says what a failed run has left on GitHub.
func (r *Report) outcome() string {
	switch {
	case r.Release == nil:
		return "nothing was published"
	case r.Release.Public:
		return "the release is public: " + r.Release.URL
	case r.Release.State == publish.Unknown:
		return "it is not known whether the release is public: " + r.Release.URL
	case r.Release.State == publish.Gone:
		return "somebody has deleted the release"
	}
	return "nothing was published"
}

// alreadyThere counts the files that an earlier run had sent.
func (r *Report) alreadyThere() (n int) {
	for _, f := range r.Files {
		if f.Upload == publish.AlreadyThere {
			n++
		}
	}
	return n
}
