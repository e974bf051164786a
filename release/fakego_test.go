package release

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
)

// fakeGo is the go command when this test binary is called by that name. It runs the real go
// command and returns its exit status, but these variables change what it does:
//
//	FAKE_GO_REAL     the real go command
//	FAKE_GO_TARGET   OS/ARCH whose build waits
//	FAKE_GO_FILE     the build waits until this file exists
//	FAKE_GO_STARTED  a file that it creates when it begins to wait
//	FAKE_GO_ENV      a file to which it appends its environment
//	FAKE_GO_KILLS    a file with the number of builds whose compiler is killed
func fakeGo() int {
	status, err := runFakeGo()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

func runFakeGo() (status int, err error) {
	if path := os.Getenv("FAKE_GO_ENV"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		if _, err := fmt.Fprintln(f, os.Environ(), os.Args); err != nil {
			return 0, err
		}
	}

	isBuild := slices.Contains(os.Args, "build")
	if path := os.Getenv("FAKE_GO_KILLS"); path != "" && isBuild {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		left, err := strconv.Atoi(string(text))
		if err != nil {
			return 0, err
		}

		if left > 0 {
			fmt.Fprintln(os.Stderr, "# example.com/hello\n/usr/local/go/pkg/tool/linux_amd64/link: signal: killed")
			return 1, os.WriteFile(path, []byte(strconv.Itoa(left-1)), 0o600)
		}
	}

	if isBuild && os.Getenv("GOOS")+"/"+os.Getenv("GOARCH") == os.Getenv("FAKE_GO_TARGET") {
		if err := os.WriteFile(os.Getenv("FAKE_GO_STARTED"), nil, 0o600); err != nil {
			return 0, err
		}
		if err := waitForFile(os.Getenv("FAKE_GO_FILE")); err != nil {
			return 0, err
		}
	}

	cmd := exec.Command(os.Getenv("FAKE_GO_REAL"), os.Args[1:]...)
	cmd.Stdout = os.Stdout
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return 1, nil // the command has said why
	}
	return 0, nil
}

func waitForFile(path string) error {
	for start := time.Now(); time.Since(start) <= time.Minute; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
	}
	return errors.New("the file never came: lanes wait for one another")
}

type fakeGoOptions struct {
	target  string // OS/ARCH whose build waits
	waitFor string // the file that it waits for
	started string // a file that is created when it begins to wait
	env     string // a file that collects the environments
}

// useFakeGo puts the fake go command first on PATH and returns the environment for it.
func useFakeGo(t *testing.T, opts fakeGoOptions) []string {
	t.Helper()
	realGo, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	name := filepath.Join(dir, "go")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if err := os.Link(self, name); err != nil {
		// The directory is on another file system, or the system allows no links.
		data, err := os.ReadFile(self)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))

	return []string{
		"FAKE_GO_REAL=" + realGo,
		"FAKE_GO_TARGET=" + opts.target,
		"FAKE_GO_FILE=" + opts.waitFor,
		"FAKE_GO_STARTED=" + opts.started,
		"FAKE_GO_ENV=" + opts.env,
	}
}

// If the system kills a compiler, the build is tried once more, alone and with less memory.
// If that one is killed as well, the build has failed, and the error says why.
func TestKilledCompiler(t *testing.T) {
	kills := filepath.Join(t.TempDir(), "kills")
	env := filepath.Join(t.TempDir(), "env")
	w := newWorkshop(t, helloSource, githubtest.Options{})
	fake := append(useFakeGo(t, fakeGoOptions{env: env}),
		"FAKE_GO_KILLS="+kills,
		"INPUT_PARALLELISM=1",
		"INPUT_TARGETS=linux/amd64",
		"INPUT_DRY_RUN=true",
	)

	writeFile(t, kills, "1")
	w.run(t.Context(), exitOK, fake...)
	w.said(
		"again, alone: a compiler had been killed",
		"1 program for 1 target, each proved",
	)

	writeFile(t, kills, "2")
	w.run(t.Context(), exitFailed, fake...)
	w.said(
		"link: signal: killed",
		"(twice; the second time nothing else was compiled beside it)",
		"hint: use a machine with more memory",
	)

	// The second build keeps the user's setting for garbage collection.
	writeFile(t, kills, "1")
	w.run(t.Context(), exitOK, append(fake, "GOGC=123")...)

	data, err := os.ReadFile(env)
	if err != nil {
		t.Fatal(err)
	}
	seen := string(data)
	if strings.Contains(seen, "GOGC=123 GOGC") || strings.Count(seen, "GOGC=50") != 2 {
		t.Error("GOGC was overruled, or not lowered for the build alone")
	}
	if strings.Count(seen, "GOFLAGS=-mod=readonly -p=1") != 3 {
		t.Error("not built with -p=1 three times")
	}
}
