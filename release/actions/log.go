package actions

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/org/go-static-release/release/quote"
)

// A Log writes to the terminal or to the log of a workflow. All output must go through a Log,
// because it makes every line harmless: it escapes characters that a terminal would obey
// (package quote), and in a workflow the runner finds no command in a line.
//
// A Log writes whole lines only. It holds back the beginning of a line until the rest is
// written or Flush is called. It may be used by several goroutines.
type Log struct {
	w        io.Writer
	workflow bool

	mu      sync.Mutex
	pending []byte // the beginning of a line
}

// NewLog returns a log that writes to w, outside a workflow.
func NewLog(w io.Writer) *Log { return &Log{w: w} }

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.pending = append(l.pending, p...)
	end := bytes.LastIndexByte(l.pending, '\n') + 1
	if end == 0 {
		return len(p), nil
	}

	lines := string(l.pending[:end])
	l.pending = append(l.pending[:0], l.pending[end:]...)

	return len(p), l.write(lines)
}

// Flush writes the beginning of a line that was held back.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()

	if len(l.pending) == 0 {
		return nil
	}

	line := string(l.pending)
	l.pending = nil

	return l.write(line)
}

// write writes lines. The caller holds the mutex.
func (l *Log) write(lines string) error {
	if l.workflow {
		lines = harmless(lines)
	} else {
		lines = quote.Text(lines)
	}

	_, err := l.w.Write([]byte(lines))
	return err
}

// writeRaw writes commands to the runner, without making them harmless.
func (l *Log) writeRaw(commands string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	_, _ = l.w.Write([]byte(commands)) // there is nowhere else to report an error
}

// harmless returns text in which the runner finds no command. For the runner, a line is a
// command if it begins with "::", after any white space that .NET knows, or if it contains
// "##[" (actions/runner, ActionCommand.cs). Its comparisons skip characters without a
// width. Package quote escapes those, and all white space but blanks, tabs and line feeds.
func harmless(text string) string {
	text = noOldCommand(quote.Text(text))
	if !strings.Contains(text, "::") {
		return text
	}

	var b strings.Builder
	for line := range strings.Lines(text) {
		rest := strings.TrimLeft(line, " \t")
		if strings.HasPrefix(rest, "::") {
			indent := line[:len(line)-len(rest)]
			line = indent + ": " + rest[1:]
		}
		b.WriteString(line)
	}

	return b.String()
}

// noOldCommand makes the older mark of commands harmless, which may be anywhere in a line.
func noOldCommand(text string) string { return strings.ReplaceAll(text, "##[", "## [") }
