package release

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// fakeGo is the go command when this test binary is called by that name: the real one,
// but the build of one target waits until a file exists.
//
//	FAKE_GO_REAL    the real go command
//	FAKE_GO_TARGET  OS/ARCH whose build waits
//	FAKE_GO_FILE    for this file
//	FAKE_GO_STARTED a file it makes when it begins to wait
//	FAKE_GO_ENV     a file to which it appends its environment
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
