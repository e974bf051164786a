//go:build unix

package release

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
)

// A panicker is a buffer that panics once, when something with the given beginning is written
// to it.
type panicker struct {
	watcher
	begin string
	done  bool
}

func (p *panicker) Write(b []byte) (int, error) {
	if !p.done && strings.HasPrefix(string(b), p.begin) {
		p.done = true
		panic("::error::a mistake\nok\x1b[2J")
	}
	return p.watcher.Write(b)
}

// A panic, wherever it occurs, does not end the program with exit status 2, which means that
// nothing was started. The next run finishes the release.
func TestPanic(t *testing.T) {
	for _, begin := range []string{"release: ", "hello 1.2.3, commit", "ok ", "published hello"} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		out := &panicker{begin: begin}
		status := Main(t.Context(), nil, w.env, out, io.Discard)
		said := out.String()
		if status != exitFailed || !out.done {
			t.Errorf("%q: status %d, panicked: %v:\n%s", begin, status, out.done, said)
		}

		for _, want := range []string{
			`a mistake in this program: panic: ::error::a mistake`,
			"ok\\x1b[2J\n",
			"goroutine ",
			"crash_unix_test.go",
		} {
			if !strings.Contains(said, want) {
				t.Errorf("%q: %q was not printed:\n%s", begin, want, said)
			}
		}

		// No part of the message begins a line, where the runner would obey it.
		forged := strings.Contains(said, "\n::error::a mistake") ||
			strings.Contains(said, "\nok\\x1b") && begin != "ok "
		if forged {
			t.Errorf("%q: its message makes a line:\n%s", begin, said)
		}

		w.run(t.Context(), exitOK)
		w.published()
	}
}

// buildProgram compiles the program, without the race detector, and returns its path.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "go-static-release")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = ".."
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// SIGQUIT prints the stacks of all goroutines and cancels the run, which removes the draft.
// The exit status is not 2 either.
func TestQuitSignal(t *testing.T) {
	program := buildProgram(t)

	w := newWorkshop(t, helloSource, githubtest.Options{})
	started := filepath.Join(t.TempDir(), "started")
	fake := useFakeGo(t, fakeGoOptions{
		target:  "linux/amd64",
		waitFor: filepath.Join(t.TempDir(), "never"),
		started: started,
	})
	var out bytes.Buffer
	cmd := exec.Command(program)
	cmd.Env = slices.Concat(w.env, fake, []string{
		"PATH=" + os.Getenv("PATH"),
		"INPUT_TARGETS=linux/amd64",
	})
	cmd.Stdout = &out
	cmd.Stderr = &out
	cmd.WaitDelay = time.Second // its compilers keep the pipe open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	// Send the signal when a compiler has started.
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if _, err := os.Stat(started); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit status is checked below

	said := out.String()
	if cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("%v:\n%s", cmd.ProcessState, said)
	}
	if drafts := len(w.gh.Releases()); drafts > 0 {
		t.Errorf("%d drafts:\n%s", drafts, said)
	}
	for _, want := range []string{"error: cancelled: quit signal received\n", "goroutine 1 ["} {
		if !strings.Contains(said, want) {
			t.Errorf("%q was not printed:\n%s", want, said)
		}
	}
}
