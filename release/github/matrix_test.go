package github_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// six is what a release of six targets has on the server.
func six() (want github.Wanted, all []github.Asset) {
	want = wanted
	want.Files = nil
	for i := range 6 {
		all = append(all, file(fmt.Sprintf("tool_1.0.0_target%d.tar.gz", i), strings.Repeat(fmt.Sprint(i, " "), 500*(i+1))))
	}
	all = append(all, file("checksums.txt", "sums\n"))
	for _, f := range all {
		want.Files = append(want.Files, f.Name)
	}
	want.Footer = "footer"
	return want, all
}

// runSix does what a run does: six files, five at a time, then the checksums, then the rest.
func runSix(ctx context.Context, client *github.Client, all []github.Asset, want github.Wanted) error {
	rel, err := client.Open(ctx, want)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(5)
	for _, f := range all[:6] {
		g.Go(func() error {
			_, err := rel.Attach(ctx, f)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if _, err := rel.Attach(ctx, all[6]); err != nil {
		return err
	}
	if _, err := client.Latest(ctx); err != nil {
		return err
	}
	return rel.Publish(ctx, all, true)
}

// faults are everything that the fake can do to a request, by name.
var faults = []struct {
	name  string
	fault githubtest.Fault
}{
	{"500", githubtest.Fault{Status: 500}},
	{"502", githubtest.Fault{Status: 502}},
	{"502 in HTML", githubtest.Fault{Status: 502, Body: "<html>bad gateway</html>"}},
	{"503 with Retry-After", githubtest.Fault{Status: 503, Header: http.Header{"Retry-After": {"2"}}}},
	{"504, but it worked", githubtest.Fault{Status: 504, AfterDone: true}},
	{"502, starter left", githubtest.Fault{Starter: true}},
	{"half stored, 201", githubtest.Fault{Truncate: true}},
	{"half stored, 502", githubtest.Fault{Truncate: true, Status: 502}},
	{"408", githubtest.Fault{Status: 408}},
	{"429", githubtest.Fault{Status: 429}},
	{"429 with Retry-After", githubtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"3"}}}},
	{"secondary limit", *githubtest.SecondaryLimit(0)},
	{"secondary limit with Retry-After", *githubtest.SecondaryLimit(5 * time.Second)},
	{"primary limit", *githubtest.PrimaryLimit(time.Now().Add(3 * time.Second))},
	{"reset", githubtest.Fault{Reset: true}},
	{"reset, but it worked", githubtest.Fault{Reset: true, AfterDone: true}},
	{"reset after 100 bytes", githubtest.Fault{ResetAfter: 100}},
	{"reset after 1 byte", githubtest.Fault{ResetAfter: 1}},
	{"no answer", githubtest.Fault{Hang: true}},
	{"no answer, but it worked", githubtest.Fault{Hang: true, AfterDone: true}},
	{"200 that breaks off", githubtest.Fault{Status: 200, Body: `{"id": 1, "na`}},
	{"404 from the host of uploads", githubtest.Fault{Status: 404, Starter: true}},
	{"422 with a starter", githubtest.Fault{Status: 422, Starter: true,
		Body: `{"message":"Validation Failed","errors":[{"resource":"ReleaseAsset","code":"already_exists","field":"name"}]}`}},
}

// A wound is a fault at one request.
type wound struct {
	request int
	fault   int // of faults
}

