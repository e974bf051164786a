// Package term shows the events of a run to people, as plain lines.
package term

import (
	"fmt"
	"io"
	"strings"

	"github.com/org/go-static-release/release/quote"
	"github.com/org/go-static-release/release/report"
)

// Lines prints events as lines.
type Lines struct {
	w io.Writer

	group func(title, text string) // nil where nothing can be folded
}

// NewLines returns a printer that writes to w, which must make foreign text harmless. group
// prints foreign text that can be folded away, or is nil where nothing can be folded.
func NewLines(w io.Writer, group func(title, text string)) *Lines {
	return &Lines{
		w:     w,
		group: group,
	}
}

// Event prints an event. It prints nothing for the steps of a lane, only how the lane ended. The
// reason why a lane failed is a Failure, which comes at the end of the run.
func (l *Lines) Event(e report.Event) {
	switch {
	case e.Step == report.Lane && e.Lane != nil:
		l.Print("%s", e.Lane.Row(e.Files))
		if e.Lane.Output != "" {
			l.foreign(e.Target, e.Lane.Output)
		}

	case e.Failure != nil:
		l.foreign("failed: "+strings.Join(e.Failure.Targets, " "), e.Failure.Error)
		l.Hint(e.Failure.Hint)

	case e.State == report.Note, e.State == report.Warning:
		l.Print("%s: %s", e.State, e.Text)

	case e.State == report.Waiting, e.State == report.Headline, e.State == report.Prominent:
		l.Print("%s", e.Text)
	}
}

// Print prints a message. All its lines but the first are indented, so that foreign text in it
// cannot be taken for messages of this program.
func (l *Lines) Print(format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), "\n")
	fmt.Fprintln(l.w, strings.ReplaceAll(text, "\n", "\n  "))
}

// Hint prints a hint, if it is not "". A hint is our own text. It is not indented, so that it can
// be pasted.
func (l *Lines) Hint(hint string) {
	if hint != "" {
		fmt.Fprintf(l.w, "hint: %s\n", hint)
	}
}

// foreign prints text that is not ours, such as the output of a compiler.
func (l *Lines) foreign(title, text string) {
	if l.group != nil {
		l.group(title, text)
		return
	}
	l.Print("%s:\n%s", quote.Line(title), text)
}
