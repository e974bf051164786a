// Package smoke starts programs where this machine can: in an empty root without network,
// through QEMU, in Wine or in wazero.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/org/go-static-release/build/process"
	"github.com/org/go-static-release/build/target"
)

// A Program is a program to start.
type Program struct {
	Name    string // of its file: "age.exe"
	Target  target.Target
	Path    string // on disk
	Version string // of the release, without v: what it should say if it is asked
}

// A Result says how a program was started. A program that this machine cannot start has
// not passed: see Ran.
type Result struct {
	Ran  bool     `json:"ran"`
	How  string   `json:"how"` // "in an empty root without network", "through qemu-aarch64-static in ...", or why not
	Args []string `json:"args,omitempty"`

	// Said is the first line that the program printed, shortened. It is foreign text.
	Said    string  `json:"said,omitempty"`
	Version Version `json:"version,omitempty"`
}

const (
	maxTime   = 30 * time.Second // for one program
	maxOutput = 16 << 10         // how much of the beginning and of the end of its output is kept, in bytes
)

// Run starts a program with args where this machine can: in an empty root without
// network where the system allows that, with little more in its environment than an empty
// home directory, and for a limited time. It must exit with 0. dir is an empty directory for
// its root; the caller removes what the program leaves there.
func Run(ctx context.Context, program Program, args []string, dir string) (*Result, error) {
	a := attempt{
		program: program,
		args:    args,
		dir:     dir,
		limit:   maxTime,
	}
	return a.run(ctx)
}

// An attempt is one program to be started.
type attempt struct {
	program Program
	args    []string
	dir     string
	limit   time.Duration // for the program itself
}

func (a attempt) run(ctx context.Context) (*Result, error) {
	t := a.program.Target
	hasWine := runtime.GOOS == "linux" || runtime.GOOS == "darwin"
	switch {
	case t.OS == "wasip1":
		return a.wasm(ctx)
	case t.OS == "windows" && hasWine:
		return a.wine(ctx)
	}

	emulator, reason := emulatorFor(t)
	if reason != "" {
		return notRun(reason), nil
	}
	return a.process(ctx, emulator)
}

// notRun is the result of a program that this machine cannot start.
func notRun(reason string) *Result { return &Result{How: "not run: " + reason} }

// withLimit returns ctx with the time limit of the program.
func (a attempt) withLimit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, a.limit, fmt.Errorf("it did not end within %s", a.limit))
}

// process starts the program as a process of this system, by itself or in an emulator.
func (a attempt) process(ctx context.Context, emulator string) (*Result, error) {
	ctx, cancel := a.withLimit(ctx)
	defer cancel()

	through := ""
	if emulator != "" {
		through = "through " + filepath.Base(emulator) + " "
	}

	h, err := makeHome(a.dir)
	if err != nil {
		return nil, err
	}

	// An empty root shows best that the program needs nothing else.
	cmd, err := rootedCommand(ctx, h, emulator, a.program.Path, a.args)
	reason := fmt.Sprint(err)
	if err == nil {
		output, err := runCommand(ctx, cmd)
		if !errors.Is(err, errNotStarted) {
			return a.result(through+"in an empty root without network", output, err)
		}
		reason = whyNotStarted(err)
	}

	words := append([]string{a.program.Path}, a.args...)
	if emulator != "" {
		words = append([]string{emulator}, words...)
	}
	cmd = exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = h.root
	cmd.Env = h.environ(runtime.GOOS)
	output, err := runCommand(ctx, cmd)
	return a.result(through+"in this system, not in an empty root ("+reason+")", output, err)
}

// result returns the result of a program that was started. err is how it ended.
func (a attempt) result(how string, output *printed, err error) (*Result, error) {
	if err != nil {
		words := append([]string{a.program.Name}, a.args...)
		err = fmt.Errorf("starting %s %s: %w\n%s",
			strings.Join(words, " "), how, err, strings.TrimSpace(output.end.String()))
	}

	result := &Result{
		Ran:  true,
		How:  how,
		Args: a.args,
		Said: output.firstLine(),
	}
	if a.program.Version != "" && asksForVersion(a.args) {
		switch {
		case containsVersion(output.all(), a.program.Version):
			result.Version = Stated
		case err == nil: // else why it failed is of more interest
			result.Version = Missing
		}
	}
	return result, err
}

// emulatorFor returns the emulator that runs programs of the target here, "" if they run
// without one. reason is why there is no way to run them.
func emulatorFor(t target.Target) (emulator, reason string) {
	sameArch := t.Arch == runtime.GOARCH || t.OS == "linux" && t.Arch == "386" && runtime.GOARCH == "amd64"
	anyLevel := t.Level == "" || t.Arch == "386" // else this processor may lack it
	switch {
	case t.OS == runtime.GOOS && sameArch && anyLevel:
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

// errNotStarted is the error of a program that was not started at all, for a reason of this
// machine.
var errNotStarted = errors.New("starting")

// whyNotStarted returns the reason in an error that is errNotStarted.
func whyNotStarted(err error) string {
	return strings.TrimPrefix(err.Error(), errNotStarted.Error()+": ")
}

// runCommand runs cmd and returns what it printed. Nothing of its process group is left.
func runCommand(ctx context.Context, cmd *exec.Cmd) (*printed, error) {
	out := newPrinted()
	cmd.Stdout = out
	cmd.Stderr = out
	cmd.WaitDelay = time.Second
	if cmd.SysProcAttr == nil { // root_linux.go asks for a group too
		process.SetProcessGroup(cmd)
	}
	cmd.Cancel = func() error {
		process.KillGroup(cmd.Process)
		return cmd.Process.Kill() // the system may not have groups
	}

	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil { // no other way would work
			return out, context.Cause(ctx)
		}
		return out, fmt.Errorf("%w: %w", errNotStarted, err)
	}

	err := cmd.Wait()
	process.KillGroup(cmd.Process)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil // it exited with 0, and a process that it left still had its output open
	}
	return out, err
}
