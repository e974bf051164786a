package report

import (
	"fmt"
	"strings"

	"github.com/org/go-static-release/release/publish"
)

// Row returns the line that the terminal shows when the lane of the target has ended. files are
// those of the target.
func (t *Target) Row(files []File) string {
	s := t.Seconds
	seconds := s.Compile + s.Prove + s.Smoke + s.Pack + s.Upload // without waiting

	line := fmt.Sprintf("%-9s  %-20s  %6.1fs", t.Status, t.Target, seconds)
	if t.Again {
		line += "  again, alone: a compiler had been killed "
	}
	if t.Status == OK {
		line += fmt.Sprintf("  %-21s  %s%s", t.Claim(), t.Started(), fileList(files))
	}

	return line
}

// Started returns whether the programs were started, in words, padded to the width of a column.
// It returns "" if none should be.
func (t *Target) Started() string {
	asked := 0
	started := 0
	for _, b := range t.Binaries {
		if b.Smoke == nil {
			continue
		}
		asked++
		if b.Smoke.Ran {
			started++
		}
	}

	switch {
	case asked == 0:
		return ""
	case started == asked:
		return "started  "
	case started == 0:
		return "not run  "
	}
	return fmt.Sprintf("%d of %d started  ", started, asked)
}

// Claim returns what was proved about all binaries of the target. It begins with "NOT" if it
// does not hold for one of them.
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

// fileList returns the names of files, with their sizes and what was done to upload them.
func fileList(files []File) string {
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

// Bytes returns a size for people to read.
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

// Count returns a number with its noun, such as "1 file" or "2 files".
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Headline returns the result of the whole run in one line.
func (r *Report) Headline() string {
	name := r.Name + " " + r.Source.Version
	targets := Count(len(r.Targets), "target")

	if r.Status == Failed || r.Status == Cancelled {
		complete := len(r.Targets) - r.Unfinished()
		return fmt.Sprintf("%s %s: %d of %s are complete, %s",
			name, r.Status, complete, targets, r.outcome())
	}

	files := Count(len(r.Files), "file")
	if n := r.alreadyThere(); n > 0 {
		files += fmt.Sprintf(" (%d there already)", n)
	}
	programs, proved := r.programs()
	what := fmt.Sprintf("%s: %s, %s for %s, %s",
		name, files, Count(programs, "program"), targets, proved)

	switch r.Status {
	case Published:
		return "published " + what
	case Draft:
		return "drafted " + what
	}
	return "dry run of " + what
}

// programs counts the programs of all targets, and says how many of them were proved and
// started.
func (r *Report) programs() (n int, proved string) {
	smoked := false
	started := 0
	warned := 0
	for _, t := range r.Targets {
		n += len(t.Binaries)
		for _, b := range t.Binaries {
			if b.Proof != nil && len(b.Proof.Warnings) > 0 {
				warned++
			}
			if b.Smoke == nil {
				continue
			}
			smoked = true
			if b.Smoke.Ran {
				started++
			}
		}
	}

	proved = "each proved"
	if warned > 0 {
		proved = fmt.Sprintf("%d of them WITH WARNINGS", warned)
	}
	if bad := len(r.NotStatic()); bad > 0 {
		proved = fmt.Sprintf("%d of them NOT STATIC", bad)
	}
	if smoked {
		proved += fmt.Sprintf(", %d started", started)
	}

	return n, proved
}

// outcome returns what a failed run has left on GitHub, in words.
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
