package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/github/githubtest"
)

// FuzzAnswers falsifies one answer of a whole run. Whatever the answer is, the run must end,
// and what it then says about the release must be true.
func FuzzAnswers(f *testing.F) {
	for request := range uint8(24) {
		for kind := range uint8(len(falsifiers)) {
			f.Add(request, kind, uint64(request)*7+uint64(kind), false, "null")
		}
	}

	const publication = 18 // the request that publishes
	for seed := range uint64(10) {
		f.Add(uint8(publication), uint8(falsifyStatus), seed, false, "")
	}
	for _, text := range []string{
		"",
		"[]",
		"[null]",
		"{}",
		"<html>",
		`"`,
		`{"id":1}`,
		`{"message":"no"}`,
		`{"id":1,"tag_name":"v1.0.0","draft":false}`,
	} {
		f.Add(uint8(publication), uint8(falsifyBody), uint64(1), true, text)
		f.Add(uint8(publication), uint8(falsifyBody), uint64(1), false, text)
	}

	f.Fuzz(func(t *testing.T, request, kind uint8, seed uint64, notDone bool, text string) {
		t.Parallel()
		random := rand.New(rand.NewPCG(seed, uint64(kind)))
		number := 1 + int(request)%40

		falsify := falsifiers[int(kind)%len(falsifiers)]
		fault := &githubtest.Fault{
			Alter: func(a *githubtest.Answer) { falsify(a, random, text) },
		}
		if notDone {
			fault = &githubtest.Fault{
				Status: randomOf(random, statuses),
				Body:   text,
			}
		}

		gh := newServer(githubtest.Options{Fault: func(n int, _ *http.Request) *githubtest.Fault {
			if n == number {
				return fault
			}
			return nil
		}})
		srv := httptest.NewServer(gh)
		defer srv.Close()
		o := options(srv.URL)
		o.Second = 50 * time.Microsecond
		checkRun(t, gh, newClient(t, o), number)
	})
}

func randomOf[T any](random *rand.Rand, values []T) T { return values[random.IntN(len(values))] }

// checkRun makes a release, downloads it, and compares what the client says about it with what
// is on the server. The answer to the request number falsified was not true.
func checkRun(t *testing.T, gh *githubtest.Server, client *github.Client, falsified int) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	rel, err := releaseAndCheck(ctx, client)
	first := github.Draft // what the client says after the run
	said := github.Draft  // and what it says in the end
	lastRequest := 0
	if rel != nil {
		first = rel.State()
		if err != nil {
			_ = rel.Refresh(ctx) // as a run does that failed; the state says what was found
		}
		said = rel.State()
		lastRequest = len(gh.Requests())
	}
	if ctx.Err() != nil {
		t.Errorf("it did not end: %v", err)
	}
	if n := len(gh.Requests()); n > 150 {
		t.Errorf("%d requests", n)
	}

	public := slices.DeleteFunc(gh.Releases(), func(r githubtest.Release) bool { return r.Draft })
	if len(public) > 1 {
		t.Errorf("%d public releases", len(public))
	}
	for _, seen := range gh.History() {
		checkFiles(t, seen.Release, files)
	}

	switch {
	case err == nil && (len(public) != 1 || said != github.Public):
		t.Errorf("a success, state %s, with %d public releases", said, len(public))

	case len(public) > 0 && (saysNotPublished(first) || saysNotPublished(said)):
		t.Errorf("it is public, and was said to be %s, then %s: %v", first, said, err)

	case len(public) == 0 && said == github.Public && falsified != lastRequest:
		// If the last answer is false, the client cannot know.
		t.Errorf("it is not public, and was said to be: %v", err)
	}

	checkDownloads(t, client)
	if n := len(gh.Requests()); n > 250 {
		t.Errorf("%d requests", n)
	}
}

// saysNotPublished reports whether a run that ends in the state says that nothing was
// published.
func saysNotPublished(s github.State) bool { return s == github.Draft || s == github.Gone }

