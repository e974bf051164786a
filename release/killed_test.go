package release

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github/githubtest"
)

// TestKilled kills the program at a random moment of a release and runs it again. The second
// run finishes the release, whether it finds the first one's dist/ or starts on a new machine.
// GSR_KILLS sets the number of kills; 200 take about ten minutes.
func TestKilled(t *testing.T) {
	kills := 8
	if testing.Short() {
		kills = 2
	}
	if text := os.Getenv("GSR_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}

	killed := 0
	present := 0               // files that the second runs found on the server
	longest := 3 * time.Second // the duration of a run, until one was measured
	for i := range kills {
		random := rand.New(rand.NewPCG(uint64(i), 7))
		w := newWorkshop(t, helloSource, githubtest.Options{
			Fault: func(_ int, r *http.Request) *githubtest.Fault {
				time.Sleep(time.Duration(i%3) * 40 * time.Millisecond) // a server takes time
				if r.Method == http.MethodPatch {
					return publicationFaults[i%len(publicationFaults)]
				}
				return nil
			},
		})

		start := time.Now()
		if w.kill(time.Duration(random.Int64N(int64(longest)))) {
			killed++
		} else {
			longest = time.Since(start)
		}

		if i%2 == 0 { // as on another machine
			w.dist = filepath.Join(t.TempDir(), "dist")
			w.env = append(w.env, "INPUT_DIST="+w.dist)
		}
		// The lock of the killed process is gone, but its compilers may still be writing.
		w.run(t.Context(), exitOK)
		w.published()
		present += strings.Count(w.out, "already there")

		left, err := filepath.Glob(filepath.Join(w.dist, ".unfinished*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left in dist/: %v, %v", left, err)
		}
	}

	t.Logf("%d runs were killed, %d had ended before; the runs after them found %d files on the server",
		killed, kills-killed, present)
	if killed < kills/2 {
		t.Errorf("only %d of %d runs were killed", killed, kills)
	}
}

// publicationFaults are answers to the request that makes the release public. GitHub carries the
// request out, whatever it answers. Both the killed run and the next one get them.
var publicationFaults = []*githubtest.Fault{
	nil,
	{Status: 403, AfterDone: true},
	{Status: 200, Body: "<html>hello</html>", AfterDone: true},
	{Status: 404, AfterDone: true},
	{Reset: true, AfterDone: true},
	{Status: 200, Body: `{"id":7,"tag_name":"v9.9.9","draft":true}`, AfterDone: true},
	{Status: 502, AfterDone: true},
}

// kill runs the program as a process of its own, kills it after the given time, and reports
// whether it was still running.
func (w *workshop) kill(after time.Duration) bool {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}

	var out bytes.Buffer
	cmd := exec.Command(self)
	cmd.Args = []string{"go-static-release"} // makes the test binary the program (TestMain)
	cmd.Env = slices.Clone(w.env)
	cmd.Stdout = &out
	cmd.Stderr = &out
	cmd.WaitDelay = 100 * time.Millisecond // its compilers keep the pipe open
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}

	var killed atomic.Bool
	timer := time.AfterFunc(after, func() {
		killed.Store(true)
		_ = cmd.Process.Kill() // it may have ended
	})
	defer timer.Stop()

	err = cmd.Wait()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success() {
		return false
	}
	// On Windows a killed process looks like one that exited.
	died := runtime.GOOS == "windows" || !cmd.ProcessState.Exited()
	if killed.Load() && died {
		return true
	}
	w.t.Fatalf("after %s: %v\n%s", after, err, out.String())
	return false
}
