package release

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/github/githubtest"
)

// A mishap is what goes wrong at one request of a run.
type mishap struct {
	name   string
	fault  githubtest.Fault
	cancel bool // the run is cancelled when the request arrives
	onward bool // every later request is refused as well
}

var mishaps = []mishap{
	{name: "502", fault: githubtest.Fault{Status: 502}},
	{name: "502, but it worked", fault: githubtest.Fault{Status: 502, AfterDone: true}},
	{name: "reset", fault: githubtest.Fault{Reset: true}},
	{name: "reset, but it worked", fault: githubtest.Fault{Reset: true, AfterDone: true}},
	{name: "401", fault: githubtest.Fault{Status: 401}},
	{name: "403", fault: githubtest.Fault{Status: 403}},
	{name: "403, but it worked", fault: githubtest.Fault{Status: 403, AfterDone: true}},
	{name: "404", fault: githubtest.Fault{Status: 404}},
	{name: "404, but it worked", fault: githubtest.Fault{Status: 404, AfterDone: true}},
	{name: "409", fault: githubtest.Fault{Status: 409}},
	{name: "422", fault: githubtest.Fault{Status: 422}},
	{name: "422, but it worked", fault: githubtest.Fault{Status: 422, AfterDone: true}},
	{
		name:  "200 in HTML, and it worked",
		fault: githubtest.Fault{Status: 200, Body: "<html>hello</html>", AfterDone: true},
	},
	{name: "null", fault: githubtest.Fault{Status: 200, Body: "null"}},
	{name: "half stored", fault: githubtest.Fault{Truncate: true}},
	{name: "cancelled", cancel: true},
	{name: "refused from here on, 403", fault: githubtest.Fault{Status: 403}, onward: true},
	{
		name:   "worked, and refused from here on, 401",
		fault:  githubtest.Fault{Status: 401, AfterDone: true},
		onward: true,
	},
}

// Whatever two mishaps befall a run, what it prints in the end is true, and the next run
// finishes the release. GSR_MISHAPS sets the number of random pairs.
func TestPairsOfMishaps(t *testing.T) {
	pairs := 20
	if testing.Short() {
		pairs = 5
	}
	if text := os.Getenv("GSR_MISHAPS"); text != "" {
		var err error
		if pairs, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}

	const requests = 22 // about as many as a run without mishaps sends
	var hits, failures atomic.Int64
	var g errgroup.Group
	g.SetLimit(12) // the runs mostly wait
	for i := range pairs {
		random := rand.New(rand.NewPCG(uint64(i), 12))
		at := map[int]mishap{}
		for range 2 {
			at[1+random.IntN(requests)] = mishaps[random.IntN(len(mishaps))]
		}
		draft := i%5 == 0

		g.Go(func() error {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				n, status := surviveMishaps(t, at, draft)
				hits.Add(int64(n))
				if status != exitOK {
					failures.Add(1)
				}
			})
			return nil
		})
	}
	_ = g.Wait() // no error: subtests report to t

	t.Logf("%d pairs: %d mishaps happened, %d runs failed", pairs, hits.Load(), failures.Load())
	if int(hits.Load()) < pairs/2 {
		t.Errorf("only %d mishaps happened in %d runs", hits.Load(), pairs)
	}
}

// surviveMishaps publishes in a run with mishaps at the given requests, and then in one
// without. It returns the number of mishaps that happened and the exit status of the first run.
func surviveMishaps(t *testing.T, at map[int]mishap, draft bool) (hits, status int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var mu sync.Mutex
	healed := false
	var refusal *mishap // what every request from here on gets
	fault := func(n int, r *http.Request) *githubtest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if healed {
			return nil
		}
		if refusal != nil {
			return &githubtest.Fault{Status: refusal.fault.Status}
		}
		m, ok := at[n]
		if !ok {
			return nil
		}

		hits++
		if m.onward {
			refusal = &m
		}
		if m.cancel {
			cancel()
			return nil
		}
		if m.fault.Truncate && !strings.HasSuffix(r.URL.Path, "/assets") {
			return nil
		}
		return &m.fault
	}

	w := newWorkshop(t, helloSource, githubtest.Options{Fault: fault})
	draftInput := fmt.Sprintf("INPUT_DRAFT=%v", draft)
	var out bytes.Buffer
	status = Main(ctx, nil, append(slices.Clone(w.env), draftInput), &out, &out)
	w.out = out.String()
	first := w.out
	public := w.checkMishaps(status, draft)

	mu.Lock()
	healed = true
	mu.Unlock()

	// The next run continues with whatever is left.
	if !draft || !public {
		env := []string{draftInput}
		if len(w.gh.Releases()) > 0 {
			w.dist = filepath.Join(t.TempDir(), "dist") // as on another machine
			env = append(env, "INPUT_DIST="+w.dist)
		}
		w.run(t.Context(), exitOK, env...)
		if draft {
			w.run(t.Context(), exitOK, "INPUT_DRAFT=false", "INPUT_DIST="+w.dist)
		}
		w.published()
	}

	if t.Failed() {
		var names []string
		for n, m := range at {
			names = append(names, fmt.Sprintf("request %d: %s", n, m.name))
		}
		slices.Sort(names)
		t.Logf("mishaps: %s; draft: %v", strings.Join(names, ", "), draft)
		t.Logf("the first run printed:\n%s", first)
	}
	return hits, status
}

// checkMishaps compares what the run printed, and its exit status, with the releases that there
// are. It reports whether one of them is public.
func (w *workshop) checkMishaps(status int, draft bool) (public bool) {
	w.t.Helper()
	all := w.gh.Releases()
	complete := false
	publics := 0
	for _, rel := range all {
		if !rel.Draft {
			publics++
		}
		complete = complete || len(rel.Assets) == 3
	}
	for _, seen := range w.gh.History() {
		w.complete(seen.Release) // a public release was never incomplete
	}

	says := func(text string) bool { return strings.Contains(w.out, text) }
	switch {
	case publics > 1 || draft && publics > 0:
		w.t.Errorf("%d public releases", publics)
	case status == exitOK && draft && !(complete && len(all) == 1):
		w.t.Errorf("status 0, and the draft is not there or not complete: %+v", all)
	case status == exitOK && !draft && (publics != 1 || len(all) != 1):
		w.t.Errorf("status 0, and it is not public: %+v", all)
	case status == exitInvalid && len(all) > 0:
		w.t.Errorf("status 2, and there is a release")
	case publics > 0 && (says("nothing was published") || says("the draft stays")):
		w.t.Errorf("it is public")
	case publics == 0 && says("the release is public"):
		w.t.Errorf("it is not public")
	case publics == 0 && w.hasOutput() && w.output("published") == "true":
		w.t.Errorf("the output says that it is public")
	case len(all) > 0 && publics == 0 && status != exitOK && !w.mentionsDraft():
		w.t.Errorf("a draft is left, and not mentioned")
	}

	if w.t.Failed() {
		w.t.Logf("status %d; %d releases:\n%s", status, len(all), w.out)
	}
	return publics > 0
}

func (w *workshop) hasOutput() bool {
	_, err := os.Stat(getenvOf(w.env)("GITHUB_OUTPUT"))
	return err == nil
}

// mentionsDraft reports whether the run printed that a draft is left, or may be.
func (w *workshop) mentionsDraft() bool {
	for _, text := range []string{"the draft stays", "is left: http", "is not known", "look at http"} {
		if strings.Contains(w.out, text) {
			return true
		}
	}
	return false
}