// releaseAndCheck makes a release with generated notes, and checks it before it publishes it.
func releaseAndCheck(ctx context.Context, client *github.Client) (*github.Release, error) {
	want := wanted
	want.Notes = ""
	rel, err := client.Open(ctx, want)
	if err != nil {
		return nil, err
	}

	for _, f := range files {
		if _, err := rel.Attach(ctx, f); err != nil {
			return rel, err
		}
	}
	if err := rel.Check(ctx, files); err != nil {
		return rel, err
	}
	if _, err := client.Latest(ctx); err != nil {
		return rel, err
	}
	return rel, rel.Publish(ctx, files, true)
}

// checkDownloads downloads the files of the release, if there is one. A download must either
// be the file or an error.
func checkDownloads(t *testing.T, client *github.Client) {
	rel, err := client.Find(t.Context(), "v1.0.0")
	if err != nil {
		return
	}

	f := tempFile(t)
	for _, name := range rel.Names() {
		sum, err := rel.Download(t.Context(), name, f)
		if err != nil {
			continue
		}
		i := slices.IndexFunc(files, func(a github.Asset) bool { return a.Name == name })
		if i >= 0 && sum != files[i].SHA256 {
			t.Errorf("%s was downloaded with SHA-256 %s", name, sum)
		}
	}
}

// A falsifier falsifies an answer, at random, with a text.
type falsifier func(a *githubtest.Answer, random *rand.Rand, text string)

const (
	falsifyStatus = iota
	falsifyBody
	falsifyBoth
	falsifyEnd
	falsifyHeader
	falsifyByte
	falsifyValue
	falsifyMissing
	falsifyList
)

var falsifiers = []falsifier{
	falsifyStatus: func(a *githubtest.Answer, random *rand.Rand, _ string) {
		a.Status = randomOf(random, statuses)
	},
	falsifyBody: func(a *githubtest.Answer, _ *rand.Rand, text string) {
		a.Body = []byte(text)
	},
	falsifyBoth: func(a *githubtest.Answer, random *rand.Rand, text string) {
		a.Status = randomOf(random, statuses)
		a.Body = []byte(text)
	},
	falsifyEnd: func(a *githubtest.Answer, random *rand.Rand, _ string) {
		a.Body = a.Body[:random.IntN(len(a.Body)+1)]
	},
	falsifyHeader: falsifyOneHeader,
	falsifyByte: func(a *githubtest.Answer, random *rand.Rand, text string) {
		if len(a.Body) == 0 {
			return
		}
		i := random.IntN(len(a.Body))
		replacement := []byte(text[:min(1, len(text))])
		a.Body = slices.Concat(a.Body[:i], replacement, a.Body[i+1:])
	},
	falsifyValue: func(a *githubtest.Answer, random *rand.Rand, text string) {
		falsifyJSON(a, random, text, replaceValue)
	},
	falsifyMissing: func(a *githubtest.Answer, random *rand.Rand, text string) {
		falsifyJSON(a, random, text, removeValue)
	},
	falsifyList: func(a *githubtest.Answer, random *rand.Rand, text string) {
		falsifyJSON(a, random, text, repeatValue)
	},
}

var statuses = []int{
	200, 201, 202, 204, 206,
	301, 302, 303, 304, 307, 308,
	400, 401, 403, 404, 408, 409, 410, 422, 423, 429, 451,
	500, 502, 503, 504, 599,
}

