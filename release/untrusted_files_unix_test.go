//go:build unix

package release

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/org/go-static-release/release/dist"
	"github.com/org/go-static-release/release/github/githubtest"
)

// makePipe makes a named pipe, or skips the test. Nobody writes into it: a run that waited
// for its content would obey neither its timeout nor a signal.
func makePipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
}

// A pipe is refused wherever a file of the repository is read.
func TestPipesInRepository(t *testing.T) {
	l := newLaptop(t, map[string]string{".github/workflows/other.yml": "jobs: {}\n"})

	makePipe(t, filepath.Join(l.dir, "pipe"))
	for _, args := range [][]string{
		{"--notes-file", "pipe"},
		{"--files", "pipe"},
		{"--files", "pip*"},
		{"--attach", "pipe"},
		{"--attach", "p*e"},
	} {
		l.run(exitInvalid, append(planOne, args...)...)
		l.said("error: " + args[0] + ": pipe is not a regular file: a pipe\n")
	}

	makePipe(t, filepath.Join(l.dir, "LICENSE"))
	l.run(exitInvalid, planOne...)
	l.said("error: LICENSE is not a regular file: a pipe\n")

	makePipe(t, filepath.Join(l.dir, ".github", "workflows", "release.yml"))
	l.run(exitInvalid, planOne...)
	l.said("error: reading workflow .github/workflows/release.yml is not a regular file: a pipe\n" +
		"hint: --no-workflow\n")
}

// The clone of a repository can contain dist, with the file that marks it as made by this
// program and with the report of an earlier run.
func TestDistInRepository(t *testing.T) {
	for _, target := range []string{"-> /dev/zero", "-> ../../outside/pipe"} {
		l := newLaptop(t, map[string]string{
			"dist/.gitignore": target,
			"dist/file":       "",
		})
		makePipe(t, filepath.Join(l.outside, "pipe"))
		l.run(exitInvalid, append(planOne, "--files", "go.mod")...)
		l.said("error: dist/.gitignore is part of the commit, and the directory for the files is emptied")
		if err := dist.Check(filepath.Join(l.dir, "dist")); err == nil {
			t.Errorf("dist/.gitignore %s is taken for the mark of this program", target)
		}

		l = newLaptop(t, map[string]string{"dist/.gitignore": dist.Mark})
		makePipe(t, filepath.Join(l.outside, "pipe"))
		l.write("dist/"+dist.ReportJSON, target)
		l.run(exitOK, "--targets", "linux/amd64")
	}
}

// A workflow refuses a pipe before it sends anything.
func TestPipeInWorkflow(t *testing.T) {
	w := newWorkshop(t, helloSource, githubtest.Options{})
	pipe := filepath.Join(w.dir, "pipe")
	makePipe(t, pipe)

	w.run(t.Context(), exitInvalid, "INPUT_NOTES_FILE="+pipe, "INPUT_TIMEOUT=10s")
	w.said("input notes-file: pipe is not a regular file: a pipe")
	if sent := w.gh.Requests(); len(sent) > 0 {
		t.Errorf("sent: %+v", sent)
	}
}
