package github_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
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
var faults = append(append(failures, lies...), refusals...)

// A namedFault is one of them. Some are of the request that publishes only, because a run
// takes them for the last word elsewhere.
type namedFault struct {
	name        string
	fault       githubtest.Fault
	publication bool
}

// failures are answers that do not come, or say that something failed.
var failures = []namedFault{
	{name: "500", fault: githubtest.Fault{Status: 500}},
	{name: "502", fault: githubtest.Fault{Status: 502}},
	{name: "502 in HTML", fault: githubtest.Fault{Status: 502, Body: "<html>bad gateway</html>"}},
	{name: "503 with Retry-After", fault: githubtest.Fault{Status: 503, Header: http.Header{"Retry-After": {"2"}}}},
	{name: "504, but it worked", fault: githubtest.Fault{Status: 504, AfterDone: true}},
	{name: "502, starter left", fault: githubtest.Fault{Starter: true}},
	{name: "half stored, 201", fault: githubtest.Fault{Truncate: true}},
	{name: "half stored, 502", fault: githubtest.Fault{Truncate: true, Status: 502}},
	{name: "408", fault: githubtest.Fault{Status: 408}},
	{name: "429", fault: githubtest.Fault{Status: 429}},
	{name: "429 with Retry-After", fault: githubtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"3"}}}},
	{name: "secondary limit", fault: *githubtest.SecondaryLimit(0)},
	{name: "secondary limit with Retry-After", fault: *githubtest.SecondaryLimit(5 * time.Second)},
	{name: "primary limit", fault: *githubtest.PrimaryLimit(time.Now().Add(3 * time.Second))},
	{name: "reset", fault: githubtest.Fault{Reset: true}},
	{name: "reset, but it worked", fault: githubtest.Fault{Reset: true, AfterDone: true}},
	{name: "reset after 100 bytes", fault: githubtest.Fault{ResetAfter: 100}},
	{name: "reset after 1 byte", fault: githubtest.Fault{ResetAfter: 1}},
	{name: "no answer", fault: githubtest.Fault{Hang: true}},
	{name: "no answer, but it worked", fault: githubtest.Fault{Hang: true, AfterDone: true}},
	{name: "200 that breaks off", fault: githubtest.Fault{Status: 200, Body: `{"id": 1, "na`}},
	{name: "404 from the host of uploads", fault: githubtest.Fault{Status: 404, Starter: true}},
	{name: "422 with a starter", fault: githubtest.Fault{Status: 422, Starter: true,
		Body: `{"message":"Validation Failed","errors":[{"resource":"ReleaseAsset","code":"already_exists","field":"name"}]}`}},
}

// lies are answers that say that all is well and do not fit the question.
var lies = []namedFault{
	{name: "null", fault: githubtest.Fault{Status: 200, Body: "null"}},
	{name: "null, but it worked", fault: githubtest.Fault{Status: 200, Body: "null", AfterDone: true}},
	{name: "[null]", fault: githubtest.Fault{Status: 200, Body: "[null]"}},
	{name: "nothing", fault: githubtest.Fault{Status: 200, Body: " ", AfterDone: true}},
	{name: "an object without an id", fault: githubtest.Fault{Status: 200, Body: `{"assets":[null]}`, AfterDone: true}},
	{name: "another release", fault: githubtest.Fault{Status: 200, Body: anotherRelease}},
	{name: "another release, but it worked", fault: githubtest.Fault{Status: 200, Body: anotherRelease, AfterDone: true}},
	{name: "another tag", fault: githubtest.Fault{Alter: replaced(`"tag_name":"v1.0.0"`, `"tag_name":"v9.9.9"`)}},
	{name: "negative numbers", fault: githubtest.Fault{Alter: replaced(`"size":`, `"size":-`)}},
	{name: "texts for numbers", fault: githubtest.Fault{Alter: replaced(`"id":`, `"id":"x","id_":`)}},
	{name: "digests in capitals", fault: githubtest.Fault{Alter: capitalDigests}},
	{name: "digests cut short", fault: githubtest.Fault{Alter: replaced(`"digest":"sha256:`, `"digest":"sha256:"`+`,"rest":"`)}},
	{name: "digests of another kind", fault: githubtest.Fault{Alter: replaced(`"digest":"sha256:`, `"digest":"sha3:`)}},
	{name: "a next page elsewhere", fault: githubtest.Fault{Alter: nextPage("https://elsewhere.invalid/?page=2")}},
	{name: "the same page again", fault: githubtest.Fault{Alter: nextPage("https://elsewhere.invalid/?page=1")}},
}