// falsifyOneHeader sets a header of the answer, and sometimes its status.
func falsifyOneHeader(a *githubtest.Answer, random *rand.Rand, text string) {
	names := []string{
		"Link",
		"Retry-After",
		"Location",
		"X-RateLimit-Remaining",
		"X-RateLimit-Limit",
		"X-RateLimit-Reset",
		"Content-Type",
		"Content-Encoding",
		"X-GitHub-Request-Id",
		"ETag",
		"X-GitHub-OTP",
		"Deprecation",
		"Sunset",
	}
	values := []string{
		"",
		"0",
		"1",
		"2",
		"-1",
		"3600",
		"99999999999999999999",
		"4611686018427387904",
		text,
		`<http://127.0.0.1:1/x?page=2>; rel="next"`,
		`<?page=1>; rel="next"`,
		`<?page=x>; rel="next"`,
		`<?page=-5>; rel="next"`,
		"/",
		"http://127.0.0.1:1/",
		"gzip",
		"text/html",
	}
	a.Header.Set(randomOf(random, names), randomOf(random, values))

	if random.IntN(2) == 0 {
		a.Status = randomOf(random, statuses)
	}
}

// A location is where a value is in a JSON document: its parent is an object or an array, and
// its key a name or an index.
type location struct{ parent, key any }

func (l location) get() any {
	switch parent := l.parent.(type) {
	case map[string]any:
		return parent[l.key.(string)]
	case []any:
		return parent[l.key.(int)]
	}
	return nil
}

func (l location) set(v any) {
	switch parent := l.parent.(type) {
	case map[string]any:
		parent[l.key.(string)] = v
	case []any:
		parent[l.key.(int)] = v
	}
}

// falsifyJSON changes one value anywhere in the answer. Two times out of three it is one that
// this program reads.
func falsifyJSON(
	a *githubtest.Answer, random *rand.Rand, text string,
	change func(l location, random *rand.Rand, text string),
) {
	var root any
	if json.Unmarshal(a.Body, &root) != nil {
		return
	}
	document := []any{root} // in a list, so that the root has a location too

	all := locations(document)
	read := slices.DeleteFunc(slices.Clone(all), func(l location) bool {
		name, ok := l.key.(string)
		return !ok || !slices.Contains(readFields, name)
	})
	if len(read) > 0 && random.IntN(3) > 0 {
		all = read
	}
	change(randomOf(random, all), random, text)

	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document[0]); err == nil {
		a.Body = b.Bytes()
	}
}

// locations returns the locations of all values within v.
func locations(v any) (all []location) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, location{v, key})
			all = append(all, locations(v[key])...)
		}
	case []any:
		for i := range v {
			all = append(all, location{v, i})
			all = append(all, locations(v[i])...)
		}
	}
	return all
}

// readFields are the names of the values that this program reads.
var readFields = []string{
	"id",
	"tag_name",
	"target_commitish",
	"draft",
	"immutable",
	"assets",
	"upload_url",
	"html_url",
	"name",
	"body",
	"state",
	"size",
	"digest",
	"sha",
	"full_name",
	"archived",
	"disabled",
	"browser_download_url",
	"created_at",
}

// replaceValue replaces a value by one that may have another type.
func replaceValue(l location, random *rand.Rand, text string) {
	l.set(randomOf(random, []any{
		nil,
		true,
		false,
		0,
		-1,
		1,
		2,
		1.5,
		1e99,
		text,
		"",
		"v1.0.0",
		"v9.9.9",
		"uploaded",
		"starter",
		[]any{},
		[]any{nil},
		map[string]any{},
		fmt.Sprint(l.get()),
	}))
}

// removeValue removes a value, or sets it to null in a list.
func removeValue(l location, _ *rand.Rand, _ string) {
	if object, ok := l.parent.(map[string]any); ok {
		delete(object, l.key.(string))
		return
	}
	l.set(nil)
}

// repeatValue replaces a list by a longer one, and any other value by a list of it.
func repeatValue(l location, random *rand.Rand, _ string) {
	list, ok := l.get().([]any)
	if !ok {
		l.set([]any{l.get()})
		return
	}

	if len(list) > 0 {
		list = append(list, randomOf(random, list))
	}
	if random.IntN(2) == 1 {
		list = append(list, nil)
	}
	l.set(list)
}
