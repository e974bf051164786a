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

// A mishap is what happens at one request of a run.
type mishap struct {
	name  string
	fault githubtest.Fault
	stop  bool // the run is cancelled when the request arrives
	lost  bool // every request from this one on is refused
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
	{name: "200 in HTML, and it worked", fault: githubtest.Fault{Status: 200, Body: "<html>hello</html>", AfterDone: true}},
	{name: "null", fault: githubtest.Fault{Status: 200, Body: "null"}},
	{name: "half stored", fault: githubtest.Fault{Truncate: true}},
	{name: "cancelled", stop: true},
	{name: "refused from here on, 403", fault: githubtest.Fault{Status: 403}, lost: true},
	{name: "worked, and refused from here on, 401", fault: githubtest.Fault{Status: 401, AfterDone: true}, lost: true},
}

// Whatever two things happen in a run, what it says in the end is true, and the run after it,
// to which nothing happens, finishes the release. GSR_MISHAPS says how many pairs are drawn.
func TestAttackPairsOfMishaps(t *testing.T) {
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

	const requests = 22 // of a run to which nothing happens, about
	var hits, failures atomic.Int64
	var g errgroup.Group
	g.SetLimit(12) // most of the time is waiting
	for i := range pairs {
		draw := rand.New(rand.NewPCG(uint64(i), 12))
		at := map[int]mishap{}
		for range 2 {
			at[1+draw.IntN(requests)] = mishaps[draw.IntN(len(mishaps))]
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
	t.Logf("%d pairs, %d mishaps came about, %d runs fell short", pairs, hits.Load(), failures.Load())
	if int(hits.Load()) < pairs/2 {
		t.Errorf("only %d mishaps in %d runs came about", hits.Load(), pairs)
	}
}

// surviveMishaps is one run with mishaps, and one without.
func surviveMishaps(t *testing.T, at map[int]mishap, draft bool) (hits, status int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var mu sync.Mutex
	healed := false
	var lost *mishap
	w := newWorkshop(t, helloSource, githubtest.Options{Fault: func(n int, r *http.Request) *githubtest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if healed {
			return nil
		}
		if lost != nil {
			return &githubtest.Fault{Status: lost.fault.Status}
		}
		m, ok := at[n]
		if !ok {
			return nil
		}
		hits++
		if m.lost {
			lost = &m
		}
		if m.stop {
			cancel()
			return nil
		}
		if m.fault.Truncate && !strings.HasSuffix(r.URL.Path, "/assets") {
			return nil
		}
		return &m.fault
	}})

	var names []string
	for n, m := range at {
		names = append(names, fmt.Sprintf("request %d: %s", n, m.name))
	}
	slices.Sort(names)

	env := append(slices.Clone(w.env), fmt.Sprintf("INPUT_DRAFT=%v", draft))
	var out bytes.Buffer
	status = Main(ctx, nil, env, &out, &out)
	w.out = out.String()

	public := w.checkMishaps(status, draft)
	mu.Lock()
	healed = true
	mu.Unlock()

	// Whatever is left, the next run goes on from there.
	if !(draft && public) {
		env := []string{fmt.Sprintf("INPUT_DRAFT=%v", draft)}
		if len(w.gh.Releases()) > 0 {
			w.dist = filepath.Join(t.TempDir(), "dist") // another machine
			env = append(env, "INPUT_DIST="+w.dist)
		}
		first := w.out
		w.run(t.Context(), exitOK, env...)
		if draft {
			w.run(t.Context(), exitOK, "INPUT_DRAFT=false", "INPUT_DIST="+w.dist)
		}
		w.published()
		if t.Failed() {
			t.Logf("the first run said:\n%s", first)
		}
	}
	if t.Failed() {
		t.Logf("mishaps: %s; draft: %v", strings.Join(names, ", "), draft)
	}
	return hits, status
}

// checkMishaps compares what the run did and said with what there is.
func (w *workshop) checkMishaps(status int, draft bool) (public bool) {
	w.t.Helper()
	all := w.gh.Releases()
	whole := false
	publics := 0
	for _, rel := range all {
		if !rel.Draft {
			publics++
		}
		whole = whole || len(rel.Assets) == 3
	}
	for _, seen := range w.gh.History() {
		w.complete(seen.Release) // never public and incomplete
	}

	says := func(text string) bool { return strings.Contains(w.out, text) }
	switch {
	case publics > 1 || draft && publics > 0:
		w.t.Errorf("%d public releases", publics)
	case status == exitOK && draft && !(whole && len(all) == 1):
		w.t.Errorf("status 0, and the draft is not there or not complete: %+v", all)
	case status == exitOK && !draft && (publics != 1 || len(all) != 1):
		w.t.Errorf("status 0, and it is not public: %+v", all)
	case status == exitBadRequest && len(all) > 0:
		w.t.Errorf("status 2, and there is a release")
	case publics > 0 && (says("nothing was published") || says("the draft stays")):
		w.t.Errorf("it is public")
	case publics == 0 && says("the release is public"):
		w.t.Errorf("it is not public")
	case publics == 0 && w.hasOutput() && w.output("published") == "true":
		w.t.Errorf("the output says that it is public")
	case len(all) > 0 && publics == 0 && status != exitOK && !w.namesDraft():
		w.t.Errorf("a draft is left, and not named")
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

// namesDraft reports whether the run said that something may be left.
func (w *workshop) namesDraft() bool {
	return slices.ContainsFunc([]string{"the draft stays", "is left: http", "is not known", "look at http"}, func(text string) bool {
		return strings.Contains(w.out, text)
	})
}