// refusals are answers to the publication that say no, although it was carried out.
var refusals = []namedFault{
	{name: "published, and 200 in HTML", publication: true, fault: githubtest.Fault{Status: 200, Body: "<html>hello</html>", AfterDone: true}},
	{name: "published, and 200 that breaks off", publication: true, fault: githubtest.Fault{Status: 200, Body: `{"id": 1, "na`, AfterDone: true}},
	{name: "published, and still a draft", publication: true, fault: githubtest.Fault{Alter: replaced(`"draft":false`, `"draft":true`)}},
	{name: "published, and 202", publication: true, fault: githubtest.Fault{Status: 202, AfterDone: true}},
	{name: "published, and 304", publication: true, fault: githubtest.Fault{Status: 304, Body: " ", AfterDone: true}},
	{name: "published, and 400", publication: true, fault: githubtest.Fault{Status: 400, AfterDone: true}},
	{name: "published, and 401", publication: true, fault: githubtest.Fault{Status: 401, AfterDone: true}},
	{name: "published, and 403", publication: true, fault: githubtest.Fault{Status: 403, AfterDone: true}},
	{name: "published, and 404", publication: true, fault: githubtest.Fault{Status: 404, AfterDone: true}},
	{name: "published, and 409", publication: true, fault: githubtest.Fault{Status: 409, AfterDone: true}},
	{name: "published, and 422", publication: true, fault: githubtest.Fault{Status: 422, AfterDone: true}},
	{name: "published, and there already", publication: true, fault: githubtest.Fault{Status: 422, AfterDone: true,
		Body: `{"message":"Validation Failed","errors":[{"resource":"Release","code":"already_exists","field":"tag_name"}]}`}},
	{name: "published, and 500", publication: true, fault: githubtest.Fault{Status: 500, AfterDone: true}},
}

const anotherRelease = `{"id":987654,"tag_name":"v9.9.9","target_commitish":"main","draft":false,"assets":[],` +
	`"sha":"7638417db6d59f3c431d3e1f261cc637155684cd!","name":"another","state":"uploaded","upload_url":"http://127.0.0.1/"}`

// replaced returns a lie that replaces text in an answer.
func replaced(old, lie string) func(*githubtest.Answer) {
	return func(a *githubtest.Answer) { a.Body = bytes.ReplaceAll(a.Body, []byte(old), []byte(lie)) }
}

var digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

func capitalDigests(a *githubtest.Answer) { a.Body = digests.ReplaceAllFunc(a.Body, bytes.ToUpper) }

func nextPage(address string) func(*githubtest.Answer) {
	return func(a *githubtest.Answer) { a.Header.Set("Link", "<"+address+`>; rel="next"`) }
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
				if f := &faults[w.fault]; w.request == n && concerns(f, r.Method, r.URL.Path) {
					mu.Lock()
					defer mu.Unlock()
					hits++
					return &f.fault
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
		t.Logf("%s: run %d: %v", name(), runs, err)
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

// concerns reports whether a fault changes anything for a request: some are of uploads only,
// some of the publication.
func concerns(f *namedFault, method, path string) bool {
	if f.publication {
		return method == http.MethodPatch
	}
	upload := method == http.MethodPost && strings.HasSuffix(path, "/assets")
	return upload || !f.fault.Starter && !f.fault.Truncate
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
			if !concerns(&faults[f], log[n-1].Method, log[n-1].Path) {
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
