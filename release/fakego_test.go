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

// fakeGo is the go command when this test binary is called by that name: the real one,
// but the build of one target waits until a file exists.
//
//	FAKE_GO_REAL    the real go command
//	FAKE_GO_TARGET  OS/ARCH whose build waits
//	FAKE_GO_FILE    for this file
//	FAKE_GO_STARTED a file it makes when it begins to wait
//	FAKE_GO_ENV     a file to which it appends its environment
//	FAKE_GO_KILLS   a file with the number of builds whose compiler is killed
func fakeGo() int {
	if path := os.Getenv("FAKE_GO_ENV"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintln(f, os.Environ(), os.Args)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if path := os.Getenv("FAKE_GO_KILLS"); path != "" && slices.Contains(os.Args, "build") {
		left, err := os.ReadFile(path)
		n, convErr := strconv.Atoi(string(left))
		if err = errors.Join(err, convErr); err == nil && n > 0 {
			fmt.Fprintln(os.Stderr, "# example.com/hello\n/usr/local/go/pkg/tool/linux_amd64/link: signal: killed")
			if err := os.WriteFile(path, []byte(strconv.Itoa(n-1)), 0o600); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			return 1
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if slices.Contains(os.Args, "build") && os.Getenv("GOOS")+"/"+os.Getenv("GOARCH") == os.Getenv("FAKE_GO_TARGET") {
		if err := os.WriteFile(os.Getenv("FAKE_GO_STARTED"), nil, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(os.Getenv("FAKE_GO_FILE")); err == nil {
				break
			}
			if time.Since(start) > time.Minute {
				fmt.Fprintln(os.Stderr, "the file never came: lanes wait for one another")
				return 1
			}
		}
	}
	cmd := exec.Command(os.Getenv("FAKE_GO_REAL"), os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return 1
	}
	return 0
}

// useFakeGo puts the fake go command first on PATH and returns its environment.
func useFakeGo(t *testing.T, target, file, started, env string) []string {
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
	if err := os.Link(self, name); err != nil { // on another file system, or where links are not allowed
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
		"FAKE_GO_REAL=" + realGo, "FAKE_GO_TARGET=" + target, "FAKE_GO_FILE=" + file,
		"FAKE_GO_STARTED=" + started, "FAKE_GO_ENV=" + env,
	}
}

// A compiler that the system kills is tried again, alone and with little; a second time it
// is a failure, which says what it is.
func TestKilledCompiler(t *testing.T) {
	kills, env := filepath.Join(t.TempDir(), "kills"), filepath.Join(t.TempDir(), "env")
	w := newWorkshop(t, helloSource, githubtest.Options{})
	fake := append(useFakeGo(t, "", "", "", env), "FAKE_GO_KILLS="+kills, "INPUT_PARALLELISM=1", "INPUT_TARGETS=linux/amd64", "INPUT_DRY_RUN=true")
	for _, test := range []struct {
		kills, status int
		said          []string
	}{
		{1, 0, []string{"again, alone: a compiler had been killed", "1 program for 1 target, each proved"}},
		{2, 1, []string{"link: signal: killed", "(twice; the second time nothing else was compiled beside it)", "hint: use a machine with more memory"}},
	} {
		if err := os.WriteFile(kills, []byte(strconv.Itoa(test.kills)), 0o600); err != nil {
			t.Fatal(err)
		}
		w.run(t.Context(), test.status, fake...)
		w.said(test.said...)
	}
	// What the user says about garbage collection is not overruled.
	if err := os.WriteFile(kills, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t.Context(), 0, append(fake, "GOGC=123")...)
	data, err := os.ReadFile(env)
	if err == nil && (strings.Contains(string(data), "GOGC=123 GOGC") || strings.Count(string(data), "GOGC=50") != 2) {
		t.Error("GOGC was overruled, or not lowered for the build alone")
	}
	if err != nil || strings.Count(string(data), "GOFLAGS=-mod=readonly -p=1") != 3 {
		t.Errorf("not built with -p=1 three times: %v", err)
	}
}
