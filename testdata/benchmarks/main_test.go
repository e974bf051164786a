package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// Ratios are of runs of one round, ours over theirs.
func TestRatio(t *testing.T) {
	wall := func(seconds ...float64) (all []measure) {
		for _, s := range seconds {
			all = append(all, measure{wall: s})
		}
		return all
	}

	of := func(m measure) float64 { return m.wall }
	for _, test := range []struct {
		mine, theirs []measure
		want         string
	}{
		{wall(1), wall(2), "0.50 (0.50 to 0.50)"},
		{wall(1, 30, 5), wall(2, 10, 4), "1.25 (0.50 to 3.00)"},
		{wall(1, 2), wall(4, 4), "0.38 (0.25 to 0.50)"},
		{wall(1), wall(0), "not known"},
	} {
		if got := ratio(test.mine, test.theirs, of); got != test.want {
			t.Errorf("%v over %v: %s, want %s", test.mine, test.theirs, got, test.want)
		}
	}
}

// The memory of a command is that of its children too, and its own peak is not.
func TestWatchMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is not known here")
	}

	cmd := exec.CommandContext(t.Context(), "sh", "-c", "head -c 60000000 /dev/zero | tail -c 60000000 | sleep 1; true")
	ownSession(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	stop := watchMemory(cmd.Process.Pid)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}

	all, own := stop()
	if all < 50e6 || own == 0 || own > 20e6 {
		t.Errorf("all processes: %d bytes, the first: %d", all, own)
	}
}

// Ctrl-C ends a contestant with all that it has started, which holds its output open.
func TestOwnSession(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only the first process is ended here")
	}

	ctx, cancel := context.WithCancel(t.Context())
	const child = `trap 'echo interrupted; exit' INT; echo started; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done`
	cmd := exec.CommandContext(ctx, "sh", "-c", "true | sh -c \"$0\"; true", child)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	ownSession(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}

	cancel()
	if rest, err := io.ReadAll(said); err != nil || string(rest) != "interrupted\n" {
		t.Errorf("the child says %q, %v", rest, err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it has ended well")
	}
}

// What is wrong in the request is said before anything is measured.
func TestRequest(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for args, want := range map[string]string{
		"-targets=none":                   `-targets: "none" is no number`,
		"-project=. -against=nobody":      `-against: "nobody" is none of`,
		"-project=. -against= -targets=0": `-targets: "0" is no number`,
	} {
		if err := run(t.Context(), strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}

	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left", err, left)
	}
}
