// Package process runs child processes: commands as data, interrupted and killed as a group,
// with bounded output. It is a leaf.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A Command is a command as data, before it is run.
type Command struct {
	Args []string `json:"args"`
	Env  []string `json:"env,omitempty"` // set on top of the ambient environment; the last value of a name wins
	Dir  string   `json:"-"`
}

// A CommandError is a command that failed. Its text is what the command printed,
// which says more than its exit status (the rule of cmd/go, work/shell.go reportCmd).
type CommandError struct {
	Args   []string
	Output string // standard error, or the beginning of the output if that is empty; paths shortened
	Err    error
}

func (e *CommandError) Error() string {
	if e.Output != "" {
		return e.Output
	}
	return fmt.Sprintf("running %s: %v", Command{Args: e.Args}.name(), e.Err)
}

func (e *CommandError) Unwrap() error { return e.Err }

// maxMessages is how much of the end of a command's standard error is kept, in bytes.
const maxMessages = 4 << 20

// maxOutput limits the standard output of a command, in bytes. It is held in memory.
const maxOutput = 256 << 20

// interruptGrace is how long an interrupted child may take to clean up before it is killed.
const interruptGrace = 5 * time.Second

// Run runs c with the ambient environment env and returns what it wrote to
// standard output and to standard error. On cancellation the whole process group
// is interrupted first, and killed when the grace period is over.
func (c Command) Run(ctx context.Context, env []string) (stdout, stderr []byte, err error) {
	stdout, stderr, _, err = c.Measure(ctx, env)
	return stdout, stderr, err
}

// A Usage is what a command and its children used of the machine. It is zero on Windows,
// where a process does not know this about its children.
type Usage struct {
	Largest int64         // bytes of memory of the largest process
	CPU     time.Duration // of all processors
}

// Measure is like Run, and also returns what the command used of the machine.
func (c Command) Measure(ctx context.Context, env []string) (stdout, stderr []byte, used Usage, err error) {
	out := bounded{left: maxOutput}
	errs := Tail{Keep: maxMessages}
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = append(slices.Clip(env), c.Env...)
	cmd.Stdout = &out
	cmd.Stderr = &errs
	SetProcessGroup(cmd)
	cmd.Cancel = func() error { return interruptGroup(cmd.Process) }
	cmd.WaitDelay = interruptGrace

	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		KillGroup(cmd.Process) // whatever of the group outlived its leader
		return nil, nil, used, context.Cause(ctx)
	case out.left < 0: // the command itself only reports a closed pipe
		return nil, nil, used, fmt.Errorf("running %s: %w", c.name(), errTooMuch)
	case errors.Is(err, exec.ErrNotFound):
		return nil, nil, used, fmt.Errorf("running %s: %w", c.Args[0], err)
	}

	if cmd.ProcessState != nil {
		used = usageOf(cmd.ProcessState)
	}
	if err != nil {
		return nil, nil, used, &CommandError{
			Args:   c.Args,
			Output: describe(errs.String(), out.b.String()),
			Err:    err,
		}
	}
	return out.b.Bytes(), []byte(errs.String()), used, nil
}

// maxLines is how many lines of a command's standard output are part of its error.
const maxLines = 20

// describe returns what a failed command says about its failure. Some programs write their
// messages to standard output, but where there are others, it holds data.
func describe(stderr, stdout string) string {
	if text := strings.TrimSpace(stderr); text != "" {
		return text
	}

	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if more := len(lines) - maxLines; more > 0 {
		lines = append(lines[:maxLines], fmt.Sprintf("and %d more lines", more))
	}
	return strings.Join(lines, "\n")
}

// name returns the command in a few words, such as "go build".
func (c Command) name() string { return strings.Join(c.Args[:min(2, len(c.Args))], " ") }

// errTooMuch is the error of a command whose standard output is longer than maxOutput.
var errTooMuch = errors.New("it wrote more than can be held in memory")

// A bounded buffer refuses a write for which it has no room.
type bounded struct {
	left int // bytes
	b    bytes.Buffer
}

func (b *bounded) Write(p []byte) (int, error) {
	b.left -= len(p)
	if b.left < 0 {
		return 0, errTooMuch
	}

	return b.b.Write(p)
}

// A Tail keeps the end of what is written to it.
type Tail struct {
	Keep int // bytes
	b    bytes.Buffer
}

func (t *Tail) Write(p []byte) (int, error) {
	t.b.Write(p[max(0, len(p)-t.Keep):])
	t.b.Next(max(0, t.b.Len()-t.Keep))
	return len(p), nil
}

func (t *Tail) String() string { return t.b.String() }

// Output runs c and returns its standard output without the final newline.
func (c Command) Output(ctx context.Context, env []string) (string, error) {
	out, _, err := c.Run(ctx, env)
	return strings.TrimRight(string(out), "\r\n"), err
}
