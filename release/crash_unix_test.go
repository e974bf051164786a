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

// A panicker panics once, when a line of the kind is written.
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

// Exit status 2 says that nothing was started. A panic says something else, wherever it is,
// and the next run finishes the release.
func TestAttackPanic(t *testing.T) {
	for _, begin := range []string{"release: ", "hello 1.2.3, commit", "ok ", "published hello"} {
		w := newWorkshop(t, helloSource, githubtest.Options{})
		out := &panicker{begin: begin}
		status := Main(t.Context(), nil, w.env, out, io.Discard)
		if status != exitFellShort || !out.done {
			t.Errorf("%q: status %d, panicked: %v:\n%s", begin, status, out.done, out)
		}
		for _, want := range []string{`a mistake in this program: panic: ::error::a mistake`, "ok\\x1b[2J\n", "goroutine ", "crash_unix_test.go"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q: %q was not said:\n%s", begin, want, out)
			}
		}
		if strings.Contains(out.String(), "\n::error::a mistake") || strings.Contains(out.String(), "\nok\\x1b") && begin != "ok " {
			t.Errorf("%q: its message makes a line:\n%s", begin, out)
		}
		w.run(t.Context(), 0)
		w.published()
	}
}

// SIGQUIT prints what every goroutine does, and is no exit status 2 either: the draft goes.
func TestAttackQuit(t *testing.T) {
	program := filepath.Join(t.TempDir(), "go-static-release")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = ".."
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	w := newWorkshop(t, helloSource, githubtest.Options{})
	started := filepath.Join(t.TempDir(), "started")
	fake := useFakeGo(t, "linux/amd64", filepath.Join(t.TempDir(), "never"), started, "")
	var out bytes.Buffer
	cmd := exec.Command(program)
	cmd.Env = append(slices.Clone(w.env), append(fake, "PATH="+os.Getenv("PATH"), "INPUT_TARGETS=linux/amd64")...)
	cmd.Stdout = &out
	cmd.Stderr = &out
	cmd.WaitDelay = time.Second // its compilers hold the pipe
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(started); err == nil {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // how it ended is looked at here

	said := out.String()
	drafts := len(w.gh.Releases())
	if cmd.ProcessState.ExitCode() != exitFellShort || drafts > 0 || !strings.Contains(said, "error: cancelled: quit signal received\n") || !strings.Contains(said, "goroutine 1 [") {
		t.Errorf("%v, %d drafts:\n%s", cmd.ProcessState, drafts, said)
	}
}