// survive releases with the given faults, again if the first run says that it failed, and
// fails the test unless there is one release then, complete, and was never an incomplete
// one to be seen.
func survive(t *testing.T, listDelay int, wounds ...wound) (runs, hits int, log []githubtest.Request) {
	t.Helper()
	want, all := six()
	var mu sync.Mutex
	gh := githubtest.New(githubtest.Options{Token: "t", ListDelay: listDelay, Tags: map[string]string{"v1.0.0": githubtest.Head},
		Fault: func(n int, r *http.Request) *githubtest.Fault {
			for _, w := range wounds {
				if f := &faults[w.fault].fault; w.request == n && concerns(f, r.Method, r.URL.Path) {
					mu.Lock()
					defer mu.Unlock()
					hits++
					return f
				}
			}
			return nil
		}})
	srv := httptest.NewServer(gh)
	defer srv.Close()
	name := func() string {
		var parts []string
		for _, w := range wounds {
			parts = append(parts, fmt.Sprintf("%s at request %d", faults[w.fault].name, w.request))
		}
		return strings.Join(parts, ", ")
	}
	var err error
	for runs = 1; runs <= 2; runs++ {
		client, clientErr := github.NewClient(github.Options{APIURL: srv.URL, Repository: "octo/hello", Token: "t",
			Second: time.Millisecond, Stall: 1500 * time.Millisecond}) // much shorter ones fail where the machine is busy
		if clientErr != nil {
			t.Fatal(clientErr)
		}
		if err = runSix(t.Context(), client, all, want); err == nil {
			break
		}
	}
	if err != nil {
		t.Errorf("%s: not released after two runs: %v", name(), err)
	}
	rels := gh.Releases()
	if len(rels) != 1 || rels[0].Draft {
		t.Errorf("%s, list delay %d: %d releases", name(), listDelay, len(rels))
		return runs, hits, gh.Requests()
	}
	states := append(gh.History(), githubtest.Appearance{Release: rels[0]})
	for _, seen := range states {
		for _, f := range all {
			if a, ok := seen.Release.Asset(f.Name); !ok || a.State != "uploaded" || a.Digest != "sha256:"+f.SHA256 {
				t.Errorf("%s: public with %s: %v, %s, %s", name(), f.Name, ok, a.State, a.Digest)
			}
		}
	}
	if len(rels[0].Assets) != len(all) {
		t.Errorf("%s: %d files", name(), len(rels[0].Assets))
	}
	for _, violation := range gh.Invalid() {
		t.Errorf("%s: against GitHub's description: %s", name(), violation)
	}
	return runs, hits, gh.Requests()
}

// concerns reports whether a fault changes anything for a request: some are of uploads only.
func concerns(f *githubtest.Fault, method, path string) bool {
	return method == http.MethodPost && strings.HasSuffix(path, "/assets") || !f.Starter && !f.Truncate
}

func faultNamed(t *testing.T, name string) int {
	for i, f := range faults {
		if f.name == name {
			return i
		}
	}
	t.Fatalf("no fault %q", name)
	return 0
}

// TestFaultMatrix releases six targets with every fault at every request, and with pairs
// of them drawn by a seed. GSR_FAULT_PAIRS says how many pairs.
func TestFaultMatrix(t *testing.T) {
	_, _, log := survive(t, 0)
	requests := len(log)
	t.Logf("%d requests without faults", requests)
	pairs := 300
	if testing.Short() {
		pairs = 30
	}
	if text := os.Getenv("GSR_FAULT_PAIRS"); text != "" {
		var err error
		if pairs, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	type ordeal struct {
		delay  int // how often a new release is missing from the list
		wounds []wound
	}
	var cases []ordeal
	var singleWounds []wound
	for n := 1; n <= requests; n++ {
		for f := range faults {
			if !concerns(&faults[f].fault, log[n-1].Method, log[n-1].Path) {
				continue
			}
			singleWounds = append(singleWounds, wound{n, f})
			cases = append(cases, ordeal{0, []wound{{n, f}}})
			if faults[f].fault.AfterDone {
				cases = append(cases, ordeal{3, []wound{{n, f}}})
			}
		}
	}
	// Found by drawing 6,000 pairs: a draft that was there all the same, and one that was said
	// to be deleted and was not.
	cases = append(cases, ordeal{1, []wound{{10, faultNamed(t, "200 that breaks off")}, {5, faultNamed(t, "reset after 100 bytes")}}})
	draw := rand.New(rand.NewPCG(1, 2))
	singles := len(cases)
	for range pairs {
		first := singleWounds[draw.IntN(len(singleWounds))] // one that comes about
		cases = append(cases, ordeal{draw.IntN(3), []wound{first, {1 + draw.IntN(requests+5), draw.IntN(len(faults))}}})
	}
	var mu sync.Mutex
	again, missed := 0, 0
	var g errgroup.Group
	g.SetLimit(16) // most of the time is waiting
	for _, c := range cases {
		g.Go(func() error {
			runs, hits, _ := survive(t, c.delay, c.wounds...)
			mu.Lock()
			defer mu.Unlock()
			if hits == 0 {
				missed++
			}
			if runs > 1 {
				again++
			}
			return nil
		})
	}
	_ = g.Wait() // no error: survive reports to t
	t.Logf("%d cases: %d with one of %d faults at one of %d requests, and %d pairs; %d needed a second run, in %d no fault came about",
		len(cases), singles, len(faults), requests, pairs, again, missed)
	if again > 0 {
		t.Errorf("%d needed a second run", again)
	}
	if missed > len(cases)/50 { // pairs may be drawn for requests that do not come
		t.Errorf("in %d cases no fault came about", missed)
	}
}
