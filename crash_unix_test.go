//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A panic that cannot be caught ends the process by a signal. Exit status 2 would say that
// nothing was started.
func TestUncaughtPanic(t *testing.T) {
	if os.Getenv("CRASH") != "" {
		dieBySignal()
		go panic("nobody catches this")
		select {}
	}

	cmd := exec.Command(os.Args[0], "-test.run=^TestUncaughtPanic$")
	cmd.Env = append(os.Environ(), "CRASH=1", "GOTRACEBACK=single")
	out, err := cmd.CombinedOutput()

	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("%v: %s", err, out)
	}

	state := exit.Sys().(syscall.WaitStatus)
	if state.Signal() != syscall.SIGABRT || state.CoreDump() {
		t.Errorf("%v, core %v", exit, state.CoreDump())
	}
	if !strings.Contains(string(out), "panic: nobody catches this") {
		t.Errorf("the panic is not in the output:\n%s", out)
	}
}
