package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

func TestCommandErrorIsItsOutput(t *testing.T) {
	err := &CommandError{Args: []string{"go", "build", "x"}, Output: "main.go:1:1: oops"}
	if got := err.Error(); got != "main.go:1:1: oops" {
		t.Errorf("got %q", got)
	}
}

// The output of a failed command is only told if it gives no message, and not all of it.
func TestOutputInErrors(t *testing.T) {
	if got := describe("oops\n", "{data}\n"); got != "oops" {
		t.Errorf("got %q", got)
	}
	if got := describe("\n", "oops\n"); got != "oops" {
		t.Errorf("got %q", got)
	}
	want := strings.Repeat("x\n", maxLines) + "and 30 more lines"
	if got := describe("", strings.Repeat("x\n", maxLines+30)); got != want {
		t.Errorf("got %q", got)
	}
}

// The output of a command is held in memory, so it is limited.
func TestOutputIsBounded(t *testing.T) {
	b := bounded{left: 10}
	if n, err := b.Write(make([]byte, 10)); n != 10 || err != nil {
		t.Errorf("10 bytes: %d, %v", n, err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, errTooMuch) {
		t.Errorf("one more: %v", err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("there is no yes command")
	}
	_, _, err := Command{Args: []string{"yes", strings.Repeat("x", 4096)}}.Run(t.Context(), os.Environ())
	if !errors.Is(err, errTooMuch) {
		t.Errorf("endless output: %.100q", fmt.Sprint(err))
	}
}

func TestTail(t *testing.T) {
	const most = 16 << 10

	out := Tail{Keep: most}
	for range 3 {
		if n, err := out.Write([]byte(strings.Repeat("x", most-1) + "y")); n != most || err != nil {
			t.Fatal(n, err)
		}
	}
	if s := out.String(); len(s) != most || !strings.HasSuffix(s, "xy") {
		t.Errorf("%d bytes", len(s))
	}
}
