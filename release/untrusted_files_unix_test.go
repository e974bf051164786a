//go:build unix

package release

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/org/go-static-release/release/dist"

	"github.com/org/go-static-release/release/github/githubtest"
)

// A pipe has nobody who writes into it. A run that waited for one would listen neither to
// its timeout nor to a signal.
func TestAttackPipes(t *testing.T) {
	l := newLaptop(t, map[string]string{".github/workflows/other.yml": "jobs: {}\n"})
	pipe := func(name string) {
		t.Helper()
		if err := syscall.Mkfifo(filepath.Join(l.dir, filepath.FromSlash(name)), 0o644); err != nil {
			t.Skipf("no pipes here: %v", err)
		}
	}
	pipe("pipe")
	for _, args := range [][]string{{"--notes-file", "pipe"}, {"--files", "pipe"}, {"--files", "pip*"}, {"--attach", "pipe"}, {"--attach", "p*e"}} {
		l.run(exitBadRequest, append(planOne, args...)...)
		l.said("error: " + args[0] + ": pipe is not a regular file: a pipe\n")
	}
	pipe("LICENSE")
	l.run(exitBadRequest, planOne...)
	l.said("error: LICENSE is not a regular file: a pipe\n")
	pipe(".github/workflows/release.yml")
	l.run(exitBadRequest, planOne...)
	l.said("error: reading workflow .github/workflows/release.yml is not a regular file: a pipe\nhint: --no-workflow\n")
}

// pipe makes a pipe beside the clone.
func pipe(t *testing.T, l *laptop) {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(l.outside, "pipe"), 0o644); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
}

// The mark of a directory for the files, and the report of an earlier run, may have come
// with the clone.
func TestAttackFilesOfAnEarlierRun(t *testing.T) {
	for _, target := range []string{"-> /dev/zero", "-> ../../outside/pipe"} {
		l := newLaptop(t, map[string]string{"dist/.gitignore": target, "dist/file": ""})
		pipe(t, l)
		l.run(exitBadRequest, append(planOne, "--files", "go.mod")...)
		l.said("error: dist has files that this program did not make")

		l = newLaptop(t, map[string]string{"dist/.gitignore": dist.Mark})
		pipe(t, l)
		l.write("dist/"+dist.ReportJSON, target)
		l.run(exitOK, "--targets", "linux/amd64")
	}
}

// In a workflow too, and nothing was sent by then.
func TestAttackPipeInWorkflow(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	pipe := filepath.Join(w.dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	w.run(t.Context(), exitBadRequest, "INPUT_NOTES_FILE="+pipe, "INPUT_TIMEOUT=10s")
	w.said("input notes-file: pipe is not a regular file: a pipe")
	if sent := w.gh.Requests(); len(sent) > 0 {
		t.Errorf("sent: %+v", sent)
	}
}
