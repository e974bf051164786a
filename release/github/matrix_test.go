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
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// sixTargets returns the release of a tool for six targets, and its files.
func sixTargets() (want github.Wanted, all []github.Asset) {
	for i := range 6 {
		name := fmt.Sprintf("tool_1.0.0_target%d.tar.gz", i)
		content := strings.Repeat(fmt.Sprint(i, " "), 500*(i+1))
		all = append(all, file(name, content))
	}
	all = append(all, file("checksums.txt", "sums\n"))

	want = wanted
	want.Footer = "footer"
	want.Files = nil
	for _, f := range all {
		want.Files = append(want.Files, f.Name)
	}
	return want, all
}

// releaseSix does what a run does with the files of sixTargets: it uploads the archives, five
// at a time, then the checksums, and publishes the release.
func releaseSix(ctx context.Context, client *github.Client, all []github.Asset, want github.Wanted) error {
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

// A namedFault is a fault of the fake with a name for test output.
type namedFault struct {
	name  string
	fault githubtest.Fault

	// publicationOnly is set for answers that are used for the request that publishes only,
	// because a run accepts them as final elsewhere.
	publicationOnly bool
}

// faults has everything that can go wrong with a request.
var faults = slices.Concat(failures, wrongAnswers, publicationAnswers)

// failures are answers that do not arrive, or that report an error.
var failures = []namedFault{
	{name: "500", fault: githubtest.Fault{Status: 500}},
	{name: "502", fault: githubtest.Fault{Status: 502}},
	{name: "502 in HTML", fault: githubtest.Fault{Status: 502, Body: "<html>bad gateway</html>"}},
	{
		name: "503 with Retry-After",
		fault: githubtest.Fault{
			Status: 503,
			Header: http.Header{"Retry-After": {"2"}},
		},
	},
	{name: "504, but it worked", fault: githubtest.Fault{Status: 504, AfterDone: true}},
	{name: "502, starter left", fault: githubtest.Fault{Starter: true}},
	{name: "half stored, 201", fault: githubtest.Fault{Truncate: true}},
	{name: "half stored, 502", fault: githubtest.Fault{Truncate: true, Status: 502}},
	{name: "408", fault: githubtest.Fault{Status: 408}},
	{name: "429", fault: githubtest.Fault{Status: 429}},
	{
		name: "429 with Retry-After",
		fault: githubtest.Fault{
			Status: 429,
			Header: http.Header{"Retry-After": {"3"}},
		},
	},
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
	{
		name: "422 with a starter",
		fault: githubtest.Fault{
			Status:  422,
			Starter: true,
			Body: `{"message":"Validation Failed",` +
				`"errors":[{"resource":"ReleaseAsset","code":"already_exists","field":"name"}]}`,
		},
	},
}

// wrongAnswers are successful answers that do not fit the request.
var wrongAnswers = []namedFault{
	{name: "null", fault: githubtest.Fault{Status: 200, Body: "null"}},
	{name: "null, but it worked", fault: githubtest.Fault{Status: 200, Body: "null", AfterDone: true}},
	{name: "[null]", fault: githubtest.Fault{Status: 200, Body: "[null]"}},
	{name: "nothing", fault: githubtest.Fault{Status: 200, Body: " ", AfterDone: true}},
	{
		name: "an object without an id",
		fault: githubtest.Fault{
			Status:    200,
			Body:      `{"assets":[null]}`,
			AfterDone: true,
		},
	},
	{name: "another release", fault: githubtest.Fault{Status: 200, Body: anotherRelease}},
	{
		name: "another release, but it worked",
		fault: githubtest.Fault{
			Status:    200,
			Body:      anotherRelease,
			AfterDone: true,
		},
	},
	altered("another tag", replaced(`"tag_name":"v1.0.0"`, `"tag_name":"v9.9.9"`)),
	altered("negative numbers", replaced(`"size":`, `"size":-`)),
	altered("texts for numbers", replaced(`"id":`, `"id":"x","id_":`)),
	altered("digests in capitals", capitalDigests),
	altered("digests cut short", replaced(`"digest":"sha256:`, `"digest":"sha256:","rest":"`)),
	altered("digests of another kind", replaced(`"digest":"sha256:`, `"digest":"sha3:`)),
	altered("a next page elsewhere", nextPage("https://elsewhere.invalid/?page=2")),
	altered("the same page again", nextPage("https://elsewhere.invalid/?page=1")),
}

// altered returns the fault that alters the answer to a request.
func altered(name string, alter func(*githubtest.Answer)) namedFault {
	return namedFault{
		name:  name,
		fault: githubtest.Fault{Alter: alter},
	}
}

// publicationAnswers are answers that deny, or do not say, that the release was published,
// although it was.
var publicationAnswers = []namedFault{
	published("200 in HTML", githubtest.Fault{Status: 200, Body: "<html>hello</html>"}),
	published("200 that breaks off", githubtest.Fault{Status: 200, Body: `{"id": 1, "na`}),
	{
		name:            "published, still a draft",
		publicationOnly: true,
		fault:           githubtest.Fault{Alter: replaced(`"draft":false`, `"draft":true`)},
	},
	published("202", githubtest.Fault{Status: 202}),
	published("304", githubtest.Fault{Status: 304, Body: " "}),
	published("400", githubtest.Fault{Status: 400}),
	published("401", githubtest.Fault{Status: 401}),
	published("403", githubtest.Fault{Status: 403}),
	published("404", githubtest.Fault{Status: 404}),
	published("409", githubtest.Fault{Status: 409}),
	published("422", githubtest.Fault{Status: 422}),
	published("422, already there", githubtest.Fault{
		Status: 422,
		Body: `{"message":"Validation Failed",` +
			`"errors":[{"resource":"Release","code":"already_exists","field":"tag_name"}]}`,
	}),
	published("500", githubtest.Fault{Status: 500}),
}

// published returns the fault with which a release is published and then answered so.
func published(name string, answer githubtest.Fault) namedFault {
	answer.AfterDone = true
	return namedFault{
		name:            "published, " + name,
		fault:           answer,
		publicationOnly: true,
	}
}

// anotherRelease is an answer about another release than that of the tests.
const anotherRelease = `{
	"id": 987654,
	"tag_name": "v9.9.9",
	"target_commitish": "main",
	"draft": false,
	"assets": [],
	"sha": "7638417db6d59f3c431d3e1f261cc637155684cd!",
	"name": "another",
	"state": "uploaded",
	"upload_url": "http://127.0.0.1/"
}`

// replaced returns a function that replaces text in an answer.
func replaced(old, text string) func(*githubtest.Answer) {
	return func(a *githubtest.Answer) {
		a.Body = bytes.ReplaceAll(a.Body, []byte(old), []byte(text))
	}
}

var sha256Digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// capitalDigests writes the digests in an answer in capital letters.
func capitalDigests(a *githubtest.Answer) {
	a.Body = sha256Digest.ReplaceAllFunc(a.Body, bytes.ToUpper)
}

// nextPage returns a function that gives an answer another next page.
func nextPage(address string) func(*githubtest.Answer) {
	return func(a *githubtest.Answer) {
		a.Header.Set("Link", "<"+address+`>; rel="next"`)
	}
}

// An injection is a fault at one request.
type injection struct {
	request int // its number, from 1
	fault   int // an index of faults
}

// A faultyRun is a case of the fault matrix.
type faultyRun struct {
	listDelay  int // how many requests do not list a new release
	injections []injection
}

func (c faultyRun) String() string {
	var parts []string
	for _, in := range c.injections {
		parts = append(parts, fmt.Sprintf("%s at request %d", faults[in.fault].name, in.request))
	}
	return strings.Join(parts, ", ")
}

// A faultyResult says how a faultyRun went.
type faultyResult struct {
	runs     int // until one succeeded
	hits     int // faults that happened
	requests []githubtest.Request
}

// releaseWithFaults releases six targets with the faults of c. If the first run fails, it
// runs again. It fails the test unless there is then one complete release that was never
// public with a file missing.
func releaseWithFaults(t *testing.T, c faultyRun) (result faultyResult) {
	t.Helper()

	var mu sync.Mutex
	gh := newServer(githubtest.Options{
		ListDelay: c.listDelay,
		Fault: func(n int, r *http.Request) *githubtest.Fault {
			for _, in := range c.injections {
				f := &faults[in.fault]
				if in.request == n && f.concerns(r.Method, r.URL.Path) {
					mu.Lock()
					defer mu.Unlock()
					result.hits++
					return &f.fault
				}
			}
			return nil
		},
	})
	srv := httptest.NewServer(gh)
	defer srv.Close()

	want, all := sixTargets()
	var err error
	for result.runs = 1; result.runs <= 2; result.runs++ {
		o := options(srv.URL)
		o.Stall = 1500 * time.Millisecond // a much shorter time fails on a busy machine
		err = releaseSix(t.Context(), newClient(t, o), all, want)
		if err == nil {
			break
		}
		t.Logf("%s: run %d: %v", c, result.runs, err)
	}
	if err != nil {
		t.Errorf("%s: not released after two runs: %v", c, err)
	}
	result.requests = gh.Requests()

	rels := gh.Releases()
	if len(rels) != 1 || rels[0].Draft {
		t.Errorf("%s, list delay %d: %d releases", c, c.listDelay, len(rels))
		return result
	}
	states := append(gh.History(), githubtest.Appearance{Release: rels[0]})
	for _, seen := range states {
		for _, f := range all {
			a, ok := seen.Release.Asset(f.Name)
			if !ok || a.State != "uploaded" || a.Digest != "sha256:"+f.SHA256 {
				t.Errorf("%s: public with %s: %v, %s, %s", c, f.Name, ok, a.State, a.Digest)
			}
		}
	}
	if len(rels[0].Assets) != len(all) {
		t.Errorf("%s: %d files", c, len(rels[0].Assets))
	}
	for _, violation := range gh.Invalid() {
		t.Errorf("%s: against GitHub's description: %s", c, violation)
	}
	return result
}

// concerns reports whether the fault changes anything for a request. Some faults concern only
// uploads, and some only the publication.
func (f *namedFault) concerns(method, path string) bool {
	if f.publicationOnly {
		return method == http.MethodPatch
	}
	isUpload := method == http.MethodPost && strings.HasSuffix(path, "/assets")
	uploadsOnly := f.fault.Starter || f.fault.Truncate
	return isUpload || !uploadsOnly
}

// faultNamed returns the index of a fault.
func faultNamed(t *testing.T, name string) int {
	t.Helper()
	for i, f := range faults {
		if f.name == name {
			return i
		}
	}
	t.Fatalf("no fault %q", name)
	return 0
}

// TestFaultMatrix releases six targets with every fault at every request, and with random
// pairs of faults. GSR_FAULT_PAIRS sets the number of pairs.
func TestFaultMatrix(t *testing.T) {
	pairs := 300
	if testing.Short() {
		pairs = 30
	}
	if text := os.Getenv("GSR_FAULT_PAIRS"); text != "" {
		var err error
		pairs, err = strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
	}

	requests := releaseWithFaults(t, faultyRun{}).requests
	t.Logf("%d requests without faults", len(requests))

	var cases []faultyRun
	var possible []injection
	for i, r := range requests {
		for f := range faults {
			if !faults[f].concerns(r.Method, r.Path) {
				continue
			}
			in := injection{request: i + 1, fault: f}
			possible = append(possible, in)
			cases = append(cases, faultyRun{injections: []injection{in}})
			if faults[f].fault.AfterDone {
				cases = append(cases, faultyRun{listDelay: 3, injections: []injection{in}})
			}
		}
	}

	// A pair that once failed, among 6,000 random ones: a draft was created although the
	// request failed, and another was not deleted although the answer said so.
	cases = append(cases, faultyRun{
		listDelay: 1,
		injections: []injection{
			{request: 10, fault: faultNamed(t, "200 that breaks off")},
			{request: 5, fault: faultNamed(t, "reset after 100 bytes")},
		},
	})
	singles := len(cases)

	random := rand.New(rand.NewPCG(1, 2))
	for range pairs {
		first := possible[random.IntN(len(possible))]
		listDelay := random.IntN(3)
		second := injection{
			request: 1 + random.IntN(len(requests)+5), // a first fault leads to more requests
			fault:   random.IntN(len(faults)),
		}
		cases = append(cases, faultyRun{
			listDelay:  listDelay,
			injections: []injection{first, second},
		})
	}

	var mu sync.Mutex
	repeated := 0 // cases with a second run
	missed := 0   // cases in which no fault happened
	var g errgroup.Group
	g.SetLimit(16) // most of the time is spent waiting
	for _, c := range cases {
		g.Go(func() error {
			result := releaseWithFaults(t, c)
			mu.Lock()
			defer mu.Unlock()
			if result.hits == 0 {
				missed++
			}
			if result.runs > 1 {
				repeated++
			}
			return nil
		})
	}
	_ = g.Wait() // no function returns an error, they report to t

	t.Logf("%d cases: %d with one of %d faults at one of %d requests, and %d pairs; "+
		"%d needed a second run, and in %d no fault happened",
		len(cases), singles, len(faults), len(requests), pairs, repeated, missed)
	if repeated > 0 {
		t.Errorf("%d needed a second run", repeated)
	}
	if missed > len(cases)/50 { // the second request of a pair may not be made
		t.Errorf("in %d cases no fault happened", missed)
	}
}
