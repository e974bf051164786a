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

// TestKilled kills the program at a random moment of a release, without a word, and runs
// it again: the second run finishes what the first began, whether it finds the first one's
// dist/ or starts on a new machine. GSR_KILLS says how often; 200 take some ten minutes.
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
	killed, skipped := 0, 0
	longest := 3 * time.Second // of a run; what is measured takes its place
	for i := range kills {
		draw := rand.New(rand.NewPCG(uint64(i), 7))
		w := newWorkshop(t, helloSource, githubtest.Options{Fault: func(_ int, r *http.Request) *githubtest.Fault {
			time.Sleep(time.Duration(i%3) * 40 * time.Millisecond) // a server takes its time
			if r.Method == http.MethodPatch {
				return toPublication[i%len(toPublication)]
			}
			return nil
		}})
		start := time.Now()
		if w.kill(time.Duration(draw.Int64N(int64(longest)))) {
			killed++
		} else {
			longest = time.Since(start)
		}
		if i%2 == 0 { // on another machine nothing of dist/ is there
			w.dist = filepath.Join(t.TempDir(), "dist")
			w.env = append(w.env, "INPUT_DIST="+w.dist)
		}
		// What the dead one's compilers still write is theirs to end; the lock went with it.
		w.run(t.Context(), 0)
		w.published()
		skipped += strings.Count(w.out, "already there")
		left, err := filepath.Glob(filepath.Join(w.dist, ".unfinished*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left in dist/: %v, %v", left, err)
		}
	}
	t.Logf("%d runs killed, %d were done before; the runs after them found %d files there already", killed, kills-killed, skipped)
	if killed < kills/2 {
		t.Errorf("only %d of %d runs were killed", killed, kills)
	}
}

// toPublication are answers to the publication, which is carried out, in the runs that are
// killed and in those that follow.
var toPublication = []*githubtest.Fault{
	nil,
	{Status: 403, AfterDone: true},
	{Status: 200, Body: "<html>hello</html>", AfterDone: true},
	{Status: 404, AfterDone: true},
	{Reset: true, AfterDone: true},
	{Status: 200, Body: `{"id":7,"tag_name":"v9.9.9","draft":true}`, AfterDone: true},
	{Status: 502, AfterDone: true},
}

// kill runs the program as a process of its own, kills it after some time, and reports
// whether that was before it had ended.
func (w *workshop) kill(after time.Duration) bool {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(self)
	cmd.Args = []string{"go-static-release"} // which part this binary plays (TestMain)
	cmd.Env = slices.Clone(w.env)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 100 * time.Millisecond // its compilers hold the pipe
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
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success():
		return false
	case killed.Load() && (runtime.GOOS == "windows" || !cmd.ProcessState.Exited()): // there it looks like an exit
		return true
	}
	w.t.Fatalf("after %s: %v\n%s", after, err, out.String())
	return false
}
