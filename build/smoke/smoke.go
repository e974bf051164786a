// Package smoke starts programs where this machine can: in an empty root without network,
// through QEMU, in Wine or in wazero.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/org/go-static-release/build/target"

	"github.com/org/go-static-release/build/process"
)

// A Program is a program to start.
type Program struct {
	Name   string // of its file: "age.exe"
	Target target.Target
	Path   string // on disk
}

// A Smoke is what became of starting a program. Not run is never passed: Ran says which.
type Result struct {
	Ran bool   `json:"ran"`
	How string `json:"how"` // "in an empty root without network", "through qemu-aarch64-static in ...", or why not
}

const (
	smokeTime   = 30 * time.Second // for one program
	smokeOutput = 16 << 10         // bytes of its output that are kept
)

// Run starts a program with args where this machine can: in an empty root without
// network where the system allows that, with no environment, and for a limited time.
// It must exit with 0. dir is an empty directory for its root; what the program leaves
// there is the caller's to remove.
func Run(ctx context.Context, program Program, args []string, dir string) (*Result, error) {
	return smokeStart{bin: program, args: args, dir: dir, limit: smokeTime}.run(ctx)
}

// A smokeStart is one program to be started.
type smokeStart struct {
	bin   Program
	args  []string
	dir   string
	limit time.Duration // for the program itself
}

func (s smokeStart) run(ctx context.Context) (*Result, error) {
	switch {
	case s.bin.Target.OS == "wasip1":
		return s.wasm(ctx)
	case s.bin.Target.OS == "windows" && (runtime.GOOS == "linux" || runtime.GOOS == "darwin"): // the systems Wine is for
		return s.wine(ctx)
	}
	emulator, reason := emulatorFor(s.bin.Target)
	if reason != "" {
		return notRun(reason), nil
	}
	return s.process(ctx, emulator)
}

func notRun(reason string) *Result { return &Result{How: "not run: " + reason} }

// limited is ctx with the time limit of the program.
func (s smokeStart) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("it did not end within %s", s.limit))
}

// process starts the program as a process of this system, by itself or in an emulator.
func (s smokeStart) process(ctx context.Context, emulator string) (*Result, error) {
	ctx, cancel := s.limited(ctx)
	defer cancel()
	through := ""
	if emulator != "" {
		through = "through " + filepath.Base(emulator) + " "
	}
	var reason string
	cmd, err := rootedCommand(ctx, s.dir, emulator, s.bin.Path, s.args)
	if err == nil {
		output, err := runSmoke(ctx, cmd)
		if !errors.Is(err, errNotStarted) {
			return s.result(through+"in an empty root without network", output, err)
		}
		reason = strings.TrimPrefix(err.Error(), errNotStarted.Error()+": ")
	} else {
		reason = err.Error()
	}
	words := append([]string{s.bin.Path}, s.args...)
	if emulator != "" {
		words = append([]string{emulator}, words...)
	}
	cmd = exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = s.dir, []string{}
	output, err := runSmoke(ctx, cmd)
	return s.result(through+"in this system, not in an empty root ("+reason+")", output, err)
}

func (s smokeStart) result(how, output string, err error) (*Result, error) {
	if err != nil {
		words := strings.Join(append([]string{s.bin.Name}, s.args...), " ")
		err = fmt.Errorf("starting %s %s: %w\n%s", words, how, err, strings.TrimSpace(output))
	}
	return &Result{Ran: true, How: how}, err
}

// emulatorFor finds what runs programs of the target here: "" with no reason is the
// machine itself.
func emulatorFor(t target.Target) (emulator, reason string) {
	native := t.OS == runtime.GOOS && (t.Arch == runtime.GOARCH || t.Arch == "386" && runtime.GOARCH == "amd64" && t.OS == "linux")
	switch {
	case native && (t.Level == "" || t.Arch == "386"):
		return "", ""
	case t.OS != "linux" || runtime.GOOS != "linux":
		return "", fmt.Sprintf("this is %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	name := "qemu-" + target.ArchitectureOf(t.Arch).QEMU + "-static" // the static one runs in an empty root too
	path, err := exec.LookPath(name)
	if err != nil {
		return "", name + " is not installed"
	}
	return path, ""
}

// errNotStarted is a program that was not started at all, for a reason of this machine.
var errNotStarted = errors.New("starting")

// runSmoke runs cmd and returns what it printed. Nothing of its process group is left.
func runSmoke(ctx context.Context, cmd *exec.Cmd) (string, error) {
	out := process.Tail{Keep: smokeOutput}
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	if cmd.SysProcAttr == nil { // what smoke_linux.go sets asks for a group too
		process.SetProcessGroup(cmd)
	}
	cmd.Cancel = func() error {
		process.KillGroup(cmd.Process)
		return cmd.Process.Kill() // the system may not have groups
	}
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil { // no reason of this machine: there is nothing to try after it
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%w: %w", errNotStarted, err)
	}
	err := cmd.Wait()
	process.KillGroup(cmd.Process)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil // it ended with 0, and a process that it left had its output
	}
	return out.String(), err
}

// place puts a file into the root, by a link where that is possible.
func place(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
