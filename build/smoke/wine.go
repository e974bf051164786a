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
	wineTime     = 3 * time.Minute             // for the first run, which makes the prefix: 10 to 20 s on an idle machine
	wineStopTime = 20 * time.Second            // wineserver -k itself waits some seconds before it kills
	wineMark     = "go-static-release:it-runs" // one word: cmd.exe's echo repeats the quotes too
)

// A wine is one installation of Wine with a prefix, its C: drive and registry (wine(1)).
// A prefix is made for each program and thrown away with its directory: what one
// program writes is not there for the next.
type wine struct {
	loader, server string
	dir            string // holds all that it writes
	system         string // the directory below drive_c/windows with the system's programs for the target
	machine        uint16 // of the target, in the header of a PE file
	network        string // "without network", or why with it; known after a run
}

// peMachine is the number that a GOARCH has in a PE header (PE Format, Machine Types).
var peMachine = map[string]uint16{
	"386": pe.IMAGE_FILE_MACHINE_I386, "amd64": pe.IMAGE_FILE_MACHINE_AMD64, "arm": pe.IMAGE_FILE_MACHINE_ARMNT, "arm64": pe.IMAGE_FILE_MACHINE_ARM64,
}

// findWine finds the Wine on PATH, or says why there is none for the target. Whether it
// runs programs of the target is another question: prepare asks it.
func findWine(t target.Target, dir string) (w *wine, reason string) {
	if strings.HasPrefix(t.Arch, "arm") && runtime.GOARCH != "arm64" {
		return nil, fmt.Sprintf("this is %s/%s, and wine emulates no processor", runtime.GOOS, runtime.GOARCH)
	}
	w = &wine{dir: dir, system: "system32", machine: peMachine[t.Arch]}
	loaders := []string{"wine64", "wine"}
	if t.Arch == "386" { // wine64 is the loader of 64-bit programs; system32 is theirs
		loaders, w.system = []string{"wine", "wine64"}, "syswow64"
	}
	for _, name := range loaders {
		if path, err := exec.LookPath(name); err == nil && w.loader == "" {
			w.loader = path
		}
	}
	if w.loader == "" {
		return nil, "wine is not installed"
	}
	var err error
	if w.server, err = exec.LookPath("wineserver"); err != nil {
		return nil, "wineserver is not on PATH, and nothing else ends what wine leaves running"
	}
	return w, ""
}

// wine starts a program for Windows in Wine, after it has seen that this Wine runs
// programs of its architecture: some end with 0 without having run at all.
func (s smokeStart) wine(ctx context.Context) (*Result, error) {
	w, reason := findWine(s.bin.Target, s.dir)
	if reason != "" {
		return notRun(reason), nil
	}
	defer w.stop(ctx)
	if reason, err := w.prepare(ctx); reason != "" || err != nil {
		return notRun(reason), err
	}
	limited, cancel := s.limited(ctx)
	defer cancel()
	output, err := w.run(limited, s.bin.Path, s.args...)
	if err != nil && w.tooOld(output) {
		return notRun("this wine is too old for Go programs (it lacks bcryptprimitives.dll)"), nil
	}
	return s.result("through "+filepath.Base(w.loader)+" in a prefix of its own, "+w.network+", not in an empty root", output, err)
}

// prepare makes the prefix and runs Wine's own command interpreter of the target's
// architecture in it. reason is why that is not possible here.
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
	for line := range strings.Lines(output) {
		marked = marked || strings.TrimSpace(line) == wineMark
	}
	if err != nil || !marked {
		return cannot, nil
	}
	cmd, err := pe.Open(w.inWindows("cmd.exe"))
	if err != nil {
		return cannot, nil
	}
	defer cmd.Close()
	if cmd.Machine != w.machine {
		return fmt.Sprintf("this wine is for another architecture (its programs are for machine 0x%x, this one is for 0x%x)", cmd.Machine, w.machine), nil
	}
	return "", nil
}

// tooOld reports whether the program ended because of a DLL that every Go program
// loads before anything else (runtime/os_windows.go). Wine 8.0 does not have it yet.
func (w *wine) tooOld(output string) bool {
	_, err := os.Stat(w.inWindows("bcryptprimitives.dll"))
	return errors.Is(err, os.ErrNotExist) && strings.Contains(output, "fatal error: bcryptprimitives.dll not found")
}

func (w *wine) prefix() string { return filepath.Join(w.dir, "prefix") }

func (w *wine) home() string { return filepath.Join(w.dir, "home") }

func (w *wine) inWindows(name string) string {
	return filepath.Join(w.prefix(), "drive_c", "windows", w.system, name)
}

// env is all that Wine gets. The program sees it, and what Wine adds.
func (w *wine) env() []string {
	path := []string{filepath.Dir(w.loader), filepath.Dir(w.server), "/usr/bin", "/bin"} // wine is a shell script in places
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
func (w *wine) run(ctx context.Context, program string, args ...string) (output string, err error) {
	command := func() *exec.Cmd {
		cmd := exec.CommandContext(ctx, w.loader, append([]string{program}, args...)...)
		cmd.Dir, cmd.Env = w.home(), w.env()
		return cmd
	}
	cmd := command()
	w.network = "without network"
	if err = withoutNetwork(cmd); err == nil {
		output, err = runSmoke(ctx, cmd)
		if !errors.Is(err, errNotStarted) {
			return output, err
		}
	}
	w.network = "not without network (" + strings.TrimPrefix(err.Error(), errNotStarted.Error()+": ") + ")"
	return runSmoke(ctx, command())
}

// stop ends everything that runs in the prefix, also when ctx is done: Wine's services
// outlive the program, in sessions of their own.
func (w *wine) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wineStopTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.server, "-k")
	cmd.Env = w.env()
	_, _ = runSmoke(ctx, cmd) // 1, nothing runs any more, is the usual answer
}
