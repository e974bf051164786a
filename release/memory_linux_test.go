package release

import (
	"bytes"
	"io"
	"math/rand/v2"
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

// maxMemory is what the program may need beside the compilers, in bytes.
const maxMemory = 100 << 20

// Programs and other files that are larger than the limit are proved, started and packed
// without being read into memory. Programs of WebAssembly are an exception if they are started:
// their interpreter is part of the process.
func TestMemory(t *testing.T) {
	w := newWorkshop(t, "package main\n\n"+
		"import _ \"embed\"\n\n"+
		"//go:embed noise\nvar noise string\n\n"+
		"func main() { println(len(noise), noise[len(noise)-1]) }\n", githubtest.Options{})
	for _, name := range []string{"noise", "attached"} {
		writeNoise(t, filepath.Join(w.dir, name), maxMemory+10<<20)
	}
	w.write(".gitignore", "attached\n")
	w.recommit()

	var out bytes.Buffer
	cmd := exec.Command(buildProgram(t))
	cmd.Env = append(slices.Clone(w.env), "PATH="+os.Getenv("PATH"),
		"INPUT_TARGETS=linux/"+runtime.GOARCH+" windows/amd64", "INPUT_SMOKE_TEST=-h", "INPUT_ATTACH=attached",
		"INPUT_COMMAND=release", "INPUT_DRY_RUN=true")
	cmd.Stdout = &out
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	most := int64(0)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %s", err, out.Bytes())
			}
			if !strings.Contains(out.String(), "2 programs for 2 targets, each proved, 1 started") {
				t.Errorf("the run was another one:\n%s", out.Bytes())
			}
			if most == 0 || most > maxMemory {
				t.Errorf("at most %d MB", most>>20)
			}
			return
		case <-tick.C:
			most = max(most, peakMemory(t, cmd.Process.Pid))
		}
	}
}

// writeNoise writes a file that cannot be compressed: the same one each time, for the build cache.
func writeNoise(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{}), size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// peakMemory returns the most memory that a process had so far, in bytes, or 0 if it has ended.
// Source: proc_pid_status(5).
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0 // it has ended, and nobody has waited for it yet
	}
	kilobytes, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
