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

// A ratio compares runs of the same round, ours with theirs.
func TestRatio(t *testing.T) {
	wall := func(seconds ...float64) (all []measure) {
		for _, s := range seconds {
			all = append(all, measure{wall: s})
		}
		return all
	}

	value := func(m measure) float64 { return m.wall }

	for _, test := range []struct {
		mine   []measure
		theirs []measure
		want   string
	}{
		{wall(1), wall(2), "0.50 (0.50 to 0.50)"},
		{wall(1, 30, 5), wall(2, 10, 4), "1.25 (0.50 to 3.00)"},
		{wall(1, 2), wall(4, 4), "0.38 (0.25 to 0.50)"},
		{wall(1), wall(0), "not known"},
	} {
		if got := ratio(test.mine, test.theirs, value); got != test.want {
			t.Errorf("%v over %v: %s, want %s", test.mine, test.theirs, got, test.want)
		}
	}
}

// The memory of a command includes its children, its own peak does not.
func TestWatchMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is not known here")
	}

	const script = "head -c 60000000 /dev/zero | tail -c 60000000 | sleep 1; true"
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
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

// An interrupt ends a contestant and all its children, which hold its output open.
func TestOwnSession(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only the first process is interrupted here")
	}

	const child = `trap 'echo interrupted; exit' INT
echo started
for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done`
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "sh", "-c", "true | sh -c \"$0\"; true", child)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	ownSession(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	if err != nil || line != "started\n" {
		t.Fatalf("the child printed %q, %v", line, err)
	}

	cancel()
	rest, err := io.ReadAll(r)
	if err != nil || string(rest) != "interrupted\n" {
		t.Errorf("after the interrupt the child printed %q, %v", rest, err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the command ended without an error")
	}
}

// Mistakes in the arguments are reported before anything is written.
func TestArguments(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)

	for args, want := range map[string]string{
		"-targets=none":                   `-targets: "none" is not a number`,
		"-project=. -against=nobody":      `-against: "nobody" is none of`,
		"-project=. -against= -targets=0": `-targets: "0" is not a number`,
	} {
		err := run(t.Context(), strings.Fields(args))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", args, err, want)
		}
	}

	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("the temporary directory has %v, %v", left, err)
	}
}
