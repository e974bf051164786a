package smoke

import (
	"context"
	"debug/pe"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/org/go-static-release/build/target"
)

const (
	// wineTime is for the first run, which makes the prefix: 10 to 20 s on an idle machine.
	wineTime = 3 * time.Minute

	// wineStopTime is for wineserver -k, which itself waits some seconds before it kills.
	wineStopTime = 20 * time.Second

	// wineMark is one word, because cmd.exe's echo repeats quotes too.
	wineMark = "go-static-release:it-runs"
)

// A wine is one installation of Wine with a prefix, its C: drive and registry (wine(1)).
// Each program gets a prefix of its own, which is removed with its directory, so no program
// sees what another one wrote.
type wine struct {
	loader  string // wine or wine64
	server  string // wineserver
	dir     string // for everything that it writes
	system  string // the directory in drive_c/windows with the system's programs for the target
	machine uint16 // of the target, in the header of a PE file
	network string // "without network", or why with it; known after a run
}

// peMachine is the number of a GOARCH in a PE header (PE Format, Machine Types).
var peMachine = map[string]uint16{
	"386":   pe.IMAGE_FILE_MACHINE_I386,
	"amd64": pe.IMAGE_FILE_MACHINE_AMD64,
	"arm":   pe.IMAGE_FILE_MACHINE_ARMNT,
	"arm64": pe.IMAGE_FILE_MACHINE_ARM64,
}

// findWine returns the Wine on PATH, or the reason why there is none for the target. It does
// not try whether that Wine runs programs of the target: see prepare.
func findWine(t target.Target, dir string) (w *wine, reason string) {
	if strings.HasPrefix(t.Arch, "arm") && runtime.GOARCH != "arm64" {
		return nil, fmt.Sprintf("this is %s/%s, and wine emulates no processor", runtime.GOOS, runtime.GOARCH)
	}

	w = &wine{
		dir:     dir,
		system:  "system32",
		machine: peMachine[t.Arch],
	}
	loaders := []string{"wine64", "wine"}
	if t.Arch == "386" { // wine64 loads 64-bit programs, which have system32
		loaders = []string{"wine", "wine64"}
		w.system = "syswow64"
	}

	for _, name := range loaders {
		path, err := exec.LookPath(name)
		if err == nil {
			w.loader = path
			break
		}
	}
	if w.loader == "" {
		return nil, "wine is not installed"
	}

	var err error
	w.server, err = exec.LookPath("wineserver")
	if err != nil {
		return nil, "wineserver is not on PATH, and nothing else ends what wine leaves running"
	}
	return w, ""
}

// wine starts a program for Windows in Wine, after checking that this Wine runs programs of
// its architecture: some exit with 0 without running the program at all.
func (a attempt) wine(ctx context.Context) (*Result, error) {
	w, reason := findWine(a.program.Target, a.dir)
	if reason != "" {
		return notRun(reason), nil
	}
	defer w.stop(ctx)

	reason, err := w.prepare(ctx)
	if reason != "" || err != nil {
		return notRun(reason), err
	}

	limited, cancel := a.withLimit(ctx)
	defer cancel()
	output, err := w.run(limited, a.program.Path, a.args...)
	if err != nil && w.tooOld(output.end.String()) {
		return notRun("this wine is too old for Go programs (it lacks bcryptprimitives.dll)"), nil
	}

	how := "through " + filepath.Base(w.loader) + " in a prefix of its own, " + w.network + ", not in an empty root"
	return a.result(how, output, err)
}

// prepare makes the prefix and runs Wine's own command interpreter in it, the one for the
// target's architecture. reason is why that is not possible here.
func (w *wine) prepare(ctx context.Context) (reason string, err error) {
	for _, dir := range []string{w.prefix(), w.home()} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", fmt.Errorf("making a prefix for wine: %w", err)
		}
	}

	limited, cancel := context.WithTimeoutCause(ctx, wineTime, fmt.Errorf("it did not end within %s", wineTime))
	defer cancel()
	output, err := w.run(limited, `C:\windows\`+w.system+`\cmd.exe`, "/c", "echo", wineMark)
	if ctx.Err() != nil {
		return "it was interrupted", context.Cause(ctx)
	}
	if limited.Err() != nil {
		return "starting wine: " + context.Cause(limited).Error(), nil
	}

	cannot := "this wine cannot be seen to run 64-bit programs"
	if w.system == "syswow64" {
		cannot = "this wine cannot be seen to run 32-bit programs"
	}
	marked := false
	for line := range strings.Lines(output.end.String()) {
		if strings.TrimSpace(line) == wineMark {
			marked = true
		}
	}
	if err != nil || !marked {
		return cannot, nil
	}

	cmd, err := pe.Open(w.inSystem("cmd.exe"))
	if err != nil {
		return cannot, nil
	}
	defer cmd.Close()
	if cmd.Machine != w.machine {
		return fmt.Sprintf("this wine is for another architecture "+
			"(its programs are for machine 0x%x, this one is for 0x%x)", cmd.Machine, w.machine), nil
	}
	return "", nil
}

// tooOld reports whether the program ended because of a DLL that every Go program
// loads before anything else (runtime/os_windows.go). Wine 8.0 does not have it yet.
func (w *wine) tooOld(output string) bool {
	_, err := os.Stat(w.inSystem("bcryptprimitives.dll"))
	return errors.Is(err, os.ErrNotExist) && strings.Contains(output, "fatal error: bcryptprimitives.dll not found")
}

func (w *wine) prefix() string { return filepath.Join(w.dir, "prefix") }

func (w *wine) home() string { return filepath.Join(w.dir, "home") }

// inSystem returns the path of a file of the system, for the target's architecture.
func (w *wine) inSystem(name string) string {
	return filepath.Join(w.prefix(), "drive_c", "windows", w.system, name)
}

// env returns the whole environment of Wine. The program sees it, and what Wine adds: among
// others USERPROFILE, APPDATA, TEMP and SYSTEMROOT, for directories in the prefix.
func (w *wine) env() []string {
	path := []string{
		filepath.Dir(w.loader),
		filepath.Dir(w.server),
		"/usr/bin", // wine is a shell script on some systems
		"/bin",
	}
	return []string{
		"WINEPREFIX=" + w.prefix(),
		"WINEDEBUG=-all", // its own messages are not the program's
		"WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=", // nothing to download, no menu entries
		"DISPLAY=",
		"HOME=" + w.home(),   // the prefix has links to its folders
		"TMPDIR=" + w.home(), // Debian's wineserver has its socket there
		"PATH=" + strings.Join(path, string(filepath.ListSeparator)),
	}
}

// run runs a program in the prefix, without network where that is possible.
func (w *wine) run(ctx context.Context, program string, args ...string) (output *printed, err error) {
	command := func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, w.loader, append([]string{program}, args...)...)
		cmd.Dir = w.home()
		cmd.Env = w.env()
		return cmd
	}

	cmd := command()
	w.network = "without network"
	err = isolateNetwork(cmd)
	if err == nil {
		output, err = runCommand(ctx, cmd)
		if !errors.Is(err, errNotStarted) {
			return output, err
		}
	}

	w.network = "not without network (" + whyNotStarted(err) + ")"
	return runCommand(ctx, command())
}

// stop ends everything that runs in the prefix, even if ctx is done: Wine's services
// outlive the program, in sessions of their own.
func (w *wine) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wineStopTime)
	defer cancel()

	cmd := exec.CommandContext(ctx, w.server, "-k")
	cmd.Env = w.env()
	_, _ = runCommand(ctx, cmd) // 1, nothing runs any more, is the usual answer
}
